"""Trainers that earlier fits have compiled, lent to those that train alike."""

import contextlib
from collections import OrderedDict

from skae._keras.objects import description
from skae._runtime.caches import evict_oldest
from skae._runtime.tensorflow import load_keras
from skae._runtime.threads import Lock
from skae._training.compiled_steps import Trainer
from skae.networks._build import architecture_key

_MOST_IDLE_TRAINERS = 16
_OPERATIONS_WORTH_XLA = 2e11


_idle_trainers: OrderedDict = OrderedDict()
_idle_lock = Lock()


@contextlib.contextmanager
def borrowed_trainer(codec, objective, optimizer, **how):
    """Lend a trainer to the body, one compiled by an earlier fit where possible.

    A trainer whose body fails is dropped.

    Parameters
    ----------
    codec : Codec
        Of the architecture; may lend its models.

    objective, optimizer, **how
        See `Trainer`.
    """
    keras = load_keras()
    optimizer_key = description(optimizer), keras.config.floatx()
    network, sample_shape, encoding_dim, _ = codec.architecture
    parts = (sample_shape, encoding_dim, objective, optimizer_key)
    key = architecture_key(network, *parts, *sorted(how.items()))
    with _idle_lock.held():
        trainer = _idle_trainers.pop(key, None)
    if trainer is None:
        trainer = Trainer(
            network,
            sample_shape,
            encoding_dim,
            objective,
            optimizer,
            **how,
            models=codec.lend_models(),
        )
    yield trainer
    with _idle_lock.held():
        _idle_trainers[key] = trainer
        evict_oldest(_idle_trainers, _MOST_IDLE_TRAINERS)


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
