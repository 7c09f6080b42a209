"""Keras callbacks do in a fit what they do in ``keras.Model.fit``."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import (
    NO_STEP,
    assert_same_bits,
    correlated,
    standardized,
    warns,
    weights,
)
from sklearn.exceptions import ConvergenceWarning

from skae import AutoencoderTransformer

X = correlated(20, 4)
X_val = correlated(6, 4, seed=1)
BATCH_SIZE, EPOCHS = 8, 3
N_BATCHES = 3  # of 8, 8 and 4 rows


def fit(*callbacks, with_validation=True, **changes):
    parameters = {
        "init": "random",
        "hidden_layer_sizes": (),
        "optimizer": "sgd",
        "learning_rate": 0.05,
        "learning_rate_schedule": "constant",
        "batch_size": BATCH_SIZE,
        "epochs": EPOCHS,
        "validation_fraction": 0,
        "early_stopping": False,
        "random_state": 0,
    }
    estimator = AutoencoderTransformer(
        2, callbacks=list(callbacks) or None, **{**parameters, **changes}
    )
    return estimator.fit(X, X_val=X_val if with_validation else None)


def fit_with_keras(*callbacks):
    """Let Keras train a network like ours on the same numbers of rows."""
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(4)])
    model.compile(keras.optimizers.SGD(0.05), loss="mse", run_eagerly=True)
    rows, mean, scale = standardized(X)
    judges = (X_val - mean) / scale
    model.fit(
        rows,
        rows,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_data=(judges, judges),
        callbacks=list(callbacks),
        verbose=0,
    )


def recorder(events, stop_after=None):
    """Return a callback that notes every hook, and may stop after a batch."""

    class Recorder(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            events.append(("train begin", dict(self.params)))

        def on_train_end(self, logs=None):
            events.append(("train end", sorted(set(logs) - {"learning_rate"})))

        def on_epoch_begin(self, epoch, logs=None):
            events.append(("epoch begin", epoch))

        def on_epoch_end(self, epoch, logs=None):
            events.append(("epoch end", epoch, sorted(set(logs) - {"learning_rate"})))

        def on_train_batch_begin(self, batch, logs=None):
            events.append(("batch begin", batch))

        def on_train_batch_end(self, batch, logs=None):
            events.append(("batch end", batch, sorted(logs)))
            if batch == stop_after:
                self.model.stop_training = True

        def on_test_begin(self, logs=None):
            events.append(("test begin",))

        def on_test_end(self, logs=None):
            events.append(("test end", sorted(logs)))

        def on_test_batch_begin(self, batch, logs=None):
            events.append(("test batch begin", batch))

        def on_test_batch_end(self, batch, logs=None):
            events.append(("test batch end", batch, sorted(logs)))

    return Recorder()


@pytest.mark.parametrize("stop_after", [None, 1], ids=["to the end", "stopped"])
def test_hooks_come_as_from_model_fit(stop_after):
    ours, theirs = [], []
    fit(recorder(ours, stop_after))
    fit_with_keras(recorder(theirs, stop_after))
    assert ours == theirs


def test_hooks_without_validation_and_without_batches():
    events = []
    fit(
        keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: events.append(("begin", epoch)),
            on_epoch_end=lambda epoch, logs: events.append(("end", epoch)),
            on_train_begin=lambda logs: events.append("train begin"),
            on_train_end=lambda logs: events.append("train end"),
        ),
        with_validation=False,
    )
    epochs = [(hook, epoch) for epoch in range(EPOCHS) for hook in ("begin", "end")]
    assert events == ["train begin", *epochs, "train end"]


def test_batch_hooks_are_called_once_per_batch():
    batches = []
    fit(
        keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: batches.append(("begin", batch)),
            on_train_batch_end=lambda batch, logs: batches.append(("end", batch)),
        )
    )
    one_epoch = [(hook, i) for i in range(N_BATCHES) for hook in ("begin", "end")]
    assert batches == one_epoch * EPOCHS


def test_batch_logs_hold_the_mean_loss_so_far():
    losses = []
    fitted = fit(
        keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: losses.append(logs["loss"])
        )
    )
    last_of_each_epoch = losses[N_BATCHES - 1 :: N_BATCHES]
    np.testing.assert_allclose(last_of_each_epoch, fitted.history_["loss"])
    assert len(set(losses)) == EPOCHS * N_BATCHES


def test_training_batch_by_batch_gives_the_same_weights():
    per_batch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: None
    )
    one, other = fit(per_batch), fit()
    for first, second in zip(weights(one), weights(other), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        one.history_["val_loss"], other.history_["val_loss"], rtol=1e-5
    )


@pytest.mark.usefixtures("codes_as_trained")
def test_callbacks_see_the_weights_in_training():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.get_weights())

    fitted = fit(Watch(), with_validation=False)
    for first, second in zip(seen[-1], weights(fitted), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(seen[0][0], seen[1][0])


def test_what_a_callback_adds_to_the_logs_is_in_the_history():
    class Add(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["squared epoch"] = epoch**2

    assert fit(Add()).history_["squared epoch"] == [0, 1, 4]


def test_early_stopping_stops_and_restores():
    # Read backwards ("max"), a falling loss is best after the first epoch.
    stop = keras.callbacks.EarlyStopping(
        monitor="loss", mode="max", patience=2, restore_best_weights=True
    )
    stopped = fit(stop, with_validation=False, epochs=10)
    assert stopped.n_iter_ == 3
    assert_same_bits(stopped, fit(with_validation=False, epochs=1))


def test_early_stopping_watches_the_validation_loss():
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="max", patience=1, min_delta=1e9
    )
    assert fit(stop, epochs=10).n_iter_ == 2


def test_reduce_lr_on_plateau_halves_the_rate():
    halve = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.5, patience=1, min_delta=1e9
    )
    reduced = fit(halve, epochs=4)
    rates = [0.05, 0.05, 0.025, 0.0125]
    np.testing.assert_allclose(reduced.history_["learning_rate"], rates, rtol=1e-6)
    scheduled = keras.callbacks.LearningRateScheduler(lambda epoch, _: rates[epoch])
    assert_same_bits(reduced, fit(scheduled, epochs=4))


def test_learning_rate_scheduler_sets_the_rate():
    rates = [0.05, 0.0, 0.0]
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: rates[epoch])
    scheduled = fit(scheduler, with_validation=False)
    np.testing.assert_allclose(scheduled.history_["learning_rate"], rates, rtol=1e-6)
    assert_same_bits(scheduled, fit(with_validation=False, epochs=1))


def test_learning_rate_scheduler_and_the_cosine_schedule_multiply():
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.02)
    one = fit(scheduler, learning_rate_schedule="cosine")
    assert_same_bits(one, fit(learning_rate_schedule="cosine", learning_rate=0.02))


# Keras 3.10 loads models that expect their one input in a list.
@pytest.mark.filterwarnings("ignore:(?s).*structure of `inputs`:UserWarning")
def test_model_checkpoint_saves_the_best_model(tmp_path):
    path = tmp_path / "best.keras"
    rise_and_fall = keras.callbacks.LearningRateScheduler(
        lambda epoch: [0.05, 0.05, -0.5, -0.5][epoch]
    )
    checkpoint = keras.callbacks.ModelCheckpoint(path, save_best_only=True)
    fitted = fit(rise_and_fall, checkpoint, epochs=4)
    assert fitted.best_epoch_ == 2
    _, mean, scale = standardized(X)
    saved = keras.models.load_model(path)
    np.testing.assert_allclose(
        saved((X_val - mean) / scale).numpy() * scale + mean,
        fitted.reconstruct(X_val),
        rtol=1e-5,
        atol=1e-5,
    )


def test_model_checkpoint_saves_weights_of_every_epoch(tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True
    )
    fit(checkpoint)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{epoch}.weights.h5" for epoch in range(1, EPOCHS + 1)
    ]


def test_csv_logger_writes_the_history(tmp_path):
    fitted = fit(keras.callbacks.CSVLogger(tmp_path / "log.csv"))
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(EPOCHS))
    for name in ("loss", "val_loss"):
        logged = [float(row[name]) for row in rows]
        np.testing.assert_allclose(logged, fitted.history_[name], rtol=1e-6)


def test_tensorboard_writes_events(tmp_path):
    fitted = fit(keras.callbacks.TensorBoard(tmp_path))
    for folder, name in [("train", "loss"), ("validation", "val_loss")]:
        logged = scalars(tmp_path / folder, "epoch_loss")
        assert list(logged) == list(range(EPOCHS))
        np.testing.assert_allclose(
            list(logged.values()), fitted.history_[name], rtol=1e-6
        )


def test_tensorboard_writes_batches(tmp_path):
    fit(keras.callbacks.TensorBoard(tmp_path, update_freq="batch"))
    assert len(scalars(tmp_path / "train", "batch_loss")) == EPOCHS * N_BATCHES


def scalars(folder, tag):
    """Read a scalar from the event files of a folder: step to value."""
    return {
        event.step: float(tf.make_ndarray(value.tensor))
        for path in sorted(folder.glob("events.out.tfevents.*"))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == tag
    }


def test_terminate_on_nan_stops_within_the_epoch():
    batches = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(batch)
    )
    exploding = {"learning_rate": 1e30}
    with warns(ConvergenceWarning, "learning_rate"):
        stopped = fit(keras.callbacks.TerminateOnNaN(), count, **exploding)
    # The first batch meets the start, whose loss is finite; the second does not.
    assert batches == [0, 1]
    assert stopped.n_iter_ == 1
    assert_same_bits(stopped, fit(learning_rate=NO_STEP, epochs=1))
    batches.clear()
    with warns(ConvergenceWarning, ""):
        fit(count, **exploding)
    assert batches == list(range(N_BATCHES))


def test_callbacks_of_the_user_stay_as_they_are_and_serve_again():
    stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=1)
    before = dict(vars(stop))
    first = fit(stop, epochs=10)
    assert vars(stop) == before
    second = fit(stop, epochs=10)
    assert first.n_iter_ == second.n_iter_ == 2
    assert_same_bits(first, second)


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: keras.callbacks.CSVLogger(folder / "log.csv"),
        lambda folder: keras.callbacks.TensorBoard(folder),
    ],
    ids=["CSVLogger", "TensorBoard"],
)
def test_callbacks_that_keras_has_used_can_be_used(make, tmp_path):
    callback = make(tmp_path)
    fit_with_keras(callback)
    assert fit(callback).n_iter_ == EPOCHS


def test_callbacks_work_from_the_pca_start():
    stop = keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=1e9)
    assert fit(stop, init="pca", epochs=10).n_iter_ == 2


def test_an_error_in_a_callback_leaves_the_estimator_as_it_was():
    class Break(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("broken callback")

    fitted = fit()
    before = dict(vars(fitted))
    fitted.set_params(callbacks=[Break()])
    with pytest.raises(RuntimeError, match="broken callback"):
        fitted.fit(X + 1)
    fitted.set_params(callbacks=None)
    assert vars(fitted) == before


@pytest.mark.parametrize(
    "wrong", [print, "EarlyStopping", keras.callbacks.EarlyStopping]
)
def test_what_is_no_callback_is_refused(wrong):
    with pytest.raises(TypeError, match=r"callbacks must be .*Callback instances.*got"):
        fit(wrong)


def test_what_a_callback_adds_once_or_as_text_is_kept_as_it_came():
    class Notes(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["note"] = f"epoch {epoch}"
            if epoch == 1:
                logs["once"] = 1.0

    rows = np.random.RandomState(0).normal(size=(30, 3))
    parameters = {"epochs": 3, "early_stopping": False, "callbacks": [Notes()]}
    fitted = AutoencoderTransformer(1, random_state=0, **parameters).fit(rows)
    assert fitted.history_["note"] == ["epoch 0", "epoch 1", "epoch 2"]
    assert fitted.history_["once"] == [1.0]
