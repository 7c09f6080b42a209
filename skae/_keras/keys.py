"""Hashable keys that are equal only for values with equal contents."""

import hashlib
import numbers

import numpy as np

from skae._runtime.tensorflow import load_keras

# Types whose `repr` tells all different values apart.
_EXACT = str, bytes, numbers.Number, np.generic, np.dtype, type(None)


def by_value(value):
    """Return a hashable key that is equal only for values with equal contents.

    Arrays are compared by a digest of their elements; containers, estimators and other
    objects by their contents. Functions, classes, and Keras layers and initializers
    run code, so they are compared by identity. The key keeps them alive, so that no
    new object gets their address. The key of a Keras model also holds which of its
    variables are trainable, because this decides on their order.
    """
    try:
        return _key(value)
    except RecursionError:  # the value contains itself
        return Identity(value)


def _key(value):
    kind = type(value)
    if isinstance(value, _EXACT):
        # With type and repr: 1, 1.0 and True are equal, and so are 0.0 and -0.0.
        return kind, repr(value)
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
    # Attributes of subclasses, such as the mask of a masked array, count as well.
    return *kind, digest, _key(getattr(array, "__dict__", None))


def _is_model(value):
    return isinstance(value, load_keras().Model)


class Identity:
    """Wraps a value; equal only to another wrapper of the very same object."""

    def __init__(self, value):
        self._value = value

    def __hash__(self):
        return id(self._value)

    def __eq__(self, other):
        return isinstance(other, Identity) and self._value is other._value
