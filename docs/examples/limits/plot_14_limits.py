"""
Limits: when PCA is enough, and what autoencoders are bad at
============================================================

Three pictures to look at before you use an autoencoder.
"""

import io

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

# %%
# PCA is enough: few rows, or linear data
# ---------------------------------------
#
# The plot shows the squared error on test rows relative to PCA's, with eight codes, for
# growing numbers of training rows: of the digits, and of normally distributed data,
# which have only linear structure.


def relative_error(X_train, X_test):
    """Return the autoencoder's mean squared error over PCA's, on the test rows."""
    pca = PCA(8).fit(X_train)
    autoencoder = AutoencoderTransformer(8, random_state=0).fit(X_train)
    pca_errors = (X_test - pca.inverse_transform(pca.transform(X_test))) ** 2
    return -autoencoder.score_samples(X_test).mean() / pca_errors.mean()


random = np.random.RandomState(0)
digits, labels = load_digits(return_X_y=True)
normal = random.normal(size=(1797, 64)) * np.linspace(4, 0.5, 64)
sizes = [30, 100, 300, 1300]

fig, ax = plt.subplots(figsize=(6, 4))
for name, X in {"digits": digits, "normal data": normal}.items():
    train, test = train_test_split(X, train_size=1300, random_state=0)
    ax.plot(sizes, [relative_error(train[:n], test) for n in sizes], "o-", label=name)
ax.axhline(1, color="0.4", linestyle="--", label="PCA")
ax.set_xscale("log")
ax.set_xticks(sizes, map(str, sizes))
ax.minorticks_off()
ax.set(xlabel="training rows", ylabel="squared error / PCA's", ylim=(0, 1.2))
ax.legend()
plt.show()

# %%
# On the linear data with any number of rows, and on up to 100 digits, the ratio is
# exactly 1: the estimator found nothing better than PCA on held-out rows, and kept PCA
# (``best_epoch_`` is 0). You lose only the seconds of the fit. You also gain nothing,
# so use PCA there.
#
# Rows unlike the training rows
# -----------------------------
#
# An autoencoder of the digits 0 to 4 is shown the digits 5 to 9.

seen = labels < 5
train, test = train_test_split(digits[seen], random_state=0)
pca = PCA(16).fit(train)
autoencoder = AutoencoderTransformer(16, random_state=0).fit(train)

fig, axes = plt.subplots(
    3, 10, figsize=(9, 3.2), subplot_kw={"xticks": [], "yticks": []}
)
others = [digits[labels == digit][0] for digit in (5, 6, 7, 8, 9)]
some = np.array([*test[:5], *others])
lines = {
    "original": some,
    "PCA": pca.inverse_transform(pca.transform(some)),
    "autoencoder": autoencoder.reconstruct(some),
}
for row, (name, images) in zip(axes, lines.items(), strict=True):
    row[0].set_ylabel(name)
    for ax, image in zip(row, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
axes[0, 2].set_title("like the training rows")
axes[0, 7].set_title("unlike them")
plt.show()

for name, X in {"like the training rows": test, "unlike them": digits[~seen]}.items():
    pca_errors = (X - pca.inverse_transform(pca.transform(X))) ** 2
    error = -autoencoder.score_samples(X).mean()
    print(f"{name}: PCA {pca_errors.mean():.1f}, autoencoder {error:.1f}")

# %%
# On digits like the training rows the autoencoder has 40% less error than PCA. On the
# others its error is four times as large as before, PCA's less than three times, and
# little of the gain is left. The network has learnt only what the training rows have in
# common. New rows must be like those of the fit; the error of a row,
# ``-score_samples``, shows if it is not.
#
# General compression
# -------------------
#
# A photograph is cut into blocks of 8 × 8 pixels, and each block becomes eight codes of
# one byte. The autoencoder is fitted to that same photograph. JPEG knows nothing about
# it, and gets the same number of bytes.


def blocks(photograph):
    """Cut a grey image into rows of 8 × 8 pixels."""
    height, width = photograph.shape
    return (
        photograph.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 64)
    )


def photograph(name):
    """Return a sample image in grey, its sides multiples of eight."""
    return load_sample_image(name).mean(axis=2)[:424, :640]


def in_bytes(codes, low, high):
    """Round codes to 256 steps between the smallest and the largest."""
    steps = (high - low) / 255
    return low + np.round(np.clip((codes - low) / steps, 0, 255)) * steps


def as_jpeg(image, n_bytes):
    """Return an image of JPEG's best quality within a number of bytes."""
    for quality in range(95, 0, -1):
        file = io.BytesIO()
        Image.fromarray(image.astype(np.uint8)).save(file, "jpeg", quality=quality)
        if file.tell() <= n_bytes:
            return np.asarray(Image.open(file), dtype=float)


china, flower = photograph("china.jpg"), photograph("flower.jpg")
autoencoder = AutoencoderTransformer(8, random_state=0).fit(blocks(china))
codes = autoencoder.transform(blocks(china))
limits = codes.min(axis=0), codes.max(axis=0)

fig, axes = plt.subplots(
    2, 3, figsize=(9, 4.6), subplot_kw={"xticks": [], "yticks": []}
)
for row, (name, image) in zip(
    axes, {"fitted to it": china, "not fitted to it": flower}.items(), strict=True
):
    codes = in_bytes(autoencoder.transform(blocks(image)), *limits)
    back = autoencoder.inverse_transform(codes).reshape(53, 80, 8, 8)
    versions = {
        "original": image,
        "autoencoder": back.swapaxes(1, 2).reshape(image.shape),
        "JPEG": as_jpeg(image, codes.size),
    }
    row[0].set_ylabel(name)
    for ax, (method, version) in zip(row, versions.items(), strict=True):
        ax.imshow(version[150:300, 200:400], cmap="gray", vmin=0, vmax=255)
        ax.set_title(
            f"{method}: {((version - image) ** 2).mean():.0f}"
            if ax != row[0]
            else method
        )
fig.suptitle(
    f"Mean squared error at {codes.size // 1000} kB for each photograph (cut-outs)"
)
plt.show()

# %%
# JPEG's error is less than a third of the autoencoder's on the photograph that the
# autoencoder was fitted to, and a seventeenth on the other. The receiver also needs the
# network, which is larger than either file. Codes of an autoencoder are for many rows
# of one kind of data, and for the steps that use the codes. To make files small, use a
# compressor.

# sphinx_gallery_thumbnail_number = 2
