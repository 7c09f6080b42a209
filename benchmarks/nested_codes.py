"""How close does one nested fit come to a fit for each number of codes?

    python -m benchmarks.nested_codes [--data mnist] [--encoding-dim 2 4 8 16 32]

The squared error on test rows, summed over the features, of

- separate fits, one for each number of codes, with the defaults;
- one fit with ``nested_dropout=True`` of the largest number, its first codes taken by
  ``inverse_transform(transform(X)[:, :k])``;
- the same with ``hidden_layer_sizes=(512, 512, 256)``;
- one fit of the largest number without, whose codes are in order, the others held at
  their mean (which is zero);
- PCA.

MNIST has its own test rows; of other data a fifth is held out.
"""

import argparse
import time

from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from benchmarks import datasets
from skae import AutoencoderTransformer

# None: a fit for each number of codes.
WAYS = {
    "separate fits": None,
    "one nested fit": {"nested_dropout": True},
    "nested, deep": {
        "nested_dropout": True,
        "hidden_layer_sizes": (512, 512, 256),
    },
    "one fit, codes in order": {},
    "PCA": None,
}


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
    curves, seconds = {}, {}
    for name, parameters in WAYS.items():
        started = time.perf_counter()
        if parameters is None:
            fits = [_fit(name, X_train, dim) for dim in dims]
        else:
            fits = [_fit(name, X_train, max(dims), **parameters)] * len(dims)
        seconds[name] = time.perf_counter() - started
        error = _error_of_first if "nested" in name else _error
        curves[name] = [
            error(one, X_test, dim) for one, dim in zip(fits, dims, strict=True)
        ]
    return curves, seconds


def _fit(name, X, n_codes, **parameters):
    kind = PCA if name == "PCA" else AutoencoderTransformer
    return kind(n_codes, random_state=0, **parameters).fit(X)


def _error(fitted, X, n_codes):
    """Return the error with the first codes, the others at zero."""
    codes = fitted.transform(X)
    codes[:, n_codes:] = 0
    return _squared(X - fitted.inverse_transform(codes))


def _error_of_first(fitted, X, n_codes):
    """Return the error with the first codes of a nested fit."""
    first = fitted.transform(X)[:, :n_codes]
    return _squared(X - fitted.inverse_transform(first))


def _squared(errors):
    return float((errors**2).sum(axis=1).mean())


def _print_table(curves, seconds, dims):
    print("| codes |", " | ".join(curves), "| nested / separate | deep / separate |")
    print("|---" * (len(curves) + 3) + "|")
    for i, dim in enumerate(dims):
        errors = [curve[i] for curve in curves.values()]
        shares = [error / errors[0] for error in errors[1:3]]
        cells = [f"{value:.3f}" for value in errors + shares]
        print(f"| {dim} |", " | ".join(cells), "|")
    times = " | ".join(f"{seconds[name]:.1f}" for name in curves)
    print(f"| seconds, all fits | {times} | | |")


if __name__ == "__main__":
    main()
