"""Which columns of a table are compared: no identifiers, constants or free text."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pandas
from pandas.api.types import infer_dtype, is_numeric_dtype

from skae._tables.reading import columns_of, is_data_frame, why_unusable

# Names such as id, customer_id, "Row ID", PassengerId; not grid, valid, or width.
_NAMES_OF_IDENTIFIERS = re.compile(
    r"(?:^|[\W_])(?i:id|uuid|guid)$|^(?i:index|unnamed: \d+)$|[a-z](?:Id|ID)$"
)
# Fewer rows may have different numbers, or text, in a column of any meaning.
_FEWEST_NUMBERED = 10
# Fewer whole numbers of as many digits may differ by chance.
_FEWEST_OF_SAME_LENGTH = 100
# Text of more values than this, in a column named as an identifier, is one.
_MOST_VALUES_OF_NAMED = 30
# Values that are read before a form of dates is tried on all.
_FIRST_FEW = 100
# ISO 8601; then the day first, as in most of the world, with the month first where
# days above 12 show it.
_FORMS_OF_DATES = (
    "ISO8601",
    *(
        f"{day}{time}"
        for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d")
        for time in ("", " %H:%M", " %H:%M:%S")
    ),
)


class LeftOut(NamedTuple):
    """A column of a table that was not compared, and why.

    Attributes
    ----------
    column : str or other label
        The column.

    reason : str
        What it holds instead of a feature.
    """

    column: Any
    reason: str


class Columns(NamedTuple):
    """The columns of a table that are compared.

    Attributes
    ----------
    frame : data frame
        Of these columns.

    left_out : list of LeftOut
        The others.

    dates : dict of label to str
        Columns of text that have become dates, and the form that they have.
    """

    frame: Any
    left_out: list
    dates: dict


def usable_columns(X, columns=None):
    """Return the `Columns` of a data frame of pandas or polars.

    Parameters
    ----------
    X : data frame
        All rows.

    columns : list of labels or None
        Those to compare, among them identifiers. None takes all but identifiers.
    """
    if columns is not None:
        _check_columns(X, columns)
        X = X[list(columns)]
    X, dates = _with_dates(X)
    reasons = why_unusable(X)
    for number, series in enumerate(columns_of(X)):
        if number not in reasons:
            reason = _why_left_out(X.columns[number], series, columns is not None)
            if reason:
                reasons[number] = reason
    left_out = [LeftOut(X.columns[number], reasons[number]) for number in reasons]
    if len(reasons) == X.shape[1]:
        raise ValueError(
            f"X has no column that can be compared: {shown(left_out)}. Add columns of "
            "numbers, categories, booleans or dates."
        )
    kept = [number for number in range(X.shape[1]) if number not in reasons]
    X = X.iloc[:, kept] if hasattr(X, "iloc") else X[:, kept]
    return Columns(X, sorted(left_out, key=str), dates)


def _check_columns(X, columns):
    there = list(X.columns) if is_data_frame(X) else []
    missing = [name for name in columns if name not in there]
    if missing or not len(columns):
        raise ValueError(
            f"columns={list(columns)!r:.200} must name columns of X, a data frame"
            f"{f'; {missing[0]!r} is none of them' if missing else ''}. Name some of "
            f"{there!r:.300}."
        )


def shown(left_out, most=5):
    """Return columns and reasons as one text; of many, only the first few."""
    texts = [f"{column!r} ({reason})" for column, reason in left_out]
    more = len(texts) - most
    text = ", ".join(texts[:most])
    return f"{text} and {more} more" if more > 0 else text


def _why_left_out(name, series, is_chosen):
    """Return why a column that can be encoded is no feature; None if it is one."""
    values = pandas.Series(series.to_numpy()) if _is_foreign(series) else series
    known = values.dropna()
    distinct = known.nunique()
    if distinct == 1:
        return "the same value in all rows"
    if is_chosen:
        return None
    is_named = bool(_NAMES_OF_IDENTIFIERS.search(str(name)))
    if _is_text(known):
        return _why_no_category(len(known), distinct, is_named)
    if _is_whole(known):
        return _why_no_number(known, distinct, len(values), is_named)
    return None


def _is_foreign(series):
    return not isinstance(series, pandas.Series)


def _why_no_category(n_rows, distinct, is_named):
    if distinct == n_rows >= _FEWEST_NUMBERED:
        return "an identifier, with another value in each row"
    if is_named and distinct > _MOST_VALUES_OF_NAMED:
        return "an identifier, by its name"
    return None


def _why_no_number(known, distinct, n_rows, is_named):
    if is_named:
        return "an identifier, by its name"
    is_numbering = known.max() - known.min() == n_rows - 1
    if distinct == n_rows >= _FEWEST_NUMBERED and is_numbering:
        return "an identifier, the numbers of the rows"
    if distinct == len(known) >= _FEWEST_OF_SAME_LENGTH and _same_length(known):
        return "an identifier, whole numbers of one length that differ in each row"
    return None


def _same_length(known):
    """Tell whether positive whole numbers have as many digits."""
    return known.min() > 0 and len(str(int(known.min()))) == len(str(int(known.max())))


def _is_text(known):
    return infer_dtype(known, skipna=True) == "string"


def _is_whole(known):
    if not is_numeric_dtype(known.dtype) or known.dtype.kind not in "iuf":
        return False
    return known.dtype.kind in "iu" or bool((known == np.floor(known)).all())


def _with_dates(X):
    """Return a data frame of pandas in which text that is dates has become dates."""
    if not hasattr(X, "iloc"):
        return X, {}
    dates, forms = {}, {}
    for number in range(X.shape[1]):
        series = X.iloc[:, number]
        form = _form_of_dates(series)
        if form is not None:
            dates[number] = pandas.to_datetime(series, format=form)
            forms[X.columns[number]] = form
    if dates:
        series = [dates.get(n, X.iloc[:, n]) for n in range(X.shape[1])]
        X = pandas.concat(series, axis=1)
    return X, forms


def _form_of_dates(series):
    """Return the form of dates that all text of a column has, or None."""
    known = series.dropna()
    if not _is_text(known):
        return None
    for form in _FORMS_OF_DATES if len(known) else ():
        try:
            pandas.to_datetime(known.iloc[:_FIRST_FEW], format=form)
            pandas.to_datetime(known, format=form)
        except (TypeError, ValueError):  # text that is no such date
            continue
        return form
    return None
