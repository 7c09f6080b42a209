"""Tables in files, as columns under their names."""

import csv
import pathlib
import warnings
from typing import NoReturn

import numpy as np

_SEPARATORS = ",;\t"
_MORE_VALUES = "a row has more values than there are names of columns"
_MOST_NAMES = 5


def columns_of_csv(path):
    """Read a table whose first line holds the names of its columns.

    Parameters
    ----------
    path : pathlib.Path
        Text in UTF-8, with values between commas, semicolons or tabs.

    Returns
    -------
    columns : dict of str to ndarray
        Arrays of floats, with NaN for gaps, or of text with None for them.

    notes : list of str
        What a user should know about how it was read.
    """
    try:
        names, separator, is_indexed = _header(path)
    except (OSError, UnicodeError, csv.Error) as error:
        refuse(path, error)
    _check_header(path, names)
    # What a broken file makes a parser raise is not documented, so all of it is caught.
    try:
        columns = _csv_columns(path, names, separator)
    except Exception as error:
        refuse(path, error)
    notes = []
    if is_indexed:
        del columns[names[0]]
        notes.append("The first column, which has no name, is left out as an index.")
    return columns, notes


def _header(path):
    """Return the names of columns, what separates them, and whether one is an index."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        line = file.readline()
        separator = max(_SEPARATORS, key=line.count)
        file.seek(0)
        names = next(csv.reader(file, delimiter=separator), [])
    names = [name.strip() for name in names]
    is_indexed = len(names) > 1 and not names[0]
    return names, separator, is_indexed


def _check_header(path, names):
    if not any(names):
        raise ValueError(f"{path} is empty. It must begin with the names of columns.")
    if all(map(_is_number, names)):
        raise ValueError(
            f"{path} has only numbers in its first line, which must hold the names of "
            "columns. Put such a line in front."
        )
    if "" in names[1:]:
        number = names.index("", 1) + 1
        raise ValueError(f"Column {number} of {path} has no name. Give it one.")
    again = shown(name for name in dict.fromkeys(names) if names.count(name) > 1)
    if again:
        raise ValueError(
            f"{path} has several columns called {again}. Give each a name of its own."
        )


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _csv_columns(path, names, separator):
    """Return columns by name: arrays of floats, or of text with None for gaps."""
    try:
        import pandas
    except ImportError:
        return _csv_columns_without_pandas(path, names, separator)
    how = {
        "sep": separator,
        "names": names,
        "header": 0,
        "index_col": False,
        "encoding": "utf-8-sig",
        "skipinitialspace": True,
        "low_memory": False,
    }
    with warnings.catch_warnings():
        # Where lines are longer than the header, it warns and drops what is beyond.
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        try:
            frame = pandas.read_csv(path, **how)
        except pandas.errors.ParserWarning as warning:
            raise csv.Error(_MORE_VALUES) from warning
    return _columns_of(frame)


def _columns_of(frame):
    """Return the columns of a pandas data frame."""
    return {str(name): _values_of(frame[name]) for name in frame.columns}


def _values_of(series):
    from pandas.api.types import is_numeric_dtype

    if is_numeric_dtype(series.dtype) and series.dtype.kind in "biuf":
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array(
        [
            None if gap else value
            for value, gap in zip(series, series.isna(), strict=True)
        ],
        object,
    )


def _csv_columns_without_pandas(path, names, separator):
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, delimiter=separator, skipinitialspace=True)
        next(lines)
        filled = [line for line in lines if line]
    if any(len(line) > len(names) for line in filled):
        raise csv.Error(_MORE_VALUES)
    padded = [line + [""] * (len(names) - len(line)) for line in filled]
    columns = zip(*padded, strict=True) if padded else [()] * len(names)
    return {k: _as_values(texts) for k, texts in zip(names, columns, strict=True)}


def _as_values(texts):
    """Return floats, with NaN for gaps, or where one is no number text with None."""
    try:
        return np.array([text.strip() or "nan" for text in texts], np.float64)
    except ValueError:
        return np.array([text.strip() or None for text in texts], object)


def columns_of_parquet(path):
    """Read a Parquet file; return its columns as `columns_of_csv` does."""
    try:
        import pandas

        return _columns_of(pandas.read_parquet(path))
    except ImportError as error:
        raise ValueError(
            f"{path} needs pandas and pyarrow to be read. pip install 'skae[report]'."
        ) from error
    except Exception as error:
        refuse(path, error)


def _first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def refuse(path: pathlib.Path, error: Exception) -> NoReturn:
    """Raise the error of a file that is damaged, unsafe or something else."""
    reason = _first_line(error)
    if "allow_pickle" in reason:
        raise ValueError(
            f"{path} holds Python objects or is no NumPy file. Objects could run code, "
            "so they are not opened; save arrays of numbers."
        ) from error
    raise ValueError(
        f"{path} cannot be read: {reason.rstrip('.')}. Check that it is whole, and a "
        f"{path.suffix} file."
    ) from error


def shown(names, quote=True):
    """Return names as one text, the first few if they are many."""
    names = [repr(name) if quote else name for name in names]
    shown = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
