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

# Each round finds the axes again, so this bounds the time; training goes on from there.
_MOST_ROUNDS = 20
# Stop when the mean squared change of filled values is below this fraction of the
# features' mean variance. Less takes more rounds for a start that training changes.
_ENOUGH = 1e-3
# As `_LARGEST_MATRIX` in `axes`: the normal equations take 50 MB in float64.
_MOST_FEATURES = 2500
# Fraction of the mean diagonal of the normal equations, which are singular if features
# depend linearly on each other. Directions of average variance shrink by a thousandth.
_RIDGE = 1e-3


@one_blas_thread()
def axes_despite_missing(values, weights, n_components, generator):
    """Find the principal axes of rows with missing values.

    The method is regularised iterative PCA (Josse and Husson, 2012). Missing values
    start at their feature's mean. Then two steps alternate until little changes: find
    the axes, and fill in each row's projection on them, shrunk by the noise.

    Parameters
    ----------
    values : float32 array of shape (n_rows, n_features)
        Rows, with NaN where values are missing.

    weights, n_components, generator
        See `principal_axes`.

    Returns
    -------
    axes : PrincipalAxes
        Its `readers` are the regression of the filled rows' components on the rows in
        which means replace missing values.

    complete : float32 array of shape (n_rows, n_features)
        The rows with missing values filled in.
    """
    missing = np.isnan(values)
    mean, variance = mean_and_variance_of_observed(
        values, weights, np.zeros(values.shape[1])
    )
    complete = fill_with_means(values, mean)
    for _ in range(_MOST_ROUNDS):
        axes = principal_axes(complete, weights, n_components, generator)
        before = complete[missing]
        for chunk in row_chunks(values):
            expected = _expected(axes, complete[chunk])
            complete[chunk] = np.where(missing[chunk], expected, complete[chunk])
        change = np.square(complete[missing] - before).mean()
        if change <= _ENOUGH * variance.mean():
            break
    readers = _regression(values, mean, weights, complete - axes.mean, axes)
    return dataclasses.replace(axes, readers=readers), complete


def _regression(values, mean, weights, deviations, axes):
    """Regress the filled rows' components on the rows as the network reads them.

    The network reads means in place of missing values. This is ridge regression, by
    the normal equations, which are added up over chunks of rows.
    """
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
    if not np.trace(moments):  # without variance there is nothing to regress on
        return None
    moments += _RIDGE * np.trace(moments) / n_features * np.eye(n_features)
    return np.linalg.solve(moments, shared).T


def _expected(axes, rows):
    """Return the projection of rows on the axes, each code shrunk by the noise.

    Only axes of more than average variance carry signal (Kaiser, 1960). The noise is
    the mean variance in all other directions. A code is multiplied by
    ``(variance - noise) / variance`` (Josse and Husson, 2012), so that axes that fit
    noise do not fill missing values with it.
    """
    n_features = len(axes.residual_variances)
    total = axes.variances.sum() + axes.residual_variances.sum()
    signal = axes.variances[axes.variances > total / n_features]
    noise = (total - signal.sum()) / max(n_features - len(signal), 1)
    trust = np.zeros(len(axes.variances))
    trust[: len(signal)] = np.maximum(signal - noise, 0) / signal
    codes = (rows - axes.mean) @ axes.components.T
    return axes.mean + (codes * trust) @ axes.components
