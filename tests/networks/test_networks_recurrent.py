"""RecurrentNetwork: sizes by formula, recurrences as NumPy's, any shape of sequence."""

import numpy as np
import pytest
from helpers import (
    assert_branch_starts_at_zero,
    assert_keras_alone_saves,
    call,
    randomize,
)
from scipy.special import expit
from sklearn.base import clone

from skae.networks import BRANCH, LINEAR, RecurrentNetwork

CELLS = pytest.mark.parametrize("cell", ["lstm", "gru"])


def samples(*shape, n=3, seed=0):
    return np.random.RandomState(seed).randn(n, *shape)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


# Numbers of parameters


def n_recurrent(cell, n_inputs, units):
    """Count the parameters of a layer; the GRU has two biases, as Keras' has."""
    if cell == "lstm":
        return 4 * units * (n_inputs + units + 1)
    return 3 * units * (n_inputs + units + 2)


@CELLS
@pytest.mark.parametrize("directions", [1, 2], ids=["forwards", "both ways"])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_plain_networks_have_the_size_of_the_formula(cell, n_layers, directions):
    network = RecurrentNetwork(
        5,
        cell=cell,
        n_layers=n_layers,
        bidirectional=directions == 2,
        linear_shortcut=False,
    )
    outputs = 5 * directions

    def n_stack(n_inputs):
        first = n_recurrent(cell, n_inputs, 5)
        return directions * (first + (n_layers - 1) * n_recurrent(cell, outputs, 5))

    encoder = network.build_encoder((7, 2), 3)
    assert encoder.count_params() == n_stack(2) + (outputs + 1) * 3
    decoder = network.build_decoder((7, 2), 3)
    assert decoder.count_params() == n_stack(3) + (outputs + 1) * 2


@CELLS
def test_networks_beside_a_linear_map_have_the_size_of_the_formula(cell):
    network = RecurrentNetwork(5, cell=cell)
    encoder = network.build_encoder((7, 2), 3)
    linear, branch = (14 + 1) * 3, 5 * 3
    assert encoder.count_params() == linear + n_recurrent(cell, 2, 5) + branch
    decoder = network.build_decoder((7, 2), 3)
    linear, hidden, branch = (3 + 1) * 14, (3 + 1) * 5, 5 * 2
    recurrent = n_recurrent(cell, 5, 5)
    assert decoder.count_params() == linear + hidden + recurrent + branch


# What the layers compute


def lstm(X, kernel, recurrent_kernel, bias):
    """Return all states; Hochreiter and Schmidhuber (1997), with a forget gate."""
    state = memory = np.zeros((len(X), len(recurrent_kernel)))
    states = []
    for x in X.swapaxes(0, 1):
        gates = np.split(x @ kernel + state @ recurrent_kernel + bias, 4, axis=1)
        taken, kept, shown = (expit(gates[i]) for i in (0, 1, 3))
        memory = kept * memory + taken * np.tanh(gates[2])
        state = shown * np.tanh(memory)
        states.append(state)
    return np.stack(states, axis=1)


def gru(X, kernel, recurrent_kernel, biases):
    """Return all states; Cho et al. (2014), reset after the recurrent product."""
    state = np.zeros((len(X), len(recurrent_kernel)))
    states = []
    for x in X.swapaxes(0, 1):
        inputs = np.split(x @ kernel + biases[0], 3, axis=1)
        recurrent = np.split(state @ recurrent_kernel + biases[1], 3, axis=1)
        kept, reset = (expit(inputs[i] + recurrent[i]) for i in (0, 1))
        new = np.tanh(inputs[2] + reset * recurrent[2])
        state = kept * state + (1 - kept) * new
        states.append(state)
    return np.stack(states, axis=1)


FORMULAS = pytest.mark.parametrize(("cell", "formula"), [("lstm", lstm), ("gru", gru)])


def values(model):
    return [value.astype(np.float64) for value in model.get_weights()]


@FORMULAS
def test_the_encoder_maps_the_last_state_to_the_code(cell, formula):
    network = RecurrentNetwork(4, cell=cell, linear_shortcut=False)
    encoder = randomize(network.build_encoder((5, 2), 3))
    X = samples(5, 2)
    *recurrent, kernel, bias = values(encoder)
    expected = formula(X, *recurrent)[:, -1] @ kernel + bias
    assert_close(call(encoder, X), expected)


@FORMULAS
def test_layers_read_all_states_of_the_layer_before(cell, formula):
    network = RecurrentNetwork(4, cell=cell, n_layers=2, linear_shortcut=False)
    encoder = randomize(network.build_encoder((5, 2), 3))
    X = samples(5, 2)
    *recurrent, kernel, bias = values(encoder)
    states = formula(formula(X, *recurrent[:3]), *recurrent[3:])
    assert_close(call(encoder, X), states[:, -1] @ kernel + bias)


@FORMULAS
def test_a_bidirectional_layer_joins_the_last_states_of_both_ways(cell, formula):
    network = RecurrentNetwork(4, cell=cell, bidirectional=True, linear_shortcut=False)
    encoder = randomize(network.build_encoder((5, 2), 3))
    X = samples(5, 2)
    *recurrent, kernel, bias = values(encoder)
    forwards = formula(X, *recurrent[:3])[:, -1]
    backwards = formula(X[:, ::-1], *recurrent[3:])[:, -1]
    expected = np.hstack([forwards, backwards]) @ kernel + bias
    assert_close(call(encoder, X), expected)


@FORMULAS
def test_the_decoder_unfolds_the_code_repeated_at_every_step(cell, formula):
    network = RecurrentNetwork(4, cell=cell, linear_shortcut=False)
    decoder = randomize(network.build_decoder((5, 2), 3))
    codes = samples(3)
    *recurrent, kernel, bias = values(decoder)
    states = formula(np.repeat(codes[:, None], 5, axis=1), *recurrent)
    assert_close(call(decoder, codes), states @ kernel + bias)


@FORMULAS
def test_the_branch_of_the_decoder_is_unfolded_beside_the_linear_map(cell, formula):
    decoder = randomize(RecurrentNetwork(4, cell=cell).build_decoder((5, 2), 3))
    codes = samples(3)
    names = ("hidden_1", "recurrent_1", BRANCH, LINEAR)
    hidden, recurrent, branch, linear = (
        values(decoder.get_layer(name)) for name in names
    )
    vector = codes @ hidden[0] + hidden[1]
    states = formula(np.repeat(vector[:, None], 5, axis=1), *recurrent)
    unfolded = (states @ branch[0]).reshape(-1, 10)
    expected = codes @ linear[0] + linear[1] + unfolded
    assert_close(call(decoder, codes).reshape(-1, 10), expected)


@pytest.mark.slow
@CELLS
@pytest.mark.parametrize("build", ["build_encoder", "build_decoder"])
def test_the_branch_starts_at_zero_and_is_connected(build, cell):
    network = RecurrentNetwork(4, cell=cell, n_layers=2, bidirectional=True)
    model = getattr(network, build)((6, 2), 12)
    assert_branch_starts_at_zero(model, samples(*model.input_shape[1:]))


def test_only_with_the_shortcut_is_there_a_linear_map():
    network = RecurrentNetwork(4, linear_shortcut=False)
    assert not network.has_linear_map
    assert RecurrentNetwork(4).has_linear_map
    for model in (network.build_encoder((6,), 2), network.build_decoder((6,), 2)):
        assert BRANCH not in [layer.name for layer in model.layers]


# Shapes


@pytest.mark.parametrize(
    ("sample_shape", "sequence_shape"),
    [
        ((6,), None),
        ((6, 2), None),
        ((1, 2), None),
        ((12,), (12,)),
        ((12,), (6, 2)),
        ((2, 3, 2), (6, 2)),
    ],
    ids=str,
)
def test_sequences_of_any_shape_come_back_in_it(sample_shape, sequence_shape):
    network = RecurrentNetwork(4, sequence_shape=sequence_shape)
    encoder = randomize(network.build_encoder(sample_shape, 3))
    decoder = randomize(network.build_decoder(sample_shape, 3))
    codes = call(encoder, samples(*sample_shape))
    assert codes.shape == (3, 3)
    assert call(decoder, codes).shape == (3, *sample_shape)


@pytest.mark.parametrize(
    ("sample_shape", "sequence_shape", "same_as"),
    [((6,), None, (6, 1)), ((12,), (6, 2), (6, 2)), ((12,), (12,), (12, 1))],
    ids=str,
)
def test_flat_rows_are_the_sequences_that_their_shape_says(
    sample_shape, sequence_shape, same_as
):
    flat = RecurrentNetwork(4, sequence_shape=sequence_shape)
    shaped = RecurrentNetwork(4)
    X = samples(*same_as)
    encoder = randomize(shaped.build_encoder(same_as, 3))
    decoder = randomize(shaped.build_decoder(same_as, 3))
    again = flat.build_encoder(sample_shape, 3), flat.build_decoder(sample_shape, 3)
    for model, source in zip(again, (encoder, decoder), strict=True):
        model.set_weights(source.get_weights())
    codes = call(encoder, X)
    assert_close(call(again[0], X.reshape(-1, *sample_shape)), codes)
    assert_close(call(again[1], codes).ravel(), call(decoder, codes).ravel())


def test_samples_of_three_axes_are_an_error():
    with pytest.raises(ValueError, match=r"\(steps, channels\), got \(4, 3, 2\)"):
        RecurrentNetwork().build_encoder((4, 3, 2), 2)


# Parameters


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"units": 0}, "units must be a positive integer, got 0"),
        ({"units": True}, "units must be a positive integer, got True"),
        ({"units": (4, 2)}, r"units must be a positive integer, got \(4, 2\)"),
        ({"n_layers": 1.5}, "n_layers must be a positive integer, got 1.5"),
        ({"cell": "rnn"}, "cell must be 'lstm' or 'gru', got 'rnn'"),
        (
            {"sequence_shape": (5, 2)},
            r"sequence_shape=\(5, 2\) holds 10 values, but .* \(6, 2\) has 12",
        ),
        ({"sequence_shape": (2, 3, 2)}, r"\(steps, channels\), got \(2, 3, 2\)"),
        ({"sequence_shape": (12, 0)}, "sequence_shape must hold positive integers"),
    ],
    ids=str,
)
@pytest.mark.parametrize("build", ["build_encoder", "build_decoder"])
def test_a_parameter_that_cannot_be_is_named(parameters, message, build):
    with pytest.raises(ValueError, match=message):
        getattr(RecurrentNetwork(**parameters), build)((6, 2), 3)


def test_units_may_be_of_any_integer_type():
    encoder = RecurrentNetwork(np.int8(3)).build_encoder((6, 2), 3)
    usual = RecurrentNetwork(3).build_encoder((6, 2), 3)
    assert encoder.count_params() == usual.count_params()


def test_the_number_of_codes_is_the_one_asked_for():
    assert RecurrentNetwork().n_codes((6, 2), 3) == 3


def test_a_recurrent_network_leaves_the_number_of_codes_to_others():
    assert not RecurrentNetwork().sizes_itself


def test_clone_keeps_all_parameters():
    parameters = {
        "units": 3,
        "n_layers": 2,
        "cell": "lstm",
        "bidirectional": True,
        "sequence_shape": (5, 2),
        "linear_shortcut": False,
    }
    network = RecurrentNetwork(**parameters)
    assert network.get_params() == parameters
    assert clone(network).get_params() == parameters


def test_building_leaves_the_parameters_alone():
    network = RecurrentNetwork(3, sequence_shape=[4, 2])
    before = dict(vars(network))
    network.build_encoder((8,), 2)
    network.build_decoder((8,), 2)
    assert vars(network) == before


# Keras models


def test_models_are_named_for_what_they_do():
    network = RecurrentNetwork(3)
    assert network.build_encoder((4,), 2).name == "encoder"
    assert network.build_decoder((4,), 2).name == "decoder"


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        {"cell": "lstm", "n_layers": 2},
        {"cell": "gru", "bidirectional": True},
        {"cell": "gru", "linear_shortcut": False, "sequence_shape": (6, 2)},
    ],
    ids=str,
)
def test_keras_alone_saves_the_models(how, tmp_path):
    network = RecurrentNetwork(3, **how)
    assert_keras_alone_saves(network.build_encoder((12,), 2), samples(12), tmp_path)
    assert_keras_alone_saves(network.build_decoder((12,), 2), samples(2), tmp_path)
