"""What a fit over a cluster is to do: every "auto" resolved from all rows."""

import copy
import dataclasses
import math
import numbers

import numpy as np

from skae import _defaults
from skae._data.moments import without_rounding
from skae._data.prepare import Prepared
from skae._model.order_checks import check_order
from skae._runtime.tensorflow import number_of
from skae._training.plan import FoundAxes, network_of, plan_fit, resolved
from skae._training.schedule import Settings
from skae._training.task import Resolved
from skae.dask._blocks import joined_rows
from skae.dask._statistics import axes_of

# "auto" gives each so many rows: rounds over fewer cost more time than they gain.
_ROWS_OF_REPLICA = 1_000
# With fewer rows in a step, steps cost more time than they gain.
_SMALLEST_BATCH = 16
# "auto" makes no more: means of more replicas were not tried.
_MOST_REPLICAS = 16
# Rows that judge, where no fraction is given: they lie in the workers' memory, and more
# would decide nothing.
_MOST_HELD_OUT = 100_000


@dataclasses.dataclass(frozen=True)
class SampledPrepared(Prepared):
    """Data of which the driver sees a sample; moments are those of all rows.

    Parameters
    ----------
    weight : float, default=0.0
        Sum of the weights of all rows.
    """

    weight: float = 0.0

    @property
    def total_weight(self):
        """Sum of the weights of all rows of the fit."""
        return self.weight


def fraction_to_hold_out(estimator, n_rows, has_validation):
    """Return the fraction of the rows to hold out."""
    if has_validation:
        return 0.0
    automatic = min(_defaults.validation_fraction(n_rows), _MOST_HELD_OUT / n_rows)
    return resolved(estimator.validation_fraction, automatic)


def number_of_replicas(wanted, n_partitions, n_rows, n_threads):
    """Return how many replicas train.

    Parameters
    ----------
    wanted : int or "auto"
        The estimator's parameter.

    n_partitions, n_rows : int
        Of the data.

    n_threads : int
        Of all workers.
    """
    most = max(1, n_rows // _ROWS_OF_REPLICA)
    automatic = min(n_threads, n_partitions, most, _MOST_REPLICAS)
    n_replicas = resolved(wanted, automatic)
    if n_replicas > n_partitions:
        raise ValueError(
            f"n_replicas={n_replicas} needs as many partitions with rows, but X has "
            f"{n_partitions}. Rechunk or repartition X to at least {n_replicas}, or "
            "set n_replicas='auto'."
        )
    return int(n_replicas)


def prepared_of(X, statistics, spread, scaling, sample, validation, fraction):
    """Return the `SampledPrepared` of a fit.

    Parameters
    ----------
    X : Partitions
        Of the rows.

    statistics : Statistics
        Of all rows.

    spread : float
        Root of the features' mean variance.

    scaling : Scaling
        From the user's units to the network's.

    sample : Sample
        Some of the rows.

    validation : Rows or None
        Some of those that judge, None without any.

    fraction : float
        Of the rows that is held out.
    """
    moments = statistics.moments
    shares = dataclasses.replace(
        moments,
        weights=np.ones(X.n_features),
        squares=moments.squares / statistics.weight,
    )
    limits = float(moments.lowest), float(moments.highest)
    return SampledPrepared(
        sample_shape=X.sample_shape,
        dtype=np.dtype(np.float32 if X.dtype == np.float32 else np.float64),
        mean=moments.mean,
        moments=without_rounding(shares, moments.mean),
        spread=spread,
        range=limits,
        range_to_read=limits,
        scaling=scaling,
        rows=joined_rows([sample.training, sample.held_out]),
        training_rows=sample.training,
        validation=validation,
        validation_fraction=fraction,
        has_missing=False,
        weight=statistics.weight,
    )


def plan_of(request, prepared, statistics, find_axes):
    """Return the `Plan`, with the principal axes of all rows where it starts there.

    Parameters
    ----------
    request : Request
        What the user asks.

    prepared : SampledPrepared
        The data.

    statistics : Statistics
        Of all rows.

    find_axes : callable
        ``find_axes(n_axes)`` gives the `PrincipalAxes` of all rows.
    """
    wanted, axes = request.estimator.encoding_dim, None
    most = min(statistics.n_rows, prepared.n_features, _defaults.MOST_CODES)
    is_number = wanted is None or isinstance(wanted, numbers.Integral)
    fraction = None if is_number else float(wanted)
    if request.earlier is not None:
        wanted = request.earlier.fitted.codec.encoding_dim
    elif fraction is not None:
        axes = find_axes(most).explaining(fraction)
        wanted = max(len(axes.variances), 1)
    elif wanted is None and not network_of(request.estimator).sizes_itself:
        wanted = most
    asked = copy.copy(request.estimator)
    asked.encoding_dim = wanted
    plan = plan_fit(dataclasses.replace(request, estimator=asked), prepared)
    check_order(fraction, plan.codec, plan.goes_on)
    if plan.init == "pca" and axes is None:
        axes = find_axes(plan.architecture.encoding_dim)
    found = None if axes is None else FoundAxes(axes, prepared.rows)
    return dataclasses.replace(plan, fraction=fraction, found=found)


def axes_finder(request, cluster, X, statistics, scaling):
    """Return what finds the `PrincipalAxes` of all rows; see `plan_of`."""

    def find_axes(n_axes):
        arguments = cluster, X, statistics, scaling
        return axes_of(*arguments, n_axes, request.generator)

    return find_axes


def resolve(request, plan, n_training, longest, n_replicas):
    """Return what "auto" stands for.

    A replica takes about 3,000 steps, as a fit on one machine does, of fewer rows: the
    mean of n replicas has the noise of n times as many. With batches by the root of n
    smaller, their error is that of one replica, and a fit takes 1 / √n of its time.
    With batches by n smaller, steps are noisier than their mean makes up for
    (`benchmarks.distributed`; satellite, 2 codes, 4 replicas: 1.10 of it, not 1.01).

    Parameters
    ----------
    request, plan
        See `plan_of`.

    n_training, longest : int
        Number of training rows, and of those of the largest group.

    n_replicas : int
        Number of replicas.
    """
    estimator = request.estimator
    automatic = round(_defaults.batch_size(n_training) / math.sqrt(n_replicas))
    automatic = max(_SMALLEST_BATCH, automatic)
    batch_size = min(int(resolved(estimator.batch_size, automatic)), longest)
    is_nested = request.objective.nested_dropout
    all_rows = min(batch_size * n_replicas, n_training)
    automatic = _defaults.epochs(n_training, all_rows, plan.cost, is_nested, n_replicas)
    epochs = int(resolved(estimator.epochs, automatic))
    patience = resolved(estimator.patience, _defaults.patience(epochs))
    rate = number_of(request.optimizer.learning_rate)
    return Resolved(epochs, batch_size, patience, rate)


def settings_of(request, plan, prepared, chosen, n_rounds, rounds_per_epoch):
    """Return the `Settings` of training; its epochs are rounds."""
    estimator, scale = request.estimator, prepared.scaling.scale
    patience = chosen.patience * rounds_per_epoch
    return Settings(
        epochs=n_rounds,
        batch_size=chosen.batch_size,
        learning_rate_schedule=estimator.learning_rate_schedule,
        patience=patience if estimator.early_stopping else None,
        must_beat_start=plan.init == "pca",
        loss_unit=request.objective.unit(scale),
        loss_offset=request.objective.offset(scale, prepared.n_features),
    )


def attributes_of_rounds(attributes, n_replicas, rounds_per_epoch):
    """Return what a fit over a cluster has beside the other attributes, by name.

    Parameters
    ----------
    attributes : dict
        The others, which count rounds as epochs.

    n_replicas, rounds_per_epoch : int
        Of the fit.
    """
    n_rounds, best = attributes["n_iter_"], attributes["best_epoch_"]
    return {
        "n_replicas_": n_replicas,
        "n_rounds_": n_rounds,
        "n_iter_": math.ceil(n_rounds / rounds_per_epoch),
        "best_epoch_": math.ceil(best / rounds_per_epoch),
    }
