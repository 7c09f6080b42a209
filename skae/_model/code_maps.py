"""Maps to codes in order: sorted ones, and uncorrelated ones."""

import numpy as np

from skae._model.coordinates import CodeMap
from skae._pca.axes import signs_of

# Least fraction of the largest variance: about the square of float32's epsilon, 1.2e-7.
# Codes are float32, so less is rounding and must not be scaled to unit variance.
_NOISE = 1e-14
# Least fraction of the largest length. The decoder divides by lengths, and ratios above
# 1e6 would blow up the rounding of float32 codes to the size of the rows.
FAINT = 1e-6


def selection(order, signs=None):
    """Return the map that sorts codes and multiplies them by signs."""
    n_codes = len(order)
    matrix = np.diag(np.ones(n_codes) if signs is None else signs)[:, order]
    return CodeMap(matrix, matrix.T, np.zeros(n_codes), np.zeros(n_codes))


def decorrelating(covariance, shared, mean):
    """Return the map to uncorrelated codes, and the variances that they explain.

    These are their own variances, but for those that explain next to nothing.

    Whitened codes stay so in any rotation, and explain the squared length of their
    covariance with the rows. The SVD of this covariance gives the rotation that sorts
    them: singular vectors as axes, singular values as lengths.

    Parameters
    ----------
    covariance : float64 array of shape (n_codes, n_codes)
        Covariance of the codes.

    shared : float64 array of shape (n_codes, n_features)
        Covariance of codes and rows.

    mean : float64 array of shape (n_codes,)
        Mean of the codes.
    """
    variances, axes = np.linalg.eigh(covariance)
    deviations = np.sqrt(_floored(variances, _NOISE))
    whitening = axes / deviations
    left, lengths = _left_singular(whitening.T @ shared)
    explained = lengths**2
    lengths = _floored(lengths, FAINT)
    left *= signs_of(left.T @ (whitening.T @ shared))
    code_map = CodeMap(
        whitening @ left * lengths,
        (left / lengths).T @ (axes * deviations).T,
        mean,
        mean,
    )
    return code_map, explained


def _left_singular(matrix):
    """Return all left singular vectors as columns, and one singular value for each."""
    n_rows, n_columns = matrix.shape
    left, values, _ = np.linalg.svd(matrix, full_matrices=n_rows > n_columns)
    return left, np.pad(values, (0, n_rows - len(values)))


def _floored(values, fraction):
    """Raise values to a fraction of the largest, or to one if that is zero."""
    lowest = fraction * values.max()
    return np.maximum(values, lowest) if lowest > 0 else np.ones_like(values)
