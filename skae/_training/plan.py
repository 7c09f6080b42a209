"""What a fit is to do: every "auto" resolved that does not need the start."""

import copy
import dataclasses
import numbers
from typing import Any

from skae import _defaults
from skae._data.checks import extremes
from skae._data.prepare import Earlier
from skae._data.rows import Rows
from skae._model.codec import Codec, shared_codec
from skae._model.ordering import check_order
from skae._objective.objective import Objective
from skae._pca.axes import PrincipalAxes, principal_axes
from skae._pca.missing import axes_despite_gaps
from skae._training.optimizers import check_optimizer
from skae._training.pca_start import automatic_init, check_continues, check_network
from skae.networks._build import Architecture, Cost


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

    earlier : Earlier or None
        The fit that goes on.

    fraction : float or None
        Fraction of the variance that as few codes as possible are to explain.

    found : FoundAxes or None
        Principal axes, where the number of codes has asked for them already.
    """

    architecture: Architecture
    codec: Codec
    init: str
    earlier: Earlier | None
    fraction: float | None
    found: Any

    @property
    def objective(self):
        """What is to be learnt."""
        return self.architecture.objective

    @property
    def cost(self):
        """What the network computes for a row."""
        return Cost.of(self.codec.encoder, self.codec.decoder)

    @property
    def starts_at_pca(self):
        """Whether the weights start at PCA, not where an earlier fit ended."""
        return self.init == "pca" and self.earlier is None

    @property
    def start_name(self):
        """What the start is called: PCA, where it reconstructs as that does."""
        is_pca = self.starts_at_pca and self.objective.link == "identity"
        return "PCA" if is_pca else "start"


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


def earlier_fit(estimator):
    """Return what an estimator has been fitted to before, or None."""
    if not hasattr(estimator, "_fitted"):
        return None
    return Earlier(estimator._fitted, estimator.mean_.ravel())


def objective_for(estimator, data):
    """Return what an estimator is to learn from the user's data."""
    objective: Objective = estimator._objective()
    if data.is_paired:  # the user's own noise
        return dataclasses.replace(objective, corruption=None)
    return objective


def optimizer_for(estimator, automatic_rate):
    """Return a fresh optimizer of the fit's own.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Names it.

    automatic_rate : callable
        ``automatic_rate(optimizer)`` is the learning rate where it is "auto"; None is
        the optimizer's own.
    """
    optimizer = resolved(estimator.optimizer, _defaults.OPTIMIZER)
    rate = resolved(estimator.learning_rate, automatic_rate(optimizer))
    return check_optimizer(optimizer, rate)


def resolved(value, automatic):
    """Return a parameter's value, or what "auto" stands for."""
    return automatic if isinstance(value, str) and value == "auto" else value


def plan_fit(estimator, prepared, objective, generator, earlier):
    """Name the network; a fit that goes on must name that of the earlier one.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Of the user's parameters.

    prepared : Prepared
        The data.

    objective : Objective
        What is to be learnt.

    generator : numpy.random.RandomState
        For the search of principal axes.

    earlier : Earlier or None
        The fit that goes on.

    Returns
    -------
    Plan
    """
    network = copy.copy(estimator._network())
    if estimator.init == "random" and hasattr(network, "linear_shortcut"):
        network.linear_shortcut = False
    wanted = estimator.encoding_dim
    is_number = wanted is None or isinstance(wanted, numbers.Integral)
    fraction = None if is_number else float(wanted)
    found = None
    if not network.sizes_itself and (wanted is None or fraction is not None):
        most = min(*prepared.rows.targets.shape, _defaults.MOST_CODES)
        if earlier is not None:
            wanted = earlier.fitted.codec.encoding_dim
        elif fraction is None:
            wanted = most
        else:
            found = find_axes(prepared, objective, most, generator)
            axes = found.axes.explaining(fraction)
            found = dataclasses.replace(found, axes=axes)
            wanted = max(len(axes.variances), 1)
    elif fraction is not None:
        wanted = None  # the network knows
    sample_shape = prepared.sample_shape
    dim = network.n_codes(sample_shape, wanted)
    init = resolved(estimator.init, automatic_init(network))
    if init == "pca":
        check_network(network)
    architecture = Architecture(network, sample_shape, dim, objective)
    # Inference has no use for what corrupts the rows in training.
    of_inference = dataclasses.replace(objective, corruption=None)
    codec = shared_codec(dataclasses.replace(architecture, objective=of_inference))
    check_order(fraction, codec, earlier is not None)
    if earlier is not None:
        check_continues(codec, earlier.fitted)
    return Plan(architecture, codec, init, earlier, fraction, found)


def find_axes(prepared, objective, n_axes, generator):
    """Find the principal axes of what is to be reconstructed.

    Parameters
    ----------
    prepared : Prepared
        The data, which may have missing values.

    objective : Objective
        Says which values may stand for these.

    n_axes : int
        How many axes.

    generator : numpy.random.RandomState
        Of the randomised method.

    Returns
    -------
    FoundAxes
    """
    rows = prepared.rows
    arguments = rows.targets, rows.weights, n_axes, generator
    if not prepared.has_missing:
        return FoundAxes(principal_axes(*arguments), rows)
    axes, complete = axes_despite_gaps(*arguments)
    if objective.link != "identity":
        complete = complete.clip(*extremes(rows.targets))
    return FoundAxes(axes, dataclasses.replace(rows, clean=complete))
