"""From Dask's collections, and arrays in memory, to an ordered list of partitions."""

import dataclasses
import functools
import numbers

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
from dask.delayed import delayed
from dask.utils import is_dataframe_like
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_array

from skae._data import containers
from skae.dask._layout import Layout, is_lazy, layout_of, rows_of


@dataclasses.dataclass(frozen=True, eq=False)
class Partitions:
    """Rows in partitions, in the order of the rows; none of them is empty.

    Parameters
    ----------
    blocks : tuple of dask.delayed.Delayed
        One for each partition, which gives its rows: an ndarray whose rows are
        contiguous, or a csr_array, of shape (length, n_features) and of type `dtype`.
        NaN and infinite values are still among them.

    weights : tuple of dask.delayed.Delayed or None
        One for each partition, which gives a float64 ndarray of shape (length,), finite
        and not negative. None if no weights were given.

    lengths : tuple of int
        Number of rows of each partition, at least one.

    layout : Layout
        What all rows are like.
    """

    blocks: tuple
    weights: tuple | None
    lengths: tuple
    layout: Layout

    @property
    def n_rows(self):
        """Number of rows of all partitions."""
        return sum(self.lengths)

    @property
    def n_features(self):
        """Number of values of a sample."""
        return self.layout.n_features

    @property
    def sample_shape(self):
        """Shape of one sample."""
        return self.layout.sample_shape

    @property
    def dtype(self):
        """Type of the rows."""
        return self.layout.dtype

    @property
    def feature_names(self):
        """Names of the features, or None."""
        return self.layout.feature_names


def is_collection(X):
    """Tell whether X is a collection of Dask's, of rows or of something else."""
    return dask.is_dask_collection(X)


def partitions(X, sample_weight=None, *, name="X"):
    """Divide rows into partitions, which stay where they are.

    Numbers of rows that are not known are computed, in one pass over the rows.

    Parameters
    ----------
    X : dask.array, dask.dataframe, array-like or sparse matrix
        Rows of shape (n_samples, n_features) or (n_samples, *sample_shape). Each chunk
        of an array holds whole rows. What is in memory becomes one partition.

    sample_weight : dask.array, dask Series, array-like, number or None, default=None
        What each row counts, of shape (n_samples,).

    name : str, default="X"
        What the user calls the rows, for messages.

    Returns
    -------
    Partitions

    Raises
    ------
    TypeError
        For other collections of Dask, and for data that are no numbers.

    ValueError
        For chunks of columns, for no rows, and for weights of another number.
    """
    if not is_collection(X):
        X = _in_memory(X, name)
    layout = layout_of(X, name)
    weights = _as_dask_weights(sample_weight)
    lengths, weight_lengths = _lengths(X, weights)
    if not sum(lengths):
        raise ValueError(
            f"{name} has no rows: none of its {len(lengths)} partitions holds one."
        )
    parts = _filled(X, lengths)
    lengths = tuple(n for n in lengths if n)
    if isinstance(sample_weight, numbers.Real):
        weights = da.full(sum(lengths), float(sample_weight), chunks=(lengths,))
        weight_lengths = lengths
    if weights is not None:
        weights = _aligned(weights, weight_lengths, lengths, name)
    blocks = tuple(_rows(p, layout, n) for p, n in zip(parts, lengths, strict=True))
    return Partitions(blocks, weights, lengths, layout)


# Partitions


def parts_of(X):
    """Return delayed objects of the partitions as they are."""
    if is_lazy(X):
        return list(np.ravel(X.to_delayed()))
    return [delayed(X, traverse=False)]


def _filled(X, lengths):
    """Return delayed objects of the partitions that have rows."""
    return [part for part, n in zip(parts_of(X), lengths, strict=True) if n]


def _lengths(*collections):
    """Return the numbers of rows of the partitions of each collection, None for None.

    Those that are not known are computed together.
    """
    found = [_known_lengths(X) for X in collections]
    unknown = {
        i: [_n_rows(part) for part in parts_of(X)]
        for i, X in enumerate(collections)
        if X is not None and found[i] is None
    }
    if unknown:
        (computed,) = dask.compute(unknown)
        return [computed.get(i, lengths) for i, lengths in enumerate(found)]
    return found


def _known_lengths(X):
    """Return the numbers of rows of the partitions, or None if they are not known."""
    if X is None or isinstance(X, dd.DataFrame):
        return None
    if isinstance(X, da.Array):
        lengths = X.chunks[0]
        return None if np.isnan(lengths).any() else tuple(map(int, lengths))
    return (X.shape[0],)


@functools.partial(delayed, pure=True)
def _n_rows(part):
    return part.shape[0]


@functools.partial(delayed, pure=True)
def _rows(part, layout, length):
    rows = rows_of(part, layout)
    if rows.shape[0] != length:
        raise ValueError(
            f"A partition of {layout.name} has {rows.shape[0]} rows, but had {length} "
            "before: it is computed anew each time, with another result. Give its "
            f"source a seed, or keep it: {layout.name} = {layout.name}.persist()."
        )
    return rows


def _in_memory(X, name):
    """Return rows in memory as a frame, an ndarray or a csr_array."""
    X = containers.checked(X, name, is_allowed=True)
    if is_dataframe_like(X):
        return X
    X = check_array(
        X,
        accept_sparse="csr",
        allow_nd=True,
        ensure_all_finite=False,
        ensure_min_samples=0,
        ensure_min_features=0,
        input_name=name,
    )
    return csr_array(X) if issparse(X) else X


# Weights


def _as_dask_weights(sample_weight):
    """Return weights as a Dask array of one axis; None for None and for a number."""
    if sample_weight is None or isinstance(sample_weight, numbers.Real):
        return None
    if isinstance(sample_weight, dd.Series):
        sample_weight = sample_weight.to_dask_array()
    if is_collection(sample_weight):
        _check_collection_of_weights(sample_weight)
    else:
        sample_weight = containers.checked(sample_weight, "sample_weight")
        sample_weight = da.from_array(np.asarray(sample_weight), chunks=-1)
    if sample_weight.ndim != 1:
        raise ValueError(
            f"sample_weight has {sample_weight.ndim} axes, but must have one: a weight "
            "for each row of X."
        )
    if sample_weight.dtype.kind not in "biuf":
        raise TypeError(
            f"sample_weight has the dtype {sample_weight.dtype}, not one of numbers."
        )
    return sample_weight


def _check_collection_of_weights(sample_weight):
    if not isinstance(sample_weight, da.Array):
        raise TypeError(
            f"sample_weight is a {type(sample_weight).__name__} of Dask, but must be a "
            "dask.array, a Series of dask.dataframe, or in memory."
        )


def _aligned(weights, weight_lengths, lengths, name):
    """Return delayed weights of each partition of rows."""
    if sum(weight_lengths) != sum(lengths):
        raise ValueError(
            f"sample_weight has {sum(weight_lengths)} values, but {name} has "
            f"{sum(lengths)} rows. Give one weight for each row."
        )
    if tuple(n for n in weight_lengths if n) != lengths:
        chunks = (weight_lengths,)
        known = da.Array(weights.dask, weights.name, chunks, dtype=weights.dtype)
        weights, weight_lengths = known.rechunk((lengths,)), lengths
    parts = _filled(weights, weight_lengths)
    return tuple(_weights(part, n) for part, n in zip(parts, lengths, strict=True))


@functools.partial(delayed, pure=True)
def _weights(part, length):
    weights = np.asarray(containers.unmasked(part, "sample_weight"), np.float64)
    if weights.shape != (length,):
        raise ValueError(
            f"A chunk of sample_weight has the shape {weights.shape}, but its "
            f"partition of rows has {length}."
        )
    if not np.isfinite(weights).all():
        raise ValueError(
            "Input sample_weight contains NaN or infinity. Give such rows a weight of "
            "zero, or leave them out."
        )
    if (weights < 0).any():
        raise ValueError(
            f"Negative values in sample_weight, down to {weights.min():g}: a weight is "
            "zero or more."
        )
    return weights
