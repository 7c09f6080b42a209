"""From the user's collections to an ordered list of row partitions."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Partitions:
    """Rows in an ordered list of partitions, none of them empty.

    Parameters
    ----------
    blocks : tuple of dask.delayed.Delayed
        One for each partition: a 2-D ndarray or a sparse matrix of its rows.

    weights : tuple of dask.delayed.Delayed or None
        For each block the weights of its rows, a 1-D float64 ndarray; None if all
        rows count one.

    lengths : tuple of int
        Number of rows of each block.

    n_features : int
        Number of columns.

    dtype : numpy.dtype
        Of the blocks.

    feature_names : ndarray of str or None
        Names of the columns, if there are some.
    """

    blocks: tuple
    weights: tuple | None
    lengths: tuple
    n_features: int
    dtype: np.dtype
    feature_names: np.ndarray | None = None

    @property
    def n_rows(self):
        """Number of all rows."""
        return sum(self.lengths)


def is_collection(X):
    """Tell whether X is a collection of Dask's."""
    raise NotImplementedError


def partitions(X, sample_weight=None, *, name="X"):
    """Return the `Partitions` of rows."""
    raise NotImplementedError
