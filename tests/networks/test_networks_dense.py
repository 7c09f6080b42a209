"""DenseNetwork: wiring, sizes, and the branch that starts at zero."""

import itertools

import numpy as np
import pytest
from helpers import (
    assert_branch_starts_at_zero,
    assert_keras_alone_saves,
    call,
    randomize,
)
from sklearn.base import clone

from skae.networks import LINEAR, DenseNetwork


@pytest.mark.parametrize(
    ("hidden_layer_sizes", "n_parameters"),
    [((), 50_992), ((128, 64), 222_384)],
    ids=["simple", "deep"],
)
def test_plain_networks_have_the_textbook_number_of_parameters(
    hidden_layer_sizes, n_parameters
):
    network = DenseNetwork(hidden_layer_sizes, linear_shortcut=False)
    encoder = network.build_encoder((784,), 32)
    decoder = network.build_decoder((784,), 32)
    units = [784, *hidden_layer_sizes, 32, *hidden_layer_sizes[::-1], 784]
    formula = sum((a + 1) * b for a, b in itertools.pairwise(units))
    assert encoder.count_params() + decoder.count_params() == formula == n_parameters


def test_the_shortcut_adds_a_linear_map_and_takes_one_bias():
    encoder = DenseNetwork((7,)).build_encoder((5,), 2)
    linear, hidden, branch = 5 * 2 + 2, 5 * 7 + 7, 7 * 2
    assert encoder.count_params() == linear + hidden + branch


def test_without_hidden_layers_the_shortcut_is_the_whole_network():
    encoder = DenseNetwork(()).build_encoder((5,), 2)
    assert encoder.count_params() == 5 * 2 + 2


def test_the_decoder_mirrors_the_encoder():
    network = DenseNetwork((9, 4))
    encoder, decoder = network.build_encoder((6,), 2), network.build_decoder((6,), 2)
    assert [encoder.get_layer(f"hidden_{i}").units for i in (1, 2)] == [9, 4]
    assert [decoder.get_layer(f"hidden_{i}").units for i in (1, 2)] == [4, 9]


@pytest.mark.parametrize("build", ["build_encoder", "build_decoder"])
def test_the_branch_starts_at_zero_and_is_connected(build):
    model = getattr(DenseNetwork((8,)), build)((5,), 5)
    assert_branch_starts_at_zero(model, np.random.RandomState(0).randn(20, 5))


@pytest.mark.parametrize(
    ("code_activation", "formula"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("tanh", np.tanh),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_the_code_activation_comes_last(code_activation, formula):
    encoder = DenseNetwork((), code_activation=code_activation).build_encoder((5,), 3)
    X = np.random.RandomState(0).randn(20, 5).astype(np.float32)
    kernel, bias = encoder.get_layer(LINEAR).get_weights()
    np.testing.assert_allclose(
        encoder(X).numpy(), formula(X @ kernel + bias), rtol=1e-5, atol=1e-6
    )


def test_hidden_layers_use_the_activation():
    encoder = DenseNetwork((4,), activation="tanh", linear_shortcut=False)
    encoder = encoder.build_encoder((5,), 3)
    X = np.random.RandomState(0).randn(20, 5).astype(np.float32)
    kernel, bias = encoder.get_layer("hidden_1").get_weights()
    last_kernel, last_bias = encoder.get_layer(LINEAR).get_weights()
    np.testing.assert_allclose(
        encoder(X).numpy(),
        np.tanh(X @ kernel + bias) @ last_kernel + last_bias,
        rtol=1e-5,
        atol=1e-6,
    )


def test_samples_of_any_shape_are_flattened_and_shaped_back():
    network = DenseNetwork((8,))
    X = np.random.RandomState(0).randn(7, 2, 3).astype(np.float32)
    codes = network.build_encoder((2, 3), 4)(X)
    assert codes.shape == (7, 4)
    assert network.build_decoder((2, 3), 4)(codes).shape == X.shape


def test_models_are_named_for_what_they_do():
    network = DenseNetwork()
    assert network.build_encoder((5,), 2).name == "encoder"
    assert network.build_decoder((5,), 2).name == "decoder"


def test_clone_keeps_all_parameters():
    network = DenseNetwork(
        (3, 2), activation="gelu", code_activation="tanh", linear_shortcut=False
    )
    assert clone(network).get_params() == network.get_params()
    assert network.get_params() == {
        "hidden_layer_sizes": (3, 2),
        "activation": "gelu",
        "code_activation": "tanh",
        "linear_shortcut": False,
    }


def test_building_leaves_the_parameters_alone():
    network = DenseNetwork([3, 2])
    before = dict(vars(network))
    network.build_encoder((5,), 2)
    network.build_decoder((5,), 2)
    assert vars(network) == before


@pytest.mark.parametrize("linear_shortcut", [True, False])
def test_only_beside_a_linear_map_are_the_codes_of_a_sigmoid_centred(linear_shortcut):
    how = {"linear_shortcut": linear_shortcut}
    decoder = randomize(
        DenseNetwork((4,), code_activation="sigmoid", **how).build_decoder((5,), 3)
    )
    uncentred = DenseNetwork((4,), **how).build_decoder((5,), 3)
    uncentred.set_weights(decoder.get_weights())
    codes = np.random.RandomState(0).rand(10, 3)
    np.testing.assert_allclose(
        call(decoder, codes),
        call(uncentred, codes - 0.5 * linear_shortcut),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("code_activation", ["linear", "sigmoid"])
def test_keras_alone_saves_the_models(code_activation, tmp_path):
    network = DenseNetwork((4,), code_activation=code_activation)
    X = np.random.RandomState(0).randn(10, 3, 2)
    assert_keras_alone_saves(network.build_encoder((3, 2), 2), X, tmp_path)
    assert_keras_alone_saves(network.build_decoder((3, 2), 2), X[:, 0], tmp_path)


def test_the_number_of_codes_is_the_one_asked_for():
    assert DenseNetwork().n_codes((5,), np.int64(3)) == 3


def test_a_dense_network_leaves_the_number_of_codes_to_others():
    assert not DenseNetwork().sizes_itself


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (4, 0)}, r"must hold positive integers, got \(4, 0\)"),
        ({"hidden_layer_sizes": (4, True)}, "hidden_layer_sizes must hold positive"),
        ({"hidden_layer_sizes": 4.0}, "a tuple of them, got 4.0"),
        ({"hidden_layer_sizes": (4, 2**40)}, "hidden_layer_sizes goes up to 109951162"),
        ({"activation": "swoosh"}, "activation='swoosh' is not the name"),
        ({"activation": "glu"}, "one output for each input"),
        ({"activation": "threshold"}, "one output for each input"),
        ({"code_activation": "swoosh"}, "code_activation='swoosh' is not the name"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("build", ["build_encoder", "build_decoder"])
def test_parameters_that_cannot_be_are_named(parameters, message, build):
    with pytest.raises(ValueError, match=message):
        getattr(DenseNetwork(**parameters), build)((5,), 2)
