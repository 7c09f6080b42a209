"""Principal axes of rows with missing values."""

import dataclasses

import numpy as np

from skae._data.missing import (
    fill_with_means,
    mean_and_variance_of_observed,
    zero_where_missing,
)
from skae._data.rows import row_chunks
from skae._pca.axes import principal_axes
from skae._runtime.threads import one_blas_thread

_MOST_ROUNDS = 20
_ENOUGH = 1e-3
_MOST_FEATURES = 2500
_RIDGE = 1e-3


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
    mean, variance = mean_and_variance_of_observed(
        values, weights, np.zeros(values.shape[1])
    )
    complete = fill_with_means(values, mean)
    for _ in range(_MOST_ROUNDS):
        axes = principal_axes(complete, weights, n_components, generator)
        before = complete[gaps]
        for chunk in row_chunks(values):
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
    for chunk in row_chunks(values):
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
