"""A fit that was killed goes on from its backup, to the bits it would have had."""

import json
import pickle
import shutil
import signal

import keras
import numpy as np
import pytest
from helpers import (
    assert_same_bits,
    call,
    correlated,
    run_python,
    standardized,
    warns,
)
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae.networks import CustomNetwork

X = correlated(40, 4)
X_val = correlated(10, 4, seed=1)
IMAGES = np.random.RandomState(0).normal(size=(20, 8, 8, 1))
SEQUENCES = np.random.RandomState(0).normal(size=(20, 4, 2))
EPOCHS, N_BATCHES = 3, 5
PARAMETERS = {"epochs": EPOCHS, "batch_size": 8, "random_state": 0}
ATTRIBUTES = ["history_", "n_iter_", "best_epoch_", "initial_loss_", "best_loss_"]


def encoder(sample_shape, encoding_dim):
    layers = [
        keras.Input(sample_shape),
        keras.layers.Dense(5, "relu"),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(encoding_dim),
    ]
    return keras.Sequential(layers)


def decoder(sample_shape, encoding_dim):
    return keras.Sequential(
        [keras.Input((encoding_dim,)), keras.layers.Dense(*sample_shape)]
    )


DENSE = AutoencoderTransformer(2, **PARAMETERS)
PLAIN = AutoencoderTransformer(
    2, init="random", hidden_layer_sizes=(), early_stopping=False, **PARAMETERS
)
KINDS = {
    "dense": (DENSE, X),
    "denoising": (DenoisingAutoencoder(2, **PARAMETERS), X),
    "variational": (VAETransformer(2, **PARAMETERS), X),
    "convolutional": (
        ConvAutoencoder(2, batch_normalization=True, **PARAMETERS),
        IMAGES,
    ),
    "recurrent": (SequenceAutoencoder(2, **PARAMETERS), SEQUENCES),
    "dropout": (
        AutoencoderTransformer(
            2, network=CustomNetwork(encoder, decoder), **PARAMETERS
        ),
        X,
    ),
    "averaged weights": (
        AutoencoderTransformer(
            2, optimizer=keras.optimizers.Adam(0.01, use_ema=True), **PARAMETERS
        ),
        X,
    ),
}


class Copy(keras.callbacks.Callback):
    """Copies a backup at a moment, as a kill at that moment would leave it."""

    def __init__(self, folder, copy, *, epoch=None, n_batches=None):
        super().__init__()
        self.folder, self.copy = folder, copy
        self.epoch, self.n_batches = epoch, n_batches

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            shutil.copytree(self.folder, self.copy)

    def on_train_end(self, logs=None):
        if self.epoch == "end":
            shutil.copytree(self.folder, self.copy)


class CopyAfterBatches(Copy):
    """Does so after a number of batches."""

    def on_train_batch_end(self, batch, logs=None):
        self.n_batches -= 1
        if self.n_batches == 0:
            shutil.copytree(self.folder, self.copy)


class Count(keras.callbacks.Callback):
    """Notes the epochs that begin."""

    epochs: list = []

    def __deepcopy__(self, memo):
        return self

    def on_train_begin(self, logs=None):
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)


def backup(folder, **parameters):
    return keras.callbacks.BackupAndRestore(folder, **parameters)


def fit(estimator, rows, *callbacks, X_val=None, **parameters):
    estimator = clone(estimator).set_params(callbacks=list(callbacks), **parameters)
    return estimator.fit(rows, X_val=X_val)


def interrupted(estimator, rows, folder, *callbacks, epoch=EPOCHS - 1, **parameters):
    """Return an uninterrupted fit, of whose backup `folder` is then a copy."""
    own = folder.with_name("own")
    copy = Copy(own, folder, epoch=epoch)
    # At the end, before the backup is deleted.
    both = [copy, backup(own)] if epoch == "end" else [backup(own), copy]
    return fit(estimator, rows, *callbacks, *both, **parameters)


def assert_same_fit(one, other):
    assert_same_bits(one, other)
    for name in ATTRIBUTES:
        assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize("kind", KINDS)
def test_the_resumed_fit_is_the_uninterrupted_one(kind, tmp_path):
    estimator, rows = KINDS[kind]
    last = {"validation_fraction": 0}
    whole = interrupted(estimator, rows, tmp_path / "copy", **last)
    count = Count()
    resumed = fit(estimator, rows, backup(tmp_path / "copy"), count, **last)
    assert count.epochs == [EPOCHS - 1]
    assert_same_fit(resumed, whole)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("save_freq", [1, 2])
@pytest.mark.parametrize("kind", ["dropout", "variational", "validated"])
def test_the_same_from_amid_an_epoch(kind, save_freq, tmp_path):
    estimator, rows = KINDS.get(kind, (PLAIN, X))
    own, folder = tmp_path / "own", tmp_path / "copy"
    parameters = {} if kind == "validated" else {"validation_fraction": 0}
    n_batches = N_BATCHES + 3
    saves = {"save_freq": save_freq}
    copy = CopyAfterBatches(own, folder, n_batches=n_batches)
    whole = fit(estimator, rows, backup(own, **saves), copy, **parameters)
    count = Count()
    resumed = fit(estimator, rows, backup(folder, **saves), count, **parameters)
    assert count.epochs == [1, 2]
    assert_same_fit(resumed, whole)


KILLED = """
import os, signal, sys
import keras, numpy as np
from skae import AutoencoderTransformer

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)

rows = np.random.RandomState(0).normal(size=(40, 4))
callbacks = [keras.callbacks.BackupAndRestore({folder!r}), Kill()]
AutoencoderTransformer(2, epochs=4, random_state=0, callbacks=callbacks).fit(rows)
"""


def test_a_killed_process_goes_on_in_another(tmp_path):
    folder = str(tmp_path / "backup")
    killed = run_python(KILLED.replace("{folder!r}", repr(folder)))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    rows = np.random.RandomState(0).normal(size=(40, 4))
    parameters = {"epochs": 4, "random_state": 0}
    count = Count()
    resumed = AutoencoderTransformer(
        2, callbacks=[backup(folder), count], **parameters
    ).fit(rows)
    assert count.epochs == [2, 3]
    assert_same_fit(resumed, AutoencoderTransformer(2, **parameters).fit(rows))


def test_a_backup_changes_nothing_in_a_fit(tmp_path):
    with_backup = fit(DENSE, X, backup(tmp_path / "backup"))
    assert_same_fit(with_backup, clone(DENSE).fit(X))


def test_with_validation_the_best_weights_go_on(tmp_path):
    """Rates that climb back make the first epoch's weights the best."""
    rates = [0.05, -0.05, -0.05]
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: rates[epoch])
    sgd = {"optimizer": "sgd", "learning_rate_schedule": "constant"}
    whole = interrupted(PLAIN, X, tmp_path / "copy", scheduler, **sgd)
    assert whole.best_epoch_ == 1
    resumed = fit(PLAIN, X, scheduler, backup(tmp_path / "copy"), **sgd)
    assert_same_fit(resumed, whole)


def test_the_best_weights_are_judged_by_the_present_validation_rows(tmp_path):
    interrupted(PLAIN, X, tmp_path / "copy", X_val=X_val, epoch="end")
    others = correlated(12, 4, seed=2)
    resumed = fit(PLAIN, X, backup(tmp_path / "copy"), X_val=others)
    np.testing.assert_allclose(
        resumed.best_loss_, -resumed.score_samples(others).mean(), rtol=1e-5
    )


@pytest.mark.parametrize("patience", [1, 5])
def test_a_fit_that_was_over_stays_over(patience, tmp_path):
    """Killed after its last epoch, early or not, before the backup was deleted."""
    rising = {"optimizer": "sgd", "learning_rate": 1e-30}  # never better than before
    stops = {"early_stopping": True, "patience": patience, **rising}
    whole = interrupted(PLAIN, X, tmp_path / "copy", epoch="end", **stops)
    assert whole.n_iter_ == min(patience, EPOCHS)
    count = Count()
    resumed = fit(PLAIN, X, backup(tmp_path / "copy"), count, **stops)
    assert count.epochs == []
    assert_same_fit(resumed, whole)


def test_a_callback_that_had_asked_to_stop_is_obeyed(tmp_path):
    stop = keras.callbacks.EarlyStopping("loss", mode="max", patience=1)
    whole = interrupted(PLAIN, X, tmp_path / "copy", stop, epoch="end")
    assert whole.n_iter_ == 2
    resumed = fit(PLAIN, X, stop, backup(tmp_path / "copy"))
    assert_same_fit(resumed, whole)


@pytest.mark.parametrize("validation_fraction", [0, 0.2])
def test_a_fit_that_had_diverged_keeps_the_same_weights(validation_fraction, tmp_path):
    rates = [0.05, 0.05, 1e30]
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: rates[epoch])
    sgd = {
        "optimizer": "sgd",
        "learning_rate_schedule": "constant",
        "validation_fraction": validation_fraction,
    }
    fits = []
    for again in (False, True):
        with warns(ConvergenceWarning, "became infinite or NaN in epoch 3"):
            if again:
                fits.append(fit(PLAIN, X, scheduler, backup(tmp_path / "copy"), **sgd))
            else:
                copy = tmp_path / "copy"
                fits.append(interrupted(PLAIN, X, copy, scheduler, epoch="end", **sgd))
    assert_same_bits(*fits)
    assert fits[0].best_epoch_ == fits[1].best_epoch_ == 2
    np.testing.assert_equal(fits[0].history_, fits[1].history_)


def test_what_callbacks_add_to_the_history_and_their_rates_go_on(tmp_path):
    class Notes(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["squared epoch"] = epoch**2
            logs["note"] = f"epoch {epoch}"
            if epoch == 1:
                logs["once"] = np.arange(2)

    halve = keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=1e9)
    others = Notes(), halve
    constant = {"learning_rate_schedule": "constant", "epochs": 4}
    whole = interrupted(PLAIN, X, tmp_path / "copy", *others, epoch=2, **constant)
    resumed = fit(PLAIN, X, *others, backup(tmp_path / "copy"), **constant)
    history = resumed.history_
    assert history["note"] == [f"epoch {epoch}" for epoch in range(4)]
    assert history["squared epoch"] == [0, 1, 4, 9]
    assert history["once"] == [[0, 1]]
    assert list(history) == list(whole.history_)
    # ReduceLROnPlateau, like all callbacks, counts anew; the rate itself is kept.
    rates = np.divide(history["learning_rate"], history["learning_rate"][0])
    np.testing.assert_allclose(rates, [1, 1, 0.5, 0.5], rtol=1e-6)


def test_a_damaged_backup_is_refused_and_a_double_one_mended(tmp_path):
    own, copy = tmp_path / "own", tmp_path / "copy"
    double = {"double_checkpoint": True}
    whole = fit(PLAIN, X, backup(own, **double), Copy(own, copy, epoch=2))
    (file,) = copy.glob("*.weights.h5")
    file.write_bytes(file.read_bytes()[:3000])
    count = Count()
    resumed = fit(PLAIN, X, backup(copy, **double), count)
    assert count.epochs == [1, 2]
    assert_same_fit(resumed, whole)
    copy.mkdir()
    file.write_bytes(b"no weights")
    with pytest.raises(
        ValueError, match=r"copy'.* cannot be read .*delete that folder"
    ):
        fit(PLAIN, X, backup(copy))
    assert file.exists()


# Keras adds warnings of its own where parts are missing in the file.
@pytest.mark.filterwarnings("ignore:Skipping (variable|nested):UserWarning")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoding_dim": 3}, r"weights of shapes \(4, 2\).*\(now \(4, 3\)"),
        ({"hidden_layer_sizes": (6,)}, "weights of shapes"),
        ({"batch_size": 10}, r"batch_size 8 \(now 10\)"),
        ({"optimizer": "sgd"}, r"optimizer adam \(now sgd\)"),
        ({"validation_fraction": 0.5}, r"training rows 32 \(now 20\)"),
    ],
)
def test_the_backup_of_another_fit_is_refused(changes, message, tmp_path):
    interrupted(PLAIN, X, tmp_path / "copy")
    with pytest.raises(ValueError, match=f"copy'.*saved by a fit with .*{message}"):
        fit(PLAIN, X, backup(tmp_path / "copy"), **changes)


@pytest.mark.filterwarnings("ignore:Skipping (variable|nested):UserWarning")
def test_the_backup_of_a_plain_keras_model_is_refused(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    model.compile("adam", loss="mse")
    keeping = backup(tmp_path / "backup", delete_checkpoint=False)
    model.fit(X, X, callbacks=[keeping], verbose=0)
    with pytest.raises(ValueError, match="not saved by a fit of this kind"):
        fit(PLAIN, X, backup(tmp_path / "backup"))


# Keras 3.10 loads models that expect their one input in a list.
@pytest.mark.filterwarnings("ignore:(?s).*structure of `inputs`:UserWarning")
def test_keras_alone_reads_files_of_a_fit_with_a_backup(tmp_path):
    """The state that travels with the weights is nothing that Keras stumbles over."""
    path, file = tmp_path / "model.keras", tmp_path / "model.weights.h5"
    models = []
    fitted = fit(
        PLAIN,
        X,
        backup(tmp_path / "backup"),
        keras.callbacks.ModelCheckpoint(path),
        keras.callbacks.ModelCheckpoint(file, save_weights_only=True),
        keras.callbacks.LambdaCallback(
            on_train_end=lambda logs: models.append(keras.models.load_model(path))
        ),
        validation_fraction=0,
    )
    (model,) = models
    rows, mean, scale = standardized(X)
    expected = (fitted.reconstruct(X) - mean) / scale
    np.testing.assert_allclose(call(model, rows), expected, rtol=1e-4, atol=1e-5)
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape))
    model.load_weights(file)
    np.testing.assert_allclose(call(model, rows), expected, rtol=1e-4, atol=1e-5)


def test_weights_that_other_callbacks_load_do_not_move_the_fit(tmp_path):
    """Only at its beginning, and only by BackupAndRestore, does a fit go on."""
    interrupted(PLAIN, X, tmp_path / "copy")
    (file,) = (tmp_path / "copy").glob("*.weights.h5")

    class Load(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.load_weights(file)

        def on_epoch_end(self, epoch, logs=None):
            self.model.load_weights(file)

    count = Count()
    fit(PLAIN, X, Load(), backup(tmp_path / "other"), count)
    assert count.epochs == list(range(EPOCHS))


def test_the_model_that_callbacks_see_is_as_it_was_afterwards(tmp_path):
    seen = []

    class Keep(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(
                (self.model, list(self.model.layers), len(self.model.variables))
            )

    fit(PLAIN, X, Keep(), backup(tmp_path / "backup"))
    ((model, layers, n_variables),) = seen
    assert not hasattr(model, "training_state")
    assert (model.layers, len(model.variables)) == (layers, n_variables)
    assert "state" not in model.to_json()


def test_a_search_backs_up_one_fit_after_the_other(tmp_path):
    """Each fit deletes its backup, so the next one starts afresh."""
    keeper = clone(PLAIN).set_params(callbacks=[backup(tmp_path / "backup")])
    for rows in (X, X + 1):
        assert_same_fit(keeper.fit(rows), clone(PLAIN).fit(rows))


def test_a_fit_with_a_backup_can_be_pickled(tmp_path):
    fitted = fit(PLAIN, X, backup(tmp_path / "backup"))
    fitted.set_params(callbacks=None)
    again = pickle.loads(pickle.dumps(fitted))
    assert json.dumps(again.history_) == json.dumps(fitted.history_)
