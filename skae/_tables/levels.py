"""Values of categories: their groups, their frequencies, and those of new rows."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from skae._tables.columns import Category

UNKNOWN, MISSING = -2, -1


def fit_category(
    codes,
    values,
    dtype,
    mark,
    *,
    categorical_scaling,
    min_frequency,
    max_categories,
    missing_values,
):
    """Return the `Category` of a column.

    Parameters
    ----------
    codes : int ndarray of shape (n_rows,)
        For each row the number of its value; -1 where it is missing.

    values : list
        The values, in the order that their columns are to have.

    dtype, mark : object
        The column's type, and what stands for a missing value in it.

    categorical_scaling, min_frequency, max_categories, missing_values : see \
`skae.TableEncoder`
    """
    counts = np.bincount(codes + 1, minlength=len(values) + 1)
    n_missing, counts = int(counts[0]), counts[1:]
    if missing_values == "category" and n_missing:
        values, counts = [*values, None], np.append(counts, n_missing)
    seen = np.flatnonzero(counts)
    counts = counts[seen]
    is_rare = _are_rare(counts, min_frequency, max_categories)
    groups = np.cumsum(~is_rare) - 1
    groups[is_rare] = n_kept = int(np.count_nonzero(~is_rare))
    chosen = np.flatnonzero(~is_rare)
    if is_rare.any():
        rare = np.flatnonzero(is_rare)
        chosen = np.append(chosen, rare[counts[rare].argmax()])
    frequencies = np.bincount(groups, counts) / counts.sum()
    # The columns of K groups have the variance Σ (1 − p) = K − 1 in all.
    n_free = max(1, len(frequencies) - 1)
    return Category(
        dtype=dtype,
        values=[values[number] for number in seen],
        groups=groups,
        chosen=chosen,
        frequencies=frequencies,
        weight=n_free**-0.5 if categorical_scaling == "unit_variance" else 1.0,
        pooled=n_kept if is_rare.any() else -1,
        missing=mark,
    )


def _are_rare(counts, min_frequency, max_categories):
    """Tell which values are pooled; scikit-learn's encoder has the rules."""
    is_rare = np.zeros(len(counts), bool)
    if min_frequency is None and max_categories is None:
        return is_rare
    encoder = OneHotEncoder(
        min_frequency=min_frequency,
        max_categories=max_categories,
        handle_unknown="infrequent_if_exist",
    )
    rows = np.repeat(np.arange(len(counts)), counts).reshape(-1, 1)
    rare = encoder.fit(rows).infrequent_categories_[0]
    if rare is not None:
        is_rare[rare.astype(np.intp)] = True
    return is_rare


def in_order(codes, values):
    """Return codes and values with these sorted, where they can be compared."""
    try:
        order = sorted(range(len(values)), key=values.__getitem__)
    except TypeError:  # of several types
        order = sorted(
            range(len(values)), key=lambda i: (type(values[i]).__name__, str(values[i]))
        )
    places = np.empty(len(values) + 1, np.intp)
    places[order] = np.arange(len(values))
    places[-1] = -1  # which -1 takes
    return places[codes], [values[number] for number in order]


def groups_of(category, codes, values, missing_values):
    """Return each row's group, MISSING or UNKNOWN, and the values that are unknown.

    Parameters
    ----------
    codes, values : see `fit_category`
        Of new rows.
    """
    known = {value: number for number, value in enumerate(category.values)}
    numbers = [known.get(value, UNKNOWN) for value in values]
    gap = MISSING if missing_values == "allow" else UNKNOWN
    numbers.append(known.get(None, gap))  # which -1 takes
    table = np.array(numbers)
    table = np.where(table < 0, table, category.groups[np.maximum(table, 0)])
    found = table[codes]
    unknown = np.unique(codes[found == UNKNOWN])
    return found, [values[number] if number >= 0 else None for number in unknown]
