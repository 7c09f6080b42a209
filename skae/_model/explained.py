"""How much of the variance reconstructions explain."""

import numpy as np

from skae._data.missing import mean_and_variance_of_observed
from skae._data.moments import mean_and_variance, rounding_of


def fraction_explained(X, errors, known_mean=None):
    """Return 1 - SSE / SST over all features, with SST around the means of X.

    Where X does not vary, which is no more than its rounding, the fraction is one if
    the errors are no more either, and zero otherwise.

    Parameters
    ----------
    X : ndarray or SparseRows of shape (n_rows, n_features)
        Rows, in the user's units.

    errors : float64 array of shape (n_rows,)
        Mean squared error of each row, over its observed values.

    known_mean : float64 array of shape (n_features,) or None, default=None
        Means that stand for those of features without a value. None means that no
        value is missing.
    """
    weights = np.ones(len(X))
    if known_mean is None:
        mean, variance = mean_and_variance(X, weights)
        error, variance = errors.mean(), variance.mean()
    else:
        mean, variance = mean_and_variance_of_observed(X, weights, known_mean)
        observed = ~np.isnan(X)
        error = np.average(errors, weights=observed.sum(axis=1))
        variance = np.average(variance, weights=observed.sum(axis=0))
    rounding = rounding_of(mean)
    if np.sqrt(variance) <= rounding:
        return 1.0 if np.sqrt(error) <= rounding else 0.0
    return float(1 - error / variance)
