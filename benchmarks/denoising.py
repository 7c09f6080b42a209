"""How much noise does DenoisingAutoencoder take away, clipped noise and other?

    python -m benchmarks.denoising [--codes 8 16 32] [--rows 2000]
    python -m benchmarks.denoising --methods [--noise 0.5] [--epochs 8] [--rows 60000]

The first prints, for handwritten digits of 8 x 8 pixels and of MNIST, in [0, 1], with
Gaussian noise that is clipped to [0, 1] and with noise that is not, the mean squared
error to the clean images: of PCA, fitted on clean and on noisy images, and of the
autoencoder as it is by default, and told whether noise is clipped, rightly and wrongly.

The second compares methods on MNIST's test images with clipped noise; beside the error
stands how many times it is below that of the noisy images. PCA of the clean training
images has the best of all numbers of components, and the median filter the best size,
both chosen on the test images themselves.
"""

import argparse
import time
import warnings

import numpy as np
from scipy.ndimage import median_filter
from sklearn.decomposition import PCA

from benchmarks import datasets
from skae import DenoisingAutoencoder
from skae.networks import ConvNetwork

IMAGE = (28, 28)
MEDIAN_SIZES = (2, 3, 4, 5, 7)


NOISE = 0.25  # of both kinds of noise


def main():
    """Run a benchmark and print its table."""
    arguments = _arguments()
    if arguments.methods:
        _compare_methods(arguments)
    else:
        _compare_noises(arguments)


def _compare_noises(arguments):
    """Print the errors on both kinds of noise."""
    print(
        "| images | noise | codes | noisy | PCA of clean | PCA of noisy | default "
        "| told rightly | told wrongly |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    digits = np.random.RandomState(0).permutation(datasets.load("digits")) / 16
    images = {
        "digits": (digits[:1200], digits[1200:]),
        "MNIST": [part[: arguments.rows] for part in datasets.mnist()],
    }
    for name, parts in images.items():
        for dim in arguments.codes:
            how = {"noise_scale": NOISE, "random_state": 0}
            fits = {
                clip: DenoisingAutoencoder(dim, clip=clip, **how).fit(parts[0])
                for clip in ("auto", True, False)
            }
            for is_clipped in (True, False):
                kind = "clipped" if is_clipped else "not clipped"
                errors = _errors(fits, dim, is_clipped, *parts)
                cells = " | ".join(f"{error:.4f}" for error in errors)
                print(f"| {name} | {kind} | {dim} | {cells} |", flush=True)


def _errors(fits, dim, is_clipped, train, test):
    """Return the errors of a row of the table, in order."""
    generator = np.random.RandomState(0)
    limits = (0, 1) if is_clipped else (-np.inf, np.inf)
    noisy_train, noisy = (
        np.clip(clean + generator.normal(scale=NOISE, size=clean.shape), *limits)
        for clean in (train, test)
    )
    cleaned = [noisy]
    for rows in (train, noisy_train):
        pca = PCA(dim, random_state=0).fit(rows)
        cleaned.append(pca.inverse_transform(pca.transform(noisy)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X has values", UserWarning)  # told wrongly
        cleaned += [
            fits[clip].denoise(noisy) for clip in ("auto", is_clipped, not is_clipped)
        ]
    return [np.mean((rows - test) ** 2) for rows in cleaned]


def _compare_methods(arguments):
    """Print the errors of several methods on MNIST."""
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
    parser.add_argument("--methods", action="store_true")
    parser.add_argument("--codes", nargs="+", type=int, default=[8, 16, 32])
    parser.add_argument("--noise", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", type=int)
    arguments = parser.parse_args()
    if arguments.rows is None:
        arguments.rows = 60_000 if arguments.methods else 2000
    return arguments


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
