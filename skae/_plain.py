"""Estimators' state as JSON text and arrays, and back.

What JSON has no word for becomes ``{"type": ..., "value": ...}``. Arrays are listed
beside the text, which has their numbers.
"""

import dataclasses
import json
from collections.abc import Callable

import numpy as np

from skae import _backend, _keras_config
from skae._data import Scaling
from skae._inference import FittedCodec
from skae._objective import NegativeELBO, Objective
from skae.networks import (
    ConvNetwork,
    CustomNetwork,
    DenseNetwork,
    Network,
    RecurrentNetwork,
)

_OWN = ConvNetwork, DenseNetwork, RecurrentNetwork
_NETWORKS = {network.__name__: network for network in (*_OWN, CustomNetwork)}
_OBJECTIVES = {objective.__name__: objective for objective in (NegativeELBO, Objective)}


def dumps(value, *, keep_objects=False):
    """Turn a value into text and a list of arrays.

    Parameters
    ----------
    value : object
        Made of plain values, containers, arrays, random states, Keras models and
        optimizers, and skae's own networks, objectives and fits.

    keep_objects : bool, default=False
        Whether other objects, and the user's networks and models, are listed among the
        arrays as they are, for pickles.

    Returns
    -------
    text : str
    parts : list
        Arrays, and with `keep_objects` objects.

    Raises
    ------
    TypeError
        When the value holds anything else.
    """
    encoder = _Encoder(keep_objects)
    return json.dumps(encoder.encode(value)), encoder.parts


def loads(text, parts):
    """Turn what `dumps` returned into the value again; see there.

    Nothing is called but skae's own classes and those of Keras' that only compute.

    Raises
    ------
    ValueError, TypeError, LookupError or RecursionError
        When the text is not what `dumps` returns.
    """
    return _Decoder(parts).decode(json.loads(text))


def is_of_user(network):
    """Tell whether a network has models or code of the user's own."""
    return type(network) not in _OWN


class _Encoder:
    def __init__(self, keep_objects):
        self._keep_objects = keep_objects
        self.parts = []

    def encode(self, value):
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.bool_ | np.integer | np.floating):
            return value.item()
        if isinstance(value, list):
            return [self.encode(item) for item in value]
        if self._keep_objects and isinstance(value, Network) and is_of_user(value):
            return self._part("object", value)
        for name, (is_such, take_apart, _) in _TYPES.items():
            if is_such(value):
                return {"type": name, "value": self.encode(take_apart(value))}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            return self._part("array", value)
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            items = {key: self.encode(item) for key, item in value.items()}
            return {"type": "dict", "value": items}
        if self._keep_objects:
            return self._part("object", value)
        raise TypeError(
            f"{value!r:.200} is neither a plain value nor an array, nor an object of "
            "Keras' or skae's own"
        )

    def _part(self, kind, value):
        self.parts.append(value)
        return {"type": kind, "value": len(self.parts) - 1}


class _Decoder:
    def __init__(self, parts):
        self._parts = parts

    def decode(self, data):
        if isinstance(data, list):
            return [self.decode(item) for item in data]
        if not isinstance(data, dict):
            return data
        kind, value = data["type"], data["value"]
        if kind == "dict":
            return {key: self.decode(item) for key, item in value.items()}
        if kind in ("array", "object"):
            return self._part(kind, value)
        return _TYPES[kind][2](self.decode(value))

    def _part(self, kind, number):
        if not isinstance(number, int) or not 0 <= number < len(self._parts):
            raise ValueError(f"There is no part {number!r}.")
        part = self._parts[number]
        if (kind == "array") != isinstance(part, np.ndarray):
            raise ValueError(f"Part {number} is no {kind}.")
        return part


def _is_keras(kind):
    """Return a test for Keras' own objects, false before Keras is imported."""

    def is_such(value):
        if not type(value).__module__.startswith("keras."):
            return False
        keras, _ = _backend.load()
        return isinstance(value, kind(keras))

    return is_such


def _model_parts(model):
    config = json.loads(model.to_json())
    config.pop("compile_config", None)
    _keras_config.check(config)
    return {"config": json.dumps(config), "weights": model.get_weights()}


def _model_of(parts):
    keras, _ = _backend.load()
    config = json.loads(parts["config"])
    _keras_config.check(config)
    model = keras.models.model_from_json(parts["config"])
    model.set_weights(parts["weights"])
    return model


def _optimizer_parts(optimizer):
    keras, _ = _backend.load()
    config = keras.optimizers.serialize(optimizer)
    _keras_config.check(config)
    return json.dumps(config)


def _optimizer_of(text):
    keras, _ = _backend.load()
    config = json.loads(text)
    _keras_config.check(config)
    return keras.optimizers.deserialize(config)


def _network_parts(network):
    return [type(network).__name__, network.get_params(deep=False)]


def _network_of(parts):
    name, parameters = parts
    return _NETWORKS[name](**parameters)


def _objective_parts(objective):
    return [type(objective).__name__, dict(vars(objective))]


def _objective_of(parts):
    name, fields = parts
    objective = _OBJECTIVES[name]
    known = {field.name for field in dataclasses.fields(objective)}
    return objective(**{key: fields[key] for key in known})


def _fit_parts(fitted):
    scaling = fitted.scaling
    parts = list(fitted.architecture), fitted.weights, scaling.mean, scaling.scale
    return dict(zip(_FIT, parts, strict=True))


def _fit_of(parts):
    architecture, weights, mean, scale = (parts[name] for name in _FIT)
    scaling = Scaling(np.asarray(mean), float(scale))
    return FittedCodec.restored(tuple(architecture), list(weights), scaling)


_FIT = "architecture", "weights", "mean", "scale"


def _random_state_of(parts):
    generator = np.random.RandomState()
    generator.set_state(tuple(parts))
    return generator


def _is_strings(value):
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "OU":
        return False
    return all(isinstance(item, str) for item in value.flat)


# Name: (test, what it is taken apart into, how it is made again)
_TYPES: dict[str, tuple[Callable, Callable, Callable]] = {
    "tuple": (lambda value: isinstance(value, tuple), list, tuple),
    "strings": (
        _is_strings,
        lambda value: value.tolist(),
        lambda strings: np.array(strings, object),
    ),
    "random_state": (
        lambda value: isinstance(value, np.random.RandomState),
        lambda value: list(value.get_state(legacy=True)),
        _random_state_of,
    ),
    "network": (
        lambda value: type(value) in _NETWORKS.values(),
        _network_parts,
        _network_of,
    ),
    "objective": (
        lambda value: type(value) in _OBJECTIVES.values(),
        _objective_parts,
        _objective_of,
    ),
    "fit": (lambda value: isinstance(value, FittedCodec), _fit_parts, _fit_of),
    "optimizer": (
        _is_keras(lambda keras: keras.optimizers.Optimizer),
        _optimizer_parts,
        _optimizer_of,
    ),
    "keras_model": (_is_keras(lambda keras: keras.Model), _model_parts, _model_of),
}
