"""One fit of a map that keeps neighbours together, step by step."""

import dataclasses

from skae import _defaults
from skae._data.prepare import prepare
from skae._model.codec import Codec, shared_codec
from skae._model.description import described
from skae._model.fitted import FittedNetwork
from skae._neighbors.affinities import Affinities
from skae._neighbors.divergence import kl_divergence
from skae._neighbors.search import MOST_AXES, nearest_neighbors
from skae._pca.axes import principal_axes
from skae._runtime.interrupts import (
    interrupts_deferred,
    let_interrupts_in,
    out_of_reach,
)
from skae._runtime.randomness import as_generator, draw_seed
from skae._runtime.tensorflow import check_eager
from skae._training.attributes import set_attributes
from skae._training.batches import rows_to_read
from skae._training.embedding_start import start_at_axes
from skae._training.observers import closed_at_the_end
from skae._training.optimizers import check_optimizer
from skae._training.pairs import PairTask, train_on_pairs
from skae._training.plan import init_of, network_of, resolved
from skae._training.progress import EpochLines, ProgressBar
from skae._training.steps_pool import borrowed_steps, compilation_for
from skae._training.task import on_standardized
from skae.networks._build import Architecture, Cost
from skae.networks._memory import check_memory

# Van der Maaten (2014): beyond three times the perplexity affinities are next to none.
_NEIGHBORS_PER_PERPLEXITY = 3


@dataclasses.dataclass(frozen=True)
class MapPlan:
    """What is trained, with every "auto" resolved.

    Parameters
    ----------
    codec : Codec
        The network.

    init : {"pca", "random"}
        Where weights start.

    epochs, n_pairs : int
        Passes over the rows, and pairs of neighbours in a step.

    learning_rate : float
        The largest of the schedule.
    """

    codec: Codec
    init: str
    epochs: int
    n_pairs: int
    learning_rate: float

    @property
    def architecture(self):
        """What the network is built from."""
        return self.codec.architecture

    @property
    def cost(self):
        """What the network computes for a row."""
        return Cost.of(self.codec.encoder, self.codec.decoder)


def fit_embedding(estimator, data):
    """Fit a map: prepare, plan, find neighbours, start, train, set attributes.

    Parameters
    ----------
    estimator : ParametricTSNE
        A copy of the user's estimator, which is dropped if anything fails.

    data : UserData
        What the user has given.
    """
    with interrupts_deferred():  # Ctrl-C ends a fit between its steps
        check_eager()
        generator, objective = (
            as_generator(estimator.random_state),
            estimator._objective(),
        )
        prepared = prepare(
            estimator, data, objective, generator, validation_fraction=0.0, merges=False
        )
        _check_perplexity(estimator.perplexity, len(prepared.rows))
        plan = _plan(estimator, prepared, objective)
        let_interrupts_in()
        axes = _axes(plan, prepared, generator)
        let_interrupts_in()
        affinities = _affinities(estimator, prepared, axes, draw_seed(generator))
        let_interrupts_in()
        start = plan.codec.initial_weights(draw_seed(generator))
        if plan.init == "pca":
            start = start_at_axes(plan.codec, start, axes, generator)
        observers = _observers(estimator, plan)
        with closed_at_the_end(observers):
            task = _task(estimator, plan, prepared, affinities, generator, observers)
            weights, history = _train(task, plan, start)
            let_interrupts_in()
            attributes = _attributes(plan, prepared, affinities, weights, history)
            set_attributes(estimator, attributes)
            for observer in observers:
                observer.end({"best_epoch_": attributes["n_iter_"], "n_centers_": 0})


def _check_perplexity(perplexity, n_rows):
    if perplexity >= n_rows:
        raise ValueError(
            f"perplexity ({perplexity}) must be less than n_samples ({n_rows}). It is "
            "about the number of neighbours of a row: give a smaller one, or more rows."
        )


def _plan(estimator, prepared, objective):
    network = network_of(estimator)
    _check_linear(network)
    shape, n_rows = prepared.sample_shape, len(prepared.rows)
    dim = network.n_codes(shape, int(estimator.n_components))
    init = init_of(estimator, network)
    architecture = Architecture(network, shape, dim, objective)
    check_memory(architecture, n_rows)
    n_pairs = min(int(resolved(estimator.batch_size, _defaults.N_PAIRS)), n_rows)
    return MapPlan(
        shared_codec(architecture),
        init,
        int(resolved(estimator.epochs, _defaults.epochs_of_map(n_rows, n_pairs))),
        n_pairs,
        float(resolved(estimator.learning_rate, _defaults.LEARNING_RATE_OF_MAP)),
    )


def _check_linear(network):
    if network.code_activation != "linear":
        raise ValueError(
            f"A map needs linear codes, but network has code_activation="
            f"{network.code_activation!r}. Leave it at 'linear'."
        )


def _axes(plan, prepared, generator):
    """Return the principal axes that the start and the search for neighbours need."""
    rows = prepared.rows
    n_axes = max(plan.codec.encoding_dim, min(MOST_AXES, rows.values.shape[1]))
    return principal_axes(rows.values, rows.weights, n_axes, generator)


def _affinities(estimator, prepared, axes, seed):
    """Return the `Affinities` of the rows."""
    values, perplexity = prepared.rows.values, float(estimator.perplexity)
    n_neighbors = max(1, int(_NEIGHBORS_PER_PERPLEXITY * perplexity))
    found = out_of_reach(
        nearest_neighbors,
        values,
        axes,
        min(n_neighbors, len(values) - 1),
        estimator.neighbors,
        seed,
    )
    let_interrupts_in()
    return Affinities.of(found, perplexity)


def _observers(estimator, plan):
    if not estimator.verbose:
        return []
    shown = ProgressBar if estimator.verbose == 1 else EpochLines
    return [shown(plan.epochs, "start")]


def _task(estimator, plan, prepared, affinities, generator, observers):
    objective = plan.codec.objective
    weights = float(estimator.exaggeration), 1.0, float(estimator.reconstruction_weight)
    return PairTask(
        rows_to_read(prepared.rows, plan.cost),
        affinities,
        objective,
        weights[: len(objective.terms)],
        float(estimator.early_exaggeration),
        plan.epochs,
        plan.n_pairs,
        generator,
        observers,
    )


def _train(task, plan, start):
    """Return the trained weights, and the history."""
    optimizer = check_optimizer(_defaults.OPTIMIZER, plan.learning_rate)
    objective, n_rows = task.objective, 2 * len(task.rows)  # each with a neighbour
    n_steps = plan.epochs * task.n_batches
    how = compilation_for(plan.cost, objective, n_rows, plan.epochs, n_steps)
    with borrowed_steps(plan.codec, objective, optimizer, compilation=how) as steps:
        return train_on_pairs(task, steps, start)


def _attributes(plan, prepared, affinities, weights, history):
    """Return the fitted attributes by name."""
    codec = plan.codec
    positions = on_standardized(plan, weights).encode(prepared.rows.values)
    return {
        "kl_divergence_": kl_divergence(affinities, positions),
        "history_": history,
        "n_iter_": len(history["loss"]),
        "init_": plan.init,
        "learning_rate_": plan.learning_rate,
        "batch_size_": plan.n_pairs,
        "epochs_": plan.epochs,
        "mean_": prepared.mean.reshape(prepared.sample_shape),
        "_fitted": FittedNetwork(codec, weights, prepared.scaling),
        "_n_features_out": codec.encoding_dim,
        "_layers": described(codec),
    }
