"""What do the defaults of the other estimators gain, one by one?

    python -m benchmarks.estimator_defaults [--splits 2] [--estimators conv ...]

On scikit-learn's digits, as images of 8 x 8 (sequences: 8 steps of 8 channels), for the
defaults and for each of them changed: the mean squared error on held-out images
relative to PCA's with as many codes (denoising: of noisy images, to PCA's best over all
numbers of components), or for VAETransformer the ELBO in nats; and the seconds of a
fit.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import (
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae.networks import DenseNetwork

NOISE = 4.0

ALTERNATIVES = {
    "conv": {
        "the defaults": {},
        "random start": {"init": "random"},
        "max-pooling": {"downsampling": "max_pool"},
        "batch normalisation": {"batch_normalization": True},
        "filters (32,)": {"filters": (32,)},
        "filters (32, 64)": {"filters": (32, 64)},
        "without weight decay": {"optimizer": "adam"},
        "learning rate 0.003": {"learning_rate": 0.003},
    },
    "sequence": {
        "the defaults": {},
        "random start": {"init": "random"},
        "LSTM": {"cell": "lstm"},
        "bidirectional": {"bidirectional": True},
        "32 units": {"units": 32},
        "128 units": {"units": 128},
        "two layers": {"n_layers": 2},
        "without weight decay": {"optimizer": "adam"},
    },
    "denoising": {
        "the defaults": {},
        "random start": {"init": "random"},
        "without weight decay": {"optimizer": "adam"},
        "two hidden layers": {"network": DenseNetwork((256, 128))},
    },
    "variational": {
        "the defaults": {},
        "warm-up of 20 epochs": {"kl_warmup": 20},
        "random start": {"init": "random"},
        "random start, no warm-up": {"init": "random", "kl_warmup": 0},
        "without weight decay": {"optimizer": "adam"},
    },
}


def main():
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=2)
    names = list(ALTERNATIVES)
    parser.add_argument("--estimators", nargs="+", choices=names, default=names)
    arguments = parser.parse_args()
    VAETransformer(1, epochs=1).fit(np.random.RandomState(0).rand(40, 5))
    for name in arguments.estimators:
        print(f"\n{name}: {MEANINGS[name]}\n")
        print("| | 8 codes | 32 codes | fit, s |")
        print("|---|---|---|---|")
        for label, changes in ALTERNATIVES[name].items():
            _print_row(name, label, changes, arguments.splits)


MEANINGS = {
    "conv": "error / PCA's",
    "sequence": "error / PCA's",
    "denoising": "error / PCA's best",
    "variational": "ELBO, nats (higher is better)",
}


def _print_row(name, label, changes, n_splits):
    cells, seconds = [], []
    for dim in (8, 32):
        runs = []
        for seed in range(n_splits):
            images = train_test_split(load_digits().images, random_state=seed)
            start = time.perf_counter()
            estimator = MAKE[name](dim, random_state=seed).set_params(**changes)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*collapsed", UserWarning)
                estimator.fit(images[0])
            seconds.append(time.perf_counter() - start)
            runs.append(JUDGES[name](estimator, *images, dim))
        cells.append(np.mean(runs))
    print(
        f"| {label} | {cells[0]:.3f} | {cells[1]:.3f} | {np.mean(seconds):.1f} |",
        flush=True,
    )


def _flat(images):
    return images.reshape(len(images), -1)


def _relative_error(estimator, train, test, dim):
    pca = PCA(dim).fit(_flat(train))
    lost = _flat(test) - pca.inverse_transform(pca.transform(_flat(test)))
    return np.mean((test - estimator.reconstruct(test)) ** 2) / np.mean(lost**2)


def _relative_noise(estimator, train, test, dim):
    rng = np.random.RandomState(0)
    noisy = np.clip(test + rng.normal(scale=NOISE, size=test.shape), 0, 16)
    errors = []
    for n_components in range(1, 65):
        pca = PCA(n_components).fit(_flat(train))
        cleaned = pca.inverse_transform(pca.transform(_flat(noisy)))
        errors.append(np.mean((cleaned - _flat(test)) ** 2))
    return np.mean((estimator.denoise(noisy) - test) ** 2) / min(errors)


def _elbo(estimator, train, test, dim):
    return estimator.score_samples(test).mean()


MAKE = {
    "conv": ConvAutoencoder,
    "sequence": SequenceAutoencoder,
    "denoising": lambda dim, **how: DenoisingAutoencoder(dim, noise_scale=NOISE, **how),
    "variational": VAETransformer,
}

JUDGES = {
    "conv": _relative_error,
    "sequence": _relative_error,
    "denoising": _relative_noise,
    "variational": _elbo,
}


if __name__ == "__main__":
    main()
