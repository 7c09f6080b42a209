"""Keras callbacks, driven as ``keras.Model.fit`` would drive them."""

import io
import pickle

from skae._runtime.tensorflow import load_keras
from skae._training.observers import Observer

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


class KerasCallbacks(Observer):
    """Calls the hooks of the user's own callbacks in Keras' order.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
        The user's.

    epochs, steps : int
        Number of epochs, at most, and of batches in each.
    """

    def __init__(self, callbacks, epochs, steps):
        self.watches_batches = any(map(_has_batch_hooks, callbacks))
        self._callbacks = list(callbacks)
        self._params = {"epochs": epochs, "steps": steps, "verbose": 0}
        self._before: list[dict] = []

    def begin(self, compiled_steps, start_loss):
        """Show the callbacks their model, and announce the training."""
        keras = load_keras()
        self._before = [dict(vars(callback)) for callback in self._callbacks]
        self._model = compiled_steps.autoencoder()
        self._model.history = keras.callbacks.History()  # as Keras does
        self._model.stop_training = False
        self._driven = [*self._callbacks, self._model.history]
        self._tell("set_model", self._model)
        self._tell("set_params", self._params)
        self._tell("on_train_begin", {})

    def epoch_begin(self, epoch):
        """Announce an epoch."""
        self._tell("on_epoch_begin", epoch, {})

    def batch_begin(self, batch):
        """Announce a batch."""
        self._tell("on_train_batch_begin", batch, {})

    def batch_end(self, batch, logs):
        """Hand over a batch's logs."""
        self._tell("on_train_batch_end", batch, logs)

    def validation_begin(self):
        """Announce a test run, of one batch."""
        self._tell("on_test_begin", {})
        self._tell("on_test_batch_begin", 0, {})

    def validation_end(self, loss):
        """Hand over the test run's loss."""
        self._tell("on_test_batch_end", 0, {"loss": loss})
        self._tell("on_test_end", {"loss": loss})

    def epoch_end(self, epoch, logs, training):
        """Hand over an epoch's logs."""
        rate = logs["learning_rate"]
        self._tell("on_epoch_end", epoch, logs)
        # Keras' schedulers write the rate that they have set for the next epoch.
        logs["learning_rate"] = rate

    def train_end(self, logs):
        """Announce the end, with the last epoch's logs."""
        self._tell("on_train_end", logs)

    def close(self):
        """Let the callbacks go, so that they can be cloned and pickled."""
        for callback, before in zip(self._callbacks, self._before, strict=False):
            _release(callback, before)

    def _tell(self, hook, *arguments):
        for callback in self._driven:
            getattr(callback, hook)(*arguments)
        self.stopped = self._model.stop_training


def _release(callback, before):
    """Leave a callback as scikit-learn can clone it: without model and open files."""
    keras = load_keras()
    # Not the callback's own method, which may expect a model.
    keras.callbacks.Callback.set_model(callback, None)
    if isinstance(callback, (keras.callbacks.CSVLogger, keras.callbacks.TensorBoard)):
        _let_go_of_files(vars(callback), before)


def _let_go_of_files(attributes, before):
    """Put back attributes that a fit has set to files and the like."""
    for name, value in list(attributes.items()):
        if value is before.get(name) or _can_be_pickled(value):
            continue
        if isinstance(value, io.IOBase):
            value.close()
        del attributes[name]
        if name in before:
            attributes[name] = before[name]


def _can_be_pickled(value):
    # Not tried by copying: when a copy of TensorFlow's context goes, so do its caches.
    try:
        pickle.dumps(value)
    except Exception:  # of many kinds
        return False
    return True


def _has_batch_hooks(callback):
    """Tell whether a callback does something in the hooks around batches."""
    keras = load_keras()
    inherited = keras.callbacks.Callback
    is_checkpoint = type(callback) is keras.callbacks.ModelCheckpoint
    if is_checkpoint and callback.save_freq == "epoch":
        return False
    return any(
        getattr(getattr(callback, hook), "__func__", None)
        is not getattr(inherited, hook)
        for hook in _BATCH_HOOKS
    )


def check_callbacks(callbacks):
    """Raise a TypeError unless all are Keras callbacks, and can be driven."""
    keras = load_keras()
    for callback in callbacks or ():
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                "callbacks must be a list of keras.callbacks.Callback instances, got "
                f"{callback!r} in it."
            )
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise TypeError(
                "callbacks holds keras.callbacks.BackupAndRestore, which keeps the "
                "weights in training but not the rest of a fit, so a fit cannot go on "
                "from there. Fit in parts instead: with warm_start=True or "
                "partial_fit, and save() after each part."
            )
