"""Parametric t-SNE beside other maps: how good, how fast, how large.

    python -m benchmarks.parametric_tsne [--data mnist ...] [--maps openTSNE ...]
    python -m benchmarks.parametric_tsne --memory 200000

MNIST's 60,000 training rows are encoded by ``AutoencoderTransformer(32)``, and then
laid out in the plane; its 10,000 test rows are placed by `transform`. Digits are laid
out as they are, a quarter of them held out. Accuracy is that of five nearest neighbours
in the plane, found among training rows, for test rows; trustworthiness that of the test
rows, 5,000 of them. scikit-learn's `TSNE` has no `transform`: it lays out at most
10,000 training rows, and both measures are of these, each left out in turn for the
accuracy. ``--codes`` names a file that keeps MNIST's codes for the next run.

Times are by the clock and, in brackets, of the processors: others may use them too.
openTSNE and UMAP are not among skae's dependencies; what is not installed is left out.

``--memory`` fits that many rows of 32 columns, and prints the peak of the memory that
the fit takes beyond what the process had before, with the rows.
"""

import argparse
import contextlib
import os
import pathlib
import resource
import time
import warnings

import numpy as np
from sklearn.datasets import make_blobs
from sklearn.manifold import TSNE, trustworthiness
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from benchmarks import datasets
from skae import AutoencoderTransformer, ParametricTSNE

_MOST_ROWS_OF_TSNE = 10_000
_ROWS_OF_TRUST = 5_000
_HEADER = (
    "| data | map | 5-NN accuracy | trustworthiness | fit, s | transform, s |\n"
    "|---|---|---|---|---|---|"
)


def _parametric():
    return ParametricTSNE(random_state=0)


class _OpenTSNE:
    """openTSNE, with the methods of an estimator."""

    def __init__(self):
        from openTSNE import TSNE as OpenTSNE

        self._tsne = OpenTSNE(n_jobs=os.cpu_count(), random_state=0)

    def fit_transform(self, X):
        self._map = self._tsne.fit(X)
        return np.asarray(self._map)

    def transform(self, X):
        return np.asarray(self._map.transform(X))


def _umap():
    from umap import UMAP

    return UMAP()  # a seed would leave it one core


def _parametric_umap():
    from umap.parametric_umap import ParametricUMAP

    return ParametricUMAP(verbose=False)


MAPS = {
    "ParametricTSNE": _parametric,
    "openTSNE": _OpenTSNE,
    "TSNE": lambda: TSNE(random_state=0, n_jobs=os.cpu_count()),
    "UMAP": _umap,
    "ParametricUMAP": _parametric_umap,
}


def main():
    """Run the benchmark and print its tables."""
    arguments = _arguments()
    if arguments.memory:
        _print_memory(arguments.memory)
        return
    print(_HEADER)
    for data in arguments.data:
        rows = _rows(data, arguments.codes)
        for name in arguments.maps:
            print(f"| {data} | {name} | {_cells(name, *rows)} |", flush=True)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["digits", "mnist"])
    parser.add_argument("--maps", nargs="+", default=list(MAPS), choices=list(MAPS))
    parser.add_argument("--codes", type=pathlib.Path)
    parser.add_argument("--memory", type=int, metavar="ROWS")
    return parser.parse_args()


def _rows(data, kept):
    """Return training rows, test rows and the labels of both."""
    X, y = datasets.labelled(data)
    if data != "mnist":
        return train_test_split(X, y, random_state=0)
    n_train = len(X) - 10_000
    if kept is not None and kept.exists():
        codes = np.load(kept)
    else:
        autoencoder = AutoencoderTransformer(32, random_state=0).fit(X[:n_train])
        codes = autoencoder.transform(X)
        if kept is not None:
            np.save(kept, codes)
    return codes[:n_train], codes[n_train:], y[:n_train], y[n_train:]


def _cells(name, X, X_test, y, y_test):
    try:
        estimator = MAPS[name]()
    except ImportError as error:
        return f"not installed: {error} | | |"
    if name == "TSNE":
        return _of_training_rows(estimator, X, y)
    try:
        with _quiet(), _timed() as fit:
            positions = estimator.fit_transform(X)
        with _quiet(), _timed() as transform:
            placed = estimator.transform(X_test)
    except Exception as error:  # ParametricUMAP, with a Keras that it does not know
        return f"fails: {type(error).__name__}: {error:.60} | | |"
    accuracy = KNeighborsClassifier(5).fit(positions, y).score(placed, y_test)
    trust = trustworthiness(X_test[:_ROWS_OF_TRUST], placed[:_ROWS_OF_TRUST])
    return f"{accuracy:.3f} | {trust:.3f} | {_text(fit)} | {_text(transform)}"


def _of_training_rows(estimator, X, y):
    X, y = X[:_MOST_ROWS_OF_TSNE], y[:_MOST_ROWS_OF_TSNE]
    with _timed() as fit:
        positions = estimator.fit_transform(X)
    accuracy = KNeighborsClassifier(5).fit(positions, y).score(None, y)
    trust = trustworthiness(X[:_ROWS_OF_TRUST], positions[:_ROWS_OF_TRUST])
    return f"{accuracy:.3f} | {trust:.3f} | {_text(fit)} ({len(X):,} rows) | none"


@contextlib.contextmanager
def _timed():
    """Yield a list that gets the seconds of the body, and those of the processors."""
    seconds = []
    started = time.perf_counter(), time.process_time()
    yield seconds
    ended = time.perf_counter(), time.process_time()
    seconds += [end - start for end, start in zip(ended, started, strict=True)]


def _text(seconds):
    return "{:.3g} ({:.3g})".format(*seconds)


@contextlib.contextmanager
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _print_memory(n_rows):
    X, _ = make_blobs(n_rows, 32, centers=20, random_state=0)
    X = X.astype(np.float32)
    _parametric().set_params(epochs=1).fit(X[:1000])  # what is loaded once
    before = _peak()
    with _timed() as fit:
        _parametric().fit(X)
    peak = _peak()
    print("| rows | fit, s | memory, GB | more than 1,000 rows took, GB |")
    print("|---|---|---|---|")
    print(f"| {n_rows:,} | {_text(fit)} | {peak:.2f} | {peak - before:.2f} |")


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
