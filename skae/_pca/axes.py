"""Principal axes of weighted rows."""

import dataclasses

import numpy as np
from scipy.linalg import eigh

from skae._data.lazy import LazyRows
from skae._data.moments import Moments, mean_and_variance
from skae._data.rows import row_chunks
from skae._data.sparse import Deviations, SparseRows
from skae._pca.krylov import leading_pairs
from skae._runtime.threads import map_in_threads, one_blas_thread

# Ratio of variances that float32 loses: the square of a millionth, which is some 8
# float32 epsilons (1.2e-7).
_EXACT = 1e-12
# Eigenvalues below this fraction of the total variance are rounding errors of `eigh`,
# and their axes arbitrary. It is some 45 float64 epsilons (2.2e-16).
_NOISE = 1e-14
# A feature is constant if its variance is below this fraction of the largest: the
# square of 1e-14, a deviation that rounding in float64 alone may leave.
_ROUNDING_OF_ZERO = 1e-28
# 50 MB in float64. `eigh` takes time in proportion to the cube of the size.
_LARGEST_MATRIX = 2500
# Below this, products in float64 take so little time that float32 would not pay.
_FLOAT64_PRODUCTS = 10**10
# More blocks are more exact, but dense rows may lie in a file, and every block reads
# them again.
_KRYLOV_BLOCKS, _KRYLOV_BLOCKS_OF_SPARSE_ROWS = 6, 10
# 8 MB in float64. Larger pieces cost memory in every thread, smaller ones more calls.
_VALUES_AT_A_TIME = 2**20
# Up to this density a sparse matrix is multiplied faster than the dense one.
_SPARSE_PRODUCTS = 0.05


@dataclasses.dataclass(frozen=True)
class PrincipalAxes:
    """Principal axes of centred rows.

    Parameters
    ----------
    components : float64 array of shape (n_axes, n_features)
        Orthonormal axes in order of falling variance, with scikit-learn's signs.

    variances : float64 array of shape (n_axes,)
        Variance along each axis.

    residual_variances : float64 array of shape (n_features,)
        Variance of each feature that the axes do not explain.

    mean : float64 array of shape (n_features,)
        Mean of the rows.

    complete : bool
        Whether there are as many axes as were asked for, or as the numbers of rows and
        features allow. There are fewer where the last ones would be rounding errors.

    readers : float64 array of shape (n_axes, n_features) or None, default=None
        Maps rows in which means replace missing values to the components of the true
        rows. None means that `components` do so.
    """

    components: np.ndarray
    variances: np.ndarray
    residual_variances: np.ndarray
    mean: np.ndarray
    complete: bool
    readers: np.ndarray | None = None

    @property
    def are_beyond_float32(self):
        """Whether float32 loses the variances of some of the axes.

        That is possible where some feature varies by less than a millionth of another.
        """
        features = self.residual_variances + self.variances @ self.components**2
        varying = features[features > _ROUNDING_OF_ZERO * features.max()]
        if not len(varying) or varying.min() >= _EXACT * varying.max():
            return False
        smallest = self.variances.min() if self.complete else 0.0
        return smallest < _EXACT * features.max()

    @property
    def are_exact(self):
        """Whether the axes explain all variance, up to float32's precision."""
        return self.residual_variances.sum() <= _EXACT * self.total_variance

    @property
    def total_variance(self):
        """Sum of the variances of all features."""
        return self.variances.sum() + self.residual_variances.sum()

    def fraction_of_first(self, n_axes):
        """Return the fraction of the variance that the first axes explain."""
        total = self.total_variance
        return float(self.variances[:n_axes].sum() / total) if total > 0 else 1.0

    def explaining(self, fraction):
        """Return the fewest leading axes that explain a fraction of the variance."""
        explained = np.cumsum(self.variances)
        total = self.total_variance
        n_axes = np.searchsorted(explained, fraction * total) + 1
        return dataclasses.replace(self.first(n_axes), complete=True)

    def first(self, n_axes):
        """Return the first axes, as if no more had been asked for."""
        rest = self.variances[n_axes:] @ self.components[n_axes:] ** 2
        return dataclasses.replace(
            self,
            components=self.components[:n_axes],
            variances=self.variances[:n_axes],
            residual_variances=self.residual_variances + rest,
            complete=self.complete or len(self.variances) >= n_axes,
            readers=None if self.readers is None else self.readers[:n_axes],
        )


@one_blas_thread()
def principal_axes(values, weights, n_components, generator):
    """Find the principal axes of weighted rows.

    With few features the covariance matrix is decomposed, with few rows the Gram
    matrix, and otherwise a block Krylov method is used (Musco and Musco, 2015).

    Parameters
    ----------
    values : float32 array of shape (n_rows, n_features) or LazyRows
        The rows.

    weights : float64 array of shape (n_rows,)
        Weight of each row.

    n_components : int
        Number of axes. Fewer are returned if there are fewer rows or features.

    generator : numpy.random.RandomState
        Draws the start of the Krylov method.

    Returns
    -------
    PrincipalAxes
    """
    n_rows, n_features = values.shape
    weights = weights / weights.sum()
    n_components = min(n_components, n_rows, n_features)
    decompose = _decomposition(n_rows, n_features)
    return axes_of_pairs(*decompose(values, weights, n_components, generator))


def axes_of_pairs(mean, total, variances, components):
    """Return the `PrincipalAxes` of the leading eigenpairs of a covariance matrix.

    Parameters
    ----------
    mean, total : float64 arrays of shape (n_features,)
        Means and variances of the features.

    variances : float64 array of shape (n_pairs,)
        Eigenvalues, in falling order.

    components : float64 array of shape (n_pairs, n_features)
        Eigenvectors, of any sign.
    """
    kept = variances > _NOISE * total.sum()
    variances, components = variances[kept], components[kept]
    components = components * signs_of(components)[:, None]
    # Rounding may make the difference slightly negative.
    residual = np.maximum(total - variances @ components**2, 0.0)
    return PrincipalAxes(components, variances, residual, mean, bool(kept.all()))


def further_axes_are_cheap(n_rows, n_features):
    """Tell whether a matrix is decomposed, which takes as long for more axes."""
    return _decomposition(n_rows, n_features) is not _from_krylov_space


def _decomposition(n_rows, n_features):
    """Return the function that finds axes of rows of a shape in the least time."""
    # The Gram matrix costs a second pass over the rows, for the axes, so it must be
    # much smaller than the covariance matrix.
    if n_features <= min(_LARGEST_MATRIX, 4 * n_rows):
        return _from_covariance
    return _from_gram_matrix if n_rows <= _LARGEST_MATRIX else _from_krylov_space


def signs_of(components):
    """Return the signs that make the largest absolute value of each row positive.

    This is scikit-learn's `svd_flip` with ``u_based_decision=False``.
    """
    largest = np.abs(components).argmax(axis=1)
    return np.where(components[np.arange(len(components)), largest] < 0, -1.0, 1.0)


def _from_covariance(values, weights, n_components, generator):
    if isinstance(values, SparseRows) and values.density <= _SPARSE_PRODUCTS:
        mean, total = mean_and_variance(values, weights)
        covariance = Deviations(values, weights, mean).covariance()
    else:
        mean, total, covariance = _moments_and_covariance(values, weights)
    return mean, total, *_largest_eigenpairs(covariance, n_components)


def _moments_and_covariance(values, weights):
    """Return means, variances and covariance of dense rows, in one pass over them.

    By the law of total covariance: the covariance within the chunks, around their own
    means, plus that of these means. So no pass is needed for the overall mean first,
    and large means cancel no digits, as they would in E[xxᵀ] - E[x]E[x]ᵀ.
    """
    n_features = values.shape[1]
    # Large products in float32 are twice as fast. Sums over chunks stay in float64, so
    # rounding errors do not grow with the number of rows.
    exact = len(values) * n_features**2 < _FLOAT64_PRODUCTS

    def product(chunk):
        rows = np.asarray(values[chunk])
        part = Moments.of(rows, weights[chunk])
        scaled = _scaled(rows, weights[chunk], part.mean)
        scaled = scaled if exact else scaled.astype(np.float32)
        return part, scaled.T @ scaled

    covariance = np.zeros((n_features, n_features))
    parts = []
    for part, within in map_in_threads(product, row_chunks(values)):
        parts.append(part)
        covariance += within
    found = Moments.together(parts)
    means = np.array(
        [np.sqrt(part.weights) * (part.mean - found.mean) for part in parts]
    )
    covariance += means.T @ means
    return found.mean, found.variance, covariance


def _from_gram_matrix(values, weights, n_components, generator):
    if isinstance(values, SparseRows):
        mean, total = mean_and_variance(values, weights)
        deviations = Deviations(values, weights, mean)
        variances, left = _largest_eigenpairs(deviations.gram_matrix(), n_components)
        components = deviations.transposed_matmul(left.T).T
    else:
        mean, total, gram_matrix = _moments_and_gram_matrix(values, weights)
        variances, left = _largest_eigenpairs(gram_matrix, n_components)
        components = _left_times_deviations(left, values, weights, mean)
    # The SVD of the deviations D: if (DDᵀ)u = vu, then Dᵀu is an eigenvector of DᵀD
    # for the same v, of length √v. That is zero where there is no variance.
    lengths = np.linalg.norm(components, axis=1, keepdims=True)
    return (
        mean,
        total,
        variances,
        components / np.maximum(lengths, np.finfo(float).tiny),
    )


def _moments_and_gram_matrix(values, weights):
    """Return means, variances and Gram matrix of dense rows.

    The features are read once, a few at a time, so that wide rows need no copy.
    """

    def product(part):
        columns = _columns(values, part)
        found = Moments.of(columns, weights)
        scaled = _scaled(columns, weights, found.mean)
        return found, scaled @ scaled.T

    gram_matrix = np.zeros(2 * (len(values),))
    parts = []
    for part, of_part in map_in_threads(product, _column_parts(values)):
        parts.append(part)
        gram_matrix += of_part
    mean = np.concatenate([part.mean for part in parts])
    total = np.concatenate([part.variance for part in parts])
    return mean, total, gram_matrix


def _left_times_deviations(left, values, weights, mean):
    """Return left @ deviations, where deviations are as in `Deviations`."""
    products = map_in_threads(
        lambda part: left @ _scaled(_columns(values, part), weights, mean[part]),
        _column_parts(values),
    )
    return np.concatenate(list(products), axis=1)


def _column_parts(values):
    """Yield slices over the features; all rows of one take a few megabytes."""
    n_rows, n_features = values.shape
    step = max(1, _VALUES_AT_A_TIME // n_rows)
    for start in range(0, n_features, step):
        yield slice(start, min(start + step, n_features))


def _columns(values, part):
    lazy = isinstance(values, LazyRows)
    return np.asarray(values.columns(part) if lazy else values[:, part])


def _scaled(rows, weights, mean):
    """Return sqrt(weights) * (rows - mean); products of it are weighted sums."""
    scaled = rows - mean
    scaled *= np.sqrt(weights)[:, None]
    return scaled


def _from_krylov_space(values, weights, n_components, generator):
    mean, total = mean_and_variance(values, weights)
    kind: type[Deviations | _DenseDeviations] = _DenseDeviations
    most_blocks = _KRYLOV_BLOCKS
    if isinstance(values, SparseRows):
        kind, most_blocks = Deviations, _KRYLOV_BLOCKS_OF_SPARSE_ROWS
    deviations = kind(values, weights, mean)
    pairs = leading_pairs(deviations, n_components, generator, most_blocks)
    return mean, total, *pairs


class _DenseDeviations:
    """The same as `Deviations`, for dense rows and for lazy rows that become dense.

    Products are in float32, which is twice as fast.
    """

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

    def covariance_times(self, vectors):
        """Return the transposed matrix times the matrix times vectors.

        This reads the rows once, and the deviations from the mean are never stored.
        """
        vectors = vectors.astype(np.float32)

        def product(chunk):
            block = self._block(chunk)
            return block.T @ (block @ vectors)

        total = np.zeros(vectors.shape)
        # Each chunk gives a result of the size of the vectors, so it should have
        # several times as many rows as there are vectors.
        for part in map_in_threads(
            product, row_chunks(self._values, 4 * vectors.shape[1])
        ):  # sums over chunks stay in float64
            total += part
        return total


def _largest_eigenpairs(matrix, n_pairs):
    """Return the largest eigenvalues, in falling order, and eigenvectors as rows."""
    size = len(matrix)
    values, vectors = eigh(matrix, subset_by_index=(size - n_pairs, size - 1))
    return values[::-1], vectors.T[::-1].copy()
