"""Training by rounds: replicas take local steps, and the driver averages them."""

import dataclasses
from typing import Any

import numpy as np

from skae._runtime.randomness import draw_seed
from skae._training.selection import Judge, Judged
from skae.dask import _worker
from skae.dask._networks import State, is_averaging


class Rounds:
    """Rounds of local steps, as `skae._training.epochs.train_by` has them carried out.

    Between rounds all state is here, on the driver. A lost worker costs its round.

    Parameters
    ----------
    cluster : Cluster
        Carries out the tasks.

    replicas : Replicas
        The rows.

    blueprint : Blueprint
        Of the fit.

    n_rounds : int
        Of the whole training.

    generator : numpy.random.RandomState
        Orders the groups of rows, and seeds the rounds.

    learning_rate : float
        Largest of the schedule.
    """

    compiled_steps = None

    def __init__(
        self, cluster, replicas, blueprint, n_rounds, generator, learning_rate
    ):
        self._cluster, self._replicas, self._blueprint = cluster, replicas, blueprint
        self._generator, self._rate = generator, learning_rate
        self._orders: list[np.ndarray] = []
        self._seeds: list[int] = []
        self._n_rounds = n_rounds
        self._n_parts = replicas.n_parts(blueprint.batch_size)
        self._n_steps = replicas.steps_of_round(blueprint.batch_size)

    def begin(self, start):
        """Start from the given values of all variables."""
        self._state = State(start)

    @property
    def weights(self):
        """Values of all variables."""
        return self._state.weights

    @property
    def averages_weights(self):
        """Whether the optimizer keeps averages of the weights, to be put in place."""
        return is_averaging(self._blueprint)

    def run(self, round_):
        """Carry out a round.

        Returns
        -------
        terms : float64 array of shape (n_terms,)
            Mean terms of the loss.

        rate : float
            Learning rate of the last step.
        """
        place = _worker.Place(
            round_,
            self._n_rounds,
            self._n_steps,
            round_ % self._n_parts,
            self._n_parts,
        )
        groups = self._groups(place)

        def step():
            state = self._cluster.send(self._state)
            return [
                self._replicas.train(group, self._blueprint, state, seed, place)
                for group, seed in groups
            ]

        trained = self._cluster.carried_out(step, f"round {round_ + 1}")
        self._state = averaged(trained)
        weights = [one.weight for one in trained]
        terms = np.average([one.terms for one in trained], axis=0, weights=weights)
        return terms, self._rate * trained[0].last_factor

    def _groups(self, place):
        """Return the group of each replica that has rows in a round, and its seed.

        A replica goes through its groups in an order of its own, drawn anew each time,
        and through the rows of each part by part.
        """
        n_groups = self._replicas.groups_per_epoch
        number = place.round_number // self._n_parts % n_groups
        if place.part == 0:
            if number == 0:
                self._orders = [
                    self._generator.permutation(groups)
                    for groups in self._replicas.dealt
                ]
            self._seeds = [draw_seed(self._generator) for _ in self._orders]
        return [
            (int(order[number]), seed)
            for order, seed in zip(self._orders, self._seeds, strict=True)
            if number < len(order) and self._replicas.length(order[number], place)
        ]

    def put_averages_in_place(self):
        """Let the optimizer put its averages in the weights' place."""

        def step():
            state = self._cluster.send(self._state)
            return [
                self._cluster.submit(_worker.averages_in_place, self._blueprint, state)
            ]

        (weights,) = self._cluster.carried_out(step, "the averages of the weights")
        self._state = dataclasses.replace(self._state, weights=weights)


def averaged(trained):
    """Return the mean `State` of replicas, in their order, by the weight of their rows.

    In float64; numbers of steps and the like are rounded to whole ones.

    Parameters
    ----------
    trained : list of Trained
        What the replicas' rounds gave.
    """
    weights = np.array([one.weight for one in trained])
    shares = weights / weights.sum()

    def mean(parts):
        total = sum(
            share * part.astype(np.float64)
            for share, part in zip(shares, parts, strict=True)
        )
        first = parts[0]
        return (total if first.dtype.kind == "f" else np.rint(total)).astype(
            first.dtype
        )

    states = [one.state for one in trained]
    return State(
        [mean(parts) for parts in zip(*(s.weights for s in states), strict=True)],
        [
            mean(parts)
            for parts in zip(*(s.optimizer_values for s in states), strict=True)
        ],
    )


@dataclasses.dataclass(frozen=True)
class ClusterJudge(Judge):
    """Finds the losses of weights on the rows that judge, where these lie.

    Parameters
    ----------
    cluster : Cluster
        Carries out the tasks.

    blueprint : Blueprint
        Of the fit.

    judging : Judging or None
        The rows that judge.
    """

    cluster: Any = None
    blueprint: Any = None
    judging: Any = None

    @property
    def counts(self):
        """What the rows that judge count."""
        return self.judging.counts

    def judge(self, weights, epoch, loss=np.nan):
        """Return `weights` as `Judged`; without validation rows, by the given loss."""
        judging = self.judging
        if judging is None:
            return Judged(weights, epoch, loss)

        def step():
            state = self.cluster.send(State(weights))
            return [
                self.cluster.submit(_worker.judge, self.blueprint, state, rows)
                for rows in judging.rows()
            ]

        parts: list[Any] = self.cluster.carried_out(step, f"judging round {epoch}")
        row_terms = np.concatenate(parts)
        terms = np.average(row_terms, axis=0, weights=self.counts)
        row_losses = row_terms @ self.term_weights
        loss = float(terms @ self.term_weights)
        return Judged(weights, epoch, loss, terms, row_losses)
