"""How much variance do codes explain on tables that come with scikit-learn?

    python -m benchmarks.variance_explained [--data digits ...] [--splits 3]

Needs no other data: scikit-learn brings the tables, and two photographs of which we cut
patches. For each, raw and with every column scaled to a variance of one: the variance
of held-out rows (a fifth) that as many codes explain, by PCA and by
`AutoencoderTransformer` with all defaults, and the seconds that both fits take. Means
over random splits.

Defaults were chosen on digits, breast cancer, wine and diabetes, among others; the
patches and iris had no part in that. MNIST, with its own split, is added where it is
found (``SKAE_DATA_DIR``, or a download by Keras), and can be asked for by its name.
"""

import argparse

import numpy as np
from sklearn import datasets as bundled
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks import datasets
from benchmarks.measures import (
    fitted,
    fitted_pca,
    print_heading,
    print_row,
    warm_up,
)
from skae import AutoencoderTransformer

_PATCHES_OF_A_PHOTOGRAPH = 5_000


def main():
    """Run the benchmark and print its table."""
    arguments = _arguments()
    warm_up()
    print_heading(
        "data",
        "rows × columns",
        "codes",
        "PCA",
        "skae",
        "PCA, scaled",
        "skae, scaled",
        "PCA, s",
        "skae, s",
    )
    for name in arguments.data:
        for n_codes in TABLES[name][1]:
            _print_table(name, n_codes, arguments.splits)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    by_default = [name for name in TABLES if name != "mnist"]
    if "mnist" in datasets.available():
        by_default.append("mnist")
    parser.add_argument("--data", nargs="+", default=by_default, choices=TABLES)
    parser.add_argument("--splits", type=int, default=3)
    return parser.parse_args()


def _print_table(name, n_codes, n_splits):
    runs = [
        [
            measured
            for rows in ((train, test), _scaled(train, test))
            for measured in _run(*rows, n_codes, seed)
        ]
        for seed, (train, test) in enumerate(_splits(name, n_splits))
    ]
    means = np.mean(runs, axis=0)
    (of_pca, ours, pca_s, s), (scaled_pca, scaled, *_) = np.split(means, 2)
    rows, columns = np.shape(TABLES[name][0]())  # of MNIST those that train
    shares = (f"{share:.2f}" for share in (of_pca, ours, scaled_pca, scaled))
    print_row(
        name, f"{rows:,} × {columns}", n_codes, *shares, f"{pca_s:.3f}", f"{s:.1f}"
    )


def _run(train, test, n_codes, seed):
    """Return the variance that PCA and autoencoder explain, and their seconds."""
    pca = fitted_pca(n_codes, train, seed)
    ours = fitted(AutoencoderTransformer(n_codes, random_state=seed), train)
    explained = (_explained(fit.estimator, train, test) for fit in (pca, ours))
    return [*explained, pca.seconds, ours.seconds]


def _explained(estimator, train, test):
    lost = test - estimator.inverse_transform(estimator.transform(test))
    spread = test - train.mean(axis=0)
    return 1 - (lost.astype(np.float64) ** 2).sum() / (spread**2).sum()


def _splits(name, n_splits):
    if name == "mnist":
        return [datasets.mnist()]
    X = TABLES[name][0]()
    return [
        train_test_split(X, test_size=0.2, random_state=seed)
        for seed in range(n_splits)
    ]


def _scaled(train, test):
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


def _patches():
    """Return patches of 8 × 8 pixels of photographs, in grey from 0 to 1."""
    return np.concatenate(
        [
            extract_patches_2d(
                image.mean(axis=-1) / 255,
                (8, 8),
                max_patches=_PATCHES_OF_A_PHOTOGRAPH,
                random_state=0,
            ).reshape(-1, 64)
            for image in bundled.load_sample_images().images
        ]
    )


TABLES = {
    "digits": (lambda: datasets.load("digits"), [2, 8]),
    "breast cancer": (lambda: datasets.load("breast_cancer"), [2, 8]),
    "wine": (lambda: datasets.load("wine"), [2, 8]),
    "diabetes": (lambda: datasets.load("diabetes"), [2, 8]),
    "iris": (lambda: bundled.load_iris().data, [1]),
    "photographs": (_patches, [2, 8]),
    "mnist": (lambda: datasets.mnist()[0], [2, 8, 32]),
}
"""What gives the rows, and the numbers of codes, by the name of a table."""


if __name__ == "__main__":
    main()
