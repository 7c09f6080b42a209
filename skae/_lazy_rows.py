"""Rows that are made from a matrix as they are read, so that no copy is kept."""

import dataclasses
import math
from typing import Any

import numpy as np

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
    """Rows of an array in the network's scale, (rows - shift) * factor, in float32.

    Parameters
    ----------
    matrix, numbers
        See `LazyRows`; the matrix is an array of numbers of any type.

    shift, factor : ndarray of shape (n_features,), float
        See `shift_and_factor`.
    """

    shift: np.ndarray
    factor: np.floating

    @property
    def dtype(self):
        """Type of the values."""
        return np.dtype(np.float32)

    def write(self, dense):
        """Write the values into an array of the same shape."""
        step = max(1, _VALUES_AT_A_TIME // self.shape[1])
        with np.errstate(over="ignore"):
            for start in range(0, len(self), step):
                self._write(self.numbers[start : start + step], dense[start:])

    def _write(self, numbers, dense):
        dense = dense[: len(numbers)]
        is_of_type = dense.dtype == self.shift.dtype
        scaled = dense if is_of_type else np.empty(dense.shape, self.shift.dtype)
        np.subtract(self.matrix[numbers], self.shift, out=scaled)
        scaled *= self.factor
        if not is_of_type:
            dense[:] = scaled


def shift_and_factor(mean, scale, dtype):
    """Return what to subtract from numbers of a type, and what multiplies the rest.

    Both are such that NumPy computes in float32 where that has all these numbers, and
    otherwise in float64.
    """
    has_all = np.result_type(dtype, np.float32) == np.float32
    exact = np.float32 if has_all and is_moderate(scale) else np.float64
    return mean.astype(exact), exact(1 / scale)


def is_moderate(scale):
    """Tell whether float32 has a scale, its inverse, and their products with rows."""
    return 1e-30 < scale < 1e30
