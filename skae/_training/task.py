"""From a plan to what the epochs train on: settings, rows, and what watches."""

import contextlib
import dataclasses
import math

import numpy as np

from skae import _defaults
from skae._data.rows import row_chunks
from skae._data.scaling import Scaling
from skae._model.fitted import FittedNetwork
from skae._runtime.tensorflow import number_of
from skae._training.batches import rows_to_read
from skae._training.compiled_steps import CompiledSteps
from skae._training.epochs import Task
from skae._training.keras_callbacks import KerasCallbacks
from skae._training.observers import Observer
from skae._training.outliers import pulls_in_training
from skae._training.plan import resolved
from skae._training.principal_coordinates import StepsInCoordinates
from skae._training.progress import EpochLines, ProgressBar
from skae._training.schedule import USUAL_STEPS, Settings
from skae._training.sklearn_callbacks import FitTasks, has_callbacks
from skae._training.steps_pool import borrowed_steps, compilation_for


@dataclasses.dataclass(frozen=True)
class Resolved:
    """What "auto" stands for in a fit; each becomes an attribute of the estimator.

    Parameters
    ----------
    epochs, batch_size, patience : int
        As the estimator's parameters.

    learning_rate : float
        The largest of the schedule.
    """

    epochs: int
    batch_size: int
    patience: int
    learning_rate: float


def resolve(request, plan, prepared, start, epochs=None):
    """Return what "auto" stands for; the epochs given take the estimator's place."""
    estimator, n_rows = request.estimator, len(prepared.training_rows)
    batch_size = resolved(estimator.batch_size, _defaults.batch_size(n_rows))
    batch_size = min(int(batch_size), n_rows)
    if epochs is None:
        is_nested = request.objective.nested_dropout
        cost = cost_of_training(plan, start)
        automatic = _defaults.epochs(n_rows, batch_size, cost, is_nested)
        epochs = int(resolved(estimator.epochs, automatic))
    patience = resolved(estimator.patience, _defaults.patience(epochs))
    rate = number_of(request.optimizer.learning_rate)
    return Resolved(epochs, batch_size, patience, rate)


def settings_for(request, plan, prepared, chosen, n_epochs):
    """Return the `Settings` of a fit; without epochs where the start is a solution."""
    estimator, starts_at_pca = request.estimator, plan.init == "pca"
    part = settings_for_part(request, plan, prepared, chosen)
    return dataclasses.replace(
        part,
        epochs=n_epochs,
        learning_rate_schedule=estimator.learning_rate_schedule,
        patience=chosen.patience if estimator.early_stopping else None,
        warmup=estimator._warmup(chosen.epochs, starts_at_pca),
    )


def settings_for_part(request, plan, prepared, chosen):
    """Return the `Settings` of one pass over a part of the data.

    Its learning rate is constant: a part knows of no end to fall towards.
    """
    objective, scale = request.objective, prepared.scaling.scale
    return Settings(
        epochs=1,
        batch_size=chosen.batch_size,
        learning_rate_schedule="constant",
        must_beat_start=plan.init == "pca",
        loss_unit=objective.unit(scale),
        loss_offset=objective.offset(scale, prepared.n_features),
    )


def observers_for(request, plan, prepared, settings, unit="epoch"):
    """Return what watches: Keras' callbacks first, which add to the logs.

    What progress counts are epochs, unless they have another name.
    """
    estimator, n_epochs = request.estimator, settings.epochs
    observers: list[Observer] = []
    if estimator.callbacks:
        n_batches = math.ceil(len(prepared.training_rows) / settings.batch_size)
        observers += [KerasCallbacks(estimator.callbacks, n_epochs, n_batches)]
    if estimator.verbose:
        shown = ProgressBar if estimator.verbose == 1 else EpochLines
        observers += [shown(n_epochs, plan.start_name, unit)]
    return observers


def sklearn_observers_for(request, settings, finish):
    """Return what tells the callbacks of `set_callbacks`, if there are some.

    ``finish(trained)`` gives the fitted attributes.
    """
    if not has_callbacks(request.estimator):
        return []
    return [FitTasks(request.estimator, request.data, settings.epochs, finish)]


def task_for(request, plan, chance, start, settings, observers, optimizer_values=None):
    """Return the `Task` of a fit."""
    prepared, found = chance.prepared, start.coordinates
    rows, steps = prepared.training_rows, start.steps
    is_copied = settings.epochs and found is None
    if request.optimizer.use_ema:
        steps = USUAL_STEPS  # it would average weights after steps of another size
    return Task(
        settings=settings,
        rows=rows_to_read(rows, plan.cost) if is_copied else rows,
        validation=prepared.validation,
        objective=request.objective,
        row_terms=lambda weights, rows: on_standardized(plan, weights).row_terms(rows),
        generator=request.generator,
        steps=steps,
        units=chance.units,
        optimizer_values=optimizer_values,
        observers=observers,
        coordinates=found,
    )


def without_pull_of_outliers(task, plan, start):
    """Return the task in which outliers among the training rows pull as others do."""
    rows = task.rows
    if not (task.settings.epochs and task.objective.losses_start_at_zero):
        return task
    network = on_standardized(plan, start.weights)
    distances = distances_of(network, rows, task.term_weights)
    pulls = pulls_in_training(*distances).astype(np.float32)
    return dataclasses.replace(task, pulls=pulls)


def distances_of(network, rows, term_weights):
    """Return the loss of each row, and its squared distance from the mean.

    Parameters
    ----------
    network : FittedNetwork
        For rows in the network's scale.

    rows : Rows
        In this scale.

    term_weights : array of shape (n_terms,)
        What the terms of the loss count in it.
    """
    found = []
    for chunk in row_chunks(rows.values):
        values = np.asarray(rows.values[chunk])  # read once
        some = dataclasses.replace(rows[chunk], values=values)
        squares = np.square(values, dtype=np.float64).sum(axis=1)
        found.append((network.row_terms(some) @ term_weights, squares))
    losses, lengths = (np.concatenate(part) for part in zip(*found, strict=True))
    return losses, lengths


def on_standardized(plan, weights):
    """Return the network with weights, for rows in the network's scale."""
    as_they_are = Scaling.identity(plan.architecture.n_features)
    return FittedNetwork(plan.codec, weights, as_they_are)


def compiled_steps_for(request, plan, task, n_epochs):
    """Return a context with the network in training.

    It is fresh if callbacks may keep its model, else one of an earlier fit's where
    there is one. Over many epochs it pays to compile more.
    """
    architecture, optimizer = plan.architecture, request.optimizer
    cost = cost_of_training(plan, task)
    n_steps = n_epochs * task.n_batches
    compilation = compilation_for(
        cost, request.objective, len(task.rows), n_epochs, n_steps
    )
    how = {
        "step_shapes": task.steps.shapes,
        "has_targets": task.rows.clean is not None,
        "compilation": compilation,
    }
    if request.estimator.callbacks:
        fresh = CompiledSteps(architecture, optimizer, **how)
        return contextlib.nullcontext(fresh)
    if task.coordinates is None:
        return borrowed_steps(plan.codec, request.objective, optimizer, **how)
    codec = task.coordinates.codec
    return _in_coordinates(
        borrowed_steps(codec, request.objective, optimizer, **how), task.coordinates
    )


@contextlib.contextmanager
def _in_coordinates(borrowed, coordinates):
    with borrowed as steps:
        yield StepsInCoordinates(steps, coordinates)


def cost_of_training(plan, start_or_task):
    """Return what the network in training computes for a row."""
    found = start_or_task.coordinates
    return plan.cost if found is None else found.cost
