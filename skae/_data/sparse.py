"""Sparse rows, of which a few at a time become dense."""

import dataclasses

import numpy as np
from scipy.sparse import csr_array, vstack

from skae._data.lazy import LazyRows

# 8 MB in float64. Larger pieces cost memory in every thread, smaller ones more calls.
_VALUES_AT_A_TIME = 2**20


@dataclasses.dataclass(frozen=True, eq=False)
class SparseRows(LazyRows):
    """Rows that differ from a background row in few places; reading makes them dense.

    A background other than zero lets centred rows stay sparse.

    Parameters
    ----------
    matrix : csr_array of shape (n_matrix_rows, n_features)
        The stored values, which take the place of the background. No duplicates.

    numbers : int ndarray of shape (n_rows,)
        See `LazyRows`.

    background : ndarray of shape (n_features,)
        The value of each feature where nothing is stored.
    """

    background: np.ndarray

    @classmethod
    def of(cls, matrix):
        """Return the rows of a SciPy matrix or array in CSR format."""
        matrix = csr_array(matrix)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        n_rows, n_features = matrix.shape
        return cls(matrix, np.arange(n_rows), np.zeros(n_features, matrix.dtype))

    @property
    def density(self):
        """Fraction of the matrix's values that are stored."""
        return self.matrix.nnz / max(1, self.matrix.shape[0] * self.matrix.shape[1])

    def write(self, dense):
        """Write the values into an array of the same shape, row-major."""
        stored = self.matrix[self.numbers]
        dense[:] = self.background
        first = np.arange(len(self)) * self.shape[1]
        places = np.repeat(first, np.diff(stored.indptr)) + stored.indices
        dense.reshape(-1)[places] = stored.data

    def column_chunks(self):
        """Yield the rows with a few features at a time, a few megabytes when dense."""
        stored = self.matrix[self.numbers]
        step = max(1, _VALUES_AT_A_TIME // len(self))
        for start in range(0, self.shape[1], step):
            part = slice(start, start + step)
            yield SparseRows(
                stored[:, part], np.arange(len(self)), self.background[part]
            )

    def blocks(self):
        """Yield slices over the rows, each with its stored values as a csr_array."""
        n_rows = self.matrix.shape[0]
        step = max(1, n_rows * _VALUES_AT_A_TIME // max(1, self.matrix.nnz))
        for start in range(0, len(self), step):
            part = slice(start, start + step)
            yield part, self.matrix[self.numbers[part]]

    def min(self):
        """Return the lowest value."""
        return min(self._extremes(np.min))

    def max(self):
        """Return the highest value."""
        return max(self._extremes(np.max))

    def _extremes(self, extreme):
        n_stored = 0
        for _, stored in self.blocks():
            n_stored += stored.nnz
            if stored.nnz:
                yield extreme(stored.data)
        if n_stored < self.size:
            yield extreme(self.background)

    def standardized(self, mean, scale, order):
        """Return (rows[order] - mean) / scale in float32, with dense rows' bits."""
        stored = self.matrix
        data = np.empty(stored.nnz, np.float32)
        for start in range(0, len(data), _VALUES_AT_A_TIME):
            part = slice(start, start + _VALUES_AT_A_TIME)
            data[part] = (stored.data[part] - mean[stored.indices[part]]) / scale
        matrix = csr_array((data, stored.indices, stored.indptr), stored.shape)
        background = ((self.background - mean) / scale).astype(np.float32)
        return SparseRows(matrix, self.numbers[order], background)

    def mean_and_variance(self, shares):
        """Return the features' means and variances, with weights that add up to 1.

        Two passes, as in `Moments.of`: deviations are squared, not values, because
        E[x²] - E[x]² would cancel the digits that large means have in common.
        """
        background = self.background.astype(np.float64)
        mean = background + self._sum(shares, lambda x, i: x - background[i])
        n_stored = self._sum(np.ones(len(self)), lambda x, i: np.ones(len(x)))
        elsewhere = 1 - self._sum(shares, lambda x, i: np.ones(len(x)))
        # Weights add up to 1 only up to rounding, but these features have no rest.
        elsewhere[n_stored == len(self)] = 0.0
        # A second step from the first mean, which corrects its rounding, so that equal
        # rows get a variance of exactly zero.
        mean += elsewhere * (background - mean) + self._sum(
            shares, lambda x, i: x - mean[i]
        )
        variance = elsewhere * (background - mean) ** 2 + self._sum(
            shares, lambda x, i: (x - mean[i]) ** 2
        )
        return mean, variance

    def _sum(self, shares, term):
        """Return each feature's weighted sum of terms over the stored values."""
        total = np.zeros(self.shape[1])
        for part, stored in self.blocks():
            weights = np.repeat(shares[part], np.diff(stored.indptr))
            terms = weights * term(stored.data, stored.indices)
            total += np.bincount(stored.indices, terms, len(total))
        return total


@dataclasses.dataclass(frozen=True, eq=False)
class Products:
    """The product of sparse rows and a kernel; ``np.asarray`` computes it.

    Parameters
    ----------
    rows : SparseRows
        The left factor.

    kernel : float array of shape (n_features, n_products)
        The right factor.
    """

    rows: SparseRows
    kernel: np.ndarray

    @property
    def shape(self):
        """Shape of the product."""
        return len(self.rows), self.kernel.shape[1]

    @property
    def dtype(self):
        """Type of the rows."""
        return self.rows.dtype

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows):
        return Products(self.rows[rows], self.kernel)

    def __array__(self, dtype=None, copy=None):
        stored, background = self.rows.matrix[self.rows.numbers], self.rows.background
        dtype_of_sums = np.result_type(stored.dtype, self.kernel.dtype)
        deviations = stored.data.astype(dtype_of_sums) - background[stored.indices]
        differing = csr_array((deviations, stored.indices, stored.indptr), stored.shape)
        products = differing @ self.kernel + background @ self.kernel
        return np.asarray(products, dtype)


class Deviations:
    """The matrix of weighted deviations of sparse rows from a mean, never made dense.

    Row i is ``sqrt(weight_i) * (row_i - mean)``. The matrix is ``S - r sᵀ``: S holds
    the weighted deviations from the background and is sparse, r is ``sqrt(weights)``,
    and s is ``mean - background``. Every product below expands this difference.

    Parameters
    ----------
    rows : SparseRows
        The rows.

    weights : array of shape (n_rows,)
        Weight of each row.

    mean : array of shape (n_features,)
        The mean to subtract.
    """

    def __init__(self, rows, weights, mean):
        background = rows.background.astype(np.float64)
        self._shift = mean - background
        self._blocks = []
        for part, stored in rows.blocks():
            roots = np.sqrt(weights[part])
            deviations = stored.data - background[stored.indices]
            deviations *= np.repeat(roots, np.diff(stored.indptr))
            scaled = csr_array(
                (deviations, stored.indices, stored.indptr), stored.shape
            )
            self._blocks.append((scaled, roots[:, None]))

    @property
    def n_features(self):
        """Number of features."""
        return len(self._shift)

    def __matmul__(self, vectors):
        """Return the matrix times vectors, shape (n_rows, n_vectors)."""
        shifted = self._shift @ vectors
        return np.concatenate(
            [scaled @ vectors - roots * shifted for scaled, roots in self._blocks]
        )

    def transposed_matmul(self, vectors):
        """Return the transposed matrix times vectors, (n_features, n_vectors)."""
        total = np.zeros((len(self._shift), vectors.shape[1]))
        start = 0
        for scaled, roots in self._blocks:
            some = vectors[start : start + len(roots)]
            total += scaled.T @ some - np.outer(self._shift, roots.T @ some)
            start += len(roots)
        return total

    def covariance_times(self, vectors):
        """Return the transposed matrix times the matrix times vectors."""
        return self.transposed_matmul(self @ vectors)

    def covariance(self):
        """Return the transposed matrix times the matrix, as a dense array.

        It is SᵀS - c sᵀ - s cᵀ with c = Sᵀr - s rᵀr / 2.
        """
        total = np.zeros(2 * self._shift.shape)
        crossed = np.zeros(len(self._shift))
        for scaled, roots in self._blocks:
            total += (scaled.T @ scaled).toarray()
            crossed += (scaled.T @ roots)[:, 0] - self._shift * (roots**2).sum() / 2
        crossed = np.outer(crossed, self._shift)
        return total - crossed - crossed.T

    def gram_matrix(self):
        """Return the matrix times the transposed matrix, as a dense array.

        It is SSᵀ - c rᵀ - r cᵀ with c = S s - r sᵀs / 2.
        """
        scaled = vstack([scaled for scaled, _ in self._blocks], format="csr")
        roots = np.concatenate([roots for _, roots in self._blocks])
        crossed = (scaled @ self._shift)[:, None] - roots * (self._shift**2).sum() / 2
        crossed = crossed @ roots.T
        return (scaled @ scaled.T).toarray() - crossed - crossed.T
