"""Columns of polars as NumPy arrays, and back.

polars is no dependency: it is imported once there is a table of it.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas

from skae._tables.whole import whole, within_digits

_LAST_NANOSECOND = 86_400 * 10**9 - 1  # of a day
_UNITS = {"Date": "ms", "Time": "ns"}  # of types that have none of their own


def is_frame(X):
    """Tell whether X is a data frame of polars."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(X, polars.DataFrame)


def kind_of(series):
    """Return the kind of a column; see `skae._tables.pandas_columns.kind_of`."""
    dtype = series.dtype
    name = type_name(dtype)
    kinds = {
        "Boolean": "boolean",
        "Date": "date",
        "Datetime": "date",
        "Duration": "duration",
        "Time": "duration",
        "String": "text",
        "Categorical": "category",
        "Enum": "category",
    }
    if dtype.is_numeric():
        return "number"
    if name not in kinds:
        raise TypeError(f"of the type {dtype}")
    return kinds[name]


def type_name(dtype):
    """Return the name of the class of a type, which may be the class itself."""
    return getattr(dtype, "__name__", type(dtype).__name__)


def subtype_of(series):
    """Return "": columns of Python objects are not taken."""
    return ""


def is_whole(series):
    """Tell whether a column of numbers holds integers by its type."""
    return series.dtype.is_integer()


def mark_of_missing(series):
    """Return what stands for a missing value, which is null everywhere."""
    return None


def numbers(series):
    """Return numbers or booleans as float64, with NaN where they are missing."""
    import polars

    return series.cast(polars.Float64).to_numpy().astype(np.float64)


def unit_of(series):
    """Return the unit of the ticks of dates, durations or times of the day."""
    unit = getattr(series.dtype, "time_unit", None)
    return unit or _UNITS[type_name(series.dtype)]


def ticks(series, unit):
    """Return dates or durations as int64 ticks, and where they are missing."""
    import polars

    gaps = series.is_null().to_numpy()
    name = type_name(series.dtype)
    if name == "Date":
        series = series.cast(polars.Datetime("ms"))
    if name != "Time":
        own = unit_of(series)
        to = "ms" if unit == "s" else unit
        series = series if own == to else series.dt.cast_time_unit(to)
    counts = series.to_physical().cast(polars.Int64).fill_null(0).to_numpy()
    return (counts // 1000 if unit == "s" else counts.copy()), gaps


def zone_of(dtype):
    """Return the time zone of a type of dates, or None."""
    return getattr(dtype, "time_zone", None)


def factorized(series):
    """Return a number for each row, -1 where it is missing, and the values meant."""
    import polars

    if has_order(series):
        values = series.dtype.categories.to_list()
        return pandas.Index(values).get_indexer(_strings(series)), values
    if kind_of(series) == "category":
        series = series.cast(polars.String)
    if series.dtype == polars.String:
        codes, values = pandas.factorize(_strings(series))
        return codes, values.tolist()
    codes, values = pandas.factorize(np.array(series.to_list(), object))
    return codes, values.tolist()


def has_order(series):
    """Tell whether the values of a column have an order of their own."""
    return type_name(series.dtype) == "Enum"


def _strings(series):
    import polars

    return np.asarray(series.cast(polars.String).to_numpy(), object)


def of_numbers(values, column):
    """Return a column of numbers or booleans, whole where they are to be."""
    import polars

    gaps = np.isnan(values)
    values = within_digits(values, column.dtype)
    if column.kind == "boolean":
        values = values > 0.5
    elif column.step:
        values = whole(values, _numpy_integer(column.dtype))
    series = polars.Series(np.ascontiguousarray(values))
    if gaps.any():
        series = _with_nulls(series, gaps)
    return series.cast(column.dtype)


def _numpy_integer(dtype):
    """Return the type of NumPy with the range of one of polars."""
    name = type_name(dtype).lower()
    return np.dtype(name if name in np.sctypeDict and name != "int128" else "int64")


def _with_nulls(series, gaps):
    import polars

    return series.to_frame("v").select(
        polars.when(~polars.Series(gaps)).then(polars.col("v"))
    )["v"]


def of_ticks(counts, gaps, column):
    """Return a column of dates, durations or times of the day."""
    import polars

    unit = column.unit
    series = polars.Series("v", np.ascontiguousarray(counts))
    if gaps.any():
        series = _with_nulls(series, gaps)
    name = type_name(column.dtype)
    if name == "Time":
        return series.clip(0, _LAST_NANOSECOND).cast(polars.Time)
    if name == "Duration":
        return series.cast(polars.Duration(unit)).cast(column.dtype)
    series = series.cast(polars.Datetime(unit))
    if zone_of(column.dtype) is not None:
        series = series.dt.replace_time_zone("UTC")
        series = series.dt.convert_time_zone(zone_of(column.dtype))
    return series.cast(column.dtype)


def of_values(codes, column):
    """Return a column of categories, of numbers of values and -1."""
    import polars

    values = polars.Series("v", [*column.values, None], strict=False)
    codes = np.where(codes < 0, len(column.values), codes)
    return values.gather(codes).cast(column.dtype)


def frame_of(series, names, levels):
    """Return a data frame of columns with these labels."""
    import polars

    pairs = zip(names, series, strict=True)
    return polars.DataFrame([column.alias(name) for name, column in pairs])
