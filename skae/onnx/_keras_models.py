"""Keras models in ONNX, by Keras' own exporter."""

from __future__ import annotations

import os
import tempfile
import warnings

import numpy as np

from skae.onnx._library import check_exporter, load_onnx

NEWEST_OF_KERAS = 18
"""The newest version of ONNX's operators that tf2onnx, which Keras uses, knows."""


def exported(fitted, which, opset):
    """Return an encoder (0) or decoder (1), in the network's scale, as an ONNX model.

    Parameters
    ----------
    fitted : FittedNetwork
        Whose network needs Keras.

    which : int
        0 or 1.

    opset : int
        Version of ONNX's operators.
    """
    check_exporter()
    model = fitted.bare_models()[which]
    model(np.zeros((1, *model.inputs[0].shape[1:]), np.float32))  # Keras demands a call
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Keras looks for what NumPy 2 has dropped.
        warnings.simplefilter("ignore", FutureWarning)
        path = os.path.join(folder, "model.onnx")
        model.export(
            path,
            format="onnx",
            verbose=False,
            opset_version=opset,
        )
        return load_onnx().load(path)
