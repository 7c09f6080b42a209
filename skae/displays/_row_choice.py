"""The choice of the rows that are shown."""

import numpy as np

from skae.networks._checks import check_positive

_CHOICES = ("extremes", "first")
_GROUPS = ("best", "median", "worst")


def chosen_rows(samples, n_samples, errors):
    """Return the numbers of the rows to show, and their groups or None.

    Parameters
    ----------
    samples : {"extremes", "first"} or array-like of int
        "extremes" for rows with the smallest, the median and the largest errors,
        "first" for the first rows, or the numbers of the rows.

    n_samples : int
        Number of rows for "extremes" and "first".

    errors : ndarray of shape (n_rows,)
        NaN for rows without observed values; they are never an extreme.
    """
    if not isinstance(samples, str):
        return _given(samples, len(errors)), None
    if samples not in _CHOICES:
        raise ValueError(
            f"samples must be 'extremes', 'first' or an array of row numbers, got "
            f"{samples!r}."
        )
    n_samples = min(check_positive("n_samples", n_samples), len(errors))
    if samples == "first":
        return np.arange(n_samples), None
    return _extremes(errors, n_samples)


def _given(samples, n_rows):
    numbers = np.asarray(samples)
    is_list = numbers.ndim == 1 and numbers.size and numbers.dtype.kind in "iu"
    if not is_list or numbers.min() < -n_rows or numbers.max() >= n_rows:
        raise ValueError(
            f"samples must be 'extremes', 'first' or numbers of the {n_rows} rows of "
            f"X, from 0 to {n_rows - 1}, got {samples!r}."
        )
    return numbers % n_rows


def _extremes(errors, n_samples):
    """Sort rows by error; take a third from each end and a third from the middle."""
    order = np.argsort(errors, kind="stable")  # NaN come last
    order = order[: len(errors) - np.isnan(errors).sum()]
    n_samples = min(n_samples, len(order))
    n_best, n_worst, n_median = (n_samples // 3 + (i < n_samples % 3) for i in range(3))
    rest = order[n_best : len(order) - n_worst]
    start = (len(rest) - n_median) // 2
    parts = (
        order[:n_best],
        rest[start : start + n_median],
        order[len(order) - n_worst :],
    )
    groups = [
        name for name, p in zip(_GROUPS, parts, strict=True) for _ in range(len(p))
    ]
    return np.concatenate(parts), groups
