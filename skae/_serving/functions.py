"""Functions of NumPy arrays under the names that they have in `keras.ops`.

So a formula that is written with the functions of `functions_of` its arguments serves
both kinds of arrays.
"""

import sys

import numpy as np
from numpy import abs as abs
from numpy import (  # noqa: F401 - the names are those of `keras.ops`
    exp,
    isnan,
    log,
    maximum,
    mean,
    minimum,
    ones_like,
    reshape,
    sqrt,
    square,
    stack,
    sum,
    transpose,
    where,
    zeros_like,
)
from scipy.special import expit as sigmoid  # noqa: F401

from skae._runtime.tensorflow import load_keras

ROWS_AT_A_TIME = 4
"""Fewer rows than `FEW_ROWS` are multiplied four at a time.

So a row has the same bits alone as among a few others. OpenBLAS multiplies four rows
with 200,000 weights nearly at the speed of one; 32 rows take eight times as long.
"""

FEW_ROWS = 32


def matmul(rows, kernel):
    """Return the product of rows and a matrix."""
    if rows.ndim == 2 and len(rows) < FEW_ROWS and not len(rows) % ROWS_AT_A_TIME:
        blocks = rows.reshape(-1, ROWS_AT_A_TIME, rows.shape[1])
        return (blocks @ kernel).reshape(len(rows), kernel.shape[1])
    return rows @ kernel


def cast(values, dtype):
    """Return values of another type, without a copy where they have it."""
    return values.astype(dtype, copy=False)


def softplus(values):
    """Return log(1 + exp(values)), which does not overflow."""
    return np.logaddexp(values, 0)


def functions_of(values):
    """Return this module for values of NumPy, and `keras.ops` for tensors."""
    if isinstance(values, np.ndarray | np.generic):
        return sys.modules[__name__]
    return load_keras().ops
