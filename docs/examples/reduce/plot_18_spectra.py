"""
Spectra: how many codes?
========================

Made spectra of three substances. Each has its own peaks, and its share differs from
sample to sample. Samples also differ in temperature, which moves all peaks a little. So
three numbers (two shares and the temperature) describe a spectrum, up to noise.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer

wavelengths = np.linspace(400, 700, 150)
random = np.random.RandomState(0)
PLACES = random.uniform(430, 670, (3, 4, 1))
HEIGHTS = random.uniform(0.4, 1, (3, 4, 1))


def spectra(n_samples, random):
    """Draw absorption spectra, with a little noise."""
    shares = random.dirichlet([1, 1, 1], n_samples)
    shifts = random.uniform(-6, 6, (n_samples, 1, 1, 1))
    peaks = HEIGHTS * np.exp(-(((wavelengths - PLACES - shifts) / 8) ** 2))
    clean = (shares[:, :, None] * peaks.sum(axis=2)).sum(axis=1)
    return clean + random.normal(scale=0.005, size=clean.shape)


X_train, X_test = spectra(800, random), spectra(200, random)
autoencoder = AutoencoderTransformer("auto", random_state=0).fit(X_train)
search = pd.DataFrame(autoencoder.encoding_dim_search_)
pca_errors = [
    ((X_test - pca.inverse_transform(pca.transform(X_test))) ** 2).mean()
    for pca in (PCA(size).fit(X_train) for size in search["encoding_dim"])
]

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(search["encoding_dim"], pca_errors, "s--", color="0.5", label="PCA")
ax.errorbar(
    search["encoding_dim"],
    search["error"],
    search["standard_error"],
    marker="o",
    capsize=3,
    label="autoencoder, nested codes",
)
ax.axvline(autoencoder.encoding_dim_, color="C1", label="chosen by encoding_dim='auto'")
ax.axhline(0.005**2, color="0.7", linestyle=":", label="noise")
ax.set_yscale("log")
ax.set(xlabel="number of codes", ylabel="squared error of held-out rows")
ax.legend(loc="lower left")
plt.show()

# %%
# The autoencoder's error falls steeply to three codes, the number of things that
# differ, and less from there. PCA needs five components for the error of three codes,
# since moving a peak is no weighted sum of fixed spectra. ``"auto"`` asks for the
# smallest error, up to chance, and never takes more codes than PCA needs for 99% of the
# variance: here six. If you want few codes rather than the last bit of the error, take
# the three. What three codes and three components make of two test spectra:

three = AutoencoderTransformer(3, random_state=0).fit(X_train)
pca = PCA(3).fit(X_train)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True, layout="constrained")
lines = {
    "spectrum": (X_test, {"color": "0.7", "linewidth": 4}),
    "PCA, 3 components": (
        pca.inverse_transform(pca.transform(X_test)),
        {"linestyle": "--", "color": "C0"},
    ),
    "autoencoder, 3 codes": (three.reconstruct(X_test), {"color": "C1"}),
}
for sample, ax in enumerate(axes):
    for name, (rows, style) in lines.items():
        ax.plot(wavelengths, rows[sample], label=name, **style)
    ax.set(xlabel="wavelength, nm")
axes[0].set_ylabel("absorption")
axes[0].legend(fontsize="small")
plt.show()

print("chosen:", autoencoder.encoding_dim_)

# sphinx_gallery_thumbnail_number = 2
