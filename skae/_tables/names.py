"""Names of the columns that a table becomes."""

import numpy as np

from skae._tables.columns import Category


def feature_names(estimator, input_features=None):
    """Return an array of names, no two of them equal; see `get_feature_names_out`."""
    inputs = _inputs(estimator, input_features)
    names = []
    for name, column in zip(inputs, estimator._table.columns, strict=True):
        if isinstance(column, Category):
            names += [f"{name}_{group}" for group in _groups(column)]
        elif column is not None:
            names += [name, f"{name}_missing"][: 1 + column.indicated]
    return np.array(list(_distinct(names)), dtype=object)


def _inputs(estimator, input_features):
    known = getattr(estimator, "feature_names_in_", None)
    n_features = estimator.n_features_in_
    if input_features is None:
        labels = estimator._table.container.names
        has_labels = estimator._table.container.library != "numpy"
        return [f"{label}" if has_labels else f"x{label}" for label in labels]
    if len(input_features) != n_features:
        raise ValueError(
            f"input_features should have length equal to number of features "
            f"({n_features}), got {len(input_features)}. Leave it out for the names "
            "seen in fit."
        )
    if known is not None and not np.array_equal(known, input_features):
        raise ValueError(
            "input_features is not equal to feature_names_in_. Leave it out for the "
            "names seen in fit."
        )
    return list(input_features)


def _groups(category):
    """Return what the groups of values are called, as in scikit-learn."""
    values = [category.values[number] for number in category.chosen]
    names = ["missing" if value is None else str(value) for value in values]
    if category.pooled >= 0:
        names[category.pooled] = "infrequent_sklearn"
    return names


def _distinct(names):
    """Return names with a number behind those that came before."""
    seen: set = set()
    for name in names:
        number, distinct = 1, name
        while distinct in seen:
            number += 1
            distinct = f"{name}_{number}"
        seen.add(distinct)
        yield distinct
