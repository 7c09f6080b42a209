"""The well-known Keras autoencoders, rebuilt and trained: are they what was published?

    python -m benchmarks.seed_recipes --check
    python -m benchmarks.seed_recipes [--recipes simple deep ...]

``--check`` prints the parameters of each recipe beside those of its publication, and
exits with 1 if any differ. Without it the recipes are trained on MNIST and their loss
is printed beside the published one: cross-entropy per pixel on the test images, after
the last epoch. The simple, deep and sparse recipes train with the published optimizer,
batch size and number of epochs, at a constant learning rate; the convolutional and
denoising ones with our schedule, for at most a fifth of the published epochs. The
sequence recipe has no published figure and is judged on ECG 5000, the variational one
by how well its plane separates the digits.
"""

import argparse
import dataclasses
import itertools
import sys
import time
import warnings

import keras
import numpy as np
from keras import layers
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from benchmarks import datasets, ecg_anomalies
from skae import AutoencoderTransformer, DenoisingAutoencoder, VAETransformer
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork

IMAGE = (28, 28, 1)
BEAT = (140, 1)
BEAT_CODES = 32
NOISE = 0.5
SPARSITY = 3e-5

PUBLISHED = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "learning_rate_schedule": "constant",
    "early_stopping": False,
    "batch_size": 256,
}
ADADELTA = {
    **PUBLISHED,
    # Adadelta's learning rate was 1 in the Keras of the publications.
    "optimizer": keras.optimizers.Adadelta(1.0),
    "learning_rate": "auto",
}
OURS = {"batch_size": 64, "early_stopping": False}


def _simple(sparse=0.0, **training):
    return AutoencoderTransformer(
        32,
        hidden_layer_sizes=(),
        code_activation="relu",
        l1_activity=sparse,
        init="random",
        loss="binary_crossentropy",
        random_state=0,
        **training,
    )


def _deep(**training):
    return _simple(**training).set_params(
        network=DenseNetwork((128, 64), code_activation="relu", linear_shortcut=False),
        code_activation="linear",
        hidden_layer_sizes="auto",
    )


def _conv(filters, **how):
    return layers.Conv2D(filters, 3, **{"activation": "relu", "padding": "same", **how})


def _convolutional_encoder(sample_shape, encoding_dim):
    return keras.Sequential(
        [
            keras.Input(sample_shape),
            _conv(16),
            layers.MaxPooling2D(2, padding="same"),
            _conv(8),
            layers.MaxPooling2D(2, padding="same"),
            _conv(8, strides=2),
            layers.Flatten(),
        ]
    )


def _convolutional_decoder(sample_shape, encoding_dim):
    return keras.Sequential(
        [
            keras.Input((encoding_dim,)),
            layers.Reshape((4, 4, 8)),
            _conv(8),
            layers.UpSampling2D(2),
            _conv(8),
            layers.UpSampling2D(2),
            _conv(16, padding="valid"),
            layers.UpSampling2D(2),
            _conv(1, activation=None),
        ]
    )


def _pooled_encoder(sample_shape, encoding_dim):
    return keras.Sequential(
        [
            keras.Input(sample_shape),
            _conv(16),
            layers.MaxPooling2D(2, padding="same"),
            _conv(8),
            layers.MaxPooling2D(2, padding="same"),
            _conv(8),
            layers.MaxPooling2D(2, padding="same"),
            layers.Flatten(),
        ]
    )


def _normalized_encoder(sample_shape, encoding_dim):
    return keras.Sequential(
        [
            keras.Input(sample_shape),
            _conv(16),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2, padding="same"),
            _conv(32),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2, padding="same"),
            _conv(32),
            layers.Flatten(),
            layers.Dense(encoding_dim, activation="sigmoid"),
        ]
    )


def _normalized_decoder(sample_shape, encoding_dim):
    def transposed(filters):
        return layers.Conv2DTranspose(filters, 3, activation="relu", padding="same")

    return keras.Sequential(
        [
            keras.Input((encoding_dim,)),
            layers.Dense(7 * 7 * 32, activation="relu"),
            layers.Reshape((7, 7, 32)),
            transposed(32),
            layers.BatchNormalization(),
            layers.UpSampling2D(2),
            transposed(32),
            layers.BatchNormalization(),
            layers.UpSampling2D(2),
            transposed(16),
            _conv(1, activation=None),
        ]
    )


def _sequence_encoder(sample_shape, encoding_dim):
    return keras.Sequential([keras.Input(sample_shape), layers.LSTM(encoding_dim)])


def _sequence_decoder(sample_shape, encoding_dim):
    steps, channels = sample_shape
    return keras.Sequential(
        [
            keras.Input((encoding_dim,)),
            layers.RepeatVector(steps),
            layers.LSTM(channels, return_sequences=True),
        ]
    )


def _lstm(units, inputs):
    return 4 * units * (units + inputs + 1)


def _dense(*units):
    return sum((a + 1) * b for a, b in itertools.pairwise(units))


def _plain(encoder, decoder, **training):
    """Return the plain autoencoder of two Keras models with 128 codes between."""
    return AutoencoderTransformer(
        128,
        network=CustomNetwork(encoder, decoder),
        loss="binary_crossentropy",
        random_state=0,
        **training,
    )


def _denoising(network, encoding_dim=None, **training):
    return DenoisingAutoencoder(
        encoding_dim,
        network=network,
        noise_scale=NOISE,
        loss="binary_crossentropy",
        random_state=0,
        **training,
    )


@dataclasses.dataclass(frozen=True)
class Recipe:
    """An estimator, and what is published about it.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Unfitted.

    sample_shape : tuple of int
        Shape of one sample.

    parameters : int
        Published number of parameters.

    encoder, not_trainable : int or None
        Of these, in the encoder, and not trainable, where published.

    published : float or None
        Published loss on held-out images.

    published_epochs : int or None
        After so many epochs.
    """

    estimator: object
    sample_shape: tuple
    parameters: int
    encoder: int | None = None
    not_trainable: int | None = 0
    published: float | None = None
    published_epochs: int | None = None


RECIPES = {
    "simple": Recipe(
        _simple(epochs=50, **PUBLISHED), (784,), 50_992, 25_120, 0, 0.0916, 50
    ),
    "simple, Adadelta": Recipe(
        _simple(epochs=50, **ADADELTA), (784,), 50_992, 25_120, 0, 0.1011, 50
    ),
    "sparse": Recipe(
        _simple(SPARSITY, epochs=100, **PUBLISHED), (784,), 50_992, 25_120, 0, 0.10, 100
    ),
    "deep": Recipe(
        _deep(epochs=50, **PUBLISHED), (784,), 222_384, 110_816, 0, 0.0845, 50
    ),
    "convolutional": Recipe(
        _plain(_convolutional_encoder, _convolutional_decoder, epochs=20, **OURS),
        *(IMAGE, 4_385, 1_904, 0, 0.0798, 100),
    ),
    "convolutional, pooled": Recipe(
        _plain(_pooled_encoder, _convolutional_decoder, epochs=10, **OURS),
        *(IMAGE, 4_385, 1_904, 0, 0.094, 50),
    ),
    "denoising": Recipe(
        _denoising(
            ConvNetwork(
                (32, 32),
                downsampling="max_pool",
                bottleneck="spatial",
                code_activation="relu",
            ),
            epochs=10,
            **OURS,
        ),
        *(IMAGE, 28_353, None, 0, 0.0932, 100),
    ),
    "denoising, batch-normalised": Recipe(
        _denoising(
            CustomNetwork(_normalized_encoder, _normalized_decoder),
            128,
            epochs=7,
            **OURS,
        ),
        *(IMAGE, 440_865, None, 224, 0.0953, 35),
    ),
    "sequence": Recipe(
        AutoencoderTransformer(
            BEAT_CODES,
            network=CustomNetwork(_sequence_encoder, _sequence_decoder),
            epochs=100,
            random_state=0,
        ),
        BEAT,
        _lstm(BEAT_CODES, 1) + _lstm(1, BEAT_CODES),
        _lstm(BEAT_CODES, 1),
    ),
    "variational": Recipe(
        VAETransformer(
            2,
            network=DenseNetwork((256,), linear_shortcut=False),
            loss="binary_crossentropy",
            epochs=20,
            random_state=0,
        ),
        (784,),
        _dense(784, 256, 2 * 2) + _dense(2, 256, 784),
        _dense(784, 256, 2 * 2),
    ),
}


def main():
    """Check the recipes, or train them; print a table."""
    arguments = _arguments()
    if arguments.check:
        sys.exit(_check(arguments.recipes))
    _train(arguments.recipes)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="count, do not train")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    return parser.parse_args()


def count(recipe):
    """Return a recipe's parameters: all, the encoder's, and those not trainable.

    Of the fitted models, after one step on two random samples.
    """
    samples = np.random.RandomState(0).rand(2, *recipe.sample_shape)
    fitted = clone(recipe.estimator).set_params(epochs=1, validation_fraction=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*collapsed to the prior", UserWarning)
        fitted.fit(samples)
    models = fitted.encoder_, fitted.decoder_
    counts = [model.count_params() for model in models]
    frozen = [np.prod(w.shape) for m in models for w in m.non_trainable_weights]
    return sum(counts), counts[0], int(sum(frozen))


def _check(names):
    """Print the table of parameters; return 1 if any differs from the published."""
    print("| recipe | parameters | encoder | not trainable | published |")
    print("|---|---|---|---|---|")
    wrong = False
    for name in names:
        recipe = RECIPES[name]
        counts = count(recipe)
        published = (recipe.parameters, recipe.encoder, recipe.not_trainable)
        wrong |= any(
            p is not None and p != c for p, c in zip(published, counts, strict=True)
        )
        ours = " | ".join(f"{number:,}" for number in counts)
        theirs = " / ".join("-" if p is None else f"{p:,}" for p in published)
        print(f"| {name} | {ours} | {theirs} |", flush=True)
    print("\nDifferent from the published." if wrong else "\nAll as published.")
    return int(wrong)


def _train(names):
    train, test = datasets.mnist()
    _warm_up()
    print(
        "| recipe | parameters | optimizer, learning rate, batch | epochs | fit, s "
        "| loss | held out | published (epochs) | and |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        recipe = RECIPES[name]
        fitted, seconds = _fitted(recipe, train, test)
        published = "-"
        if recipe.published:
            published = f"{recipe.published:.4f} ({recipe.published_epochs})"
        print(
            f"| {name} | {recipe.parameters:,} | {fitted.optimizer_}, "
            f"{fitted.learning_rate_:g}, {fitted.batch_size_} | {fitted.n_iter_} "
            f"| {seconds:.0f} | {fitted.history_['loss'][-1]:.4f} "
            f"| {fitted.history_['val_loss'][-1]:.4f} | {published} "
            f"| {_remark(name, fitted, test)} |",
            flush=True,
        )


def _warm_up():
    """Take the start of TensorFlow out of the seconds."""
    AutoencoderTransformer(1, epochs=1).fit(np.random.RandomState(0).rand(40, 5))


def _fitted(recipe, train, test):
    estimator = clone(recipe.estimator)
    if recipe.sample_shape == BEAT:
        beats, labels = datasets.ecg5000()
        normal = beats[labels == ecg_anomalies.NORMAL]
        n_training = ecg_anomalies.TRAINING_BEATS
        train, test = normal[:n_training], normal[n_training:]
    shape = (-1, *recipe.sample_shape)
    start = time.perf_counter()
    estimator.fit(train.reshape(shape), X_val=test.reshape(shape))
    return estimator, time.perf_counter() - start


def _remark(name, fitted, test):
    """Return what else is to be said about a fitted recipe."""
    if name in ("simple", "sparse"):
        return f"mean code {fitted.transform(test).mean():.2f}"
    if name == "sequence":
        return f"AUC of abnormal beats {_auc_of_beats(fitted):.3f}"
    if name == "variational":
        return f"5-NN accuracy in the plane {_accuracy_in_the_plane(fitted, test):.3f}"
    return "-"


def _auc_of_beats(fitted):
    """Return how well the error tells abnormal beats, of those not trained on."""
    beats, labels = datasets.ecg5000()
    normal = np.flatnonzero(labels == ecg_anomalies.NORMAL)
    trained_on = normal[: ecg_anomalies.TRAINING_BEATS]
    held_out = np.setdiff1d(np.arange(len(beats)), trained_on)
    errors = -fitted.score_samples(beats[held_out].reshape(-1, *BEAT))
    return roc_auc_score(labels[held_out] != ecg_anomalies.NORMAL, errors)


def _accuracy_in_the_plane(fitted, test):
    """Return the accuracy of five nearest neighbours among the test images."""
    codes = fitted.transform(test)
    neighbours = KNeighborsClassifier(5)
    return cross_val_score(neighbours, codes, datasets.mnist_labels()[1], cv=5).mean()


if __name__ == "__main__":
    main()
