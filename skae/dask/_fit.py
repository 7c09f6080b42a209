"""One fit over a cluster, from the user's collections to fitted attributes."""

import copy
import dataclasses
from typing import Any

import numpy as np
from sklearn.base import clone

from skae import _defaults
from skae._data.moments import total_scale
from skae._data.prepare import check_range, scaling_for
from skae._model.order_checks import warn_if_constant, warn_if_short
from skae._runtime.randomness import as_generator, draw_seed
from skae._training.attributes import Facts, attributes_of, set_attributes
from skae._training.epochs import Task, keep_start, train_by
from skae._training.observers import closed_at_the_end
from skae._training.outliers import Limits
from skae._training.plan import earlier_fit, request_for
from skae._training.refinement import refine
from skae._training.schedule import USUAL_STEPS
from skae._training.selection import Judge
from skae._training.start import Chance, find_start
from skae._training.task import distances_of, observers_for, on_standardized
from skae.dask import _plan
from skae.dask._blocks import Dealing
from skae.dask._checks import check_alike, check_supported, take_layout
from skae.dask._cluster import Cluster
from skae.dask._collections import partitions
from skae.dask._data import Groups, Judging, Replicas, held_out_rows, users_rows
from skae.dask._networks import Blueprint, Network
from skae.dask._ordering import ordered
from skae.dask._rounds import ClusterJudge, Rounds
from skae.dask._statistics import held_out_threshold, statistics_of


def fit(estimator, data, client):
    """Fit an estimator: measure, deal, plan, start, train by rounds, order the codes.

    Parameters
    ----------
    estimator : DaskAutoencoderTransformer
        A copy of the user's, which is dropped if anything fails.

    data : UserData
        X is a collection of Dask's.

    client : distributed.Client
        Synchronous.
    """
    check_supported(estimator)
    cluster, generator = Cluster(client), as_generator(estimator.random_state)
    earlier = earlier_fit(estimator) if estimator.warm_start else None
    rate = _defaults.learning_rate
    request = request_for(estimator, data, earlier, generator, rate)
    with client.as_current():  # where lengths may have to be computed
        X, X_val = _read(estimator, data, earlier)
    on_cluster = _dealt(request, cluster, X, X_val)
    facts = _planned(request, cluster, X, on_cluster)
    training = _training(facts, cluster, on_cluster)
    observers = training.task.observers
    with closed_at_the_end(observers):
        rate = facts.chosen.learning_rate
        trained = _train(training, cluster, rate, facts.start.weights)
        refined = refine(facts, trained)
        codes = ordered(facts, refined, on_cluster.groups, training.blueprint)
        attributes = attributes_of(facts, refined.trained, codes)
        attributes |= _plan.attributes_of_rounds(
            attributes, on_cluster.n_replicas, training.rounds_per_epoch
        )
        set_attributes(estimator, attributes)
        for observer in observers:
            observer.end(attributes)
    if facts.plan.fraction is not None and not facts.plan.goes_on:
        warn_if_short(codes.ratios, facts.plan.fraction)
    warn_if_constant(codes)


def _read(estimator, data, earlier):
    """Return the `Partitions` of X, and of `X_val` if it is given."""
    X, X_val = partitions(data.X, data.sample_weight), None
    take_layout(estimator, X, earlier)
    if data.X_val is not None:
        X_val = partitions(data.X_val, name="X_val")
        check_alike("X_val", X_val, X.n_features, X.feature_names)
    return X, X_val


@dataclasses.dataclass(frozen=True)
class _OnCluster:
    """The rows on the cluster, and what the driver knows of them.

    Parameters
    ----------
    groups : Groups
        The rows.

    n_replicas : int
        Number of replicas.

    statistics : Statistics
        Of all rows.

    sample : Sample
        Some of the rows.

    judging : Judging or None
        The rows that judge.

    prepared : SampledPrepared
        The data as a fit on one machine has them, of the sample.
    """

    groups: Groups
    n_replicas: int
    statistics: Any
    sample: Any
    judging: Judging | None
    prepared: Any


def _dealt(request, cluster, X, X_val):
    """Measure all rows and deal them to replicas; return `_OnCluster`."""
    estimator, objective = request.estimator, request.objective
    seed, draws_seed = draw_seed(request.generator), draw_seed(request.generator)
    statistics = statistics_of(cluster, X, seed)
    moments = statistics.moments
    check_range(objective, "X", float(moments.lowest), float(moments.highest))
    spread = total_scale(moments.mean, moments.variance)
    scaling = scaling_for(objective, moments.mean, spread)
    if request.earlier is not None:
        scaling = request.earlier.scaling
    n_rows = statistics.n_rows
    fraction = _plan.fraction_to_hold_out(estimator, n_rows, X_val is not None)
    threshold = held_out_threshold(statistics, fraction)
    n_replicas = _plan.number_of_replicas(
        estimator.n_replicas, len(X.blocks), n_rows, cluster.n_threads()
    )
    dealing = Dealing(scaling, seed, threshold, objective)
    groups = Groups(cluster, X, dealing, n_replicas)
    sample, judging, validation = groups.sample(), None, None
    n_draws = objective.n_draws(1)
    if X_val is not None:
        judging = users_rows(cluster, X_val, dealing, draws_seed, n_draws)
        validation = judging.sample()
    elif fraction:
        n_held_out = sum(sample.n_held_out)
        judging = held_out_rows(groups, n_held_out, draws_seed, n_draws)
        validation = judging.sample()
    prepared = _plan.prepared_of(
        X, statistics, spread, scaling, sample, validation, fraction
    )
    return _OnCluster(groups, n_replicas, statistics, sample, judging, prepared)


def _planned(request, cluster, X, on_cluster):
    """Return the `Facts`: the plan, the start, and what every "auto" stands for."""
    prepared, sample = on_cluster.prepared, on_cluster.sample
    statistics, scaling = on_cluster.statistics, prepared.scaling
    find_axes = _plan.axes_finder(request, cluster, X, statistics, scaling)
    plan = _plan.plan_of(request, prepared, statistics, find_axes)
    n_training = sum(sample.n_training)

    def decay(n_rows, encoding_dim):  # the driver sees fewer rows
        return _defaults.weight_decay(n_training, encoding_dim)

    is_auto = request.estimator.optimizer == "auto"
    start = find_start(request, plan, prepared, decay if is_auto else None)
    longest = max(sample.n_training)
    chosen = _plan.resolve(request, plan, n_training, longest, on_cluster.n_replicas)
    chance = Chance(prepared, None, (), None)
    seed = draw_seed(copy.deepcopy(request.generator))
    return Facts(request, plan, chance, start, chosen, seed=seed)


@dataclasses.dataclass(frozen=True)
class _RoundsTask(Task):
    """What to train on by rounds; see `Task`, whose rows are the sample.

    Parameters
    ----------
    cluster_judge : Judge or None, default=None
        What finds the losses of weights.
    """

    cluster_judge: Judge | None = None

    @property
    def judge(self):
        """What finds the losses of weights."""
        return self.cluster_judge


@dataclasses.dataclass(frozen=True)
class _Training:
    """What trains: the task, the replicas, and what workers know of the fit."""

    task: _RoundsTask
    replicas: Replicas
    blueprint: Blueprint
    rounds_per_epoch: int


def _training(facts, cluster, on_cluster):
    """Return the `_Training` of a fit."""
    request, plan, start = facts.request, facts.plan, facts.start
    prepared, chosen, objective = facts.prepared, facts.chosen, request.objective
    n_codes, rows = plan.codec.encoding_dim, prepared.training_rows
    # An optimizer that averages weights would do so after steps of another size.
    steps = USUAL_STEPS if request.optimizer.use_ema else start.steps
    local = request.estimator.to_local()
    blueprint = Blueprint(
        clone(local), prepared.sample_shape, n_codes, chosen.batch_size, steps
    )
    term_weights = np.array(objective.term_weights)
    at_start = on_standardized(plan, start.weights)
    limits = Limits.of(*distances_of(at_start, rows, term_weights))
    sent = Network(start.weights, n_codes)
    n_training = on_cluster.sample.n_training
    replicas = Replicas(on_cluster.groups, n_training, blueprint, sent, limits)
    per_epoch = replicas.rounds_per_epoch(chosen.batch_size)
    n_rounds = 0 if start.is_solution else chosen.epochs * per_epoch
    settings = _plan.settings_of(request, plan, prepared, chosen, n_rounds, per_epoch)

    def row_terms(weights, rows):
        return on_standardized(plan, weights).row_terms(rows)

    known = row_terms, term_weights, rows, prepared.validation
    task = _RoundsTask(
        settings=settings,
        rows=rows,
        validation=prepared.validation,
        objective=objective,
        row_terms=row_terms,
        generator=request.generator,
        observers=observers_for(request, plan, prepared, settings, "round"),
        cluster_judge=ClusterJudge(
            *known,
            objective.losses_start_at_zero,
            cluster=cluster,
            blueprint=blueprint,
            judging=on_cluster.judging,
        ),
    )
    return _Training(task, replicas, blueprint, per_epoch)


def _train(training, cluster, rate, start):
    """Train by rounds; return `Trained`."""
    task = training.task
    if not task.settings.epochs:
        return keep_start(task, start)
    rounds = Rounds(
        cluster,
        training.replicas,
        training.blueprint,
        task.settings.epochs,
        task.generator,
        rate,
    )
    return train_by(task, rounds, start)
