"""
Cleaning noisy images
=====================

:class:`~skae.DenoisingAutoencoder` gets clean rows, adds noise to them in training, and
learns to remove it. PCA cleans too, since what it leaves out is mostly noise.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import DenoisingAutoencoder

X = load_digits().data
X_train, X_test = train_test_split(X, random_state=0)
noise = np.random.RandomState(0).normal(scale=4, size=X_test.shape)
noisy = np.clip(X_test + noise, 0, 16)

denoiser = DenoisingAutoencoder(32, noise_scale=4, random_state=0).fit(X_train)


def by_pca(n_components):
    """Project the noisy rows onto the principal components of the clean ones."""
    pca = PCA(n_components).fit(X_train)
    return pca.inverse_transform(pca.transform(noisy))


def error(images):
    """Return the mean squared error to the clean images."""
    return ((images - X_test) ** 2).mean()


best = min(range(1, 65), key=lambda n: error(by_pca(n)))
lines = {
    "clean": X_test,
    "noisy": noisy,
    f"PCA({best})": by_pca(best),
    "denoised": denoiser.denoise(noisy),
}

fig, axes = plt.subplots(4, 10, figsize=(9, 4), subplot_kw={"xticks": [], "yticks": []})
for row, (name, images) in zip(axes, lines.items(), strict=True):
    row[0].set_ylabel(name)
    row[-1].set_title(f"error {error(images):.1f}", loc="right", fontsize="small")
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
plt.show()

# %%
# PCA gets the number of components that is best on these same test rows, an advantage
# that it cannot have in practice. The denoiser still leaves less noise. But it has
# learnt only one kind and strength of noise. Here is what it does with other strengths:

scales = [0, 1, 2, 4, 6, 8]
errors = {"noisy": [], f"PCA({best})": [], "denoiser for a scale of 4": []}
for scale in scales:
    noisy = np.clip(X_test + noise * scale / 4, 0, 16)
    for name, images in zip(
        errors, [noisy, by_pca(best), denoiser.denoise(noisy)], strict=True
    ):
        errors[name].append(error(images))

fig, ax = plt.subplots(figsize=(6, 4))
for name, values in errors.items():
    ax.plot(scales, values, "o-", label=name)
ax.set(xlabel="scale of the noise", ylabel="mean squared error to the clean images")
ax.legend()
plt.show()

# %%
# With more noise than in training it still does better than PCA. With little noise, at
# a scale of one or zero, cleaning does harm: it removes more of the images than the
# noise did. So choose ``noise_scale`` near the noise that you have.
