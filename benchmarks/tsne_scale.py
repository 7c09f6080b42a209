"""Does the scale of codes matter to t-SNE?

    python -m benchmarks.tsne_scale [--data digits ...] [--rows 1000] [--encoding-dim 8]

Codes of `AutoencoderTransformer` on rows held out, laid out in the plane by
scikit-learn's t-SNE with its PCA initialisation: as they are, multiplied by a thousand,
divided by it, by the standard deviation of the first code, and each code by its own.
Accuracy is that of five nearest neighbours in the plane, each row left out in turn;
trustworthiness that of the plane beside the codes as they are.
"""

import argparse

import numpy as np
from sklearn.manifold import TSNE, trustworthiness
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from benchmarks import datasets
from skae import AutoencoderTransformer

SCALES = {
    "as they are": lambda codes: codes,
    "× 1000": lambda codes: codes * 1000,
    "/ 1000": lambda codes: codes / 1000,
    "/ deviation of the first": lambda codes: codes / codes[:, 0].std(),
    "each / its own deviation": lambda codes: codes / codes.std(axis=0),
}


def main():
    """Run the benchmark and print its table."""
    arguments = _arguments()
    print("| data | codes | 5-NN accuracy | trustworthiness |\n|---|---|---|---|")
    for name in arguments.data:
        codes, labels = _codes(name, arguments.encoding_dim, arguments.rows)
        for label, scaled in SCALES.items():
            accuracy, trust = _measured(codes, scaled(codes), labels)
            print(f"| {name} | {label} | {accuracy:.3f} | {trust:.3f} |", flush=True)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults = ["digits", "cardio", "satellite", "mouse_bladder"]
    parser.add_argument("--data", nargs="+", default=defaults)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--encoding-dim", type=int, default=8)
    return parser.parse_args()


def _codes(name, dim, n_rows):
    X, y = datasets.labelled(name)
    n_rows = min(n_rows, len(X) // 3)
    train, test, _, labels = train_test_split(X, y, test_size=n_rows, random_state=0)
    autoencoder = AutoencoderTransformer(dim, random_state=0).fit(train)
    return autoencoder.transform(test).astype(np.float64), labels


def _measured(codes, scaled, labels):
    # One thread, since the bits depend on how many there are.
    with threadpool_limits(1):
        plane = TSNE(init="pca", random_state=0).fit_transform(scaled)
    neighbors = KNeighborsClassifier(5).fit(plane, labels)
    return neighbors.score(None, labels), trustworthiness(codes, plane)


if __name__ == "__main__":
    main()
