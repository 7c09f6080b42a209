"""What displays need of a fitted estimator, and the checks of what they are given."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._data.missing import has_gaps, mean_and_variance_of_observed
from skae._data.moments import mean_and_variance
from skae._estimators.base import BaseAutoencoder
from skae._objective.objective import NegativeELBO
from skae.networks._checks import check_positive

_RANGES = {"relu": (0, np.inf), "sigmoid": (0, 1), "tanh": (-1, 1)}


def check_estimator(estimator):
    """Raise an error unless it is one of skae's estimators, and fitted."""
    if isinstance(estimator, Pipeline):
        raise TypeError(
            "estimator is a Pipeline. Pass its last step, and the rows as that gets "
            "them: from_estimator(pipeline[-1], pipeline[:-1].transform(X))."
        )
    if not isinstance(estimator, BaseAutoencoder):
        raise TypeError(
            f"estimator must be a fitted estimator of skae, got {estimator!r}. Pass "
            "one; of a search, its best_estimator_."
        )
    check_is_fitted(estimator)


def network_of(estimator):
    """Return the network of the fit, whatever the parameters are now."""
    network, *_ = estimator._fitted.architecture
    return network


def has_prior(estimator):
    """Tell whether the codes have a standard normal prior."""
    *_, objective = estimator._fitted.architecture
    return isinstance(objective, NegativeELBO)


def encode(estimator, X):
    """Return the codes of rows in float64, whatever `set_output` asks for."""
    return np.asarray(estimator.transform(X), np.float64)


def decode(estimator, codes, shape):
    """Decode codes of shape (..., n_codes); give the samples a shape."""
    rows = estimator._fitted.decode(codes.reshape(-1, codes.shape[-1]))
    return rows.reshape(*codes.shape[:-1], *shape)


def within_range(estimator, codes):
    """Return codes as near as their activation can bring them."""
    limits = _RANGES.get(network_of(estimator).code_activation)
    if limits is None:
        return codes
    *_, objective = estimator._fitted.architecture
    unit = estimator._fitted.scaling.scale if objective.codes_are_in_units else 1.0
    low, high = limits
    return np.clip(codes, low * unit, high * unit)


def check_dimensions(dimensions, n_codes):
    """Return two different numbers of codes."""
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
    """Return a number of steps, of which it takes two to show a difference."""
    if check_positive("n_steps", n_steps) < 2:
        raise ValueError(
            "n_steps=1 shows no difference between codes. Ask for 2 steps or more."
        )
    return int(n_steps)


def code_label(estimator, number):
    """Name a code, and say what it explains where the fit says so.

    Not where a code explains more than one before it: beside the little of the first,
    which pays for what the decoder gives for the mean code, it would look like a fault.
    """
    ratios = getattr(estimator, "explained_variance_ratio_", None)
    if ratios is None or (np.diff(ratios) > 0).any():
        return f"code {number}"
    share = round(ratios[number], 2) + 0.0  # without the sign of a zero
    return f"code {number} ({share:.0%} of variance)"


def feature_labels(estimator, names=None):
    """Return names of the features: those given, those of the fit, or numbers."""
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

    Features that do not vary have that of all training rows, as the fit scales them.

    Parameters
    ----------
    X : ndarray or SparseRows of shape (n_rows, n_features)
        May have NaN.
    """
    weights = np.ones(len(X))
    if has_gaps(X):
        known = estimator.mean_.ravel()
        _, variance = mean_and_variance_of_observed(X, weights, known)
    else:
        _, variance = mean_and_variance(X, weights)
    return np.where(variance > 0, np.sqrt(variance), estimator._fitted.scaling.scale)


def features_of(estimator, kind, names, X, samples):
    """Return names, means and scales of a table's features; of other kinds None.

    Without rows the features have one scale.
    """
    if kind != "table":
        return None
    names = feature_labels(estimator, names)
    means = estimator.mean_.ravel()
    if X is not None:
        _, X = estimator._checked(X)
        return names, means, feature_scales(estimator, X)
    return names, means, np.full(len(means), samples.std() or 1.0)
