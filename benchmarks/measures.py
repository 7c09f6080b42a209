"""What several benchmarks measure: fits, their seconds, errors relative to PCA's."""

import dataclasses
import time
import warnings
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from benchmarks import datasets
from skae import AutoencoderTransformer

# Errors below this share of a row's squared distance from the mean are rounding: the
# network computes in float32.
_ROUNDING = 1e-10


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fitted estimator, and what the fit has cost.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    seconds : float
        By the clock on the wall.

    processor_seconds : float
        Of all threads of the process.
    """

    estimator: Any
    seconds: float
    processor_seconds: float


def fitted(estimator, X, may_diverge=False, **how):
    """Fit an estimator on rows.

    Parameters
    ----------
    estimator : estimator
        To fit.

    X : ndarray of shape (n_rows, n_features)
        Training rows.

    may_diverge : bool, default=False
        Whether to ignore a `ConvergenceWarning`, which is an error otherwise.

    **how
        Further arguments of `fit`.

    Returns
    -------
    Fit
    """
    start, processor_start = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if may_diverge else "error", ConvergenceWarning)
        estimator.fit(X, **how)
    processor_seconds = time.process_time() - processor_start
    return Fit(estimator, time.perf_counter() - start, processor_seconds)


def fitted_pca(n_codes, X, seed=0):
    """Fit PCA with so many components, or with all that there are."""
    return fitted(PCA(min(n_codes, *X.shape), random_state=seed), X)


def fitted_closed_form(n_codes, X, seed=0):
    """Fit the autoencoder without an epoch; return None if it refuses to."""
    estimator = AutoencoderTransformer(n_codes, epochs=0, random_state=seed)
    try:
        return fitted(estimator, X)
    except ValueError as error:
        if "epochs" not in str(error):
            raise
        return None


def warm_up():
    """Take the import and start of TensorFlow out of the seconds."""
    AutoencoderTransformer(2, epochs=1).fit(np.random.RandomState(0).rand(40, 5))


def splits(name, n_splits):
    """Return training and test rows of random splits; of MNIST, its own.

    Parameters
    ----------
    name : str
        One of `datasets.NAMES`.

    n_splits : int
        A fifth of the rows is held out, by the seeds 0 to n_splits - 1.

    Returns
    -------
    list of (train, test)
    """
    if name == "mnist":
        return [datasets.mnist()]
    X = datasets.load(name)
    return [
        train_test_split(X, test_size=0.2, random_state=seed)
        for seed in range(n_splits)
    ]


def squared_errors(estimator, X):
    """Return each row's mean squared error of reconstruction, in float64."""
    lost = X - estimator.inverse_transform(estimator.transform(X))
    return (lost.astype(np.float64) ** 2).mean(axis=1)


def squared_distances(X, center):
    """Return each row's mean squared distance from a center, in float64."""
    return ((X - center).astype(np.float64) ** 2).mean(axis=1)


def relative(errors, pca_errors, distances):
    """Return errors relative to PCA's, about 1 where both are only rounding.

    Parameters
    ----------
    errors, pca_errors, distances : float or ndarray
        Mean squared errors, and mean squared distances from the mean.
    """
    rounding = _ROUNDING * distances
    return (errors + rounding) / (pca_errors + rounding)


def is_rounding(pca_error, distance):
    """Tell whether PCA is exact up to rounding."""
    return pca_error < _ROUNDING * distance


def geometric_mean(values):
    """Return the geometric mean of positive values."""
    return float(np.exp(np.log(values).mean()))


def print_row(*cells):
    """Print a row of a table in Markdown, at once."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def print_heading(*cells):
    """Print the first two lines of a table in Markdown."""
    print_row(*cells)
    print("|" + "---|" * len(cells), flush=True)
