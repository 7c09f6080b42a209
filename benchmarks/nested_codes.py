"""How close does one nested fit come to a fit for each number of codes?

    python -m benchmarks.nested_codes [--data mnist] [--encoding-dim 2 4 8 16 32]

The squared error on test rows, summed over the features, of

- separate fits, one for each number of codes, with the defaults;
- one fit with ``nested_dropout=True`` of the largest number, its first codes taken by
  ``inverse_transform(transform(X)[:, :k])``;
- one fit of the largest number without, whose codes are in order, the others held at
  their mean (which is zero);
- PCA.

MNIST has its own test rows; of other data a fifth is held out.
"""

import argparse
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from benchmarks import datasets
from skae import AutoencoderTransformer


def main():
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", choices=datasets.NAMES)
    parser.add_argument(
        "--encoding-dim", nargs="+", type=int, default=[2, 4, 8, 16, 32]
    )
    arguments = parser.parse_args()
    X_train, X_test = _split(arguments.data)
    AutoencoderTransformer(1, epochs=1, random_state=0).fit(X_train[:100])
    curves, seconds = _curves(X_train, X_test, arguments.encoding_dim)
    print(f"Squared error of a test row of {arguments.data}\n")
    _print_table(curves, seconds, arguments.encoding_dim)


def _split(name):
    if name == "mnist":
        return datasets.mnist()
    return train_test_split(datasets.load(name), test_size=0.2, random_state=0)


def _curves(X_train, X_test, dims):
    """Return errors by number of codes, and seconds of all fits, of each way."""
    ways = {
        "separate fits": lambda dim: _fit(X_train, dim),
        "one nested fit": None,
        "one fit, codes in order": None,
        "PCA": lambda dim: PCA(dim, random_state=0).fit(X_train),
    }
    curves, seconds = {}, {}
    for name, fit in ways.items():
        started = time.perf_counter()
        if fit is not None:
            fits = [fit(dim) for dim in dims]
            prefixes = [_reconstruction(one, X_test, None) for one in fits]
        else:
            one = _fit(X_train, max(dims), nested_dropout="nested" in name)
            prefixes = [_reconstruction(one, X_test, dim) for dim in dims]
        seconds[name] = time.perf_counter() - started
        curves[name] = [float(((X_test - X) ** 2).sum(axis=1).mean()) for X in prefixes]
    return curves, seconds


def _fit(X, encoding_dim, **parameters):
    return AutoencoderTransformer(encoding_dim, random_state=0, **parameters).fit(X)


def _reconstruction(fitted, X, n_codes):
    codes = fitted.transform(X)
    if n_codes is not None:
        codes = np.where(np.arange(codes.shape[1]) < n_codes, codes, 0)
    return fitted.inverse_transform(codes)


def _print_table(curves, seconds, dims):
    print("| codes |", " | ".join(curves), "| nested / separate |")
    print("|---" * (len(curves) + 2) + "|")
    for i, dim in enumerate(dims):
        errors = [curve[i] for curve in curves.values()]
        ratio = curves["one nested fit"][i] / curves["separate fits"][i]
        print(f"| {dim} |", " | ".join(f"{e:.3f}" for e in errors), f"| {ratio:.3f} |")
    times = " | ".join(f"{seconds[name]:.1f}" for name in curves)
    print(f"| seconds, all fits | {times} | |")


if __name__ == "__main__":
    main()
