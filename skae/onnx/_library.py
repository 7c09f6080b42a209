"""The libraries of the extra ``skae[onnx]``, imported at their first use."""

import functools
import importlib


@functools.cache
def _load(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"ONNX models need {name.partition('.')[0]}, which cannot be imported: "
            f"{error}. Install it with: pip install skae[onnx]"
        ) from error


def load_onnx():
    """Return the package onnx, with the parts that skae uses."""
    for part in ("checker", "compose", "helper", "numpy_helper"):
        _load(f"onnx.{part}")
    return _load("onnx")


def load_skl2onnx():
    """Return the package skl2onnx."""
    _load("skl2onnx.common.data_types")
    return _load("skl2onnx")


def check_exporter():
    """Raise an ImportError if Keras' exporter has not what it needs."""
    _load("tf2onnx")
