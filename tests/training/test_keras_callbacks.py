"""Keras callbacks do in a fit what they do in ``keras.Model.fit``."""

import copy
import csv
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import (
    NO_STEP,
    assert_same_bits,
    correlated,
    each_of,
    standardized,
    warns,
    weights,
)
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skae import AutoencoderTransformer, VAETransformer
from skae.networks import DenseNetwork

X, X_val = np.split(correlated(), [44])
BATCH_SIZE, EPOCHS = 16, 3
N_BATCHES = 3  # of 16, 16 and 12 rows


def fit(*callbacks, with_validation=True, **changes):
    return unfitted(*callbacks, **changes).fit(
        X, X_val=X_val if with_validation else None
    )


def unfitted(*callbacks, **changes):
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
    return AutoencoderTransformer(
        2, callbacks=list(callbacks) or None, **{**parameters, **changes}
    )


def fit_with_keras(*callbacks):
    """Let Keras train a network like ours on the same numbers of rows."""
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(5)])
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


class Recorder(keras.callbacks.Callback):
    """Notes every hook, and may stop after a batch."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.events = []
        self.stop_after = stop_after

    def note(self, *event, logs=()):
        self.events.append((*event, sorted(set(logs) - {"learning_rate"})))

    def on_train_begin(self, logs=None):
        self.note("train begin", dict(self.params), logs=logs)

    def on_train_end(self, logs=None):
        self.note("train end", logs=logs)

    def on_epoch_begin(self, epoch, logs=None):
        self.note("epoch begin", epoch, logs=logs)

    def on_epoch_end(self, epoch, logs=None):
        self.note("epoch end", epoch, logs=logs)

    def on_train_batch_begin(self, batch, logs=None):
        self.note("batch begin", batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        self.note("batch end", batch, logs=logs)
        if batch == self.stop_after:
            self.model.stop_training = True

    def on_test_begin(self, logs=None):
        self.note("test begin", logs=logs)

    def on_test_end(self, logs=None):
        self.note("test end", logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        self.note("test batch begin", batch, logs=logs)

    def on_test_batch_end(self, batch, logs=None):
        self.note("test batch end", batch, logs=logs)


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [None, 1], ids=["to the end", "stopped"])
def test_hooks_come_as_from_model_fit(stop_after):
    ours, theirs = Recorder(stop_after), Recorder(stop_after)
    fit(ours)
    fit_with_keras(theirs)
    assert ours.events == theirs.events


def test_without_validation_rows_there_is_no_test_run():
    recorder = Recorder()
    fit(recorder, with_validation=False)
    assert {event[0] for event in recorder.events} == {
        f"{what} {when}"
        for what in ("train", "epoch", "batch")
        for when in ("begin", "end")
    }


def test_batch_logs_hold_the_mean_loss_so_far():
    """Steps of no size leave the loss of each row as it was."""
    losses = []
    fitted = fit(
        keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: losses.append(logs["loss"])
        ),
        learning_rate=NO_STEP,
        epochs=1,
    )
    assert len(losses) == N_BATCHES
    assert losses[-1] == fitted.history_["loss"][0]
    first, second = losses[0], 2 * losses[1] - losses[0]
    last = (44 * losses[2] - 16 * (first + second)) / 12
    error = ((X - fitted.reconstruct(X)) ** 2).mean()
    assert (16 * first + 16 * second + 12 * last) / 44 == pytest.approx(error, rel=1e-5)
    assert len({first, second, last}) == N_BATCHES


@pytest.mark.parametrize(
    ("estimator", "with_xla"),
    each_of(
        {
            "as it is": (AutoencoderTransformer, False),
            "compiled with XLA": (AutoencoderTransformer, True),
            "variational": (VAETransformer, False),
        },
        ["as it is"],
    ),
)
def test_a_callback_that_only_watches_changes_no_bit(estimator, with_xla, monkeypatch):
    monkeypatch.setattr("skae._training.steps_pool.xla_pays", lambda *_: with_xla)
    plain = estimator(2, network=DenseNetwork((8,)), epochs=2, batch_size=BATCH_SIZE)
    plain.set_params(random_state=0)
    watched = clone(plain).set_params(callbacks=[Recorder()]).fit(X)
    assert_same_bits(watched, plain.fit(X))
    assert list(watched.history_.items()) == list(plain.history_.items())


@pytest.mark.usefixtures("codes_as_trained")
def test_callbacks_see_the_weights_in_training_and_add_to_the_history():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.get_weights())
            logs["squared epoch"] = epoch**2
            logs["note"] = f"epoch {epoch}"
            if epoch == 1:
                logs["once"] = 1.0

    fitted = fit(Watch(), with_validation=False)
    for first, second in zip(seen[-1], weights(fitted), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(seen[0][0], seen[1][0])
    assert fitted.history_["squared epoch"] == [0, 1, 4]
    assert fitted.history_["note"] == ["epoch 0", "epoch 1", "epoch 2"]
    assert fitted.history_["once"] == [1.0]


# Keras' own


def test_early_stopping_stops_and_restores():
    # Read backwards ("max"), a falling loss is best after the first epoch.
    stop = keras.callbacks.EarlyStopping(
        monitor="loss", mode="max", patience=2, restore_best_weights=True
    )
    stopped = fit(stop, with_validation=False, epochs=10)
    assert stopped.n_iter_ == 3
    assert_same_bits(stopped, fit(with_validation=False, epochs=1))


def test_early_stopping_watches_the_validation_loss_from_the_pca_start():
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="max", patience=1, min_delta=1e9
    )
    assert fit(stop, init="pca", epochs=10).n_iter_ == 2


def test_reduce_lr_on_plateau_halves_the_rate():
    halve = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.5, patience=1, min_delta=1e9
    )
    reduced = fit(halve, epochs=4)
    rates = [0.05, 0.05, 0.025, 0.0125]
    np.testing.assert_allclose(reduced.history_["learning_rate"], rates, rtol=1e-6)
    scheduled = keras.callbacks.LearningRateScheduler(lambda epoch, _: rates[epoch])
    assert_same_bits(reduced, fit(scheduled, epochs=4))


def test_learning_rate_scheduler_and_the_cosine_schedule_multiply():
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.02)
    one = fit(scheduler, learning_rate_schedule="cosine")
    assert_same_bits(one, fit(learning_rate_schedule="cosine", learning_rate=0.02))


def test_a_rate_that_is_set_between_batches_is_that_of_the_next():
    class Brake(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = NO_STEP

    braked = fit(Brake(), with_validation=False, learning_rate=0.05)
    one_step = fit(StopAfterABatch(), with_validation=False, learning_rate=0.05)
    assert_same_bits(braked, one_step)


class StopAfterABatch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


# Keras 3.10 loads models that expect their one input in a list.
@pytest.mark.filterwarnings("ignore:(?s).*structure of `inputs`:UserWarning")
def test_checkpoints_and_logs_are_written(tmp_path):
    """Rates that fall below zero make the second epoch's weights the best."""
    rates = [0.05, 0.05, -0.05, -0.05]
    path, names = tmp_path / "best.keras", [f"{i}.weights.h5" for i in range(1, 5)]
    fitted = fit(
        keras.callbacks.LearningRateScheduler(lambda epoch: rates[epoch]),
        keras.callbacks.ModelCheckpoint(path, save_best_only=True),
        keras.callbacks.ModelCheckpoint(
            tmp_path / "{epoch}.weights.h5", save_weights_only=True
        ),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.TensorBoard(tmp_path, histogram_freq=1, update_freq="batch"),
        epochs=4,
    )
    assert fitted.best_epoch_ == 2
    _, mean, scale = standardized(X)
    saved = keras.models.load_model(path)
    np.testing.assert_allclose(
        saved((X_val - mean) / scale).numpy() * scale + mean,
        fitted.reconstruct(X_val),
        rtol=1e-5,
        atol=1e-5,
    )
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == names
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for folder, name in [("train", "loss"), ("validation", "val_loss")]:
        expected = fitted.history_[name]
        logged = [float(row[name]) for row in rows]
        np.testing.assert_allclose(logged, expected, rtol=1e-6)
        shown = summaries(tmp_path / folder, "epoch_loss")
        shown = [float(tf.make_ndarray(tensor)) for tensor in shown]
        np.testing.assert_allclose(shown, expected, rtol=1e-6)
    assert len(summaries(tmp_path / "train", "batch_loss")) == 4 * N_BATCHES
    assert len(summaries(tmp_path / "train", "keras")) == 1  # the graph
    assert any(summaries(tmp_path / "train", "histogram"))


def summaries(folder, tag):
    """Read from the event files of a folder what has a tag, by step."""
    found = [
        (event.step, value.tensor)
        for path in sorted(folder.glob("events.out.tfevents.*"))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == tag or (tag == "histogram" and "histogram" in value.tag)
    ]
    return [tensor for _, tensor in sorted(found, key=lambda item: item[0])]


def test_terminate_on_nan_stops_within_the_epoch():
    recorder = Recorder()
    exploding = {"learning_rate": 1e30}
    with warns(ConvergenceWarning, "learning_rate"):
        stopped = fit(keras.callbacks.TerminateOnNaN(), recorder, **exploding)
    # The first batch meets the start, whose loss is finite; the second does not.
    batches = [event[1] for event in recorder.events if event[0] == "batch end"]
    assert batches == [0, 1]
    assert stopped.n_iter_ == 1
    assert_same_bits(stopped, fit(learning_rate=NO_STEP, epochs=1))


# Whose the callbacks are


def test_the_users_own_objects_are_driven_and_serve_again():
    """What a callback notes, in itself or elsewhere, is there after the fit."""
    reported = []
    report = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: reported.append(logs["val_loss"])
    )
    stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=1)
    estimator = unfitted(report, stop, epochs=10)
    first = clone(estimator.fit(X, X_val=X_val)).fit(X, X_val=X_val)
    assert stop.stopped_epoch == 1
    assert reported == 2 * estimator.history_["val_loss"]
    assert_same_bits(estimator.fit(X, X_val=X_val), first)
    assert len(reported) == 6
    assert estimator.callbacks == [report, stop]


KINDS = {
    "CSVLogger": lambda folder: keras.callbacks.CSVLogger(folder / "log.csv"),
    "TensorBoard": lambda folder: keras.callbacks.TensorBoard(folder),
    # Patient, since before Keras 3.15 it compares losses with those of earlier fits.
    "EarlyStopping": lambda folder: keras.callbacks.EarlyStopping(
        patience=9, restore_best_weights=True
    ),
    "ModelCheckpoint": lambda folder: keras.callbacks.ModelCheckpoint(
        folder / "best.keras"
    ),
}


class Pruned(Exception):
    pass


class Prune(keras.callbacks.Callback):
    """Raises in an epoch, as Optuna does to end a trial."""

    epoch = None

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Pruned


def test_estimators_are_copied_after_a_fit_and_after_a_failure(tmp_path):
    prune = Prune()
    callbacks = [make(tmp_path) for make in KINDS.values()]
    estimator = fit(*callbacks, prune)
    assert all(callback.model is None for callback in callbacks)
    for copied in (clone, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
        assert len(copied(estimator).callbacks) == len(KINDS) + 1
    before = dict(vars(estimator))
    prune.epoch = 1
    with pytest.raises(Pruned):
        estimator.fit(X + 1, X_val=X_val)
    assert vars(estimator) == before
    assert all(callback.model is None for callback in callbacks)
    assert len(clone(estimator).callbacks) == len(KINDS) + 1
    prune.epoch = None
    assert_same_bits(estimator.fit(X, X_val=X_val), fit())


@pytest.mark.parametrize(
    "wrong", [print, "EarlyStopping", keras.callbacks.EarlyStopping]
)
def test_what_is_no_callback_is_refused(wrong):
    with pytest.raises(TypeError, match=r"callbacks must be .*Callback instances.*got"):
        fit(wrong)


def test_a_backup_that_could_not_be_restored_is_refused(tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(TypeError, match=r"BackupAndRestore.*warm_start=True.*save"):
        fit(backup)


def test_optuna_prunes_by_a_callback():
    """The trial hears of each epoch, and its error ends the fit without a trace."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    class Pruning(keras.callbacks.Callback):
        def __init__(self, trial):
            super().__init__()
            self.trial = trial

        def on_epoch_end(self, epoch, logs=None):
            self.trial.report(logs["val_loss"], epoch)
            if self.trial.should_prune():
                raise optuna.TrialPruned

    estimators = []

    def loss(trial):
        rate = trial.suggest_categorical("rate", [0.05, NO_STEP])
        estimators.append(unfitted(Pruning(trial), learning_rate=rate))
        return estimators[-1].fit(X, X_val=X_val).best_loss_

    pruner = optuna.pruners.MedianPruner(n_startup_trials=1)
    study = optuna.create_study(pruner=pruner)
    for rate in 0.05, NO_STEP:
        study.enqueue_trial({"rate": rate})
    study.optimize(loss, n_trials=2)
    done, pruned = study.trials
    history = estimators[0].history_["val_loss"]
    assert list(done.intermediate_values.values()) == history
    assert pruned.state is optuna.trial.TrialState.PRUNED
    assert len(pruned.intermediate_values) == 1
    assert not hasattr(estimators[1], "history_")
