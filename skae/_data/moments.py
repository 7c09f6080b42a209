"""Means, variances and range of rows, from a single pass over them."""

import dataclasses

import numpy as np

from skae._data.rows import row_chunks
from skae._data.sparse import SparseRows

# Some 450 float64 epsilons (2.2e-16): the relative error that rounded sums may leave. A
# higher bound would take small true variation for rounding.
_ROUNDING = 1e-13
# The square of a number below 1.5e-154 is no normal float64 any more. The rest is a
# margin for deviations that are smaller than the mean.
_UNDERFLOWS = 1e-150


@dataclasses.dataclass(frozen=True)
class Moments:
    """Means, squared deviations and range of rows, from a single pass over them.

    Parameters
    ----------
    weights : float64 array of shape (n_features,)
        Total weight of the rows in which the feature is observed.

    mean : float64 array of shape (n_features,)
        Weighted means of the values that are not missing.

    squares : float64 array of shape (n_features,)
        Weighted sums of the squared deviations from the means.

    has_missing : bool
        Whether values are missing.

    lowest, highest : float, default=-inf, inf
        Range of all values, if it was asked for.
    """

    weights: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    has_missing: bool
    lowest: float = -np.inf
    highest: float = np.inf

    @classmethod
    def of(cls, rows, weights, with_range=False):
        """Return the moments of an array of a few rows; NaN stands for missing values.

        Two passes over deviations from the first row (shifted data, Chan, Golub and
        LeVeque, 1983): equal rows get a variance of exactly zero, and large means
        cancel no digits, as they would in E[x²] - E[x]².
        """
        limits = range_of(rows) if with_range else ()
        first = rows[0].astype(np.float64)
        deviations = rows - first
        total = weights.sum()
        shift = weighted_sum(weights, deviations) / total
        if np.isnan(shift).any():
            return cls(*_of_observed(rows, weights), *limits)
        deviations -= shift
        deviations *= deviations
        squares = weighted_sum(weights, deviations)
        return cls(np.full_like(shift, total), first + shift, squares, False, *limits)

    @classmethod
    def together(cls, parts):
        """Return the moments of all rows from those of their parts.

        By the law of total variance: the variance within the parts, plus the variance
        of their means.
        """
        weights = np.array([part.weights for part in parts])
        means = np.array([part.mean for part in parts])
        total = weights.sum(axis=0)
        shares = weights / np.where(total, total, 1)
        # Added to the first mean, so that equal means give exactly that mean.
        mean = means[0] + (shares * (means - means[0])).sum(axis=0)
        between = (weights * (means - mean) ** 2).sum(axis=0)
        return cls(
            total,
            mean,
            between + sum(part.squares for part in parts),
            any(part.has_missing for part in parts),
            min(part.lowest for part in parts),
            max(part.highest for part in parts),
        )

    @property
    def are_finite(self):
        """Whether no value is missing or infinite, and no square overflows."""
        return not self.has_missing and bool(np.isfinite(self.squares).all())

    @property
    def variance(self):
        """Variances of the features, zero where all values are missing."""
        return self.squares / np.where(self.weights, self.weights, 1)


def moments_of(X, weights, with_range=False):
    """Return the `Moments` of rows, in float64; reads them once, chunk by chunk.

    Parameters
    ----------
    X : ndarray or LazyRows of shape (n_rows, n_features)
        Rows; an array has NaN where values are missing.

    weights : float64 array of shape (n_rows,)
        Weight of each row.

    with_range : bool, default=False
        Whether to find the lowest and the highest value as well.
    """
    shares = weights / weights.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(X, SparseRows):
            limits = (X.min(), X.max()) if with_range else ()
            mean, variance = X.mean_and_variance(shares)
            return Moments(np.ones(len(mean)), mean, variance, False, *limits)
        return Moments.together(
            [
                Moments.of(np.asarray(X[chunk]), shares[chunk], with_range)
                for chunk in row_chunks(X)
            ]
        )


def mean_and_variance(X, weights):
    """Return the features' weighted means and variances; see `moments_of`."""
    found = moments_of(X, weights)
    return found.mean, found.variance


def _of_observed(rows, weights):
    """Return the fields of `Moments` up to `has_missing`, over the observed values."""
    observed = ~np.isnan(rows)
    total = weighted_sum(weights, observed)
    known = np.where(observed, rows, 0)
    mean = weighted_sum(weights, known) / np.where(total, total, 1)
    squares = np.where(observed, known - mean, 0) ** 2
    return total, mean, weighted_sum(weights, squares), not observed.all()


def range_of(rows):
    """Return the lowest and the highest value that is not missing."""
    return np.fmin.reduce(rows, axis=None), np.fmax.reduce(rows, axis=None)


def weighted_sum(weights, rows):
    """Return weights @ rows, with the same bits for any number of threads.

    `einsum` adds up in one thread, in a fixed order; BLAS, behind ``@``, may not.
    """
    return np.einsum("i,ij->j", weights, rows, dtype=np.float64)


def total_scale(mean, variance):
    """Return the root of the features' mean variance, or 1 if it is only rounding.

    Division by a spread of rounding errors would blow them up to data.

    Raises
    ------
    ValueError
        When the variance overflows or underflows.
    """
    average = variance.mean()
    if not np.isfinite(average):
        raise ValueError(
            "X has values so large that their variance is not a finite number "
            f"(the largest mean is {np.abs(mean).max():g}). Divide X by a constant."
        )
    if average < np.finfo(np.float64).tiny and 0 < np.abs(mean).max() < _UNDERFLOWS:
        raise ValueError(
            "X has values so small that their variance is not a number above zero "
            f"(the largest mean is {np.abs(mean).max():g}). Multiply X by a constant."
        )
    return float(np.sqrt(average)) if np.sqrt(average) > rounding_of(mean) else 1.0


def without_rounding(moments, mean):
    """Return `Moments` without squares if these are only rounding; see `total_scale`.

    Parameters
    ----------
    mean : float64 array of shape (n_features,)
        Means of the features, which may be known for those without a value.
    """
    if np.sqrt(moments.variance.mean()) > rounding_of(mean):
        return moments
    return dataclasses.replace(moments, squares=np.zeros_like(moments.squares))


def rounding_of(mean):
    """Return the deviation that rounding may give to rows that are equal."""
    largest = np.abs(mean).max() or 1.0
    # Relative to the largest: the squares of the means may overflow although those of
    # the deviations do not.
    return _ROUNDING * largest * np.sqrt(((mean / largest) ** 2).mean())
