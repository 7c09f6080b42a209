"""An autoencoder against PCA, measured on rows that neither has seen."""

import functools
import time
from dataclasses import dataclass
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.utils import (
    check_array,
    check_consistent_length,
    check_scalar,
    column_or_1d,
)
from sklearn.utils.multiclass import check_classification_targets

from skae._dense import AutoencoderTransformer

_ROUNDING = 1e-12
_LINE = "{:>5}  {:<22}  {:>9}  {:>8}  {:>9}  {:>8}  {:>7}"
_LOWER_HEADING = _LINE.format(
    "codes", "estimator", "error", "to PCA", "explained", "accuracy", "seconds"
)


class ComparisonRow(NamedTuple):
    """What one estimator reached with one number of codes, on the test rows.

    Attributes
    ----------
    estimator : str
        Name of the estimator's class.

    encoding_dim : int
        Number of codes.

    error : float
        Mean squared error of the reconstructions over all test rows and features, in
        the squared unit of X.

    relative_error : float
        `error` over PCA's with as many codes: below 1, the autoencoder is better.
        Errors below 1e-12 of the variance are rounding, and count as 1e-12.

    variance_explained : float
        1 - SSE / SST over all features, with SST around the means of the test rows;
        at most 1.

    accuracy : float or None
        Share of the test rows to whose codes a nearest-neighbour classifier, fitted
        on the codes of the training rows, gives the right label. None without labels.

    fit_seconds : float
        Wall-clock time of the fit, without TensorFlow's start.
    """

    estimator: str
    encoding_dim: int
    error: float
    relative_error: float
    variance_explained: float
    accuracy: float | None
    fit_seconds: float


@dataclass(frozen=True)
class Comparison:
    """The numbers of `compare`; iterates over its rows.

    ``pandas.DataFrame(comparison.rows)`` makes a data frame of them.

    Attributes
    ----------
    rows : list of ComparisonRow
        PCA's and then the autoencoder's, for each number of codes.

    n_neighbors : int
        Number of neighbours behind the accuracies.

    startup_seconds : float
        Time that TensorFlow took to start before the first comparison in the process;
        no fit is billed for it.
    """

    rows: list[ComparisonRow]
    n_neighbors: int
    startup_seconds: float

    def __iter__(self):
        return iter(self.rows)

    def table(self):
        """Return the numbers as text.

        Returns
        -------
        str
            Lines of at most 80 characters: two of headings, one for each row, and
            one about TensorFlow's start.
        """
        lines = [_heading(self.n_neighbors), *map(_line, self.rows), _note(self)]
        return "\n".join(lines)


def compare(
    X=None,
    y=None,
    *,
    autoencoder=None,
    encoding_dims=(2, 8, 16, 32),
    test_size=0.2,
    n_neighbors=5,
    random_state=0,
    verbose=0,
):
    """Measure what an autoencoder gains over PCA on the same data.

    Both are fitted on the same training rows for each number of codes, and measured
    on the rows held out. TensorFlow, which takes seconds to start once in a process,
    starts before the first fit; that time is reported apart.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), default=None
        Rows in any unit. None stands for scikit-learn's digits with their labels.

    y : array-like of shape (n_samples,), default=None
        Class labels; without them no accuracy is measured.

    autoencoder : estimator, default=None
        What to compare with PCA: an unfitted estimator with a parameter
        `encoding_dim`. Copies are fitted, so the instance stays as it is. None stands
        for ``AutoencoderTransformer(random_state=random_state)``.

    encoding_dims : int or list of int, default=(2, 8, 16, 32)
        Numbers of codes, from 1 to the number of training rows or of features,
        whichever is smaller; PCA has no more components.

    test_size : float or int, default=0.2
        Share or number of the rows held out from both fits.

    n_neighbors : int, default=5
        Number of training rows that vote on the label of a test row.

    random_state : int, RandomState instance or None, default=0
        Seed of the split and the fits. With an int, every call gives the same
        numbers, but for the seconds.

    verbose : int, default=0
        Above 0, prints the table, each row as soon as it is measured.

    Returns
    -------
    Comparison
        The numbers; ``table()`` shows them as text.

    Raises
    ------
    ValueError
        When the data or a parameter cannot be used; the message says which and what
        would do.

    TypeError
        When `n_neighbors` is no integer or `autoencoder` no estimator.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> import skae
    >>> X, y = load_digits(return_X_y=True)
    >>> comparison = skae.compare(X[:500], y[:500], encoding_dims=2)
    >>> [row.estimator for row in comparison]
    ['PCA', 'AutoencoderTransformer']
    >>> pca, autoencoder = comparison
    >>> autoencoder.error < 0.95 * pca.error
    True
    """
    if X is None:
        X, y = _digits(y)
    trial = _split(X, y, test_size, n_neighbors, random_state)
    dims = _check_dims(encoding_dims, *trial.X_train.shape)
    if autoencoder is None:
        autoencoder = AutoencoderTransformer(random_state=random_state)

    def show(line):
        if verbose:
            print(line, flush=True)

    show(_heading(n_neighbors))
    comparison = Comparison([], n_neighbors, _start_tensorflow())
    for row in _rows(trial, dims, autoencoder, random_state):
        comparison.rows.append(row)
        show(_line(row))
    show(_note(comparison))
    return comparison


def _digits(y):
    from sklearn.datasets import load_digits

    if y is not None:
        raise ValueError(
            "y was given without X. Pass both, or neither for scikit-learn's digits."
        )
    return load_digits(return_X_y=True)


def _split(X, y, test_size, n_neighbors, random_state):
    """Check the data and hold out test rows; return a `_Trial`."""
    X = check_array(X, input_name="X")
    if y is not None:
        y = column_or_1d(y)
        check_classification_targets(y)
        check_consistent_length(X, y)
    train, test = train_test_split(
        np.arange(len(X)), test_size=test_size, random_state=random_state
    )
    if (X[test] == X[test[0]]).all():
        raise ValueError(
            f"The test rows of X, {len(test)} in all, are equal, so there is no "
            "variance to explain. Pass rows that differ, or raise test_size."
        )
    if y is None:
        return _Trial(X[train], X[test])
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1, max_val=len(train))
    return _Trial(X[train], X[test], y[train], y[test], n_neighbors)


def _check_dims(encoding_dims, n_rows, n_features):
    """Return a list of numbers of codes, each within PCA's reach."""
    dims = np.atleast_1d(encoding_dims).tolist()
    most = min(n_rows, n_features)
    if not dims or not all(isinstance(dim, int) and 1 <= dim <= most for dim in dims):
        raise ValueError(
            f"encoding_dims must hold integers from 1 to {most}, the most components "
            f"that PCA has on {n_rows} training rows of {n_features} features, got "
            f"{dims}. Leave out the others."
        )
    return dims


@functools.cache
def _start_tensorflow():
    """Fit tiny data, so that later fits pay for no start; return the seconds."""
    started = time.perf_counter()
    for estimator in (PCA(1), AutoencoderTransformer(1, epochs=1, random_state=0)):
        estimator.fit(np.eye(4))
    return time.perf_counter() - started


def _rows(trial, dims, autoencoder, random_state):
    """Yield PCA's row and the autoencoder's, for each number of codes."""
    for dim in dims:
        pca = trial.run(PCA(dim, random_state=random_state))
        yield pca
        yield trial.run(clone(autoencoder).set_params(encoding_dim=dim), pca.error)


@dataclass(frozen=True)
class _Trial:
    """Rows to fit and rows to measure on, with their labels where there are any."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray | None = None
    y_test: np.ndarray | None = None
    n_neighbors: int | None = None

    def run(self, estimator, pca_error=None):
        """Fit an estimator and measure it; without `pca_error` it is PCA itself."""
        started = time.perf_counter()
        estimator.fit(self.X_train)
        seconds = time.perf_counter() - started
        codes = estimator.transform(self.X_test)
        error = self._error(estimator.inverse_transform(codes))
        variance = float(self.X_test.var(axis=0, dtype=np.float64).mean())
        rounding = _ROUNDING * variance
        baseline = error if pca_error is None else pca_error
        return ComparisonRow(
            estimator=type(estimator).__name__,
            encoding_dim=codes.shape[1],
            error=error,
            relative_error=max(error, rounding) / max(baseline, rounding),
            variance_explained=1 - error / variance,
            accuracy=self._accuracy(estimator, codes),
            fit_seconds=seconds,
        )

    def _error(self, reconstructions):
        return float(np.square(self.X_test - reconstructions).mean(dtype=np.float64))

    def _accuracy(self, estimator, codes):
        if self.y_train is None:
            return None
        from sklearn.neighbors import KNeighborsClassifier

        neighbors = KNeighborsClassifier(self.n_neighbors)
        neighbors.fit(estimator.transform(self.X_train), self.y_train)
        return float(neighbors.score(codes, self.y_test))


def _heading(n_neighbors):
    labels = ("", "", "squared", "relative", "variance", f"{n_neighbors}-NN", "fit")
    return f"{_LINE.format(*labels)}\n{_LOWER_HEADING}"


def _line(row):
    return _LINE.format(
        row.encoding_dim,
        row.estimator,
        f"{row.error:#.4g}",
        f"{row.relative_error:.3f}",
        f"{row.variance_explained:.3f}",
        "-" if row.accuracy is None else f"{row.accuracy:.3f}",
        f"{row.fit_seconds:.3f}",
    )


def _note(comparison):
    seconds = comparison.startup_seconds
    return f"Not counted: TensorFlow's start, once in a process, {seconds:.1f} s"
