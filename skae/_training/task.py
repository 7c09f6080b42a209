"""From a plan to what the epochs train on: settings, rows, and what watches."""

import contextlib
import dataclasses
import math

from skae import _defaults
from skae._data.scaling import Scaling
from skae._model.fitted import FittedNetwork
from skae._training.batches import rows_to_read
from skae._training.compiled_steps import CompiledSteps
from skae._training.epochs import Task
from skae._training.keras_callbacks import KerasCallbacks
from skae._training.observers import Observer
from skae._training.plan import resolved
from skae._training.progress import EpochLines, ProgressBar
from skae._training.schedule import NO_STEPS, Settings
from skae._training.sklearn_callbacks import FitTasks, has_callbacks
from skae._training.steps_pool import borrowed_steps, xla_pays


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


def resolve(estimator, plan, prepared, optimizer, epochs=None):
    """Return what "auto" stands for.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Of the user's parameters.

    plan : Plan
        What is trained.

    prepared : Prepared
        The data.

    optimizer : keras.optimizers.Optimizer
        Of the fit.

    epochs : int or None, default=None
        Number of epochs in place of the estimator's.
    """
    n_rows = len(prepared.training_rows)
    batch_size = resolved(estimator.batch_size, _defaults.batch_size(n_rows))
    batch_size = min(int(batch_size), n_rows)
    if epochs is None:
        automatic = _defaults.epochs(
            n_rows, batch_size, plan.cost, plan.objective.nested_dropout
        )
        epochs = int(resolved(estimator.epochs, automatic))
    patience = resolved(estimator.patience, _defaults.patience(epochs))
    return Resolved(epochs, batch_size, patience, float(optimizer.learning_rate))


def settings_for(estimator, plan, prepared, chosen, n_epochs):
    """Return how to train.

    Parameters
    ----------
    chosen : Resolved
        What "auto" stands for.

    n_epochs : int
        How many epochs to take; none, where the start is the solution.

    estimator, plan, prepared
        See `resolve`.
    """
    scale = prepared.scaling.scale
    return Settings(
        epochs=n_epochs,
        batch_size=chosen.batch_size,
        learning_rate_schedule=estimator.learning_rate_schedule,
        patience=chosen.patience if estimator.early_stopping else None,
        must_beat_start=plan.init == "pca",
        warmup=estimator._warmup(chosen.epochs, plan.init == "pca"),
        loss_unit=plan.objective.unit(scale),
        loss_offset=plan.objective.offset(scale, prepared.n_features),
    )


def settings_for_part(plan, prepared, chosen):
    """Return how to train on a part of the data; see `settings_for`.

    The learning rate is constant: a part knows of no end to fall towards.
    """
    scale = prepared.scaling.scale
    return Settings(
        epochs=1,
        batch_size=chosen.batch_size,
        learning_rate_schedule="constant",
        must_beat_start=plan.init == "pca",
        loss_unit=plan.objective.unit(scale),
        loss_offset=plan.objective.offset(scale, prepared.n_features),
    )


def observers_for(estimator, plan, prepared, settings):
    """Return what watches a fit: Keras' callbacks first, which add to the logs."""
    observers: list[Observer] = []
    if estimator.callbacks:
        n_batches = math.ceil(len(prepared.training_rows) / settings.batch_size)
        observers += [KerasCallbacks(estimator.callbacks, settings.epochs, n_batches)]
    if estimator.verbose:
        shown = ProgressBar if estimator.verbose == 1 else EpochLines
        observers += [shown(settings.epochs, plan.start_name)]
    return observers


def sklearn_observers_for(estimator, data, settings, finish):
    """Return what tells the callbacks of `set_callbacks`, if there are some.

    Parameters
    ----------
    finish : callable
        ``finish(trained)`` gives the fitted attributes.

    estimator, data, settings
        See `observers_for`; `data` is the user's.
    """
    if not has_callbacks(estimator):
        return []
    return [FitTasks(estimator, data, settings.epochs, finish)]


def task_for(plan, chance, start, settings, generator, observers, **more):
    """Return what to train on, and how.

    Parameters
    ----------
    plan : Plan
        What is trained.

    chance : Chance
        The data, and what is drawn for them.

    start : Start
        Where training starts.

    settings : Settings
        How to train.

    generator : numpy.random.RandomState
        Of the fit.

    observers : list of Observer
        What watches.

    **more
        See `Task`.
    """
    prepared = chance.prepared
    rows = prepared.training_rows
    return Task(
        settings=settings,
        rows=rows_to_read(rows, plan.cost) if settings.epochs else rows,
        validation=prepared.validation,
        objective=plan.objective,
        row_terms=lambda weights, rows: on_standardized(plan, weights).row_terms(rows),
        generator=generator,
        steps=start.steps,
        units=chance.units,
        observers=observers,
        **more,
    )


def on_standardized(plan, weights):
    """Return the network with weights, for rows in the network's scale."""
    as_they_are = Scaling.identity(plan.architecture.n_features)
    return FittedNetwork(plan.codec, weights, as_they_are)


def compiled_steps_for(estimator, plan, task, optimizer, n_epochs):
    """Return a context with the network in training.

    It is fresh if callbacks may keep its model, else one of an earlier fit's where
    there is one.

    Parameters
    ----------
    n_epochs : int
        Of the whole fit, which decides whether it pays to compile more.

    estimator, plan, task, optimizer
        See `task_for`.
    """
    n_rows = len(task.rows)
    how = {
        "step_shapes": task.steps.shapes,
        "has_targets": task.rows.clean is not None,
        "compile_with_xla": xla_pays(plan.cost, plan.objective, n_rows, n_epochs),
    }
    if estimator.callbacks:
        fresh = CompiledSteps(plan.architecture, optimizer, **how)
        return contextlib.nullcontext(fresh)
    return borrowed_steps(plan.codec, plan.objective, optimizer, **how)


def steps_with(optimizer, start):
    """Return a start with steps that suit the optimizer.

    One that averages weights (use_ema) would average those of steps of another size.
    """
    if optimizer.use_ema:
        return dataclasses.replace(start, steps=NO_STEPS)
    return start
