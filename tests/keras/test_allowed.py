"""What Keras may be asked for by a file: what only computes, and nothing else."""

import copy
import json

import keras
import numpy as np
import pytest
from keras import layers

from benchmarks.damaged_files import EVIL
from skae._keras.allowed import check, without_training

SHAPES = {
    "image": (8, 8, 3),
    "sequence": (8, 3),
    "volume": (4, 4, 4, 2),
    "row": (8,),
}
OF_SHAPE = {
    "row": [
        layers.Dense(3, activation="gelu", kernel_regularizer="l2"),
        layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(2)),
        layers.BatchNormalization(),
        layers.LayerNormalization(),
        layers.UnitNormalization(),
        layers.Dropout(0.2, seed=1),
        layers.GaussianNoise(0.1),
        layers.GaussianDropout(0.1),
        layers.AlphaDropout(0.1),
        layers.Rescaling(2.0, 1.0),
        layers.Reshape((2, 4)),
        layers.RepeatVector(2),
        layers.ActivityRegularization(0.1),
        layers.EinsumDense("ab,bc->ac", 3),
        layers.SpectralNormalization(layers.Dense(2)),
        layers.Softmax(),
        layers.ReLU(),
        layers.LeakyReLU(),
        layers.ELU(),
        layers.PReLU(),
        layers.Activation("silu"),
        layers.Identity(),
    ],
    "sequence": [
        layers.LSTM(2),
        layers.GRU(2, return_sequences=True),
        layers.SimpleRNN(2),
        layers.Bidirectional(layers.LSTM(2)),
        layers.RNN([layers.GRUCell(2), layers.LSTMCell(3)]),
        layers.TimeDistributed(layers.Dense(2)),
        layers.Conv1D(2, 3),
        layers.Conv1DTranspose(2, 3),
        layers.SeparableConv1D(2, 3),
        layers.MaxPooling1D(),
        layers.GlobalAveragePooling1D(),
        layers.UpSampling1D(),
        layers.ZeroPadding1D(),
        layers.Cropping1D(),
        layers.Permute((2, 1)),
        layers.SpatialDropout1D(0.1),
        keras.Sequential([layers.Masking(), layers.LSTM(2)]),
        layers.GroupNormalization(1),
        layers.Flatten(),
    ],
    "image": [
        layers.Conv2D(2, 3, activation="relu"),
        layers.Conv2DTranspose(2, 3),
        layers.DepthwiseConv2D(3),
        layers.SeparableConv2D(2, 3),
        layers.AveragePooling2D(2),
        layers.GlobalMaxPooling2D(),
        layers.UpSampling2D(interpolation="bilinear"),
        layers.Cropping2D(),
        layers.ZeroPadding2D(),
        layers.SpatialDropout2D(0.1),
        layers.CenterCrop(4, 4),
    ],
    "volume": [
        layers.Conv3D(2, 3),
        layers.Conv3DTranspose(2, 3),
        layers.MaxPooling3D(),
        layers.UpSampling3D(),
    ],
}


def functional(make):
    inputs = keras.Input((4,))
    return keras.Model(inputs, make(inputs))


def config_of(model):
    return without_training(json.loads(model.to_json()))


def checked_and_made(config):
    check(config)
    return keras.saving.deserialize_keras_object(config)


def rows_of(shape):
    return np.random.RandomState(0).uniform(size=(2, *shape)).astype(np.float32)


def assert_made_again(model):
    again = checked_and_made(config_of(model))
    again.set_weights(model.get_weights())
    X = rows_of(model.input_shape[1:])
    np.testing.assert_allclose(again(X), model(X), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_layers_that_only_compute_are_made_again(shape):
    inputs = keras.Input(SHAPES[shape])
    outputs = [layers.Flatten()(layer(inputs)) for layer in OF_SHAPE[shape]]
    assert_made_again(keras.Model(inputs, layers.Concatenate()(outputs)))


@pytest.mark.parametrize(
    "make",
    [
        lambda x: layers.Add()([x, layers.Dense(4)(x)]),
        lambda x: layers.Concatenate()([layers.Dense(2)(x), layers.Dense(3)(x)]),
        lambda x: 2 * keras.ops.tanh(x) + keras.ops.sum(x, axis=-1, keepdims=True),
        lambda x: x[:, 1:3] - np.array([1.0, 2.0], np.float32),
        lambda x: keras.ops.relu(keras.ops.reshape(x, (-1, 2, 2))),
        lambda x: keras.Sequential([keras.Input((4,)), layers.Dense(2)])(x),
        lambda x: functional(lambda y: layers.Dense(3)(y))(x),
        lambda x: (lambda shared: layers.Add()([shared(x), shared(shared(x))]))(
            layers.Dense(4)
        ),
        lambda x: layers.MultiHeadAttention(1, 2)(*[layers.Reshape((2, 2))(x)] * 2),
    ],
    ids=[
        "a sum",
        "branches",
        "arithmetic",
        "slices and constants",
        "operations",
        "a sequential model inside",
        "a functional model inside",
        "a shared layer",
        "attention",
    ],
)
def test_models_of_several_paths_are_made_again(make):
    assert_made_again(functional(make))


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.Adam(0.1, weight_decay=0.1),
        lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9)),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Lion()),
    ],
    ids=["AdamW", "a schedule", "an optimizer inside"],
)
def test_optimizers_are_made_again(optimizer):
    config = keras.optimizers.serialize(optimizer())
    check(config)
    again = keras.optimizers.deserialize(copy.deepcopy(config))
    assert keras.optimizers.serialize(again) == config


@pytest.mark.parametrize(
    "evil", EVIL, ids=lambda evil: f"{evil.get('module')}.{evil.get('class_name')}"
)
@pytest.mark.parametrize(
    "around",
    [
        lambda evil: evil,
        lambda evil: {"a": [1, {"b": evil}]},
        lambda evil: (
            config_of(functional(layers.Dense(2)))
            | {"config": {"layers": [evil], "output_layers": []}}
        ),
    ],
    ids=["itself", "inside", "as a layer"],
)
def test_what_may_run_code_or_read_files_is_refused(evil, around):
    config = around(copy.deepcopy(evil))
    with pytest.raises((LookupError, TypeError, ValueError)):
        check(config)


@pytest.mark.parametrize("name", ["Dense", "relu", "Custom>relu"])
def test_what_the_user_has_registered_is_refused(name):
    model = functional(layers.Dense(2, activation="relu"))
    config = config_of(model)
    if ">" in name:
        config["config"]["layers"][1]["config"]["activation"] = name
    refused = pytest.raises(ValueError, match=f"'{name}' is the name of something")
    with keras.saving.custom_object_scope({name: abs}), refused:
        check(config)


def test_a_model_that_is_compiled_for_training_is_refused():
    model = functional(layers.Dense(2))
    model.compile("adam", "mse")
    config = json.loads(model.to_json())
    with pytest.raises(ValueError, match="not compiled for training"):
        check(config)
    check(without_training(config))


def tangled(change):
    """Return the configuration of two dense layers in a row, changed."""
    config = config_of(functional(lambda x: layers.Dense(4)(layers.Dense(4)(x))))
    change(config["config"], *config["config"]["layers"])
    return config


def history(layer):
    return layer["inbound_nodes"][0]["args"][0]["config"]["keras_history"]


def with_numbers(config, inputs, first, last):
    value = {"value": [[1.0] * 4], "dtype": "float32"}
    first["inbound_nodes"][0]["args"] = [{"class_name": "__tensor__", "config": value}]


def with_a_tensor_out_of_sight(config, inputs, first, last):
    (node,) = first["inbound_nodes"]
    hidden = {"start": node["args"][0], "stop": None, "step": None}
    with_numbers(config, inputs, first, last)
    node["kwargs"] = {"training": {"class_name": "__slice__", "config": hidden}}


def with_a_layer_that_leads_nowhere(config, inputs, first, last):
    lost = copy.deepcopy(first)
    lost["name"] = lost["config"]["name"] = "lost"
    config["layers"].append(lost)


@pytest.mark.parametrize(
    "change",
    [
        with_numbers,
        with_a_tensor_out_of_sight,
        with_a_layer_that_leads_nowhere,
        lambda config, inputs, first, last: last.update(name=first["name"]),
        lambda config, inputs, first, last: history(last).__setitem__(0, "none"),
        lambda config, inputs, first, last: last.update(inbound_nodes=[[["x", 0, 0]]]),
        lambda config, inputs, first, last: config.update(output_layers=[["x", 0, 0]]),
        lambda config, inputs, first, last: config.update(layers="x"),
    ],
    ids=[
        "computes at once",
        "computes at once, unseen",
        "leads nowhere",
        "one name twice",
        "no such input",
        "old nodes",
        "no such output",
        "no layers",
    ],
)
def test_layers_that_hang_together_otherwise_are_refused(change):
    with pytest.raises((LookupError, TypeError, ValueError)):
        check(tangled(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda config, inputs, first, last: history(first).__setitem__(0, last["name"]),
        lambda config, inputs, first, last: history(last).__setitem__(1, 3),
        lambda config, inputs, first, last: history(last).__setitem__(2, 3),
    ],
    ids=["wait for one another", "no such node", "no such output"],
)
def test_layers_that_cannot_be_made_end_in_an_error(change):
    config = tangled(change)
    with pytest.raises((ValueError, LookupError)):
        keras.saving.deserialize_keras_object(config)
