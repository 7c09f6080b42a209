"""The only training loop: epoch by epoch, keeping the weights worth keeping."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._data.rows import Rows
from skae._objective.objective import Objective
from skae._runtime.randomness import draw_seed
from skae._runtime.warnings import warn
from skae._training.batches import BatchReader, lengthened
from skae._training.history import LossUnits, Trained, by_name
from skae._training.principal_coordinates import Coordinates
from skae._training.schedule import (
    USUAL_STEPS,
    Settings,
    StepSizes,
    cosine_with_warmup,
    warmed_up_weights,
)
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

    Raises
    ------
    ValueError
        When no epoch and no start had a finite loss.
    """
    judge, epochs = task.judge, []
    found = task.coordinates
    reader = BatchReader(task.rows if found is None else found.rows, task.units)
    compiled_steps.reset(start, draw_seed(task.generator), task.optimizer_values)
    selection, has_diverged = judge.selection(judge.judge(start, 0)), False
    task.tell("begin", compiled_steps, task.start_loss(selection.start))
    for epoch in range(task.settings.epochs):
        task.tell("epoch_begin", epoch)
        rate = compiled_steps.learning_rate
        factors = _schedule_factors(task, compiled_steps, epoch)
        terms = _train_epoch(task, compiled_steps, reader, epoch, factors)
        judged = _judge(task, compiled_steps.weights, epoch + 1, terms)
        selection = selection.considered(judged, judge)
        logs = task.loss_units.logs(terms)
        if judged.terms is not None:
            logs |= task.loss_units.logs(judged.terms, "val_")
        logs["learning_rate"] = rate * float(factors[-1])  # of the epoch's last step
        epochs.append(logs)

        def training_so_far(selection=selection):
            return _so_far(task, compiled_steps.weights, selection, epochs)

        task.tell("epoch_end", epoch, logs, training_so_far)
        has_diverged = not np.isfinite(logs.get("val_loss", 0.0) + logs["loss"])
        if has_diverged or task.is_stopped or _is_patience_over(task, selection, epoch):
            break
    if has_diverged:
        selection = _after_divergence(task, selection, len(epochs))
    if compiled_steps.optimizer.use_ema and epochs:
        compiled_steps.put_averages_in_place()
        loss = task.loss_units.in_scale(epochs[-1]["loss"])
        averaged = judge.judge(compiled_steps.weights, len(epochs), loss)
        selection = selection.considered(averaged, judge)
    task.tell("train_end", epochs[-1] if epochs else {})
    if task.validation is not None:
        return _best(task, selection, epochs)
    return _latest(task, compiled_steps.weights, selection, epochs, has_diverged)


# One epoch


def _train_epoch(task, compiled_steps, reader, epoch, factors):
    """Train on all batches, a group at a time; return the mean terms of the loss."""
    weights = warmed_up_weights(
        _steps_of(task, epoch),
        task.settings.warmup * task.n_batches,
        task.term_weights,
    )
    groups: list[tuple] = []
    for group in reader.groups(*_shuffled_batches(task)):
        *_, done = _train_group(task, compiled_steps, group, factors, weights, groups)
        groups.append(done)
        if task.watches_batches and task.is_stopped:
            break
    return _mean_of(groups)


def _train_group(task, compiled_steps, group, factors, weights, groups):
    """Train on a `BatchGroup`; yield what `CompiledSteps.run` does.

    If observers want to, they hear of each batch; the `groups` before count in
    what these hear. They may end the training.
    """
    pieces = compiled_steps.run(
        group.data,
        (group.numbers, group.counts, group.pulls),
        lengthened(factors, group.batches),
        lengthened(weights, group.batches),
        group.n_batches,
        steps=task.steps,
        units=group.units,
        one_by_one=task.watches_batches,
    )
    if not task.watches_batches:
        yield from pieces
        return
    first = group.batches.start
    for batch in range(first, first + group.n_batches):
        task.tell("batch_begin", batch)
        done = next(pieces)
        task.tell("batch_end", batch, task.loss_units.logs(_mean_of([*groups, done])))
        yield done
        if task.is_stopped:
            return


def _judge(task, weights, epoch, terms):
    """Judge the weights after an epoch, by validation rows where there are some."""
    if task.validation is None:
        return task.judge.judge(weights, epoch, float(terms @ task.term_weights))
    task.tell("validation_begin")
    judged = task.judge.judge(weights, epoch)
    task.tell("validation_end", task.loss_units.reported(judged.loss))
    return judged


def _shuffled_batches(task):
    """Return numbers, weights and pulls of rows in batches, the last one padded."""
    n_rows = len(task.rows)
    shape = (task.n_batches, task.settings.batch_size)
    order = task.generator.permutation(n_rows)
    # Padded by random rows, not one: batch normalisation sees them too.
    numbers = np.resize(order, shape).astype(np.int32)
    weights = np.zeros(shape, np.float32)
    weights.flat[:n_rows] = task.row_weights[order]
    pulls = np.ones(shape, np.float32)
    if task.pulls is not None:
        pulls.flat[:n_rows] = task.pulls[order]
    return numbers, weights, pulls


def _schedule_factors(task, compiled_steps, epoch):
    """Return the learning rate's factor at each of the epoch's steps."""
    is_constant = task.settings.learning_rate_schedule == "constant"
    if is_constant or not compiled_steps.follows_schedule:
        return np.ones(task.n_batches, np.float32)
    n_steps = task.settings.epochs * task.n_batches
    return cosine_with_warmup(_steps_of(task, epoch), n_steps)


def _steps_of(task, epoch):
    return epoch * task.n_batches + np.arange(task.n_batches)


def _mean_of(groups):
    """Return the mean terms of groups of batches, from that of each and its weight."""
    means, weights = zip(*groups, strict=True)
    return np.average(means, axis=0, weights=weights) if len(means) > 1 else means[0]


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
