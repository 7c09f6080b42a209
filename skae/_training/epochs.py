"""The only training loop: epoch by epoch, keeping the weights worth keeping."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._data.rows import Rows
from skae._objective.objective import Objective
from skae._runtime.warnings import warn
from skae._training.history import LossUnits, Trained, by_name
from skae._training.passes import EpochsHere
from skae._training.principal_coordinates import Coordinates
from skae._training.schedule import USUAL_STEPS, Settings, StepSizes
from skae._training.selection import Judge


@dataclasses.dataclass(frozen=True)
class Task:
    """What to train on, and how.

    Parameters
    ----------
    settings : Settings
        How to train.

    rows : Rows
        Training rows.

    validation : Rows or None
        Rows that judge each epoch.

    objective : Objective
        Names and weighs the terms of the loss.

    row_terms : callable
        ``row_terms(weights, rows)`` gives the terms of each row at the weights.

    generator : numpy.random.RandomState
        Shuffles the rows, and seeds what else is random.

    steps : StepSizes, default=USUAL_STEPS
        How the optimizer's steps are changed.

    units : sequence of tensors, default=()
        Of `CorruptionUnits.tensors`, if the objective corrupts rows.

    optimizer_values : list of arrays or None, default=None
        What earlier training left; see `CompiledSteps.reset`.

    observers : sequence of Observer, default=()
        Told of all that happens.

    pulls : float32 array of shape (n_rows,) or None, default=None
        What multiplies the rows' weights in the loss that is minimised; see
        `pulls_in_training`.

    coordinates : Coordinates or None, default=None
        In which the steps read the rows, if not as they are.
    """

    settings: Settings
    rows: Rows
    validation: Rows | None
    objective: Objective
    row_terms: Callable
    generator: np.random.RandomState
    steps: StepSizes = USUAL_STEPS
    units: Sequence = ()
    optimizer_values: list | None = None
    observers: Sequence = ()
    pulls: np.ndarray | None = None
    coordinates: Coordinates | None = None

    @functools.cached_property
    def term_weights(self):
        """What the terms of the loss count in it."""
        return np.array(self.objective.term_weights)

    @functools.cached_property
    def row_weights(self):
        """What the rows count, one on average."""
        return (self.rows.weights / self.rows.weights.mean()).astype(np.float32)

    @functools.cached_property
    def judge(self):
        """What finds the losses of weights."""
        return Judge(
            self.row_terms,
            self.term_weights,
            self.rows,
            self.validation,
            self.objective.losses_start_at_zero,
        )

    @functools.cached_property
    def loss_units(self):
        """How losses are reported."""
        return LossUnits(
            self.settings.loss_unit,
            self.settings.loss_offset,
            tuple(self.objective.terms),
            self.term_weights,
        )

    @property
    def n_batches(self):
        """Number of batches in an epoch."""
        return -(-len(self.rows) // self.settings.batch_size)

    @property
    def watches_batches(self):
        """Whether an observer wants to hear of each batch."""
        return any(observer.watches_batches for observer in self.observers)

    @property
    def is_stopped(self):
        """Whether an observer has asked for the end of training."""
        return any(observer.stopped for observer in self.observers)

    def tell(self, event, *arguments):
        """Call a method of all observers."""
        for observer in self.observers:
            getattr(observer, event)(*arguments)

    def start_loss(self, start):
        """Return the validation loss of a start in the user's units, None without."""
        return None if self.validation is None else self.loss_units.reported(start.loss)


def keep_start(task, start):
    """Return the start as what training gave, without training.

    Parameters
    ----------
    task : Task
        Whose observers are told.

    start : list of arrays
        Values of all variables.
    """
    loss = task.start_loss(task.judge.judge(start, 0))
    task.tell("begin", None, loss)
    history = by_name([], task.validation is not None)
    return Trained(start, history, 0, loss, loss)


def train(task, compiled_steps, start):
    """Train from a start, epoch by epoch, and keep the weights worth keeping.

    Parameters
    ----------
    task : Task
        What to train on, and how.

    compiled_steps : CompiledSteps
        The network in training.

    start : list of arrays
        Values of the encoder's variables, then the decoder's.

    Returns
    -------
    Trained
    """
    return train_by(task, EpochsHere(task, compiled_steps), start)


def train_by(task, passes, start):
    """Do as `train` does, whatever carries out the epochs.

    Parameters
    ----------
    task, start : see `train`

    passes : EpochsHere or the like
        Carries out the epochs.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        When no epoch and no start had a finite loss.
    """
    judge, epochs = task.judge, []
    passes.begin(start)
    selection, has_diverged = judge.selection(judge.judge(start, 0)), False
    task.tell("begin", passes.compiled_steps, task.start_loss(selection.start))
    for epoch in range(task.settings.epochs):
        task.tell("epoch_begin", epoch)
        terms, rate = passes.run(epoch)
        judged = _judge(task, passes.weights, epoch + 1, terms)
        selection = selection.considered(judged, judge)
        logs = task.loss_units.logs(terms)
        if judged.terms is not None:
            logs |= task.loss_units.logs(judged.terms, "val_")
        logs["learning_rate"] = rate
        epochs.append(logs)

        def training_so_far(selection=selection):
            return _so_far(task, passes.weights, selection, epochs)

        task.tell("epoch_end", epoch, logs, training_so_far)
        has_diverged = not np.isfinite(logs.get("val_loss", 0.0) + logs["loss"])
        if has_diverged or task.is_stopped or _is_patience_over(task, selection, epoch):
            break
    if has_diverged:
        selection = _after_divergence(task, selection, len(epochs))
    if passes.averages_weights and epochs:
        passes.put_averages_in_place()
        loss = task.loss_units.in_scale(epochs[-1]["loss"])
        averaged = judge.judge(passes.weights, len(epochs), loss)
        selection = selection.considered(averaged, judge)
    task.tell("train_end", epochs[-1] if epochs else {})
    if task.validation is not None:
        return _best(task, selection, epochs)
    return _latest(task, passes.weights, selection, epochs, has_diverged)


def _judge(task, weights, epoch, terms):
    """Judge the weights after an epoch, by validation rows where there are some."""
    if task.validation is None:
        return task.judge.judge(weights, epoch, float(terms @ task.term_weights))
    task.tell("validation_begin")
    judged = task.judge.judge(weights, epoch)
    task.tell("validation_end", task.loss_units.reported(judged.loss))
    return judged


# The end of training


def _is_patience_over(task, selection, epoch):
    """Tell whether the validation loss has not fallen for too many epochs."""
    patience = task.settings.patience
    if task.validation is None or patience is None:
        return False
    return epoch + 1 - selection.best.epoch >= patience


def _after_divergence(task, selection, epoch):
    """Warn of a loss that is not finite; return what to keep, or raise."""
    if task.validation is None:
        best = selection.latest_finite(task.judge)
        selection = dataclasses.replace(selection, best=best)
    advice = (
        "Try a smaller learning_rate, a larger batch_size, or data without "
        "extreme values."
    )
    if not np.isfinite(selection.best.loss):
        raise ValueError(
            f"The loss was not finite at the start nor in epoch {epoch}, so "
            f"there are no weights to keep. {advice}"
        )
    warn(
        f"The loss became infinite or NaN in epoch {epoch}; training stopped "
        f"and kept the weights after epoch {selection.best.epoch}. {advice}",
        ConvergenceWarning,
    )
    return selection


def _so_far(task, weights, selection, epochs):
    """Return what training would give if it ended here."""
    if task.validation is not None:
        return _best(task, selection, epochs)
    if not np.isfinite(task.judge.training_loss(weights)):
        weights = selection.latest_finite(task.judge).weights
    return Trained(weights, by_name(epochs, False), len(epochs))


def _best(task, selection, epochs):
    """Return the best weights, or the start where it must be beaten and is not."""
    kept = selection.best
    if task.settings.must_beat_start and not selection.best_beats_start():
        kept = selection.start
    return Trained(
        kept.weights,
        by_name(epochs, True),
        kept.epoch,
        task.start_loss(selection.start),
        task.loss_units.reported(kept.loss),
    )


def _latest(task, weights, selection, epochs, has_diverged):
    """Return what the last epoch and the callbacks left, unless it has diverged."""
    if not has_diverged and not np.isfinite(task.judge.training_loss(weights)):
        selection, has_diverged = _after_divergence(task, selection, len(epochs)), True
    kept = selection.best.weights if has_diverged else weights
    return Trained(kept, by_name(epochs, False), selection.best.epoch)
