"""The training loop over pairs of neighbours."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._data.rows import Rows
from skae._neighbors.affinities import Affinities
from skae._runtime.randomness import draw_seed
from skae._runtime.warnings import warn
from skae._training.batches import BatchReader, lengthened
from skae._training.history import LossUnits, by_name
from skae._training.schedule import cosine_with_warmup

# Fraction of the steps with early exaggeration, while the learning rate rises. Without
# it trustworthiness is lower by 0.002, with an exaggeration of 12 by 0.007 (MNIST,
# 20,000 rows).
_EARLY = 0.1


@dataclasses.dataclass(frozen=True)
class PairTask:
    """What to train on, and how.

    Parameters
    ----------
    rows : Rows
        Training rows.

    affinities : Affinities
        By which neighbours are drawn.

    objective : NeighborEmbedding
        Names the terms of the loss.

    term_weights : tuple of float
        What the terms count in the loss; the first is that of attraction.

    early_exaggeration : float
        What multiplies attraction in the first tenth of the steps.

    epochs, n_pairs : int
        Number of passes over the rows, and number of pairs in a step.

    generator : numpy.random.RandomState
        Draws order and neighbours.

    observers : sequence of Observer, default=()
        Told of all that happens.
    """

    rows: Rows
    affinities: Affinities
    objective: Any
    term_weights: tuple
    early_exaggeration: float
    epochs: int
    n_pairs: int
    generator: np.random.RandomState
    observers: Sequence = ()

    @property
    def n_batches(self):
        """Number of batches in an epoch."""
        return -(-len(self.rows) // self.n_pairs)

    def batches(self):
        """Return row numbers of the batches of an epoch: each row with a neighbour.

        The last batch is filled up by rows of the first.
        """
        order = self.generator.permutation(len(self.rows)).astype(np.int32)
        others = self.affinities.drawn(self.generator)
        order = np.resize(order, (self.n_batches, self.n_pairs))
        return np.stack([order, others[order]], axis=-1).reshape(self.n_batches, -1)

    def weights_of_terms(self, steps):
        """Return what the terms count in the loss at each step, (n_steps, n_terms)."""
        n_early = _EARLY * self.epochs * self.n_batches
        factors = np.ones((len(steps), len(self.term_weights)))
        factors[:, 0] = np.where(steps < n_early, self.early_exaggeration, 1)
        return (factors * self.term_weights).astype(np.float32)

    def tell(self, event, *arguments):
        """Call a method of all observers."""
        for observer in self.observers:
            getattr(observer, event)(*arguments)


def train_on_pairs(task, compiled_steps, start):
    """Train from a start; return the weights, and the history by name.

    Where the loss becomes infinite or NaN, the weights are those of two epochs before:
    the loss of an epoch is that before each of its steps, so the last steps of the one
    before may already have lost the map.
    """
    weights = np.array(task.term_weights)
    units = LossUnits(1.0, 0.0, task.objective.terms, weights)
    reader = BatchReader(task.rows, ())
    compiled_steps.reset(start, draw_seed(task.generator))
    rate = compiled_steps.learning_rate
    task.tell("begin", compiled_steps, None)
    kept, trained = start, start
    epochs: list[dict] = []
    for epoch in range(task.epochs):
        steps = epoch * task.n_batches + np.arange(task.n_batches)
        factors = cosine_with_warmup(steps, task.epochs * task.n_batches)
        terms = _train_epoch(task, compiled_steps, reader, steps, factors)
        logs = units.logs(terms) | {"learning_rate": rate * float(factors[-1])}
        if not _are_finite(terms, *compiled_steps.weights):
            _warn_of_divergence(epoch)
            return kept, by_name(epochs[:-1], False)
        kept, trained = trained, compiled_steps.weights
        epochs.append(logs)
        task.tell("epoch_end", epoch, logs, None)
    return trained, by_name(epochs, False)


def _train_epoch(task, compiled_steps, reader, steps, factors):
    """Train on all batches, a group at a time; return the mean terms of the loss."""
    numbers, weights = task.batches(), task.weights_of_terms(steps)
    counts = np.ones(numbers.shape, np.float32)
    means, n_batches = [], []
    for group in reader.groups(numbers, counts, counts):
        *_, (mean, _) = compiled_steps.run(
            group.data,
            (group.numbers, group.counts, group.pulls),
            lengthened(factors, group.batches),
            lengthened(weights, group.batches),
            group.n_batches,
        )
        means.append(mean)
        n_batches.append(group.n_batches)
    return np.average(means, axis=0, weights=n_batches)


def _are_finite(*arrays):
    return all(np.isfinite(array).all() for array in arrays)


def _warn_of_divergence(epoch):
    kept = max(epoch - 1, 0)
    warn(
        f"The loss became infinite or NaN in epoch {epoch + 1}; training stopped "
        f"and kept the weights after epoch {kept}. Try a smaller learning_rate, a "
        "larger batch_size, or data without extreme values.",
        ConvergenceWarning,
    )
