"""Checks of what a comparison is asked for, and the splits that it makes."""

from numbers import Integral

import numpy as np
from sklearn import config_context
from sklearn.model_selection import ShuffleSplit, check_cv
from sklearn.utils import check_array, check_random_state, check_scalar

from skae._data import containers
from skae._runtime.randomness import as_generator, draw_seed

# Trustworthiness needs three rows for a single neighbour. A larger bound would measure
# better, but refuse small data.
FEWEST_TEST_ROWS = 4
# With more rows, one split holds out enough to tell a gain of 0.02 from chance, and
# three take minutes.
_MOST_ROWS_OF_THREE_SPLITS = 20_000
# Up to so many features a table is narrow, and its sizes begin with a single code.
_NARROW = 16
_SIZES = (2, 8, 16, 32)
_SIZES_OF_NARROW = (1, 2, 4, 8)


def check_table(X, name):
    """Return rows as scikit-learn's `check_array` does, also for unusual containers."""
    with config_context(assume_finite=False):
        return check_array(containers.checked(X, name), input_name=name)


def seed_of(random_state):
    """Return the int that seeds all that is random."""
    if isinstance(random_state, Integral):
        check_random_state(random_state)
        return int(random_state)
    return draw_seed(as_generator(random_state))


def splits_of(X, y, cv, n_splits, test_size, seed):
    """Return pairs of arrays with the numbers of training and of test rows."""
    if cv is None:
        if isinstance(n_splits, str) and n_splits == "auto":
            n_splits = 3 if len(X) <= _MOST_ROWS_OF_THREE_SPLITS else 1
        check_scalar(n_splits, "n_splits", Integral, min_val=1)
        cv = ShuffleSplit(n_splits, test_size=test_size, random_state=seed)
    splits = list(check_cv(cv).split(X, y))
    for _, test in splits:
        if len(test) < FEWEST_TEST_ROWS:
            raise ValueError(
                f"{len(test)} of the {len(X)} rows of X are held out to measure on, "
                f"but at least {FEWEST_TEST_ROWS} are needed. Pass more rows, or "
                "raise test_size."
            )
        if (X[test] == X[test[0]]).all():
            raise ValueError(
                f"The test rows of X, {len(test)} in all, are equal, so there is no "
                "variance to explain. Pass rows that differ, or raise test_size."
            )
    return splits


def check_dims(encoding_dims, n_rows, n_features):
    """Return a list of numbers of codes; PCA can have each as components."""
    if isinstance(encoding_dims, str) and encoding_dims == "auto":
        return _usual_sizes(n_rows, n_features)
    dims = np.atleast_1d(encoding_dims).tolist()
    most = min(n_rows, n_features)
    if not dims or not all(isinstance(dim, int) and 1 <= dim <= most for dim in dims):
        raise ValueError(
            f"encoding_dims must hold integers from 1 to {most}, the most components "
            f"that PCA has on {n_rows} training rows of {n_features} features, got "
            f"{dims}. Leave out the others."
        )
    return list(dict.fromkeys(dims))


def _usual_sizes(n_rows, n_features):
    """Return numbers of codes below that of the features, where PCA is exact."""
    sizes = _SIZES_OF_NARROW if n_features <= _NARROW else _SIZES
    return [dim for dim in sizes if dim < n_features and dim <= n_rows] or [1]


def check_numbers(y, n_neighbors, n_train, trustworthiness_rows, tsne_rows):
    most = None if y is None else n_train
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1, max_val=most)
    fewest = {"target_type": Integral, "min_val": FEWEST_TEST_ROWS}
    check_scalar(trustworthiness_rows, "trustworthiness_rows", **fewest)
    check_scalar(tsne_rows, "tsne_rows", **fewest)
