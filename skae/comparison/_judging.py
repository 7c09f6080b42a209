"""What counts as better or worse; `Comparison.verdict` has the rules."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas

from skae.comparison._candidates import BASELINE
from skae.comparison._summary import by_size

# A smaller gain is not worth the seconds of a fit. Larger bounds keep PCA more often;
# smaller ones take small or chance gains for real.
_LEAST_GAIN = 0.02
_LEAST_GAIN_OF_ACCURACY = 0.01
# Of the variance. Where PCA explains 99.998%, half its error is nothing that anyone can
# use; a smaller bound would call it a gain, a larger one would hide gains above 99%.
_LEAST_GAIN_OF_VARIANCE = 0.005
# PCA leaves only rounding; a larger bound would call small errors exact.
_EXACT = 1e-9
_MOST_DIGITS = 4  # of a percentage, behind the point


@dataclass(frozen=True)
class Groups:
    """Measurements by number of codes and estimator.

    Parameters
    ----------
    frames : dict of (int, str) to pandas.DataFrame
        A row for each split.

    dims : list of int
        Numbers of codes, in rising order.

    names : list of str
        Names of the estimators beside PCA.

    n_judged : dict of str to int
        Number of rows of a split behind each accuracy.
    """

    frames: dict[tuple[int, str], pandas.DataFrame]
    dims: list[int]
    names: list[str]
    n_judged: dict[str, int]

    @classmethod
    def of(cls, rows, conditions):
        """Return the groups of a comparison's measurements."""
        frames = {key: group.set_index("split") for key, group in by_size(rows)}
        names = dict.fromkeys(name for _, name in frames if name != BASELINE)
        n_judged = {
            "accuracy": conditions.accuracy_rows or conditions.n_test,
            "tsne_accuracy": conditions.tsne_rows or conditions.n_test,
        }
        dims = sorted({dim for dim, _ in frames})
        return cls(frames, dims, list(names), n_judged)

    def pair(self, name, dim):
        """Return the measurements of an estimator and those of PCA."""
        return self.frames[dim, name], self.frames[dim, BASELINE]

    def is_exact(self, dim):
        """Tell whether PCA leaves only rounding."""
        return _is_exact(self.frames[dim, BASELINE])

    @property
    def has_labels(self):
        """Whether accuracies were measured."""
        return bool(self.frames[self.dims[0], BASELINE]["accuracy"].notna().all())


def judge_error(ours, pca):
    """Judge the error relative to PCA's: "better", "equal", "worse" or "exact"."""
    if _is_exact(pca):
        return "exact"
    outcome = _judge(1 - ours["relative_error"], _LEAST_GAIN)
    gain = (ours["variance_explained"] - pca["variance_explained"]).mean()
    if outcome == "better" and gain <= _LEAST_GAIN_OF_VARIANCE:
        return "equal"
    return outcome


def _is_exact(pca):
    return pca["variance_explained"].mean() > 1 - _EXACT


def judge_accuracy(measure, name, dim, groups):
    """Judge an accuracy by its difference from PCA's on each split.

    A difference within the standard error of a fraction of the rows is none.
    """
    ours, pca = (part[measure] for part in groups.pair(name, dim))
    mean = pca.mean()
    error = math.sqrt(mean * (1 - mean) / (groups.n_judged[measure] * len(pca)))
    return _judge(ours - pca, max(_LEAST_GAIN_OF_ACCURACY, error))


def _judge(gains, least):
    """Judge gains, one for each split, by their mean and their standard deviation.

    A mean gain within `least`, or within the standard deviation, is none.
    """
    mean = gains.mean()
    if abs(mean) <= max(least, np.nan_to_num(gains.std())):
        return "equal"
    return "better" if mean > 0 else "worse"


def winner(dim, groups):
    """Return who is better than PCA with the least error, or PCA."""
    able = [n for n in groups.names if judge_error(*groups.pair(n, dim)) == "better"]
    return min(
        able,
        key=lambda name: groups.pair(name, dim)[0]["relative_error"].mean(),
        default=BASELINE,
    )


def best_of(rows, conditions):
    """Return the name of what to take and its number of codes.

    The number is that with the largest gain over PCA. Without a gain it is PCA's, with
    the most codes with which PCA is not exact.
    """
    groups = Groups.of(rows, conditions)
    winners = {dim: winner(dim, groups) for dim in groups.dims}
    won = [dim for dim in groups.dims if winners[dim] != BASELINE]
    if won:
        dim = max(won, key=lambda dim: gain_of_variance(winners[dim], dim, groups))
        return winners[dim], dim
    inexact = [dim for dim in groups.dims if not groups.is_exact(dim)]
    return BASELINE, (inexact or groups.dims[:1])[-1]


def variance_explained(name, dim, groups):
    """Return the means of an estimator and of PCA."""
    return [part["variance_explained"].mean() for part in groups.pair(name, dim)]


def gain_of_variance(name, dim, groups):
    """Return how much more of the variance an estimator explains than PCA."""
    ours, pca = variance_explained(name, dim, groups)
    return ours - pca


def percents(*fractions):
    """Return percentages with as many digits as tell the largest from 100%."""
    rest = max(1 - max(fractions), 10.0 ** -(_MOST_DIGITS + 2))
    digits = min(max(1, math.ceil(-math.log10(rest)) - 2), _MOST_DIGITS)
    most = 100 - 10.0**-digits
    # What is less than all is not rounded to all.
    shown = [100 * f if f >= 1 else min(100 * f, most) for f in fractions]
    return [f"{percent:.{digits}f}%" for percent in shown]
