"""What is compared: named estimators, copied for each number of codes."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline

from skae._estimators.base import BaseAutoencoder
from skae._estimators.dense import AutoencoderTransformer

BASELINE = "PCA"
_SIZES = "encoding_dim", "n_components"
_METHODS = "fit", "transform", "inverse_transform"


@dataclass(frozen=True)
class Candidate:
    """An unfitted estimator, its name, and its parameter for the number of codes."""

    name: str
    estimator: BaseEstimator
    size: str

    def make(self, dim, seed):
        """Return a copy with `dim` codes, and with `seed` if it has no seed."""
        seeds = {
            name: seed
            for name, value in self.estimator.get_params().items()
            if name.rpartition("__")[-1] == "random_state" and value is None
        }
        return clone(self.estimator).set_params(**seeds, **{self.size: dim})

    @property
    def is_ours(self):
        """Whether it is or holds an estimator of skae's, so that TensorFlow starts."""
        parts = [self.estimator, *self.estimator.get_params().values()]
        return any(isinstance(part, BaseAutoencoder) for part in parts)


def candidates(estimators, has_missing=False):
    """Return `Candidate` objects, PCA first; see `skae.compare`."""
    if estimators is None:
        default = AutoencoderTransformer()
        if has_missing:
            default.set_params(missing_values="allow")
        estimators = [default]
    if not isinstance(estimators, dict):
        if not isinstance(estimators, (list, tuple)):
            estimators = [estimators]
        estimators = _named(estimators)
    if BASELINE in estimators:
        raise ValueError(
            f"estimators has the key {BASELINE!r}, which is the baseline's name. PCA "
            "is always measured; leave it out, or call yours something else."
        )
    named = {BASELINE: PCA(), **estimators}
    return [Candidate(str(k), e, _size_parameter(k, e)) for k, e in named.items()]


def _named(estimators):
    """Name estimators after their classes, with a number if a name comes again."""
    named = {}
    for estimator in estimators:
        cls = type(estimator).__name__
        name, number = cls, 1
        while name in named or name == BASELINE:
            number += 1
            name = f"{cls} {number}"
        named[name] = estimator
    return named


def _size_parameter(name, estimator):
    """Return the name of the parameter that holds the number of codes."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise TypeError(
            f"estimators must hold unfitted scikit-learn estimators, got {estimator!r} "
            "in it. Pass instances, such as AutoencoderTransformer()."
        )
    lacking = [method for method in _METHODS if not hasattr(estimator, method)]
    if lacking:
        raise TypeError(
            f"{name} has no {', '.join(lacking)}. A comparison needs transformers with "
            f"{', '.join(_METHODS)}."
        )
    parameters = estimator.get_params()
    for size in _possible_sizes(estimator):
        if size in parameters:
            return size
    raise ValueError(
        f"{name} has neither {' nor '.join(_SIZES)}, so its number of codes cannot be "
        "set. Give it one of the two; of a Pipeline, the last step that has one is set."
    )


def _possible_sizes(estimator):
    """Yield names of parameters: the estimator's own, then those of its last steps."""
    yield from _SIZES
    if isinstance(estimator, Pipeline):
        for step, inner in reversed(estimator.steps):
            yield from (f"{step}__{size}" for size in _possible_sizes(inner))


def check_shape(name, reconstructions, X):
    """Raise a ValueError unless reconstructions have the shape of X."""
    shape = np.shape(reconstructions)
    if shape != X.shape:
        raise ValueError(
            f"{name} gives reconstructions of shape {shape} of rows of shape "
            f"{X.shape}. Its inverse_transform must give back rows like those of fit."
        )
