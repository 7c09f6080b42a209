"""How well each column of a table comes back."""

from __future__ import annotations

import numpy as np
import pandas

from skae._tables.columns import Quantity
from skae._tables.matrix import quantities_of, shares_of

# The least probability of a value, without which one sure mistake would decide the mean
# log loss. A reconstruction by least squares is not bounded to probabilities.
_LEAST = 1e-3


def column_scores(read, matrix, table):
    """Return a data frame; see `TableEncoder.column_scores`."""
    quantities = quantities_of(matrix, table)
    pairs = iter(zip(table.categories, read.groups, strict=True))
    lines, used = [], 0
    for name, column in zip(table.container.names, table.columns, strict=True):
        if column is None:
            continue
        line = {"column": name, "kind": column.kind}
        if isinstance(column, Quantity):
            line |= _of_quantity(column, read.values[:, used], quantities[:, used])
            used += 1 + column.indicated
        else:
            (category, start), groups = next(pairs)
            line |= _of_groups(groups, shares_of(matrix, category, start, table))
        lines.append(line)
    names = "column", "kind", "r2", "accuracy", "log_loss"
    return pandas.DataFrame(lines, columns=names)


def _of_quantity(column, truth, found):
    known = ~np.isnan(truth)
    truth, found = truth[known], found[known]
    if column.kind == "boolean":
        return _of_groups(truth.astype(int), np.column_stack([1 - found, found]))
    total = np.square(truth - truth.mean()).sum() if len(truth) else 0
    if not total:
        return {"r2": np.nan}
    return {"r2": 1 - np.square(truth - found).sum() / total}


def _of_groups(groups, shares):
    """Score groups of rows; those unknown in fit count as not found."""
    rows = np.flatnonzero(groups != -1)
    if not len(rows):
        return {}
    groups, shares = groups[rows], shares[rows]
    bounded = np.maximum(shares, _LEAST)
    bounded /= bounded.sum(axis=1, keepdims=True)
    probability = np.where(
        groups >= 0, bounded[np.arange(len(rows)), np.maximum(groups, 0)], _LEAST
    )
    return {
        "accuracy": float((shares.argmax(axis=1) == groups).mean()),
        "log_loss": float(-np.log(probability).mean()),
    }
