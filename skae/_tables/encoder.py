"""Tables of mixed columns as numbers, and back."""

from __future__ import annotations

import numbers
import os
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae._runtime.scikit_learn import Interval, StrOptions, fit_context
from skae._saving.writing import save
from skae._tables.matrix import decode, encode
from skae._tables.names import feature_names
from skae._tables.plain import plain_table, table_of
from skae._tables.reading import chosen_columns, frame_of
from skae._tables.scores import column_scores
from skae._tables.table import fit_table, read_rows


class TableEncoder(TransformerMixin, BaseEstimator):
    """X
    """

    _parameter_constraints = {
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", callable],
        "numeric_scaling": [StrOptions({"standard", "robust", "quantile"})],
        "min_frequency": [
            Interval(numbers.Integral, 1, None, closed="left"),
            Interval(numbers.Real, 0, 1, closed="neither"),
            None,
        ],
        "max_categories": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "handle_unknown": [
            StrOptions({"error", "ignore", "infrequent_if_exist", "warn"})
        ],
        "missing_values": [StrOptions({"allow", "category"})],
        "unusable": [StrOptions({"error", "drop"})],
        "sparse_output": ["boolean", StrOptions({"auto"})],
    }

    def __init__(
        self,
        *,
        categorical_features: Any = "from_dtype",
        numeric_scaling: str = "standard",
        min_frequency: float | None = None,
        max_categories: int | None = None,
        handle_unknown: str = "error",
        missing_values: str = "allow",
        unusable: str = "error",
        sparse_output: bool | str = "auto",
    ) -> None:
        self.categorical_features = categorical_features
        self.numeric_scaling = numeric_scaling
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.handle_unknown = handle_unknown
        self.missing_values = missing_values
        self.unusable = unusable
        self.sparse_output = sparse_output

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        self._fit(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        return encode(self._fit(X), self._table)

    def _fit(self, X):
        """Fit to a table, and return its rows as `Read`."""
        fitted = object.__new__(type(self))
        fitted.__dict__.update(self.__dict__)
        frame = frame_of(fitted, X, reset=True)
        chosen = chosen_columns(self.categorical_features, X, frame.container.names)
        fitted._table, read = fit_table(frame, self.get_params(deep=False), chosen)
        fitted.kinds_ = [getattr(c, "kind", "dropped") for c in fitted._table.columns]
        fitted.sparse_output_ = fitted._table.is_sparse
        self.__dict__ = fitted.__dict__
        return read

    def transform(self, X):
        check_is_fitted(self)
        return encode(self._read(X), self._table)

    def _read(self, X):
        frame = frame_of(self, X, reset=False)
        return read_rows(frame, self._table, self.handle_unknown)

    def inverse_transform(self, X):
        check_is_fitted(self)
        again = decode(self._checked(X), self._table)
        if self._table.container.library == "pandas" and hasattr(X, "iloc"):
            again.index = X.index
        return again

    def _checked(self, X):
        X = check_array(
            X, accept_sparse="csr", dtype=np.float64, ensure_all_finite="allow-nan"
        )
        width = int(self._table.starts[-1])
        if X.shape[1] != width:
            raise ValueError(
                f"X has {X.shape[1]} columns, but TableEncoder was fitted to a table "
                f"that becomes {width}: inverse_transform expects what transform "
                "returns."
            )
        return X.toarray() if sparse.issparse(X) else X

    def get_feature_names_out(self, input_features=None):
        check_is_fitted(self)
        return feature_names(self, input_features)

    def column_scores(self, X, encoded):
        """Score."""
        check_is_fitted(self)
        return column_scores(self._read(X), self._checked(encoded), self._table)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save."""
        save(self, path)

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_table" in state:
            state["_table"] = plain_table(state["_table"])
        return state

    def __setstate__(self, state):
        state = dict(state)
        if "_table" in state:
            state["_table"] = table_of(state["_table"])
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_table")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags
