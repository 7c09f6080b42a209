"""What a fit adds to its network, as nodes of ONNX; see `skae._model.correction`."""

from __future__ import annotations

import numpy as np


def encoded_within(nodes, bounds, rows, encode):
    """Append the encoder within the bounds; ``encode(name)`` appends the network."""
    length = nodes.add("Div", _length(nodes, rows), np.float32(bounds.encoder_reach))
    within = nodes.add("Div", rows, nodes.add("Max", length, np.float32(1)))
    beyond = nodes.add("Sub", rows, within)
    added = nodes.add("MatMul", beyond, bounds.encoder_kernel)
    return nodes.add("Add", encode(within), added)


def corrected_outputs(nodes, correction, codes, decode):
    """Append the decoder within the bounds, and the closed form.

    ``decode(name)`` appends the network.
    """
    bounds, within = correction.bounds, codes
    if bounds is not None:
        beyond = _codes_beyond(nodes, bounds, codes)
        within = nodes.add("Sub", codes, beyond)
    outputs = decode(within)
    if correction.kernel_decoder is not None:
        outputs = _decoded(nodes, correction.kernel_decoder, within, outputs)
    if bounds is None:
        return outputs
    added = nodes.add("MatMul", beyond, bounds.decoder_kernel)
    return nodes.add("Add", outputs, added)


def _codes_beyond(nodes, bounds, codes):
    deviations = nodes.add("Sub", codes, bounds.decoder_centre)
    measured = nodes.add("MatMul", deviations, bounds.decoder_metric)
    length = nodes.add("Max", _length(nodes, measured), np.float32(1))
    part = nodes.add("Sub", np.float32(1), nodes.add("Div", np.float32(1), length))
    return nodes.add("Mul", deviations, part)


def _length(nodes, values):
    return nodes.add("Sqrt", _squared(nodes, values))


def _decoded(nodes, part, codes, outputs):
    # -|a - z|² is 2 a·z - |z|² - |a|².
    at = _linear(nodes, codes, part.scale, part.offset)
    products = nodes.add("MatMul", at, np.ascontiguousarray(2 * part.centers.T))
    lengths = np.square(part.centers).sum(axis=1)
    negative = nodes.add(
        "Sub", nodes.add("Sub", products, lengths), _squared(nodes, at)
    )
    kernel = nodes.add("Exp", nodes.add("Min", negative, np.float32(0)))
    linear = _linear(nodes, codes, part.linear, part.bias)
    shared = nodes.add("Mul", outputs, np.float32(part.network_share))
    added = nodes.add("MatMul", kernel, part.coefficients)
    return nodes.add("Add", nodes.add("Add", shared, linear), added)


def _linear(nodes, values, kernel, bias):
    return nodes.add("Add", nodes.add("MatMul", values, kernel), bias)


def _squared(nodes, values):
    """Append squared lengths of rows, shape (n_rows, 1)."""
    axes = np.array([1], np.int64)
    return nodes.add("ReduceSum", nodes.add("Mul", values, values), axes)
