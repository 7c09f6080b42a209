"""Rows that are made from a matrix as they are read, so that no copy is kept."""

import dataclasses
import math
from typing import Any

import numpy as np

from skae._runtime.tensorflow import empty_to_share

# 1 MB in float64, between the user's array and the float32 rows. More would cost memory
# in every thread that reads rows, less would cost a call for fewer values.
_VALUES_AT_A_TIME = 2**17


@dataclasses.dataclass(frozen=True, eq=False)
class LazyRows:
    """Rows made from those of a matrix; they read like an array.

    Indexing with a slice or an array of numbers returns lazy rows of the same matrix.
    ``np.asarray`` makes a dense array; use it for a few rows at a time.

    Parameters
    ----------
    matrix : matrix of shape (n_matrix_rows, n_features)
        The source of the rows. It is never changed.

    numbers : int ndarray of shape (n_rows,)
        Which rows of the matrix these are, in order.
    """

    matrix: Any
    numbers: np.ndarray

    @property
    def shape(self):
        """Number of rows and of features."""
        return len(self.numbers), self.matrix.shape[1]

    @property
    def size(self):
        """Number of values."""
        return math.prod(self.shape)

    @property
    def dtype(self):
        """Type of the values."""
        return self.matrix.dtype

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, rows):
        return dataclasses.replace(self, numbers=self.numbers[rows])

    def __array__(self, dtype=None, copy=None):
        dense = np.empty(self.shape, self.dtype)
        self.write(dense)
        return dense if dtype is None else dense.astype(dtype, copy=False)

    def write(self, dense):
        """Write the values into an array of the same shape, row-major."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, eq=False)
class ScaledRows(LazyRows):
    """Rows of an array in the network's scale: float32 (rows - mean) / scale.

    Parameters
    ----------
    matrix, numbers
        See `LazyRows`; the matrix is an array of numbers of any type.

    mean : float64 ndarray of shape (n_features,)
        Subtracted from each row.

    scale : float
        Divides the centred rows.
    """

    mean: np.ndarray
    scale: float

    @property
    def dtype(self):
        """Type of the values. They are computed in float64 and then rounded."""
        return np.dtype(np.float32)

    def columns(self, part):
        """Return the same rows with a slice of the features only."""
        matrix, mean = self.matrix[:, part], self.mean[part]
        return ScaledRows(matrix, self.numbers, mean, self.scale)

    def write(self, dense):
        """Write the values into an array of the same shape."""
        step = max(1, _VALUES_AT_A_TIME // self.shape[1])
        with np.errstate(over="ignore"):
            for start in range(0, len(self), step):
                part = slice(start, start + step)
                # In float64: float32 would lose the digits in which values that are
                # large beside their spread differ.
                exact = self.matrix[self.numbers[part]] - self.mean
                exact /= self.scale
                dense[part] = exact


def dense_copy(values):
    """Return lazy rows as a float32 array whose memory TensorFlow can share."""
    dense = empty_to_share(values.shape)
    values.write(dense)
    return dense
