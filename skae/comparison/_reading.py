"""Rows and labels from files, or an error of one line if they cannot be used."""

import contextlib
import functools
import pathlib
import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas
from pandas.api.types import is_numeric_dtype

from skae.comparison._tables import is_mixed, usable

_SEPARATORS = ",;\t"
_NAMES_OF_ROWS = "X", "x"
_MOST_NAMES = 5  # more would not fit into an error of one line


@dataclass
class Data:
    """Rows, labels, and notes for the user on how they were read.

    The rows are an array of numbers, or a data frame of pandas if columns hold
    something else.
    """

    X: np.ndarray | pandas.DataFrame
    y: np.ndarray | None
    notes: list[str] = field(default_factory=list)


def read(path, label=None, key=None):
    """Read rows of numbers and, if `label` is given, their labels.

    `label` names a column or, in .npz, an array. `key` names the array of .npz that
    holds the rows, by default the one called X or x, or the only one. A ValueError says
    in one line why a file cannot be used, and what to do.
    """
    path = pathlib.Path(path)
    endings = [end for end in _READERS if path.name.lower().endswith(end)]
    if not endings:
        raise ValueError(
            f"{path} is of an unknown kind. Its name must end in {', '.join(_READERS)}."
        )
    if not path.exists():
        raise ValueError(f"{path} does not exist. Check the name.")
    if not path.is_file():
        raise ValueError(f"{path} is a folder or a special file. Name a regular file.")
    if key is not None and endings != [".npz"]:
        raise ValueError(f"--key names an array of an .npz file, but {path} is none.")
    return _READERS[endings[0]](path, label, key)


@contextlib.contextmanager
def _explained(path):
    """Turn the errors of a parser into a ValueError of one line."""
    try:
        yield
    except ImportError as error:
        raise ValueError(
            f"{path} needs pyarrow to be read. pip install 'skae[report]'."
        ) from error
    # Parsers do not document what they raise for a broken file, so all is caught.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if "allow_pickle" in reason:
            raise ValueError(
                f"{path} holds Python objects or is no NumPy file. Objects could run "
                "code, so they are not opened; save arrays of numbers."
            ) from error
        raise ValueError(
            f"{path} cannot be read: {reason.rstrip('.')}. Check that it is whole, and "
            "of the kind that its name says."
        ) from error


def _read_csv(path, label, _):
    with _explained(path):
        frame, notes = _parse_csv(path)
    numbers = pandas.to_numeric(frame.columns.str.replace(",", "."), errors="coerce")
    if numbers.notna().all():
        raise ValueError(
            f"{path} has only numbers in its first line, which must hold the names of "
            "columns. Put such a line in front."
        )
    _check_names(path, frame.columns)
    if frame.shape[1] > 1 and not frame.columns[0]:
        frame = frame.iloc[:, 1:]
        notes.append("The first column, which has no name, is left out as an index.")
    return _from_frame(path, frame, label, notes)


def _parse_csv(path):
    """Return a table, and notes on its encoding."""
    try:
        return _frame_of_csv(path, "utf-8-sig"), []
    except UnicodeDecodeError:
        note = f"{path} is not in UTF-8, and was read as Latin-1 (ISO 8859-1)."
        return _frame_of_csv(path, "latin-1"), [note]


def _frame_of_csv(path, encoding):
    read_csv = functools.partial(
        pandas.read_csv, path, encoding=encoding, skipinitialspace=True
    )
    separator, names = _header(read_csv)
    how = {
        "sep": separator,
        "index_col": False,
        "low_memory": False,
    }
    marks = "." if separator == "," else ".,"
    with warnings.catch_warnings():
        # If a line is longer than the header, pandas warns and drops the rest.
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        try:
            frames = [read_csv(decimal=mark, **how) for mark in marks]
        except pandas.errors.ParserWarning as warning:
            raise ValueError(
                "a row has more values than there are names of columns"
            ) from warning
    for frame in frames:
        frame.columns = names  # pandas adds numbers to repeated names
    return min(frames, key=lambda frame: len(_texts(frame)))


def _header(read_csv):
    """Return the separator of the columns, and their names."""
    how = {"header": None, "nrows": 1, "dtype": str, "na_filter": False}
    found = {mark: read_csv(sep=mark, **how).iloc[0] for mark in _SEPARATORS}
    separator = max(found, key=lambda mark: len(found[mark]))
    return separator, found[separator].str.strip()


def _check_names(path, names):
    nameless = np.flatnonzero(names == "")
    if nameless.any():  # the first column may have no name, as an index
        raise ValueError(
            f"Column {nameless[-1] + 1} of {path} has no name. Give it one."
        )
    again = names[names.duplicated()].unique()
    if len(again):
        raise ValueError(
            f"{path} has several columns called {_shown(again)}. Give each a name of "
            "its own."
        )


def _read_parquet(path, label, _):
    with _explained(path):
        frame = pandas.read_parquet(path)
    frame.columns = frame.columns.astype(str)
    _check_names(path, frame.columns)
    return _from_frame(path, frame, label, [])


def _from_frame(path, frame, label, notes):
    """Return `Data` from the columns of a table."""
    y = None
    if label is not None:
        if label not in frame:
            raise ValueError(
                f"{path} has no column {label!r} for --label. Its columns are "
                f"{_shown(frame)}."
            )
        y, frame = frame[label], frame.drop(columns=label)
    if frame.shape[1] == 0:
        raise ValueError(f"{path} has no columns but the labels. Add some.")
    if len(frame) == 0:
        raise ValueError(f"{path} has no rows. Add some.")
    y = None if y is None else _classes(path, label, y)
    if _texts(frame):
        return _from_mixed(path, frame, y, notes)
    X = frame.to_numpy(np.float64, na_value=np.nan)
    _check_numbers(path, X, frame.columns)
    return Data(X, y, notes)


def _from_mixed(path, frame, y, notes):
    """Return `Data` of a table with other columns than numbers."""
    try:
        frame, dropped = usable(frame)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    notes = [*notes, *dropped]
    if is_mixed(frame):
        texts = _shown(_texts(frame))
        note = f"Columns that are not numbers, so categories or dates: {texts}."
        return Data(frame, y, [*notes, note])
    X = frame.to_numpy(np.float64, na_value=np.nan)
    _check_numbers(path, X, frame.columns)
    return Data(X, y, notes)


def _texts(frame):
    """Return the names of the columns that do not hold real numbers."""
    return [name for name, dtype in frame.dtypes.items() if not _is_real(dtype)]


def _is_real(dtype):
    return is_numeric_dtype(dtype) and dtype.kind in "biuf"


def _read_arrays(path, label, key):
    with path.open("rb") as file:
        with _explained(path):
            arrays = np.load(file, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            arrays = {path.name: arrays}
        key = _choose(path, list(arrays), label, key)
        with _explained(path):
            array = arrays[key]
            y = None if label is None else arrays[label]
            if y is not None and not _is_real(y.dtype):
                y = y.astype(str)
    X = _as_rows(path, key, array)
    if y is not None and y.shape not in [(len(X),), (len(X), 1)]:
        raise ValueError(
            f"Labels {label!r} of {path} have the shape {y.shape}, but {key!r} has "
            f"{len(X)} rows. There must be one label for each."
        )
    return Data(X, None if y is None else _classes(path, label, y.ravel()))


def _choose(path, names, label, key):
    """Return the name of the array that holds the rows."""
    there = f"Its arrays are {_shown(names)}."
    for option, name in {"--label": label, "--key": key}.items():
        if name is not None and name not in names:
            raise ValueError(f"{path} has no array {name!r} for {option}. {there}")
    others = [name for name in names if name != label]
    likely = [name for name in _NAMES_OF_ROWS if name in others] or others
    if key is None and len(likely) != 1 and likely != list(_NAMES_OF_ROWS):
        raise ValueError(
            f"{path} does not say which array has the rows. {there} Use --key."
        )
    return likely[0] if key is None else key


def _as_rows(path, name, array):
    """Return an array as flat rows of numbers."""
    if not _is_real(array.dtype):
        raise ValueError(
            f"{name!r} of {path} has the dtype {array.dtype}, not one of numbers."
        )
    if array.ndim < 2:
        raise ValueError(
            f"{name!r} of {path} has the shape {array.shape}. It must have rows and "
            "features, or rows and more axes."
        )
    if array.size == 0:
        raise ValueError(f"{name!r} of {path} has the shape {array.shape}: no values.")
    X = array.reshape(len(array), -1)
    _check_numbers(path, X, np.arange(1, X.shape[1] + 1))
    return X


def _check_numbers(path, X, names):
    """Refuse missing and infinite values; name their columns."""
    finite = np.isfinite(X).all(axis=0)
    if not finite.all():
        raise ValueError(
            f"{path} has missing or infinite values in columns "
            f"{_shown(names[~finite].tolist())}. Drop such rows or columns, or fill "
            "them in (sklearn.impute.SimpleImputer)."
        )


def _classes(path, label, y):
    """Return labels as integers or text; refuse labels that are not classes."""
    y = pandas.Series(y)
    is_number = _is_real(y.dtype)
    values = y.to_numpy(np.float64, na_value=np.nan) if is_number else y.to_numpy(str)
    missing = ~np.isfinite(values) if is_number else y.isna().to_numpy()
    if missing.any():
        raise ValueError(
            f"Labels {label!r} of {path} are missing or infinite in {missing.sum()} "
            "rows. Drop these, or fill them in."
        )
    n_classes = len(np.unique(values))
    has_fractions = is_number and (values != np.floor(values)).any()
    if has_fractions or n_classes > max(2, len(y) // 2):
        raise ValueError(
            f"Labels {label!r} of {path} have {n_classes} different values in {len(y)} "
            "rows, which are no classes. Name a column of few values, or bin it."
        )
    return values.astype(np.int64) if is_number else values


def _shown(names):
    """Return names as one text; of many, only the first few."""
    names = [repr(name) for name in names]
    more = len(names) - _MOST_NAMES
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


_READERS = {
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
    ".parquet": _read_parquet,
    ".npy": _read_arrays,
    ".npz": _read_arrays,
}
