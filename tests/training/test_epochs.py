"""Training: an epoch equals a loop by hand, and the weights worth keeping are kept."""

import itertools

import keras
import numpy as np
import pytest
from helpers import (
    NO_STEP,
    assert_same_bits,
    correlated,
    cosine_by_hand,
    standardized,
    warns,
    weights,
)
from scipy.stats import permutation_test
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from skae import AutoencoderTransformer
from skae.networks import DenseNetwork

pytestmark = pytest.mark.usefixtures("codes_as_trained")

X, X_val = np.split(correlated(36, 5), [24])

PLAIN = {
    "init": "random",
    "hidden_layer_sizes": (),
    "validation_fraction": 0,
    "learning_rate_schedule": "constant",
    "early_stopping": False,
    "random_state": 0,
}
"""A linear network, trained on all rows at a constant rate."""


def plain(**changes):
    parameters = {"optimizer": "sgd", "learning_rate": 0.1, "epochs": 5}
    return AutoencoderTransformer(2, **{**PLAIN, **parameters, **changes})


def start_of(estimator, X):
    """Return the weights that a fit of the estimator starts from."""
    no_step = clone(estimator).set_params(
        optimizer="sgd", learning_rate=NO_STEP, epochs=1, callbacks=None
    )
    return [np.where(np.abs(w) < 1e-20, 0, w) for w in weights(no_step.fit(X))]


def linear_loss_and_gradients(parameters, rows, counts=None):
    """Return the mean squared error of a linear autoencoder, and its gradients.

    `counts` multiplies each row's loss; their sum does not divide it.
    """
    encoder, code_bias, decoder, bias = parameters
    counts = np.ones(len(rows)) if counts is None else counts
    codes = rows @ encoder + code_bias
    errors = codes @ decoder + bias - rows
    to_outputs = 2 * errors * counts[:, None] / rows.size
    to_codes = to_outputs @ decoder.T
    gradients = [
        rows.T @ to_codes,
        to_codes.sum(axis=0),
        codes.T @ to_outputs,
        to_outputs.sum(axis=0),
    ]
    return (counts * (errors**2).mean(axis=1)).mean(), gradients


def descend(parameters, rows, rates, counts=None):
    """Take one step of gradient descent per rate; return parameters and losses."""
    losses = []
    for rate in rates:
        loss, gradients = linear_loss_and_gradients(parameters, rows, counts)
        parameters = [p - rate * g for p, g in zip(parameters, gradients, strict=True)]
        losses.append(loss)
    return parameters, losses


def assert_weights(estimator, expected, **tolerances):
    tolerances = {"rtol": 1e-4, "atol": 1e-5, **tolerances}
    for actual, wanted in zip(weights(estimator), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, **tolerances)


# What an epoch does


def test_full_batches_are_gradient_descent_by_hand():
    estimator = plain(batch_size=100)
    rows, _, scale = standardized(X)
    expected, losses = descend(start_of(estimator, X), rows, [0.1] * 5)
    fitted = estimator.fit(X)
    assert_weights(fitted, expected)
    np.testing.assert_allclose(
        fitted.history_["loss"], np.multiply(losses, scale**2), rtol=1e-4
    )


@pytest.mark.parametrize("counts", [None, [1.0, 2.0, 3.0]], ids=["equal", "weighted"])
def test_the_last_partial_batch_is_a_batch_like_the_others(counts):
    rows = X[:3]
    weighted = np.ones(3) if counts is None else np.array(counts)
    estimator = plain(batch_size=2, epochs=1)
    start = start_of(estimator, rows)
    mean = np.average(rows, axis=0, weights=weighted)
    spread = np.average((rows - mean) ** 2, axis=0, weights=weighted)
    scaled = (rows - mean) / np.sqrt(spread.mean())
    relative = weighted / weighted.mean()

    def by_hand(order):
        parameters = start
        for batch in (list(order[:2]), list(order[2:])):
            parameters, _ = descend(parameters, scaled[batch], [0.1], relative[batch])
        return parameters

    fitted = weights(estimator.fit(rows, sample_weight=counts))
    matches = [
        order
        for order in itertools.permutations(range(3))
        if all(
            np.allclose(ours, wanted, rtol=1e-4, atol=1e-5)
            for ours, wanted in zip(fitted, by_hand(order), strict=True)
        )
    ]
    assert len(matches) == 2  # one order, and it with the first two rows exchanged


def test_every_row_is_seen_once_an_epoch():
    """With steps of no size the epoch's loss is the mean over all rows."""
    estimator = plain(learning_rate=NO_STEP, batch_size=7, epochs=1).fit(X)
    errors = ((X - estimator.reconstruct(X)) ** 2).mean()
    np.testing.assert_allclose(estimator.history_["loss"], [errors], rtol=1e-5)


def test_rows_are_shuffled_anew_in_each_epoch():
    """With one row a batch, the last loss would else come back in each epoch."""
    last = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: last.append(logs["loss"])
    )
    plain(batch_size=1, learning_rate=NO_STEP, epochs=3, callbacks=[watch]).fit(X)
    first_of_each_epoch = last[:: len(X)]
    assert len(set(first_of_each_epoch)) > 1


OPTIMIZERS = {
    "momentum and clipped gradients": lambda: keras.optimizers.SGD(
        0.1, momentum=0.9, nesterov=True, global_clipnorm=0.5
    ),
    "weight decay": lambda: keras.optimizers.AdamW(0.02, weight_decay=0.5),
    "averaged weights": lambda: keras.optimizers.Adam(
        0.02, use_ema=True, ema_momentum=0.5
    ),
    "own schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.ExponentialDecay(0.2, 2, 0.5)
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_does_what_it_does_in_model_fit(name):
    ours = plain(
        hidden_layer_sizes=(4,),
        optimizer=OPTIMIZERS[name](),
        learning_rate="auto",
        batch_size=100,
        epochs=6,
        # An optimizer with a schedule of its own keeps that.
        learning_rate_schedule="cosine" if name == "own schedule" else "constant",
    )
    rows, _, scale = standardized(X)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dense(2),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dense(5),
        ]
    )
    model.set_weights(start_of(ours, X))
    model.compile(optimizer=OPTIMIZERS[name](), loss="mse", run_eagerly=True)
    history = model.fit(rows, rows, batch_size=100, epochs=6, verbose=0).history
    fitted = ours.fit(X)
    assert_weights(fitted, model.get_weights(), rtol=1e-3)
    np.testing.assert_allclose(
        fitted.history_["loss"], np.multiply(history["loss"], scale**2), rtol=1e-4
    )


@pytest.mark.parametrize("init", ["pca", "random"])
def test_averaged_weights_are_averages_of_the_weights_of_the_steps(init):
    steps = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(self.model.get_weights())

    fitted = plain(
        init=init,
        optimizer=keras.optimizers.Adam(use_ema=True, ema_momentum=0.5),
        learning_rate=0.05,
        callbacks=[Watch()],
        batch_size=8,
        epochs=2,
    ).fit(X)
    average = steps[0]
    for step in steps[1:]:
        average = [(a + b) / 2 for a, b in zip(average, step, strict=True)]
    assert_weights(fitted, average, atol=1e-6)


# Optimizers and learning rates


def test_an_optimizer_by_name_is_its_instance():
    by_name = plain(optimizer="rmsprop", learning_rate="auto").fit(X)
    instance = plain(optimizer=keras.optimizers.RMSprop(), learning_rate="auto").fit(X)
    assert_same_bits(by_name, instance)
    assert by_name.learning_rate_ == pytest.approx(0.001)
    assert by_name.optimizer_ == "rmsprop"


def test_learning_rate_replaces_the_rate_of_an_instance():
    replaced = plain(optimizer=keras.optimizers.SGD(5.0), learning_rate=0.05).fit(X)
    own = plain(optimizer=keras.optimizers.SGD(0.05), learning_rate="auto").fit(X)
    assert_same_bits(replaced, own)
    assert replaced.learning_rate_ == own.learning_rate_ == pytest.approx(0.05)


@pytest.mark.parametrize("name", ["Adam", "ADAM"])
def test_any_spelling_that_keras_knows_gets_the_same_rate(name):
    expected = plain(optimizer="adam", learning_rate="auto", epochs=2).fit(X)
    fitted = plain(optimizer=name, learning_rate="auto", epochs=2).fit(X)
    assert fitted.learning_rate_ == expected.learning_rate_
    assert_same_bits(fitted, expected)


def test_an_optimizer_in_use_elsewhere_is_neither_changed_nor_continued():
    used = keras.optimizers.SGD(0.1, momentum=0.9)
    variable = keras.Variable(np.ones(3))
    for _ in range(3):
        used.apply([np.ones(3, np.float32)], [variable])
    before = [value.numpy() for value in used.variables]
    fitted = plain(optimizer=used, learning_rate="auto").fit(X)
    for now, then in zip(used.variables, before, strict=True):
        np.testing.assert_array_equal(now.numpy(), then)
    fresh = keras.optimizers.SGD(0.1, momentum=0.9)
    assert_same_bits(fitted, plain(optimizer=fresh, learning_rate="auto").fit(X))


def test_the_history_has_the_rate_of_an_optimizer_with_a_schedule():
    constant = keras.optimizers.schedules.ExponentialDecay(0.05, 10, decay_rate=1.0)
    fitted = plain(
        optimizer=keras.optimizers.SGD(constant),
        learning_rate="auto",
        learning_rate_schedule="cosine",
    ).fit(X)
    np.testing.assert_allclose(fitted.history_["learning_rate"], [0.05] * 5, rtol=1e-6)


def test_the_cosine_schedule_drives_the_steps():
    estimator = plain(batch_size=100, epochs=20, learning_rate_schedule="cosine")
    rates = 0.1 * cosine_by_hand(20)
    expected, _ = descend(start_of(estimator, X), standardized(X)[0], rates)
    fitted = estimator.fit(X)
    assert_weights(fitted, expected)
    np.testing.assert_allclose(fitted.history_["learning_rate"], rates, rtol=1e-5)


def test_the_cosine_schedule_runs_over_the_steps_of_all_epochs():
    fitted = plain(batch_size=8, epochs=4, learning_rate_schedule="cosine").fit(X)
    last_steps = 0.1 * cosine_by_hand(12)[2::3]
    np.testing.assert_allclose(fitted.history_["learning_rate"], last_steps, rtol=1e-5)


# Which weights are kept


def test_the_best_validation_weights_are_kept():
    fall_and_rise = keras.callbacks.LearningRateScheduler(
        lambda epoch: [0.1, 0.1, -0.2, -0.2][epoch]
    )
    fitted = plain(epochs=4, callbacks=[fall_and_rise]).fit(X, X_val=X_val)
    losses = fitted.history_["val_loss"]
    assert fitted.best_epoch_ == 1 + np.argmin(losses) == 2
    assert fitted.best_loss_ == min(losses) < fitted.initial_loss_
    error = ((X_val - fitted.reconstruct(X_val)) ** 2).mean()
    assert error == pytest.approx(min(losses), rel=1e-5)
    assert_same_bits(fitted, plain(epochs=2).fit(X))


def test_the_start_is_kept_where_training_only_makes_it_worse():
    rise = keras.callbacks.LearningRateScheduler(lambda epoch: -0.1)
    estimator = plain(callbacks=[rise])
    fitted = estimator.fit(X, X_val=X_val)
    assert fitted.best_epoch_ == 0
    assert fitted.best_loss_ == fitted.initial_loss_
    assert_weights(fitted, start_of(plain(), X), atol=0, rtol=0)


def test_without_validation_the_last_weights_are_kept():
    rates = [0.1, 0.1, -0.2, -0.2, -0.2]
    rise = keras.callbacks.LearningRateScheduler(lambda epoch: rates[epoch])
    estimator = plain(callbacks=[rise], batch_size=100)
    expected, losses = descend(start_of(estimator, X), standardized(X)[0], rates)
    assert losses[-1] > losses[2]
    fitted = estimator.fit(X)
    assert_weights(fitted, expected)
    assert "val_loss" not in fitted.history_
    assert fitted.best_epoch_ == fitted.n_iter_ == 5
    assert fitted.initial_loss_ is None
    assert fitted.best_loss_ is None


@pytest.mark.slow
def test_weights_replace_the_pca_start_where_their_gain_is_more_than_chance():
    """More than flipped signs of the judging rows give."""
    estimator = AutoencoderTransformer(
        1,
        hidden_layer_sizes=(16,),
        optimizer="adam",
        learning_rate=0.02,
        learning_rate_schedule="constant",
        batch_size=1,
        epochs=1,
        validation_fraction=0,
        l1_activity=1e-12,  # so that there is no decoder in closed form
        random_state=1,
    )
    rng = np.random.RandomState(0)
    angle = rng.uniform(0, 3, 200)
    curve = np.column_stack([np.cos(angle), np.sin(angle), angle / 3])
    train, others = np.split(curve + 0.05 * rng.randn(*curve.shape), 2)
    pca = PCA(1).fit(train)
    at_pca = ((others - pca.inverse_transform(pca.transform(others))) ** 2).mean(axis=1)
    gains = at_pca + clone(estimator).fit(train).score_samples(others)
    outcomes = []
    for judges in np.split(np.arange(100), [5, 17, 32, 50]):
        found = permutation_test(
            (gains[judges],),
            lambda some, axis=-1: some.sum(axis) / np.sqrt((some**2).sum(axis)),
            permutation_type="samples",
            alternative="greater",
            random_state=0,
        )
        outcomes.append(len(judges) >= 10 and found.pvalue < 0.04)
        estimator.fit(train, X_val=others[judges])
        assert estimator.best_epoch_ == outcomes[-1]
    assert 0 < sum(outcomes) < len(outcomes)


def test_x_val_judges_and_all_rows_train():
    fitted = plain(validation_fraction=0.5).fit(X, X_val=X_val)
    np.testing.assert_allclose(fitted.mean_, X.mean(axis=0))
    assert fitted.validation_fraction_ == 0
    assert fitted.initial_loss_ != fitted.best_loss_
    error = ((X_val - fitted.reconstruct(X_val)) ** 2).mean()
    assert fitted.best_loss_ == pytest.approx(error, rel=1e-5)
    # The rows of X_val only judge: the weights of the same epoch do not depend on them.
    assert_same_bits(fitted, plain(epochs=fitted.best_epoch_).fit(X))


def test_held_out_rows_are_not_trained_on():
    """Rows whose loss is tiny and huge show on which side of the split they are."""
    rows = np.zeros((20, 2))
    rows[:, 0] = np.arange(20)
    fitted = plain(validation_fraction=0.25, learning_rate=NO_STEP, epochs=1).fit(rows)
    errors = ((rows - fitted.reconstruct(rows)) ** 2).mean(axis=1)
    train, held_out = fitted.history_["loss"][0], fitted.history_["val_loss"][0]
    assert 15 * train + 5 * held_out == pytest.approx(errors.sum(), rel=1e-4)
    assert train != pytest.approx(held_out)


@pytest.mark.parametrize("patience", [1, 3])
def test_training_ends_when_patience_does(patience):
    never_better = plain(
        learning_rate=NO_STEP, early_stopping=True, patience=patience, epochs=6
    )
    fitted = never_better.fit(X, X_val=X_val)
    assert fitted.n_iter_ == fitted.patience_ == patience
    fitted = never_better.set_params(early_stopping=False).fit(X, X_val=X_val)
    assert fitted.n_iter_ == 6


def test_patience_counts_from_the_best_epoch():
    fall_and_rise = keras.callbacks.LearningRateScheduler(
        lambda epoch: 0.1 if epoch < 3 else -0.1
    )
    fitted = plain(
        early_stopping=True, patience=2, epochs=20, callbacks=[fall_and_rise]
    ).fit(X, X_val=X_val)
    assert fitted.best_epoch_ == 3
    assert fitted.n_iter_ == 3 + 2


# Divergence


def test_divergence_restores_the_best_weights_and_warns():
    exploding = keras.callbacks.LearningRateScheduler(
        lambda epoch: 0.1 if epoch < 2 else 1e20
    )
    with warns(ConvergenceWarning, r"epoch 3.*after epoch 2.*Try"):
        fitted = plain(callbacks=[exploding], batch_size=8).fit(X, X_val=X_val)
    assert fitted.n_iter_ == 3
    assert_same_bits(fitted, plain(epochs=2, batch_size=8).fit(X))


@pytest.mark.parametrize("with_validation", [True, False])
@pytest.mark.parametrize("batch_size", [8, 100], ids=["batches", "full batch"])
@pytest.mark.parametrize("learning_rate", [1e3, 1e20])
def test_divergence_leaves_weights_with_a_finite_loss(
    learning_rate, batch_size, with_validation
):
    estimator = plain(learning_rate=learning_rate, batch_size=batch_size)
    with warns(ConvergenceWarning, "learning_rate"):
        estimator.fit(X, X_val=X_val if with_validation else None)
    assert all(np.isfinite(values).all() for values in weights(estimator))
    assert np.isfinite(estimator.score(X))


def test_divergence_in_the_very_last_step_is_noticed():
    """The loss of an epoch is that before its steps; here no epoch comes after it."""
    estimator = plain(learning_rate=1e20, batch_size=100, epochs=1)
    with warns(ConvergenceWarning, "learning_rate"):
        estimator.fit(X)
    assert np.isfinite(estimator.score(X))


def test_divergence_from_the_pca_start_leaves_pca():
    estimator = plain(init="pca", hidden_layer_sizes=(4,), learning_rate=1e20)
    with warns(ConvergenceWarning, "after epoch 0"):
        estimator.fit(X, X_val=X_val)
    pca = PCA(2).fit(X)
    np.testing.assert_allclose(
        estimator.reconstruct(X),
        pca.inverse_transform(pca.transform(X)),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_loss_that_never_is_finite_is_an_error():
    estimator = plain()
    with pytest.raises(ValueError, match=r"loss was not finite.*Try"):
        estimator.fit(X, X_val=X_val * 1e30)
    assert not hasattr(estimator, "history_")


@pytest.mark.slow
def test_compiled_steps_that_diverged_serve_again_as_fresh():
    def fit():
        estimator = plain(optimizer=keras.optimizers.SGD(1e4, momentum=0.5))
        with warns(ConvergenceWarning, ""):
            return estimator.set_params(learning_rate="auto").fit(X, X_val=X_val)

    first, again = fit(), fit()
    assert first.history_.keys() == again.history_.keys()
    for name, values in first.history_.items():
        np.testing.assert_array_equal(values, again.history_[name])


# Compilation


@pytest.mark.parametrize(
    "compilation", ["graph", pytest.param("xla", marks=pytest.mark.slow)]
)
def test_however_steps_are_compiled_the_weights_are_the_same(monkeypatch, compilation):
    estimator = plain(
        init="pca",
        hidden_layer_sizes=(6,),
        optimizer=keras.optimizers.SGD(0.01, momentum=0.5),
        learning_rate="auto",
        batch_size=7,
    )
    expected = clone(estimator).fit(X)
    monkeypatch.setattr("skae._training.task.compilation_for", lambda *_: compilation)
    fitted = clone(estimator).fit(X)
    assert_weights(fitted, weights(expected))
    np.testing.assert_allclose(
        fitted.history_["loss"], expected.history_["loss"], rtol=1e-4
    )


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_compiled_steps_that_serve_again_start_afresh(optimizer):
    # A learning rate that no other test has, so that the first fit must compile.
    estimator = plain(optimizer=optimizer, learning_rate=0.0123, batch_size=9)
    first = clone(estimator).fit(X)
    clone(estimator).set_params(random_state=1).fit(X + X**2)
    again = clone(estimator).fit(X)
    assert_same_bits(first, again)
    assert first.history_ == again.history_


# Warm start


def test_warm_start_goes_on_where_the_last_fit_ended():
    estimator = plain(warm_start=True, batch_size=100, epochs=3).fit(X)
    losses = list(estimator.history_["loss"])
    losses += estimator.set_params(epochs=2).fit(X).history_["loss"]
    at_once = plain(batch_size=100, epochs=5).fit(X)
    assert_weights(estimator, weights(at_once), atol=1e-6)
    np.testing.assert_allclose(losses, at_once.history_["loss"], rtol=1e-5)


def test_warm_start_goes_on_from_weights_that_began_as_pca():
    estimator = AutoencoderTransformer(
        2, hidden_layer_sizes=(8,), epochs=3, batch_size=100, random_state=0
    )
    estimator.set_params(warm_start=True, validation_fraction=0).fit(X)
    error = ((X - estimator.reconstruct(X)) ** 2).mean()
    estimator.fit(X)
    assert estimator.history_["loss"][0] == pytest.approx(error, rel=1e-4)


def test_warm_start_keeps_the_scale_of_the_first_fit():
    estimator = plain(warm_start=True).fit(X)
    estimator.set_params(learning_rate=NO_STEP, epochs=1)
    before = estimator.transform(X)
    estimator.fit(10 * X + 1)
    np.testing.assert_allclose(estimator.transform(X), before, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(estimator.mean_, X.mean(axis=0))


def test_without_warm_start_a_fit_begins_anew():
    estimator = plain().fit(X + 1)
    assert_same_bits(estimator.fit(X), plain().fit(X))


@pytest.mark.parametrize(
    "changes",
    [
        {"encoding_dim": 3},
        {"hidden_layer_sizes": (7,)},
        {"code_activation": "relu"},
        {"init": "pca", "hidden_layer_sizes": (4,)},
        {"loss": "binary_crossentropy"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_warm_start_refuses_another_network_and_stays_fitted(changes):
    data = (X - X.min()) / (X.max() - X.min())
    estimator = plain(warm_start=True, hidden_layer_sizes=(4,)).fit(data)
    codes = estimator.transform(data)
    with pytest.raises(ValueError, match=r"warm_start=True.*another one.*False"):
        estimator.set_params(**changes).fit(data)
    np.testing.assert_array_equal(estimator.transform(data), codes)


def test_warm_start_refuses_another_number_of_features():
    estimator = plain(warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"4 features.*expecting 5"):
        estimator.fit(X[:, :4])


# What is reported


def test_explicit_values_are_used_exactly():
    fitted = plain(
        batch_size=5, epochs=3, patience=7, validation_fraction=0.25, learning_rate=0.03
    ).fit(X)
    assert fitted.batch_size_ == 5
    assert fitted.epochs_ == fitted.n_iter_ == 3
    assert fitted.patience_ == 7
    assert fitted.validation_fraction_ == 0.25
    assert fitted.learning_rate_ == pytest.approx(0.03)
    assert fitted.hidden_layer_sizes_ == ()


def test_a_batch_has_at_most_all_training_rows():
    assert plain(batch_size=1000).fit(X).batch_size_ == len(X)


def test_history_has_plain_numbers_one_per_epoch():
    history = plain(epochs=3).fit(X, X_val=X_val).history_
    assert set(history) == {"loss", "val_loss", "learning_rate"}
    for values in history.values():
        assert len(values) == 3
        assert all(type(value) is float for value in values)


def test_losses_are_in_the_squared_unit_of_the_data():
    small = plain().fit(X, X_val=X_val)
    large = plain().fit(1024 * X, X_val=1024 * X_val)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(
            large.history_[name], np.multiply(small.history_[name], 1024.0**2)
        )


def test_cross_entropy_losses_are_nats_by_formula():
    data = (X - X.min()) / (X.max() - X.min())
    fitted = plain(loss="binary_crossentropy", learning_rate=NO_STEP, epochs=1).fit(
        data
    )
    p = fitted.reconstruct(data)
    nats = -(data * np.log(p) + (1 - data) * np.log(1 - p)).mean()
    assert fitted.history_["loss"] == [pytest.approx(nats, rel=1e-5)]


def test_l1_activity_adds_the_absolute_codes_to_the_loss():
    estimator = plain(learning_rate=NO_STEP, epochs=1, l1_activity=0.3).fit(X)
    _, _, scale = standardized(X)
    codes = np.abs(estimator.transform(X) / scale).sum(axis=1)
    errors = ((X - estimator.reconstruct(X)) ** 2).mean(axis=1)
    expected = (errors + 0.3 * codes * scale**2).mean()
    assert estimator.history_["loss"] == [pytest.approx(expected, rel=1e-5)]


def test_the_network_of_a_random_start_is_the_plain_one():
    fitted = plain(hidden_layer_sizes=(4,)).fit(X)
    network = DenseNetwork((4,), linear_shortcut=False)
    assert [value.shape for value in weights(fitted)] == [
        value.shape
        for model in (network.build_encoder((5,), 2), network.build_decoder((5,), 2))
        for value in model.get_weights()
    ]
