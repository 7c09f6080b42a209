"""Missing values: where they are, what stands for them, and axes in spite of them."""

import dataclasses

import numpy as np

from skae import _data
from skae._lazy_rows import LazyRows
from skae._pca import principal_axes
from skae._threads import one_blas_thread

_MOST_ROUNDS = 20
_ENOUGH = 1e-3
_MOST_FEATURES = 2500
_RIDGE = 1e-3


def allows_gaps(estimator):
    """Tell whether an estimator takes NaN for missing values."""
    return getattr(estimator, "missing_values", "error") == "allow"


def has_gaps(X):
    """Tell whether values are missing."""
    if isinstance(X, LazyRows) or X.dtype.kind != "f":
        return False
    return any(np.isnan(X[chunk]).any() for chunk in _data.row_chunks(X))


def filled(X, mean):
    """Return X with each missing value at its feature's mean; X itself if it has none.

    Parameters
    ----------
    X : ndarray or LazyRows of shape (n_rows, n_features)
        Rows, with NaN where values are missing.

    mean : float64 ndarray of shape (n_features,)
        Means of the features.
    """
    if not has_gaps(X):
        return X
    return np.where(np.isnan(X), mean.astype(X.dtype), X)


def zero_where_missing(values):
    """Return values with zeros for NaN."""
    return np.where(np.isnan(values), 0, values)


def mean_and_variance(X, weights, known_mean=None):
    """Return the features' weighted means and variances over the values observed.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows, with NaN where values are missing.

    weights : float64 ndarray of shape (n_rows,)
        What each row counts.

    known_mean : float64 ndarray of shape (n_features,) or None, default=None
        Means of features without any value, whose variance is zero then.

    Raises
    ------
    ValueError
        When a feature has no value, and nothing is known of it.
    """
    found = _data.moments(X, weights)
    return mean_of_observed(found, known_mean), found.variance


def mean_of_observed(moments, known_mean=None):
    """Return the mean of `Moments`; see `mean_and_variance`."""
    has_none = moments.weights == 0
    if known_mean is not None:
        return np.where(has_none, known_mean, moments.mean)
    if has_none.any():
        raise ValueError(
            f"X has no value in {has_none.sum()} of its {len(has_none)} features, the "
            f"first number {has_none.argmax()}. Leave them out, for instance with "
            "sklearn.impute.SimpleImputer, which drops such features."
        )
    return moments.mean


@one_blas_thread()
def axes_despite_gaps(values, weights, n_components, generator):
    """Find the principal axes of rows with missing values.

    These are filled with what the axes say of their rows, shrunk by the noise around
    the axes, and the axes found again, until little changes: regularised iterative PCA
    (Josse and Husson, 2012).

    Parameters
    ----------
    values : float32 array of shape (n_rows, n_features)
        Rows, with NaN where values are missing.

    weights, n_components, generator
        See `principal_axes`.

    Returns
    -------
    axes : PrincipalAxes
        Its `readers` regress the components of the filled rows on the rows with each
        missing value at its mean.

    complete : float32 array of shape (n_rows, n_features)
        The rows, filled.
    """
    gaps = np.isnan(values)
    mean, variance = mean_and_variance(values, weights, np.zeros(values.shape[1]))
    complete = filled(values, mean)
    for _ in range(_MOST_ROUNDS):
        axes = principal_axes(complete, weights, n_components, generator)
        before = complete[gaps]
        for chunk in _data.row_chunks(values):
            expected = _expected(axes, complete[chunk])
            complete[chunk] = np.where(gaps[chunk], expected, complete[chunk])
        change = np.square(complete[gaps] - before).mean()
        if change <= _ENOUGH * variance.mean():
            break
    readers = _regression(values, mean, weights, complete - axes.mean, axes)
    return dataclasses.replace(axes, readers=readers), complete


def _regression(values, mean, weights, deviations, axes):
    """Regress the components of filled rows on the rows with means in the gaps."""
    n_features = values.shape[1]
    if n_features > _MOST_FEATURES:
        return None
    moments = np.zeros((n_features, n_features))
    shared = np.zeros((n_features, len(axes.components)))
    for chunk in _data.row_chunks(values):
        read = zero_where_missing(values[chunk] - mean)
        weighted = read * weights[chunk, None]
        moments += weighted.T @ read
        shared += weighted.T @ (deviations[chunk] @ axes.components.T)
    if not np.trace(moments):  # nothing varies
        return None
    moments += _RIDGE * np.trace(moments) / n_features * np.eye(n_features)
    return np.linalg.solve(moments, shared).T


def _expected(axes, rows):
    """Return what the axes say of rows, by as much as they are above the noise.

    That is what axes of less than average variance (Kaiser, 1960), and no axes, have.
    """
    n_features = len(axes.residual_variances)
    total = axes.variances.sum() + axes.residual_variances.sum()
    signal = axes.variances[axes.variances > total / n_features]
    noise = (total - signal.sum()) / max(n_features - len(signal), 1)
    trust = np.zeros(len(axes.variances))
    trust[: len(signal)] = np.maximum(signal - noise, 0) / signal
    codes = (rows - axes.mean) @ axes.components.T
    return axes.mean + (codes * trust) @ axes.components
