"""Which weights are worth keeping, by their losses on the validation rows."""

import dataclasses

import numpy as np

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


class BestWeights:
    """Judges weights; keeps the start, the best, and the best before these.

    Parameters
    ----------
    row_terms : callable
        ``row_terms(weights, rows)`` gives the terms of each row's loss at the weights.

    term_weights : array of shape (n_terms,)
        What the terms count.

    rows : Rows
        Training rows.

    validation : Rows or None
        Rows that judge. Without them the latest weights are the best.
    """

    def __init__(self, row_terms, term_weights, rows, validation):
        self._row_terms = row_terms
        self._term_weights = term_weights
        self._rows = rows
        self._validation = validation

    def begin(self, weights):
        """Take `weights` for the start, the best so far."""
        self.start = self.best = self.previous = self.judge(weights, 0)

    def judge(self, weights, epoch, loss=None):
        """Return `weights` as `Judged`; without validation rows, by the given loss."""
        if self._validation is None:
            return Judged(weights, epoch, np.nan if loss is None else loss)
        rows = self._validation
        row_terms = self._row_terms(weights, rows).astype(np.float64)
        terms = np.average(row_terms, axis=0, weights=rows.weights)
        loss = float(terms @ self._term_weights)
        return Judged(weights, epoch, loss, terms, row_terms @ self._term_weights)

    def consider(self, weights, epoch, loss=None):
        """Judge weights, and keep them if they are the best.

        Weights whose loss is not finite never are.
        """
        judged = self.judge(weights, epoch, loss)
        better = self._validation is None or not judged.loss >= self.best.loss
        if better and np.isfinite(judged.loss):
            self.previous, self.best = self.best, judged
        return judged

    def fall_back(self):
        """Make the latest weights with a finite loss on the training rows the best."""
        self.best = self.latest_finite()

    def latest_finite(self):
        """Return the latest weights kept with a finite loss on the training rows.

        The loss of an epoch is that of the weights before its steps, so the weights
        after it may already be lost. The start is returned if all are.
        """
        for judged in (self.best, self.previous, self.start):
            loss = self.training_loss(judged.weights)
            if np.isfinite(loss):
                return dataclasses.replace(judged, loss=loss)
        return self.start

    def training_loss(self, weights):
        """Return the loss of weights on the training rows."""
        terms = self._row_terms(weights, self._rows).mean(axis=0, dtype=np.float64)
        return float(terms @ self._term_weights)

    def best_beats_start(self):
        """Tell whether the gain of the best over the start is more than chance.

        The mean gain per validation row must exceed two of its standard errors:
        about one chance in 40 for weights that are no better than the start.
        """
        gains = self.start.row_losses - self.best.row_losses
        weights = self._validation.weights
        mean = np.average(gains, weights=weights)
        variance = np.average((gains - mean) ** 2, weights=weights)
        if not (mean > 0 and len(gains) > 1):
            return False
        return mean > _STANDARD_ERRORS * np.sqrt(variance / (len(gains) - 1))
