"""CustomNetwork: the user's Keras models are copied, checked and trained."""

import pickle

import keras
import numpy as np
import pytest
from helpers import NO_STEP, assert_same_bits, call, correlated, randomize
from keras import layers
from sklearn.base import clone
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.networks import CustomNetwork

X = correlated(40, 6)


def encoder(sample_shape=(6,), encoding_dim=2, **how):
    return keras.Sequential(
        [
            keras.Input(sample_shape),
            layers.Dense(5, activation="relu"),
            layers.Dense(encoding_dim),
        ],
        **how,
    )


def decoder(sample_shape=(6,), encoding_dim=2):
    return keras.Sequential([keras.Input((encoding_dim,)), layers.Dense(*sample_shape)])


def ending_in(*last):
    """Return a decoder whose last layers are given."""
    return keras.Sequential([keras.Input((2,)), *last])


def noisy_encoder(sample_shape=(6,), encoding_dim=2):
    return keras.Sequential(
        [
            keras.Input(sample_shape),
            layers.Dense(5, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(encoding_dim),
        ]
    )


def autoencoder(encoder, decoder, **changes):
    parameters = {
        "encoding_dim": 2,
        "epochs": 2,
        "batch_size": 16,
        "validation_fraction": 0,
        "random_state": 0,
        **changes,
    }
    return AutoencoderTransformer(network=CustomNetwork(encoder, decoder), **parameters)


# Copies


def test_functions_get_the_shape_of_a_sample_and_the_number_of_codes():
    calls = []

    def function(sample_shape, encoding_dim):
        calls.append((sample_shape, encoding_dim))
        return encoder(sample_shape, encoding_dim)

    model = CustomNetwork(function, decoder).build_encoder((7,), 3)
    assert calls == [((7,), 3)]
    assert (model.input_shape, model.output_shape) == ((None, 7), (None, 3))


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_copies_compute_what_the_models_compute(name):
    given = {"encoder": encoder(), "decoder": decoder()}
    copy = getattr(CustomNetwork(**given), f"build_{name}")((6,), 2)
    rows = np.random.RandomState(0).randn(8, given[name].input_shape[-1])
    np.testing.assert_array_equal(call(copy, rows), call(given[name], rows))


def test_copies_share_no_weights_with_the_models():
    given = encoder()
    before = given.get_weights()
    copy = CustomNetwork(given, decoder()).build_encoder((6,), 2)
    copy.set_weights([value + 1 for value in before])
    for one, other in zip(given.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_copies_are_named_for_what_they_do():
    network = CustomNetwork(encoder(name="mine"), decoder())
    assert network.build_encoder((6,), 2).name == "encoder"
    assert network.build_decoder((6,), 2).name == "decoder"


@pytest.mark.parametrize("name", ["encoder", "decoder", "sample", "code"])
def test_models_may_have_any_name(name):
    network = CustomNetwork(encoder(name=name), decoder())
    assert network.build_encoder((6,), 2).output_shape == (None, 2)


def test_one_model_may_be_both():
    square = keras.Sequential([keras.Input((6,)), layers.Dense(6)])
    network = CustomNetwork(square, square)
    both = network.build_encoder((6,), 6), network.build_decoder((6,), 6)
    assert [model.name for model in both] == ["encoder", "decoder"]


def test_a_model_that_was_built_by_its_data_can_be_used():
    built = keras.Sequential([layers.Dense(2)])
    built(X[:1])
    network = CustomNetwork(built, decoder())
    rows = np.random.RandomState(0).randn(5, 6)
    np.testing.assert_allclose(
        call(network.build_encoder((6,), 2), rows), call(built, rows), rtol=1e-5
    )


def test_clone_keeps_functions_and_copies_models():
    network = CustomNetwork(encoder, decoder())
    again = clone(network)
    assert again.encoder is encoder
    assert again.decoder is not network.decoder
    for one, other in zip(
        again.decoder.get_weights(), network.decoder.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


# Fits


def test_the_given_weights_are_the_start():
    """In the network's scale: rows centred, and divided by one number."""
    given = encoder(), decoder()
    start = autoencoder(*given, epochs=1, learning_rate=NO_STEP).fit(X)
    mean, scale = X.mean(axis=0), np.sqrt(X.var(axis=0).mean())
    codes = call(given[0], (X - mean) / scale)
    np.testing.assert_allclose(start.transform(X), scale * codes, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        start.reconstruct(X), scale * call(given[1], codes) + mean, rtol=1e-4, atol=1e-4
    )


def test_a_fit_leaves_the_users_models_alone():
    given = randomize(encoder()), randomize(decoder())
    before = [model.get_weights() for model in given]
    fitted = autoencoder(*given).fit(X)
    for model, values in zip(given, before, strict=True):
        assert getattr(model, "optimizer", None) is None
        for one, other in zip(model.get_weights(), values, strict=True):
            np.testing.assert_array_equal(one, other)
    learnt = fitted.encoder_.get_weights()[0]
    assert not np.allclose(learnt, before[0][0], rtol=1e-3)


@pytest.mark.slow
def test_a_second_fit_starts_at_the_given_weights_again():
    estimator = autoencoder(encoder(), decoder())
    first = clone(estimator).fit(X)
    assert_same_bits(estimator.fit(X), first)
    assert_same_bits(estimator.fit(X), first)


def test_frozen_layers_stay_as_they_are():
    given = randomize(encoder())
    given.layers[0].trainable = False
    fitted = autoencoder(given, decoder()).fit(X)
    before, after = given.get_weights(), fitted.encoder_.get_weights()
    same = [np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert same == [True, True, False, False]


@pytest.mark.slow
def test_layers_frozen_between_two_fits_stay_as_they_are():
    given = randomize(encoder())
    network = CustomNetwork(given, decoder())
    estimator = AutoencoderTransformer(
        2, network=network, epochs=2, validation_fraction=0, random_state=0
    )
    estimator.fit(X)
    given.layers[0].trainable = False
    fitted = estimator.fit(X)
    before, after = given.get_weights(), fitted.encoder_.get_weights()
    same = [np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert same == [True, True, False, False]


@pytest.mark.slow
def test_linear_functions_learn_the_subspace_of_pca():
    """A linear autoencoder's least error is PCA's (Baldi and Hornik, 1989)."""

    def linear(sample_shape, encoding_dim):
        return keras.Sequential([keras.Input(sample_shape), layers.Dense(encoding_dim)])

    fitted = autoencoder(linear, decoder, epochs=150, learning_rate=0.03).fit(X)
    explained = PCA(2).fit(X).explained_variance_ratio_.sum()
    assert fitted.init_ == "random"
    assert fitted.score(X) == pytest.approx(explained, abs=5e-3)
    assert fitted.score(X) <= explained + 1e-6


def test_without_encoding_dim_models_make_its_size_themselves():
    fitted = autoencoder(encoder(), decoder(), encoding_dim=None, epochs=1).fit(X)
    assert fitted.encoding_dim_ == 2
    assert fitted.transform(X).shape == (40, 2)


def test_without_encoding_dim_functions_may_make_its_size_themselves():
    network = CustomNetwork(lambda *_: encoder(), lambda *_: decoder())
    assert network.n_codes((6,), None) == 2


def test_fitted_models_can_be_pickled():
    fitted = autoencoder(encoder(), decoder()).fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


@pytest.mark.slow
def test_attention_can_be_trained():
    inputs = keras.Input((6,))
    steps = layers.Reshape((3, 2))(inputs)
    steps = layers.MultiHeadAttention(num_heads=2, key_dim=2)(steps, steps)
    attentive = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(steps)))
    assert autoencoder(attentive, decoder(), epochs=1).fit(X).n_iter_ == 1


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_models_of_other_floating_point_types_can_be_trained(dtype):
    """As they are after a change of Keras' global floatx or policy."""
    wide = keras.Sequential([keras.Input((6,)), layers.Dense(2, dtype=dtype)])
    back = keras.Sequential([keras.Input((2,)), layers.Dense(6, dtype=dtype)])
    assert autoencoder(wide, back, epochs=1).fit(X).n_iter_ == 1


# Dropout and batch normalisation


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda model: model, lambda model: model()])
def test_noisy_models_give_the_same_bits_at_every_fit_with_a_seed(make):
    given = make(noisy_encoder), make(decoder)
    first = autoencoder(*given).fit(X)
    assert_same_bits(autoencoder(*given).fit(X), first)


@pytest.mark.slow
def test_other_seeds_give_other_noise():
    given = noisy_encoder(), decoder()
    losses = [
        autoencoder(*given, random_state=seed).fit(X).history_["loss"]
        for seed in (0, 1)
    ]
    assert losses[0] != losses[1]


@pytest.mark.slow
def test_noisy_models_are_deterministic_after_the_fit():
    fitted = autoencoder(noisy_encoder(), decoder()).fit(X)
    np.testing.assert_array_equal(fitted.transform(X), fitted.transform(X))
    np.testing.assert_allclose(
        call(fitted.encoder_, X), fitted.transform(X), rtol=1e-4, atol=1e-5
    )


def test_dropout_acts_in_training_only():
    """It adds x² / 3 to each square: the variance of x times 0 or 1 / (1 - 0.25)."""
    identity = keras.Sequential([keras.Input((6,)), layers.Dropout(0.25)])
    back = ending_in_identity()
    fitted = autoencoder(
        identity, back, encoding_dim=6, epochs=40, learning_rate=NO_STEP, patience=40
    ).fit(X, X_val=X)
    mean_square = X.var(axis=0).mean()
    np.testing.assert_allclose(fitted.history_["val_loss"], 0, atol=1e-6)
    assert np.mean(fitted.history_["loss"]) == pytest.approx(mean_square / 3, rel=0.1)


def ending_in_identity():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(6)])
    model.set_weights([np.eye(6), np.zeros(6)])
    return model


def moving_averages(rows, batch_size, momentum):
    """Return the means and variances that a layer which reads the rows has learnt."""
    first = keras.Sequential(
        [
            keras.Input((6,)),
            layers.BatchNormalization(momentum=momentum),
            layers.Dense(2),
        ]
    )
    how = {"epochs": 100, "learning_rate": NO_STEP, "batch_size": batch_size}
    fitted = autoencoder(first, decoder(), **how).fit(rows)
    mean, variance = fitted.encoder_.non_trainable_variables
    scale = np.sqrt(rows.var(axis=0).mean())
    return scale * mean.numpy() + rows.mean(axis=0), scale**2 * variance.numpy()


@pytest.mark.slow
def test_batch_normalisation_learns_mean_and_variance_of_the_rows():
    mean, variance = moving_averages(X, batch_size=40, momentum=0.9)
    np.testing.assert_allclose(mean, X.mean(axis=0), atol=1e-3 * X.std())
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-2)


@pytest.mark.slow
def test_an_incomplete_last_batch_does_not_bias_batch_normalisation():
    """Means of random batches are the mean of all rows, whatever their sizes."""
    rows = X[:33]
    mean, _ = moving_averages(rows, batch_size=32, momentum=0.98)
    distance = np.abs(mean - rows.mean(axis=0)) / rows.std(axis=0)
    assert distance.max() < 0.25


# Errors


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def subclassed_and_built():
    model = Subclassed()
    model(X)
    return model


def two_outputs():
    inputs = keras.Input((6,))
    return keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(2)(inputs)])


def two_inputs():
    inputs = [keras.Input((6,)), keras.Input((6,))]
    return keras.Model(inputs, layers.Dense(2)(layers.Add()(inputs)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: "dense",
        lambda: lambda sample_shape, encoding_dim: None,
        lambda: keras.Sequential([layers.Dense(2)]),
        Subclassed,
    ],
    ids=["None", "str", "function of none", "unbuilt", "unbuilt subclass"],
)
def test_what_is_no_model_or_not_built_is_an_error(make):
    network = CustomNetwork(make(), decoder())
    with pytest.raises(TypeError, match=r"encoder must be .* been built.*keras\.Input"):
        network.build_encoder((6,), 2)


@pytest.mark.parametrize("make", [subclassed_and_built, two_inputs, two_outputs])
def test_what_cannot_be_copied_is_an_error(make):
    network = CustomNetwork(make(), decoder())
    with pytest.raises(TypeError, match="encoder must be a functional or sequential"):
        network.build_encoder((6,), 2)


@pytest.mark.parametrize(
    ("name", "sample_shape", "encoding_dim", "message"),
    [
        ("encoder", (5,), 2, r"takes arrays of shape \('batch', 6\).*\('batch', 5\)"),
        ("encoder", (6, 1), 2, r"takes arrays .*\('batch', 6\).*\('batch', 6, 1\)"),
        ("encoder", (6,), 3, r"gives arrays of shape \('batch', 2\).*\('batch', 3\)"),
        ("decoder", (5,), 2, r"gives arrays of shape \('batch', 6\).*\('batch', 5\)"),
        ("decoder", (6,), 3, r"takes arrays of shape \('batch', 2\).*\('batch', 3\)"),
    ],
)
def test_shapes_that_do_not_fit_are_an_error(name, sample_shape, encoding_dim, message):
    network = CustomNetwork(encoder(), decoder())
    with pytest.raises(ValueError, match=f"The {name} {message}"):
        getattr(network, f"build_{name}")(sample_shape, encoding_dim)


@pytest.mark.parametrize(
    "last",
    [
        lambda: [layers.Dense(6, activation="sigmoid")],
        lambda: [layers.Dense(6, activation="tanh")],
        lambda: [layers.Dense(6), layers.Activation("sigmoid")],
        lambda: [layers.Dense(6, activation="sigmoid"), layers.Reshape((6,))],
        lambda: [ending_in(layers.Dense(6, activation="sigmoid"))],
        lambda: [
            layers.RepeatVector(3),
            layers.TimeDistributed(layers.Dense(2, activation="sigmoid")),
            layers.Flatten(),
        ],
    ],
    ids=["sigmoid", "tanh", "its own layer", "reshaped", "nested", "at every step"],
)
def test_a_last_activation_is_an_error(last):
    network = CustomNetwork(encoder(), ending_in(*last()))
    with pytest.raises(ValueError, match="decoder ends in the activation"):
        network.build_decoder((6,), 2)


def test_only_the_last_activation_is_an_error():
    hidden = ending_in(layers.Dense(4, activation="sigmoid"), layers.Dense(6))
    CustomNetwork(encoder(), hidden).build_decoder((6,), 2)


@pytest.mark.slow
def test_a_decoder_may_end_in_a_recurrent_layer():
    recurrent = ending_in(layers.RepeatVector(3), layers.LSTM(2, return_sequences=True))
    network = CustomNetwork(encoder(), recurrent)
    assert network.build_decoder((3, 2), 2).output_shape == (None, 3, 2)


def test_encoders_may_end_in_an_activation():
    bounded = encoder()
    bounded.add(layers.Activation("tanh"))
    codes = call(CustomNetwork(bounded, decoder()).build_encoder((6,), 2), 100 * X)
    assert np.abs(codes).max() <= 1


def test_the_pca_start_is_an_error_that_says_why():
    with pytest.raises(ValueError, match=r"linear map .* CustomNetwork does not have"):
        autoencoder(encoder(), decoder(), init="pca").fit(X)


def test_errors_come_from_fit():
    with pytest.raises(ValueError, match="The encoder gives arrays"):
        autoencoder(encoder(), decoder(), encoding_dim=3).fit(X)


def test_models_of_keras_2_are_named():
    layer = type("Dense", (), {"__module__": "tf_keras.src.layers"})
    model = type("Model", (layer,), {"__module__": "users"})()
    for given in model, lambda sample_shape, encoding_dim: model:
        with pytest.raises(TypeError, match="encoder is of tf_keras, which is Keras 2"):
            autoencoder(given, decoder()).fit(X)


def tripled_encoder(sample_shape, encoding_dim):
    return keras.Sequential(
        [
            keras.Input(sample_shape),
            layers.Lambda(lambda inputs: 3 * inputs),
            layers.Dense(encoding_dim, activation=lambda codes: 2 * codes),
        ]
    )


of_older_keras = pytest.mark.filterwarnings(
    "ignore:The object being serialized includes a `lambda`:UserWarning"
)


@of_older_keras
def test_functions_may_return_models_that_keras_cannot_copy():
    fitted = autoencoder(tripled_encoder, decoder).fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(
        clone(fitted).fit(X).transform(X), fitted.transform(X)
    )
    kernel, bias = fitted.encoder_.get_weights()
    rows = (X - X.mean(axis=0)).astype(np.float32)
    scale = np.sqrt((rows**2).mean())
    expected = scale * 2 * (3 * rows / scale @ kernel + bias)
    np.testing.assert_allclose(fitted.transform(X), expected, atol=1e-4)


@of_older_keras
def test_a_function_must_not_return_such_a_model_twice():
    model = tripled_encoder((6,), 2)
    with pytest.raises(TypeError, match="a function that returns a new model"):
        autoencoder(lambda sample_shape, encoding_dim: model, decoder).fit(X)


class Penalty(keras.regularizers.Regularizer):
    """Has a factor, which its configuration loses."""

    factor = 1.0

    def __call__(self, kernel):
        return self.factor * keras.ops.sum(kernel**2)

    def get_config(self):
        return {}


def test_parts_of_layers_may_be_of_the_users_own_classes():
    layer = layers.Dense(2, kernel_regularizer=Penalty())
    model = keras.Sequential([keras.Input((6,)), layer])
    fitted = autoencoder(model, decoder()).fit(X)
    for again in pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(X):
        assert_same_bits(again, fitted)


def test_a_copy_must_have_the_penalties_of_the_model():
    penalty = Penalty()
    penalty.factor = 5.0
    layer = layers.Dense(2, kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input((6,)), layer])
    with pytest.raises(TypeError, match="gives other outputs or penalties"):
        autoencoder(model, decoder()).fit(X)
