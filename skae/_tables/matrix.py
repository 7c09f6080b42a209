"""Rows of a table as a matrix of one scale, and back.

Numbers are standardised. The columns of a category are (1 − p) / √p in its rows and
−√p in the others, with p its frequency: PCA of such a matrix is the factor analysis of
mixed data (Pagès, 2004). In a sparse matrix they are 1 / √p and 0, which PCA centres.
A category's weight, for ``categorical_scaling="unit_variance"``, multiplies all these.
"""

from __future__ import annotations

import contextlib

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from skae._tables import pandas_columns, polars_columns
from skae._tables.columns import Quantity
from skae._tables.levels import MISSING
from skae._tables.whole import whole

# Rows that are written at a time: a block of 200 columns fits into a processor's cache.
_ROWS_AT_ONCE = 1024
# The years 1 to 9999, which Python's dates have, in seconds from 1970.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def encode(read, table):
    """Return rows as an array, or as a sparse matrix if the table is sparse."""
    quantities = table.scaling.scaled(read.values)
    if table.missing_values == "category":
        quantities = np.nan_to_num(quantities, copy=False)  # the mean
    if table.is_sparse:
        return _sparse(quantities, read.groups, table)
    return _dense(quantities, read.groups, table)


def _dense(quantities, groups, table):
    matrix = np.empty((len(quantities), table.starts[-1]))
    background = np.zeros(matrix.shape[1])
    for category, start in table.categories:
        roots = np.sqrt(category.frequencies)
        background[start : start + len(roots)] = -roots * category.weight
    for first in range(0, len(matrix), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        block = matrix[rows]
        block[:] = background
        block[:, table.places_of_quantities] = quantities[rows]
        for (category, start), found in zip(table.categories, groups, strict=True):
            _write(block, start, category, found[rows])
    return matrix


def _write(block, start, category, groups):
    """Write what the rows of a block have in the columns of a category."""
    roots = np.sqrt(category.frequencies)
    rows = np.flatnonzero(groups >= 0)
    numbers = groups[rows]
    ones = (1 / roots - roots) * category.weight
    block[rows, start + numbers] = ones[numbers]
    block[groups == MISSING, start : start + len(roots)] = np.nan


def _sparse(quantities, groups, table):
    """Write each row's entries side by side, as compressed rows have them."""
    n_rows, n_quantities = quantities.shape
    indices = np.empty((n_rows, n_quantities + len(groups)), np.int32)
    data = np.empty(indices.shape)
    indices[:, :n_quantities] = table.places_of_quantities
    data[:, :n_quantities] = quantities
    gaps = []
    for number, ((category, start), found) in enumerate(
        zip(table.categories, groups, strict=True), n_quantities
    ):
        known = np.maximum(found, 0)
        indices[:, number] = start + known
        entries = category.weight / np.sqrt(category.frequencies)
        data[:, number] = np.where(found < 0, 0, entries[known])
        gaps.append((np.flatnonzero(found == MISSING), start, len(entries)))
    starts = np.arange(n_rows + 1) * indices.shape[1]
    shape = n_rows, int(table.starts[-1])
    matrix = sparse.csr_matrix((data.ravel(), indices.ravel(), starts), shape)
    matrix.sort_indices()
    matrix.eliminate_zeros()
    return _with_gaps(matrix, gaps)


def _with_gaps(matrix, gaps):
    """Return the matrix with NaN in whole blocks: rows, first column and width."""
    rows = [np.repeat(found, width) for found, _, width in gaps]
    columns = [
        np.tile(np.arange(start, start + width), len(found))
        for found, start, width in gaps
    ]
    if not any(map(len, rows)):
        return matrix
    places = np.concatenate(rows), np.concatenate(columns)
    nan = np.full(len(places[0]), np.nan)
    return matrix + sparse.csr_matrix((nan, places), matrix.shape)


def quantities_of(matrix, table):
    """Return the quantities in a matrix in their own units, before any rounding."""
    return table.scaling.unscaled(matrix[:, table.places_of_quantities])


def shares_of(matrix, category, start, table):
    """Return what a matrix says of each group: an estimate of its probability.

    A least-squares reconstruction of the indicator of a group is the mean of that
    indicator given the code, and so the group's probability, up to the fit's errors.
    """
    roots = np.sqrt(category.frequencies)
    block = matrix[:, start : start + len(roots)] * (roots / category.weight)
    return block if table.is_sparse else block + category.frequencies


def check_encoded(X, table):
    """Return the user's encoded rows as a float64 array of the right width."""
    X = check_array(
        X, accept_sparse="csr", dtype=np.float64, ensure_all_finite="allow-nan"
    )
    if X.shape[1] != table.starts[-1]:
        raise ValueError(
            f"X has {X.shape[1]} columns, but TableEncoder was fitted to a table that "
            f"becomes {table.starts[-1]}: inverse_transform expects what transform "
            "returns."
        )
    return X.toarray() if sparse.issparse(X) else X


def decode(matrix, table):
    """Return the data frame, or the array, that a matrix stands for."""
    container = table.container
    library = polars_columns if container.library == "polars" else pandas_columns
    quantities = quantities_of(matrix, table)
    names, series, used = [], [], 0
    for name, column, start in zip(
        container.names, table.columns, table.starts, strict=False
    ):
        if column is None:
            continue
        with _explained_gaps(name):
            if isinstance(column, Quantity):
                values = _values(quantities[:, used:], column)
                series.append(_of_quantity(library, values, column))
                used += 1 + column.indicated
            else:
                numbers = _numbers(shares_of(matrix, column, start, table), column)
                series.append(library.of_values(numbers, column))
        names.append(name)
    frame = library.frame_of(series, names, container.levels)
    if container.library == "numpy":
        return frame.to_numpy(container.dtype)
    return frame


@contextlib.contextmanager
def _explained_gaps(name):
    """Turn the error of a column that cannot have missing values into one of ours."""
    try:
        yield
    except pandas_columns.NoMissingError as error:
        raise ValueError(
            f"X has NaN for column {name!r}, but in fit it was of the type {error}, "
            "which cannot hold missing values. Fill them in before."
        ) from error


def _values(quantities, column):
    """Return a quantity's values, NaN where their own column says so."""
    if not column.indicated:
        return quantities[:, 0]
    return np.where(quantities[:, 1] > 0.5, np.nan, quantities[:, 0])


def _of_quantity(library, values, column):
    if column.unit is None:
        return library.of_numbers(values, column)
    gaps = np.isnan(values)
    lowest, highest = _range(column)
    counts = whole(values / column.step, np.dtype(np.int64))
    # In whole steps, so that no sum leaves the range.
    counts = np.clip(
        counts,
        -((column.origin - lowest) // column.step),
        (highest - column.origin) // column.step,
    )
    return library.of_ticks(column.origin + counts * column.step, gaps, column)


def _range(column):
    """Return the ticks between which dates or durations come back."""
    limits = np.iinfo(np.int64)
    lowest, highest = int(limits.min) + 1, int(limits.max)
    if column.kind == "date":
        second = _PER_SECOND[column.unit]
        lowest = max(lowest, _FIRST_SECOND * second)
        highest = min(highest, _LAST_SECOND * second)
    return lowest, highest


def _numbers(shares, category):
    """Return the numbers of the nearest values, -1 where they are missing."""
    numbers = category.chosen[shares.argmax(axis=1)]
    if category.values[-1] is None:
        numbers = np.where(numbers == len(category.values) - 1, -1, numbers)
    return np.where(np.isnan(shares).any(axis=1), -1, numbers)
