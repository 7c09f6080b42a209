"""How much of the variance reconstructions explain."""

import numpy as np

from skae._data.missing import mean_and_variance_of_observed
from skae._data.moments import Moments, mean_and_variance, rounding_of
from skae._data.rows import row_chunks


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


def explained_by_prefixes(targets, shares, codes, to_codes, means, kernel, bias):
    """Return the fraction of variance that the first codes explain, for each number.

    The decoder is linear, and the codes after the first are at their means. So a row r,
    from what the means decode to, has the error r - d K for the first deviations d of
    its codes and the first rows K of the kernel, and its squared length is
    r r' - 2 d K r' + d K K' d'. Summed over the rows, these need three matrices, whose
    leading parts belong to the first codes: no row is decoded more than once.

    Parameters
    ----------
    targets : ndarray or LazyRows of shape (n_rows, n_features)
        Rows to reconstruct.

    shares : float64 array of shape (n_rows,)
        What each row counts, of one.

    codes : ndarray of shape (n_rows, n_codes)
        Their codes.

    to_codes : callable
        Maps these to the codes that are added one by one.

    means : float64 array of shape (n_codes,)
        Of the latter.

    kernel : ndarray of shape (n_codes, n_features)
        Of the decoder.

    bias : ndarray of shape (n_features,)
        What the means decode to.

    Returns
    -------
    float64 array of shape (n_codes,)
    """
    kernel, n_codes = kernel.astype(np.float64), len(means)
    total, shared = 0.0, np.zeros(n_codes)
    moments, parts = np.zeros((n_codes, n_codes)), []
    for chunk in row_chunks(targets):
        rows, weights = np.asarray(targets[chunk]), shares[chunk]
        parts.append(Moments.of(rows, weights))
        deviations = to_codes(codes[chunk].astype(np.float64)) - means
        rows = rows.astype(np.float64) - bias
        weighted = weights[:, None] * deviations
        total += weights @ np.einsum("ij,ij->i", rows, rows)
        shared += np.einsum("ij,ij->j", weighted, rows @ kernel.T)
        moments += weighted.T @ deviations
    products = moments * (kernel @ kernel.T)
    leading = products.cumsum(axis=0).cumsum(axis=1).diagonal()
    variance = Moments.together(parts).squares.sum()
    errors = total - 2 * shared.cumsum() + leading
    # Without variance the decoder's bias explains everything.
    return 1 - errors / variance if variance else np.ones(n_codes)
