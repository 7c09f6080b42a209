"""One pass over a part of the data, from where the last one ended."""

import contextlib
import copy
import functools

import numpy as np

from skae import _defaults
from skae._data.corruption import Noise
from skae._data.prepare import prepare
from skae._keras.objects import description, plain, restored
from skae._model.order_checks import check_parts
from skae._runtime.interrupts import interrupts_deferred, let_interrupts_in
from skae._runtime.randomness import as_generator, draw_seed
from skae._runtime.warnings import warn
from skae._training.attributes import Facts, as_trained, attributes_of, set_attributes
from skae._training.epochs import train
from skae._training.history import appended
from skae._training.observers import closed_at_the_end
from skae._training.plan import earlier_fit, plan_fit, request_for
from skae._training.schedule import StepSizes
from skae._training.start import Start, draw_chance, find_start
from skae._training.task import (
    compiled_steps_for,
    observers_for,
    resolve,
    settings_for_part,
    task_for,
)


def partial_fit(estimator, data):
    """Go on learning with one pass over some rows; see `fit` for the steps.

    No rows are held out, and codes stay as they are. The pass leaves the sizes of its
    steps, and the optimizer's values, for the next one.
    """
    with interrupts_deferred():
        earlier = earlier_fit(estimator)
        _warn_of_lost_decoder(earlier)
        generator = as_generator(estimator.random_state)
        if earlier is not None:  # other draws in every pass
            seeds = draw_seed(generator), estimator.n_iter_
            generator = np.random.RandomState(seeds)
        rate = functools.partial(_defaults.learning_rate, is_partial=True)
        request = request_for(estimator, data, earlier, generator, rate)
        prepared = prepare(
            estimator,
            data,
            request.objective,
            generator,
            earlier,
            fewest=2 if earlier is None else 1,
            validation_fraction=0.0,
        )
        let_interrupts_in()
        plan = plan_fit(request, prepared)
        check_parts(request.objective)
        last = getattr(estimator, "_last_pass", None)
        start = _start_after(last, earlier) or find_start(request, plan, prepared)
        noise = None if last is None else _noise_of(estimator)
        chance = draw_chance(request, plan, prepared, noise)
        chosen = resolve(request, plan, prepared, start, epochs=1)
        settings = settings_for_part(request, plan, prepared, chosen)
        let_interrupts_in()

        observers = observers_for(request, plan, prepared, settings)
        with closed_at_the_end(observers):
            values = _values_after(last, request.optimizer)
            task = task_for(request, plan, chance, start, settings, observers, values)
            with compiled_steps_for(request, plan, task, 1) as steps:
                trained = train(task, steps, start.weights)
                this_pass = _pass_of(steps, task)
            let_interrupts_in()
            seed = draw_seed(copy.deepcopy(generator))
            facts = Facts(request, plan, chance, start, chosen, seed=seed)
            donors = None if earlier is None else earlier.fitted.donors
            codes = as_trained(facts, trained)
            attributes = attributes_of(facts, trained, codes, donors)
            attributes["_last_pass"] = this_pass
            if earlier is not None:
                attributes |= _after_earlier_epochs(estimator, trained)
                attributes |= _after_earlier_rows(estimator, chance)
            set_attributes(estimator, attributes)
            for observer in observers:
                observer.end(attributes)
        estimator._report(prepared.training_rows.values)


def _warn_of_lost_decoder(earlier):
    """Warn if an earlier fit has a decoder in closed form, which passes do not keep."""
    if earlier is not None and earlier.fitted.correction.n_centers:
        warn(
            "partial_fit goes on with the network alone, without the decoder in closed "
            "form that fit has found (n_centers_). Reconstructions may become worse. "
            "To keep it, fit anew with all rows; for many passes, begin with "
            "partial_fit."
        )


def _after_earlier_epochs(estimator, trained):
    """Return the attributes that count the epochs of earlier passes too."""
    n_before = estimator.n_iter_
    return {
        "history_": appended(estimator.history_, trained.history),
        "n_iter_": n_before + len(trained.history["loss"]),
        "best_epoch_": n_before + trained.best_epoch,
    }


def _after_earlier_rows(estimator, chance):
    """Return the range of what the network has read in this pass and in earlier ones.

    It is known if it was known of all of them.
    """
    before, now = getattr(estimator, "input_range_", None), chance.input_range
    if before is None or now is None:
        return {}
    return {"input_range_": (min(before[0], now[0]), max(before[1], now[1]))}


# What a pass leaves for the next


def _pass_of(compiled_steps, task):
    """Return what a pass leaves, as plain data."""
    return {
        "optimizer": _key(compiled_steps.optimizer),
        "values": compiled_steps.optimizer_values,
        "step_sizes": list(task.steps.sizes),
    }


def _noise_of(estimator):
    """Return the noise of the last pass, None if there was none."""
    if not hasattr(estimator, "noise_scale_"):
        return None
    return Noise(estimator.noise_scale_, estimator.clipped_fraction_)


def _start_after(last, earlier):
    """Return where the last pass ended, None if there was none."""
    if last is None:
        return None
    sizes = tuple(last["step_sizes"])
    return Start(earlier.fitted.weights, StepSizes(sizes, (0.0,) * len(sizes)), None)


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
