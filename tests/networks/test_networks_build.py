"""Networks as Keras models: built under a seed, counted, told apart."""

import gc
import random
import weakref

import keras
import numpy as np
import pytest
from keras import layers

from skae._objective.objective import NegativeELBO, Objective
from skae.networks import (
    ConvNetwork,
    CustomNetwork,
    DenseNetwork,
    RecurrentNetwork,
    _build,
)
from skae.networks._build import (
    Architecture,
    count_products,
    count_weights,
    is_dense,
    variables,
)

NETWORKS = {
    "dense": DenseNetwork((5,)),
    "convolutional": ConvNetwork(
        (3,), downsampling="max_pool", batch_normalization=True
    ),
    "recurrent": RecurrentNetwork(3),
    "custom": CustomNetwork(
        lambda shape, dim: keras.Sequential(
            [keras.Input(shape), layers.Flatten(), layers.Dense(dim)]
        ),
        lambda shape, dim: keras.Sequential(
            [keras.Input((dim,)), layers.Dense(8), layers.Reshape(shape)]
        ),
    ),
}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def chain(*several):
    return keras.Sequential(several)


# Building


def built_weights(network, seed):
    encoder, decoder = Architecture(network, (4, 2), 2, Objective()).build(seed)
    return encoder.get_weights() + decoder.get_weights()


@every_network
def test_the_same_seed_gives_the_same_weights(network):
    for one, other in zip(
        built_weights(network, 1), built_weights(network, 1), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@every_network
def test_other_seeds_give_other_weights(network):
    pairs = zip(built_weights(network, 1), built_weights(network, 2), strict=True)
    assert not all(np.array_equal(one, other) for one, other in pairs)


@every_network
def test_building_leaves_the_global_generators_alone(network):
    before = random.getstate(), np.random.get_state()[1:]
    Architecture(network, (4, 2), 2, Objective()).build()
    assert random.getstate() == before[0]
    for now, then in zip(np.random.get_state()[1:], before[1], strict=True):
        np.testing.assert_array_equal(now, then)


@every_network
@pytest.mark.parametrize(
    ("objective", "n_outputs"), [(Objective(), 2), (NegativeELBO(), 4)]
)
def test_an_encoder_has_as_many_outputs_as_the_objective_reads(
    network, objective, n_outputs
):
    encoder, decoder = Architecture(network, (4, 2), 2, objective).build()
    assert encoder.output_shape == (None, n_outputs)
    assert decoder.input_shape == (None, 2)


@pytest.fixture(params=["float64", "mixed_float16"])
def _global_policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("_global_policy")
@pytest.mark.parametrize(
    "network",
    [
        DenseNetwork((5,), code_activation="sigmoid"),
        ConvNetwork((3,), batch_normalization=True, code_activation="sigmoid"),
        ConvNetwork((3,), downsampling="strides", bottleneck="spatial"),
        RecurrentNetwork(3, bidirectional=True),
        RecurrentNetwork(3, linear_shortcut=False),
    ],
    ids=str,
)
def test_networks_compute_in_float32_whatever_the_policy(network):
    dim = network.n_codes((5, 2), None if "spatial" in repr(network) else 2)
    for model in Architecture(network, (5, 2), dim, Objective()).build():
        assert {layer.output.dtype for layer in model.layers} == {"float32"}
        assert {variable.dtype for variable in model.weights} == {"float32"}


# Telling apart


def key(network, *parts):
    return Architecture(network, (4, 2), 2, parts).key


@pytest.mark.parametrize(
    "make",
    [
        lambda: DenseNetwork((5,), activation="gelu"),
        lambda: ConvNetwork([3, 2], image_shape=[4, 4]),
        lambda: RecurrentNetwork(3, cell="lstm"),
        lambda: CustomNetwork(chain, max),
    ],
)
def test_equal_networks_have_equal_keys(make):
    assert key(make(), (4,), 2) == key(make(), (4,), 2)
    assert hash(key(make(), (4,), 2)) == hash(key(make(), (4,), 2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DenseNetwork((5,)), DenseNetwork((6,))),
        (DenseNetwork((5,)), DenseNetwork((5,), linear_shortcut=False)),
        (DenseNetwork(), ConvNetwork()),
        (CustomNetwork(chain, max), CustomNetwork(chain, min)),
        (CustomNetwork(chain, max), CustomNetwork(max, chain)),
    ],
    ids=["sizes", "shortcut", "class", "functions", "order"],
)
def test_other_networks_have_other_keys(one, other):
    assert key(one) != key(other)


def test_functions_of_the_same_name_are_told_apart():
    def make(units):
        def build(sample_shape, encoding_dim):
            return chain(keras.Input(sample_shape), layers.Dense(units))

        return build

    assert key(CustomNetwork(make(1), max)) != key(CustomNetwork(make(2), max))


def test_models_are_told_apart_by_identity():
    one, other = (chain(keras.Input((2,)), layers.Dense(2)) for _ in range(2))
    assert key(CustomNetwork(one, one)) == key(CustomNetwork(one, one))
    assert key(CustomNetwork(one, one)) != key(CustomNetwork(one, other))


def test_parts_tell_networks_apart():
    assert key(DenseNetwork(), (4,), 2) != key(DenseNetwork(), (4,), 3)
    assert key(DenseNetwork(), Objective()) != key(DenseNetwork(), NegativeELBO())


def test_a_key_keeps_functions_alive():
    """Else a new function could get the place in memory, and the key, of an old one."""

    def function(sample_shape, encoding_dim):
        raise AssertionError

    reference = weakref.ref(function)
    kept = key(CustomNetwork(function, max))
    del function
    gc.collect()
    assert reference() is not None
    del kept


# Counting


def frozen_normalized():
    """Return a model with weights of each kind, and one of its layers frozen."""
    model = chain(
        keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)
    )
    model.layers[0].trainable = False
    return model


def test_variables_are_all_those_of_each_model_the_trainable_first():
    one, other = frozen_normalized(), chain(keras.Input((2,)), layers.Dense(3))
    shapes = [tuple(v.shape) for v in variables(one, other)]
    trainable = [(4,), (4,), (4, 2), (2,)]
    fixed = [(3, 4), (4,), (4,), (4,)]
    assert shapes[:4] == trainable
    assert sorted(shapes[4:8]) == sorted(fixed)
    assert shapes[8:] == [(2, 3), (3,)]


def test_all_weights_are_counted():
    assert count_weights(frozen_normalized()) == 3 * 4 + 4 + 4 * 4 + 4 * 2 + 2
    one = chain(keras.Input((2,)), layers.Dense(3))
    assert count_weights(one, one) == 2 * (2 * 3 + 3)


def attention():
    inputs = keras.Input((6, 4))
    attend = layers.MultiHeadAttention(num_heads=2, key_dim=3)
    return keras.Model(inputs, attend(inputs, inputs))


def with_initial_state():
    inputs = keras.Input((7, 3))
    state = layers.Lambda(lambda steps: steps[:, 0])(inputs)
    return keras.Model(inputs, layers.GRU(3)(inputs, initial_state=state))


PRODUCTS = {
    "dense": (lambda: [layers.Dense(7), layers.Dense(3)], (5,), 5 * 7 + 7 * 3),
    "dense at steps": (lambda: [layers.Dense(7)], (6, 5), 6 * 5 * 7),
    "convolution": (
        lambda: [layers.Conv2D(4, 3, padding="same")],
        (8, 9, 2),
        8 * 9 * 3 * 3 * 2 * 4,
    ),
    "convolution without padding": (
        lambda: [layers.Conv2D(4, 3)],
        (8, 9, 2),
        6 * 7 * 3 * 3 * 2 * 4,
    ),
    "strides": (
        lambda: [layers.Conv2D(4, 3, strides=2, padding="same")],
        (8, 9, 2),
        4 * 5 * 3 * 3 * 2 * 4,
    ),
    "transposed": (
        lambda: [layers.Conv2DTranspose(4, 3, strides=2, padding="same")],
        (8, 9, 2),
        8 * 9 * 3 * 3 * 2 * 4,
    ),
    "signals": (lambda: [layers.Conv1D(4, 5, padding="same")], (8, 2), 8 * 5 * 2 * 4),
    "volumes": (lambda: [layers.Conv3D(4, 2)], (3, 3, 3, 2), 2**3 * 2**3 * 2 * 4),
    "depthwise": (lambda: [layers.DepthwiseConv2D(3)], (8, 9, 2), 6 * 7 * 3 * 3 * 2),
    "lstm": (lambda: [layers.LSTM(5)], (7, 3), 7 * 4 * 5 * (3 + 5)),
    "gru": (lambda: [layers.GRU(5)], (7, 3), 7 * 3 * 5 * (3 + 5)),
    "stacked": (
        lambda: [layers.LSTM(5, return_sequences=True), layers.LSTM(2)],
        (7, 3),
        7 * 4 * 5 * (3 + 5) + 7 * 4 * 2 * (5 + 2),
    ),
    "bidirectional": (
        lambda: [layers.Bidirectional(layers.LSTM(5))],
        (7, 3),
        2 * 7 * 4 * 5 * (3 + 5),
    ),
    "nested": (
        lambda: [
            chain(keras.Input((5,)), layers.Dense(7), chain(layers.Dense(3))),
            layers.Dense(2),
        ],
        (5,),
        5 * 7 + 7 * 3 + 3 * 2,
    ),
    "normalisation": (lambda: [layers.BatchNormalization()], (5,), 0),
    "no weights": (lambda: [layers.Flatten(), layers.Dropout(0.5)], (5, 2), 0),
}


@pytest.mark.parametrize(
    ("make", "sample_shape", "n_products"), PRODUCTS.values(), ids=PRODUCTS
)
def test_products_are_counted_by_the_formula(make, sample_shape, n_products):
    model = chain(keras.Input(sample_shape), *make())
    assert count_products(model) == n_products


def test_the_products_of_attention_are_those_of_its_four_maps():
    assert count_products(attention()) == 6 * 4 * (4 * 2 * 3)


def test_products_are_counted_in_layers_of_several_inputs():
    assert count_products(with_initial_state()) == 7 * 3 * 3 * (3 + 3)


def test_products_of_several_models_add_up():
    one = chain(keras.Input((5,)), layers.Dense(7))
    other = chain(keras.Input((7,)), layers.Dense(2))
    assert count_products(one, other) == 5 * 7 + 7 * 2


@pytest.mark.parametrize(
    ("network", "n_products"),
    [
        (DenseNetwork((6,)), 2 * (8 * 2 + 8 * 6 + 6 * 2)),
        (
            ConvNetwork((3,)),
            # Linear maps; convolution and dense layers to the code; and back.
            2 * (8 * 2) + (2 * 9 * 3 + 6 * 2) + (2 * 6 + 2 * 9 * 3 * 3 + 8 * 9 * 3),
        ),
        (
            RecurrentNetwork(3, cell="lstm"),
            2 * (8 * 2)
            + (4 * 4 * 3 * (2 + 3) + 3 * 2)
            + (2 * 3 + 4 * 4 * 3 * (3 + 3) + 4 * 3 * 2),
        ),
    ],
    ids=["dense", "convolutional", "recurrent"],
)
def test_products_of_networks_are_those_of_their_layers(network, n_products):
    both = Architecture(network, (4, 2), 2, Objective()).build()
    assert count_products(*both) == n_products


# Kinds of layers


def test_layers_of_models_inside_models_are_found():
    inner = chain(keras.Input((5,)), layers.Dense(7), chain(layers.Dense(3)))
    inputs = keras.Input((5,))
    outer = keras.Model(inputs, layers.Dense(2)(inner(inputs)))
    dense = [la for la in _build.layers(outer) if isinstance(la, layers.Dense)]
    assert [layer.units for layer in dense] == [7, 3, 2]


class Residual(keras.Model):
    """A block that adds to its inputs."""

    def __init__(self, **how):
        super().__init__(**how)
        self.dense = layers.Dense(5)

    def call(self, inputs):
        return inputs + self.dense(inputs)


def test_a_subclassed_model_inside_a_model_counts_as_one_layer():
    assert count_products(chain(keras.Input((5,)), Residual())) == 5 * 5


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        (lambda: [layers.Dense(3), layers.Dropout(0.5), layers.Reshape((3, 1))], True),
        (lambda: [chain(layers.Dense(3))], True),
        (lambda: [layers.Dense(3), layers.BatchNormalization()], False),
        (lambda: [layers.Reshape((2, 2)), layers.Conv1D(3, 2)], False),
        (lambda: [chain(layers.Reshape((2, 2)), layers.LSTM(3))], False),
    ],
    ids=["dense", "nested dense", "normalised", "convolution", "nested recurrence"],
)
def test_models_are_dense_if_all_their_weights_are(several, expected):
    assert is_dense(chain(keras.Input((4,)), *several())) is expected


def test_models_are_dense_if_all_of_them_are():
    dense = chain(keras.Input((4,)), layers.Dense(3))
    recurrent = chain(keras.Input((4, 1)), layers.GRU(3))
    assert is_dense(dense, dense)
    assert not is_dense(dense, recurrent)
