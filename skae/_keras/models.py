"""Keras models as plain data, and back once their weights are known to fit."""

import itertools
import json
import types
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from skae._keras.allowed import check, without_training
from skae._runtime.randomness import seeded
from skae._runtime.tensorflow import load_keras
from skae.exceptions import SavedFileError

KEY = "keras_object"
"""The only key of a dict that represents an object of one of Keras' own classes."""


class UsersObject:
    """Takes the place of a Keras object with code of the user's own, in pickles.

    Parameters
    ----------
    restore : function
        Makes the object from `parts`.

    parts : tuple
        Classes, functions and data.

    reason : str
        Why a file of plain data cannot hold the object.
    """

    def __init__(self, restore, parts, reason):
        self.restore = restore
        self.parts = parts
        self.reason = reason

    def restored(self):
        """Return the object."""
        return self.restore(*self.parts)


def made_by_keras(config):
    """Return the object of a checked configuration; a ValueError if Keras cannot."""
    keras = load_keras()
    try:
        return keras.saving.deserialize_keras_object(config)
    except Exception as error:  # a forged configuration may raise anything
        raise ValueError(f"Keras cannot make this: {error}") from error


# Models


def plain_model(model):
    """Return a Keras model as plain data, or as a `UsersObject` if it holds code."""
    config = without_training(json.loads(model.to_json()))
    text, weights = json.dumps(config), model.get_weights()
    try:
        check(config)
        return {KEY: {"model": text, "weights": weights}}
    except ValueError as error:
        parts = text, weights, users_code(model)
        return UsersObject(_users_model_of, parts, str(error))


def users_code(model):
    """Return the user's classes and functions in a Keras model, by Keras' names.

    They are for `keras.saving.custom_object_scope`, in which Keras finds them.
    """
    code: dict[str, Any] = {}
    _gather_code(model, code, {})
    return code


def _gather_code(item, code, seen):
    """Add the user's classes and functions in a Keras object to `code`, by name."""
    if id(item) in seen:
        return
    seen[id(item)] = item  # kept, since others could get its number
    if isinstance(item, list | tuple | dict):
        for part in item.values() if isinstance(item, dict) else item:
            _gather_code(part, code, seen)
    elif isinstance(item, types.FunctionType):
        _add_code(item, code)
    elif hasattr(item, "get_config") and not isinstance(item, type):
        _add_code(type(item), code)
        _gather_code(list(vars(item).values()), code, seen)


def _add_code(item, code):
    keras = load_keras()
    if not item.__module__.startswith("keras."):
        code[keras.saving.get_registered_name(item)] = item


def _users_model_of(text, weights, code):
    keras = load_keras()
    with seeded(0), keras.saving.custom_object_scope(code):
        config = json.loads(text)
        model = keras.saving.deserialize_keras_object(config, safe_mode=False)
    return with_weights(model, weights)


def model_of(text, weights):
    """Return a model of Keras' own layers, after a check that its weights fit."""
    keras = load_keras()
    check(json.loads(text))

    def build():
        model = made_by_keras(json.loads(text))
        if not isinstance(model, keras.Model):
            raise ValueError(f"{model!r:.100} is no Keras model.")
        return model

    check_weights(weights, lambda: build().weights)
    with seeded(0):
        return with_weights(build(), weights)


def with_weights(model, weights):
    """Set the weights of a model and return it.

    Layers such as Normalization compute with values derived from their weights, which
    `finalize_state` derives again.
    """
    model.set_weights(weights)
    for layer in _layers(model):
        if layer.weights and hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def _layers(model):
    keras = load_keras()
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        yield layer


def check_weights(weights, variables_of_models, others=()):
    """Raise a SavedFileError unless weights are values of Keras variables.

    Parameters
    ----------
    weights : list of ndarray
        Values of the models' variables, and then of others.

    variables_of_models : callable
        Builds Keras models and returns their variables. It runs where variables take
        no memory.

    others : list of keras.Variable
        Variables that exist already.
    """
    load_keras()  # outside `try`: if this fails, the file is not to blame
    try:
        wanted = without_memory(variables_of_models)
    except Exception as error:
        raise SavedFileError(
            f"The network that was saved cannot be built: {error} Take another copy of "
            "the file, or fit again."
        ) from error
    compare_weights(weights, wanted + [(tuple(v.shape), v.dtype) for v in others])


def compare_weights(weights, wanted):
    """Raise a SavedFileError unless weights have the shapes and types that are wanted.

    Parameters
    ----------
    weights : list of ndarray
        The weights.

    wanted : list of (tuple of int, str)
        Shape and type of each.
    """
    found = [(values.shape, values.dtype.name) for values in weights]
    for number, (one, other) in enumerate(itertools.zip_longest(found, wanted)):
        if one != other:
            raise SavedFileError(
                "The weights that were saved are not those of the network that was "
                f"saved: number {number} is {_kind_of_array(one)}, not "
                f"{_kind_of_array(other)}. Take another copy of the file, or fit again."
            )


def without_memory(variables_of_models):
    """Return the shapes and types of the variables that Keras models would have.

    In a stateless scope Keras creates variables without values. The scope belongs to
    the thread, and Keras forgets the variables when the thread ends.
    """
    keras = load_keras()

    def describe():
        with keras.StatelessScope(initialize_variables=False):
            return [(tuple(v.shape), v.dtype) for v in variables_of_models()]

    with seeded(0), ThreadPoolExecutor(1) as thread:
        return thread.submit(describe).result()


def _kind_of_array(kind):
    return "missing" if kind is None else f"{kind[1]} of shape {kind[0]}"
