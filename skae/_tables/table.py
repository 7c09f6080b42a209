"""A fitted table: its columns as numbers of one scale, and back."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from skae._runtime.warnings import warn
from skae._tables.columns import Category, Container, Quantity, width_of
from skae._tables.levels import (
    MISSING,
    UNKNOWN,
    fit_category,
    groups_of,
    in_order,
)
from skae._tables.reading import kinds_of
from skae._tables.scaling import Scaling, fit_scaling

# The largest fraction of entries other than zero for which `sparse_output="auto"` is
# sparse; ColumnTransformer's `sparse_threshold`.
_SPARSE_BELOW = 0.3
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # in a second
_STEPS = 86_400, 3_600, 60, 1  # day, hour, minute and second, in seconds


@dataclass(frozen=True)
class Table:
    """What `fit` has found of a table.

    Attributes
    ----------
    container : Container
        What the table came in.

    columns : list of Quantity, Category or None
        Its columns; None is dropped.

    scaling : Scaling
        Of the quantities.

    missing_values : {"allow", "category"}
        The parameter.

    is_sparse : bool
        Whether rows become a sparse matrix. Then columns of categories are not centred.
    """

    container: Container
    columns: list
    scaling: Scaling
    missing_values: str
    is_sparse: bool

    @functools.cached_property
    def starts(self):
        """Number of the first column that each column becomes, and of the end."""
        return np.cumsum([0, *map(width_of, self.columns)])

    @functools.cached_property
    def places_of_quantities(self):
        """Numbers of the columns that the quantities become."""
        pairs = zip(self.columns, self.starts[:-1], strict=True)
        places = [
            np.arange(start, start + width_of(column))
            for column, start in pairs
            if isinstance(column, Quantity)
        ]
        return np.concatenate([np.empty(0, np.intp), *places])

    @functools.cached_property
    def categories(self):
        """Pairs of each `Category` and the number of its first column."""
        pairs = zip(self.columns, self.starts[:-1], strict=True)
        return [(c, start) for c, start in pairs if isinstance(c, Category)]


@dataclass(frozen=True)
class Read:
    """Rows of a table as numbers.

    Attributes
    ----------
    values : float64 ndarray of shape (n_rows, n_quantities)
        Quantities in their own unit, NaN where they are missing.

    groups : list of int ndarray of shape (n_rows,)
        For each category, the groups of `groups_of`.
    """

    values: np.ndarray
    groups: list


def fit_table(frame, parameters, chosen):
    """Find out how to encode a table.

    Parameters
    ----------
    frame : Frame
        The rows.

    parameters : dict
        Of the estimator.

    chosen : set of int
        Numbers of the columns that are categories whatever their type.

    Returns
    -------
    table : Table
    read : Read
        The same rows.
    """
    kinds, factorized = kinds_of(frame, chosen, parameters["unusable"])
    columns, values, groups = [], [], []
    for number, (kind, series) in enumerate(zip(kinds, frame.series, strict=True)):
        column = None
        if kind == "category":
            column, found = _fit_category(
                frame.library, series, factorized[number], parameters
            )
            groups.append(found)
        elif kind is not None:
            column, found = _fit_quantity(
                frame.library, series, kind, parameters["missing_values"]
            )
            values.append(found)
        columns.append(column)
    values = _side_by_side(values, frame.n_rows)
    scaling = fit_scaling(values, _measured(columns), parameters["numeric_scaling"])
    table = Table(
        frame.container, columns, scaling, parameters["missing_values"], False
    )
    read = Read(values, groups)
    is_sparse = _is_sparse(table, read, parameters["sparse_output"])
    return replace(table, is_sparse=is_sparse), read


def _side_by_side(values, n_rows):
    return np.column_stack(values) if values else np.empty((n_rows, 0))


def _measured(columns):
    """Tell which columns of quantities have a unit, unlike those of zeros and ones."""
    measured = []
    for column in columns:
        if isinstance(column, Quantity):
            measured += [column.kind != "boolean", False][: width_of(column)]
    return np.array(measured, bool)


def _is_sparse(table, read, sparse_output):
    if sparse_output != "auto":
        return bool(sparse_output)
    n_entries = read.values.shape[1] + len(read.groups)
    has_gaps = any((found == MISSING).any() for found in read.groups)
    has_gaps = has_gaps or np.isnan(read.values).any()
    return bool(n_entries < _SPARSE_BELOW * table.starts[-1] and not has_gaps)


def _fit_category(library, series, factorized, parameters):
    codes, values = factorized
    if not library.has_order(series):
        codes, values = in_order(codes, values)
    names = "categorical_scaling", "min_frequency", "max_categories", "missing_values"
    category = fit_category(
        codes,
        values,
        series.dtype,
        library.mark_of_missing(series),
        **{name: parameters[name] for name in names},
    )
    return category, groups_of(category, codes, values, parameters["missing_values"])[0]


def _fit_quantity(library, series, kind, missing_values):
    """Return a `Quantity`, and its values with, if need be, the gaps beside them."""
    column = Quantity(
        kind,
        series.dtype,
        missing=library.mark_of_missing(series),
        subtype=library.subtype_of(series),
    )
    if kind in ("number", "boolean"):
        column = replace(column, step=int(library.is_whole(series)))
        values = library.numbers(series)
    else:
        column, values = _fit_ticks(library, series, column)
    _check_finite(values, series.name)
    indicated = missing_values == "category" and np.isnan(values).any()
    column = replace(column, indicated=bool(indicated))
    return column, _with_gaps(values, column)


def _fit_ticks(library, series, column):
    """Find origin and step of dates or durations; return them with the values."""
    unit = library.unit_of(series)
    zoned = library.zone_of(series.dtype) is not None
    counts, gaps = library.ticks(series, unit)
    known = counts[~gaps]
    step = next(
        (s * _TICKS[unit] for s in _STEPS if not (known % (s * _TICKS[unit])).any()),
        None,
    ) or _fraction(known, unit)
    # The middle: the largest difference from it is the least of all.
    middle = int(known.min() // 2 + known.max() // 2)
    origin = middle // step * step
    column = replace(column, unit=unit, origin=origin, step=step, zoned=zoned)
    return column, _since(counts, gaps, column)


def _fraction(known, unit):
    """Return the largest of millisecond, microsecond and nanosecond that divides."""
    steps = [_TICKS[unit] // per_second for per_second in (10**3, 10**6)]
    return next((s for s in steps if s and not (known % s).any()), 1)


def _since(counts, gaps, column):
    values = (counts - column.origin).astype(np.float64)
    values[gaps] = np.nan
    return values


def _check_finite(values, name):
    if np.isinf(values).any():
        raise ValueError(
            f"X has infinite values in column {name!r}. Replace them, or take them for "
            "missing values."
        )


def _with_gaps(values, column):
    """Return values as one column, or as two with that of what is missing."""
    if not column.indicated:
        return values
    return np.column_stack([values, np.isnan(values)])


def read_rows(frame, table, handle_unknown):
    """Return rows of a new table as `Read`."""
    values, groups = [], []
    for column, series in zip(table.columns, frame.series, strict=True):
        if isinstance(column, Quantity):
            values.append(_values(frame.library, series, column, table, handle_unknown))
        elif column is not None:
            groups.append(_groups(frame.library, series, column, table, handle_unknown))
    return Read(_side_by_side(values, frame.n_rows), groups)


def _values(library, series, column, table, handle_unknown):
    try:
        if column.unit is None:
            values = library.numbers(series)
        else:
            _check_zone(library.zone_of(series.dtype), column)
            counts, gaps = library.ticks(series, column.unit)
            values = _since(counts, gaps, column)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(
            f"X has the type {series.dtype} in column {series.name!r}, which held "
            f"values of the kind {column.kind} in fit: {error}. Convert it."
        ) from error
    _check_finite(values, series.name)
    is_new = table.missing_values == "category" and not column.indicated
    if is_new and np.isnan(values).any():
        _report_unknown([None], series.name, handle_unknown)
    return _with_gaps(values, column)


def _check_zone(zone, column):
    if (zone is not None) != column.zoned:
        raise ValueError("either both have a time zone, or none has")


def _groups(library, series, column, table, handle_unknown):
    codes, values = library.factorized(series)
    groups, unknown = groups_of(column, codes, values, table.missing_values)
    if unknown:
        _report_unknown(unknown, series.name, handle_unknown)
        if handle_unknown != "ignore" and column.pooled >= 0:
            groups = np.where(groups == UNKNOWN, column.pooled, groups)
    return groups


def _report_unknown(values, name, handle_unknown):
    shown = ", ".join("missing values" if v is None else repr(v) for v in values[:5])
    said = f"X has {shown:.300} in column {name!r}, unknown from fit."
    if handle_unknown == "error":
        raise ValueError(
            f"{said} Fit to rows that have all values, or set handle_unknown='ignore' "
            "or 'infrequent_if_exist'."
        )
    if handle_unknown == "warn":
        warn(said)
