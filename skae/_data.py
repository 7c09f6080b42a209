"""Data on their way to the network: merged, split, and in the network's scale."""

import dataclasses
import math

import numpy as np

from skae import _backend
from skae._lazy_rows import LazyRows, ScaledRows
from skae._sparse import SparseRows

_ALIGNMENT = 64
_CHUNK_BYTES = 2**22
_MOST_BYTES_ALWAYS_COPIED = 2**26
FEWEST_ROWS = 32
MOST_VALUES_TO_MERGE = 2**20
_ROUNDING = 1e-13
_UNDERFLOWS = 1e-150


@dataclasses.dataclass(frozen=True)
class Scaling:
    """From the user's units to the network's, ``(X - mean) / scale``, and back.

    Parameters
    ----------
    mean : float64 ndarray of shape (n_features,)
        Zeros where the network sees the data as they are.

    scale : float
        One positive number for all features.
    """

    mean: np.ndarray
    scale: float

    @classmethod
    def identity(cls, n_features):
        """Return the scaling of data that are in the network's scale already."""
        return cls(np.zeros(n_features), 1.0)

    def standardize(self, X, order):
        """Return float32 (X[order] - mean) / scale, made chunk by chunk in float64.

        `shared_tensor` can share the array, and any of its rows from the first on.
        Sparse rows stay sparse.
        """
        if isinstance(X, SparseRows):
            with np.errstate(over="ignore"):
                return X.standardized(self.mean, self.scale, order)
        return _made(self._lazily(X, order))

    def scaled_rows(self, X, order):
        """Return the same, of large data without a copy: made as they are read.

        Copied, however large, are arrays whose rows are not in one piece each, which
        are slow to gather, and all that goes to a GPU, which reads its own memory many
        times faster.
        """
        is_large = 4 * len(order) * X.shape[1] > _MOST_BYTES_ALWAYS_COPIED
        is_array = isinstance(X, np.ndarray) and X.strides[1] == X.itemsize
        if is_large and is_array and not _backend.has_gpu():
            return self._lazily(X, order)
        return self.standardize(X, order)

    def _lazily(self, X, order):
        return ScaledRows(np.asarray(X), order, self.mean, self.scale)


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows in the network's scale, and what each counts.

    Parameters
    ----------
    values : float32 ndarray of shape (n_rows, n_features) or LazyRows
        The data. `numpy.asarray` makes an array of a few at a time.

    weights : float64 ndarray of shape (n_rows,)
        Positive; a row of weight 2 counts as two rows.

    clean : like values, or None, default=None
        What to reconstruct from each row, if not the row itself.

    draws : float32 ndarray of shape (n_rows, n_draws) or None, default=None
        Normal draws for objectives that judge rows by chance.
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
        """Return the same rows with scaled ones made, as `shared_tensor` needs them."""
        made = {
            name: _made(part)
            for name, part in vars(self).items()
            if isinstance(part, ScaledRows)
        }
        return dataclasses.replace(self, **made)

    def drawn(self, draws):
        """Return the same rows with other draws."""
        return dataclasses.replace(self, draws=draws)

    @property
    def targets(self):
        """What to reconstruct."""
        return self.values if self.clean is None else self.clean

    @property
    def data(self):
        """The values, and what to reconstruct if that is another."""
        return [self.values] + ([] if self.clean is None else [self.clean])


def empty_to_share(shape):
    """Return a float32 array that begins where TensorFlow's own would."""
    n_bytes = 4 * math.prod(shape)
    memory = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + n_bytes].view(np.float32).reshape(shape)


def shared_tensor(values):
    """Return an array as a tensor that shares its memory where TensorFlow can do so.

    The array must not change as long as there is the tensor. Sharing needs the CPU and
    an array like those of `Scaling.standardize`; anything else is copied.
    """
    _, tf = _backend.load()
    if values.ctypes.data % _ALIGNMENT or not values.flags.carray:
        return tf.convert_to_tensor(values)
    shared = tf.experimental.dlpack.from_dlpack(values.__dlpack__())
    return tf.identity(shared)  # moves it to where TensorFlow computes


def write(values, dense):
    """Write a few rows into an array of their shape, whether they are one or not."""
    if isinstance(values, LazyRows):
        values.write(dense)
    else:
        dense[:] = values


def _made(values):
    dense = empty_to_share(values.shape)
    values.write(dense)
    return dense


def row_chunks(X, fewest=FEWEST_ROWS):
    """Yield slices over the rows of X, each of a few megabytes in float32."""
    step = max(fewest, _CHUNK_BYTES // (4 * math.prod(X.shape[1:])))
    for start in range(0, len(X), step):
        yield slice(start, start + step)


def merge_repeated_rows(weights, *arrays):
    """Drop rows of weight zero; in small data add up the weights of equal rows.

    So a row of weight two and the same row twice are the same data, bit for bit, in
    whatever order the rows come. Of several arrays, rows belong together.

    Returns
    -------
    weights : float64 ndarray of shape (n_distinct,)

    *arrays : ndarrays of shape (n_distinct, n_features)
    """
    counted = weights > 0
    if not counted.all():
        weights, arrays = weights[counted], tuple(array[counted] for array in arrays)
    if sum(array.size for array in arrays) > MOST_VALUES_TO_MERGE:
        return weights, *arrays
    rows = np.hstack(arrays)
    missing = np.isnan(rows)
    # NaN differs from itself, so equal rows are told by what stands for it.
    key = np.hstack([np.where(missing, 0, rows), missing]) if missing.any() else rows
    _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
    weights = np.bincount(which.ravel(), weights=weights)
    return weights, *np.hsplit(rows[first], len(arrays))


@dataclasses.dataclass(frozen=True)
class Moments:
    """Means, squared deviations and range of rows, from one reading of them.

    Parameters
    ----------
    weights : float64 array of shape (n_features,)
        What the rows count that have a value of the feature.

    mean : float64 array of shape (n_features,)
        Weighted means of the values that are not missing.

    squares : float64 array of shape (n_features,)
        Weighted sums of the squared deviations from the means.

    has_missing : bool
        Whether values are missing.

    lowest, highest : float, default=-inf, inf
        Range of all values, where it was asked for.
    """

    weights: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    has_missing: bool
    lowest: float = -np.inf
    highest: float = np.inf

    @classmethod
    def of(cls, rows, weights, with_range=False):
        """Return the moments of an array of a few rows, NaN where values are missing.

        Deviations start at the first row, so that equal rows have no variance, and
        large means cost no digits.
        """
        limits = _range(rows) if with_range else ()
        first = rows[0].astype(np.float64)
        deviations = rows - first
        total = weights.sum()
        shift = _weighted_sum(weights, deviations) / total
        if np.isnan(shift).any():
            return cls(*_of_observed(rows, weights), *limits)
        deviations -= shift
        deviations *= deviations
        squares = _weighted_sum(weights, deviations)
        return cls(np.full_like(shift, total), first + shift, squares, False, *limits)

    @classmethod
    def together(cls, parts):
        """Return the moments of all rows from those of their parts.

        By the law of total variance: that within the parts, and that of their means.
        """
        weights = np.array([part.weights for part in parts])
        means = np.array([part.mean for part in parts])
        total = weights.sum(axis=0)
        shares = weights / np.where(total, total, 1)
        mean = means[0] + (shares * (means - means[0])).sum(axis=0)
        between = (weights * (means - mean) ** 2).sum(axis=0)
        return cls(
            total,
            mean,
            between + sum(part.squares for part in parts),
            any(part.has_missing for part in parts),
            min(part.lowest for part in parts),
            max(part.highest for part in parts),
        )

    @property
    def are_finite(self):
        """Whether no value is missing or infinite, and no square overflows."""
        return not self.has_missing and bool(np.isfinite(self.squares).all())

    @property
    def variance(self):
        """Variances of the features, zero where all values are missing."""
        return self.squares / np.where(self.weights, self.weights, 1)


def moments(X, weights, with_range=False):
    """Return the `Moments` of rows, read once, chunk by chunk, in float64.

    Parameters
    ----------
    X : ndarray or LazyRows of shape (n_rows, n_features)
        Rows; an array has NaN where values are missing.

    weights : float64 array of shape (n_rows,)
        What each row counts.

    with_range : bool, default=False
        Whether to find the lowest and the highest value as well.
    """
    shares = weights / weights.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(X, SparseRows):
            limits = (X.min(), X.max()) if with_range else ()
            mean, variance = X.mean_and_variance(shares)
            return Moments(np.ones(len(mean)), mean, variance, False, *limits)
        return Moments.together(
            [
                Moments.of(np.asarray(X[chunk]), shares[chunk], with_range)
                for chunk in row_chunks(X)
            ]
        )


def mean_and_variance(X, weights):
    """Return the features' weighted means and variances; see `moments`."""
    found = moments(X, weights)
    return found.mean, found.variance


def _of_observed(rows, weights):
    """Return weights, means and squares of the values observed, and if some are not."""
    observed = ~np.isnan(rows)
    total = _weighted_sum(weights, observed)
    known = np.where(observed, rows, 0)
    mean = _weighted_sum(weights, known) / np.where(total, total, 1)
    squares = np.where(observed, known - mean, 0) ** 2
    return total, mean, _weighted_sum(weights, squares), not observed.all()


def _range(rows):
    """Return the lowest and the highest value of those that are not missing."""
    return np.fmin.reduce(rows, axis=None), np.fmax.reduce(rows, axis=None)


def _weighted_sum(weights, rows):
    """Return weights @ rows with bits that do not depend on the number of threads."""
    return np.einsum("i,ij->j", weights, rows, dtype=np.float64)


def total_scale(mean, variance):
    """Return the root of the mean variance, or 1 where there is only rounding.

    Raises
    ------
    ValueError
        When the variance overflows or underflows.
    """
    average = variance.mean()
    if not np.isfinite(average):
        raise ValueError(
            "X has values so large that their variance is not a finite number "
            f"(the largest mean is {np.abs(mean).max():g}). Divide X by a constant."
        )
    if average < np.finfo(np.float64).tiny and 0 < np.abs(mean).max() < _UNDERFLOWS:
        raise ValueError(
            "X has values so small that their variance is not a number above zero "
            f"(the largest mean is {np.abs(mean).max():g}). Multiply X by a constant."
        )
    return float(np.sqrt(average)) if np.sqrt(average) > rounding(mean) else 1.0


def rounding(mean):
    """Return the deviation that equal rows of this mean may seem to have."""
    largest = np.abs(mean).max() or 1.0
    # Squares of the means may overflow where those of the deviations do not.
    return _ROUNDING * largest * np.sqrt(((mean / largest) ** 2).mean())


def validation_last(n_rows, fraction, generator):
    """Return an order of the rows with the held-out ones last, and how many they are.

    At least one row is left on either side, unless the fraction is 0.
    """
    if not fraction:
        return np.arange(n_rows), 0
    n_held_out = min(max(1, round(fraction * n_rows)), n_rows - 1)
    shuffled = generator.permutation(n_rows)
    n_kept = n_rows - n_held_out
    return np.concatenate([np.sort(shuffled[:n_kept]), shuffled[n_kept:]]), n_held_out
