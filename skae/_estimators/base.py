"""What every autoencoder does: the whole scikit-learn contract."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._data.checks import as_floats, check_codes
from skae._data.prepare import UserData
from skae._estimators.constraints import check_parameters, fit_context
from skae._estimators.encoder import BaseEncoder
from skae._estimators.loadings import LoadingsMixin
from skae._estimators.pca_interface import PCAInterfaceMixin
from skae._model.explained import fraction_explained
from skae._runtime.annotations import ArrayLike, Floats, KerasModel, Rows
from skae._training.fit import fit
from skae._training.partial_fit import partial_fit
from skae._training.sklearn_callbacks import CallbackSupportMixin, with_callbacks


class BaseAutoencoder(
    PCAInterfaceMixin,
    LoadingsMixin,
    CallbackSupportMixin,
    BaseEncoder,
):
    """Fits an encoder and a decoder together, and maps data through them.

    A subclass is its parameters, their constraints, `_network`, which names how it is
    wired, and `_objective`, which names what it learns to do.
    """

    @fit_context
    def fit(
        self,
        X: Rows,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Rows | None = None,
    ) -> Self:
        """Learn codes from which the rows of X can be reconstructed.

        If anything fails, the estimator stays as it was.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Training rows, in any unit; at least two.

        y : None
            Ignored; present so that pipelines can pass labels.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts: a row of weight 2 is two rows, one of weight 0 is
            none. Not negative.

        X_val : {array-like, sparse matrix} of shape (n_validation_samples, ...), \
default=None
            Rows that judge each epoch, instead of rows held out from X.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data cannot be used; the message says which and
            what would do.

        TypeError
            When `callbacks` holds something that is no Keras callback.
        """
        return self._fit(UserData(X, sample_weight, X_val, y=y))

    @fit_context
    def partial_fit(
        self,
        X: Rows,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on learning with one pass over some rows, for data that come in parts.

        The first call settles units, network and start by its rows, so these should
        be like the rest, and several times as many as the codes. (Where a `fit` came
        before, that has settled them.) `mean_` stays: a mean that drifts is followed by
        training alone, more slowly than by `IncrementalPCA`. Each call takes one epoch
        of optimizer steps, at a constant learning rate. No rows are held out: all
        weights are kept, better than PCA or not, and `epochs`, `early_stopping`,
        `learning_rate_schedule` and `validation_fraction` are not used.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows; in the first call at least two.

        y : None
            Ignored; present so that pipelines can pass labels.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts, relative to the others of this call. Not negative.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data cannot be used; the message says which and
            what would do.

        TypeError
            When `callbacks` holds something that is no Keras callback.
        """
        return self._partial_fit(UserData(X, sample_weight))

    def _fit(self, data):
        return self._after(_with_callbacks, data)

    def _partial_fit(self, data):
        check_parameters(self)
        return self._after(partial_fit, data)

    def inverse_transform(self, X: ArrayLike) -> Floats:
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, encoding_dim)
            Codes as `transform` returns them. Where the fit was with
            `nested_dropout`, the first columns alone will do.

        Returns
        -------
        reconstructions : ndarray of shape (n_samples, *sample_shape)
            In the unit of the training rows, and in their shape; float32 for float32
            codes, else float64. Dense, however sparse these rows were.
        """
        check_is_fitted(self)
        objective = self._fitted.architecture.objective
        codes = check_codes(
            X, self._n_features_out, type(self).__name__, objective.nested_dropout
        )
        return self._as_samples(self._fitted.decode(self._fitted.filled(codes)))

    def reconstruct(self, X: Rows) -> Floats:
        """Encode and decode rows in one step.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened.

        Returns
        -------
        reconstructions : ndarray of shape (n_samples, *sample_shape)
            What ``inverse_transform(transform(X))`` gives. Dense, however sparse X is:
            a part of X at a time may be needed.
        """
        X, _ = self._checked(X)
        return self._as_samples(self._fitted.reconstruct(X))

    def impute(self, X: ArrayLike) -> Floats:
        """Fill missing values from what is observed of their rows.

        Needs ``missing_values="allow"``, in estimators that have it. A value is filled
        from the network's reconstruction, or from similar training rows and what
        correlates with its feature: whichever finds hidden values of held-out training
        rows better. The first call compares them, which takes some seconds. Fits to
        pairs of rows, and those of other losses than "mse", use the network alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened, with NaN where values are
            missing.

        Returns
        -------
        imputed : ndarray of shape (n_samples, *sample_shape)
            A copy of X, in which only missing values are others; float32 for float32
            input, else float64.
        """
        filled, X = self._checked(X)
        rows = np.asarray(X)
        imputed = as_floats(rows)
        if filled is not X:
            gaps = np.isnan(rows)
            incomplete = gaps.any(axis=1)
            found = self._fitted.impute(rows[incomplete], filled[incomplete])
            imputed[gaps] = found[gaps[incomplete]]
        return self._as_samples(imputed)

    def _as_samples(self, rows):
        return rows.reshape(len(rows), *self.sample_shape_)

    def score_samples(self, X: Rows) -> Floats:
        """Return the negative mean squared error of each row's reconstruction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened.

        Returns
        -------
        scores : float64 ndarray of shape (n_samples,)
            In the squared unit of X; 0 is best.
        """
        filled, X = self._checked(X)
        return -self._fitted.squared_errors(filled, X)

    def score(self, X: Rows, y: object = None) -> float:
        """Return the fraction of the variance of X that reconstructions explain.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened.

        y : None
            Ignored.

        Returns
        -------
        score : float
            1 - SSE / SST over all features, with SST around the means of X; at most
            1. For PCA on its own training rows this is the sum of
            ``explained_variance_ratio_``.

        Raises
        ------
        ValueError
            When all values of X are missing.
        """
        filled, X = self._checked(X)
        errors = self._fitted.squared_errors(filled, X)
        known_mean = None if filled is X else self.mean_.ravel()
        return fraction_explained(X, errors, known_mean)

    @property
    def decoder_(self) -> KerasModel:
        """Keras model from codes to rows in the user's units; a copy of the fit."""
        return self._fitted.models[1]

    def _check_parameters(self) -> None:
        """Check what the constraints cannot say."""

    def _resolved_parameters(self, network: Any) -> dict[str, Any]:
        """Return attributes that keep parameters of the network, "auto" resolved."""
        return {}

    def _warmup(self, epochs: int, starts_at_pca: bool) -> int:
        """Return the epochs in which the loss's later terms rise to their weight."""
        return 0

    def _report(self, rows):
        """Warn of what a fit has found in the training rows, in the network's scale."""


@with_callbacks
def _with_callbacks(estimator, data):
    """Fit an estimator, with scikit-learn's care for its callbacks."""
    fit(estimator, data)
