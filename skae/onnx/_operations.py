"""The operations of `skae._serving.operations` in ONNX: one line for each kind."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def _f(value):
    return np.float32(value)


def _clip(nodes, x, low, high):
    return nodes.add("Min", nodes.add("Max", x, _f(low)), _f(high))


def _sigmoid_product(nodes, x):
    return nodes.add("Mul", x, nodes.add("Sigmoid", x))


def _gelu(nodes, x):
    error = nodes.add("Erf", nodes.add("Mul", x, _f(math.sqrt(0.5))))
    return nodes.add(
        "Mul", nodes.add("Mul", x, _f(0.5)), nodes.add("Add", error, _f(1))
    )


def _mish(nodes, x):
    return nodes.add("Mul", x, nodes.add("Tanh", nodes.add("Softplus", x)))


def _hard_sigmoid(nodes, x):
    return nodes.add("Div", _clip(nodes, nodes.add("Add", x, _f(3)), 0, 6), _f(6))


def _soft_shrink(nodes, x):
    return nodes.add("Sub", x, _clip(nodes, x, -0.5, 0.5))


def _hard_shrink(nodes, x):
    is_large = nodes.add("Greater", nodes.add("Abs", x), _f(0.5))
    return nodes.add("Where", is_large, x, _f(0))


def _squareplus(nodes, x):
    root = nodes.add("Sqrt", nodes.add("Add", nodes.add("Mul", x, x), _f(4)))
    return nodes.add("Div", nodes.add("Add", x, root), _f(2))


def _sparse_plus(nodes, x):
    # (t / 2)² with t = x + 1 within [0, 2], and beyond that as much as x is above one.
    bounded = _clip(nodes, nodes.add("Add", x, _f(1)), 0, 2)
    squared = nodes.add("Div", nodes.add("Mul", bounded, bounded), _f(4))
    above = nodes.add("Max", nodes.add("Sub", x, _f(1)), _f(0))
    return nodes.add("Add", squared, above)


def _sparse_sigmoid(nodes, x):
    return _clip(nodes, nodes.add("Div", nodes.add("Add", x, _f(1)), _f(2)), 0, 1)


UNARY: dict[str, Callable] = {
    "relu": lambda nodes, x: nodes.add("Relu", x),
    "tanh": lambda nodes, x: nodes.add("Tanh", x),
    "sigmoid": lambda nodes, x: nodes.add("Sigmoid", x),
    "exponential": lambda nodes, x: nodes.add("Exp", x),
    "relu6": lambda nodes, x: _clip(nodes, x, 0, 6),
    "hard_tanh": lambda nodes, x: _clip(nodes, x, -1, 1),
    "leaky_relu": lambda nodes, x: nodes.add("LeakyRelu", x, alpha=0.2),
    "softplus": lambda nodes, x: nodes.add("Softplus", x),
    "softsign": lambda nodes, x: nodes.add("Softsign", x),
    "log_sigmoid": lambda nodes, x: nodes.add(
        "Neg", nodes.add("Softplus", nodes.add("Neg", x))
    ),
    "elu": lambda nodes, x: nodes.add("Elu", x),
    "celu": lambda nodes, x: nodes.add("Elu", x),
    "selu": lambda nodes, x: nodes.add("Selu", x),
    "gelu": _gelu,
    "silu": _sigmoid_product,
    "mish": _mish,
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda nodes, x: nodes.add("Mul", x, _hard_sigmoid(nodes, x)),
    "tanh_shrink": lambda nodes, x: nodes.add("Sub", x, nodes.add("Tanh", x)),
    "soft_shrink": _soft_shrink,
    "hard_shrink": _hard_shrink,
    "squareplus": _squareplus,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "softmax": lambda nodes, x: nodes.add("Softmax", x, axis=-1),
    "log_softmax": lambda nodes, x: nodes.add("LogSoftmax", x, axis=-1),
    "cos": lambda nodes, x: nodes.add("Cos", x),
    "sin": lambda nodes, x: nodes.add("Sin", x),
    "square": lambda nodes, x: nodes.add("Mul", x, x),
    "sqrt": lambda nodes, x: nodes.add("Sqrt", x),
    "absolute": lambda nodes, x: nodes.add("Abs", x),
    "negative": lambda nodes, x: nodes.add("Neg", x),
}

BINARY = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "maximum": "Max",
    "minimum": "Min",
}


def _dense(nodes, inputs, weights, settings):
    kernel, *biases = weights
    outputs = nodes.add("MatMul", inputs[0], kernel)
    return nodes.add("Add", outputs, *biases) if biases else outputs


def _rescale(nodes, inputs, weights, settings):
    scaled = nodes.add("Mul", inputs[0], _f(settings["scale"]))
    return nodes.add("Add", scaled, _f(settings["offset"]))


def _normalize(nodes, inputs, weights, settings):
    mean, variance, *others = weights
    scale = 1 / np.sqrt(variance + _f(settings["epsilon"]))
    others = iter(others)
    if settings["has_scale"]:
        scale = scale * next(others)
    shift = next(others) if settings["has_shift"] else _f(0)
    outputs = nodes.add("Sub", nodes.add("Mul", inputs[0], scale), mean * scale)
    return nodes.add("Add", outputs, shift)


def _standardize(nodes, inputs, weights, settings):
    mean, variance = weights
    deviation = np.maximum(np.sqrt(variance), _f(1e-7))
    return nodes.add("Div", nodes.add("Sub", inputs[0], mean), deviation)


KINDS = {
    "dense": _dense,
    "rescale": _rescale,
    "normalize": _normalize,
    "standardize": _standardize,
    "clip": lambda nodes, inputs, weights, settings: _clip(
        nodes, inputs[0], settings["low"], settings["high"]
    ),
    "reshape": lambda nodes, inputs, weights, settings: nodes.reshaped(
        inputs[0], settings["shape"]
    ),
    "concatenate": lambda nodes, inputs, weights, settings: nodes.add(
        "Concat", *inputs, axis=-1
    ),
}
"""Appends a kind of operation to `Nodes`, given the names of its inputs."""


def append_graph(nodes, graph, value, weights):
    """Append a graph of `skae._serving`; return the name of its flat output.

    Parameters
    ----------
    nodes : Nodes
        Where to.

    graph : Graph
        What.

    value : str
        Name of its input, of type float32 and shape (n_samples, n_inputs).

    weights : list of float32 arrays
        Its weights.
    """
    names = [value]
    for operation in graph.operations:
        inputs = [names[i] for i in operation.inputs]
        if operation.kind in UNARY:
            output = UNARY[operation.kind](nodes, *inputs)
        elif operation.kind in BINARY:
            output = nodes.add(BINARY[operation.kind], *inputs)
        else:
            some = [weights[i] for i in operation.weights]
            append = KINDS[operation.kind]
            output = append(nodes, inputs, some, operation.settings)
        names.append(output)
    return names[-1] if graph.is_flat else nodes.reshaped(names[-1], [graph.n_outputs])
