"""Features that hold nearly all variance, so that little else is described."""

import dataclasses

import numpy as np

from skae._runtime.warnings import warn
from skae.exceptions import DominantFeatureWarning

# Digits of float64 that a sum may lose, relative to the mean: smaller deviations are
# rounding (`moments.rounding_of`).
_ROUNDING = 1e-13
# Of the variance, held by one feature. The rest then cannot move PCA's first axis by
# more than some 2 degrees. Less would warn of data that have one strong feature.
_WARN_ABOVE = 0.999


@dataclasses.dataclass(frozen=True)
class Dominance:
    """Features that hold most of the variance.

    Parameters
    ----------
    features : list of int
        Their numbers, the largest variance first.

    share : float
        Fraction of the variance that they hold together.
    """

    features: list
    share: float


def dominance_of(mean, variance, least, most):
    """Return the fewest features that hold the variance, or None if none do.

    Parameters
    ----------
    mean, variance : float64 array of shape (n_features,)
        Of the features. Constant ones do not count.

    least : float
        Fraction of the variance that they must hold together.

    most : int
        Largest number of features; others must be left that vary.

    Returns
    -------
    Dominance or None
    """
    total = variance.sum()
    if not np.isfinite(total):
        return None
    varying = np.count_nonzero(np.sqrt(variance) > _ROUNDING * np.abs(mean))
    most = min(most, varying - 1)
    if most < 1:
        return None
    order = np.argsort(-variance, kind="stable")[:most]
    shares = np.cumsum(variance[order]) / total
    enough = np.flatnonzero(shares > least)
    if not len(enough):
        return None
    n_features = enough[0] + 1
    return Dominance(order[:n_features].tolist(), float(shares[n_features - 1]))


def warn_if_one_dominates(estimator, prepared, objective):
    """Warn if one feature of flat rows holds nearly all of the variance.

    Losses of probabilities and of counts have no unit to choose, so there is nothing to
    say.
    """
    has_unit = not objective.has_logits and objective.link != "log"
    if len(prepared.sample_shape) > 1 or not has_unit:
        return
    moments = prepared.moments
    found = dominance_of(prepared.mean, moments.variance, _WARN_ABOVE, most=1)
    if found is not None:
        names = getattr(estimator, "feature_names_in_", range(prepared.n_features))
        warn(
            f"Feature {names[found.features[0]]!r} holds over 99.9% of the variance of "
            "X, so the codes describe hardly anything else. Where features have "
            "different units, put sklearn.preprocessing.StandardScaler in front, as in "
            f"make_pipeline(StandardScaler(), {type(estimator).__name__}(...)).",
            DominantFeatureWarning,
        )
