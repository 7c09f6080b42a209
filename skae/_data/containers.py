"""What the user's containers hold beside plain numbers: masks, dates, rows to come."""

import datetime
import sys
import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config

_TEMPORAL = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
)


def checked(X, name, is_allowed=False):
    """Return rows, codes or weights in which masked values are missing.

    Parameters
    ----------
    X : array-like
        What the user has given.

    name : str
        What the user calls it.

    is_allowed : bool, default=False
        Whether values may be missing.

    Raises
    ------
    TypeError
        For what cannot be read as numbers, although scikit-learn or NumPy would
        convert it, or say nothing of the cause.

    ValueError
        For masked values, if none may be missing.
    """
    if isinstance(X, (np.ndarray, list, tuple)):
        X = _together(X)
    else:
        _refuse_lazy_frames(X, name)
        _refuse_tensors(X, name)
    _refuse_dates(X, name)
    _refuse_types(X, name)
    return unmasked(X, name, is_allowed)


def shape_of(X):
    """Return the shape of an array or of lists; an empty one of anything else."""
    if isinstance(X, (list, tuple)):
        try:
            return np.shape(X)
        except (TypeError, ValueError):  # ragged
            return ()
    return tuple(getattr(X, "shape", ()))


def _together(X):
    """Return a list of masked arrays as one masked array, and any other as it is."""
    is_list = isinstance(X, (list, tuple))
    if is_list and any(isinstance(row, np.ma.MaskedArray) for row in X):
        return np.ma.array(X)
    return X


def _refuse_lazy_frames(X, name):
    if hasattr(X, "collect") and not hasattr(X, "__array__"):
        raise TypeError(
            f"{name} is a {type(X).__name__}, whose rows are not computed yet. Call "
            f"{name}.collect() first."
        )


def _refuse_tensors(X, name):
    """Raise a TypeError for tensors if results are to be of the same kind."""
    is_tensor = hasattr(X, "shape") and hasattr(X, "dtype")
    is_frame = hasattr(X, "iloc") or hasattr(X, "to_frame") or issparse(X)
    if is_tensor and not is_frame and get_config()["array_api_dispatch"]:
        raise TypeError(
            f"{name} is a {type(X).__name__}, and with scikit-"
            "learn's array_api_dispatch=True the results would have to be of this "
            f"kind, but skae gives NumPy arrays. Pass numpy.asarray({name}), or set "
            "array_api_dispatch=False."
        )


def _refuse_types(X, name):
    """Raise a TypeError for an array of numbers that NumPy has no type for.

    Such are bfloat16, float8 and int4 of the package ml_dtypes, and records.
    """
    dtype = getattr(X, "dtype", None)
    dtype = getattr(dtype, "as_numpy_dtype", dtype)  # of a tensor
    if isinstance(dtype, type) and issubclass(dtype, np.generic):
        dtype = np.dtype(dtype)
    if isinstance(dtype, np.dtype) and dtype.kind == "V":
        raise TypeError(
            f"{name} has the dtype {dtype}, which is none of NumPy's own numbers. "
            "Convert it first, for instance to float32."
        )


# Dates


def _refuse_dates(X, name):
    """Raise a TypeError for dates and times.

    NumPy and polars would convert some of them to numbers.
    """
    if issparse(X):
        return
    columns = _columns(X)
    if columns is not None:
        dates = [label for label, values, dtype in columns if _has_dates(values, dtype)]
        if dates:
            raise TypeError(
                f"{name} has dates or times in {', '.join(map(repr, dates))}, which "
                "are no numbers. Leave these columns out, or convert them first, for "
                "instance to float64 in a unit of your choice."
            )
        return
    values = _values_of(X)
    if values.dtype.kind in "mM":
        raise TypeError(
            f"{name} has the dtype {values.dtype}, not one of numbers. Convert it "
            "first, for instance to float64 in a unit of your choice."
        )
    if _holds_dates(values):
        raise TypeError(
            f"{name} holds dates or times, which are no numbers. Convert them first, "
            "for instance to float64 in a unit of your choice."
        )


def _columns(X):
    """Return names, values and types of the columns of a frame; otherwise None.

    Values are read only where the type does not tell what they are.
    """
    schema = getattr(X, "schema", None)
    if schema is not None and hasattr(schema, "types"):  # a table of pyarrow
        return zip(schema.names, X.columns, schema.types, strict=True)
    if not all(hasattr(X, part) for part in ("__array__", "columns", "dtypes")):
        return None
    dtypes = list(X.dtypes)
    values = [None] * len(dtypes)
    if any(map(_is_of_objects, dtypes)):
        values = list(np.asarray(X, dtype=object).T)
    return zip(map(str, X.columns), values, dtypes, strict=True)


def _is_of_objects(dtype):
    return getattr(dtype, "kind", "") == "O" or str(dtype) == "Object"


def _has_dates(values, dtype):
    if _is_temporal(dtype):
        return True
    return _is_of_objects(dtype) and _holds_dates(values)


def _is_temporal(dtype):
    """Tell whether a type of NumPy, pandas, polars or pyarrow is of dates or times."""
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None and isinstance(dtype, pyarrow.DataType):
        return pyarrow.types.is_temporal(dtype)
    is_temporal = getattr(dtype, "is_temporal", None)
    return is_temporal() if is_temporal else getattr(dtype, "kind", "") in {"m", "M"}


def _values_of(X):
    """Return an array, lists or a series as an array; an empty one of all else."""
    if isinstance(X, np.ndarray):
        return X
    nothing = np.empty(0)
    if not isinstance(X, (list, tuple)) and not hasattr(X, "to_frame"):
        return nothing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's checks will warn
        try:
            return np.asarray(X)
        except (TypeError, ValueError):  # these checks will explain the error
            return nothing


def _holds_dates(values):
    """Tell whether some of an array of objects are dates or times."""
    if values.dtype.kind != "O":
        return False
    pandas = sys.modules.get("pandas")
    temporal = _TEMPORAL if pandas is None else (*_TEMPORAL, pandas.Period)
    return any(issubclass(kind, temporal) for kind in set(map(type, values.ravel())))


# Masks


def unmasked(X, name, is_allowed=False):
    """Return a masked array as a plain array; masked values become NaN if allowed."""
    if not isinstance(X, np.ma.MaskedArray):
        return X
    n_masked = np.ma.count_masked(X)
    if not n_masked:
        return np.ma.getdata(X)
    if not is_allowed:
        raise ValueError(
            f"{name} is a masked array with {n_masked} values masked, which are no "
            "data here. Set missing_values='allow', where the estimator has it and "
            f"the argument may have missing values, or fill them: {name}.filled(...)."
        )
    return np.ma.filled(X if X.dtype.kind in "fc" else X.astype(np.float64), np.nan)
