"""What a fit adds to its network, as nodes of ONNX; see `skae._model.correction`."""

from __future__ import annotations

import numpy as np


def corrected_outputs(nodes, correction, codes, outputs):
    """Append the decoder in closed form, and the bounds; return the outputs' name."""
    if correction.kernel_decoder is not None:
        outputs = _decoded(nodes, correction.kernel_decoder, codes, outputs)
    bounds = correction.bounds
    if bounds is None:
        return outputs
    linear = _linear(nodes, codes, bounds.decoder_kernel, bounds.decoder_bias)
    deviations = nodes.add("Sub", outputs, linear)
    measured = nodes.add("Mul", deviations, np.float32(bounds.decoder_metric))
    return nodes.add("Add", linear, _bounded(nodes, deviations, measured))


def bounded_codes(nodes, bounds, rows, kernel, bias, encoded):
    """Append the encoder's bounds; return the name of its outputs."""
    linear = _linear(nodes, rows, kernel, bias)
    deviations = nodes.add("Sub", encoded, linear)
    measured = nodes.add("MatMul", deviations, bounds.encoder_metric)
    return nodes.add("Add", linear, _bounded(nodes, deviations, measured))


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


def _bounded(nodes, deviations, measured):
    squares = nodes.add("Max", _squared(nodes, measured), np.float32(1))
    return nodes.add("Div", deviations, squares)
