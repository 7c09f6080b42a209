"""One pass over a part of the data, from where the last one ended."""

import contextlib
import functools

import numpy as np

from skae import _defaults
from skae._data.prepare import prepare
from skae._keras.objects import description, plain, restored
from skae._model.ordering import check_parts
from skae._runtime.interrupts import interrupts_deferred, let_interrupts_in
from skae._runtime.randomness import as_generator, draw_seed
from skae._training.attributes import Facts, as_trained, attributes_of, set_attributes
from skae._training.epochs import train
from skae._training.history import appended
from skae._training.keras_callbacks import check_callbacks
from skae._training.observers import closed_at_the_end
from skae._training.plan import earlier_fit, objective_for, optimizer_for, plan_fit
from skae._training.schedule import Steps
from skae._training.start import Start, draw_chance, find_start
from skae._training.task import (
    compiled_steps_for,
    observers_for,
    resolve,
    settings_for_part,
    steps_with,
    task_for,
)


def partial_fit(estimator, data):
    """Go on learning with one pass over some rows; see `fit` for the steps.

    No rows are held out, and codes stay as they are. The pass leaves the sizes of its
    steps, and the optimizer's values, for the next one.

    Parameters
    ----------
    estimator : BaseAutoencoder
        A copy of the user's estimator, which is dropped if anything fails.

    data : UserData
        What the user has given.
    """
    with interrupts_deferred():
        generator = as_generator(estimator.random_state)
        earlier = earlier_fit(estimator)
        if earlier is not None:  # other draws in every pass
            seeds = draw_seed(generator), estimator.n_iter_
            generator = np.random.RandomState(seeds)
        last = getattr(estimator, "_last_pass", None)
        check_callbacks(estimator.callbacks)
        estimator._check_parameters()
        rate = functools.partial(_defaults.learning_rate, is_partial=True)
        optimizer = optimizer_for(estimator, rate)
        objective = objective_for(estimator, data)

        fewest = 2 if earlier is None else 1
        prepared = prepare(estimator, data, objective, generator, earlier, fewest, 0.0)
        let_interrupts_in()

        plan = plan_fit(estimator, prepared, objective, generator, earlier)
        check_parts(objective)
        start = _start_after(last, plan) or find_start(plan, prepared, generator)
        noise_scale = getattr(estimator, "noise_scale_", None) if last else None
        chance = draw_chance(estimator, plan, prepared, generator, noise_scale)
        chosen = resolve(estimator, plan, prepared, optimizer, epochs=1)
        settings = settings_for_part(plan, prepared, chosen)
        facts = Facts(estimator, plan, chance, start, chosen, optimizer.name)
        let_interrupts_in()

        observers = observers_for(estimator, plan, prepared, settings)
        with closed_at_the_end(observers):
            start = steps_with(optimizer, start)
            values = _values_after(last, optimizer)
            how = {"optimizer_values": values}
            task = task_for(plan, chance, start, settings, generator, observers, **how)
            with compiled_steps_for(estimator, plan, task, optimizer, 1) as steps:
                trained = train(task, steps, start.weights)
                this_pass = _pass_of(steps, start)
            let_interrupts_in()
            attributes = attributes_of(facts, trained, as_trained(facts, trained))
            if earlier is not None:
                attributes |= _after_earlier_epochs(estimator, trained)
            set_attributes(estimator, {**attributes, "_last_pass": this_pass})
            for observer in observers:
                observer.end(attributes)
        estimator._report(prepared.training_rows.values)


def _after_earlier_epochs(estimator, trained):
    """Return the attributes that count the epochs of earlier passes too."""
    n_before = estimator.n_iter_
    return {
        "history_": appended(estimator.history_, trained.history),
        "n_iter_": n_before + len(trained.history["loss"]),
        "best_epoch_": n_before + trained.best_epoch,
    }


# What a pass leaves for the next


def _pass_of(compiled_steps, start):
    """Return what a pass leaves, as plain data.

    Parameters
    ----------
    compiled_steps : CompiledSteps
        After the epoch.

    start : Start
        With how its steps were changed.

    Returns
    -------
    dict
    """
    return {
        "optimizer": _key(compiled_steps.optimizer),
        "values": compiled_steps.optimizer_values,
        "step_sizes": list(start.steps.sizes),
    }


def _start_after(last, plan):
    """Return where the last pass ended, None if there was none."""
    if last is None:
        return None
    sizes = tuple(last["step_sizes"])
    return Start(plan.earlier.fitted.weights, Steps(sizes, (0.0,) * len(sizes)), None)


def _values_after(last, optimizer):
    """Return the optimizer's values after the last pass, None if of another one."""
    if last is None or last["optimizer"] != _key(optimizer):
        return None
    return last["values"]


def _key(optimizer):
    """Tell optimizers apart by all but their learning rate."""
    held = restored(plain(optimizer))
    with contextlib.suppress(TypeError):  # a schedule
        held.learning_rate = 1.0
    return description(held)[0]
