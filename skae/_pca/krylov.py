"""Leading principal axes of a matrix that is only multiplied with vectors."""

import numpy as np
from scipy.linalg import eigh, qr

_OVERSAMPLING = 10
_FEWEST_BLOCKS = 6
# The basis of more is decomposed more slowly than the matrix is read.
_LARGEST_BASIS = 2500


def leading_pairs(deviations, n_pairs, generator, most_blocks=_FEWEST_BLOCKS):
    """Return the largest eigenvalues of the covariance, falling, and eigenvectors.

    By a block Krylov method from a random start (Musco and Musco, 2015), in the
    orthonormal basis of Lanczos; by power iterations where there is no room for it. The
    rows are read once a block, and once more.

    Parameters
    ----------
    deviations : object
        The matrix of the rows' weighted deviations from their mean. It has the methods
        ``deviations @ vectors`` and ``covariance_times(vectors)``, which multiply it,
        and its transpose times it, and the attribute ``n_features``.

    n_pairs : int
        How many.

    generator : numpy.random.RandomState
        Draws the start.

    most_blocks : int, default=6
        How many blocks to take where few pairs leave room for more than six: errors
        fall exponentially in them, most slowly where eigenvalues are close.

    Returns
    -------
    values : array of shape (n_pairs,)

    vectors : array of shape (n_pairs, n_features)
    """
    n_features = deviations.n_features
    size = min(n_pairs + _OVERSAMPLING, n_features)
    wanted = min(max(_LARGEST_BASIS // size, _FEWEST_BLOCKS), most_blocks)
    n_blocks = wanted if wanted * size <= n_features else 1
    basis = np.empty((n_features, 0))
    within = np.zeros(2 * (n_blocks * size,))
    mapped = generator.normal(size=(n_features, size))
    for _ in range(wanted - n_blocks):
        block = _orthonormal(mapped, basis)
        mapped = deviations.covariance_times(block)
    for _ in range(n_blocks):
        block = _orthonormal(mapped, basis)
        basis = np.hstack([basis, block])
        mapped = deviations.covariance_times(block)
        known = basis.shape[1]
        within[:known, known - size : known] = basis.T @ mapped
    _, vectors = eigh(within, lower=False)
    vectors = basis @ vectors[:, ::-1][:, :n_pairs]
    # Of products in float32 the squares are the more exact variances: what has none
    # gets the square of a rounding.
    values = np.square(deviations @ vectors, dtype=np.float64).sum(axis=0)
    order = np.argsort(-values, kind="stable")
    return values[order], vectors.T[order]


def _orthonormal(vectors, basis):
    """Return an orthonormal basis of what vectors add to a basis."""
    for _ in range(2):  # once more for what the first time's rounding leaves
        vectors = vectors - basis @ (basis.T @ vectors)
        vectors, _ = qr(vectors, mode="economic")
    return vectors
