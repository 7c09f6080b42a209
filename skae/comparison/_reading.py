"""Rows and labels from files, or an error of one line if they cannot be used."""

import pathlib

import numpy as np
from sklearn.datasets import load_digits

from skae.comparison._parquet import sample_of
from skae.comparison._reading_tables import (
    Data,
    classes,
    explained,
    is_real,
    names_shown,
    read_csv,
    read_excel,
    read_parquet,
)

_NAMES_OF_ROWS = "X", "x"
_TEXT = ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz"
_EXCEL = ".xlsx", ".xlsm"
_NPZ = ".npz"
# What the options are for; the endings say for which files.
_OPTIONS = {
    "key": ((_NPZ, *_EXCEL), "an array of .npz or a sheet of Excel"),
    "sep": (_TEXT, "text"),
    "decimal": (_TEXT, "text"),
    "encoding": (_TEXT, "text"),
    "na": ((*_TEXT, *_EXCEL), "text and Excel"),
    "drop": ((*_TEXT, *_EXCEL, ".parquet"), "tables with names of columns"),
    "columns": ((*_TEXT, *_EXCEL, ".parquet"), "tables with names of columns"),
}


def read(path, label=None, key=None, **options):
    """Read rows and, if `label` is given, their labels.

    Parameters
    ----------
    path : str or path-like
        A file, or a folder of Parquet files.

    label : str or None, default=None
        A column or, in .npz, an array.

    key : str or None, default=None
        The array of .npz that holds the rows, by default the one called X or x, or the
        only one; or the sheet of Excel, by default the first.

    **options
        ``sep``, ``decimal``, ``encoding``, ``na``, ``drop``, ``columns``, ``rows`` and
        ``seed``, as `_reading_tables.How` has them.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        Says in one line why a file cannot be used, and what to do.
    """
    path = pathlib.Path(path)
    if path.is_dir() and not path.name.lower().endswith(tuple(_READERS)):
        ending, reader = ".parquet", read_parquet
    else:
        ending = _ending_of(path)
        reader = _READERS[ending]
    given = {"key": key, **options}
    if given.get("rows") is not None and given["rows"] < 1:
        raise ValueError(f"--rows must be at least 1, got {given['rows']}. Raise it.")
    for option, (endings, meant) in _OPTIONS.items():
        if given.get(option) and ending not in endings:
            raise ValueError(f"--{option} is for {meant}, but {path} is none.")
    return reader(path, label=label, **given)


def digits():
    """Return scikit-learn's digits as `Data`."""
    X, y = load_digits(return_X_y=True)
    code = "X, y = load_digits(return_X_y=True)"
    return Data(X, y, code=f"from sklearn.datasets import load_digits\n{code}")


def _ending_of(path):
    endings = [end for end in _READERS if path.name.lower().endswith(end)]
    if not endings:
        raise ValueError(
            f"{path} is of an unknown kind. Its name must end in {', '.join(_READERS)}."
        )
    if not path.exists():
        raise ValueError(f"{path} does not exist. Check the name.")
    if not path.is_file():
        raise ValueError(f"{path} is a folder or a special file. Name a regular file.")
    return endings[0]


def _read_arrays(path, label=None, key=None, rows=None, seed=0, **_):
    with path.open("rb") as file:
        with explained(path):
            arrays = np.load(file, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            arrays = {path.name: arrays}
        key = _choose(path, list(arrays), label, key)
        with explained(path):
            array = arrays[key]
            y = None if label is None else arrays[label]
            if y is not None and not is_real(y.dtype):
                y = y.astype(str)
    X = _as_rows(path, key, array)
    code = f"X = np.load({str(path)!r})"
    code += f"[{key!r}]" if path.name.lower().endswith(_NPZ) else ""
    code += "\nX = X.reshape(len(X), -1)" if array.ndim > 2 else ""
    if y is not None and y.shape not in [(len(X),), (len(X), 1)]:
        raise ValueError(
            f"Labels {label!r} of {path} have the shape {y.shape}, but {key!r} has "
            f"{len(X)} rows. There must be one label for each."
        )
    y = None if y is None else y.ravel()
    notes = []
    if rows is not None and rows < len(X):
        chosen = sample_of(len(X), rows, seed)
        notes.append(f"{rows:,} of {len(X):,} rows, drawn at random, are read.")
        X, y = X[chosen], None if y is None else y[chosen]
    return Data(X, None if y is None else classes(path, label, y), notes, code)


def _choose(path, names, label, key):
    """Return the name of the array that holds the rows."""
    there = f"Its arrays are {names_shown(names)}."
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
    if not is_real(array.dtype):
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
    _check_finite(path, X, np.arange(1, X.shape[1] + 1))
    return X


def _check_finite(path, X, names):
    """Refuse infinite values; name their columns."""
    infinite = np.isinf(X).any(axis=0)
    if infinite.any():
        raise ValueError(
            f"{path} has infinite values in columns "
            f"{names_shown(names[infinite].tolist())}. Drop such rows or columns, or "
            "replace the values."
        )


_READERS = {
    **dict.fromkeys(_TEXT, read_csv),
    **dict.fromkeys(_EXCEL, read_excel),
    ".parquet": read_parquet,
    ".npy": _read_arrays,
    _NPZ: _read_arrays,
}
