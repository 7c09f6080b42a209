"""Lets a training that was killed go on from what BackupAndRestore saved of it.

That callback saves the weights of a Keras model and its optimizer. The rest, where the
loop stands, travels in the same file: Keras asks every layer that is an attribute of
the model for arrays to save, and hands them back on loading.
"""

import dataclasses
import json

import numpy as np

from skae import _backend
from skae._judging import Judged

_DOCUMENT = "document"


@dataclasses.dataclass
class State:
    """Where a training stands, beside its Keras model and optimizer.

    Parameters
    ----------
    epochs : list of dict
        Logs of each epoch done.

    terms : list of arrays of shape (n_terms,)
        Mean terms of the loss in each batch done of the present epoch.

    counts : list of float
        What each of these batches counts.

    generator : dict
        State of the NumPy generator before the present epoch's rows were shuffled.

    stopped : bool
        Whether a callback has asked for the end of training.

    unsaved : list of ndarray
        Values of the variables in training that a file of the Keras model lacks.

    kept : list of Judged
        Weights kept.
    """

    epochs: list
    terms: list
    counts: list
    generator: dict
    stopped: bool
    unsaved: list
    kept: list

    def write(self, store, fit):
        """Write to a dict of arrays, with the `fit` that the state belongs to."""
        document = {
            "fit": fit,
            "epochs": self.epochs,
            "terms": self.terms,
            "counts": self.counts,
            "generator": self.generator,
            "stopped": self.stopped,
            "kept": [(judged.epoch, judged.loss) for judged in self.kept],
        }
        text = json.dumps(document, default=_plain)
        store[_DOCUMENT] = np.frombuffer(text.encode(), np.uint8)
        for name, arrays in self._arrays().items():
            for i, values in enumerate(arrays):
                store[f"{name}_{i}"] = values

    def _arrays(self):
        kept = {f"kept_{i}": judged.weights for i, judged in enumerate(self.kept)}
        return {"unsaved": self.unsaved, **kept}

    @classmethod
    def read(cls, store, fit):
        """Read what `write` wrote; a ValueError says where `fit` differs."""
        if _DOCUMENT not in store:
            raise ValueError("it was not saved by a fit of this kind")
        document = json.loads(np.asarray(store[_DOCUMENT]).tobytes())
        _check_same(document.pop("fit"), fit)
        kept = [
            Judged(_arrays(store, f"kept_{i}"), epoch, loss)
            for i, (epoch, loss) in enumerate(document.pop("kept"))
        ]
        return cls(**document, unsaved=_arrays(store, "unsaved"), kept=kept)


def _plain(value):
    """Turn what a callback or NumPy has put among the values into what JSON has."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _arrays(store, name):
    """Read the numbered arrays of a name."""
    arrays: list = []
    while f"{name}_{len(arrays)}" in store:
        arrays.append(np.asarray(store[f"{name}_{len(arrays)}"]))
    return arrays


def _check_same(saved, present):
    differences = [
        f"{name} {saved.get(name)} (now {value})"
        for name, value in present.items()
        if saved.get(name) != value
    ]
    if differences:
        raise ValueError(f"it was saved by a fit with {', '.join(differences)}")


class Backup:
    """Makes the BackupAndRestore callbacks of a fit save and restore its state.

    Parameters
    ----------
    model : keras.Model
        The model that callbacks see.

    fit : dict
        What a fit must share with one that it continues, each under the name that
        the user knows it by.

    state : callable
        Returns the present `State`.
    """

    def __init__(self, model, fit, state):
        self.restored = None
        self._model = model
        self._fit = fit
        self._state = state
        self._is_restoring = False
        self._problem = None

    def attach(self, callbacks):
        """Take care of those of the callbacks that back up."""
        keras, _ = _backend.load()
        kind = keras.callbacks.BackupAndRestore
        for callback in callbacks:
            if isinstance(callback, kind):
                self._model.training_state = _saveable(self._save, self._load)
                self._explain_failures(callback)

    def detach(self):
        """Leave the model as it was."""
        if hasattr(self._model, "training_state"):
            del self._model.training_state

    def _save(self, store):
        self._state().write(store, self._fit)

    def _load(self, store):
        """Read the state; what other callbacks load is none of the loop's business."""
        if not self._is_restoring:
            return
        try:
            self.restored = State.read(store, self._fit)
        except ValueError as error:
            self._problem = str(error)
            raise

    def _explain_failures(self, callback):
        restore = callback.on_train_begin

        def on_train_begin(logs=None):
            self._is_restoring = True
            try:
                restore(logs)
            except Exception as error:  # whatever reading a broken file raises
                problem = self._problem or f"it cannot be read ({error})"
                raise ValueError(
                    "The fit cannot go on from the backup in "
                    f"{str(callback.backup_dir)!r}: {problem}. Fit with the data and "
                    "parameters of the fit that was interrupted, or delete that "
                    "folder to start anew."
                ) from error
            finally:
                self._is_restoring = False

        callback.on_train_begin = on_train_begin


def _saveable(save, load):
    """Return a layer without variables that saves and loads by the given functions."""
    keras, _ = _backend.load()

    class TrainingState(keras.layers.Layer):  # type: ignore[name-defined]
        def save_own_variables(self, store):
            save(store)

        def load_own_variables(self, store):
            load(store)

    return TrainingState(name="training_state")
