"""Inference: equal to the Keras models and to NumPy, for any rows."""

import functools

import keras
import numpy as np
import pytest
from helpers import NO_STEP, correlated, each_of, standardized, untrained
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae._data import rows as rows_module
from skae._model import codec as codec_module
from skae._model.fitted import FittedNetwork
from skae.networks import BRANCH, LINEAR

X = correlated(50, 5)
UNIT = (X - X.min()) / (X.max() - X.min())


def autoencoder(**changes):
    parameters = {
        "hidden_layer_sizes": (7, 4),
        "epochs": 5,
        "validation_fraction": 0,
        "random_state": 0,
    }
    return AutoencoderTransformer(3, **{**parameters, **changes})


KINDS = {
    "linear codes": (autoencoder(), X),
    "bounded codes": (autoencoder(code_activation="tanh"), X),
    "plain network": (autoencoder(init="random", code_activation="relu"), X),
    "without hidden layers": (autoencoder(hidden_layer_sizes=()), X),
    "cross-entropy": (autoencoder(loss="binary_crossentropy"), UNIT),
}


@pytest.fixture(
    scope="module",
    params=each_of(
        list(KINDS), ["linear codes", "plain network", "without hidden layers"]
    ),
)
def fitted_and_rows(request):
    estimator, rows = KINDS[request.param]
    return estimator.fit(rows), rows


@pytest.fixture(scope="module")
def fitted():
    return autoencoder().fit(X)


def dense_map(model, inputs):
    """Run a network in NumPy: ReLU layers, a linear map, and perhaps a branch."""
    names = [layer.name for layer in model.layers]
    hidden = inputs
    for name in sorted(name for name in names if name.startswith("hidden_")):
        kernel, bias = model.get_layer(name).get_weights()
        hidden = np.maximum(hidden @ kernel + bias, 0)
    kernel, bias = model.get_layer(LINEAR).get_weights()
    if BRANCH not in names:
        return hidden @ kernel + bias
    return inputs @ kernel + bias + hidden @ model.get_layer(BRANCH).get_weights()[0]


def by_hand(estimator, rows):
    """Encode and decode in NumPy, with the weights of the standalone models."""
    activation = {
        "linear": lambda x: x,
        "relu": lambda x: np.maximum(x, 0),
        "tanh": np.tanh,
    }[estimator.code_activation]
    if estimator.loss == "binary_crossentropy":
        codes = activation(dense_map(estimator.encoder_.get_layer("encoder"), rows))
        decoder = estimator.decoder_.get_layer("decoder")
        return codes, 1 / (1 + np.exp(-dense_map(decoder, codes)))
    scaled, mean, scale = standardized(rows)
    codes = activation(dense_map(estimator.encoder_.get_layer("encoder"), scaled))
    outputs = dense_map(estimator.decoder_.get_layer("decoder"), codes)
    return codes * scale, outputs * scale + mean


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * X.std())


# The same numbers on other ways


def test_methods_equal_a_forward_pass_in_numpy(fitted_and_rows):
    estimator, rows = fitted_and_rows
    codes, reconstructions = by_hand(estimator, rows)
    assert_close(estimator.transform(rows), codes)
    assert_close(estimator.inverse_transform(codes), reconstructions)
    assert_close(estimator.reconstruct(rows), reconstructions)


def test_methods_equal_the_keras_models(fitted_and_rows):
    estimator, rows = fitted_and_rows
    codes = estimator.encoder_(rows.astype(np.float32)).numpy()
    assert_close(estimator.transform(rows), codes)
    assert_close(estimator.reconstruct(rows), estimator.decoder_(codes).numpy())


def test_reconstruct_is_both_steps_in_one(fitted_and_rows):
    estimator, rows = fitted_and_rows
    assert_close(
        estimator.reconstruct(rows),
        estimator.inverse_transform(estimator.transform(rows)),
    )


def test_score_samples_is_the_negative_mean_squared_error(fitted_and_rows):
    estimator, rows = fitted_and_rows
    expected = -((rows - estimator.reconstruct(rows)) ** 2).mean(axis=1)
    scores = estimator.score_samples(rows)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-8 * X.var())


def test_score_is_the_fraction_of_variance_explained(fitted_and_rows):
    estimator, rows = fitted_and_rows
    rows = rows[:20]  # the mean is that of the rows scored, not of the training rows
    squared_errors = ((rows - estimator.reconstruct(rows)) ** 2).sum()
    total = ((rows - rows.mean(axis=0)) ** 2).sum()
    score = estimator.score(rows)
    assert isinstance(score, float)
    assert score == pytest.approx(1 - squared_errors / total, abs=1e-5)


def test_score_of_a_start_is_the_variance_that_pca_explains():
    start = untrained(3).fit(X)
    ratios = PCA(3).fit(X).explained_variance_ratio_
    assert start.score(X) == pytest.approx(ratios.sum(), rel=1e-6)


def test_score_of_rows_without_variance():
    constant = np.full((30, 4), 0.1)
    fitted = AutoencoderTransformer(2, random_state=0).fit(constant)
    assert fitted.score(constant) == 1
    assert fitted.score(constant + 1) == 0


# Any number of rows


def test_chunks_do_not_matter(fitted, monkeypatch):
    rows = np.tile(X, (4, 1)) + 0.01 * np.arange(200)[:, None]

    def run():
        codes = fitted.transform(rows)
        return (
            codes,
            fitted.inverse_transform(codes),
            fitted.reconstruct(rows),
            fitted.score_samples(rows),
        )

    in_one = run()
    monkeypatch.setattr(rows_module, "_CHUNK_BYTES", 1)
    n_chunks = len(list(rows_module.row_chunks(rows)))
    assert n_chunks > 5
    for chunked, whole in zip(run(), in_one, strict=True):
        np.testing.assert_allclose(chunked, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples"])
def test_a_row_alone_gets_what_it_gets_among_others(fitted, method):
    run = getattr(fitted, method)
    together = run(X[:10])
    for i in range(10):
        np.testing.assert_array_equal(run(X[i : i + 1])[0], together[i])


@pytest.fixture
def dense_calls(monkeypatch):
    """Names of the dense layers whose Python code ran, that is, which were traced."""
    calls = []
    dense_call = keras.layers.Dense.call

    @functools.wraps(dense_call)
    def noted_call(self, *args, **kwargs):
        calls.append(self.name)
        return dense_call(self, *args, **kwargs)

    monkeypatch.setattr(keras.layers.Dense, "call", noted_call)
    return calls


@pytest.mark.usefixtures("codes_as_trained")
def test_methods_are_traced_once_per_type_whatever_the_number_of_rows(
    dense_calls, monkeypatch
):
    monkeypatch.setattr(codec_module, "graphs_of", lambda *_: None)  # so Keras computes
    # Layer sizes that no other test has, so that nothing is compiled yet.
    estimator = autoencoder(hidden_layer_sizes=(19,)).fit(X)
    assert estimator.inference_ == "keras"
    estimator.inverse_transform(estimator.transform(X))
    n_calls = len(dense_calls)
    for n_rows in (1, 2, 31, 32, 33, 49):
        estimator.inverse_transform(estimator.transform(X[:n_rows]))
    assert len(dense_calls) == n_calls
    estimator.transform(X.astype(np.float32))
    assert len(dense_calls) == n_calls + 3  # hidden, linear map and branch
    estimator.transform(X[:20].astype(np.float32))
    assert len(dense_calls) == n_calls + 3
    other = autoencoder(hidden_layer_sizes=(19,), random_state=1).fit(X)
    dense_calls.clear()
    other.transform(X)
    assert dense_calls == []  # fits of one architecture share what is traced


def test_dense_networks_are_not_traced(dense_calls):
    estimator = autoencoder(hidden_layer_sizes=(21,)).fit(X)
    dense_calls.clear()
    estimator.inverse_transform(estimator.transform(X))
    estimator.score(X)
    assert dense_calls == []


def test_keras_computes_what_numpy_does(fitted_and_rows):
    """The same network by either way, for all methods."""
    estimator, rows = fitted_and_rows
    fitted = estimator._fitted
    in_keras = FittedNetwork(fitted.codec, fitted.weights, fitted.scaling)
    in_keras.graphs = None
    assert (in_keras.inference, fitted.inference) == ("keras", "numpy")
    for dtype in (np.float32, np.float64):
        some = rows.astype(dtype)
        codes = in_keras.encode(some)
        assert_close(fitted.encode(some), codes)
        assert_close(fitted.decode(codes), in_keras.decode(codes))
        assert_close(fitted.reconstruct(some), in_keras.reconstruct(some))
        errors = in_keras.squared_errors(some)
        np.testing.assert_allclose(fitted.squared_errors(some), errors, rtol=1e-4)
        assert fitted.encode(some).dtype == codes.dtype


# Types


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_type(fitted, dtype):
    codes = fitted.transform(X.astype(dtype))
    assert codes.dtype == dtype
    assert fitted.inverse_transform(codes).dtype == dtype
    assert fitted.reconstruct(X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float16, ">f8", bool])
def test_other_numbers_are_float64(fitted, dtype):
    rows = np.abs(X).round().astype(dtype)
    codes = fitted.transform(rows)
    assert codes.dtype == np.float64
    np.testing.assert_array_equal(codes, fitted.transform(rows.astype(np.float64)))


def test_float32_and_float64_agree(fitted):
    assert_close(fitted.transform(X.astype(np.float32)), fitted.transform(X))


def test_integer_codes_are_decoded(fitted):
    codes = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(
        fitted.inverse_transform(codes), fitted.inverse_transform(codes.astype(float))
    )


def test_a_large_mean_costs_no_precision():
    """float32 has 64 between its numbers at 1e9; float64 keeps seven digits of X."""
    far = X + 1e9
    pca = PCA(2).fit(far - 1e9)
    start = untrained(2).fit(far)
    np.testing.assert_allclose(
        start.transform(far), pca.transform(far - 1e9), atol=1e-5
    )
    expected = pca.inverse_transform(pca.transform(far - 1e9))
    np.testing.assert_allclose(start.reconstruct(far) - 1e9, expected, atol=1e-5)
    ratios = pca.explained_variance_ratio_
    assert start.score(far) == pytest.approx(ratios.sum(), rel=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_rows_far_from_zero_get_the_codes_of_those_at_zero(dtype):
    """Of rows that the type holds exactly, around a mean that float32 does not hold."""
    near = np.round(64 * (X - X.mean(axis=0))).astype(dtype)
    far = near + dtype(2**20 if dtype == np.float32 else 2**40)
    # Training would multiply the mean's rounding.
    fitted = autoencoder(epochs=1, learning_rate=NO_STEP).fit(far)
    at_zero = autoencoder(epochs=1, learning_rate=NO_STEP).fit(near)
    codes = fitted.transform(far)
    assert codes.dtype == (np.float32 if dtype == np.float32 else np.float64)
    np.testing.assert_allclose(codes, at_zero.transform(near), atol=1e-5 * codes.std())
    assert fitted.score(far) == pytest.approx(at_zero.score(near), abs=1e-6)


def test_input_is_not_changed(fitted):
    rows = X.copy()
    fitted.transform(rows)
    fitted.score_samples(rows)
    np.testing.assert_array_equal(rows, X)


# Standalone models


def test_models_have_shapes_and_names(fitted_and_rows):
    estimator, _ = fitted_and_rows
    assert estimator.encoder_.input_shape == (None, 5)
    assert estimator.encoder_.output_shape == (None, 3)
    assert estimator.decoder_.output_shape == (None, 5)
    assert estimator.encoder_.name == "encoder"
    assert estimator.decoder_.name == "decoder"


def test_models_are_copies(fitted_and_rows):
    estimator, rows = fitted_and_rows
    codes = estimator.transform(rows)
    kept = estimator.encoder_.get_weights()
    estimator.encoder_.set_weights([np.zeros_like(value) for value in kept])
    np.testing.assert_array_equal(estimator.transform(rows), codes)
    estimator.encoder_.set_weights(kept)


def test_models_stay_as_they_are_when_the_estimator_is_fitted_again():
    estimator = autoencoder().fit(X)
    encoder, codes = estimator.encoder_, estimator.transform(X)
    estimator.fit(X**2)
    assert_close(encoder(X.astype(np.float32)).numpy(), codes)
    assert estimator.encoder_ is not encoder


# Keras 3.10 loads models that expect their one input in a list.
@pytest.mark.filterwarnings("ignore:(?s).*structure of `inputs`:UserWarning")
def test_models_are_saved_and_loaded_without_skae(fitted_and_rows, tmp_path):
    estimator, rows = fitted_and_rows
    estimator.encoder_.save(tmp_path / "encoder.keras")
    estimator.decoder_.save(tmp_path / "decoder.keras")
    encoder = keras.models.load_model(tmp_path / "encoder.keras")
    decoder = keras.models.load_model(tmp_path / "decoder.keras")
    assert_close(
        decoder(encoder(rows.astype(np.float32))).numpy(), estimator.reconstruct(rows)
    )


def test_models_are_as_exact_as_float32_rows_allow():
    """Rows that float32 holds exactly lose nothing more at a mean of 10,000 scales."""
    rows = np.round(64 * (X - X.mean(axis=0))).astype(np.float32) + 2**20
    fitted = autoencoder().fit(rows)
    np.testing.assert_allclose(
        fitted.encoder_(rows).numpy(), fitted.transform(rows), atol=1e-6 * rows.std()
    )


@pytest.mark.parametrize("name", ["encoder_", "decoder_"])
def test_there_are_no_models_where_float32_has_no_digits_left(name):
    fitted = untrained(2).fit(X + 1e8)
    with pytest.raises(ValueError, match="Keras models of float32 rows"):
        getattr(fitted, name)
