"""From the user's units to the network's, and back."""

import dataclasses

import numpy as np

from skae._data.lazy import ScaledRows, dense_copy
from skae._data.sparse import SparseRows
from skae._runtime.tensorflow import has_gpu

# 64 MB. A copy makes epochs faster (on MNIST by about a tenth, docs/guide/speed.rst),
# so only data that take more memory than this go without.
_MOST_BYTES_ALWAYS_COPIED = 2**26


@dataclasses.dataclass(frozen=True)
class Scaling:
    """From the user's units to the network's, ``(X - mean) / scale``, and back.

    Parameters
    ----------
    mean : float64 ndarray of shape (n_features,)
        Zeros if the network sees the data as they are.

    scale : float
        One positive number for all features.
    """

    mean: np.ndarray
    scale: float

    @classmethod
    def identity(cls, n_features):
        """Return the scaling that changes nothing."""
        return cls(np.zeros(n_features), 1.0)

    def standardize(self, X, order):
        """Return (X[order] - mean) / scale in float32, computed in float64 by chunks.

        `shared_tensor` can share the memory of the array, and that of its first rows.
        Sparse rows stay sparse.
        """
        if isinstance(X, SparseRows):
            with np.errstate(over="ignore"):
                return X.standardized(self.mean, self.scale, order)
        return dense_copy(self._lazily(X, order))

    def scaled_rows(self, X, order, for_tensorflow=True):
        """Return the same as `standardize`; large arrays are scaled as they are read.

        Two kinds of large arrays are copied all the same. Rows that are not contiguous
        are slow to gather. A GPU reads its own memory many times faster.

        Parameters
        ----------
        for_tensorflow : bool, default=True
            Whether TensorFlow reads the rows, perhaps on a GPU.
        """
        is_large = 4 * len(order) * X.shape[1] > _MOST_BYTES_ALWAYS_COPIED
        is_array = isinstance(X, np.ndarray) and X.strides[1] == X.itemsize
        if is_large and is_array and not (for_tensorflow and has_gpu()):
            return self._lazily(X, order)
        return self.standardize(X, order)

    def _lazily(self, X, order):
        return ScaledRows(np.asarray(X), order, self.mean, self.scale)


def scaling_for(objective, mean, spread):
    """Return the `Scaling` that an objective needs of rows of this mean and spread."""
    if objective.has_logits:
        return Scaling.identity(len(mean))
    if objective.link == "log":  # rates have a unit, but no other zero
        return Scaling(np.zeros_like(mean), spread)
    return Scaling(mean, spread)
