"""What users of scikit-learn's PCA look for, under its names."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from scipy.linalg import pinvh
from sklearn.utils.validation import check_is_fitted

from skae._runtime.annotations import Floats

_NAME_IN_PCA = "n_components"
# Of the largest variance: smaller ones are rounding of float64.
_ROUNDING = 1e-12


class PCAInterfaceMixin:
    """PCA's methods of the covariance, and an answer to its `n_components`."""

    components_: Floats
    encoding_dim_: int
    explained_variance_: Floats
    noise_variance_: float

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _refusing_name_in_pca(cls.__init__)  # type: ignore[method-assign]

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also of nested objects, by name.

        Parameters
        ----------
        **params : dict
            New values, by the names of `get_params`.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        TypeError
            When `n_components` is among them, which is called `encoding_dim` here.

        ValueError
            When there is another name that no parameter has.
        """
        if _NAME_IN_PCA in params and _NAME_IN_PCA not in self._get_param_names():  # type: ignore[attr-defined]
            _refuse(type(self), params[_NAME_IN_PCA])
        return super().set_params(**params)  # type: ignore[misc]

    @property
    def n_components_(self) -> int:
        """Number of codes, as `encoding_dim_`."""
        return self.encoding_dim_

    def get_covariance(self) -> Floats:
        """Return the covariance of the features by the model of PCA.

        That is ``components_.T @ diag(explained_variance_ - noise_variance_) @
        components_`` plus `noise_variance_` on the diagonal, with zero in place of
        negative differences (Tipping and Bishop, 1999). For a fit that is PCA it is
        PCA's. For a bent one the mean directions stand for the decoder, and codes count
        as uncorrelated, which linear ones are; so it is an approximation.

        Returns
        -------
        covariance : float64 ndarray of shape (n_features, n_features)
            In the squared unit of the training rows.

        Raises
        ------
        AttributeError
            After `partial_fit`, which does not see all rows.
        """
        check_is_fitted(self)
        signal = np.maximum(self.explained_variance_ - self.noise_variance_, 0)
        covariance = (self.components_.T * signal) @ self.components_
        covariance[np.diag_indices_from(covariance)] += self.noise_variance_
        return covariance

    def get_precision(self) -> Floats:
        """Return the inverse of `get_covariance`.

        Where that has no inverse, because it has no noise and fewer codes than
        features, it is the pseudo-inverse.

        Returns
        -------
        precision : float64 ndarray of shape (n_features, n_features)
            In the inverse of the squared unit of the training rows.

        Raises
        ------
        AttributeError
            After `partial_fit`, which does not see all rows.
        """
        return pinvh(self.get_covariance(), rtol=_ROUNDING)


def _refusing_name_in_pca(init: Callable) -> Callable:
    """Return a class's constructor, which refuses `n_components` with a reason."""
    parameters = inspect.signature(init).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    if _NAME_IN_PCA in parameters or inspect.Parameter.VAR_KEYWORD in kinds:
        return init

    @functools.wraps(init)
    def checked(self: object, *args: Any, **kwargs: Any) -> None:
        if _NAME_IN_PCA in kwargs:
            _refuse(type(self), kwargs[_NAME_IN_PCA])
        init(self, *args, **kwargs)

    return checked


def _refuse(cls: type, value: object) -> None:
    raise TypeError(
        f"{cls.__name__} has no parameter n_components: the number of codes is called "
        f"encoding_dim. Write encoding_dim={value!r}."
    )
