"""Leading principal axes of a matrix of which only products with vectors are taken."""

import numpy as np
from scipy.linalg import eigh, qr

# Halko, Martinsson and Tropp (2011) advise 5 to 10; scikit-learn takes 10 as well.
_OVERSAMPLING = 10
# Errors fall exponentially in the number of blocks, and each reads the rows again.
_FEWEST_BLOCKS = 6
# With more vectors, decomposing the basis takes longer than reading the matrix.
_LARGEST_BASIS = 2500


def leading_pairs(deviations, n_pairs, generator, most_blocks=_FEWEST_BLOCKS):
    """Return the largest eigenvalues of the covariance and their eigenvectors.

    The method is randomised block Krylov iteration (Musco and Musco, 2015) with the
    orthonormal basis of Lanczos. If the basis would be larger than the number of
    features, power iterations take its place. Each block reads the rows once, and the
    eigenvalues need one more pass.

    Parameters
    ----------
    deviations : object
        The matrix D of weighted deviations of the rows from their mean. It has the
        attribute ``n_features`` and two products: ``deviations @ vectors`` is D times
        vectors, ``covariance_times(vectors)`` is DᵀD times vectors.

    n_pairs : int
        Number of eigenvalues and eigenvectors.

    generator : numpy.random.RandomState
        Draws the start.

    most_blocks : int, default=6
        Number of blocks, if so few pairs are wanted that the basis has room for more
        than six. Errors fall exponentially in it, most slowly for close eigenvalues.

    Returns
    -------
    values : array of shape (n_pairs,)
        In falling order.

    vectors : array of shape (n_pairs, n_features)
    """
    n_features = deviations.n_features
    size = min(n_pairs + _OVERSAMPLING, n_features)
    wanted = min(max(_LARGEST_BASIS // size, _FEWEST_BLOCKS), most_blocks)
    n_blocks = wanted if wanted * size <= n_features else 1
    basis = np.empty((n_features, 0))
    within = np.zeros(2 * (n_blocks * size,))
    # Gaussian vectors have a part in the direction of every eigenvector, almost surely.
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
    # Rayleigh-Ritz: the eigenvectors of the covariance restricted to the basis, of
    # which only the upper triangle was filled in.
    _, vectors = eigh(within, lower=False)
    vectors = basis @ vectors[:, ::-1][:, :n_pairs]
    # The sums of squares are more exact variances than the eigenvalues if products are
    # in float32: an axis without variance gets the square of a rounding error.
    values = np.square(deviations @ vectors, dtype=np.float64).sum(axis=0)
    order = np.argsort(-values, kind="stable")
    return values[order], vectors.T[order]


def _orthonormal(vectors, basis):
    """Return orthonormal vectors that extend a basis by the span of `vectors`."""
    # Gram-Schmidt twice: after cancellation the rounding of the first time may be as
    # large as what is left, and twice is enough (Parlett, 1980).
    for _ in range(2):
        vectors = vectors - basis @ (basis.T @ vectors)
        vectors, _ = qr(vectors, mode="economic")
    return vectors
