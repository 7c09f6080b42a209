"""Keras callbacks, driven as ``keras.Model.fit`` would drive them."""

import copy

from skae import _backend

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


class CallbackDriver:
    """Calls the hooks of copies of the user's callbacks in Keras' order.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
        Copied, so that the user's instances can serve another fit.

    model : keras.Model
        The autoencoder in training, compiled with its optimizer.

    epochs, steps : int
        Number of epochs, and of batches in each.
    """

    def __init__(self, callbacks, model, epochs, steps):
        keras, _ = _backend.load()
        callbacks = [_copied(callback) for callback in callbacks]
        self.wants_batches = any(map(_has_batch_hooks, callbacks))
        self._model = model
        self._hooks = keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            model=model,
            epochs=epochs,
            steps=steps,
            verbose=0,
        )

    @property
    def stopped(self):
        """Whether a callback asked for the end of training."""
        return self._model.stop_training

    def train_begin(self):
        """Announce the training."""
        self._model.stop_training = False
        self._hooks.on_train_begin()

    def train_end(self, logs):
        """Announce the end, with the last epoch's logs."""
        self._hooks.on_train_end(logs)

    def epoch_begin(self, epoch):
        """Announce an epoch, counted from 0."""
        self._hooks.on_epoch_begin(epoch)

    def epoch_end(self, epoch, logs):
        """Hand over an epoch's logs; return them with what callbacks added."""
        history = self._model.history.history
        before = {name: len(values) for name, values in history.items()}
        self._hooks.on_epoch_end(epoch, logs)
        return {
            name: values[-1]
            for name, values in history.items()
            if len(values) > before.get(name, 0)
        }

    def batch_begin(self, batch):
        """Announce a batch, counted from 0 in each epoch."""
        self._hooks.on_train_batch_begin(batch)

    def batch_end(self, batch, logs):
        """Hand over a batch's logs."""
        self._hooks.on_train_batch_end(batch, logs)

    def validate(self, evaluate):
        """Call `evaluate`, which returns a loss, between the hooks of a test run."""
        self._hooks.on_test_begin()
        self._hooks.on_test_batch_begin(0)
        loss = evaluate()
        self._hooks.on_test_batch_end(0, {"loss": loss})
        self._hooks.on_test_end({"loss": loss})
        return loss


class NoCallbacks:
    """Stands in for `CallbackDriver` when there is nothing to drive."""

    wants_batches = False
    stopped = False

    def train_begin(self):
        """Do nothing."""

    def train_end(self, logs):
        """Do nothing."""

    def epoch_begin(self, epoch):
        """Do nothing."""

    def epoch_end(self, epoch, logs):
        """Return the logs."""
        return logs

    def validate(self, evaluate):
        """Return what `evaluate` returns."""
        return evaluate()


def _has_batch_hooks(callback):
    """Tell whether a callback overrides one of the hooks around batches."""
    keras, _ = _backend.load()
    inherited = keras.callbacks.Callback
    return any(
        getattr(getattr(callback, hook), "__func__", None)
        is not getattr(inherited, hook)
        for hook in _BATCH_HOOKS
    )


def _copied(callback):
    """Copy a callback; one that holds open files, as deep as that goes."""
    try:
        return copy.deepcopy(callback)
    except Exception:  # whatever a user's class raises
        return copy.copy(callback)
