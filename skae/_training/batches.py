"""Hands rows to training: all at once, or lazy ones some batches at a time."""

import dataclasses
import functools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from skae._data.corruption import shares_of
from skae._data.lazy import LazyRows
from skae._data.rows import write
from skae._runtime.tensorflow import empty_to_share, shared_tensor, tensor
from skae._runtime.threads import n_threads

# Larger groups gain no speed and cost memory.
_BYTES_AT_A_TIME = 2**24
# A copy may cost this much memory, if epochs would be a tenth slower without it: with
# fewer multiplications per value than these (`benchmarks.training_speed`).
MOST_BYTES_TO_COPY = 2**30
_PRODUCTS_WORTH_A_COPY = 500


@dataclasses.dataclass(frozen=True)
class BatchGroup:
    """Some batches, as `CompiledSteps.run` reads them.

    Parameters
    ----------
    batches : slice
        Which of the epoch's these are. It may go beyond the last.

    data : list of float32 tensors of shape (n_rows, n_features)
        All rows, or those of the batches.

    numbers : int32 array of shape (n_batches, batch_size)
        Where the batches' rows are in the data.

    counts, pulls : float32 arrays of shape (n_batches, batch_size)
        What these rows count, and what multiplies this in the loss that is minimised;
        zeros beyond the last batch.

    n_batches : int
        How many batches there are before those beyond the last.

    units : sequence of tensors
        Of `CorruptionUnits.tensors`, for these data.
    """

    batches: slice
    data: list
    numbers: np.ndarray
    counts: np.ndarray
    pulls: np.ndarray
    n_batches: int
    units: list


def rows_to_read(rows, cost):
    """Return rows as training reads them: small networks read a scaled copy.

    Below about 500 multiplications per value, scaling the rows as they are read makes
    an epoch 10% longer.

    Parameters
    ----------
    rows : Rows
        Training rows.

    cost : Cost
        Of the network.
    """
    n_bytes = 4 * rows.values.size * len(rows.data)
    is_cheap = cost.n_products < _PRODUCTS_WORTH_A_COPY * rows.values.shape[1]
    return rows.copied() if is_cheap and n_bytes <= MOST_BYTES_TO_COPY else rows


class BatchReader:
    """What training reads, as tensors.

    Parameters
    ----------
    rows : Rows
        Training rows.

    units : sequence of tensors
        Of `CorruptionUnits.tensors`, if the objective corrupts rows.
    """

    def __init__(self, rows, units):
        self._parts = rows.data
        self._units = units
        are_lazy = any(isinstance(part, LazyRows) for part in self._parts)
        self._tensors = None if are_lazy else [shared_tensor(p) for p in self._parts]
        self._buffers: list[np.ndarray] = []

    @functools.cached_property
    def _threads(self):
        # Kept, since the C library keeps memory for every thread that there was.
        return ThreadPoolExecutor(n_threads())

    def groups(self, numbers, counts, pulls):
        """Yield all batches as `BatchGroup`, in groups of one size; see `take`.

        Parameters
        ----------
        numbers : int32 array of shape (n_batches, batch_size)
            Numbers of the training rows in the batches.

        counts, pulls : float32 arrays of shape (n_batches, batch_size)
            What these rows count, and what multiplies this in the loss.
        """
        for batches in self._slices(*numbers.shape):
            yield self.take(numbers, counts, pulls, batches)

    def _slices(self, n_batches, batch_size):
        n_groups = 1
        if self._tensors is None:
            n_bytes = 4 * n_batches * batch_size * self._parts[0].shape[1]
            n_groups = min(math.ceil(n_bytes / _BYTES_AT_A_TIME), n_batches)
        size = math.ceil(n_batches / n_groups)
        return [slice(start, start + size) for start in range(0, n_batches, size)]

    def take(self, numbers, counts, pulls, batches):
        """Return a slice of the batches as `BatchGroup`; see `groups`.

        Lazy rows lie where the next ones are written.
        """
        n_batches = len(numbers[batches])
        numbers, counts, pulls = (
            lengthened(part, batches) for part in (numbers, counts, pulls)
        )
        data, units = self._tensors, self._units
        if data is None:
            data = self._gathered(numbers.ravel())
            numbers = np.arange(numbers.size, dtype=np.int32).reshape(numbers.shape)
            units = units and self._units_of(counts.ravel())
        return BatchGroup(batches, data, numbers, counts, pulls, n_batches, units)

    def _gathered(self, numbers):
        """Return rows as tensors, all in the same memory, call after call."""
        shape = len(numbers), self._parts[0].shape[1]
        if not self._buffers or self._buffers[0].shape != shape:
            self._buffers = [empty_to_share(shape) for _ in self._parts]
        size = math.ceil(len(numbers) / n_threads())

        def write_some(start):
            some = slice(start, start + size)
            for part, dense in zip(self._parts, self._buffers, strict=True):
                write(part[numbers[some]], dense[some])

        for _ in self._threads.map(write_some, range(0, len(numbers), size)):
            pass  # an error would be raised here
        return [shared_tensor(dense) for dense in self._buffers]

    def _units_of(self, counts):
        """Return the units of some rows: values are swapped among these."""
        return [*self._units[:-1], tensor(shares_of(counts), "float32")]


def lengthened(part, batches):
    """Return a slice of an array over batches, with zeros beyond its end.

    XLA compiles anew for arrays of another length.
    """
    some = part[batches]
    missing = batches.stop - batches.start - len(some)
    if not missing:
        return some
    return np.pad(some, [(0, missing)] + [(0, 0)] * (part.ndim - 1))
