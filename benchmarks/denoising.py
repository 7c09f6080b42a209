"""How much noise does DenoisingAutoencoder take from MNIST's test images?

    python -m benchmarks.denoising [--noise 0.5] [--epochs 8] [--rows 60000]

Gaussian noise on pixels in [0, 1], clipped; the mean squared error to the clean images,
as a number and as the share of the noise that is left. Beside it, on the same noisy
images: PCA of the clean training images with the best of all numbers of components, and
the median filter of the best size, both chosen on the test images themselves.
"""

import argparse
import time

import numpy as np
from scipy.ndimage import median_filter
from sklearn.decomposition import PCA

from benchmarks import datasets
from skae import DenoisingAutoencoder
from skae.networks import ConvNetwork

IMAGE = (28, 28)
MEDIAN_SIZES = (2, 3, 4, 5, 7)


def main():
    """Run the benchmark and print its table."""
    arguments = _arguments()
    train, test = datasets.mnist()
    train = train[: arguments.rows]
    noise = np.random.RandomState(0).normal(scale=arguments.noise, size=test.shape)
    noisy = np.clip(test + noise, 0, 1).astype(np.float32)
    print("| method | mean squared error | fold less than noisy | fit, s |")
    print("|---|---|---|---|")
    before = np.mean((noisy - test) ** 2)
    print(f"| noisy images | {before:.5f} | 1.00 | |", flush=True)

    def report(label, cleaned, seconds):
        error = np.mean((cleaned - test) ** 2)
        print(
            f"| {label} | {error:.5f} | {before / error:.2f} | {seconds:.1f} |",
            flush=True,
        )

    for size in MEDIAN_SIZES:
        images = noisy.reshape(-1, *IMAGE)
        cleaned = median_filter(images, (1, size, size)).reshape(test.shape)
        report(f"median filter, {size} x {size}", cleaned, 0.0)
    start = time.perf_counter()
    pca = PCA(random_state=0).fit(train)
    seconds = time.perf_counter() - start
    n_components = _best_number_of_components(pca, noisy, test)
    report(
        f"PCA, best number of components ({n_components})",
        _pca_reconstruction(pca, noisy, n_components),
        seconds,
    )
    for label, denoiser in _denoisers(arguments).items():
        start = time.perf_counter()
        denoiser.fit(train)
        report(label, denoiser.denoise(noisy), time.perf_counter() - start)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noise", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", type=int, default=60_000)
    return parser.parse_args()


def _denoisers(arguments):
    convolutions = ConvNetwork((32, 64), bottleneck="spatial", image_shape=IMAGE)
    how = {"noise_scale": arguments.noise, "random_state": 0}
    return {
        "DenoisingAutoencoder, 32 codes": DenoisingAutoencoder(**how),
        "DenoisingAutoencoder, 256 codes": DenoisingAutoencoder(256, **how),
        "DenoisingAutoencoder, convolutional": DenoisingAutoencoder(
            None,
            network=convolutions,
            batch_size=128,
            epochs=arguments.epochs,
            **how,
        ),
    }


def _best_number_of_components(pca, noisy, clean):
    """Return the number with the least error, from the error of each component.

    The components are orthonormal, so that each adds its own share: what it takes off
    the error is the square of its clean score less that of the score's noise.
    """
    scores, wanted = pca.transform(noisy), pca.transform(clean)
    gains = np.mean(wanted**2 - (scores - wanted) ** 2, axis=0, dtype=np.float64)
    return int(np.argmax(np.cumsum(gains))) + 1


def _pca_reconstruction(pca, noisy, n_components):
    components = pca.components_[:n_components]
    return (noisy - pca.mean_) @ components.T @ components + pca.mean_


if __name__ == "__main__":
    main()
