"""Configurations of each estimator that common tests go through."""

import keras
import pytest
from helpers import each_of

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    ParametricTSNE,
    SequenceAutoencoder,
    VAETransformer,
)
from skae.dask import DaskAutoencoderTransformer
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork


def users_encoder(sample_shape, encoding_dim):
    return users_model(sample_shape, encoding_dim)


def users_decoder(sample_shape, encoding_dim):
    return users_model((encoding_dim,), *sample_shape)


def users_model(input_shape, n_outputs):
    layers = keras.layers.Dense(4, "tanh"), keras.layers.Dense(n_outputs)
    return keras.Sequential([keras.Input(input_shape), *layers])


class UsersNetwork(CustomNetwork):
    """A network whose repr, and with it a test's name, is the same in every run."""

    def __init__(self):
        super().__init__(users_encoder, users_decoder)


def dimmed(samples, seed):
    shares = keras.random.uniform(keras.ops.shape(samples), 0.5, 1, seed=seed)
    return samples * shares


QUICK = {"epochs": 2, "random_state": 0}
CHECKED = [
    AutoencoderTransformer(2, hidden_layer_sizes=(8,), **QUICK),
    ConvAutoencoder(2, filters=(4,), **QUICK),
    DaskAutoencoderTransformer(2, hidden_layer_sizes=(8,), **QUICK),
    DenoisingAutoencoder(2, network=DenseNetwork((8,)), **QUICK),
    SequenceAutoencoder(2, units=4, **QUICK),
    VAETransformer(2, network=DenseNetwork((8,)), **QUICK),
    ParametricTSNE(perplexity=2, network=DenseNetwork((8,)), **QUICK),
]
"""One configuration of each estimator, which the default run checks."""

ALSO_CHECKED = [
    AutoencoderTransformer(),
    AutoencoderTransformer(
        2,
        epochs=2,
        hidden_layer_sizes=(),
        init="random",
        code_activation="relu",
        l1_activity=1e-3,
        validation_fraction=0,
    ),
    ConvAutoencoder(None, epochs=2, filters=(4, 2), bottleneck="spatial"),
    SequenceAutoencoder(2, epochs=2, units=4, cell="lstm", validation_fraction=0),
    DenoisingAutoencoder(
        2,
        epochs=2,
        network=ConvNetwork((4,), downsampling="max_pool", batch_normalization=True),
        corruption="salt_and_pepper",
        validation_fraction=0,
    ),
    DenoisingAutoencoder(2, epochs=2, network=UsersNetwork(), corruption="swap"),
    VAETransformer(2, epochs=2, network=DenseNetwork((8,), linear_shortcut=False)),
    ParametricTSNE(1, perplexity=2, epochs=2, init="random", reconstruction_weight=0.1),
]
"""The defaults, and further configurations of the same code."""

BRIEFLY = {"epochs": 4, "random_state": 0}
# Without validation rows the PCA start is not kept in place of what was trained.
FROM_PCA = {**BRIEFLY, "validation_fraction": 0}
SMALL = {
    "dense": AutoencoderTransformer(2, hidden_layer_sizes=(8,), **FROM_PCA),
    "dense-random-crossentropy": AutoencoderTransformer(
        2,
        hidden_layer_sizes=(8,),
        init="random",
        loss="binary_crossentropy",
        **BRIEFLY,
    ),
    "convolutional": ConvAutoencoder(2, filters=(4,), **FROM_PCA),
    "recurrent": SequenceAutoencoder(2, units=4, cell="lstm", **FROM_PCA),
    "denoising": DenoisingAutoencoder(2, network=DenseNetwork((8,)), **FROM_PCA),
    "denoising-custom-crossentropy": DenoisingAutoencoder(
        2,
        network=CustomNetwork(users_encoder, users_decoder),
        corruption=dimmed,
        loss="binary_crossentropy",
        **BRIEFLY,
    ),
    "variational": VAETransformer(2, network=DenseNetwork((8,)), **FROM_PCA),
    "variational-random-crossentropy": VAETransformer(
        2,
        network=DenseNetwork((8,), linear_shortcut=False),
        beta=0.01,
        loss="binary_crossentropy",
        **BRIEFLY,
    ),
}
every_estimator = pytest.mark.parametrize(
    "estimator",
    each_of(SMALL, [name for name in SMALL if not name.endswith("crossentropy")]),
)
any_estimator = pytest.mark.parametrize(
    "estimator",
    each_of(
        {name: SMALL[name] for name in ("dense", "denoising", "variational")}, ["dense"]
    ),
)
"""For what all estimators have from one code."""
