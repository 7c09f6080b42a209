"""From the user's data to fitted attributes: what is chosen, refused and warned of."""

import warnings

import keras
import numpy as np
import pytest
from helpers import assert_same_bits, correlated, each_of

from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae.exceptions import DominantFeatureWarning
from skae.networks import DenseNetwork, RecurrentNetwork, _build

X = correlated(60, 5)


def autoencoder(**parameters):
    parameters = {"hidden_layer_sizes": (4,), "epochs": 2, **parameters}
    return AutoencoderTransformer(2, random_state=0, **parameters)


class CountedNetwork(DenseNetwork):
    """Counts how often its encoder is built."""

    n_built = 0

    def build_encoder(self, sample_shape, encoding_dim):
        type(self).n_built += 1
        return super().build_encoder(sample_shape, encoding_dim)


def test_keras_models_are_built_once(monkeypatch):
    monkeypatch.setattr(_build, "_WITH_SEEDS", (CountedNetwork,))
    network = CountedNetwork((3,))
    fitted = DenoisingAutoencoder(2, network=network, epochs=1).fit(X)
    fitted.score(fitted.reconstruct(X))
    assert CountedNetwork.n_built == 1


@pytest.fixture
def _keras_settings():
    """Put Keras' settings back after a test that changes them."""
    yield
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")


@pytest.mark.usefixtures("_keras_settings")
@pytest.mark.parametrize(
    "policy",
    each_of(
        ["float64", "mixed_bfloat16", "mixed_float16"], ["float64", "mixed_float16"]
    ),
)
def test_keras_policies_do_not_matter(policy):
    expected = autoencoder().fit(X)
    keras.config.set_dtype_policy(policy)
    assert_same_bits(autoencoder().fit(X), expected)


@pytest.mark.slow
@pytest.mark.usefixtures("_keras_settings")
def test_keras_default_type_does_not_matter():
    expected = autoencoder().fit(X).transform(X)
    keras.config.set_floatx("float64")
    np.testing.assert_allclose(autoencoder().fit(X).transform(X), expected, rtol=1e-4)


def test_axes_that_float32_loses_are_warned_of():
    uneven = np.random.RandomState(0).normal(size=(60, 4)) * [1e8, 1, 1, 1]
    lost = pytest.warns(UserWarning, match="less than a millionth")
    with pytest.warns(DominantFeatureWarning), lost:
        autoencoder().fit(uneven)


@pytest.mark.parametrize(
    "rows",
    [X * [9, 1, 1, 1, 1], np.column_stack([X, np.ones(60)]), X @ np.ones((5, 5))],
    ids=["spread by nine", "a constant feature", "rank one"],
)
def test_ordinary_data_are_not_warned_of(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        autoencoder().fit(rows)


def test_callbacks_see_a_fit_that_has_nothing_to_learn():
    calls = []
    callback = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: calls.append("begin"),
        on_epoch_end=lambda epoch, logs: calls.append("epoch"),
        on_train_end=lambda logs: calls.append("end"),
    )
    fitted = autoencoder(callbacks=[callback]).fit(X[:, :2])
    assert calls == ["begin", "end"]
    assert fitted.n_iter_ == 0
    assert fitted.score(X[:, :2]) == pytest.approx(1)


def test_an_exact_start_has_a_loss_of_rounding():
    fitted = autoencoder().fit(X[:, :2])
    assert fitted.initial_loss_ == fitted.best_loss_
    assert fitted.best_loss_ < 1e-10 * X.var()


@pytest.mark.slow
def test_a_rate_set_by_a_callback_is_multiplied_by_the_schedule():
    def rates(schedule):
        steady = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
        parameters = {"learning_rate_schedule": schedule, "callbacks": [steady]}
        return autoencoder(epochs=4, **parameters).fit(X).history_["learning_rate"]

    np.testing.assert_allclose(rates("constant"), [0.1] * 4, rtol=1e-6)
    assert rates("cosine")[-1] < 0.03


@pytest.mark.parametrize(
    "optimizer", [keras.optimizers.Adam, "LossScaleOptimizer", "no such optimizer"]
)
def test_what_is_no_optimizer_is_refused_by_name(optimizer):
    with pytest.raises(ValueError, match=r"optimizer=.*instance"):
        autoencoder(optimizer=optimizer).fit(X)


def test_an_integer_is_one_hidden_layer():
    assert autoencoder(hidden_layer_sizes=3).fit(X).hidden_layer_sizes_ == (3,)


def test_one_row_that_counts_is_refused():
    with pytest.raises(ValueError, match=r"sample_weight .* 1 of 60 rows"):
        autoencoder().fit(X, sample_weight=np.eye(60)[0])


@pytest.mark.parametrize(
    ("factor", "remedy"), [(1e-200, "Multiply"), (1e200, "Divide")]
)
def test_values_beyond_float64_squares_are_refused(factor, remedy):
    with pytest.raises(ValueError, match=remedy):
        autoencoder().fit(X * factor)


def test_unused_codes_of_a_wide_sigmoid_do_not_stop_training():
    """The decoder reads a sigmoid's codes around zero, so steps keep their size."""
    rows = np.tanh(correlated(300, 8))
    fitted = autoencoder(code_activation="sigmoid", epochs=60).fit(rows)
    assert min(fitted.history_["val_loss"]) < 0.95 * fitted.initial_loss_


def test_what_no_machine_could_hold_is_refused_with_the_memory_it_takes():
    rows = correlated(20, 4)
    for changes in {"encoding_dim": 1_000_000}, {"hidden_layer_sizes": (10**6, 10**6)}:
        estimator = AutoencoderTransformer(2, epochs=1).set_params(**changes)
        with pytest.raises(
            ValueError, match=r"would take [\d,]+ GB of memory, and this"
        ):
            estimator.fit(rows)
    recurrent = DenoisingAutoencoder(2, network=RecurrentNetwork(10**6), epochs=1)
    with pytest.raises(ValueError, match="too large to be built: a fit would take"):
        recurrent.fit(rows)


def test_optimizers_that_scale_losses_are_refused():
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ValueError, match=r"optimizer=.* scales losses"):
        AutoencoderTransformer(2, optimizer=optimizer).fit(correlated(20, 4))
