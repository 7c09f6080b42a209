"""
Missing values
==============

With ``missing_values="allow"`` values may be missing: the loss counts only observed
values, and ``impute`` fills in the others. Two thirds of a digit are enough to guess
the rest.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer

from skae import AutoencoderTransformer

X = load_digits().data
random = np.random.RandomState(0)


def with_gaps(share):
    """Return the digits with a fraction of their values removed."""
    return np.where(random.random_sample(X.shape) < share, np.nan, X)


gaps = with_gaps(0.3)
autoencoder = AutoencoderTransformer(8, missing_values="allow", random_state=0).fit(
    gaps
)
lines = {"original": X, "with gaps": gaps, "imputed": autoencoder.impute(gaps)}

fig, axes = plt.subplots(3, 10, figsize=(9, 3), subplot_kw={"xticks": [], "yticks": []})
colours = plt.get_cmap("gray_r").with_extremes(bad="tab:orange")
for row, (name, images) in zip(axes, lines.items(), strict=True):
    row[0].set_ylabel(name)
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap=colours, vmin=0, vmax=16)
plt.show()

# %%
# Compare it with scikit-learn's imputers, for more and more missing values:

shares = [0.1, 0.3, 0.5]
errors = {"mean": [], "autoencoder": [], "5 nearest neighbours": []}
for share in shares:
    gaps = with_gaps(share)
    missing = np.isnan(gaps)
    autoencoder = AutoencoderTransformer(8, missing_values="allow", random_state=0)
    for name, imputed in {
        "mean": SimpleImputer(keep_empty_features=True).fit_transform(gaps),
        "autoencoder": autoencoder.fit(gaps).impute(gaps),
        "5 nearest neighbours": KNNImputer(keep_empty_features=True).fit_transform(
            gaps
        ),
    }.items():
        errors[name].append(((imputed - X)[missing] ** 2).mean())

fig, ax = plt.subplots(figsize=(6, 4))
for name, values in errors.items():
    ax.plot(shares, values, "o-", label=name)
ax.set(xlabel="share of values missing", ylabel="mean squared error of the gaps")
ax.set_ylim(0, None)
ax.legend()
plt.show()

# %%
# The autoencoder is better than nearest neighbours, the more so the more values are
# missing; both are far better than means. ``python -m benchmarks.imputation`` compares
# them on other data too.
