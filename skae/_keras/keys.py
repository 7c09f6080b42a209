"""Keys that tell values apart by all that they hold."""

import hashlib
import numbers

import numpy as np

from skae._runtime.tensorflow import load_keras

_EXACT = str, bytes, numbers.Number, np.generic, np.dtype, type(None)


def by_value(value):
    """Return what is hashable, and equal only for values that are the same.

    Arrays are compared element by element, by a digest; containers, estimators and
    other objects by what they hold. What runs code (functions, Keras layers and
    initializers, classes) is told apart by identity, and kept alive by the key, so
    that no other object takes its place. Of Keras models it counts as well what is
    frozen, which decides on the order of the variables.
    """
    try:
        return _key(value)
    except RecursionError:  # it holds itself
        return Identity(value)


def _key(value):
    kind = type(value)
    if isinstance(value, _EXACT):
        return kind, repr(value)  # 1, 1.0 and True are equal, and so are 0.0 and -0.0
    if isinstance(value, np.ndarray):
        return _key_of_array(value)
    if isinstance(value, dict):
        return kind, tuple((_key(name), _key(part)) for name, part in value.items())
    if isinstance(value, list | tuple):
        return kind, tuple(map(_key, value))
    if isinstance(value, set | frozenset):
        return kind, frozenset(map(_key, value))
    if _is_model(value):
        paths = tuple(v.path for v in value.trainable_variables)
        return Identity(value), paths
    if hasattr(value, "get_params") and not isinstance(value, type):
        return kind, _key(dict(sorted(value.get_params(deep=False).items())))
    state = None if callable(value) else value.__getstate__()
    return Identity(value) if state is None else (kind, _key(state))


def _key_of_array(array):
    kind = type(array), repr(array.dtype), array.shape
    if array.dtype.hasobject:
        return *kind, _key(array.tolist())
    digest = hashlib.sha256(np.asarray(array).tobytes()).digest()
    return *kind, digest, _key(getattr(array, "__dict__", None))  # masks and the like


def _is_model(value):
    return isinstance(value, load_keras().Model)


class Identity:
    """Equals itself alone: another of the same value."""

    def __init__(self, value):
        self._value = value

    def __hash__(self):
        return id(self._value)

    def __eq__(self, other):
        return isinstance(other, Identity) and self._value is other._value
