"""What displays need from a fitted estimator, and the checks of their arguments."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._data.missing import has_missing, mean_and_variance_of_observed
from skae._data.moments import mean_and_variance
from skae._estimators.base import BaseAutoencoder
from skae._objective.objective import NegativeELBO
from skae.networks._checks import check_positive

_RANGES = {"relu": (0, np.inf), "sigmoid": (0, 1), "tanh": (-1, 1)}


def check_estimator(estimator, kind=BaseAutoencoder):
    """Raise an error unless `estimator` is one of skae's, of a kind, and fitted."""
    if isinstance(estimator, Pipeline):
        raise TypeError(
            "estimator is a Pipeline. Pass its last step, and the rows as that gets "
            "them: from_estimator(pipeline[-1], pipeline[:-1].transform(X))."
        )
    if not isinstance(estimator, kind):
        raise TypeError(
            f"estimator must be a fitted estimator of skae, got {estimator!r}. Pass "
            "one; of a search, its best_estimator_."
        )
    check_is_fitted(estimator)


def network_of(estimator):
    """Return the network of the fit, whatever the parameters are now."""
    network = estimator._fitted.architecture.network
    return network


def has_prior(estimator):
    """Tell whether the codes have a standard normal prior."""
    objective = estimator._fitted.architecture.objective
    return isinstance(objective, NegativeELBO)


def encode(estimator, X):
    """Return the codes of rows in float64, whatever `set_output` asks for."""
    return np.asarray(estimator.transform(X), np.float64)


def decode(estimator, codes, shape):
    """Decode codes of shape (..., n_codes); give the samples a shape."""
    rows = estimator._fitted.decode(codes.reshape(-1, codes.shape[-1]))
    return rows.reshape(*codes.shape[:-1], *shape)


def within_range(estimator, codes):
    """Return codes, clipped to the range of their activation."""
    limits = _RANGES.get(network_of(estimator).code_activation)
    if limits is None:
        return codes
    objective = estimator._fitted.architecture.objective
    unit = estimator._fitted.scaling.scale if objective.codes_are_in_units else 1.0
    low, high = limits
    return np.clip(codes, low * unit, high * unit)


def check_dimensions(dimensions, n_codes):
    """Return the numbers of two different codes."""
    if n_codes < 2:
        raise ValueError(
            "The estimator has one code, but a plane needs two. Fit one with "
            "encoding_dim=2 or more."
        )
    given = tuple(np.atleast_1d(dimensions).tolist())
    are_codes = all(isinstance(d, int) and 0 <= d < n_codes for d in given)
    if len(given) != 2 or given[0] == given[1] or not are_codes:
        raise ValueError(
            f"dimensions must be two different integers from 0 to {n_codes - 1}, since "
            f"encoding_dim_ is {n_codes}, got {dimensions!r}. Choose two codes, or fit "
            "more."
        )
    return given


def check_rows_given(estimator, X):
    """Raise a ValueError if there are neither rows nor a prior of the codes."""
    if X is None and not has_prior(estimator):
        raise ValueError(
            f"X is missing: nothing else says where the codes of "
            f"{type(estimator).__name__} lie. Pass rows, such as those of fit; only "
            "VAETransformer can do without."
        )


def check_steps(n_steps):
    """Return a number of steps; one alone would show no difference."""
    if check_positive("n_steps", n_steps) < 2:
        raise ValueError(
            "n_steps=1 shows no difference between codes. Ask for 2 steps or more."
        )
    return int(n_steps)


def code_label(estimator, number):
    """Name a code, and say how much variance it explains, if the fit knows.

    The variance is left out if a code explains more than the one before it. The first
    code then explains little, since it also makes up for what the decoder gives for the
    mean code. In a label that would look like a fault.
    """
    ratios = getattr(estimator, "explained_variance_ratio_", None)
    if ratios is None or (np.diff(ratios) > 0).any():
        return f"code {number}"
    share = round(ratios[number], 2) + 0.0  # turns -0 into 0
    return f"code {number} ({share:.0%} of variance)"


def feature_labels(estimator, names=None):
    """Return names of the features: those given, those of the fit, or numbered ones."""
    n_features = estimator.n_features_in_
    if names is None:
        numbered = [f"feature {i}" for i in range(n_features)]
        return list(getattr(estimator, "feature_names_in_", numbered))
    if len(names) != n_features:
        raise ValueError(
            f"feature_names has {len(names)} names, but X has {n_features} features. "
            "Give each its name."
        )
    return list(map(str, names))


def feature_scales(estimator, X):
    """Return the features' standard deviations.

    Features that do not vary get the number by which the fit divides all features.

    Parameters
    ----------
    X : ndarray or SparseRows of shape (n_rows, n_features)
        May have NaN.
    """
    weights = np.ones(len(X))
    if has_missing(X):
        known = estimator.mean_.ravel()
        _, variance = mean_and_variance_of_observed(X, weights, known)
    else:
        _, variance = mean_and_variance(X, weights)
    return np.where(variance > 0, np.sqrt(variance), estimator._fitted.scaling.scale)


def features_of(estimator, kind, names, X, samples):
    """Return names, means and scales of a table's features; for other kinds None.

    Without rows all features have the same scale.
    """
    if kind != "table":
        return None
    names = feature_labels(estimator, names)
    means = estimator.mean_.ravel()
    if X is not None:
        _, X = estimator._checked(X)
        return names, means, feature_scales(estimator, X)
    return names, means, np.full(len(means), samples.std() or 1.0)
