"""Tables of text, Excel and Parquet as data frames, with notes on their reading."""

import contextlib
import dataclasses
import functools
import warnings

import numpy as np
import pandas
from pandas.api.types import is_numeric_dtype

from skae.comparison._parquet import frame_of_parquet, sample_of

_SEPARATORS = ",;\t|"
_NAMES_OF_SEPARATORS = {"tab": "\t", "\\t": "\t"}
# What people write for missing values, besides the marks that pandas knows.
_MARKS_OF_MISSING = ["?", "-", "--", ".", "..", "*", "n.a.", "k.A."]
_BYTE_ORDER_MARKS = b"\xff\xfe", b"\xfe\xff"
_MOST_NAMES = 5  # more would not fit into an error of one line


@dataclasses.dataclass
class Data:
    """Rows, labels, and notes for the user on how they were read.

    Parameters
    ----------
    X : ndarray or pandas.DataFrame
        Rows of numbers, or a table.

    y : ndarray or None
        Labels.

    notes : list of str
        What the user should know.

    code : str
        Lines of Python that read the same rows as X.
    """

    X: np.ndarray | pandas.DataFrame
    y: np.ndarray | None
    notes: list[str] = dataclasses.field(default_factory=list)
    code: str = ""


@dataclasses.dataclass(frozen=True)
class How:
    """How a table is read, as the user asks.

    Parameters
    ----------
    label : str or None
        Column of the labels.

    key : str or None
        Sheet of Excel; None is the first.

    sep : str or None
        What separates the columns of text; None guesses.

    decimal : str or None
        The decimal mark of text; None guesses.

    encoding : str or None
        Of text; None tries UTF-8 and then Latin-1.

    na : list of str or None
        Further marks of missing values.

    drop, columns : list of str or None
        Columns to leave out, and the only columns to take.

    rows : int or None
        Largest number of rows; a random sample of so many is taken.

    seed : int
        Of the sample.
    """

    label: str | None = None
    key: str | None = None
    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    na: list[str] | None = None
    drop: list[str] | None = None
    columns: list[str] | None = None
    rows: int | None = None
    seed: int = 0

    @property
    def marks(self):
        """The marks of missing values, besides those of pandas."""
        return [*_MARKS_OF_MISSING, *(self.na or ())]


@contextlib.contextmanager
def explained(path, package=None):
    """Turn the errors of a parser into a ValueError of one line."""
    try:
        yield
    except ImportError as error:
        raise ValueError(
            f"{path} needs {package} to be read. pip install 'skae[report]'."
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


# Text


def read_csv(path, **options):
    """Read a table of text; see `_reading.read`."""
    how = How(**options)
    if how.sep is not None:
        how = dataclasses.replace(how, sep=_separator(how.sep))
    with explained(path):
        frame, said, notes = _parse_csv(path, how)
    numbers = pandas.to_numeric(frame.columns.str.replace(",", "."), errors="coerce")
    if numbers.notna().all():
        raise ValueError(
            f"{path} has only numbers in its first line, which must hold the names of "
            "columns. Put such a line in front."
        )
    if frame.shape[1] > 1 and not frame.columns[0]:
        said["index_col"] = 0
    return _from_frame(path, frame, how, notes, _call("read_csv", path, said))


def _separator(given):
    """Return the character that separates columns, as the user names it."""
    separator = _NAMES_OF_SEPARATORS.get(given, given)
    if len(separator) != 1:
        raise ValueError(
            f"--sep must be a single character or tab, got {given!r}. Name one."
        )
    return separator


def _parse_csv(path, how):
    """Return a table, the arguments of `pandas.read_csv`, and notes on its encoding."""
    encodings = [how.encoding] if how.encoding else _likely_encodings(path)
    for encoding in encodings[:-1]:
        with contextlib.suppress(UnicodeDecodeError):
            return *_frame_of_csv(path, encoding, how), []
    notes = []
    if len(encodings) > 1:
        notes = [f"{path} is not in UTF-8, and was read as Latin-1 (ISO 8859-1)."]
    return *_frame_of_csv(path, encodings[-1], how), notes


def _likely_encodings(path):
    with path.open("rb") as file:
        if file.read(2) in _BYTE_ORDER_MARKS:
            return ["utf-16"]
    return ["utf-8-sig", "latin-1"]


def _frame_of_csv(path, encoding, how):
    fixed = {"encoding": encoding, "skipinitialspace": True}
    read = functools.partial(pandas.read_csv, path, **fixed)
    separator, names = _header(read, how.sep)
    said = {**fixed, "sep": separator, "na_values": how.marks}
    decimals = [how.decimal] if how.decimal else list("." if separator == "," else ".,")
    with warnings.catch_warnings():
        # If a line is longer than the header, pandas warns and drops the rest.
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        try:
            frames = {
                mark: read(
                    sep=separator,
                    decimal=mark,
                    na_values=how.marks,
                    index_col=False,
                    low_memory=False,
                )
                for mark in decimals
            }
        except pandas.errors.ParserWarning as warning:
            raise ValueError(
                "a row has more values than there are names of columns"
            ) from warning
    mark = min(frames, key=lambda mark: len(texts_in(frames[mark])))
    frames[mark].columns = names  # pandas adds numbers to repeated names
    return frames[mark], {**said, "decimal": mark}


def _header(read, separator):
    """Return the separator of the columns, and their names."""
    how = {"header": None, "nrows": 1, "dtype": str, "na_filter": False}
    marks = list(_SEPARATORS)
    if separator is not None:
        marks = [separator]
    found = {mark: read(sep=mark, **how).iloc[0] for mark in marks}
    separator = max(found, key=lambda mark: len(found[mark]))
    return separator, found[separator].str.strip()


# Excel and Parquet


def read_excel(path, **options):
    """Read a sheet of Excel; see `_reading.read`."""
    how = How(**options)
    with explained(path, "openpyxl"), pandas.ExcelFile(path, engine="openpyxl") as file:
        sheets = file.sheet_names
        sheet = sheets[0] if how.key is None else how.key
        frame = None
        if sheet in sheets:
            frame = pandas.read_excel(file, sheet_name=sheet, na_values=how.marks)
    if frame is None:
        raise ValueError(
            f"{path} has no sheet {sheet!r} for --key. Its sheets are "
            f"{names_shown(sheets)}."
        )
    notes = []
    if how.key is None and len(sheets) > 1:
        notes = [f"Of {len(sheets)} sheets the first, {sheet!r}, is read; see --key."]
    said = {"sheet_name": sheet, "na_values": how.marks}
    frame.columns = frame.columns.astype(str)
    if frame.shape[1] > 1 and frame.columns[0] == "Unnamed: 0":
        frame = frame.rename(columns={"Unnamed: 0": ""})
        said["index_col"] = 0
    return _from_frame(path, frame, how, notes, _call("read_excel", path, said))


def read_parquet(path, **options):
    """Read a file or a folder of Parquet; see `_reading.read`."""
    how = How(**options)
    if path.is_dir() and not any(path.rglob("*.parquet")):
        raise ValueError(f"{path} is a folder without .parquet files. Name a file.")
    with explained(path, "pyarrow"):
        frame, is_sample, notes = frame_of_parquet(path, how)
    code = _call("read_parquet", path, {})
    if is_sample:
        code = f"# A sample was compared. All rows may not fit into memory.\n{code}"
    return _from_frame(path, frame, how, notes, code)


def _call(function, path, said):
    """Return a line of Python that reads a table with pandas."""
    arguments = [repr(str(path)), *(f"{name}={said[name]!r}" for name in said)]
    return f"table = pd.{function}({', '.join(arguments)})"


# From a table to rows and labels


def _from_frame(path, frame, how, notes, code):
    """Return `Data` from the columns of a table."""
    _check_names(path, frame.columns)
    if frame.shape[1] > 1 and not frame.columns[0]:
        frame = frame.iloc[:, 1:]
        notes.append("The first column, which has no name, is left out as an index.")
    _check_there(path, frame, how)
    if how.drop:
        frame = frame.drop(columns=how.drop)
        code += f"\ntable = table.drop(columns={how.drop!r})"
    y = None
    if how.label is not None:
        frame, y = _without_labels(path, frame, how.label, notes)
        code += f"\ntable = table.dropna(subset={[how.label]!r})"
        code += f"\ny = table.pop({how.label!r})"
    if how.columns:
        names = [name for name in how.columns if name != how.label]
        frame = frame[names]
        code += f"\ntable = table[{names!r}]"
    if frame.shape[1] == 0:
        raise ValueError(f"{path} has no columns but the labels. Add some.")
    if len(frame) == 0:
        raise ValueError(f"{path} has no rows. Add some.")
    if how.rows is not None and how.rows < len(frame):
        notes.append(f"{how.rows:,} of {len(frame):,} rows, drawn at random, are read.")
        chosen = sample_of(len(frame), how.rows, how.seed)
        frame, y = frame.iloc[chosen], None if y is None else y[chosen]
    _check_finite(path, frame)
    y = None if y is None else classes(path, how.label, y)
    return Data(frame.reset_index(drop=True), y, notes, code)


def _check_names(path, names):
    nameless = np.flatnonzero(names == "")
    if nameless.any():  # the first column may have no name, as an index
        raise ValueError(
            f"Column {nameless[-1] + 1} of {path} has no name. Give it one."
        )
    again = names[names.duplicated()].unique()
    if len(again):
        raise ValueError(
            f"{path} has several columns called {names_shown(again)}. Give each a name "
            "of its own."
        )


def _check_there(path, frame, how):
    """Raise a ValueError for columns that the user names but the table lacks."""
    labels = [] if how.label is None else [how.label]
    named = {"label": labels, "drop": how.drop or [], "columns": how.columns or []}
    for option, names in named.items():
        for name in names:
            if name not in frame:
                raise ValueError(
                    f"{path} has no column {name!r} for --{option}. Its columns are "
                    f"{names_shown(frame)}."
                )
    if how.label is not None and how.label in named["drop"]:
        raise ValueError(f"--drop names {how.label!r}, the column of --label. Choose.")


def _without_labels(path, frame, label, notes):
    """Return the features of the rows with a label, and the labels."""
    missing = frame[label].isna().to_numpy()
    if missing.all() and len(frame):
        raise ValueError(f"Labels {label!r} of {path} are all missing. Name others.")
    if missing.any():
        notes.append(f"{missing.sum():,} rows without a label are left out.")
        frame = frame[~missing]
    return frame.drop(columns=label), frame[label].reset_index(drop=True)


def _check_finite(path, frame):
    """Refuse infinite values; name their columns."""
    numbers = frame.select_dtypes("number")
    infinite = [
        name
        for name in numbers
        if is_real(numbers[name].dtype)
        and np.isinf(numbers[name].to_numpy(np.float64, na_value=np.nan)).any()
    ]
    if infinite:
        raise ValueError(
            f"{path} has infinite values in columns {names_shown(infinite)}. Drop such "
            "rows or columns, or replace the values."
        )


def texts_in(frame):
    """Return the names of the columns that do not hold real numbers."""
    return [name for name, dtype in frame.dtypes.items() if not is_real(dtype)]


def is_real(dtype):
    """Tell whether a dtype is one of real numbers or booleans."""
    return is_numeric_dtype(dtype) and dtype.kind in "biuf"


def classes(path, label, y):
    """Return labels as integers or text; refuse labels that are not classes."""
    y = pandas.Series(y)
    is_number = is_real(y.dtype)
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


def names_shown(names):
    """Return names as one text; of many, only the first few."""
    names = [repr(name) for name in names]
    more = len(names) - _MOST_NAMES
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown
