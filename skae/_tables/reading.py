"""From the user's table to columns of known kinds."""

from __future__ import annotations

import numpy as np
import pandas
from sklearn.utils.validation import validate_data

from skae._runtime.warnings import warn
from skae._tables import pandas_columns, polars_columns
from skae._tables.columns import Container, Frame

# A column of text with more different values is free text or an identifier if these
# are also more than half of its rows. Fewer are categories in any case.
_MOST_OF_ANY_TEXT = 30
_MOST_SHOWN = 5


def frame_of(estimator, X, *, reset):
    """Return the user's table as a `Frame`, with its shape and names checked."""
    library = _library_of(X)
    if library is None:
        X = _as_array(X)
        X = validate_data(
            estimator,
            X,
            reset=reset,
            dtype=None,
            ensure_all_finite=False,
            ensure_min_samples=1,
        )
        container = Container("numpy", list(range(X.shape[1])), [None], X.dtype)
        table = pandas.DataFrame(X)
        if X.dtype == object:
            table = table.infer_objects()
        library = pandas_columns
    else:
        _check_size(X)
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        table = X
        is_pandas = library is pandas_columns
        levels = list(X.columns.names) if is_pandas else [None]
        name = "pandas" if is_pandas else "polars"
        container = Container(name, list(X.columns), levels)
    return Frame(container, _columns_of(table, library), library, len(X))


def _library_of(X):
    """Return the module that reads a data frame; None for what becomes an array."""
    for library in (pandas_columns, polars_columns):
        if library.is_frame(X):
            return library
    if hasattr(X, "collect") or hasattr(X, "compute"):
        raise TypeError(
            f"X is a {type(X).__name__}, whose rows are not in memory. Compute it "
            "first, with X.collect() or X.compute()."
        )
    return None


def is_data_frame(X):
    """Tell whether X is a data frame of pandas or polars."""
    return pandas_columns.is_frame(X) or polars_columns.is_frame(X)


def kinds_of_columns(X):
    """Return the kinds of a data frame's columns by their types, None for no kind."""
    library = _library_of(X)
    kinds = []
    for series in _columns_of(X, library):
        try:
            kinds.append(library.kind_of(series))
        except TypeError:
            kinds.append(None)
    return kinds


def columns_of(X):
    """Return the columns of a data frame, each as a series of its library."""
    return _columns_of(X, _library_of(X))


def why_unusable(X):
    """Return why columns of a data frame cannot be encoded, by their numbers."""
    library, reasons = _library_of(X), {}
    for number, series in enumerate(_columns_of(X, library)):
        try:
            _kind(library, series, is_chosen=False)
        except TypeError as error:
            reasons[number] = str(error)
    return reasons


def _as_array(X):
    """Return lists as an array, of objects unless all are numbers."""
    if isinstance(X, np.ma.MaskedArray):
        is_whole = not np.ma.count_masked(X)
        return X.data if is_whole else np.ma.filled(X.astype(np.float64), np.nan)
    if not isinstance(X, list | tuple):
        return X
    try:
        array = np.asarray(X)
    except ValueError:  # of ragged lists, which the checks explain
        return X
    return np.array(X, dtype=object) if array.dtype.kind in "US" else array


def _check_size(X):
    for name, size in zip(("rows", "columns"), X.shape, strict=True):
        if size == 0:
            raise ValueError(
                f"X has 0 {name}: found a table of shape {X.shape}, while a minimum of "
                "1 is required."
            )


def _columns_of(table, library):
    if library is polars_columns:
        return table.get_columns()
    return [table.iloc[:, number] for number in range(table.shape[1])]


def kinds_of(frame, chosen, unusable):
    """Return the kind of each column, and the categories' numbers and values.

    Parameters
    ----------
    chosen : set of int
        Numbers of the columns that are categories whatever their type.

    unusable : {"error", "drop"}
        What to do with columns that cannot be encoded.

    Returns
    -------
    kinds : list of str or None
        "number", "date", "duration", "boolean" or "category"; None is dropped.

    factorized : dict of int to (codes, values)
        For the categories; see `pandas_columns.factorized`.
    """
    kinds, factorized, reasons = [], {}, {}
    for number, series in enumerate(frame.series):
        try:
            kind, found = _kind(frame.library, series, number in chosen)
        except TypeError as error:
            kind, found = None, None
            reasons[number] = str(error)
        kinds.append(kind)
        if found is not None:
            factorized[number] = found
    if reasons:
        _report(frame, reasons, unusable)
    return kinds, factorized


def _kind(library, series, is_chosen):
    """Return the kind of a column, and its factorized values if it has categories."""
    if _is_empty(series):
        raise TypeError("without a value")
    kind = library.kind_of(series)
    if is_chosen or kind in ("category", "text"):
        found = _factorized(library, series)
        if kind == "text" and not is_chosen:
            _check_few(*found)
        return "category", found
    return kind, None


def _is_empty(series):
    gaps = series.isna() if hasattr(series, "isna") else series.is_null()
    return bool(gaps.all())


def _factorized(library, series):
    try:
        return library.factorized(series)
    except TypeError as error:
        raise TypeError("lists, dicts or other objects that are no values") from error


def _check_few(codes, values):
    n_known = int(np.count_nonzero(codes >= 0))
    if len(values) > max(_MOST_OF_ANY_TEXT, n_known // 2):
        raise TypeError(
            f"free text or an identifier, with {len(values)} different values in "
            f"{n_known} rows"
        )


def _report(frame, reasons, unusable):
    """Raise a ValueError for columns that cannot be encoded, or warn of them."""
    names = frame.container.names
    said = [f"{names[number]!r} ({reason})" for number, reason in reasons.items()]
    more = len(said) - _MOST_SHOWN
    shown = ", ".join(said[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
    if unusable == "drop":
        if len(reasons) == len(names):
            raise ValueError(
                f"X has no column that can be encoded: {shown}. Add columns of "
                "numbers, categories, booleans or dates."
            )
        warn(f"Columns of X are dropped, as they cannot be encoded: {shown}.")
        return
    dropped = [names[number] for number in reasons]
    raise ValueError(
        f"X has columns that cannot be encoded: {shown}. Leave them out, as with "
        f"X.drop(columns={dropped!r:.200}) of pandas, or set unusable='drop'. Name "
        "those that are categories in categorical_features; convert what is a number "
        "or a date."
    )


def chosen_columns(categorical_features, X, names):
    """Return the numbers of the columns that `categorical_features` means."""
    if callable(categorical_features):
        categorical_features = categorical_features(X)
    if isinstance(categorical_features, str):  # "from_dtype"
        return set()
    chosen = np.asarray(categorical_features)
    if chosen.size == 0:
        return set()
    if chosen.dtype == bool:
        if chosen.shape != (len(names),):
            raise ValueError(
                f"categorical_features is a mask of shape {chosen.shape}, but X has "
                f"{len(names)} columns. Give one boolean for each."
            )
        return set(np.flatnonzero(chosen).tolist())
    by_name = {name: number for number, name in enumerate(names)}
    return {_number_of(name, by_name) for name in chosen.tolist()}


def _number_of(name, by_name):
    if isinstance(name, str) and name in by_name:
        return by_name[name]
    if isinstance(name, int) and 0 <= name < len(by_name):
        return name
    raise ValueError(
        f"categorical_features has {name!r}, which is neither the name nor the number "
        f"of one of the {len(by_name)} columns of X. Name columns of X."
    )
