"""Types of the public API's arguments and results, for annotations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import sparray, spmatrix
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit

if TYPE_CHECKING:
    import keras  # takes seconds to import

Rows: TypeAlias = ArrayLike | sparray | spmatrix
"""Rows, dense or sparse. Data frames of pandas and polars are array-like."""

Floats: TypeAlias = NDArray[np.floating[Any]]
"""Codes, reconstructions and scores: float32 or float64."""

Shape: TypeAlias = Sequence[int]
"""Sizes along some axes, as a tuple or a list."""

Seed: TypeAlias = int | np.random.RandomState | None

Auto: TypeAlias = Literal["auto"]

CodeActivation: TypeAlias = Literal["linear", "relu", "tanh", "sigmoid"]

Estimators: TypeAlias = (
    BaseEstimator | Sequence[BaseEstimator] | Mapping[str, BaseEstimator]
)

Splits: TypeAlias = (
    BaseCrossValidator | BaseShuffleSplit | Iterable[tuple[ArrayLike, ArrayLike]]
)

Kind: TypeAlias = Literal["auto", "image", "sequence", "table"]

DrawnKind: TypeAlias = Literal["image", "sequence", "table"]

Features: TypeAlias = tuple[Sequence[str], NDArray, NDArray]
"""Names, means and scales of the features of a table."""

Measure: TypeAlias = Literal["relative_error", "error", "variance_explained"]

KerasModel: TypeAlias = "keras.Model"

Loss: TypeAlias = "Literal['mse', 'binary_crossentropy', 'poisson'] | keras.losses.Loss"

Optimizer: TypeAlias = "str | keras.optimizers.Optimizer"

Callbacks: TypeAlias = "Sequence[keras.callbacks.Callback] | None"
