"""Which weights are kept: by their losses on the validation rows."""

import dataclasses
from collections.abc import Callable

import numpy as np

from skae._data.rows import Rows
from skae._training.outliers import judging_weights

# Of accepting weights that gain nothing, whatever the number of epochs to choose from
# (`benchmarks.guard`).
_LEVEL = 0.04
_N_FLIPS = 999
# Fewer rows, or as few that count, cannot show a gain: ten signs have only a thousand
# patterns.
_FEWEST_ROWS = 10
# Rows that are added up first; more would cost time and memory and change no decision.
_MOST_BLOCKS = 2_000
# Of the start's loss: what all rows may come to where typical rows gain.
_MOST_LOST = 1.002


@dataclasses.dataclass(frozen=True)
class Judged:
    """Weights and what is known of them.

    Parameters
    ----------
    weights : list of ndarray
        Values of all variables in training.

    epoch : int
        Number of epochs behind them.

    loss : float
        Their loss on the validation rows, or else the last that training had.

    terms : ndarray of shape (n_terms,) or None
        What the validation loss is made of.

    row_losses : ndarray of shape (n_validation_rows,) or None
        Loss of each validation row.
    """

    weights: list
    epoch: int
    loss: float
    terms: np.ndarray | None = None
    row_losses: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Judge:
    """Finds the losses of weights.

    Parameters
    ----------
    row_terms : callable
        ``row_terms(weights, rows)`` gives the terms of each row's loss at the weights.

    term_weights : array of shape (n_terms,)
        What the terms count in the loss.

    training_rows : Rows
        Training rows.

    validation : Rows or None
        Rows that judge. Without them weights are judged by the loss in training.

    has_outliers : bool, default=True
        Whether losses are zero or more, so that some are outliers.
    """

    row_terms: Callable
    term_weights: np.ndarray
    training_rows: Rows
    validation: Rows | None
    has_outliers: bool = True

    @property
    def counts(self):
        """What the rows that judge count, in the order of `Judged.row_losses`."""
        assert self.validation is not None
        return self.validation.weights

    def selection(self, start):
        """Return the `Selection` at a start."""
        if self.validation is None:
            return Selection.of(start)
        plain = weights = self.counts
        if self.has_outliers:
            weights = judging_weights(plain, start.row_losses)
        return Selection.of(start, plain * (weights > 0), weights)

    def judge(self, weights, epoch, loss=np.nan):
        """Return `weights` as `Judged`; without validation rows, by the given loss."""
        if self.validation is None:
            return Judged(weights, epoch, loss)
        row_terms = self.row_terms(weights, self.validation).astype(np.float64)
        terms = np.average(row_terms, axis=0, weights=self.validation.weights)
        row_losses = row_terms @ self.term_weights
        return Judged(
            weights, epoch, float(terms @ self.term_weights), terms, row_losses
        )

    def training_loss(self, weights):
        """Return the loss of weights on the training rows."""
        terms = self.row_terms(weights, self.training_rows)
        return float(terms.mean(axis=0, dtype=np.float64) @ self.term_weights)


@dataclasses.dataclass(frozen=True)
class Selection:
    """The weights worth keeping so far.

    Parameters
    ----------
    start, best, previous : Judged
        The first weights, the best, and those that were the best before them.

    weights : array of shape (n_validation_rows,) or None
        What the validation rows count; see `judging_weights`.

    plain_weights : array of shape (n_validation_rows,) or None
        The same without regard to outliers, but for those that count nothing.

    gains : tuple of arrays, default=()
        By how much the rows' losses were smaller after each epoch than at the start,
        weighted and in blocks.
    """

    start: Judged
    best: Judged
    previous: Judged
    weights: np.ndarray | None = None
    plain_weights: np.ndarray | None = None
    gains: tuple = ()

    @classmethod
    def of(cls, start, plain_weights=None, weights=None):
        """Return the selection at the start; see the class."""
        return cls(start, start, start, weights, plain_weights)

    def considered(self, judged, judge):
        """Return the selection after other weights, which are the best if better.

        Without validation rows the latest are. Weights whose loss is not finite never
        are.
        """
        if judge.validation is None:
            is_better = True
        else:
            is_better = not self._loss(judged) >= self._loss(self.best)
        if not np.isfinite(judged.loss):
            return self
        gains = self.gains
        if judge.validation is not None:
            of_rows = self.start.row_losses - judged.row_losses
            gains = (*gains, _in_blocks(of_rows * self.weights))
        if not is_better:
            return dataclasses.replace(self, gains=gains)
        return dataclasses.replace(self, best=judged, previous=self.best, gains=gains)

    def _loss(self, judged):
        return np.average(judged.row_losses, weights=self.weights)

    def latest_finite(self, judge):
        """Return the latest weights kept with a finite loss on the training rows.

        The loss of an epoch is that of the weights before its steps, so the weights
        after it may already be lost. The start is returned if all are.
        """
        for judged in (self.best, self.previous, self.start):
            loss = judge.training_loss(judged.weights)
            if np.isfinite(loss):
                return dataclasses.replace(judged, loss=loss)
        return self.start

    def best_beats_start(self):
        """Tell whether the gain of the best over the start is more than chance.

        All rows together must not lose; but for outliers, which bounds protect.
        """
        has_gained = self._loss(self.best) < self._loss(self.start)
        if not has_gained or self._all_lose(_MOST_LOST):
            return False
        return _beats_chance(np.array(self.gains), self.weights)

    def _all_lose(self, most):
        """Tell whether the best has over `most` times the start's loss of all rows."""
        start, best = (
            np.average(np.asarray(judged.row_losses), weights=self.plain_weights)
            for judged in (self.start, self.best)
        )
        return best > most * start > 0


def beats_chance(gains, weights):
    """Tell whether the best of several mean gains is more than chance.

    A test of flipped signs: without a gain, that of a row is as often negative as
    positive, so rows of random signs show what chance gives. Each flip multiplies all
    gains of a row, and the largest statistic counts, so the choice of the best is part
    of the test (Westfall and Young, 1993). The statistic is a mean over the root of its
    mean square, in which single rows count little.

    Parameters
    ----------
    gains : array of shape (n_choices, n_rows)
        How much smaller a row's loss is after each epoch than at the start.

    weights : array of shape (n_rows,)
        What the rows count.
    """
    return _beats_chance(_in_blocks(gains * weights), weights)


def _beats_chance(weighted, weights):
    """Do as `beats_chance` does, with gains that are weighted and in blocks."""
    n_effective = weights.sum() ** 2 / np.square(weights).sum()
    if n_effective < _FEWEST_ROWS:
        return False
    lengths = np.linalg.norm(weighted, axis=1)
    moved = lengths > 0
    if not moved.any():
        return False
    best = np.argmax(weighted.sum(axis=1))
    scaled = weighted[moved] / lengths[moved, None]
    shown = weighted[best].sum() / lengths[best] if lengths[best] else 0.0
    # Always the same signs, so that equal fits decide alike.
    signs = np.random.RandomState(0).choice((-1.0, 1.0), (_N_FLIPS, scaled.shape[1]))
    by_chance = (signs @ scaled.T).max(axis=1)
    n_as_large = np.count_nonzero(by_chance >= shown)
    return bool(shown > 0 and n_as_large + 1 <= _LEVEL * (_N_FLIPS + 1))


def _in_blocks(gains):
    """Add up neighbouring rows, so that there are no more than `_MOST_BLOCKS`."""
    n_rows = gains.shape[-1]
    starts = np.unique(np.linspace(0, n_rows, _MOST_BLOCKS, endpoint=False).astype(int))
    return np.add.reduceat(gains, starts, axis=-1)
