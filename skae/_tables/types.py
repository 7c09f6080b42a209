"""Types of columns and single values as plain data, and back.

What is not known here stays as it is: pickles take it, and files of data refuse it.
"""

from __future__ import annotations

import datetime

import numpy as np
import pandas

from skae._tables.polars_columns import type_name

# The types of polars that need no arguments, beside those of `_POLARS_ARGUMENTS`.
_POLARS = {
    *(f"{kind}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64, 128)),
    *("Float16", "Float32", "Float64", "Boolean", "String", "Categorical"),
    *("Date", "Time"),
}
_POLARS_ARGUMENTS = {
    "Datetime": ("time_unit", "time_zone"),
    "Duration": ("time_unit",),
    "Decimal": ("precision", "scale"),
}


def plain_type(dtype):
    """Return a type of NumPy, pandas or polars as plain data."""
    for is_such, describe in _KINDS:
        if is_such(dtype):
            return describe(dtype)
    return dtype


def type_of(state):
    """Return the type that `plain_type` was given.

    Raises
    ------
    ValueError, TypeError, LookupError or ImportError
        When it is none, or the library is not installed.
    """
    if not isinstance(state, dict):
        return state
    (kind,) = state.keys() & _BUILDERS.keys()
    return _BUILDERS[kind](state)


def _plain_pandas(dtype):
    """Return the name of a type, if it says all."""
    try:
        is_said = pandas.api.types.pandas_dtype(str(dtype)) == dtype
    except (TypeError, ValueError, NotImplementedError):
        is_said = False
    return {"pandas": str(dtype)} if is_said else dtype


def _plain_categories(dtype):
    values = dtype.categories
    return {
        "categories": [plain_value(value) for value in values.tolist()],
        "of": plain_type(values.dtype),
        "ordered": bool(dtype.ordered),
    }


def _categories(state):
    values = [value_of(value) for value in state["categories"]]
    index = pandas.Index(values, dtype=type_of(state["of"]))
    return pandas.CategoricalDtype(index, state["ordered"])


def _plain_string(dtype):
    is_nan = getattr(dtype, "na_value", pandas.NA) is not pandas.NA
    return {"string": dtype.storage, "nan": is_nan}


def _string(state):
    if state["nan"]:
        return pandas.StringDtype(state["string"], na_value=np.nan)
    return pandas.StringDtype(state["string"])


def _plain_sparse(dtype):
    fill = plain_value(np.asarray(dtype.fill_value).item())
    return {"sparse": dtype.subtype.str, "fill": fill}


def _sparse(state):
    return pandas.SparseDtype(np.dtype(state["sparse"]), value_of(state["fill"]))


def _plain_arrow(dtype):
    kind = dtype.pyarrow_dtype
    if str(kind).startswith("decimal128"):
        return {"decimal": [kind.precision, kind.scale]}
    return {"arrow": str(kind)}


def _arrow(state):
    import pyarrow

    if state["arrow"] == "string":  # whose name is that of a type of pandas
        return pandas.ArrowDtype(pyarrow.string())
    return pandas.ArrowDtype.construct_from_string(f"{state['arrow']}[pyarrow]")


def _decimal(state):
    import pyarrow

    return pandas.ArrowDtype(pyarrow.decimal128(*state["decimal"]))


def _is_polars(dtype):
    module = getattr(dtype, "__module__", "")
    return module.partition(".")[0] == "polars"


def _plain_polars(dtype):
    name = type_name(dtype)
    if name == "Enum":
        return {"polars": name, "values": dtype.categories.to_list()}
    names = _POLARS_ARGUMENTS.get(name, ())
    return {"polars": name, **{n: getattr(dtype, n, None) for n in names}}


def _polars(state):
    import polars

    name = state["polars"]
    if name == "Enum":
        return polars.Enum(state["values"])
    if name in _POLARS:
        return getattr(polars, name)()
    return getattr(polars, name)(*(state[n] for n in _POLARS_ARGUMENTS[name]))


_KINDS = [
    (_is_polars, _plain_polars),
    (lambda t: isinstance(t, pandas.CategoricalDtype), _plain_categories),
    (lambda t: isinstance(t, pandas.StringDtype), _plain_string),
    (lambda t: isinstance(t, pandas.SparseDtype), _plain_sparse),
    (lambda t: isinstance(t, pandas.ArrowDtype), _plain_arrow),
    (lambda t: t is not None, _plain_pandas),
]
_BUILDERS = {
    "pandas": lambda state: pandas.api.types.pandas_dtype(state["pandas"]),
    "categories": _categories,
    "string": _string,
    "sparse": _sparse,
    "arrow": _arrow,
    "decimal": _decimal,
    "polars": _polars,
}


def plain_value(value):
    """Return one value of a column, or a label, as plain data."""
    if isinstance(value, tuple):
        return tuple(map(plain_value, value))
    if value is pandas.NA or value is pandas.NaT:
        return {"missing": str(value)}
    if isinstance(value, pandas.Timestamp):
        zone = None if value.tz is None else str(value.tz)
        return {"timestamp": value.value, "unit": value.unit, "zone": zone}
    if isinstance(value, pandas.Timedelta):
        return {"timedelta": value.value, "unit": value.unit}
    if isinstance(value, pandas.Interval):
        ends = plain_value(value.left), plain_value(value.right)
        return {"interval": ends, "closed": value.closed}
    if type(value) is datetime.date:
        return {"date": value.isoformat()}
    return value


def value_of(state):
    """Return the value that `plain_value` was given.

    Raises
    ------
    ValueError, TypeError or LookupError
        When it is none.
    """
    if isinstance(state, tuple):
        return tuple(map(value_of, state))
    if not isinstance(state, dict):
        return state
    if "missing" in state:
        return {"<NA>": pandas.NA, "NaT": pandas.NaT}[state["missing"]]
    if "timestamp" in state:
        value = pandas.Timestamp(state["timestamp"], tz="UTC").as_unit(state["unit"])
        zone = state["zone"]
        return value.tz_localize(None) if zone is None else value.tz_convert(zone)
    if "timedelta" in state:
        return pandas.Timedelta(state["timedelta"]).as_unit(state["unit"])
    if "interval" in state:
        return pandas.Interval(*map(value_of, state["interval"]), state["closed"])
    return datetime.date.fromisoformat(state["date"])
