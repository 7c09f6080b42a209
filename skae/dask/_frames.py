"""Data frames as rows of numbers: names of the columns, and the type of all."""

import numpy as np
from pandas.api.types import is_extension_array_dtype, is_numeric_dtype


def names_of_frame(frame, name):
    """Return the names of the columns, or None if they are no text.

    Parameters
    ----------
    frame : DataFrame of pandas or Dask
        Its rows are not read.

    name : str
        What the user calls the frame.

    Raises
    ------
    TypeError
        When some are text and others are not, as in scikit-learn.
    """
    are_text = {isinstance(column, str) for column in frame.columns}
    if are_text == {True, False}:
        raise TypeError(
            f"{name} has columns whose names are text and others whose names are not. "
            f"Make all text: {name}.columns = {name}.columns.astype(str)."
        )
    return np.array(frame.columns, dtype=object) if are_text == {True} else None


def dtype_of_frame(frame, name):
    """Return the type that holds all columns of a frame.

    Raises
    ------
    TypeError
        When a column has no numbers; the message names it.

    ValueError
        When there is no column.
    """
    if not len(frame.columns):
        raise ValueError(f"{name} has no columns.")
    dtypes = [_number_type(dtype) for dtype in frame.dtypes]
    others = [
        f"{column!r} ({dtype})"
        for column, dtype, number in zip(
            frame.columns, frame.dtypes, dtypes, strict=True
        )
        if number is None
    ]
    if others:
        raise TypeError(
            f"{name} has columns that are no numbers: {', '.join(others)}. Leave them "
            f"out, as in {name}.drop(columns=[...]), convert them, as in "
            f"{name}.astype({{...: 'float64'}}), or make numbers of their categories "
            "first, as with dask.dataframe.get_dummies."
        )
    return np.result_type(*dtypes)


def _number_type(dtype):
    """Return NumPy's type for a column of numbers, None for other columns.

    Integers and booleans that may be missing become float64, where NaN says so.
    """
    if not is_numeric_dtype(dtype):
        return None
    number = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))
    if number.kind not in "biuf":
        return None
    if number.itemsize > 8 or (is_extension_array_dtype(dtype) and number.kind != "f"):
        return np.dtype(np.float64)
    return number


def values_of_frame(frame, dtype):
    """Return the values of a frame of numbers as contiguous rows of a type.

    Raises
    ------
    TypeError, ValueError
        By pandas, when there is something else than numbers.
    """
    missing = {"na_value": np.nan} if dtype.kind == "f" else {}
    return np.ascontiguousarray(frame.to_numpy(dtype=dtype, **missing))
