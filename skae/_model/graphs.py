"""Keras models as graphs that NumPy computes, if all their layers are known to it."""

import dataclasses
import math

import numpy as np

from skae._runtime.tensorflow import load_keras
from skae._serving.graph import Graph, Operation
from skae._serving.operations import BINARY, UNARY
from skae.networks._build import builds_with_seeds, variables


def graphs_of(architecture, encoder, decoder):
    """Return the graphs of an encoder and a decoder, or None.

    There are none for code of the user's own, and for layers that NumPy does not know.
    """
    if not builds_with_seeds(architecture.network):
        return None
    try:
        return tuple(_Reader(model).graph() for model in (encoder, decoder))
    except _UnknownLayerError:
        return None


class _UnknownLayerError(Exception):
    """A layer that no graph can have."""


class _Reader:
    """Turns one functional Keras model into a graph.

    Parameters
    ----------
    model : keras.Model
        Of one input and one output.
    """

    def __init__(self, model):
        self._model = model
        self._variables = variables(model)
        self._numbers = {id(v): i for i, v in enumerate(self._variables)}
        self._operations = []
        self._shapes = []  # of one sample's value, by its number
        self._values = {}  # numbers of values, by the layer's name and its call

    def graph(self):
        """Return the graph."""
        config = self._configuration()
        for described in config["layers"]:
            self._read(described)
        name, call, _ = config["output_layers"]
        kinds = tuple((tuple(v.shape), v.dtype) for v in self._variables)
        operations = _needed(self._operations, self._values[name, call])
        return Graph(self._shapes[0][0], kinds, operations)

    def _configuration(self):
        is_functional = hasattr(self._model, "operations")
        if not is_functional or len(self._model.inputs) != 1:
            raise _UnknownLayerError(type(self._model))
        for operation in self._model.operations:
            _check_known(operation)
        return self._model.get_config()

    def _read(self, described):
        name, config = described["name"], described["config"]
        if described["class_name"] == "InputLayer":
            shape = self._model.inputs[0].shape[1:]
            self._shapes.append((math.prod(shape),))
            self._values[name, 0] = self._reshape(0, shape)
            return
        layer = next(one for one in self._model.operations if one.name == name)
        for call, node in enumerate(described["inbound_nodes"]):
            inputs = [self._values[key] for key in _sources(node)]
            self._values[name, call] = self._append(layer, config, inputs)

    def _append(self, layer, config, inputs):
        """Append what a layer computes; return the number of its value."""
        return LAYERS[type(layer).__name__](self, layer, config, inputs)

    def add(self, kind, inputs, variables=(), shape=None, settings=None):
        """Append an operation; return the number of its value.

        Parameters
        ----------
        kind : str
            One of `KINDS`.

        inputs : list of int
            Numbers of the values that it reads.

        variables : iterable of keras.Variable
            Its weights.

        shape : tuple of int or None, default=None
            Shape of one sample's value; None means that of the first input.

        settings : dict or None, default=None
            Numbers, or lists of numbers, by name.
        """
        weights = tuple(self._numbers[id(v)] for v in variables)
        self._operations.append(Operation(kind, tuple(inputs), weights, settings or {}))
        self._shapes.append(self._shapes[inputs[0]] if shape is None else shape)
        return len(self._operations)

    def activate(self, value, activation):
        """Append an activation, if it changes anything."""
        name = _name_of(activation)
        return value if name == "linear" else self.add(name, [value])

    def read_dense(self, layer, config, inputs):
        """Append a dense layer, and its activation."""
        variables = [layer.kernel, *([layer.bias] if layer.use_bias else [])]
        shape = (*self._shapes[inputs[0]][:-1], layer.units)
        value = self.add("dense", inputs, variables, shape)
        return self.activate(value, layer.activation)

    def read_activation(self, layer, config, inputs):
        """Append the activation of a layer that is nothing else."""
        return self.activate(inputs[0], layer.activation)

    def read_identity(self, layer, config, inputs):
        """Append nothing: the layer only computes in training, if ever."""
        return inputs[0]

    def read_reshape(self, layer, config, inputs):
        """Append a change of shape."""
        return self._reshape(inputs[0], layer.output.shape[1:])

    def read_rescaling(self, layer, config, inputs):
        """Append a factor and a summand, each one number or one for each feature."""
        names = "scale", "offset"
        settings = {name: np.asarray(config[name]).tolist() for name in names}
        return self.add("rescale", inputs, settings=settings)

    def read_batch_normalization(self, layer, config, inputs):
        """Append a normalization by the moments that training has left."""
        self._check_last_axis(layer.axis, inputs[0])
        variables = [layer.moving_mean, layer.moving_variance]
        variables += [layer.gamma] if layer.scale else []
        variables += [layer.beta] if layer.center else []
        settings = {
            "epsilon": layer.epsilon,
            "has_scale": bool(layer.scale),
            "has_shift": bool(layer.center),
        }
        return self.add("normalize", inputs, variables, settings=settings)

    def read_normalization(self, layer, config, inputs):
        """Append a normalization by moments that `adapt` has found."""
        if layer.invert or config["mean"] is not None or len(layer.axis) != 1:
            raise _UnknownLayerError("Normalization")
        self._check_last_axis(layer.axis[0], inputs[0])
        return self.add("standardize", inputs, layer.weights[:2])

    def read_relu(self, layer, config, inputs):
        """Append a ReLU, perhaps with a largest value."""
        if config["negative_slope"] or config["threshold"]:
            raise _UnknownLayerError("ReLU")
        highest = config["max_value"]
        if highest is None:
            return self.add("relu", inputs)
        return self.add("clip", inputs, settings={"low": 0.0, "high": float(highest)})

    def read_concatenation(self, layer, config, inputs):
        """Append a concatenation along the last axis."""
        self._check_last_axis(layer.axis, inputs[0])
        width = sum(self._shapes[number][-1] for number in inputs)
        shape = (*self._shapes[inputs[0]][:-1], width)
        return self.add("concatenate", inputs, shape=shape)

    def read_binary(self, layer, config, inputs):
        """Append a sum, product or the like of two values or more."""
        kind = type(layer).__name__.lower()
        value = inputs[0]
        for other in inputs[1:]:
            value = self.add(kind, [value, other])
        return value

    def _check_last_axis(self, axis, value):
        if axis not in (-1, len(self._shapes[value])):
            raise _UnknownLayerError(f"axis {axis}")

    def _reshape(self, value, shape):
        shape = tuple(shape)
        if value and self._operations[value - 1].kind == "reshape":
            (value,) = self._operations[value - 1].inputs
        if self._shapes[value] == shape:
            return value
        return self.add("reshape", [value], (), shape, {"shape": list(shape)})


# Names of functions of `keras.ops` that are other ones among the activations.
_OTHER_NAMES = {"abs": "absolute", "exp": "exponential"}

LAYERS = {
    "Activation": _Reader.read_activation,
    "ActivityRegularization": _Reader.read_identity,
    "BatchNormalization": _Reader.read_batch_normalization,
    "Concatenate": _Reader.read_concatenation,
    "Dense": _Reader.read_dense,
    "Dropout": _Reader.read_identity,
    "Flatten": _Reader.read_reshape,
    "GaussianDropout": _Reader.read_identity,
    "GaussianNoise": _Reader.read_identity,
    "Identity": _Reader.read_identity,
    "Normalization": _Reader.read_normalization,
    "ReLU": _Reader.read_relu,
    "Rescaling": _Reader.read_rescaling,
    "Reshape": _Reader.read_reshape,
    **{kind.capitalize(): _Reader.read_binary for kind in BINARY},
}
"""How each of Keras' layers that NumPy knows is read, by its class."""


def _check_known(layer):
    """Raise an error unless a layer is one of Keras' own that NumPy knows."""
    keras = load_keras()
    name = type(layer).__name__
    if type(layer) is keras.layers.InputLayer:
        return
    if name not in LAYERS or type(layer) is not getattr(keras.layers, name):
        raise _UnknownLayerError(name)
    if layer.dtype_policy.name != "float32":
        raise _UnknownLayerError(layer.dtype_policy.name)
    _name_of(getattr(layer, "activation", keras.activations.linear))


def _name_of(activation):
    """Return the name of a function of Keras' own, as operations have it."""
    keras = load_keras()
    name = getattr(activation, "__name__", "")
    own = (getattr(keras.activations, name, None), getattr(keras.ops, name, None))
    if not any(activation is one for one in own):
        raise _UnknownLayerError(name)
    name = _OTHER_NAMES.get(name, name)
    if name not in UNARY and name != "linear":
        raise _UnknownLayerError(name)
    return name


def _sources(part):
    """Yield the layer and the call that gave each tensor in a part of a node."""
    if isinstance(part, list | tuple):
        for item in part:
            yield from _sources(item)
    elif isinstance(part, dict) and part.get("class_name") == "__keras_tensor__":
        name, call, _ = part["config"]["keras_history"]
        yield name, call
    elif isinstance(part, dict):
        yield from _sources(list(part.values()))


def _needed(operations, output):
    """Return the operations that lead to a value, with their values numbered anew."""
    needed = {output}
    for number in range(output, 0, -1):
        if number in needed:
            needed.update(operations[number - 1].inputs)
    kept = sorted(needed - {0})
    numbers = {0: 0, **{old: new for new, old in enumerate(kept, start=1)}}
    return tuple(
        dataclasses.replace(
            operations[old - 1],
            inputs=tuple(numbers[i] for i in operations[old - 1].inputs),
        )
        for old in kept
    )
