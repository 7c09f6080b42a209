"""One fit, from the user's data to fitted attributes, step by step."""

import copy

from skae import _defaults
from skae._data.dominance import warn_if_one_dominates
from skae._data.prepare import prepare
from skae._model.order_checks import warn_if_constant, warn_if_short
from skae._runtime.interrupts import interrupts_deferred, let_interrupts_in
from skae._runtime.randomness import as_generator, draw_seed
from skae._training.attributes import (
    Facts,
    attributes_of,
    ordered,
    set_attributes,
)
from skae._training.encoding_dim import search_encoding_dim
from skae._training.epochs import keep_start, train
from skae._training.observers import closed_at_the_end
from skae._training.plan import earlier_fit, plan_fit, request_for
from skae._training.principal_coordinates import in_coordinates
from skae._training.refinement import refine
from skae._training.start import draw_chance, find_start
from skae._training.task import (
    compiled_steps_for,
    observers_for,
    resolve,
    settings_for,
    sklearn_observers_for,
    task_for,
    without_pull_of_outliers,
)


def fit(estimator, data):
    """Fit an estimator: prepare, plan, start, train, order the codes, set attributes.

    Parameters
    ----------
    estimator : BaseAutoencoder
        A copy of the user's estimator, which is dropped if anything fails.

    data : UserData
        What the user has given.
    """
    with interrupts_deferred():  # Ctrl-C ends a fit between its steps
        earlier = earlier_fit(estimator) if estimator.warm_start else None
        generator = as_generator(estimator.random_state)
        rate = _defaults.learning_rate
        request = request_for(estimator, data, earlier, generator, rate)
        prepared = prepare(
            estimator,
            data,
            request.objective,
            generator,
            earlier,
            validation_fraction=estimator.validation_fraction,
        )
        let_interrupts_in()
        decay = _defaults.weight_decay if estimator.optimizer == "auto" else None
        search = search_encoding_dim(request, prepared, rate, decay)
        let_interrupts_in()
        plan = plan_fit(request, prepared, None if search is None else search.chosen)
        start = find_start(request, plan, prepared, decay)
        start = in_coordinates(request, plan, prepared, start, decay)
        chance = draw_chance(request, plan, prepared)
        chosen = resolve(request, plan, prepared, start)
        n_epochs = 0 if start.is_solution else chosen.epochs
        settings = settings_for(request, plan, prepared, chosen, n_epochs)
        let_interrupts_in()
        seed = draw_seed(copy.deepcopy(generator))
        facts = Facts(request, plan, chance, start, chosen, search, seed)

        def finish(trained):
            refined = refine(facts, trained)
            codes = ordered(facts, refined)
            return codes, attributes_of(facts, refined.trained, codes)

        observers = observers_for(request, plan, prepared, settings)
        observers += sklearn_observers_for(
            request, settings, lambda trained: finish(trained)[1]
        )
        with closed_at_the_end(observers):
            task = task_for(request, plan, chance, start, settings, observers)
            task = without_pull_of_outliers(task, plan, start)
            if n_epochs or estimator.callbacks:  # callbacks are shown a model
                with compiled_steps_for(request, plan, task, chosen.epochs) as steps:
                    trained = train(task, steps, start.weights)
            else:
                trained = keep_start(task, start.weights)
            let_interrupts_in()
            codes, attributes = finish(trained)
            set_attributes(estimator, attributes)
            for observer in observers:
                observer.end(attributes)
        if plan.fraction is not None and not plan.goes_on:
            warn_if_short(codes.ratios, plan.fraction)
        warn_if_constant(codes)
        warn_if_one_dominates(estimator, prepared, request.objective)
        estimator._report(prepared.training_rows.values)
