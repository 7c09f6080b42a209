"""Rows that are made from a matrix as they are read, so that no copy is kept."""

import dataclasses
import math
from typing import Any

import numpy as np

from skae._runtime.tensorflow import empty_to_share

_VALUES_AT_A_TIME = 2**17


@dataclasses.dataclass(frozen=True, eq=False)
class LazyRows:
    """Rows made from those of a matrix; they read like an array.

    A slice or an array of numbers takes rows, which share the matrix; ``np.asarray``
    makes an array of them, so it is for a few at a time.

    Parameters
    ----------
    matrix : matrix of shape (n_matrix_rows, n_features)
        What the rows are made from; never changed.

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
        What is subtracted.

    scale : float
        What the rest is divided by.
    """

    mean: np.ndarray
    scale: float

    @property
    def dtype(self):
        """Type of the values, which are computed in float64."""
        return np.dtype(np.float32)

    def columns(self, part):
        """Return the same rows of some features, a slice of them."""
        matrix, mean = self.matrix[:, part], self.mean[part]
        return ScaledRows(matrix, self.numbers, mean, self.scale)

    def write(self, dense):
        """Write the values into an array of the same shape."""
        step = max(1, _VALUES_AT_A_TIME // self.shape[1])
        with np.errstate(over="ignore"):
            for start in range(0, len(self), step):
                part = slice(start, start + step)
                exact = self.matrix[self.numbers[part]] - self.mean
                exact /= self.scale
                dense[part] = exact


def dense_copy(values):
    dense = empty_to_share(values.shape)
    values.write(dense)
    return dense
