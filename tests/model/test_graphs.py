"""Keras models as graphs: the same outputs, or none where a layer is unknown."""

import keras
import numpy as np
import pytest
from helpers import call, randomize

from skae._model.graphs import graphs_of
from skae._objective.objective import Objective
from skae._serving.graph import as_text, of_text
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork, RecurrentNetwork
from skae.networks import _build as build
from skae.networks._build import Architecture, variables

FLOAT32 = {"dtype": "float32"}


class Models(DenseNetwork):
    """A network of two models, which counts as one of skae's here."""

    def __init__(self, encoder, decoder):
        self.models = encoder, decoder


@pytest.fixture(autouse=True)
def _are_of_skae(monkeypatch):
    monkeypatch.setattr(build, "_WITH_SEEDS", (*build._WITH_SEEDS, Models))


def graphs(network, shape, dim=2, models=None):
    architecture = Architecture(network, shape, dim, Objective())
    models = models or architecture.models()
    return models, graphs_of(architecture, *models)


def assert_same(model, graph, X):
    weights = [v.numpy() for v in variables(model)]
    flat = np.asarray(X, np.float32).reshape(len(X), -1)
    expected = call(model, X).reshape(len(X), -1)
    np.testing.assert_allclose(graph.run(flat, weights), expected, rtol=1e-4, atol=1e-5)
    assert of_text(as_text((graph,))) == (graph,)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (DenseNetwork((7, 4)), (5,)),
        (DenseNetwork((), code_activation="sigmoid"), (5,)),
        (DenseNetwork((7,), activation="gelu", linear_shortcut=False), (3, 4)),
    ],
)
def test_dense_networks_are_graphs(network, shape):
    (encoder, decoder), found = graphs(network, shape)
    rng = np.random.RandomState(0)
    assert_same(randomize(encoder), found[0], rng.randn(9, *shape))
    assert_same(randomize(decoder, 1), found[1], rng.randn(9, 2))
    assert len(found[0].input_layers) > 0


def test_every_layer_that_numpy_knows_computes_as_in_keras():
    layers = keras.layers
    normalization = layers.Normalization(**FLOAT32)
    normalization.adapt(np.random.RandomState(1).randn(20, 8))
    inputs = keras.Input((6,), dtype="float32")
    one = layers.BatchNormalization(**FLOAT32)(inputs)
    one = layers.Dense(4, activation=keras.ops.cos, **FLOAT32)(one)
    other = layers.Dense(4, use_bias=False, activation="selu", **FLOAT32)(inputs)
    product = layers.Multiply(**FLOAT32)([one, other])
    both = layers.Concatenate(**FLOAT32)([one, product])
    both = layers.Flatten(**FLOAT32)(layers.Reshape((2, 4), **FLOAT32)(both))
    both = layers.Dropout(0.5, **FLOAT32)(normalization(both))
    both = layers.Identity(**FLOAT32)(layers.GaussianNoise(1, **FLOAT32)(both))
    both = layers.Rescaling([1, 2, 3, 4, 5, 6, 7, 8], 0.5, **FLOAT32)(both)
    clipped = layers.ReLU(1.5, **FLOAT32)(both)
    largest = layers.Maximum(**FLOAT32)([both, clipped])
    difference = layers.Subtract(**FLOAT32)([largest, both])
    least = layers.Minimum(**FLOAT32)([difference, both])
    relu = layers.ReLU(**FLOAT32)(layers.Activation("tanh", **FLOAT32)(least))
    outputs = layers.Add(**FLOAT32)([relu, least, clipped])
    model = randomize(keras.Model(inputs, outputs))
    for variable in normalization.weights:
        variable.assign(keras.ops.abs(variable))  # of which one is a variance
    normalization.finalize_state()
    _, found = graphs(Models(model, model), (6,), models=(model, model))
    assert_same(model, found[0], np.random.RandomState(0).randn(9, 6))


def unknown_models():
    inputs = keras.Input((6,))
    yield keras.Sequential([inputs, keras.layers.Dense(2)])
    for layer in (
        keras.layers.Dense(2, activation=lambda x: x / 2),
        keras.layers.Dense(2, activation="sparsemax"),
        keras.layers.LayerNormalization(),
        keras.layers.ReLU(negative_slope=0.1),
        keras.layers.Dense(2, dtype="float64"),
        keras.layers.Softmax(),
    ):
        yield keras.Model(inputs, layer(inputs))


def test_models_with_anything_else_are_no_graphs():
    for model in unknown_models():
        _, found = graphs(Models(model, model), (6,), models=(model, model))
        assert found is None, model.layers[-1]


@pytest.mark.parametrize(
    ("network", "shape"),
    [(ConvNetwork((4,)), (8, 8)), (RecurrentNetwork(4), (8, 8))],
)
def test_other_networks_are_no_graphs(network, shape):
    assert graphs(network, shape)[1] is None


def test_networks_of_the_users_own_are_no_graphs():
    network = DenseNetwork((7,))
    models = network.build_encoder((5,), 2), network.build_decoder((5,), 2)
    assert graphs(CustomNetwork(*models), (5,), models=models)[1] is None
