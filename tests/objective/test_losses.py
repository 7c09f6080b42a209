"""Losses by name and of Keras: what they compare, and how they are kept."""

import pickle

import keras
import numpy as np
import pytest
from helpers import NO_STEP, correlated, each_of
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_absolute_error, mean_poisson_deviance

import skae
from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae._model import codec
from skae._training.link_regression import poisson_regression
from skae.networks import DenseNetwork

X = correlated(80, 6)
COUNTS = np.random.RandomState(0).poisson(np.exp(correlated(120, 6, offset=0.5)))


@keras.saving.register_keras_serializable("test_losses")
class Quartic(keras.losses.Loss):
    """A loss of the user's own."""

    def call(self, y_true, y_pred):
        return keras.ops.mean((y_true - y_pred) ** 4, axis=-1)


def autoencoder(loss, **changes):
    parameters = {
        "hidden_layer_sizes": (8,),
        "epochs": 3,
        "validation_fraction": 0.25,
        "random_state": 0,
    }
    return AutoencoderTransformer(2, loss=loss, **{**parameters, **changes})


# Poisson


def test_the_poisson_loss_is_half_the_deviance():
    fitted = autoencoder("poisson").fit(COUNTS[:80], X_val=COUNTS[80:])
    rates = fitted.reconstruct(COUNTS[80:])
    expected = mean_poisson_deviance(COUNTS[80:].ravel(), rates.ravel()) / 2
    assert fitted.best_loss_ == pytest.approx(expected, rel=1e-4)


def test_reconstructions_of_counts_are_rates():
    fitted = autoencoder("poisson").fit(COUNTS)
    assert (fitted.reconstruct(COUNTS) > 0).all()
    assert (fitted.inverse_transform([[1e3, -1e3]]) > 0).all()


@pytest.mark.slow
def test_counts_start_at_poisson_regressions_on_principal_components():
    fitted = autoencoder(
        "poisson", hidden_layer_sizes=(), learning_rate=NO_STEP, validation_fraction=0
    ).fit(COUNTS)
    components = PCA(2).fit_transform(COUNTS)
    for feature, rates in zip(COUNTS.T, fitted.reconstruct(COUNTS).T, strict=True):
        truth = PoissonRegressor(alpha=0, max_iter=1000).fit(components, feature)
        np.testing.assert_allclose(rates, truth.predict(components), rtol=0.02)


def test_poisson_regression_takes_weights():
    rng = np.random.RandomState(0)
    codes, weights = rng.randn(200, 2), rng.randint(1, 3, 200).astype(float)
    counts = rng.poisson(np.exp(0.5 * codes[:, :1] + [0.2, 1.0]))
    kernel, bias = poisson_regression(codes, counts, weights)
    for i in range(2):
        truth = PoissonRegressor(alpha=0, max_iter=1000)
        truth.fit(codes, counts[:, i], sample_weight=weights)
        np.testing.assert_allclose(kernel[:, i], truth.coef_, atol=2e-3)
        np.testing.assert_allclose(bias[i], truth.intercept_, atol=2e-3)


@pytest.mark.slow
def test_training_on_counts_lowers_their_deviance():
    digits = load_digits().data
    fitted = autoencoder("poisson", epochs=20, hidden_layer_sizes=(64,)).fit(digits)
    assert fitted.best_loss_ < 0.9 * fitted.initial_loss_


def test_the_deviance_has_the_unit_of_the_counts():
    one, other = (autoencoder("poisson").fit(scale * COUNTS) for scale in (1, 1000))
    np.testing.assert_allclose(
        np.multiply(one.history_["val_loss"], 1000), other.history_["val_loss"], 1e-3
    )
    np.testing.assert_allclose(
        1000 * one.reconstruct(COUNTS), other.reconstruct(1000 * COUNTS), rtol=1e-3
    )


@pytest.mark.slow
def test_models_of_a_poisson_fit_give_rates():
    fitted = autoencoder("poisson").fit(COUNTS)
    codes = fitted.encoder_(COUNTS.astype(np.float32)).numpy()
    np.testing.assert_allclose(codes, fitted.transform(COUNTS), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        fitted.decoder_(codes), fitted.reconstruct(COUNTS), rtol=1e-3
    )


@pytest.mark.slow
def test_features_that_are_always_zero_stay_near_it():
    rows = np.column_stack([COUNTS, np.zeros(len(COUNTS))])
    assert autoencoder("poisson").fit(rows).reconstruct(rows)[:, -1].max() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        ConvAutoencoder(2, filters=(4,), epochs=2),
        SequenceAutoencoder(2, units=4, epochs=2),
        DenoisingAutoencoder(2, network=DenseNetwork((8,)), epochs=2),
    ],
)
def test_other_estimators_take_counts_too(estimator):
    estimator = clone(estimator).set_params(loss="poisson", random_state=0)
    fitted = estimator.fit(COUNTS)
    assert (fitted.reconstruct(COUNTS) > 0).all()
    assert fitted.best_loss_ <= fitted.initial_loss_


def test_values_below_zero_are_no_counts():
    with pytest.raises(ValueError, match=r"poisson.*values down to -2"):
        autoencoder("poisson").fit(np.where(COUNTS > 3, -2, COUNTS))
    with pytest.raises(ValueError, match=r"X_val has values down to -1"):
        autoencoder("poisson").fit(COUNTS, X_val=-np.ones((2, 6)))


def test_variational_fits_have_two_likelihoods():
    with pytest.raises(ValueError, match="'loss' parameter"):
        VAETransformer(2, loss="poisson").fit(COUNTS)


# Keras' losses


@pytest.mark.slow
def test_an_instance_of_squared_errors_does_as_the_name_does():
    one = autoencoder("mse").fit(X)
    other = autoencoder(keras.losses.MeanSquaredError()).fit(X)
    np.testing.assert_allclose(one.reconstruct(X), other.reconstruct(X), rtol=1e-4)


@pytest.mark.slow
def test_absolute_errors_are_in_units_of_the_standardised_data():
    loss = keras.losses.MeanAbsoluteError()
    fitted = autoencoder(loss).fit(X[:60], X_val=X[60:])
    deviation = np.sqrt(X[:60].var(axis=0).mean())
    expected = mean_absolute_error(X[60:], fitted.reconstruct(X[60:])) / deviation
    assert fitted.best_loss_ == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_each_loss_is_best_at_what_it_measures():
    digits = load_digits().data
    squared, absolute = (
        autoencoder(loss, hidden_layer_sizes=(64,), init="random", epochs=20).fit(
            digits
        )
        for loss in ("mse", keras.losses.MeanAbsoluteError())
    )
    errors = [fit.reconstruct(digits) - digits for fit in (squared, absolute)]
    assert np.abs(errors[1]).mean() < np.abs(errors[0]).mean()
    assert np.square(errors[0]).mean() < 0.97 * np.square(errors[1]).mean()


LOSSES = {
    "huber": keras.losses.Huber(delta=0.5),
    "log-cosh": keras.losses.LogCosh(),
    "own": Quartic(),
}


@pytest.mark.parametrize("loss", each_of(LOSSES, ["huber", "own"]))
def test_keras_losses_survive_clone_and_pickle(loss):
    fitted = clone(autoencoder(loss)).fit(X)
    assert fitted.best_loss_ <= fitted.initial_loss_
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(clone(copy).fit(X).transform(X), fitted.transform(X))


def test_keras_own_losses_are_saved(tmp_path):
    fitted = autoencoder(LOSSES["huber"]).fit(X)
    fitted.save(tmp_path / "fit")
    loaded = skae.load(tmp_path / "fit")
    assert loaded.loss.get_config() == fitted.loss.get_config()
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(loaded.fit(X).transform(X), fitted.transform(X))


def test_losses_of_the_users_own_are_not_saved(tmp_path):
    with pytest.raises(TypeError, match="loss"):
        autoencoder(LOSSES["own"]).fit(X).save(tmp_path / "fit")


def test_equal_losses_share_what_is_compiled():

    autoencoder(keras.losses.Huber(delta=0.25)).fit(X)
    n_codecs = len(codec._codecs)
    autoencoder(keras.losses.Huber(delta=0.25)).fit(X)
    assert len(codec._codecs) == n_codecs


@pytest.mark.parametrize(
    "loss", [keras.losses.BinaryCrossentropy(), keras.losses.Poisson()]
)
def test_losses_of_other_data_are_refused(loss):
    with pytest.raises(ValueError, match=r"compares classes.*Huber"):
        autoencoder(loss).fit(X)


def test_what_has_a_losss_methods_may_still_be_none():
    with pytest.raises(ValueError, match="neither a name nor an instance"):
        autoencoder(keras.layers.Dense(1)).fit(X)


def test_a_loss_gives_one_number_a_row():
    class NotReduced(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** 2

    with pytest.raises(ValueError, match="one number a row"):
        autoencoder(NotReduced()).fit(X)


def test_a_loss_that_cannot_be_compiled_is_explained():
    class InNumPy(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return np.abs(y_true - y_pred).mean(axis=-1)

    class WithIf(keras.losses.Loss):
        def call(self, y_true, y_pred):
            if y_true[0, 0] > 0:
                return keras.ops.mean(y_true - y_pred, axis=-1)
            return keras.ops.mean(y_pred - y_true, axis=-1)

    for loss in InNumPy(), WithIf():
        with pytest.raises(ValueError, match=r"loss=.* fails on tensors.*keras\.ops"):
            autoencoder(loss).fit(X)


def test_a_loss_without_gradient_is_an_error():
    class OfTargets(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.mean(y_true, axis=-1)

    with pytest.raises(ValueError, match=r"loss=.* has no gradient"):
        autoencoder(OfTargets()).fit(X)
