"""How much of the variance of Dask's collections reconstructions explain."""

import dataclasses
import functools

import numpy as np
from dask.delayed import delayed
from scipy.sparse import issparse

from skae._data.moments import Moments, moments_of
from skae._data.sparse import SparseRows
from skae._model.explained import fraction_of
from skae.dask._collections import parts_of
from skae.dask._layout import layout_of, rows_of
from skae.dask._lazy import checked_example, for_workers

# Of a tree; the driver sees one result, however many partitions there are.
_PARTS_AT_A_TIME = 8


def scored(estimator, X):
    """Return what `score` gives for a collection, whose rows stay where they are.

    Parameters
    ----------
    estimator : AutoencoderTransformer
        Fitted.

    X : dask.array or dask.dataframe
        Rows.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        As `score` does, and when X has no rows or all values are missing.
    """
    layout = layout_of(X)
    checked_example(estimator, "score_samples", layout)
    model = delayed(for_workers(estimator), pure=True, traverse=False)
    parts = [_of_partition(part, model, layout) for part in parts_of(X)]
    while len(parts) > 1:
        parts = [
            _together(parts[first : first + _PARTS_AT_A_TIME])
            for first in range(0, len(parts), _PARTS_AT_A_TIME)
        ]
    found = parts[0].compute()
    if found is None:
        raise ValueError(
            f"X has no rows: none of its {X.npartitions} partitions holds one."
        )
    observed = found.moments.weights
    if not observed.any():
        raise ValueError(
            "X has no value: all are missing. Leave out rows without any value."
        )
    variance = np.average(found.moments.variance, weights=observed)
    mean = np.where(observed, found.moments.mean, 0.0)
    return fraction_of(found.error / observed.sum(), variance, mean)


@dataclasses.dataclass(frozen=True)
class _Scores:
    """What is known of some rows.

    Parameters
    ----------
    error : float
        Sum of the squared errors of all observed values.

    moments : Moments
        Of the rows, each of weight one.
    """

    error: float
    moments: Moments


@functools.partial(delayed, pure=True)
def _of_partition(part, model, layout):
    rows = rows_of(part, layout)
    n_rows = rows.shape[0]
    if not n_rows:
        return None
    errors = -np.asarray(model.score_samples(rows))
    observed = rows.shape[1] if issparse(rows) else (rows == rows).sum(axis=1)
    rows = SparseRows.of(rows) if issparse(rows) else rows
    moments = moments_of(rows, np.ones(n_rows))  # of weights that add up to one
    moments = dataclasses.replace(
        moments, weights=moments.weights * n_rows, squares=moments.squares * n_rows
    )
    return _Scores(float((errors * observed).sum()), moments)


@functools.partial(delayed, pure=True)
def _together(parts):
    parts = [part for part in parts if part is not None]
    if not parts:
        return None
    error = sum(part.error for part in parts)
    return _Scores(error, Moments.together([part.moments for part in parts]))
