"""What the operations of a network compute, in NumPy: one line for each kind."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from scipy.special import erf, expit

from skae._serving.functions import matmul, softplus

# Of Klambauer et al. (2017), as Keras rounds them.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _silu(x):
    """Return x / (1 + exp(-x)), by NumPy's exponential.

    It takes a quarter of the time of SciPy's logistic function in float32. Where it
    overflows, the quotient is zero, as it should be.
    """
    quotient = np.negative(x)
    np.exp(quotient, out=quotient)
    quotient += 1
    return np.divide(x, quotient, out=quotient)


def _sparse_plus(x):
    return np.where(x <= -1, 0 * x, np.where(x < 1, (x + 1) ** 2 / 4, x))


def _elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


UNARY: dict[str, Callable] = {
    "relu": lambda x, out: np.maximum(x, 0, out=out),
    "tanh": lambda x, out: np.tanh(x, out=out),
    "sigmoid": lambda x, out: expit(x, out=out),
    "exponential": lambda x, out: np.exp(x, out=out),
    "relu6": lambda x, out: np.clip(x, 0, 6, out=out),
    "hard_tanh": lambda x, out: np.clip(x, -1, 1, out=out),
    "leaky_relu": lambda x, out: np.maximum(x, 0.2 * x),
    "softplus": lambda x, out: softplus(x),
    "softsign": lambda x, out: x / (1 + np.abs(x)),
    "log_sigmoid": lambda x, out: -softplus(-x),
    "elu": lambda x, out: _elu(x),
    "celu": lambda x, out: _elu(x),
    "selu": lambda x, out: _SELU_SCALE * _elu(x, _SELU_ALPHA),
    "gelu": lambda x, out: x * (1 + erf(x * math.sqrt(0.5))) / 2,
    "silu": lambda x, out: _silu(x),
    "mish": lambda x, out: x * np.tanh(softplus(x)),
    "hard_sigmoid": lambda x, out: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x, out: x * np.clip(x + 3, 0, 6) / 6,
    "tanh_shrink": lambda x, out: x - np.tanh(x),
    "soft_shrink": lambda x, out: x - np.clip(x, -0.5, 0.5),
    "hard_shrink": lambda x, out: np.where(np.abs(x) > 0.5, x, 0 * x),
    "squareplus": lambda x, out: (x + np.sqrt(x * x + 4)) / 2,
    "sparse_plus": lambda x, out: _sparse_plus(x),
    "sparse_sigmoid": lambda x, out: np.clip((x + 1) / 2, 0, 1),
    "softmax": lambda x, out: _softmax(x),
    "log_softmax": lambda x, out: _log_softmax(x),
    "cos": lambda x, out: np.cos(x, out=out),
    "sin": lambda x, out: np.sin(x, out=out),
    "square": lambda x, out: np.square(x, out=out),
    "sqrt": lambda x, out: np.sqrt(x, out=out),
    "absolute": lambda x, out: np.abs(x, out=out),
    "negative": lambda x, out: np.negative(x, out=out),
}
"""Functions of each value (softmax: of each row) under the names of `keras.ops`.

They may write their result into `out`, which is x itself or None.
"""

BINARY: dict[str, Callable] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
"""Functions of two values each."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of operation.

    Parameters
    ----------
    compute : callable
        Takes the inputs, the weights, the settings, and an array that the result may
        overwrite (the first input, or None); returns the outputs.

    shape : callable
        Takes shapes of one sample's inputs, shapes of weights, and the settings;
        returns the shape of one sample's outputs. Raises a ValueError where they do
        not fit together.
    """

    compute: Callable
    shape: Callable


def _dense(inputs, weights, settings, out):
    outputs = matmul(inputs[0], weights[0])
    if len(weights) > 1:
        outputs += weights[1]
    return outputs


def _shape_of_dense(inputs, weights, settings):
    (one,), (kernel, *biases) = inputs, weights
    fits = len(kernel) == 2 and one[-1:] == kernel[:1] and len(biases) < 2
    if not fits or any(bias != kernel[1:] for bias in biases):
        raise ValueError(f"{one}, {weights} do not fit a dense layer.")
    return (*one[:-1], kernel[1])


def _rescale(inputs, weights, settings, out):
    # As Keras does it; the settings may be lists, one number for each feature.
    scale, offset = (np.float32(settings[name]) for name in ("scale", "offset"))
    return inputs[0] * scale + offset


def _shape_of_rescaled(inputs, weights, settings):
    shapes = [np.shape(settings[name]) for name in ("scale", "offset")]
    return _like_the_first([*inputs, *shapes])


def _normalize(inputs, weights, settings, out):
    # Keras' BatchNormalization in inference.
    mean, variance, *others = weights
    scale = 1 / np.sqrt(variance + np.float32(settings["epsilon"]))
    others = iter(others)
    if settings["has_scale"]:
        scale = scale * next(others)
    outputs = inputs[0] * scale - mean * scale
    return outputs + next(others) if settings["has_shift"] else outputs


def _shape_of_normalized(inputs, weights, settings):
    if len(weights) != 2 + settings["has_scale"] + settings["has_shift"]:
        raise ValueError(f"{len(weights)} weights do not fit a normalization.")
    return _like_the_first([*inputs, *weights])


def _standardize(inputs, weights, settings, out):
    # Keras' Normalization, whose least standard deviation is `keras.config.epsilon()`.
    mean, variance = weights
    return (inputs[0] - mean) / np.maximum(np.sqrt(variance), np.float32(1e-7))


def _shape_of_standardized(inputs, weights, settings):
    if len(weights) != 2:
        raise ValueError(f"{len(weights)} weights are no mean and variance.")
    return _like_the_first([*inputs, *weights])


def _clip(inputs, weights, settings, out):
    low, high = np.float32(settings["low"]), np.float32(settings["high"])
    return np.clip(inputs[0], low, high, out=out)


def _shape_of_clipped(inputs, weights, settings):
    shapes = [np.shape(settings[name]) for name in ("low", "high")]
    return _like_the_first([*inputs, *shapes])


def _like_the_first(shapes):
    first = shapes[0]
    if len(first) < max(map(len, shapes)) or first != np.broadcast_shapes(*shapes):
        raise ValueError(f"{shapes} do not fit together.")
    return first


def _reshape(inputs, weights, settings, out):
    return inputs[0].reshape(-1, *settings["shape"])


def _shape_of_reshaped(inputs, weights, settings):
    (one,), shape = inputs, tuple(settings["shape"])
    are_sizes = all(type(size) is int and size > 0 for size in shape)
    if not are_sizes or math.prod(one) != math.prod(shape):
        raise ValueError(f"{one} cannot be {shape}.")
    return shape


def _concatenate(inputs, weights, settings, out):
    return np.concatenate(inputs, axis=-1)


def _shape_of_concatenated(inputs, weights, settings):
    if any(one[:-1] != inputs[0][:-1] or not one for one in inputs):
        raise ValueError(f"{inputs} cannot be concatenated.")
    return (*inputs[0][:-1], sum(one[-1] for one in inputs))


def _unary(function):
    def compute(inputs, weights, settings, out):
        return function(inputs[0], out)

    def shape(inputs, weights, settings):
        (one,) = inputs
        return one

    return Kind(compute, shape)


def _binary(function):
    def compute(inputs, weights, settings, out):
        return function(inputs[0], inputs[1], out=out)

    def shape(inputs, weights, settings):
        one, other = inputs
        if one != other:
            raise ValueError(f"{one} and {other} differ.")
        return one

    return Kind(compute, shape)


KINDS = {
    "dense": Kind(_dense, _shape_of_dense),
    "rescale": Kind(_rescale, _shape_of_rescaled),
    "normalize": Kind(_normalize, _shape_of_normalized),
    "standardize": Kind(_standardize, _shape_of_standardized),
    "clip": Kind(_clip, _shape_of_clipped),
    "reshape": Kind(_reshape, _shape_of_reshaped),
    "concatenate": Kind(_concatenate, _shape_of_concatenated),
    **{name: _unary(function) for name, function in UNARY.items()},
    **{name: _binary(function) for name, function in BINARY.items()},
}
"""All kinds, by name."""
