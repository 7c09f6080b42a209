"""One fit, from the user's data to fitted attributes, step by step."""

from skae import _defaults
from skae._data.prepare import prepare
from skae._model.ordering import warn_if_short
from skae._runtime.interrupts import interrupts_deferred, let_interrupts_in
from skae._runtime.randomness import as_generator
from skae._training.attributes import (
    RATIOS,
    Facts,
    attributes_of,
    ordered,
    set_attributes,
)
from skae._training.epochs import keep_start, train
from skae._training.keras_callbacks import check_callbacks
from skae._training.observers import closed_at_the_end
from skae._training.plan import earlier_fit, objective_for, optimizer_for, plan_fit
from skae._training.start import draw_chance, find_start
from skae._training.task import (
    compiled_steps_for,
    observers_for,
    resolve,
    settings_for,
    sklearn_observers_for,
    steps_with,
    task_for,
)


def fit(estimator, data):
    """Fit an estimator: prepare, plan, start, train, order the codes, set attributes.

    Ctrl-C ends it between steps.

    Parameters
    ----------
    estimator : BaseAutoencoder
        A copy of the user's estimator, which is dropped if anything fails.

    data : UserData
        What the user has given.
    """
    with interrupts_deferred():
        # The parameters are checked first, since data may be large.
        generator = as_generator(estimator.random_state)
        earlier = earlier_fit(estimator) if estimator.warm_start else None
        check_callbacks(estimator.callbacks)
        estimator._check_parameters()
        optimizer = optimizer_for(estimator, _defaults.learning_rate)
        objective = objective_for(estimator, data)

        fraction = estimator.validation_fraction
        prepared = prepare(
            estimator, data, objective, generator, earlier, validation_fraction=fraction
        )
        let_interrupts_in()

        plan = plan_fit(estimator, prepared, objective, generator, earlier)
        start = find_start(plan, prepared, generator, _weight_decay(estimator))
        chance = draw_chance(estimator, plan, prepared, generator)
        chosen = resolve(estimator, plan, prepared, optimizer)
        n_epochs = 0 if start.is_solution(plan, prepared) else chosen.epochs
        settings = settings_for(estimator, plan, prepared, chosen, n_epochs)
        facts = Facts(estimator, plan, chance, start, chosen, optimizer.name)
        let_interrupts_in()

        def finish(trained):
            return attributes_of(facts, trained, ordered(facts, trained))

        observers = [
            *observers_for(estimator, plan, prepared, settings),
            *sklearn_observers_for(estimator, data, settings, finish),
        ]
        with closed_at_the_end(observers):
            start = steps_with(optimizer, start)
            task = task_for(plan, chance, start, settings, generator, observers)
            if n_epochs or estimator.callbacks:  # callbacks are shown a model
                how = estimator, plan, task, optimizer, chosen.epochs
                with compiled_steps_for(*how) as compiled_steps:
                    trained = train(task, compiled_steps, start.weights)
            else:
                trained = keep_start(task, start.weights)
            let_interrupts_in()
            attributes = finish(trained)
            set_attributes(estimator, attributes)
            for observer in observers:
                observer.end(attributes)
        if plan.fraction is not None and earlier is None:
            warn_if_short(attributes[RATIOS], plan.fraction)
        estimator._report(prepared.training_rows.values)


def _weight_decay(estimator):
    """Return the rule of the weight decay, which only the default optimizer has."""
    return _defaults.weight_decay if estimator.optimizer == "auto" else None
