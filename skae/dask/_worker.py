"""What workers do for a round; results follow from the arguments alone."""

import dataclasses
import functools

import numpy as np

from skae._runtime.randomness import draw_seed
from skae._training.batches import BatchReader, rows_to_read
from skae._training.epochs import Task
from skae._training.outliers import pulls_in_training
from skae._training.passes import train_epoch
from skae._training.schedule import Settings, cosine_with_warmup
from skae._training.steps_pool import graph_compilation
from skae._training.task import distances_of
from skae.dask._blocks import joined_rows
from skae.dask._networks import (
    Network,
    State,
    built_network,
    fitted_network,
    lent_steps,
)
from skae.networks._build import Cost


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a replica's round gave.

    Parameters
    ----------
    state : State
        After its steps.

    terms : float64 array of shape (n_terms,)
        Mean terms of the loss.

    weight : float
        Sum of the weights of its rows.

    last_factor : float
        What multiplied the learning rate in the last step.
    """

    state: State
    terms: np.ndarray
    weight: float
    last_factor: float


def pulls_of(blueprint, start, block, limits):
    """Return how hard the training rows of a block pull, a float32 array."""
    network, request = fitted_network(blueprint, start)
    rows, terms = block.training, np.array(request.objective.term_weights)
    if not len(rows) or not request.objective.losses_start_at_zero:
        return np.ones(len(rows), np.float32)
    losses, squared_lengths = distances_of(network, rows, terms)
    pulls = pulls_in_training(losses, squared_lengths, limits)
    return pulls.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where in the schedule a round is.

    Parameters
    ----------
    round_number, n_rounds : int
        Which round it is, counted from 0, and how many there are.

    n_steps : int
        Steps of a round in the schedule: those of the replica with the most rows.

    part, n_parts : int
        Which part of the rows of its group a replica trains on, and of how many.
    """

    round_number: int
    n_rounds: int
    n_steps: int
    part: int
    n_parts: int

    def rows_of(self, n_rows, seed):
        """Return the numbers of the rows of this part, at random but for the seed."""
        order = np.random.RandomState(seed).permutation(n_rows)
        return np.array_split(order, self.n_parts)[self.part]

    def factors(self, n_batches):
        """Return the factors of the learning rate for a replica's batches.

        A replica of fewer batches goes through the schedule in larger strides.
        """
        numbers = np.arange(n_batches) * self.n_steps // n_batches
        numbers += self.round_number * self.n_steps
        return cosine_with_warmup(numbers, self.n_rounds * self.n_steps)


def train(blueprint, state, block, pulls, seed, place):
    """Train a replica's rows once, from the last average; return `Trained`.

    Parameters
    ----------
    blueprint : Blueprint
        Of the fit.

    state : State
        The last average.

    block : Block
        The rows.

    pulls : float32 array of shape (n_rows,)
        How hard they pull.

    seed : int
        Divides the rows into parts, and orders the batches.

    place : Place
        Where in the schedule the round is.
    """
    request = blueprint.request()
    built = built_network(blueprint, request, blueprint.encoding_dim)
    codec, rows, generator = built.codec, block.training, np.random.RandomState(seed)
    if place.n_parts > 1:
        some = place.rows_of(len(rows), seed)
        rows, pulls = rows[some], pulls[some]
        generator = np.random.RandomState(seed + 1 + place.part)
    task = Task(
        settings=Settings(1, min(blueprint.batch_size, len(rows))),
        rows=rows_to_read(rows, Cost.of(codec.encoder, codec.decoder)),
        validation=None,
        objective=request.objective,
        row_terms=functools.partial(_row_terms, blueprint),
        generator=generator,
        steps=blueprint.steps,
        pulls=pulls,
    )
    compilation = graph_compilation(place.n_rounds * place.n_steps)
    with lent_steps(built, request, blueprint.steps, compilation) as steps:
        steps.reset(state.weights, draw_seed(task.generator), state.optimizer_values)
        factors = np.ones(task.n_batches, np.float32)
        if steps.follows_schedule and _is_cosine(blueprint):
            factors = place.factors(task.n_batches)
        terms = train_epoch(task, steps, BatchReader(task.rows, ()), 0, factors)
        trained = State(steps.weights, steps.optimizer_values)
    return Trained(trained, terms, float(rows.weights.sum()), float(factors[-1]))


def _is_cosine(blueprint):
    return blueprint.estimator.learning_rate_schedule == "cosine"


def averages_in_place(blueprint, state):
    """Return the weights once the optimizer has put its averages in their place."""
    request = blueprint.request()
    built = built_network(blueprint, request, blueprint.encoding_dim)
    with lent_steps(built, request, blueprint.steps) as steps:
        steps.reset(state.weights, 0, state.optimizer_values)
        steps.put_averages_in_place()
        return steps.weights


def _row_terms(blueprint, weights, rows):
    network = Network(weights, blueprint.encoding_dim)
    return fitted_network(blueprint, network)[0].row_terms(rows)


def judge(blueprint, state, rows):
    """Return the terms of the rows that judge, a float64 array (n_rows, n_terms).

    Parameters
    ----------
    blueprint : Blueprint
        Of the fit.

    state : State
        Whose weights are judged.

    rows : Rows
        Rows that judge.
    """
    return _row_terms(blueprint, state.weights, rows).astype(np.float64)


def weights_of(rows):
    """Return what rows count."""
    return rows.weights


def held_out(block, fraction):
    """Return a fraction of the rows that a block holds out; see `spaced`."""
    return spaced(block.held_out, fraction)


def spaced(rows, fraction):
    """Return evenly spaced rows, about a fraction of them, but one at least."""
    return rows if fraction == 1 else rows[_evenly_spaced(len(rows), fraction)]


def drawn(parts, seed, n_draws):
    """Return rows of some parts, with draws, the same in all rounds, if any are wanted.

    Parameters
    ----------
    parts : list of Rows
        Rows that judge.

    seed : int
        Of the draws.

    n_draws : int
        Number of draws for each row.
    """
    rows = joined_rows(parts)
    if not n_draws:
        return rows
    draws = np.random.RandomState(seed).standard_normal((len(rows), n_draws))
    return rows.drawn(draws.astype(np.float32))


def some_of(rows, fraction):
    """Return evenly spaced rows, dense: about a fraction of them."""
    kept = rows[_evenly_spaced(len(rows), fraction)]
    return dataclasses.replace(kept, values=np.array(kept.values, np.float32))


def _evenly_spaced(n_rows, fraction):
    """Return the numbers of about a fraction of so many rows."""
    n_kept = min(n_rows, max(1, round(fraction * n_rows)))
    return np.linspace(0, n_rows - 1, n_kept).astype(int)


def sample_of(block, fraction):
    """Return evenly spaced rows of a block, training and held-out ones, and its size.

    Parameters
    ----------
    block : Block
        The rows.

    fraction : float
        How many of the rows.
    """
    parts = (some_of(rows, fraction) for rows in (block.training, block.held_out))
    return (*parts, block.size)
