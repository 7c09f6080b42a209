"""A fitted table as plain data, and back: checked, so that files can hold it."""

from __future__ import annotations

import dataclasses

import numpy as np

from skae._tables.columns import (
    QUANTITIES,
    Category,
    Container,
    Quantity,
)
from skae._tables.scaling import Scaling
from skae._tables.table import Table
from skae._tables.types import plain_type, plain_value, type_of, value_of


def plain_table(table):
    """Return a `Table` as plain data: dicts, lists, text, numbers and arrays."""
    container = table.container
    return {
        "container": {
            **_fields(container),
            "names": [plain_value(name) for name in container.names],
            "dtype": None if container.dtype is None else container.dtype.str,
        },
        "columns": [None if c is None else _plain_column(c) for c in table.columns],
        "scaling": _fields(table.scaling),
        "missing_values": table.missing_values,
        "is_sparse": table.is_sparse,
    }


def _fields(item):
    return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}


def _plain_column(column):
    state = {
        **_fields(column),
        "dtype": plain_type(column.dtype),
        "missing": plain_value(column.missing),
    }
    if isinstance(column, Category):
        state["values"] = [plain_value(value) for value in column.values]
    return state


def table_of(state, n_columns):
    """Return the `Table` of `n_columns` columns that `plain_table` was given.

    Raises
    ------
    ValueError, TypeError, LookupError or ImportError
        When it is something else, or needs a library that is not installed.
    """
    columns = [None if c is None else _column(c) for c in state["columns"]]
    scaling = Scaling(**state["scaling"])
    container = dict(state["container"])
    container["names"] = [value_of(name) for name in container["names"]]
    if container["dtype"] is not None:
        container["dtype"] = np.dtype(container["dtype"])
    _check(container["library"] in ("pandas", "polars", "numpy"), "library")
    _check(len(container["names"]) == len(columns) == n_columns, "names")
    _check(state["missing_values"] in ("allow", "category"), "missing_values")
    _check(isinstance(state["is_sparse"], bool), "is_sparse")
    table = Table(
        Container(**container),
        columns,
        scaling,
        state["missing_values"],
        state["is_sparse"],
    )
    _check_scaling(scaling, len(table.places_of_quantities))
    return table


def _check(is_right, name):
    if not is_right:
        raise ValueError(f"{name} is no part of a table")


def _column(state):
    state = dict(state)
    kind = state.pop("kind")
    state["dtype"] = type_of(state["dtype"])
    state["missing"] = value_of(state["missing"])
    if kind != "category":
        return _checked_quantity(Quantity(kind, **state))
    state["values"] = [value_of(value) for value in state["values"]]
    column = Category(**state)
    _check_category(column)
    return column


def _checked_quantity(column):
    _check(column.kind in QUANTITIES, "kind")
    _check(isinstance(column.indicated, bool), "indicated")
    _check(isinstance(column.zoned, bool), "zoned")
    _check(type(column.origin) is int and type(column.step) is int, "step")
    _check(column.unit in (None, "s", "ms", "us", "ns"), "unit")
    _check((column.unit is None) == (column.kind in ("number", "boolean")), "unit")
    _check(column.step > 0 or column.unit is None, "step")
    return column


def _check_category(column):
    n_values, n_groups = len(column.values), len(column.frequencies)
    _check(n_values > 0 and None not in column.values[:-1], "values")
    for name, size, below in (
        ("groups", n_values, n_groups),
        ("chosen", n_groups, n_values),
    ):
        numbers = getattr(column, name)
        _check(_is_array(numbers, "iu", (size,)), name)
        _check(((numbers >= 0) & (numbers < below)).all(), name)
    _check(_is_array(column.frequencies, "f", (n_groups,)), "frequencies")
    _check((column.frequencies > 0).all(), "frequencies")
    _check(isinstance(column.weight, float) and 0 < column.weight <= 1, "weight")
    _check(type(column.pooled) is int and -1 <= column.pooled < n_groups, "pooled")


def _is_array(value, kinds, shape):
    return (
        isinstance(value, np.ndarray)
        and value.dtype.kind in kinds
        and value.shape == shape
    )


def _check_scaling(scaling, n_quantities):
    for name, kinds in (("center", "f"), ("scale", "f"), ("mapped", "b")):
        _check(_is_array(getattr(scaling, name), kinds, (n_quantities,)), name)
    _check((scaling.scale > 0).all(), "scale")
    quantiles, n_mapped = scaling.quantiles, int(scaling.mapped.sum())
    shape = (*np.shape(quantiles)[:1], n_mapped)
    _check(_is_array(quantiles, "f", shape), "quantiles")
