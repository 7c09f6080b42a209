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
    square,
    stack,
    sum,
    where,
    zeros_like,
)
from scipy.special import expit as sigmoid  # noqa: F401

from skae._runtime.tensorflow import load_keras


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
