"""What every estimator with an encoder does: transform, save, and be copied."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from skae._data.checks import check_rows
from skae._data.missing import allows_missing, fill_with_means
from skae._estimators.html import NotebookMixin
from skae._keras.objects import plain, restored, with_stand_ins
from skae._runtime.annotations import Floats, KerasModel, Rows
from skae._runtime.tensorflow import on_one_device
from skae._saving.fitted import fit_of, plain_fit
from skae._saving.writing import save


class BaseEncoder(
    NotebookMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Maps rows through a fitted encoder; the fit itself is a subclass's.

    A fit sets `_fitted`, a `FittedNetwork`, and what scikit-learn's checks set.
    """

    if TYPE_CHECKING:  # scikit-learn has it, but no annotations

        def fit_transform(self, X: Rows, y: object = None, **fit_params: Any) -> Floats:
            """Fit to rows, and encode them."""

    def _after(self, recipe, data):
        """Carry out a fit on a copy, so that one that fails leaves no trace."""
        fitted = object.__new__(type(self))
        fitted.__dict__.update(self.__dict__)
        on_one_device(recipe, fitted, data)
        self.__dict__ = fitted.__dict__
        return self

    def transform(self, X: Rows) -> Floats:
        """Encode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_codes)
            Those of autoencoders in the unit of X, maps without one; float32 for
            float32 input, else float64.
        """
        X, _ = self._checked(X)
        return self._fitted.encode(X)

    def _checked(self, X):
        """Return checked rows, with missing values at their mean, and as they are."""
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        if not allows_missing(self):
            return X, X
        return fill_with_means(X, self.mean_.ravel()), X

    @property
    def inference_(self) -> Literal["numpy", "keras"]:
        """What `transform` and its like compute with; NumPy for dense networks."""
        return self._fitted.inference

    @property
    def encoder_(self) -> KerasModel:
        """Keras model from rows, in the user's units, to codes; a copy of the fit."""
        return self._fitted.models[0]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the estimator, fitted or not, to a file for `skae.load`.

        The file is one of `skops.io`, a zip archive of JSON text and arrays, without
        code. It appears whole or not at all, in place of what was there.

        Parameters
        ----------
        path : str or path-like
            The file, by convention ending in ".skae".

        Returns
        -------
        None

        Raises
        ------
        TypeError
            When a parameter holds code of the user's own (callbacks, functions,
            classes), which no file of data can hold. Networks that are functions or
            classes of the user's own are no such case once fitted: the Keras models
            that they built are written in their place.

        ValueError
            When there is something else than a file at the path.

        OSError
            When the file cannot be written.
        """
        save(self, path)

    def __getstate__(self):
        state = plain(dict(super().__getstate__()))
        if "_fitted" in state:
            state["_fitted"] = plain_fit(state["_fitted"], state.get("network"))
        return state

    def __setstate__(self, state):
        state = dict(state)
        fitted = state.pop("_fitted", None)
        state = restored(state)
        if fitted is not None:
            state["_fitted"] = fit_of(fitted, state.get("network"))
        super().__setstate__(state)

    def __sklearn_clone__(self):
        return BaseEstimator.__sklearn_clone__(with_stand_ins(self))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = allows_missing(self)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_fitted")
