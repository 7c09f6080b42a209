"""Principal axes of weighted rows."""

import dataclasses

import numpy as np
from scipy.linalg import eigh

from skae._data import mean_and_variance, row_chunks
from skae._krylov import leading_pairs
from skae._sparse import Deviations, SparseRows
from skae._threads import map_in_threads, one_blas_thread

_EXACT = 1e-12
_NOISE = 1e-14
_ROUNDING_OF_ZERO = 1e-28
_LARGEST_MATRIX = 2500
_FLOAT64_PRODUCTS = 10**10
# Up to this density a sparse matrix is multiplied faster than the dense one.
_SPARSE_PRODUCTS = 0.05


@dataclasses.dataclass(frozen=True)
class PrincipalAxes:
    """Principal axes of centred rows.

    Parameters
    ----------
    components : float64 array of shape (n_axes, n_features)
        Orthonormal, by falling variance, signs as scikit-learn's PCA gives them.

    variances : float64 array of shape (n_axes,)
        Variance along each axis.

    residual_variances : float64 array of shape (n_features,)
        Variance of each feature that the axes leave unexplained.

    mean : float64 array of shape (n_features,)
        Mean of the rows.

    complete : bool
        Whether there are as many axes as were asked for, and rows and features allow.

    readers : float64 array of shape (n_axes, n_features) or None, default=None
        What gives the components of rows that are read otherwise than they are, with
        gaps; None stands for `components`.
    """

    components: np.ndarray
    variances: np.ndarray
    residual_variances: np.ndarray
    mean: np.ndarray
    complete: bool
    readers: np.ndarray | None = None

    @property
    def are_beyond_float32(self):
        """Whether axes are asked for whose variances are lost in float32.

        That is where some feature varies by less than a millionth of another.
        """
        features = self.residual_variances + self.variances @ self.components**2
        varying = features[features > _ROUNDING_OF_ZERO * features.max()]
        if not len(varying) or varying.min() >= _EXACT * varying.max():
            return False
        smallest = self.variances.min() if self.complete else 0.0
        return smallest < _EXACT * features.max()

    @property
    def are_exact(self):
        """Whether the axes explain all variance, to float32's precision."""
        return self.residual_variances.sum() <= _EXACT * self.total_variance

    @property
    def total_variance(self):
        """Sum of the variances of all features."""
        return self.variances.sum() + self.residual_variances.sum()

    def share_of_first(self, n_axes):
        """Return the share of the variance that the first axes explain."""
        total = self.total_variance
        return float(self.variances[:n_axes].sum() / total) if total > 0 else 1.0

    def explaining(self, share):
        """Return the fewest first axes that explain a share of the variance."""
        explained = np.cumsum(self.variances)
        total = self.total_variance
        n_axes = np.searchsorted(explained, share * total) + 1
        rest = self.variances[n_axes:] @ self.components[n_axes:] ** 2
        return dataclasses.replace(
            self,
            components=self.components[:n_axes],
            variances=self.variances[:n_axes],
            residual_variances=self.residual_variances + rest,
            complete=True,
            readers=None if self.readers is None else self.readers[:n_axes],
        )


@one_blas_thread()
def principal_axes(values, weights, n_components, generator):
    """Find the principal axes of weighted rows.

    The covariance matrix is decomposed where it is small, the Gram matrix where the
    rows are few, and a block Krylov method (Musco and Musco, 2015) does the rest.

    Parameters
    ----------
    values : float32 array of shape (n_rows, n_features) or LazyRows
        The rows.

    weights : float64 array of shape (n_rows,)
        What each row counts.

    n_components : int
        Number of axes; fewer are returned where rows or features are fewer.

    generator : numpy.random.RandomState
        For the Krylov method's start.

    Returns
    -------
    PrincipalAxes
    """
    n_rows, n_features = values.shape
    mean, total = mean_and_variance(values, weights)
    weights = weights / weights.sum()
    n_components = min(n_components, n_rows, n_features)
    if n_features <= min(_LARGEST_MATRIX, 4 * n_rows):
        decompose = _from_covariance
    elif n_rows <= _LARGEST_MATRIX:
        decompose = _from_gram_matrix
    else:
        decompose = _from_krylov_space
    variances, components = decompose(values, weights, mean, n_components, generator)
    kept = variances > _NOISE * total.sum()
    variances, components = variances[kept], components[kept]
    components *= signs_of(components)[:, None]
    residual = np.maximum(total - variances @ components**2, 0.0)
    return PrincipalAxes(components, variances, residual, mean, bool(kept.all()))


def signs_of(components):
    """Return signs with which the largest value of each row is positive."""
    largest = np.abs(components).argmax(axis=1)
    return np.where(components[np.arange(len(components)), largest] < 0, -1.0, 1.0)


def _from_covariance(values, weights, mean, n_components, generator):
    if isinstance(values, SparseRows) and values.density <= _SPARSE_PRODUCTS:
        covariance = Deviations(values, weights, mean).covariance()
    else:
        covariance = _covariance(values, weights, mean)
    return _largest_eigenpairs(covariance, n_components)


def _covariance(values, weights, mean):
    n_features = values.shape[1]
    # Large products in float32 are twice as fast; sums over chunks stay float64.
    exact = len(values) * n_features**2 < _FLOAT64_PRODUCTS

    def product(chunk):
        scaled = values[chunk] - mean
        scaled *= np.sqrt(weights[chunk])[:, None]
        scaled = scaled if exact else scaled.astype(np.float32)
        return scaled.T @ scaled

    covariance = np.zeros((n_features, n_features))
    for part in map_in_threads(product, row_chunks(values)):
        covariance += part
    return covariance


def _from_gram_matrix(values, weights, mean, n_components, generator):
    if isinstance(values, SparseRows):
        deviations = Deviations(values, weights, mean)
        variances, left = _largest_eigenpairs(deviations.gram_matrix(), n_components)
        components = deviations.transposed_matmul(left.T).T
    else:
        scaled = np.array(values, np.float64)
        scaled -= mean
        scaled *= np.sqrt(weights)[:, None]
        variances, left = _largest_eigenpairs(scaled @ scaled.T, n_components)
        components = left @ scaled
    lengths = np.linalg.norm(components, axis=1, keepdims=True)
    return variances, components / np.maximum(lengths, np.finfo(float).tiny)


def _from_krylov_space(values, weights, mean, n_components, generator):
    is_sparse = isinstance(values, SparseRows)
    kind = Deviations if is_sparse else _DenseDeviations
    return leading_pairs(kind(values, weights, mean), n_components, generator)


class _DenseDeviations:
    """Does as `Deviations` does for rows that are dense, or are when read."""

    def __init__(self, values, weights, mean):
        self._values, self.n_features = values, values.shape[1]
        self._mean = mean.astype(np.float32)
        self._roots = np.sqrt(weights, dtype=np.float32)[:, None]

    def _block(self, chunk):
        block = np.array(self._values[chunk], np.float32)
        block -= self._mean
        block *= self._roots[chunk]
        return block

    def __matmul__(self, vectors):
        """Return the matrix times vectors, shape (n_rows, n_vectors)."""
        vectors = vectors.astype(np.float32)
        products = map_in_threads(
            lambda chunk: self._block(chunk) @ vectors, row_chunks(self._values)
        )
        return np.concatenate(list(products))

    def transposed_matmul(self, vectors):
        """Return the transposed matrix times vectors, (n_features, n_vectors)."""
        products = map_in_threads(
            lambda chunk: self._block(chunk).T @ vectors[chunk],
            row_chunks(self._values, 4 * vectors.shape[1]),
        )
        total = np.zeros((self.n_features, vectors.shape[1]))
        for product in products:  # sums over chunks stay float64
            total += product
        return total


def _largest_eigenpairs(matrix, n_pairs):
    """Return the largest eigenvalues, falling, and their eigenvectors as rows."""
    size = len(matrix)
    values, vectors = eigh(matrix, subset_by_index=(size - n_pairs, size - 1))
    return values[::-1], vectors.T[::-1].copy()
