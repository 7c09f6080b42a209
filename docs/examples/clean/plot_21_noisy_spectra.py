"""
Cleaning noisy spectra
======================

A smoother knows only that a spectrum is smooth. :class:`~skae.DenoisingAutoencoder`
knows which spectra there are: it has learnt from clean ones, to which it has added
noise. Here are made spectra of three substances, whose peaks move with the temperature.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import savgol_filter
from sklearn.decomposition import PCA

from skae import DenoisingAutoencoder

wavelengths = np.linspace(400, 700, 150)
random = np.random.RandomState(0)
PLACES = random.uniform(430, 670, (3, 4, 1))
HEIGHTS = random.uniform(0.4, 1, (3, 4, 1))
NOISE = 0.06


def spectra(n_samples):
    """Draw clean spectra."""
    shares = random.dirichlet([1, 1, 1], n_samples)
    shifts = random.uniform(-6, 6, (n_samples, 1, 1, 1))
    peaks = HEIGHTS * np.exp(-(((wavelengths - PLACES - shifts) / 8) ** 2))
    return (shares[:, :, None] * peaks.sum(axis=2)).sum(axis=1)


X_train, clean = spectra(800), spectra(200)
noisy = clean + random.normal(scale=NOISE, size=clean.shape)

denoiser = DenoisingAutoencoder(8, noise_scale=NOISE, random_state=0).fit(X_train)


def by_pca(n_components):
    """Project the noisy spectra onto the principal components of the clean ones."""
    pca = PCA(n_components).fit(X_train)
    return pca.inverse_transform(pca.transform(noisy))


def error(rows):
    """Return the root mean squared error."""
    return ((rows - clean) ** 2).mean() ** 0.5


# Each rival gets the setting that is best on these very spectra.
pca = min((by_pca(n) for n in range(1, 20)), key=error)
smoothed = min((savgol_filter(noisy, n, 3) for n in range(5, 31, 2)), key=error)

methods = {
    "noisy": (noisy, "0.75"),
    "smoothed (Savitzky–Golay)": (smoothed, "C2"),
    "PCA": (pca, "C0"),
    "denoised": (denoiser.denoise(noisy), "C1"),
}
fig, axes = plt.subplots(2, 2, figsize=(9, 5), sharex=True, sharey=True)
for ax, (name, (rows, colour)) in zip(axes.ravel(), methods.items(), strict=True):
    ax.plot(wavelengths, clean[0], color="black", linewidth=1, label="clean")
    ax.plot(wavelengths, rows[0], color=colour, linewidth=2, alpha=0.8)
    ax.set_title(f"{name}: error {error(rows):.3f}")
axes[0, 0].legend()
for ax in axes[1]:
    ax.set_xlabel("wavelength, nm")
fig.tight_layout()
plt.show()

# %%
# The errors are those of all 200 spectra. The smoother leaves the noise that is as
# broad as the peaks. PCA and the denoiser know the peaks. PCA needs many components to
# follow peaks that move, and each lets some noise through.
