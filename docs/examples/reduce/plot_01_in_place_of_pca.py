"""
In the place of PCA
===================

Handwritten digits of 8 × 8 pixels are reduced to eight numbers each: by PCA, and by
:class:`~skae.AutoencoderTransformer` in its place, with nothing else changed.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae.displays import EncodingDimDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X, random_state=0)

pca = PCA(8).fit(X_train)
autoencoder = AutoencoderTransformer(8, random_state=0).fit(X_train)

lines = {
    "original": X_test,
    "PCA": pca.inverse_transform(pca.transform(X_test)),
    "autoencoder": autoencoder.reconstruct(X_test),
}

fig, axes = plt.subplots(3, 10, figsize=(9, 3), subplot_kw={"xticks": [], "yticks": []})
for row, (name, images) in zip(axes, lines.items(), strict=True):
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
fig.suptitle("Digits of the test set, from 8 numbers each")
plt.show()

# %%
# PCA's digits are blurred and often wrong; most of the autoencoder's can be read. The
# squared error of the test rows shows the same, also for fewer and more codes.

EncodingDimDisplay.from_estimator(
    AutoencoderTransformer(),
    X_train,
    X_test=X_test,
    encoding_dims=[2, 8, 32],
    measure="error",
    random_state=0,
)
plt.show()

# %%
# With two codes the autoencoder leaves a third less error than PCA, with eight and with
# 32 about half of it. It is not by chance that PCA is never better: the network starts
# as PCA, and replaces it only if it reconstructs held-out rows better.
