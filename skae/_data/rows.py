"""Rows in the network's scale: their weights, the held-out rows, and chunks."""

import dataclasses
import math

import numpy as np

from skae._data.lazy import LazyRows, ScaledRows, dense_copy

# 4 MB. Larger chunks cost memory in every thread, smaller ones more calls.
_CHUNK_BYTES = 2**22
# Chunks of very wide rows have at least so many, to be multiplied as matrices.
FEWEST_ROWS = 32
# 4 MB in float32. Merging sorts a copy of the rows: larger data cost time and memory.
MOST_VALUES_TO_MERGE = 2**20


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows in the network's scale, with their weights.

    Parameters
    ----------
    values : float32 ndarray of shape (n_rows, n_features) or LazyRows
        The data. Use `numpy.asarray` on a few rows at a time.

    weights : float64 ndarray of shape (n_rows,)
        Positive; a row of weight 2 counts as two rows.

    clean : like values, or None, default=None
        What to reconstruct from each row; None means the row itself.

    draws : float32 ndarray of shape (n_rows, n_draws) or None, default=None
        Normal draws, kept fixed, for objectives whose validation loss is random.
    """

    values: np.ndarray | LazyRows
    weights: np.ndarray
    clean: np.ndarray | LazyRows | None = None
    draws: np.ndarray | None = None

    def __len__(self):
        return len(self.values)

    def __getitem__(self, rows):
        kept = {name: part for name, part in vars(self).items() if part is not None}
        return Rows(**{name: part[rows] for name, part in kept.items()})

    def copied(self):
        """Return the rows with `ScaledRows` copied, as `shared_tensor` needs them."""
        made = {
            name: dense_copy(part)
            for name, part in vars(self).items()
            if isinstance(part, ScaledRows)
        }
        return dataclasses.replace(self, **made)

    def drawn(self, draws):
        """Return the same rows with these draws."""
        return dataclasses.replace(self, draws=draws)

    @property
    def targets(self):
        """The values to reconstruct."""
        return self.values if self.clean is None else self.clean

    @property
    def data(self):
        """The values, and the targets if they differ from the values."""
        return [self.values] + ([] if self.clean is None else [self.clean])


def write(values, dense):
    """Write a few rows, an array or lazy ones, into an array of their shape."""
    if isinstance(values, LazyRows):
        values.write(dense)
    else:
        dense[:] = values


def row_chunks(X, fewest=FEWEST_ROWS):
    """Yield slices over the rows of X, each of a few megabytes in float32."""
    step = max(fewest, _CHUNK_BYTES // (4 * math.prod(X.shape[1:])))
    for start in range(0, len(X), step):
        yield slice(start, start + step)


def are_few(n_values):
    """Tell whether data are so small that a copy of them costs next to nothing."""
    return n_values <= MOST_VALUES_TO_MERGE


def merge_repeated_rows(weights, *arrays):
    """Drop rows of weight zero; in small data, merge equal rows and add their weights.

    So a row of weight two and the same row twice give the same data, bit for bit, in
    any order of the rows. Row i of all arrays is one sample.

    Returns
    -------
    weights : float64 ndarray of shape (n_distinct,)

    *arrays : ndarrays of shape (n_distinct, n_features)
    """
    counted = weights > 0
    if not counted.all():
        weights, arrays = weights[counted], tuple(array[counted] for array in arrays)
    if not are_few(sum(array.size for array in arrays)):
        return weights, *arrays
    rows = np.hstack(arrays)
    missing = np.isnan(rows)
    # NaN differs from itself, so zeros and a mask of missing values are compared.
    key = np.hstack([np.where(missing, 0, rows), missing]) if missing.any() else rows
    _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
    weights = np.bincount(which.ravel(), weights=weights)
    return weights, *np.hsplit(rows[first], len(arrays))


def validation_last(n_rows, fraction, generator):
    """Return an order of the rows, the held-out ones last, and how many are held out.

    Both parts get at least one row, unless the fraction is 0.
    """
    if not fraction:
        return np.arange(n_rows), 0
    n_held_out = min(max(1, round(fraction * n_rows)), n_rows - 1)
    shuffled = generator.permutation(n_rows)
    n_kept = n_rows - n_held_out
    return np.concatenate([np.sort(shuffled[:n_kept]), shuffled[n_kept:]]), n_held_out
