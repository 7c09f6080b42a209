"""What a fitted estimator makes of rows, in Dask's collections or in memory."""

from __future__ import annotations

import contextlib
from typing import Any

from sklearn.utils.validation import check_is_fitted

from skae.dask._clients import current_client
from skae.dask._collections import is_collection
from skae.dask._lazy import mapped
from skae.dask._scores import scored


class CollectionsMixin:
    """Takes collections of Dask beside what the plain estimator takes."""

    client: Any

    def transform(self, X: Any) -> Any:
        """Encode rows.

        Parameters
        ----------
        X : dask.array, dask.dataframe, or what AutoencoderTransformer takes
            Rows like those of `fit`.

        Returns
        -------
        codes : dask.array, dask.dataframe or ndarray of shape (n_samples, encoding_dim)
            Of the kind of X; not computed yet where X is of Dask.
        """
        return self._mapped("transform", X)

    def inverse_transform(self, X: Any) -> Any:
        """Decode codes.

        Parameters
        ----------
        X : dask.array, dask.dataframe or array-like of shape (n_samples, encoding_dim)
            Codes as `transform` returns them.

        Returns
        -------
        reconstructions : dask.array, dask.dataframe or ndarray of shape \
(n_samples, *sample_shape)
            Of the kind of X; not computed yet where X is of Dask.
        """
        return self._mapped("inverse_transform", X)

    def reconstruct(self, X: Any) -> Any:
        """Encode and decode rows in one step.

        Parameters
        ----------
        X : dask.array, dask.dataframe, or what AutoencoderTransformer takes
            Rows like those of `fit`.

        Returns
        -------
        reconstructions : dask.array, dask.dataframe or ndarray of shape \
(n_samples, *sample_shape)
            Of the kind of X; not computed yet where X is of Dask.
        """
        return self._mapped("reconstruct", X)

    def score_samples(self, X: Any) -> Any:
        """Return the negative mean squared error of each row's reconstruction.

        Parameters
        ----------
        X : dask.array, dask.dataframe, or what AutoencoderTransformer takes
            Rows like those of `fit`.

        Returns
        -------
        scores : dask.array, Series of dask.dataframe or ndarray of shape (n_samples,)
            In the squared unit of X; 0 is best. Not computed yet where X is of Dask.
        """
        return self._mapped("score_samples", X)

    def score(self, X: Any, y: object = None) -> float:
        """Return the fraction of the variance of X that reconstructions explain.

        Parameters
        ----------
        X : dask.array, dask.dataframe, or what AutoencoderTransformer takes
            Rows like those of `fit`. Collections of Dask are computed, in one pass.

        y : None
            Ignored.

        Returns
        -------
        score : float
            1 - SSE / SST over all features, with SST around the means of X; at most 1.

        Raises
        ------
        ValueError
            When all values of X are missing.
        """
        if not is_collection(X):
            return super().score(X, y)  # type: ignore[misc]
        check_is_fitted(self)
        with contextlib.ExitStack() as stack:
            if self.client is not None:
                stack.enter_context(current_client(self.client).as_current())
            return scored(self.to_local(), X)

    def _mapped(self, name, X):
        if is_collection(X):
            return mapped(self, name, X)
        return getattr(super(), name)(X)

    def to_local(self) -> Any:
        """Return the plain estimator, with the same parameters and the same fit."""
        raise NotImplementedError
