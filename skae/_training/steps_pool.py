"""Steps that earlier fits have compiled, lent to fits that train alike."""

import contextlib
import dataclasses
from collections import OrderedDict

from skae._keras.objects import description
from skae._runtime.caches import evict_oldest
from skae._runtime.tensorflow import load_keras
from skae._runtime.threads import Lock
from skae._training.compiled_steps import CompiledSteps

# Enough for a search over the sizes of one network; more cost memory.
_MOST_IDLE = 16
# About a second of computing (4.4e12 take 16 s on two cores), of which XLA saves what
# it takes to compile, 0.4 s.
_OPERATIONS_WORTH_XLA = 2e11
# To optimize the graph takes 0.3 s (dense layers) to 1 s (recurrent ones), and saves at
# most 0.2 ms a step.
_STEPS_WORTH_OPTIMIZING = 1500

_idle: OrderedDict = OrderedDict()
_idle_lock = Lock()


@contextlib.contextmanager
def borrowed_steps(codec, objective, optimizer, **how):
    """Lend `CompiledSteps` to the body, an earlier fit's where possible.

    Those whose body fails are dropped.

    Parameters
    ----------
    codec : Codec
        Of the architecture; may lend its models.

    objective, optimizer, **how
        See `CompiledSteps`.
    """
    keras = load_keras()
    optimizer_key = description(optimizer), keras.config.floatx()
    architecture = dataclasses.replace(codec.architecture, objective=objective)
    key = architecture.key, optimizer_key, *sorted(how.items())
    with _idle_lock.held():
        steps = _idle.pop(key, None)
    if steps is None:
        models = codec.lend_models()
        steps = CompiledSteps(architecture, optimizer, **how, models=models)
    yield steps
    with _idle_lock.held():
        _idle[key] = steps
        evict_oldest(_idle, _MOST_IDLE)


def compilation_for(cost, objective, n_rows, n_epochs, n_steps):
    """Return the `compilation` of `CompiledSteps` that takes least time with the steps.

    Parameters
    ----------
    cost : Cost
        Of the network in training.

    objective : Objective

    n_rows, n_epochs, n_steps : int
        How many rows are trained on, how often, and in how many batches in all.
    """
    if xla_pays(cost, objective, n_rows, n_epochs):
        return "xla"
    return graph_compilation(n_steps)


def graph_compilation(n_steps):
    """Return "graph" where optimizing it saves more time than it takes, else "none"."""
    return "graph" if n_steps > _STEPS_WORTH_OPTIMIZING else "none"


def xla_pays(cost, objective, n_rows, n_epochs):
    """Tell whether XLA saves more time than it takes to compile.

    Only dense layers gain. On the CPU, XLA makes convolutions slower, and also random
    numbers, of which corruption draws one per value.
    ``python -m benchmarks.training_speed`` shows both sides of the limit.
    """
    # A product is a multiplication and an addition, once forwards and twice backwards:
    # for the gradients of the weights and of the layer's input.
    operations = 6 * cost.n_products * n_rows * n_epochs
    gains = cost.is_dense and objective.corruption is None
    return gains and operations > _OPERATIONS_WORTH_XLA
