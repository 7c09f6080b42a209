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

    backup : Backup
        Saves and restores what Keras does not know of.

    Attributes
    ----------
    wants_batches : bool
        Whether a callback has hooks around batches.

    logs : dict or None
        While the end of an epoch is announced, its logs, with what callbacks have
        added so far.
    """

    def __init__(self, callbacks, model, epochs, steps, backup):
        keras, _ = _backend.load()
        callbacks = [_copied(callback) for callback in callbacks]
        self.wants_batches = any(map(_has_batch_hooks, callbacks))
        self.logs: dict | None = None
        self._model = model
        self._backup = backup
        self._backup.attach(callbacks)
        # Keras hands all callbacks the same dict, but returns it to nobody.
        witness = keras.callbacks.LambdaCallback(on_epoch_end=self._see)
        self._hooks = keras.callbacks.CallbackList(
            [witness, *callbacks],
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

    @stopped.setter
    def stopped(self, stopped):
        self._model.stop_training = stopped

    def train_begin(self):
        """Announce the training; return the `State` of one to continue, or None."""
        self.stopped = False
        self._hooks.on_train_begin()
        return self._backup.restored

    def train_end(self, logs):
        """Announce the end, with the last epoch's logs."""
        self._hooks.on_train_end(logs)
        self._backup.detach()

    def epoch_begin(self, epoch):
        """Announce an epoch, counted from 0."""
        self._hooks.on_epoch_begin(epoch)

    def epoch_end(self, epoch, logs):
        """Hand over an epoch's logs; return them with what callbacks added."""
        self._hooks.on_epoch_end(epoch, logs)
        seen, self.logs = self.logs, None
        return seen

    def _see(self, epoch, logs):
        self.logs = logs

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
    """Tell whether a callback does something in the hooks around batches."""
    keras, _ = _backend.load()
    inherited = keras.callbacks.Callback
    savers = keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint
    if type(callback) in savers and callback.save_freq == "epoch":
        return False
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
