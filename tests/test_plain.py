"""Values as text and arrays, and back; fits are checked on first use."""

import itertools
import json

import keras
import numpy as np
import pytest

from skae import _plain
from skae._data import Scaling
from skae._inference import FittedCodec, shared_codec
from skae._objective import NegativeELBO, Objective
from skae._restored import RestoredFit, check_weights
from skae.exceptions import SavedFileError
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork, RecurrentNetwork
from skae.networks._models import variables


def back(value, **how):
    return _plain.loads(*_plain.dumps(value, **how))


def model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def fit(network=None, objective=None):
    network, objective = network or DenseNetwork((4,)), objective or Objective()
    codec = shared_codec(network, (6,), 2, objective)
    values = variables(codec.encoder, codec.decoder) + objective.build()
    weights = [v.numpy() for v in values]
    return FittedCodec(codec, weights, Scaling(np.arange(6.0), 2.0))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1,
        10**30,
        1e-300,
        "é\n\ud800",
        [],
        (),
        [1, (2, [3])],
        {},
        {"type": "tuple", "value": [{"a": (1,)}]},
    ],
    ids=repr,
)
def test_plain_values_come_back_with_their_types(value):
    assert repr(back(value)) == repr(value)
    assert _plain.dumps(value)[1] == []


def test_numbers_that_json_lacks_come_back():
    infinite, nan = back([np.inf, np.nan])
    assert infinite == np.inf
    assert np.isnan(nan)


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f2", "f4", "f8"])
def test_arrays_are_listed_beside_the_text(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    text, parts = _plain.dumps({"weights": [array]})
    assert parts[0] is array
    assert _plain.loads(text, parts)["weights"][0] is array


def test_names_of_features_come_back_as_objects():
    names = np.array(["a", "long name"], dtype=object)
    again = back(names)
    assert again.dtype == object
    assert list(again) == list(names)


@pytest.mark.parametrize("value", [len, 1j, {1: 2}, np.array([1, "a"], object), b"x"])
def test_other_values_are_errors_unless_objects_are_kept(value):
    with pytest.raises(TypeError, match="neither a plain value nor an array"):
        _plain.dumps([value])
    (again,) = back([value], keep_objects=True)
    assert again is value


@pytest.mark.parametrize(
    "network",
    [
        DenseNetwork((8, 4), activation="gelu", linear_shortcut=False),
        ConvNetwork((4,), kernel_size=(3, 5), image_shape=(2, 3)),
        RecurrentNetwork(5, n_layers=2, cell="lstm", bidirectional=True),
    ],
    ids=lambda network: type(network).__name__,
)
def test_networks_come_back_with_their_parameters(network):
    assert repr(back(network)) == repr(network)


@pytest.mark.parametrize(
    "objective", [Objective("binary_crossentropy", 0.1), NegativeELBO("mse", beta=0.3)]
)
def test_objectives_come_back_with_their_fields(objective):
    assert back(objective) == objective
    assert vars(back(objective)) == vars(objective)


def test_a_model_comes_back_once_wherever_it_is_found():
    given = model()
    text, parts = _plain.dumps([given, CustomNetwork(given, model())])
    assert len(parts) == 4  # kernel and bias of each
    alone, network = _plain.loads(text, parts)
    assert alone is network.encoder
    assert alone is not network.decoder
    X = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(alone(X), given(X))


def test_models_come_back_without_how_they_were_compiled_for_training():
    given = model()
    given.compile("adam", "mse")
    inner = keras.Sequential([keras.Input((3,)), given])
    text, _ = _plain.dumps(inner)
    assert "compile_config" not in text
    assert not back(inner).compiled


@pytest.mark.parametrize("objective", [Objective(), NegativeELBO()])
def test_a_fit_comes_back_and_encodes_the_same(objective):
    given = fit(objective=objective)
    X = np.random.RandomState(0).uniform(size=(5, 6))
    again = back(given)
    assert "codec" not in vars(again)  # nothing is built before it is used
    np.testing.assert_array_equal(again.encode(X), given.encode(X))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop(), "number 9 is missing, not float32 of shape"),
        (lambda weights: weights.append(weights[0]), "is float32 .*, not missing"),
        (lambda weights: weights.reverse(), "number 0 is"),
        (
            lambda weights: weights.__setitem__(0, weights[0].astype(np.float64)),
            "number 0 is float64",
        ),
    ],
    ids=["missing", "too many", "in another order", "of another type"],
)
def test_weights_of_another_network_are_an_error_on_first_use(change, message):
    again = back(fit())
    change(again.weights)
    with pytest.raises(SavedFileError, match=message):
        again.codec  # noqa: B018
    with pytest.raises(SavedFileError, match=message):
        again.models  # noqa: B018


@pytest.mark.parametrize(
    "network",
    [DenseNetwork((10**9,)), ConvNetwork((10**9,)), RecurrentNetwork(10**9)],
    ids=lambda network: type(network).__name__,
)
def test_networks_larger_than_memory_are_an_error_and_not_built(network):
    given = fit()
    architecture = network, *given.architecture[1:]
    huge = RestoredFit.restored(architecture, given.weights, given.scaling)
    with pytest.raises(SavedFileError, match=r"not .* of shape \(.*000000"):
        huge.codec  # noqa: B018


def test_checking_weights_gives_no_memory_to_variables():
    built = []

    def variables_of_models():
        layer = keras.layers.Dense(10**9)
        layer.build((None, 10**6))
        built.append(layer)
        return layer.weights

    shapes = (10**6, 10**9), (10**9,)
    weights = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    check_weights(weights, variables_of_models)  # four petabytes
    assert len(built) == 1


def test_checking_weights_leaves_later_layers_as_they_are():
    check_weights(
        [np.zeros((3, 2), np.float32), np.zeros(2, np.float32)], lambda: model().weights
    )
    assert model().count_params() == 8


def encoded(value):
    return json.loads(_plain.dumps(value)[0])


@pytest.mark.parametrize(
    "data",
    [
        {"type": "tuple"},
        {"type": "eval", "value": "1"},
        {"type": "array", "value": 1},
        {"type": "array", "value": -1},
        {"type": "array", "value": True},
        {"type": "object", "value": 0},
        {"type": "strings", "value": [1]},
        {"type": "network", "value": ["CustomNetwork", {"type": "dict", "value": {}}]},
        {"type": "network", "value": ["Network", {"type": "dict", "value": {}}]},
        {"type": "keras_model", "value": "{}"},
        {"type": "optimizer", "value": "{}"},
        {"type": "fit", "value": {"type": "dict", "value": {}}},
    ],
    ids=str,
)
def test_text_that_dumps_does_not_write_is_an_error(data):
    with pytest.raises((LookupError, TypeError, ValueError)):
        _plain.loads(json.dumps(data), [np.zeros(3)])


@pytest.mark.parametrize("position", [-1, 625, 10**12, 1.0, "0", None])
def test_random_states_beyond_their_end_are_an_error(position):
    # NumPy would read there, and end the process.
    data = encoded(np.random.RandomState(0))
    data["value"][2] = position
    _, parts = _plain.dumps(np.random.RandomState(0))
    with pytest.raises(ValueError, match="is not what dumps writes"):
        _plain.loads(json.dumps(data), parts)


@pytest.mark.parametrize(
    ("place", "value"),
    itertools.product(["activation", "hidden_layer_sizes"], [{}, [[1]], {"a": 1}]),
)
def test_networks_take_sizes_and_names_alone(place, value):
    data = encoded(DenseNetwork())
    data["value"][1]["value"][place] = {"type": "dict", "value": value}
    with pytest.raises((AttributeError, ValueError)):
        _plain.loads(json.dumps(data), [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", [None, [6], 2, None]),
        ("weights", [1.0]),
        ("weights", None),
        ("mean", {"type": "array", "value": 0}),
        ("scale", "1"),
    ],
)
def test_fits_of_other_parts_are_an_error(name, value):
    text, parts = _plain.dumps(fit())
    data = json.loads(text)
    data["value"]["value"][name] = value
    with pytest.raises((AttributeError, ValueError)):
        _plain.loads(json.dumps(data), parts)
