"""The network of a fit in this process, driver or worker: built once, lent to tasks."""

import contextlib
import dataclasses
import itertools
import math
from collections import OrderedDict
from typing import Any

import numpy as np

from skae import _defaults
from skae._data.scaling import Scaling
from skae._keras.objects import description
from skae._model.codec import Codec
from skae._model.correction import UNCORRECTED, Correction
from skae._model.fitted import FittedNetwork
from skae._runtime.caches import evict_oldest
from skae._runtime.threads import Lock
from skae._training.compiled_steps import CompiledSteps
from skae._training.plan import network_of, request_for
from skae._training.schedule import StepSizes
from skae.networks._build import Architecture

# Kept after a fit, so that a search compiles each once. One that is in use always is.
_MOST_NETWORKS = 4
# 128 MB in float32: what those kept may hold together.
_MOST_WEIGHTS = 2**25


@dataclasses.dataclass(frozen=True, eq=False)
class Blueprint:
    """What a worker needs to know of a fit; it is sent with every task.

    Parameters
    ----------
    estimator : AutoencoderTransformer
        With the parameters of the fit, and not fitted.

    sample_shape : tuple of int
        Shape of a row.

    encoding_dim : int
        Number of codes.

    batch_size : int
        Rows in a step of one replica.

    steps : StepSizes
        How the optimizer's steps are changed.
    """

    estimator: Any
    sample_shape: tuple
    encoding_dim: int
    batch_size: int
    steps: StepSizes

    @property
    def n_features(self):
        """Number of values of a row."""
        return math.prod(self.sample_shape)

    def request(self):
        """Return the checked parameters, with an optimizer of this process."""
        generator, rate = np.random.RandomState(0), _defaults.learning_rate
        return request_for(self.estimator, _NO_DATA, None, generator, rate)


@dataclasses.dataclass(frozen=True)
class State:
    """What is trained, between two rounds.

    Parameters
    ----------
    weights : list of arrays
        Values of all variables.

    optimizer_values : list of arrays or None
        Values of the optimizer's; None before the first round.
    """

    weights: list
    optimizer_values: list | None = None


@dataclasses.dataclass(frozen=True)
class Network:
    """A network with its weights, on the way to a worker.

    Parameters
    ----------
    weights : list of arrays
        Values of all variables.

    encoding_dim : int
        Number of codes.

    correction : Correction, default=Correction()
        What is added to the network.
    """

    weights: list
    encoding_dim: int
    correction: Correction = UNCORRECTED


class _NoData:
    """Takes the place of data in a request on a worker."""

    is_paired = False


_NO_DATA = _NoData()


# Networks that this process has built


class _Built:
    """A network of this process: functions of its weights, and steps that train it."""

    def __init__(self, architecture):
        self.codec = Codec(architecture)
        self.idle: dict[tuple, list[CompiledSteps]] = {}

    @property
    def n_weights(self):
        idle = itertools.chain.from_iterable(self.idle.values())
        return self.codec.n_weights + sum(steps.n_weights for steps in idle)


_kept: OrderedDict = OrderedDict()
# Keras builds models one at a time.
_building = Lock()


def built_network(blueprint, request, encoding_dim):
    """Return the `_Built` network of a blueprint; build it where there is none."""
    network, shape = network_of(blueprint.estimator), blueprint.sample_shape
    architecture = Architecture(network, shape, encoding_dim, request.objective)
    key = architecture.key, description(request.optimizer)
    with _building.held():
        if key not in _kept:
            _kept[key] = _Built(architecture)
        _kept.move_to_end(key)
        evict_oldest(_kept, _MOST_NETWORKS, _MOST_WEIGHTS, fewest=1)
        return _kept[key]


@contextlib.contextmanager
def lent_steps(built, request, steps, compilation="none"):
    """Lend compiled steps of a network to the body, which alone uses them.

    Parameters
    ----------
    built : the network, as `built_network` returns it

    request : Request
        With the optimizer.

    steps : StepSizes
        How its steps are changed.

    compilation : {"none", "graph"}, default="none"
        See `CompiledSteps`.
    """
    how = {"step_shapes": steps.shapes, "compilation": compilation}
    with _building.held():
        idle = built.idle.setdefault(tuple(how.values()), [])
        if idle:
            lent = idle.pop()
        else:
            architecture = built.codec.architecture
            lent = CompiledSteps(architecture, request.optimizer, **how)
    yield lent
    with _building.held():
        idle.append(lent)


def fitted_network(blueprint, network):
    """Return the network for rows in the network's scale, and the request."""
    request = blueprint.request()
    built = built_network(blueprint, request, network.encoding_dim)
    scaling = Scaling.identity(blueprint.n_features)
    fitted = FittedNetwork(built.codec, network.weights, scaling, network.correction)
    return fitted, request


def is_averaging(blueprint):
    """Tell whether the optimizer keeps averages of the weights."""
    return bool(blueprint.request().optimizer.use_ema)
