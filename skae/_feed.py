"""Hands rows to training: all at once, or sparse ones some batches at a time."""

import numpy as np

from skae import _backend
from skae._corruption import shares_of
from skae._data import dense_tensor, shared_tensor
from skae._sparse import SparseRows

_BYTES_AT_A_TIME = 2**26


class Feed:
    """What training reads, as tensors.

    Parameters
    ----------
    rows : Rows
        Training rows.

    frame : sequence of tensors
        Of `Frame.tensors`, if the objective corrupts rows.
    """

    def __init__(self, rows, frame):
        self._parts = rows.data
        self._frame = frame
        is_sparse = any(isinstance(part, SparseRows) for part in self._parts)
        self._tensors = None if is_sparse else [shared_tensor(p) for p in self._parts]

    def groups(self, n_batches, batch_size):
        """Return slices over the batches whose rows are fed together."""
        size = n_batches
        if self._tensors is None:
            bytes_per_batch = 4 * batch_size * self._parts[0].shape[1]
            size = max(1, _BYTES_AT_A_TIME // bytes_per_batch)
        return [slice(start, start + size) for start in range(0, n_batches, size)]

    def take(self, numbers, counts):
        """Return what `Trainer.run` reads for a group of batches.

        Parameters
        ----------
        numbers : int32 array of shape (n_batches, batch_size)
            Numbers of the training rows in the batches.

        counts : float32 array of shape (n_batches, batch_size)
            What these rows count.

        Returns
        -------
        data : list of float32 tensors of shape (n_rows, n_features)
            All rows, or those of the group.

        numbers : int32 array of shape (n_batches, batch_size)
            Where the batches' rows are in the data.

        frame : sequence of tensors
            Of `Frame.tensors`, for these data.
        """
        if self._tensors is not None:
            return self._tensors, numbers, self._frame
        data = [dense_tensor(part[numbers.ravel()]) for part in self._parts]
        renumbered = np.arange(numbers.size, dtype=np.int32).reshape(numbers.shape)
        return data, renumbered, self._frame and self._frame_of(counts.ravel())

    def _frame_of(self, counts):
        """Return the frame of some rows: values are swapped among these."""
        _, tf = _backend.load()
        return [*self._frame[:-1], tf.constant(shares_of(counts), tf.float32)]
