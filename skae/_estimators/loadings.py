"""What each code means: which features it moves, and which move it."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skae._data.moments import mean_and_variance
from skae._data.rows import row_chunks
from skae._model.derivatives import of_decoder, of_encoder
from skae._runtime.annotations import Floats, Rows, Seed
from skae._runtime.randomness import as_generator
from skae.networks._checks import check_choice

_WAYS = "decoder", "encoder", "permutation"


class LoadingsMixin:
    """Adds `loadings` to an estimator."""

    def loadings(
        self,
        X: Rows | None = None,
        by: Literal["decoder", "encoder", "permutation"] = "decoder",
        *,
        random_state: Seed = None,
    ) -> pd.DataFrame | Floats:
        """Tell what each code means in terms of the features.

        All numbers are in standard deviations on the training rows: of features and of
        codes. For PCA, those of "decoder" are the correlations of features and
        components.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape), default=None
            Rows over which to average. One row alone, as ``X[:1]``, explains that row.
            None is the training rows, over which `fit` has averaged for `components_`;
            it needs ``by="decoder"``.

        by : {"decoder", "encoder", "permutation"}, default="decoder"
            - "decoder": how a feature's reconstruction changes with a code. This is
              the average derivative (Härdle and Stoker, 1989).
            - "encoder": how a code changes with a feature, by the same.
            - "permutation": how much a code changes if the feature's value comes from
              another row (Breiman, 2001): the root mean squared change, over the root
              of two. For a linear encoder this is the absolute value of "encoder". It
              takes the time of encoding X once for each feature, and two rows or more.

        random_state : int, RandomState instance or None, default=None
            Seed of "permutation".

        Returns
        -------
        loadings : pandas.DataFrame of shape (n_features, n_codes) or ndarray of shape \
(n_codes, *sample_shape)
            A frame with the names of features and codes. For samples of several axes,
            such as images, an array with a sample for each code.

        Raises
        ------
        ValueError
            When `by` is something else, X cannot be used, or X is missing.

        References
        ----------
        Härdle and Stoker (1989), Investigating smooth multiple regression by the method
        of average derivatives, Journal of the American Statistical Association 84.

        Breiman (2001), Random forests, Machine Learning 45.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skae import AutoencoderTransformer
        >>> X = load_iris(as_frame=True).data
        >>> autoencoder = AutoencoderTransformer(2, hidden_layer_sizes=()).fit(X)
        >>> autoencoder.loadings().round(2)
                           autoencodertransformer0  autoencodertransformer1
        sepal length (cm)                     0.90                     0.39
        sepal width (cm)                     -0.40                     0.83
        petal length (cm)                     1.00                    -0.05
        petal width (cm)                      0.97                    -0.05
        """
        check_is_fitted(self)
        check_choice("by", by, _WAYS)
        if X is None:
            return _labelled(self, _of_training_rows(self, by))
        filled, _ = self._checked(X)  # type: ignore[attr-defined]
        spreads = _Spreads(self, filled)
        if by == "decoder":
            found = _by_decoder(spreads)
        elif by == "encoder":
            found = _by_encoder(spreads)
        else:
            found = _by_permutation(spreads, as_generator(random_state))
        return _labelled(self, found)


def _of_training_rows(estimator: Any, by: str) -> Floats:
    if by != "decoder" or not hasattr(estimator, "components_"):
        raise ValueError(
            f"X is missing, which by={by!r} needs here: a fit keeps no rows. Pass "
            "those of fit. (Without X there is only by='decoder', after fit.)"
        )
    moves = estimator.components_ * estimator._code_steps[:, None]
    return moves / _divisors(estimator, estimator._feature_deviations)


def _divisors(estimator: Any, deviations: Floats) -> Floats:
    """Return deviations, for features that do not vary the number that scales all."""
    return np.where(deviations > 0, deviations, estimator._fitted.scaling.scale)


class _Spreads:
    """Rows and their network in its scale, and the deviations of features and codes.

    The deviations are those of the training rows; after `partial_fit`, which does not
    know them, those of the rows here.
    """

    def __init__(self, estimator: Any, X: Any) -> None:
        fitted = estimator._fitted
        scale = fitted.scaling.scale
        rows, self.network = fitted.standardized(X)
        self.values = rows.values
        self.shares = np.full(len(X), 1 / len(X))
        self.codes = self.network.encode(self.values)
        if hasattr(estimator, "_code_deviations"):
            in_units = fitted.architecture.objective.codes_are_in_units
            self.of_codes = estimator._code_deviations / (scale if in_units else 1.0)
            features = estimator._feature_deviations
        else:
            _check_several(X, "after partial_fit, which keeps no standard deviations")
            self.of_codes = self.codes.std(axis=0, dtype=np.float64)
            features = np.sqrt(mean_and_variance(X, np.ones(len(X)))[1])
        self.of_features = features / scale
        self.divisors = _divisors(estimator, features) / scale


def _by_decoder(rows: _Spreads) -> Floats:
    found = of_decoder(rows.network, rows.codes, rows.shares)
    return found * rows.of_codes[:, None] / rows.divisors


def _by_encoder(rows: _Spreads) -> Floats:
    found = of_encoder(rows.network, rows.values, rows.shares)
    return _in_deviations_of_codes(found * rows.of_features, rows)


def _by_permutation(rows: _Spreads, generator: np.random.RandomState) -> Floats:
    _check_several(rows.values, "by='permutation'")
    n_rows, n_features = rows.values.shape
    # Each row takes the values of the next one in a random order, never its own.
    order = generator.permutation(n_rows)
    donors = np.empty(n_rows, int)
    donors[order] = np.roll(order, 1)
    changes = np.zeros((len(rows.of_codes), n_features))
    for chunk in row_chunks(rows.values):
        some = np.array(rows.values[chunk])
        others = np.asarray(rows.values[donors[chunk]])
        codes = rows.codes[chunk].astype(np.float64)
        for j in range(n_features):
            own = some[:, j].copy()
            some[:, j] = others[:, j]
            changes[:, j] += ((rows.network.encode(some) - codes) ** 2).sum(axis=0)
            some[:, j] = own
    # The mean squared difference of two independent values is twice their variance.
    return _in_deviations_of_codes(np.sqrt(changes / n_rows / 2), rows)


def _in_deviations_of_codes(changes: Floats, rows: _Spreads) -> Floats:
    """Divide by the deviations of the codes; those that do not vary have zeros."""
    deviations = rows.of_codes[:, None]
    return np.divide(changes, deviations, np.zeros_like(changes), where=deviations > 0)


def _check_several(X: Any, reason: str) -> None:
    if len(X) < 2:
        raise ValueError(
            f"X has one row, but loadings need two rows or more {reason}. Pass more "
            "rows."
        )


def _labelled(estimator: Any, found: Floats) -> pd.DataFrame | Floats:
    shape = estimator.sample_shape_
    if len(shape) > 1:
        return found.reshape(len(found), *shape)
    numbered = [f"x{i}" for i in range(estimator.n_features_in_)]
    names = getattr(estimator, "feature_names_in_", numbered)
    codes = estimator.get_feature_names_out()
    return pd.DataFrame(found.T, index=names, columns=codes)
