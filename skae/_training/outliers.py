"""How hard rows pull: those far from the start no harder than typical ones."""

import dataclasses

import numpy as np

# Of the rows' distances. A tenth of the rows pulls less than its errors would have it;
# benchmarks/defaults.py was used to choose it.
_TYPICAL = 0.9
# Of the median loss. A row whose distance is over five times the typical one counts as
# one of five times, when others are judged; so one row among 100 moves the mean loss by
# a quarter at most.
_MOST_LOSS = 25.0


def typical_limit(losses):
    """Return the loss at the start up to which a row pulls as its weight says."""
    with np.errstate(invalid="ignore"):  # of losses that are not finite
        return np.quantile(losses, _TYPICAL)


def pulls_up_to(limit, losses):
    """Return factors of the rows' weights by which none pulls harder than at a limit.

    The gradient of a squared error grows with a row's distance r. Times min(1, c / r)
    it does not beyond c, as that of Huber's loss (Huber, 1964).

    Parameters
    ----------
    limit : float
        Mean squared error at the distance c.

    losses : float64 array of shape (n_rows,)
        Mean squared error of each row at the start.
    """
    return np.sqrt(_at_most(losses, limit))


@dataclasses.dataclass(frozen=True)
class Limits:
    """Beyond what rows are outliers that pull less, by their loss and their place.

    Parameters
    ----------
    loss : float
        Mean squared error at the start.

    squared_length : float
        Squared distance from the mean.
    """

    loss: float
    squared_length: float

    @classmethod
    def of(cls, losses, squared_lengths):
        """Return the limits that some rows show."""
        return cls(_usual_limit(losses), _usual_limit(squared_lengths))


def pulls_in_training(losses, squared_lengths, limits=None):
    """Return factors of the rows' weights by which outliers pull as typical rows do.

    The gradient of a squared error is a row's error times what a layer reads, which
    grows with the row. So outliers by their errors are weighted by one over their
    distance from the start's plane, and outliers by their place by one over the square
    of their distance from the mean.

    Parameters
    ----------
    losses : float64 array of shape (n_rows,)
        Mean squared error of each row at the start.

    squared_lengths : float64 array of shape (n_rows,)
        Squared distance of each row from the mean.

    limits : Limits or None, default=None
        Those of more rows than these; None takes what these rows show.
    """
    limits = limits or Limits.of(losses, squared_lengths)
    of_place = _at_most(squared_lengths, limits.squared_length)
    return of_place * pulls_up_to(limits.loss, losses)


def judging_weights(weights, losses):
    """Return what rows count when they judge: none much more than a typical one.

    Outliers even of heavy tails count nothing. Those that lie outside of all others,
    `skae._training.bounds` has reconstructed as at the start.

    Parameters
    ----------
    weights : float64 array of shape (n_rows,)
        What the rows count otherwise.

    losses : float64 array of shape (n_rows,)
        Their loss at the start.
    """
    limit = _usual_limit(losses)
    if not limit > 0:
        return weights
    return weights * _at_most(losses, limit) * ~(losses > outlier_limit(losses))


def _usual_limit(losses):
    """Return the loss beyond which a row is an outlier; a tenth of the rows never is.

    Most rows may be reconstructed nearly exactly, or be nearly equal.
    """
    return max(_MOST_LOSS * np.median(losses), typical_limit(losses))


def outlier_limit(losses):
    """Return the loss at the start beyond which rows are outliers of heavy tails, too.

    Parameters
    ----------
    losses : float64 array of shape (n_rows,)
        Mean squared error of some rows at the start.
    """
    return _MOST_LOSS * typical_limit(losses)


def _at_most(losses, limit):
    """Return the factors that bring losses over a limit down to it."""
    factors = np.ones(len(losses))
    if not limit > 0:  # as for losses of a user's own, or none that is finite
        return factors
    above = losses > limit
    factors[above] = limit / losses[above]
    return factors
