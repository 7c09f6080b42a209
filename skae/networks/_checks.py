"""Checks of networks' parameters."""

import math
import numbers

import numpy as np

from skae._runtime.tensorflow import load_keras


def check_positive(name, value):
    """Return a positive integer as int; raise a ValueError for anything else."""
    if not _is_positive(value):
        raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    _check_not_huge(name, value)
    return int(value)


def check_layer_sizes(name, sizes, fewest=0):
    """Return one or several sizes as a tuple of int, or raise a ValueError."""
    given = sizes
    sizes = (sizes,) if isinstance(sizes, numbers.Integral) else sizes
    if isinstance(sizes, np.ndarray) and sizes.ndim:
        sizes = sizes.tolist()
    if not isinstance(sizes, (tuple, list)) or len(sizes) < fewest:
        raise ValueError(
            f"{name} must be a positive integer or a tuple of them, got {given!r}."
        )
    if not all(map(_is_positive, sizes)):
        raise ValueError(f"{name} must hold positive integers, got {given!r}.")
    _check_not_huge(name, *sizes)
    return tuple(int(size) for size in sizes)


def check_activation(name, value):
    """Raise a ValueError unless `value` names an activation of single units.

    Some of Keras' activations need an argument, or halve the number of units.
    """
    keras = load_keras()
    units = keras.ops.zeros((1, 2))
    message = (
        f"{name}={value!r} is not the name of a Keras activation that gives one output "
        "for each input. Use one such as 'relu', 'gelu', 'silu', 'tanh' or 'linear'."
    )
    try:
        outputs = keras.activations.get(value)(units)
    except (TypeError, ValueError) as error:
        raise ValueError(message) from error
    if outputs.shape != units.shape:
        raise ValueError(message)


def check_choice(name, value, choices):
    """Raise a ValueError unless a value is one of the choices."""
    if value not in choices:
        wanted = " or ".join(map(repr, choices))
        raise ValueError(f"{name} must be {wanted}, got {value!r}.")


def check_reshape(name, shape, sample_shape):
    """Return a shape as a tuple of int; raise a ValueError if samples do not fit it."""
    shape = check_layer_sizes(name, shape, fewest=1)
    if math.prod(shape) != math.prod(sample_shape):
        raise ValueError(
            f"{name}={shape} holds {math.prod(shape)} values, but a sample of shape "
            f"{tuple(sample_shape)} has {math.prod(sample_shape)}."
        )
    return shape


def _check_not_huge(name, *sizes):
    """Refuse sizes for which Keras' own errors do not name the cause.

    2**31 is the first size that does not fit into an int32.
    """
    if max(sizes, default=0) >= 2**31:
        raise ValueError(
            f"{name} goes up to {max(sizes)}, which no network can have. Use less."
        )


def _is_positive(value):
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and value >= 1
