"""
Which units? One table, as it is and scaled
===========================================

Breast cancer: 30 measurements of cells, areas and lengths and fractions. PCA and an
autoencoder count what varies most, and an area in square micrometres varies by
hundreds, a fraction by hundredths.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

data = load_breast_cancer(as_frame=True)
raw_train, raw_test, y_train, y_test = train_test_split(
    data.data, data.target, random_state=0
)
scaler = StandardScaler().set_output(transform="pandas").fit(raw_train)
tables = {
    "columns as they are": (raw_train, raw_test),
    "scaled columns": (scaler.transform(raw_train), scaler.transform(raw_test)),
}

fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, (name, (train, _)) in zip(axes, tables.items(), strict=True):
    shares = train.var() / train.var().sum()
    shares.nlargest(6).iloc[::-1].plot.barh(ax=ax, color="C0")
    ax.set(title=name, xlabel="share of the variance", xlim=(0, 1))
plt.show()

# %%
# As they are, two areas hold 99% of the variance: whatever reconstructs these two
# columns explains nearly everything, and the other 28 columns count for nothing.

sizes = [1, 2, 4, 8]


def explained(reducer, train, test):
    """Return the fraction of the variance of the test rows that is explained."""
    reducer.fit(train.to_numpy())
    back = reducer.inverse_transform(reducer.transform(test.to_numpy()))
    return r2_score(test.to_numpy(), back, multioutput="variance_weighted")


fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for ax, (name, rows) in zip(axes, tables.items(), strict=True):
    of_pca = [explained(PCA(size), *rows) for size in sizes]
    ours = [
        explained(AutoencoderTransformer(size, random_state=0), *rows) for size in sizes
    ]
    ax.plot(sizes, of_pca, "s--", color="0.5", label="PCA")
    ax.plot(sizes, ours, "o-", color="C1", label="autoencoder")
    ax.set(title=name, xlabel="number of codes", xticks=sizes, ylim=(0, 1.05))
axes[0].set_ylabel("variance explained, test rows")
axes[0].legend(loc="lower right")
plt.show()

# %%
# As they are, one code of either explains everything, and there is nothing to choose.
# Of the scaled columns two codes explain about two thirds, and the autoencoder more
# than PCA. Whether that helps a later step is another question. Five nearest
# neighbours, for one, find the diagnosis about as well from two codes of either kind,
# since the areas tell most of it:

for name, (train, test) in tables.items():
    for reducer in (PCA(2), AutoencoderTransformer(2, random_state=0)):
        codes = reducer.fit_transform(train.to_numpy())
        neighbours = KNeighborsClassifier().fit(codes, y_train)
        accuracy = neighbours.score(reducer.transform(test.to_numpy()), y_test)
        print(f"{name}, {type(reducer).__name__}: {accuracy:.2f}")

# sphinx_gallery_thumbnail_number = 2
