"""The rows of a fit on the cluster: dealt to replicas, in groups for a round each."""

import dataclasses
import functools
import math

import numpy as np
from distributed import futures_of

from skae._data.rows import Rows
from skae.dask import _worker
from skae.dask._blocks import Dealing, joined, joined_rows
from skae.dask._cluster import reduced, shared, task

# 64 MB in float32: what a replica holds and shuffles at once. A worker holds it about
# three times while it is put together. More would need larger workers, less would be
# shuffled less well.
_VALUES_OF_GROUP = 2**24
# Steps between two averages. More let replicas drift apart; fewer would cost more time
# for rounds than for steps.
_STEPS_OF_ROUND = 25
# Of the workers' memory. Rows in float32 that take less are kept there between rounds;
# others are computed anew for each round.
_KEPT_IN_MEMORY = 0.25
# Rows that the driver sees for what needs some rows together: steps, regressions, the
# closed form, mean directions. As float32 64 MB at most, but for very wide rows.
_ROWS_OF_SAMPLE, _VALUES_OF_SAMPLE, _FEWEST_OF_SAMPLE = 20_000, 2**24, 1_000
# Rows that judge, of more evenly spaced ones. A replica's round is some thousands of
# rows, so to judge by all of very many would take longer than to train.
_MOST_JUDGED = 10_000


@dataclasses.dataclass(frozen=True)
class Sample:
    """Some of the rows, which the driver sees, and how many there are.

    Parameters
    ----------
    training, held_out : Rows
        Evenly spaced in each group.

    n_training, n_held_out : list of int
        Number of rows of each group.
    """

    training: Rows
    held_out: Rows
    n_training: list
    n_held_out: list


def deal(lengths, n_replicas, n_features):
    """Deal partitions to replicas, and each replica's into groups for a round each.

    In their order each partition goes to the replica that has the fewest rows so far.
    Workers play no part in it.

    Parameters
    ----------
    lengths : sequence of int
        Number of rows of each partition.

    n_replicas : int
        At most as many as partitions.

    n_features : int
        Number of columns.

    Returns
    -------
    list of lists of lists of int
        For each replica its groups, each of numbers of partitions.
    """
    dealt: list[list[int]] = [[] for _ in range(n_replicas)]
    n_rows = [0] * n_replicas
    for number, length in enumerate(lengths):
        replica = int(np.argmin(n_rows))
        dealt[replica].append(number)
        n_rows[replica] += length
    most = max(1, _VALUES_OF_GROUP // n_features)
    return [_in_groups(numbers, lengths, most) for numbers in dealt]


def _in_groups(numbers, lengths, most):
    """Return neighbouring partitions in as few groups as the most rows of one allow."""
    total = sum(lengths[number] for number in numbers)
    wanted = total / max(1, math.ceil(total / most))
    groups: list[list[int]] = []
    filled = 0
    for number in numbers:
        if not groups or filled >= wanted * len(groups):
            groups.append([])
        groups[-1].append(number)
        filled += lengths[number]
    return groups


class _Kept:
    """Futures by name, which a lost worker may take with it."""

    def __init__(self):
        self._futures = {}

    def get(self, name, submit, version=0):
        """Return the future of a name; submit its task where there is none alive.

        One of another version makes place for it.
        """
        known, future = self._futures.get(name, (None, None))
        is_lost = future is None or future.status in ("cancelled", "lost", "error")
        if is_lost or known != version:
            future = submit()
            self._futures[name] = version, future
        return future


class Groups:
    """The rows of a fit, in groups, which stay on the cluster.

    Parameters
    ----------
    cluster : Cluster
        Holds them.

    partitions : Partitions
        Of the user's rows.

    dealing : Dealing
        Makes them rows of the network.

    n_replicas : int
        Number of replicas.
    """

    def __init__(self, cluster, partitions, dealing, n_replicas):
        self.cluster, self._partitions, self._dealing = cluster, partitions, dealing
        dealt = deal(partitions.lengths, n_replicas, partitions.n_features)
        self._groups = [group for groups in dealt for group in groups]
        self.n_replicas = n_replicas
        self._replicas = [i for i, groups in enumerate(dealt) for _ in groups]
        n_bytes = 4 * partitions.n_rows * partitions.n_features
        self.are_kept = n_bytes <= _KEPT_IN_MEMORY * cluster.memory_limit()
        self._kept = _Kept()

    def __len__(self):
        return len(self._groups)

    def of(self, replica):
        """Return the groups of a replica."""
        return [group for group, of in enumerate(self._replicas) if of == replica]

    def replica_of(self, group):
        """Return the number of a group's replica."""
        return self._replicas[group]

    def block(self, group):
        """Return the future of a group's rows, a `Block`."""
        submit = functools.partial(self._computed, group)
        if self.are_kept:
            return self._kept.get(("group", group), submit)
        # The last one of each replica is kept, for its next round.
        return self._kept.get(("replica", self.replica_of(group)), submit, group)

    def _computed(self, group):
        partitions, dealing = self._partitions, shared(self._dealing)
        parts = [
            task(
                Dealing.block,
                dealing,
                partitions.blocks[number],
                None if partitions.weights is None else partitions.weights[number],
                number,
            )
            for number in self._groups[group]
        ]
        if not any(map(futures_of, self._groups_blocks(group))):
            return self.cluster.compute(task(joined, parts))
        # Rows that workers hold are read where they are.
        return self.cluster.submit(joined, self.cluster.compute(parts))

    def _groups_blocks(self, group):
        return [self._partitions.blocks[number] for number in self._groups[group]]

    def submit(self, function, group, *before, after=()):
        """Return the future of a function of a group's block; see `for_each`."""
        arguments = *before, self.block(group), *after
        return self.cluster.submit(function, *arguments)

    def for_each(self, function, name, *before, after=()):
        """Return what a function of each group's block gives.

        Parameters
        ----------
        function : callable
            Of the arguments before, the block, and those after.

        name : str
            What it computes, for errors.
        """

        def step():
            groups = range(len(self))
            return [self.submit(function, g, *before, after=after) for g in groups]

        return self.cluster.carried_out(step, name)

    def reduced(self, function, together, name, blueprint, given):
        """Return what a function of each group's block gives, brought together.

        Parameters
        ----------
        function : callable
            Of the blueprint, what is given, and the block.

        together : callable
            Of a list of some of its results.

        name : str
            What it computes, for errors.

        blueprint : Blueprint
            Of the fit.

        given : object
            Is sent once.
        """

        def step():
            sent = self.cluster.send(given)
            groups = range(len(self))
            parts = [self.submit(function, g, blueprint, sent) for g in groups]
            return [reduced(self.cluster.submit, together, parts)]

        (found,) = self.cluster.carried_out(step, name)
        return found

    def sample(self):
        """Return the `Sample` that the driver sees."""
        n_rows, n_features = self._partitions.n_rows, self._partitions.n_features
        most = max(_VALUES_OF_SAMPLE // n_features, _FEWEST_OF_SAMPLE)
        fraction = min(1.0, min(_ROWS_OF_SAMPLE, most) / n_rows)
        found = self.for_each(_worker.sample_of, "a sample of X", after=(fraction,))
        training, held_out, sizes = zip(*found, strict=True)
        n_training, n_held_out = map(list, zip(*sizes, strict=True))
        parts = joined_rows(training), joined_rows(held_out)
        return Sample(*parts, n_training, n_held_out)


class Replicas:
    """The training rows of each replica, in groups for a round each.

    Parameters
    ----------
    groups : Groups
        All rows.

    n_training : list of int
        Number of training rows of each group.

    *pull_arguments
        What `skae.dask._worker.pulls_of` takes before the block and after it: the
        blueprint, the start, and the limits.
    """

    def __init__(self, groups, n_training, *pull_arguments):
        self._groups, self._pull_arguments = groups, pull_arguments
        self._n_training = n_training
        dealt: dict[int, list] = {}
        for group, n_rows in enumerate(n_training):
            if n_rows:
                dealt.setdefault(groups.replica_of(group), []).append(group)
        self.dealt = list(dealt.values())
        self._kept = _Kept()

    @property
    def groups_per_epoch(self):
        """The largest number of groups of a replica."""
        return max(map(len, self.dealt))

    def n_parts(self, batch_size):
        """Return in how many parts a replica trains on a group, one in a round."""
        return max(1, round(max(self._n_training) / (batch_size * _STEPS_OF_ROUND)))

    def rounds_per_epoch(self, batch_size):
        """Return the number of rounds in which every row is trained on once."""
        return self.groups_per_epoch * self.n_parts(batch_size)

    def length(self, group, place):
        """Return the number of rows of a group in the part of a round."""
        whole, rest = divmod(self._n_training[group], place.n_parts)
        return whole + (place.part < rest)

    def steps_of_round(self, batch_size):
        """Return the most steps of a replica in a round."""
        longest = math.ceil(max(self._n_training) / self.n_parts(batch_size))
        return math.ceil(longest / batch_size)

    def train(self, group, blueprint, state, *others):
        """Return the future of a round on a group; see `skae.dask._worker.train`."""
        after = self._pulls(group), *others
        return self._groups.submit(_worker.train, group, blueprint, state, after=after)

    def _pulls(self, group):
        blueprint, start, limits = self._pull_arguments

        def submit():
            return self._groups.submit(
                _worker.pulls_of, group, blueprint, start, after=(limits,)
            )

        return self._kept.get(group, submit)


class Judging:
    """The rows that judge: some held out, or the user's own.

    Parameters
    ----------
    cluster : Cluster
        Holds them.

    submits : list of callables
        Each submits the task of some of the `Rows`.
    """

    def __init__(self, cluster, submits):
        self._cluster, self._submits, self._kept = cluster, submits, _Kept()
        found = cluster.carried_out(
            lambda: [cluster.submit(_worker.weights_of, rows) for rows in self.rows()],
            "the weights of rows that judge",
        )
        self.counts = np.concatenate(found)

    def rows(self):
        """Return futures of the `Rows`, which are kept."""
        return [
            self._kept.get(number, submit)
            for number, submit in enumerate(self._submits)
        ]

    def sample(self):
        """Return some of the rows, evenly spaced."""
        fraction = min(1.0, _ROWS_OF_SAMPLE / max(1, len(self.counts)))

        def step():
            return [
                self._cluster.submit(_worker.some_of, rows, fraction)
                for rows in self.rows()
            ]

        return joined_rows(self._cluster.carried_out(step, "a sample of X_val"))


def held_out_rows(groups, n_rows, seed, n_draws):
    """Return the `Judging` by the rows that groups hold out.

    Parameters
    ----------
    groups : Groups
        All rows.

    n_rows : int
        Number of rows that they hold out.

    seed : int
        Of draws.

    n_draws : int
        Number of draws for each row, which stay the same in all rounds.
    """
    fraction = _fraction_to_judge(n_rows)

    def submit(replica):
        parts = [
            groups.submit(_worker.held_out, group, after=(fraction,))
            for group in groups.of(replica)
        ]
        return groups.cluster.submit(_worker.drawn, parts, seed + replica, n_draws)

    return Judging(
        groups.cluster, [functools.partial(submit, i) for i in range(groups.n_replicas)]
    )


def users_rows(cluster, partitions, dealing, seed, n_draws):
    """Return the `Judging` by the partitions of `X_val`; see `held_out_rows`."""
    fraction = _fraction_to_judge(partitions.n_rows)

    def submit(number):
        rows = task(Dealing.validation, dealing, partitions.blocks[number], number)
        kept = task(_worker.spaced, rows, fraction)
        return cluster.compute(task(_worker.drawn, [kept], seed + number, n_draws))

    n_parts = len(partitions.blocks)
    return Judging(cluster, [functools.partial(submit, i) for i in range(n_parts)])


def _fraction_to_judge(n_rows):
    return min(1.0, _MOST_JUDGED / max(1, n_rows))
