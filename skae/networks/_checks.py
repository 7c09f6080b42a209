"""Checks of networks' parameters."""

import math
import numbers

from skae import _backend


def check_positive(name, value):
    """Return a positive integer as int; a ValueError says what is none."""
    if not _is_positive(value):
        raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    return int(value)


def check_layer_sizes(name, sizes, fewest=0):
    """Return one or several sizes as a tuple of int; a ValueError says what is none."""
    given = sizes
    sizes = (sizes,) if isinstance(sizes, numbers.Integral) else sizes
    if not isinstance(sizes, (tuple, list)) or len(sizes) < fewest:
        raise ValueError(
            f"{name} must be a positive integer or a tuple of them, got {given!r}."
        )
    if not all(map(_is_positive, sizes)):
        raise ValueError(f"{name} must hold positive integers, got {given!r}.")
    return tuple(int(size) for size in sizes)


def check_activation(name, value):
    """Raise a ValueError unless `value` names a Keras activation."""
    keras, _ = _backend.load()
    try:
        keras.activations.get(value)
    except ValueError as error:
        raise ValueError(
            f"{name}={value!r} is not the name of a Keras activation. Use one such as "
            "'relu', 'gelu', 'silu', 'tanh' or 'linear'."
        ) from error


def check_choice(name, value, choices):
    """Raise a ValueError unless a value is one of the choices."""
    if value not in choices:
        wanted = " or ".join(map(repr, choices))
        raise ValueError(f"{name} must be {wanted}, got {value!r}.")


def check_reshape(name, shape, sample_shape):
    """Return a shape as a tuple of int; a ValueError says if samples do not fit it."""
    shape = check_layer_sizes(name, shape, fewest=1)
    if math.prod(shape) != math.prod(sample_shape):
        raise ValueError(
            f"{name}={shape} holds {math.prod(shape)} values, but a sample of shape "
            f"{tuple(sample_shape)} has {math.prod(sample_shape)}."
        )
    return shape


def _is_positive(value):
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and value >= 1
