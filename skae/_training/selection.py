"""Which weights are kept: by their losses on the validation rows."""

import dataclasses
from collections.abc import Callable

import numpy as np

from skae._data.rows import Rows

# Of the mean gain. Weights without a true gain exceed it in about one case of 40, as a
# normal variable exceeds two of its standard deviations.
_STANDARD_ERRORS = 2.0


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
    """

    row_terms: Callable
    term_weights: np.ndarray
    training_rows: Rows
    validation: Rows | None

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
    """

    start: Judged
    best: Judged
    previous: Judged

    @classmethod
    def of(cls, start):
        """Return the selection at the start."""
        return cls(start, start, start)

    def considered(self, judged, judge):
        """Return the selection after other weights, which are the best if better.

        Without validation rows the latest are. Weights whose loss is not finite never
        are.
        """
        is_better = judge.validation is None or not judged.loss >= self.best.loss
        if is_better and np.isfinite(judged.loss):
            return Selection(self.start, judged, self.best)
        return self

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

    def best_beats_start(self, weights):
        """Tell whether the gain of the best over the start is more than chance.

        The mean gain of a validation row must exceed two of its standard errors.

        Parameters
        ----------
        weights : array of shape (n_validation_rows,)
            What the validation rows count.
        """
        gains = np.asarray(self.start.row_losses) - np.asarray(self.best.row_losses)
        mean = np.average(gains, weights=weights)
        variance = np.average((gains - mean) ** 2, weights=weights)
        if not (mean > 0 and len(gains) > 1):
            return False
        return mean > _STANDARD_ERRORS * np.sqrt(variance / (len(gains) - 1))
