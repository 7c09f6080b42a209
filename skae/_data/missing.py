"""Missing values: finding them, and filling them with means."""

import numpy as np

from skae._data.lazy import LazyRows
from skae._data.moments import moments_of
from skae._data.rows import row_chunks


def allows_missing(estimator):
    """Tell whether an estimator takes NaN for missing values."""
    return getattr(estimator, "missing_values", "error") == "allow"


def has_missing(X):
    """Tell whether values are missing."""
    if isinstance(X, LazyRows) or X.dtype.kind != "f":
        return False
    return any(np.isnan(X[chunk]).any() for chunk in row_chunks(X))


def fill_with_means(X, mean):
    """Return X with means in place of missing values; X itself if none are missing.

    Parameters
    ----------
    X : ndarray or LazyRows of shape (n_rows, n_features)
        Rows, with NaN where values are missing.

    mean : float64 ndarray of shape (n_features,)
        Means of the features.
    """
    if not has_missing(X):
        return X
    return np.where(np.isnan(X), mean.astype(X.dtype), X)


def zero_where_missing(values):
    """Return the values with zeros in place of NaN."""
    return np.where(np.isnan(values), 0, values)


def mean_and_variance_of_observed(X, weights, known_mean=None):
    """Return the features' weighted means and variances over the observed values.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows, with NaN where values are missing.

    weights : float64 ndarray of shape (n_rows,)
        Weight of each row.

    known_mean : float64 ndarray of shape (n_features,) or None, default=None
        Means to use for features without any observed value. Their variance is zero.

    Raises
    ------
    ValueError
        When a feature has no observed value, and `known_mean` is None or no other
        feature has one.
    """
    found = moments_of(X, weights)
    return mean_of_observed(found, known_mean), found.variance


def mean_of_observed(moments, known_mean=None):
    """Return the mean of `Moments`; see `mean_and_variance_of_observed`."""
    has_none = moments.weights == 0
    if known_mean is not None:
        if has_none.all():
            raise ValueError(
                "X has no value: all are missing. Leave out rows without any value."
            )
        return np.where(has_none, known_mean, moments.mean)
    if has_none.any():
        raise ValueError(
            f"X has no value in {has_none.sum()} of its {len(has_none)} features, the "
            f"first number {has_none.argmax()}. Leave them out, for instance with "
            "sklearn.impute.SimpleImputer, which drops such features."
        )
    return moments.mean
