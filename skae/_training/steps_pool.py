"""Trainers that earlier fits have compiled, lent to those that train alike."""

import contextlib
import dataclasses
from collections import OrderedDict

from skae._keras.objects import description
from skae._runtime.caches import evict_oldest
from skae._runtime.tensorflow import load_keras
from skae._runtime.threads import Lock
from skae._training.compiled_steps import CompiledSteps

_MOST_IDLE = 16
_OPERATIONS_WORTH_XLA = 2e11


_idle: OrderedDict = OrderedDict()
_idle_lock = Lock()


@contextlib.contextmanager
def borrowed_steps(codec, objective, optimizer, **how):
    """Lend a trainer to the body, one compiled by an earlier fit where possible.

    A trainer whose body fails is dropped.

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
        trainer = _idle.pop(key, None)
    if trainer is None:
        models = codec.lend_models()
        trainer = CompiledSteps(architecture, optimizer, **how, models=models)
    yield trainer
    with _idle_lock.held():
        _idle[key] = trainer
        evict_oldest(_idle, _MOST_IDLE)


def xla_pays(cost, objective, n_rows, n_epochs):
    """Tell whether XLA saves more time than it takes to compile.

    Only dense layers gain; on the CPU, convolutions become slower, and so do random
    numbers, of which corruption draws one a value. Counts the
    multiplications and additions of the whole training, forwards and backwards.
    ``python -m benchmarks.training_speed`` shows both sides of the limit.
    """
    operations = 6 * cost.n_products * n_rows * n_epochs
    gains = cost.is_dense and objective.corruption is None
    return gains and operations > _OPERATIONS_WORTH_XLA
