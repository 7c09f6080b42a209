"""Write files of the present version, for the versions that come to load.

    python tests/data/write.py

A folder that is there already stays as it is: what was released does not change. Run
this with the oldest supported versions (requirements-lowest.txt): layers that an older
Keras has written load in a newer one, but not the other way round.
"""

from pathlib import Path

import keras
import numpy as np

import skae
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork, RecurrentNetwork

BRIEFLY = {"epochs": 3, "random_state": 0}


def main():
    """Write a folder named like the version: estimators, and what they must give."""
    folder = Path(__file__).parent / skae.__version__
    folder.mkdir()
    X = np.random.RandomState(0).uniform(size=(40, 4, 4))
    X[:, 1:] = (X[:, 1:] + 3 * X[:, :1]) / 4
    expected = {"X": X[:5]}
    for name, estimator in estimators().items():
        estimator.fit(X).save(folder / f"{name}.skae")
        expected[f"{name}.codes"] = estimator.transform(X[:5])
        expected[f"{name}.reconstructions"] = estimator.reconstruct(X[:5])
    skae.VAETransformer(3, beta=np.float32(0.5)).save(folder / "unfitted.skae")
    np.savez_compressed(folder / "expected.npz", **expected)


def estimators():
    """Return small estimators by name, with parameters of all kinds among them."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    return {
        "dense": skae.AutoencoderTransformer(
            2,
            hidden_layer_sizes=(4,),
            optimizer=keras.optimizers.Adam(schedule),
            **BRIEFLY,
        ),
        "dense-crossentropy": skae.AutoencoderTransformer(
            2,
            network=DenseNetwork((4,), activation="gelu", linear_shortcut=False),
            loss="binary_crossentropy",
            epochs=3,
            random_state=np.random.RandomState(0),
        ),
        "convolutional": skae.ConvAutoencoder(
            2, filters=(2,), batch_normalization=True, **BRIEFLY
        ).set_output(transform="default"),
        "recurrent": skae.SequenceAutoencoder(2, units=2, cell="lstm", **BRIEFLY),
        "recurrent-in-both-directions": skae.AutoencoderTransformer(
            2, network=RecurrentNetwork(2, bidirectional=True), **BRIEFLY
        ),
        "denoising": skae.DenoisingAutoencoder(
            None, network=ConvNetwork((2,), bottleneck="spatial"), **BRIEFLY
        ),
        "denoising-custom": skae.DenoisingAutoencoder(
            2, network=CustomNetwork(encoder(), decoder()), corruption="swap", **BRIEFLY
        ),
        "variational": skae.VAETransformer(2, network=DenseNetwork((4,)), **BRIEFLY),
        "variational-crossentropy": skae.VAETransformer(
            2, network=DenseNetwork((4,)), loss="binary_crossentropy", **BRIEFLY
        ),
    }


def encoder():
    """Return a functional Keras model."""
    inputs = keras.Input((4, 4))
    hidden = keras.layers.Dense(4, activation="tanh")(keras.layers.Flatten()(inputs))
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(inputs, keras.layers.Dense(2)(hidden))


def decoder():
    """Return a sequential Keras model."""
    layers = (
        keras.layers.Dropout(0.1),
        keras.layers.Dense(16),
        keras.layers.Reshape((4, 4)),
    )
    return keras.Sequential([keras.Input((2,)), *layers])


if __name__ == "__main__":
    main()
