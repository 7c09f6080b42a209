"""What is known of a table and of each of its columns, as plain dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

QUANTITIES = "number", "date", "duration", "boolean"


@dataclass(frozen=True)
class Quantity:
    """A column that becomes one number a row: a number, date, duration or boolean.

    Attributes
    ----------
    kind : {"number", "date", "duration", "boolean"}
        What it is.

    dtype : object
        The type, as the frame's library has it.

    unit : {"s", "ms", "us", "ns"} or None
        Of the ticks of dates and durations.

    origin : int
        Ticks from which those of dates and durations are counted, so that float64
        holds the differences.

    zoned : bool
        Whether dates have a time zone.

    step : int
        Values come back as multiples of it; 0 for numbers with fractions.

    missing : object
        What stands for a missing value in a column of Python objects.

    subtype : str
        What a column of Python objects holds; empty for other columns.

    indicated : bool
        Whether a column of its own says where values are missing.
    """

    kind: str
    dtype: Any
    unit: str | None = None
    origin: int = 0
    zoned: bool = False
    step: int = 0
    missing: Any = None
    subtype: str = ""
    indicated: bool = False


@dataclass(frozen=True)
class Category:
    """A column that becomes several, one for each value or group of rare values.

    Attributes
    ----------
    dtype, missing : see `Quantity`

    values : list
        The values seen in `fit`. None is the last, if missing values are a category.

    groups : int ndarray of shape (n_values,)
        For each value the number of its group.

    chosen : int ndarray of shape (n_groups,)
        For each group the number of the value that comes back: its most frequent.

    frequencies : float64 ndarray of shape (n_groups,)
        Fraction of the rows (of those with a value) in each group.

    weight : float
        What multiplies its columns.

    pooled : int
        Number of the group of rare values; -1 if there is none.
    """

    dtype: Any
    values: list
    groups: np.ndarray
    chosen: np.ndarray
    frequencies: np.ndarray
    weight: float = 1.0
    pooled: int = -1
    missing: Any = None
    kind: str = field(default="category", init=False)


@dataclass(frozen=True)
class Container:
    """What a table came in.

    Attributes
    ----------
    library : {"pandas", "polars", "numpy"}
        Whose table it is; lists become arrays of NumPy.

    names : list
        Labels of the columns, in order.

    levels : list
        Names of the axis of the columns, which pandas has.

    dtype : numpy.dtype or None
        Of an array.
    """

    library: str
    names: list
    levels: list
    dtype: Any = None


@dataclass(frozen=True)
class Frame:
    """A table as a list of columns, each a Series of the library that reads it."""

    container: Container
    series: list
    library: Any
    n_rows: int


def width_of(column):
    """Return the number of columns that a column becomes; None becomes none."""
    if column is None:
        return 0
    if isinstance(column, Category):
        return len(column.frequencies)
    return 1 + column.indicated
