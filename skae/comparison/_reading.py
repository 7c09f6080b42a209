"""Rows and labels from files, with a line of explanation where they cannot be used."""

import pathlib
from dataclasses import dataclass, field

import numpy as np

from skae.comparison._columns import (
    columns_of_csv,
    columns_of_parquet,
    refuse,
    shown,
)

_NAMES_OF_ROWS = "X", "x"


@dataclass
class Data:
    """What was in a file.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)

    y : ndarray of shape (n_samples,) or None

    notes : list of str
        What a user should know about how it was read.
    """

    X: np.ndarray
    y: np.ndarray | None
    notes: list[str] = field(default_factory=list)


def read(path, label=None, key=None):
    """Read rows of numbers, and their labels where asked for.

    Parameters
    ----------
    path : str or path-like
        A file whose name ends in .csv, .parquet, .npy or .npz.

    label : str, default=None
        The column, or in .npz the array, that holds the labels.

    key : str, default=None
        The array of .npz that holds the rows. None is the one called X or x, or the
        only one.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        When the file cannot be read or used; in one line, with what would do.
    """
    path = pathlib.Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(
            f"{path} is of an unknown kind. Its name must end in {', '.join(_READERS)}."
        )
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Name a file.")
    if not path.exists():
        raise ValueError(f"{path} does not exist. Check the name.")
    if key is not None and path.suffix.lower() != ".npz":
        raise ValueError(f"--key names an array of an .npz file, but {path} is none.")
    data = reader(path, label) if key is None else _read_npz(path, label, key)
    _check_labels(path, label, data)
    return data


def _read_csv(path, label):
    columns, notes = columns_of_csv(path)
    return _from_columns(path, columns, label, notes)


def _read_parquet(path, label):
    return _from_columns(path, columns_of_parquet(path), label, [])


def _from_columns(path, columns, label, notes):
    """Return the columns as rows and labels."""
    y = None
    if label is not None:
        if label not in columns:
            raise ValueError(
                f"{path} has no column {label!r} for --label. Its columns are "
                f"{shown(columns)}."
            )
        y = columns.pop(label)
    if not columns:
        raise ValueError(f"{path} has no columns of numbers. Add some.")
    texts = [name for name, values in columns.items() if values.dtype == object]
    if len(next(iter(columns.values()))) == 0:
        raise ValueError(f"{path} has no rows. Add some.")
    if texts:
        raise ValueError(
            f"{path} has columns that are not numbers: {shown(texts)}. Drop them, "
            "encode them (pandas.get_dummies), or name one as --label."
        )
    X = np.column_stack(list(columns.values()))
    _check_numbers(path, X, list(map(repr, columns)))
    return Data(X, y, notes)


def _read_npy(path, label):
    if label is not None:
        raise ValueError(
            f"{path} holds one array without names, so no {label!r} for --label. "
            "Use .npz, with an array of labels."
        )
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:
        refuse(path, error)
    return Data(_as_rows(path, path.name, array), None)


def _read_npz(path, label, key=None):
    with path.open("rb") as file:
        archive = _archive_in(file, path)
        key = _choose(path, archive.files, label, key)
        array = _member(path, archive, key)
        y = None if label is None else _member(path, archive, label)
    if y is not None and y.shape not in [(len(array),), (len(array), 1)]:
        raise ValueError(
            f"Labels {label!r} of {path} have the shape {y.shape}, but {key!r} has "
            f"{len(array)} rows. There must be one label for each."
        )
    if y is not None and y.dtype.kind not in "biufSU":
        raise ValueError(
            f"Labels {label!r} of {path} have the dtype {y.dtype}. Use numbers or text."
        )
    return Data(_as_rows(path, key, array), None if y is None else y.ravel())


def _archive_in(file, path):
    try:
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise TypeError("it holds a single array")
    except Exception as error:
        refuse(path, error)
    return archive


def _member(path, archive, name):
    try:
        return archive[name]
    except Exception as error:
        refuse(path, error)


def _choose(path, names, label, key):
    """Return the name of the array that holds the rows."""
    there = f"Its arrays are {shown(names)}."
    if label is not None and label not in names:
        raise ValueError(f"{path} has no array {label!r} for --label. {there}")
    if key is not None:
        if key not in names:
            raise ValueError(f"{path} has no array {key!r} for --key. {there}")
        return key
    others = [name for name in names if name != label]
    likely = [name for name in _NAMES_OF_ROWS if name in others] or others
    if len(likely) != 1 and likely != list(_NAMES_OF_ROWS):
        raise ValueError(
            f"{path} does not say which array has the rows. {there} Use --key."
        )
    return likely[0]


def _as_rows(path, name, array):
    """Return an array as flat rows of numbers."""
    if array.dtype.kind not in "biuf":
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
    _check_numbers(path, X, [str(number + 1) for number in range(X.shape[1])])
    return X


def _check_numbers(path, X, names):
    """Raise a ValueError that names the columns with gaps or infinite values."""
    finite = np.isfinite(X).all(axis=0)
    if finite.all():
        return
    columns = shown(
        [n for n, is_finite in zip(names, finite, strict=True) if not is_finite],
        quote=False,
    )
    raise ValueError(
        f"{path} has missing or infinite values in columns {columns}. Drop such rows "
        "or columns, or fill the gaps (sklearn.impute.SimpleImputer)."
    )


def _check_labels(path, label, data):
    """Raise a ValueError unless labels are classes."""
    y = data.y
    if y is None:
        return
    if y.dtype == object:
        gaps = sum(value is None for value in y)
        data.y = y = np.array([str(value) for value in y])
    else:
        gaps = int((~np.isfinite(y)).sum()) if y.dtype.kind == "f" else 0
    if gaps:
        raise ValueError(
            f"Labels {label!r} of {path} are missing or infinite in {gaps} rows. Drop "
            "these, or fill them in."
        )
    n_classes = len(np.unique(y))
    is_broken = y.dtype.kind == "f" and (y != np.floor(y)).any()
    if is_broken or n_classes > max(2, len(y) // 2):
        raise ValueError(
            f"Labels {label!r} of {path} have {n_classes} different values in {len(y)} "
            "rows, which are no classes. Name a column of few values, or bin it."
        )
    if y.dtype.kind == "f":
        data.y = y.astype(np.int64)


_READERS = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npy": _read_npy,
    ".npz": _read_npz,
}
