"""
Tables of mixed columns
=======================

:class:`~skae.TableEncoder` makes numbers, categories, booleans and dates into columns
of one scale, and makes reconstructions into rows of the table again. Here a made-up
table of flats is reduced to two codes, searched for unusual rows, and continued by new
rows.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer, TableEncoder, VAETransformer

rng = np.random.RandomState(0)
n = 1500
districts = np.array(["centre", "harbour", "north", "hills"])
district = rng.choice(4, n, p=[0.35, 0.3, 0.25, 0.1])
size = np.array([55, 80, 70, 140])[district] * rng.lognormal(0, 0.25, n)
rent = size * np.array([19, 15, 10, 16])[district] * rng.lognormal(0, 0.08, n)
built = np.array([1900, 2005, 1965, 1985])[district] + rng.normal(0, 8, n)
heating = np.where(built > 1995, "heat pump", np.where(rng.rand(n) < 0.8, "gas", "oil"))
flats = pd.DataFrame(
    {
        "square metres": size.round(1),
        "rooms": np.clip(np.rint(size / 28), 1, None).astype(int),
        "rent": rent.round(2),
        "built": built.round().astype(int),
        "district": pd.Categorical(districts[district], districts),
        "heating": heating,
        "lift": (built > 1960) & (rng.rand(n) < 0.9),
        "free from": pd.Timestamp("2025-01-01")
        + pd.to_timedelta(rng.randint(0, 365, n), unit="D"),
    }
)
flats.head()

# %%
# Reduce the table to two codes
# -----------------------------
# PCA of the encoded columns is the factor analysis of mixed data. The autoencoder
# starts there, and is never worse.

train, test = flats[:1200], flats[1200:]
encoder = TableEncoder().fit(train)
X_train, X_test = encoder.transform(train), encoder.transform(test)
pca = PCA(2).fit(X_train)
autoencoder = AutoencoderTransformer(2, random_state=0).fit(X_train)

fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for ax, (name, reduction) in zip(
    axes, {"PCA": pca, "autoencoder": autoencoder}.items(), strict=True
):
    codes = reduction.transform(X_test)
    for value in districts:
        ax.scatter(*codes[test["district"] == value].T, s=8, label=value)
    ax.set(title=name, xlabel="code 1", ylabel="code 2")
axes[1].legend(title="district")
plt.show()

# %%
# How well does each column come back from two codes? R² for numbers and dates, accuracy
# for categories and booleans:

scores = {
    name: encoder.column_scores(
        test, reduction.inverse_transform(reduction.transform(X_test))
    ).set_index("column")
    for name, reduction in {"PCA": pca, "autoencoder": autoencoder}.items()
}
pd.DataFrame(
    {name: table["r2"].fillna(table["accuracy"]) for name, table in scores.items()}
).round(2)

# %%
# With two codes PCA mixes up districts and heatings. The date on which a flat is free
# has nothing to do with the other columns, so PCA leaves it out. The autoencoder finds
# room for both: the districts lie apart from each other, and within each of them the
# codes still tell dates and sizes. It pays with a little of the sizes.
#
# Find unusual rows
# -----------------
# A row that the codes cannot tell is unusual. Three flats are changed: one has the rent
# of a palace, one is in another district than everything else says, one is far too new
# for its heating.

changed = test.reset_index(drop=True).copy()
changed.loc[10, "rent"] *= 4
changed.loc[20, "district"] = "hills" if changed.loc[20, "rooms"] < 3 else "centre"
changed.loc[30, ["built", "heating"]] = [2020, "oil"]
unusual = -autoencoder.score_samples(encoder.transform(changed))
ranks = (-unusual).argsort().argsort()[[10, 20, 30]] + 1

fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.plot(unusual, ".", color="0.6", markersize=4)
ax.plot([10, 20, 30], unusual[[10, 20, 30]], "o", color="C3", label="changed")
ax.set(xlabel="row", ylabel="squared error", title=f"Ranks of the changed: {ranks}")
ax.legend()
plt.show()

# %%
# All three are among the first ten of 300. The others there are rare by themselves:
# flats in the hills and at the harbour that are heated with oil.
#
# New rows
# --------
# A variational autoencoder learns where codes lie, and so can draw new ones. The
# encoder makes them into flats:

pipeline = make_pipeline(TableEncoder(), VAETransformer(8, random_state=0)).fit(train)
drawn = pipeline[:-1].inverse_transform(pipeline[-1].sample(1000, random_state=0))
drawn.head()

# %%
# Their districts differ as those of the table do, but less:

columns = ["square metres", "rent", "built"]
pd.concat(
    {
        "table": train.groupby("district", observed=True)[columns].mean(),
        "drawn": drawn.groupby("district", observed=True)[columns].mean(),
    },
    axis=1,
).round()

# %%
# Each drawn row is what its code most probably stands for, and codes between the
# districts are drawn too. So the flats of the hills are smaller than in the table, and
# those of the centre are newer.
