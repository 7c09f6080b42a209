"""Estimators' state as JSON text and arrays, and back.

What JSON has no word for becomes ``{"type": ..., "value": ...}``. Arrays are listed
beside the text, which has their numbers.
"""

import json
import math
import numbers
from collections.abc import Callable

import numpy as np

from skae import _backend, _keras_config, _keras_graph, _losses
from skae._data import Scaling
from skae._inference import FittedCodec
from skae._objective import NegativeELBO, Objective
from skae._restored import OWN_NETWORKS, RestoredFit, check_weights
from skae.networks import CustomNetwork, Network

_NETWORKS = {network.__name__: network for network in (*OWN_NETWORKS, CustomNetwork)}
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
    return isinstance(network, Network) and type(network) not in OWN_NETWORKS


class _Encoder:
    def __init__(self, keep_objects):
        self._keep_objects = keep_objects
        self._models = {}
        self.parts = []

    def encode(self, value):
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, np.bool_ | np.integer | np.floating):
            return value.item()
        if isinstance(value, list):
            return [self.encode(item) for item in value]
        if self._keep_objects and is_of_user(value):
            return self._part("object", value)
        for name, (is_such, take_apart, _) in _TYPES.items():
            if is_such(value) and id(value) in self._models:
                return self._models[id(value)]
            if is_such(value):
                return self._of_type(name, value, take_apart)
        if _is_numbers(value):
            return self._part("array", value)
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            items = {key: self.encode(item) for key, item in value.items()}
            return {"type": "dict", "value": items}
        if self._keep_objects:
            return self._part("object", value)
        raise TypeError(
            f"{value!r:.200} is neither a plain value nor an array, nor an object of "
            "Keras' or skae's own."
        )

    def _of_type(self, name, value, take_apart):
        try:
            parts = take_apart(value)
        except (TypeError, ValueError):  # code of the user's own inside
            if self._keep_objects:
                return self._part("object", value)
            raise
        data = {"type": name, "value": self.encode(parts)}
        if name == "keras_model":  # the same again wherever it is found
            self._models[id(value)] = data
        return data

    def _part(self, kind, value):
        self.parts.append(value)
        return {"type": kind, "value": len(self.parts) - 1}


class _Decoder:
    def __init__(self, parts):
        self._parts = parts
        self._models = {}

    def decode(self, data):
        if isinstance(data, list):
            return [self.decode(item) for item in data]
        if not isinstance(data, dict):
            return data
        if data.keys() != {"type", "value"}:
            raise ValueError(f"{sorted(data)[:5]} are not a type and a value.")
        kind, value = data["type"], data["value"]
        if kind == "dict":
            return {key: self.decode(item) for key, item in value.items()}
        if kind in ("array", "object"):
            return self._part(kind, value)
        if kind == "keras_model":
            return self._model(value)
        return _TYPES[kind][2](self.decode(value))

    def _model(self, value):
        text = json.dumps(value)
        if text not in self._models:
            self._models[text] = _model_of(self.decode(value))
        return self._models[text]

    def _part(self, kind, number):
        if type(number) is not int or not 0 <= number < len(self._parts):
            raise ValueError(f"There is no part {number!r:.50}.")
        part = self._parts[number]
        if (kind == "array") != _is_numbers(part):
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
    config = _keras_config.without_training(json.loads(model.to_json()))
    _keras_config.check(config)
    return {"config": json.dumps(config), "weights": model.get_weights()}


def _model_of(parts):
    keras, _ = _backend.load()
    weights = _checked(parts["weights"], _is_arrays)

    def build():
        return _made_by_keras(keras.saving.deserialize_keras_object, parts["config"])

    check_weights(weights, lambda: _checked(build(), _is_model).weights)
    model = build()
    model.set_weights(weights)
    return model


def _optimizer_parts(optimizer):
    keras, _ = _backend.load()
    return _keras_config.text(keras.optimizers.serialize(optimizer))


def _optimizer_of(text):
    keras, _ = _backend.load()
    optimizer = _made_by_keras(keras.optimizers.deserialize, text)
    return _checked(
        optimizer, lambda made: isinstance(made, keras.optimizers.Optimizer)
    )


def _loss_parts(loss):
    keras, _ = _backend.load()
    return _keras_config.text(keras.losses.serialize(loss))


def _loss_of(text):
    keras, _ = _backend.load()
    loss = _made_by_keras(keras.losses.deserialize, text)
    return _checked(loss, lambda made: isinstance(made, keras.losses.Loss))


def _network_parts(network):
    return [type(network).__name__, network.get_params(deep=False)]


def _network_of(parts):
    name, parameters = parts
    network = _NETWORKS[name](**parameters)
    is_right = _is_model if isinstance(network, CustomNetwork) else _is_size_or_name
    for value in parameters.values():
        _checked(value, is_right)
    return network


def _objective_parts(objective):
    return [type(objective).__name__, dict(vars(objective))]


def _objective_of(parts):
    name, fields = parts
    loss = fields["loss"]
    if isinstance(loss, str) and loss not in _losses.NAMES:
        _loss_of(loss)
    _checked(fields["corruption"], lambda corruption: corruption is None)
    for weight in fields.keys() - {"loss", "corruption"}:
        _checked(fields[weight], _is_number)
    return _OBJECTIVES[name](**fields)


def _fit_parts(fitted):
    scaling = fitted.scaling
    weights = [np.asarray(values) for values in fitted.weights]  # of scalars too
    parts = list(fitted.architecture), weights, scaling.mean, scaling.scale
    return dict(zip(_FIT, parts, strict=True))


def _fit_of(parts):
    (network, sample_shape, dim, objective), weights, mean, scale = (
        parts[name] for name in _FIT
    )
    _checked(network, lambda network: isinstance(network, Network))
    _checked(objective, lambda objective: type(objective) in _OBJECTIVES.values())
    _checked(weights, _is_arrays)
    _checked(scale, _is_number)
    for size in (*_checked(sample_shape, lambda shape: isinstance(shape, tuple)), dim):
        _checked(size, lambda size: type(size) is int and size > 0)
    _checked(mean, lambda mean: mean.shape == (math.prod(sample_shape),))
    architecture = network, sample_shape, dim, objective
    return RestoredFit.restored(architecture, weights, Scaling(mean, float(scale)))


_FIT = "architecture", "weights", "mean", "scale"


def _random_state_of(parts):
    name, key, position, has_gauss, gauss = parts
    # NumPy itself reads from wherever the position says.
    _checked(position, lambda position: type(position) is int and 0 <= position <= 624)
    generator = np.random.RandomState()
    generator.set_state((name, key, position, has_gauss, gauss))
    return generator


def _made_by_keras(make, text):
    """Let Keras make what a checked configuration says; a ValueError if it cannot."""
    config = json.loads(text)
    _keras_config.check(config)
    try:
        return make(_keras_graph.without_endless_loops(config))
    except Exception as error:  # of any kind, from a configuration that was forged
        raise ValueError(f"Keras cannot make this: {error}") from error


def _checked(value, is_right):
    """Return a value that is right; a ValueError says if it is not."""
    if not is_right(value):
        raise ValueError(f"{value!r:.100} is not what dumps writes here.")
    return value


def _is_model(value):
    return _TYPES["keras_model"][0](value)


def _is_number(value):
    return isinstance(value, numbers.Real)


def _is_size_or_name(value):
    if isinstance(value, list | tuple):
        return all(map(_is_number, value))
    return value is None or isinstance(value, str) or _is_number(value)


def _is_numbers(value):
    return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"


def _is_arrays(value):
    return isinstance(value, list) and all(map(_is_numbers, value))


def _is_strings(value):
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "OU":
        return False
    return all(isinstance(item, str) for item in value.flat)


def _strings_of(strings):
    return _checked(np.array(strings, object), _is_strings)


# Name: (test, what it is taken apart into, how it is made again)
_TYPES: dict[str, tuple[Callable, Callable, Callable]] = {
    "tuple": (lambda value: isinstance(value, tuple), list, tuple),
    "strings": (
        _is_strings,
        lambda value: value.tolist(),
        _strings_of,
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
    "loss": (_is_keras(lambda keras: keras.losses.Loss), _loss_parts, _loss_of),
    "keras_model": (_is_keras(lambda keras: keras.Model), _model_parts, _model_of),
}
