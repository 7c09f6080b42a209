"""What a fit is to do: what was asked for, and the network that comes of it."""

import copy
import dataclasses
import functools
import numbers
from typing import Any

import numpy as np

from skae import _defaults
from skae._data.checks import extremes
from skae._data.prepare import Earlier, UserData
from skae._data.rows import Rows
from skae._model.codec import Codec, shared_codec
from skae._model.order_checks import check_order
from skae._objective.objective import Objective
from skae._pca.axes import PrincipalAxes, principal_axes
from skae._pca.missing import axes_despite_missing
from skae._runtime.tensorflow import check_eager
from skae._training.keras_callbacks import check_callbacks
from skae._training.optimizers import check_optimizer
from skae._training.pca_start import automatic_init, check_continues, check_network
from skae.networks._build import Architecture, Cost
from skae.networks._memory import check_memory


@dataclasses.dataclass(frozen=True)
class Request:
    """What the user asks of a fit; all but the data is checked.

    Parameters
    ----------
    estimator : BaseAutoencoder
        A copy of the user's, with the parameters.

    data : UserData
        Not checked yet.

    earlier : Earlier or None
        The fit that goes on.

    generator : numpy.random.RandomState
        The fit's own.

    optimizer : keras.optimizers.Optimizer
        The fit's own.

    objective : Objective
        What is to be learnt.
    """

    estimator: Any
    data: UserData
    earlier: Earlier | None
    generator: np.random.RandomState
    optimizer: Any
    objective: Objective


def request_for(estimator, data, earlier, generator, automatic_rate):
    """Return the request of an estimator, once its parameters are checked.

    ``automatic_rate(optimizer)`` is the learning rate where it is "auto"; None is the
    optimizer's own.
    """
    check_eager()
    check_callbacks(estimator.callbacks)
    estimator._check_parameters()
    optimizer = resolved(estimator.optimizer, _defaults.OPTIMIZER)
    rate = resolved(estimator.learning_rate, automatic_rate(optimizer))
    optimizer = check_optimizer(optimizer, rate)
    objective = estimator._objective()
    if data.is_paired:  # the user's own noise
        objective = dataclasses.replace(objective, corruption=None)
    return Request(estimator, data, earlier, generator, optimizer, objective)


def earlier_fit(estimator):
    """Return what an estimator has been fitted to before, or None."""
    if not hasattr(estimator, "_fitted"):
        return None
    return Earlier(estimator._fitted, estimator.mean_.ravel())


def resolved(value, automatic):
    """Return a parameter's value, or what "auto" stands for."""
    return automatic if isinstance(value, str) and value == "auto" else value


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is trained, and from where.

    Parameters
    ----------
    architecture : Architecture
        Its objective is that of training, which may corrupt rows.

    codec : Codec
        The network, with the objective of inference.

    init : {"pca", "random"}
        Where weights start.

    goes_on : bool
        Whether they start where an earlier fit ended.

    fraction : float or None
        Fraction of the variance that as few codes as possible are to explain.

    found : FoundAxes or None
        Principal axes, where the number of codes has asked for them already.
    """

    architecture: Architecture
    codec: Codec
    init: str
    goes_on: bool
    fraction: float | None
    found: "FoundAxes | None"

    @functools.cached_property
    def cost(self):
        """What the network computes for a row."""
        return Cost.of(self.codec.encoder, self.codec.decoder)

    @property
    def starts_at_pca(self):
        """Whether the weights start at PCA, not where an earlier fit ended."""
        return self.init == "pca" and not self.goes_on

    @property
    def start_name(self):
        """What the start is called: PCA, where it reconstructs as that does."""
        is_pca = self.starts_at_pca and self.codec.objective.link == "identity"
        return "PCA" if is_pca else "start"


def plan_fit(request, prepared, n_codes=None, searches=False):
    """Return the `Plan`; a fit that goes on must name the network of the earlier.

    Parameters
    ----------
    request : Request
        What the user asks.

    prepared : Prepared
        The data.

    n_codes : int or None, default=None
        Number of codes, where "auto" has been resolved to it.

    searches : bool, default=False
        Whether this fit is there to resolve "auto".
    """
    estimator, earlier = request.estimator, request.earlier
    network = network_of(estimator)
    wanted, found = _wanted_codes(request, n_codes), None
    is_number = wanted is None or isinstance(wanted, numbers.Integral)
    fraction = None if is_number else float(wanted)
    wanted = wanted if is_number else None
    if wanted is None and not network.sizes_itself:
        wanted, found = _number_of_codes(request, prepared, fraction)
    shape = prepared.sample_shape
    dim = network.n_codes(shape, wanted)
    init = resolved(estimator.init, automatic_init(network))
    if init == "pca":
        check_network(network)
    architecture = Architecture(network, shape, dim, request.objective)
    check_memory(architecture, len(prepared.rows))
    # Inference has no use for what corrupts the rows in training.
    of_inference = dataclasses.replace(request.objective, corruption=None)
    codec = shared_codec(dataclasses.replace(architecture, objective=of_inference))
    goes_on = earlier is not None
    check_order(fraction, codec, goes_on, searches)
    if goes_on:
        check_continues(codec, earlier.fitted)
    return Plan(architecture, codec, init, goes_on, fraction, found)


def network_of(estimator):
    """Return the network that an estimator's parameters describe."""
    network = copy.copy(estimator._network())
    if estimator.init == "random" and hasattr(network, "linear_shortcut"):
        network.linear_shortcut = False
    return network


def _wanted_codes(request, n_codes):
    """Return the parameter `encoding_dim`, with "auto" resolved."""
    wanted = request.estimator.encoding_dim
    if not isinstance(wanted, str):
        return wanted
    if n_codes is None and request.earlier is None:
        raise ValueError(
            "encoding_dim='auto' chooses by held-out rows, and partial_fit holds out "
            "none. Call fit first, or give a number of codes."
        )
    return n_codes  # None is the number of the earlier fit


def _number_of_codes(request, prepared, fraction):
    """Return how many codes to train, and the axes by which a fraction is reached."""
    most = min(*prepared.rows.targets.shape, _defaults.MOST_CODES)
    if request.earlier is not None:
        return request.earlier.fitted.codec.encoding_dim, None
    if fraction is None:
        return most, None
    found = find_axes(request, prepared, most)
    axes = found.axes.explaining(fraction)
    return max(len(axes.variances), 1), dataclasses.replace(found, axes=axes)


@dataclasses.dataclass(frozen=True)
class FoundAxes:
    """Principal axes, and the rows that they were found from.

    Parameters
    ----------
    axes : PrincipalAxes
        The axes.

    rows : Rows
        All rows; what to reconstruct has no missing values.
    """

    axes: PrincipalAxes
    rows: Rows


def find_axes(request, prepared, n_axes):
    """Return the `FoundAxes` of what is to be reconstructed."""
    rows = prepared.rows
    arguments = rows.targets, rows.weights, n_axes, request.generator
    if not prepared.has_missing:
        return FoundAxes(principal_axes(*arguments), rows)
    axes, complete = axes_despite_missing(*arguments)
    if request.objective.link != "identity":
        complete = complete.clip(*extremes(rows.targets))
    return FoundAxes(axes, dataclasses.replace(rows, clean=complete))
