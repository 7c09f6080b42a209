"""Keys: equal for what is the same, different for all else."""

import copy
import types

import keras
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from skae._keras.keys import by_value
from skae.networks import DenseNetwork

# More than 1,000 elements, of which `repr` shows the first and last three.
LONG = np.zeros(2000)


def changed(array):
    array = array.copy()
    array[1000] = 1
    return array


class Layout:
    """Holds settings, as objects of a user do."""

    def __init__(self, mask):
        self.mask = mask


class Slotted:
    """Holds settings without a `__dict__`."""

    __slots__ = ("mask",)

    def __init__(self, mask):
        self.mask = mask


HOLDERS = {
    "array": lambda array: array,
    "list": lambda array: [1, array],
    "dictionary": lambda array: {"mask": (array, "relu")},
    "array of objects": lambda array: np.array([None, array], dtype=object),
    "mask": lambda array: np.ma.masked_array(LONG, array),
    "network": lambda array: DenseNetwork(array),
    "estimator": lambda array: StandardScaler(with_mean=array),
    "object": Layout,
    "object with slots": Slotted,
    "namespace": lambda array: types.SimpleNamespace(mask=array),
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_long_arrays_are_told_apart_by_every_element(hold):
    assert by_value(hold(LONG)) == by_value(hold(LONG.copy()))
    assert hash(by_value(hold(LONG))) == hash(by_value(hold(LONG.copy())))
    assert by_value(hold(LONG)) != by_value(hold(changed(LONG)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ("1", 1),
        ((1, 2), [1, 2]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (LONG, LONG.astype(np.float32)),
        (LONG, LONG.reshape(2, 1000)),
        (Layout(1), types.SimpleNamespace(mask=1)),
    ],
)
def test_types_shapes_and_orders_count(one, other):
    assert by_value(one) != by_value(other)


@pytest.mark.parametrize(
    "make", [lambda: lambda: 1, lambda: keras.initializers.Zeros(), object]
)
def test_what_may_run_code_is_told_apart_by_identity(make):
    one = make()
    assert by_value([one]) == by_value([one])
    assert by_value([one]) != by_value([make()])


def test_a_copy_holds_the_same_and_a_change_in_place_shows():
    layout = Layout({"sizes": [3, 4]})
    before = by_value(layout)
    assert by_value(copy.deepcopy(layout)) == before
    layout.mask["sizes"].append(5)
    assert by_value(layout) != before


def test_what_holds_itself_is_told_apart_by_identity():
    one, other = Layout(None), Layout(None)
    one.mask, other.mask = one, other
    assert by_value(one) == by_value(one)
    assert by_value(one) != by_value(other)


def test_what_is_frozen_in_a_model_counts():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    before = by_value(model)
    model.layers[0].trainable = False
    assert by_value(model) != before
