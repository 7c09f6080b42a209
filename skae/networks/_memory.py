"""Sizes that no fit can have: refused before anything of them is built."""

import math
import numbers
import os

from skae._keras.models import without_memory
from skae.networks._build import variables

# Pairs of sizes whose product is smaller make no layer of more than 1 GB in float32.
_LARGE = 2**28
# In float32: the weights in the codec, as built, at the start and in training, and what
# the optimizer keeps of each, for Adam two numbers and their copies.
_COPIES_OF_WEIGHTS = 8
# In float64, of codes times codes: their covariance, its axes, and the change of
# coordinates with its inverse.
_MATRICES_OF_CODES = 4
# Where the system does not say how much it has: more than the largest machines.
_LARGEST_MACHINE = 2**46


def check_memory(architecture, n_rows):
    """Raise a ValueError if a fit would take more memory than the machine has.

    Parameters
    ----------
    architecture : Architecture
        Of the fit.

    n_rows : int
        Number of rows to encode.
    """
    dim, n_features = architecture.encoding_dim, architecture.n_features
    if _largest_product(architecture) < _LARGE:
        return
    shapes = without_memory(lambda: variables(*architecture.models()))
    n_weights = sum(math.prod(shape) for shape, _ in shapes)
    needed = 4 * (_COPIES_OF_WEIGHTS * n_weights + n_rows * dim)
    needed += 8 * _MATRICES_OF_CODES * dim**2
    available = _memory_of_machine()
    if needed > available:
        raise ValueError(
            f"A network with encoding_dim={dim} for {n_features} features is too large "
            f"to be built: a fit would take {needed / 1e9:,.0f} GB of memory, and this "
            f"machine has {available / 1e9:,.0f} GB. {architecture.network!r} has "
            f"{n_weights:,} weights. Use smaller sizes."
        )


def _largest_product(architecture):
    """Return the product of the two largest sizes that a layer may connect."""
    parameters = architecture.network.get_params(deep=False).values()
    sizes = [architecture.encoding_dim, *_integers(list(parameters))]
    largest = max(sizes)
    return largest * max(largest, architecture.n_features)


def _integers(values):
    """Yield the integers in nested lists and tuples."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from _integers(value)
        elif isinstance(value, numbers.Integral):
            yield int(value)


def _memory_of_machine():
    """Return the machine's memory in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # as on Windows
        return _LARGEST_MACHINE
