"""What each operation computes, against Keras' functions and layers."""

import keras
import numpy as np
import pytest

from skae._serving.operations import KINDS, UNARY

X = np.linspace(-9, 9, 200, dtype=np.float32).reshape(20, 10)
OF_OPS = {"exponential": "exp"}  # the names that Keras gives to operations


def function_of_keras(name):
    found = getattr(keras.activations, name, None)
    return found or getattr(keras.ops, OF_OPS.get(name, name))


@pytest.mark.parametrize("name", UNARY)
def test_functions_are_those_of_keras(name):
    rows = np.abs(X) if name == "sqrt" else X
    expected = np.asarray(function_of_keras(name)(rows))
    for out in (None, rows.copy()):
        values = UNARY[name](rows if out is None else out, out)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected, rtol=2e-6, atol=2e-6)


def test_all_functions_of_one_value_that_keras_names_are_there():
    others = {"deserialize", "get", "serialize", "linear"}
    others |= {"glu", "sparsemax", "threshold"}  # of several values, or with a setting
    names = {name for name in dir(keras.activations) if not name.startswith("_")}
    functions = {getattr(keras.activations, name).__name__ for name in names - others}
    assert functions <= set(UNARY)


@pytest.mark.parametrize(
    ("kind", "inputs", "weights", "settings"),
    [
        ("dense", [(3,)], [(4, 2), (2,)], {}),
        ("dense", [(4,)], [(4, 2), (3,)], {}),
        ("dense", [(4,)], [(4, 2), (2,), (2,)], {}),
        ("add", [(3,), (4,)], [], {}),
        ("relu", [(3,), (3,)], [], {}),
        ("reshape", [(6,)], [], {"shape": [2, 4]}),
        ("reshape", [(6,)], [], {"shape": [-2, -3]}),
        ("reshape", [(6,)], [], {"shape": [2.0, 3.0]}),
        ("rescale", [(3,)], [], {"scale": [1.0, 2.0], "offset": 0.0}),
        ("rescale", [()], [], {"scale": [1.0, 2.0], "offset": 0.0}),
        ("normalize", [(3,)], [(3,)] * 3, {"has_scale": True, "has_shift": True}),
        ("standardize", [(3,)], [(3,)] * 3, {}),
        ("concatenate", [(2, 3), (3, 3)], [], {}),
    ],
)
def test_shapes_that_do_not_fit_are_errors(kind, inputs, weights, settings):
    with pytest.raises((ValueError, TypeError)):
        KINDS[kind].shape(inputs, weights, settings)
