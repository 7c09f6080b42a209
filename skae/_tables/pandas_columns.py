"""Columns of pandas as NumPy arrays, and back."""

from __future__ import annotations

import numpy as np
import pandas
from pandas.api import types

from skae._tables.whole import whole, within_digits

# Kinds of what `pandas.api.types.infer_dtype` says of Python objects.
_KINDS_OF_OBJECTS = {
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "date": "date",
}


class NoMissingError(Exception):
    """A type cannot hold the missing values that it is to hold."""


def is_frame(X):
    """Tell whether X is a data frame of pandas."""
    return isinstance(X, pandas.DataFrame)


def kind_of(series):
    """Return the kind of a column: that of a `Quantity`, "category" or "text".

    "text" may be categories as well; the number of different values says.

    Raises
    ------
    TypeError
        When it is none of these; the message says what it is.
    """
    dtype = series.dtype
    if isinstance(dtype, pandas.CategoricalDtype | pandas.IntervalDtype):
        return "category"
    if isinstance(dtype, pandas.ArrowDtype):
        return _kind_of_arrow(dtype)
    if types.is_complex_dtype(dtype) or subtype_of(series) == "complex":
        raise TypeError("complex numbers")
    if types.is_object_dtype(dtype):
        return _KINDS_OF_OBJECTS.get(subtype_of(series), "text")
    kinds = {
        "boolean": types.is_bool_dtype,
        "number": types.is_numeric_dtype,
        "duration": types.is_timedelta64_dtype,
        "date": _is_date,
        "text": types.is_string_dtype,
    }
    found = [kind for kind, is_such in kinds.items() if is_such(dtype)]
    if not found:
        raise TypeError(f"of the type {dtype}")
    return found[0]


def _is_date(dtype):
    is_period = isinstance(dtype, pandas.PeriodDtype)
    return is_period or types.is_datetime64_any_dtype(dtype)


def _kind_of_arrow(dtype):
    from pyarrow import types as arrow

    kinds = {
        "boolean": (arrow.is_boolean,),
        "number": (arrow.is_integer, arrow.is_floating, arrow.is_decimal),
        "date": (arrow.is_timestamp, arrow.is_date),
        "duration": (arrow.is_duration,),
        "text": (arrow.is_string, arrow.is_large_string),
        "category": (arrow.is_dictionary,),
    }
    for kind, tests in kinds.items():
        if any(is_such(dtype.pyarrow_dtype) for is_such in tests):
            return kind
    raise TypeError(f"of the type {dtype}")


def subtype_of(series):
    """Return what a column of Python objects holds; "" for other columns."""
    if not types.is_object_dtype(series.dtype):
        return ""
    return types.infer_dtype(series, skipna=True)


def is_whole(series):
    """Tell whether a column of numbers holds integers by its type."""
    is_integer = types.is_integer_dtype(series.dtype)
    return is_integer or subtype_of(series) == "integer"


def mark_of_missing(series):
    """Return what stands for a missing value in a column of objects."""
    if not types.is_object_dtype(series.dtype):
        return None
    gaps = series[series.isna()]
    return gaps.iloc[0] if len(gaps) else None


def numbers(series):
    """Return numbers or booleans as float64, with NaN where they are missing."""
    if types.is_object_dtype(series.dtype):
        series = series.where(series.notna(), np.nan)
    return series.to_numpy(np.float64, na_value=np.nan)


def unit_of(series):
    """Return the unit of the ticks of dates or durations."""
    return np.datetime_data(_as_times(series).dtype)[0]


def ticks(series, unit):
    """Return dates or durations as int64 ticks, and where they are missing."""
    times = _as_times(series)
    times = times.astype(f"{times.dtype.kind}8[{unit}]")
    return times.view(np.int64), np.isnat(times)


def _as_times(series):
    """Return dates (in UTC) or durations as an array of NumPy, in a unit of pandas."""
    dtype = series.dtype
    if isinstance(dtype, pandas.PeriodDtype):
        series = series.dt.to_timestamp()
    elif isinstance(dtype, pandas.ArrowDtype):
        series = _without_arrow(series)
    elif dtype.kind == "O":
        series = pandas.to_datetime(series)
    if isinstance(series.dtype, pandas.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series.to_numpy()


def _without_arrow(series):
    kind = series.dtype.pyarrow_dtype
    unit = getattr(kind, "unit", "s")  # dates have none
    zone = getattr(kind, "tz", None)
    if zone is not None:
        return series.astype(pandas.DatetimeTZDtype(unit, zone))
    kind = "m" if _kind_of_arrow(series.dtype) == "duration" else "M"
    return series.astype(f"{kind}8[{unit}]")


def zone_of(dtype):
    """Return the time zone of a type of dates, or None."""
    if isinstance(dtype, pandas.ArrowDtype):
        return getattr(dtype.pyarrow_dtype, "tz", None)
    return getattr(dtype, "tz", None)


def factorized(series):
    """Return a number for each row, -1 where it is missing, and the values meant.

    Raises
    ------
    TypeError
        When values are lists, dicts or the like.
    """
    if isinstance(series.dtype, pandas.CategoricalDtype):
        codes, values = series.cat.codes.to_numpy(), series.cat.categories
    else:
        codes, values = pandas.factorize(series)
    return codes, [v.item() if isinstance(v, np.generic) else v for v in values]


def has_order(series):
    """Tell whether the values of a column have an order of their own."""
    return isinstance(series.dtype, pandas.CategoricalDtype)


def of_numbers(values, column):
    """Return a column of numbers or booleans, whole where they are to be."""
    gaps = np.isnan(values)
    values = within_digits(values, getattr(column.dtype, "pyarrow_dtype", None))
    if column.kind == "boolean":
        found = values > 0.5
    else:
        found = whole(values, _integer(column.dtype)) if column.step else values
    if column.subtype:
        objects = np.array(found.tolist(), object)
        objects[gaps] = column.missing
        return pandas.Series(objects, dtype=object)
    if not gaps.any():
        return pandas.Series(found).astype(column.dtype)
    if types.is_float_dtype(column.dtype) and not _is_nullable(column.dtype):
        return pandas.Series(found, dtype=column.dtype)
    return _nullable(found, gaps, column.dtype)


def _integer(dtype):
    """Return the type of NumPy with the range of one of pandas."""
    dtype = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))
    return dtype if dtype.kind in "iu" else np.dtype(np.int64)


def _is_nullable(dtype):
    return not isinstance(dtype, np.dtype | pandas.SparseDtype)


def _nullable(values, gaps, dtype):
    if not _is_nullable(dtype):
        raise NoMissingError(dtype)
    if isinstance(dtype, pandas.ArrowDtype):
        import pyarrow

        array = pyarrow.array(values, mask=gaps).cast(dtype.pyarrow_dtype)
        return pandas.Series(pandas.arrays.ArrowExtensionArray(array))
    series = pandas.Series(values.astype(object))
    return series.mask(gaps, pandas.NA).astype(dtype)


def of_ticks(counts, gaps, column):
    """Return a column of dates or durations."""
    kind = "m" if column.kind == "duration" else "M"
    times = counts.view(f"{kind}8[{column.unit}]").copy()
    times[gaps] = np.array("NaT", times.dtype)
    series = pandas.Series(times)
    dtype = column.dtype
    if column.subtype:
        dates = series.dt.date.astype(object)
        return dates.where(~gaps, column.missing)
    if isinstance(dtype, pandas.PeriodDtype):
        return series.dt.to_period(dtype.freq)
    if zone_of(dtype) is not None:
        series = series.dt.tz_localize("UTC").dt.tz_convert(zone_of(dtype))
    return series.astype(dtype)


def of_values(codes, column):
    """Return a column of categories, of numbers of values and -1."""
    dtype = column.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        places = dtype.categories.get_indexer(column.values)
        places = np.append(places, -1)  # which -1 takes
        return pandas.Series(pandas.Categorical.from_codes(places[codes], dtype=dtype))
    values = np.empty(len(column.values) + 1, object)
    values[:-1] = column.values
    values[-1] = column.missing if types.is_object_dtype(dtype) else None
    if (codes < 0).any() and isinstance(dtype, np.dtype) and dtype.kind in "biu":
        raise NoMissingError(dtype)
    return pandas.Series(values[codes], dtype=dtype)


def frame_of(series, names, levels):
    """Return a data frame of columns with these labels."""
    frame = pandas.concat(series, axis=1)
    frame.columns = pandas.Index(names, tupleize_cols=True)
    frame.columns.names = levels
    return frame
