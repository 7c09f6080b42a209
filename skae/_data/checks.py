"""Checks of the user's arrays."""

import contextlib
import math
import re

import numpy as np
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.validation import validate_data

from skae._data import containers
from skae._data.missing import allows_missing
from skae._data.rows import are_few
from skae._data.sparse import SparseRows
from skae._runtime.scikit_learn import check_sample_weight as one_weight_a_row


def check_rows(estimator, X, *, reset, fewest=1, finite_later=False):
    """Check data and names of features; see `sklearn.utils.validation.validate_data`.

    Integers and half-precision floats keep their type; they are converted by chunks
    where they are used. With `reset`, the estimator gets the attributes
    `n_features_in_`, `feature_names_in_` and `sample_shape_`.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features) or (n_rows, *sample_shape), \
or sparse matrix of shape (n_rows, n_features)
        The data.

    reset : bool
        Whether these are the first data of a fit.

    fewest : int, default=1
        Least number of rows.

    finite_later : bool, default=False
        Whether the caller itself calls `check_finite_rows` for a large array. Then
        this function does not read the array for the check.

    Returns
    -------
    ndarray or SparseRows of shape (n_rows, n_features)
        Samples of several axes are flattened. A small sparse matrix becomes dense.
        Masked values of a masked array become NaN.
    """
    X = containers.checked(X, "X", allows_missing(estimator))
    how = {
        "dtype": "numeric",
        "ensure_min_samples": fewest,
        "ensure_all_finite": _finiteness(estimator, X, finite_later),
    }
    sample_shape = None
    if _n_axes(X) > 2:
        X = check_array(X, allow_nd=True, input_name="X", estimator=estimator, **how)
        how["ensure_all_finite"] = False  # checked above; saves a second pass
        sample_shape = X.shape[1:]
        if not reset and sample_shape != estimator.sample_shape_:
            raise ValueError(
                f"X has samples of shape {sample_shape}, but "
                f"{type(estimator).__name__} is expecting samples of shape "
                f"{estimator.sample_shape_}, or flat rows of "
                f"{estimator.n_features_in_} features."
            )
        X = X.reshape(len(X), -1)
    rows = validate_data(estimator, X, reset=reset, accept_sparse="csr", **how)
    rows = _as_numbers(rows)
    if issparse(rows) and np.isnan(rows.data).any():
        raise ValueError(
            "X is a sparse matrix with missing values. Make it dense, or fill them: "
            "zeros are values like others."
        )
    if issparse(rows):
        is_small = are_few(math.prod(rows.shape))
        rows = rows.toarray() if is_small else SparseRows.of(rows)
    if reset:
        estimator.sample_shape_ = sample_shape or rows.shape[1:]
    return rows


def _finiteness(estimator, X, is_later):
    """Return the argument `ensure_all_finite` of scikit-learn's checks."""
    is_array = isinstance(X, np.ndarray) and X.dtype.kind == "f"
    if is_later and is_array and not are_few(X.size):
        return False
    return "allow-nan" if allows_missing(estimator) else True


def check_finite_rows(estimator, X, name="X"):
    """Raise scikit-learn's ValueError for infinite values, and for NaN if not allowed.

    NaN is allowed where ``missing_values="allow"``. This is called where results have
    not been finite, so it checks also if the user has set ``assume_finite=True``.
    """
    if isinstance(X, np.ndarray):
        _assert_finite(
            X,
            allow_nan=allows_missing(estimator),
            estimator_name=type(estimator).__name__,
            input_name=name,
        )


def _assert_finite(X, **how):
    with config_context(assume_finite=False):
        assert_all_finite(X, **how)


def check_rows_named(estimator, name, X):
    """Check rows as `check_rows` does; error messages say `name` in place of X."""
    try:
        return check_rows(estimator, X, reset=False)
    except (TypeError, ValueError) as error:
        message = re.sub(r"\bX\b", name, str(error))
        prefix = "" if name in message else f"{name}: "
        raise type(error)(prefix + message) from error


def check_clean_rows(estimator, name, clean, noisy):
    """Check the clean versions of noisy rows; None stays None."""
    if clean is None:
        return None
    clean = check_rows_named(estimator, name, clean)
    if len(clean) != len(noisy):
        raise ValueError(
            f"{name} has {len(clean)} rows, but there are {len(noisy)} rows to "
            "clean: row i of either must be the same sample."
        )
    return clean


def _n_axes(X):
    """Return the number of axes of an array or of nested lists, otherwise 2.

    Lists of different lengths have 2 too; scikit-learn's checks explain the error.
    """
    if isinstance(X, (list, tuple)):
        return len(containers.shape_of(X)) or 2
    return getattr(X, "ndim", 2)


def as_floats(rows):
    """Return a copy of the rows: float32 stays float32, the rest becomes float64."""
    return rows.astype(np.float32 if rows.dtype == np.float32 else np.float64)


def _as_numbers(rows):
    """Convert types wider than float64 to float64, and refuse dates.

    `check_array` does neither. Integers beyond int64 arrive as objects.
    """
    kind = rows.dtype.kind
    if kind in "biuf" and rows.dtype.itemsize <= 8:
        return rows
    if kind not in "fO":
        raise TypeError(
            f"X has the dtype {rows.dtype}, not one of numbers. Convert it first, "
            "for instance to float64 in a unit of your choice."
        )
    with _explained_overflow("X"):
        return rows.astype(np.float64)


@contextlib.contextmanager
def _explained_overflow(name):
    """Turn an overflow in the body into a ValueError that names the argument."""
    try:
        with np.errstate(over="raise"):
            yield
    except (FloatingPointError, OverflowError) as error:
        raise ValueError(
            f"{name} has numbers beyond the range of float64. Divide it by a constant."
        ) from error


def check_sample_weight(sample_weight, X, fewest=2):
    """Return float64 weights, one for each row; all ones if None is given.

    At least `fewest` of them must be above zero.
    """
    sample_weight = containers.checked(sample_weight, "sample_weight")
    with _explained_overflow("sample_weight"):
        weights = one_weight_a_row(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"sample_weight goes up to {weights.max():g}, and its sum is not finite. "
            "Divide it by a constant."
        )
    if np.count_nonzero(weights) < fewest:
        raise ValueError(
            f"sample_weight is above zero for {np.count_nonzero(weights)} of "
            f"{len(weights)} rows; at least {fewest} must count."
        )
    return weights


def check_codes(codes, encoding_dim, name, are_nested=False, parameter="encoding_dim"):
    """Return codes as float32 or float64 of shape (n_rows, encoding_dim).

    Nested codes may be the first few only.
    """
    codes = containers.checked(codes, "X")
    with _explained_overflow("X"):
        codes = check_array(codes, dtype=[np.float64, np.float32], input_name="X")
    if are_nested and codes.shape[1] < encoding_dim:
        return codes
    if codes.shape[1] != encoding_dim:
        raise ValueError(
            f"X has {codes.shape[1]} columns, but {name} was fitted with "
            f"{parameter}={encoding_dim}: inverse_transform expects the "
            f"{encoding_dim} codes that transform returns."
        )
    return codes


def check_finite(mapped, X):
    """Return `mapped`, the network's output for rows or codes X, if it is finite."""
    if np.isfinite(mapped).all():
        return mapped
    if isinstance(X, np.ndarray):
        _assert_finite(X, input_name="X")
    largest = max(-float(X.min()), float(X.max()))
    raise ValueError(
        f"X has values of up to {largest:g}, so far beyond those of the fit "
        "that the network's float32 overflows. Check their unit, or leave them out."
    )


def extremes(X):
    """Return the lowest and the highest value that is not missing."""
    if isinstance(X, SparseRows):
        return X.min(), X.max()
    return np.fmin.reduce(X, axis=None), np.fmax.reduce(X, axis=None)


def check_unit_interval(name, lowest, highest):
    """Raise a ValueError unless the range of the data is within [0, 1]."""
    if lowest < 0 or highest > 1:
        raise ValueError(
            "loss='binary_crossentropy' needs values in [0, 1], but "
            f"{name} has values from {lowest:g} to {highest:g}. Scale them, for "
            "instance with sklearn.preprocessing.MinMaxScaler, or use loss='mse'."
        )


def check_counts(name, lowest):
    """Raise a ValueError if the lowest value of the data is below zero."""
    if lowest < 0:
        raise ValueError(
            f"loss='poisson' needs counts, or other values from zero up, but {name} "
            f"has values down to {lowest:g}. Use loss='mse' for data of both signs."
        )


def is_bounded(objective):
    """Tell whether the loss takes only values of some range."""
    return objective.has_logits or objective.link == "log"


def needs_range(objective):
    """Tell whether a fit must know the least and the largest value of its rows."""
    corruption = objective.corruption
    is_known = corruption is not None and corruption.has_known_range
    return is_known or is_bounded(objective)


def check_range(objective, name, lowest, highest):
    """Raise a ValueError for values that the objective's loss does not take."""
    if objective.has_logits:
        check_unit_interval(name, lowest, highest)
    if objective.link == "log":
        check_counts(name, lowest)
