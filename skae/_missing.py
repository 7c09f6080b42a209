"""Missing values: where they are, what stands for them, and axes in spite of them."""

import numpy as np

from skae._data import mean_and_variance
from skae._pca import principal_axes

_MOST_ROUNDS = 20
_ENOUGH = 1e-3


def has_gaps(X):
    """Tell whether values are missing."""
    return X.dtype.kind == "f" and bool(np.isnan(X).any())


def filled(X, mean):
    """Return X with each missing value at its feature's mean; X itself if it has none.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows, with NaN where values are missing.

    mean : float64 ndarray of shape (n_features,)
        Means of the features.
    """
    if not has_gaps(X):
        return X
    return np.where(np.isnan(X), mean.astype(X.dtype), X)


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

    complete : float32 array of shape (n_rows, n_features)
        The rows, filled.
    """
    gaps = np.isnan(values)
    mean, _ = mean_and_variance(values, weights)
    complete = filled(values, mean)
    for _ in range(_MOST_ROUNDS):
        axes = principal_axes(complete, weights, n_components, generator)
        before = complete[gaps]
        complete[gaps] = _expected(axes, complete)[gaps]
        change = np.square(complete[gaps] - before).mean()
        if change <= _ENOUGH * np.square(before - mean.mean()).mean():
            break
    return axes, complete


def _expected(axes, rows):
    """Return what the axes say of rows, by as much as they are above the noise."""
    n_others = max(len(axes.residual_variances) - len(axes.variances), 1)
    noise = axes.residual_variances.sum() / n_others
    trust = np.maximum(axes.variances - noise, 0) / axes.variances
    codes = (rows - axes.mean) @ axes.components.T
    return axes.mean + (codes * trust) @ axes.components
