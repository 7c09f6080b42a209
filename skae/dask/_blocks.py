"""Partitions as rows in the network's scale, dealt to training and to judging."""

import dataclasses
from typing import Any

import numpy as np
from scipy.sparse import issparse, vstack
from sklearn.utils import check_array

from skae._data.checks import check_range, extremes, is_bounded
from skae._data.lazy import dense_copy
from skae._data.rows import Rows
from skae._data.scaling import Scaling
from skae._data.sparse import SparseRows
from skae._objective.objective import Objective

# SplitMix64 (Steele, Lea and Flood, 2014): its increment, and the factors of its
# finalizer.
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def row_hashes(seed, partition, n_rows):
    """Return a number in [0, 1) for each row of a partition, like one drawn at random.

    It follows from the seed, the partition's number and the row's number alone, so any
    worker can tell of any row whether it is held out.

    Returns
    -------
    float64 array of shape (n_rows,)
    """
    with np.errstate(over="ignore"):
        start = _mixed(np.uint64(seed) * _INCREMENT)
        start = _mixed(start + np.uint64(partition + 1) * _INCREMENT)
        numbers = np.arange(1, n_rows + 1, dtype=np.uint64)
        hashes = _mixed(start + numbers * _INCREMENT)
    return (hashes >> np.uint64(11)) * 2.0**-53  # the bits that a float64 holds


def _mixed(state):
    state = (state ^ (state >> np.uint64(30))) * _FACTORS[0]
    state = (state ^ (state >> np.uint64(27))) * _FACTORS[1]
    return state ^ (state >> np.uint64(31))


def checked_block(block, weights, number, name="X"):
    """Return the rows of a partition, and their weights; raise where it has none.

    Parameters
    ----------
    block : ndarray or sparse matrix of shape (n_rows, n_features)
        The partition.

    weights : array-like of shape (n_rows,) or None
        What the rows count; None is one each.

    number : int
        The partition's, for errors.

    name : str, default="X"
        What the user calls the collection.

    Returns
    -------
    rows : ndarray or SparseRows of shape (n_rows, n_features)

    weights : float64 array of shape (n_rows,)
    """
    try:
        rows = check_array(block, dtype="numeric", accept_sparse="csr", input_name=name)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Partition {number} of {name}: {error}") from error
    if rows.dtype.kind not in "biuf":
        rows = rows.astype(np.float64)
    if weights is None:
        weights = np.ones(rows.shape[0])
    if issparse(rows):  # products of whole numbers would be cut to such
        rows = SparseRows.of(rows if rows.dtype.kind == "f" else rows.astype(float))
    return rows, np.asarray(weights, np.float64)


@dataclasses.dataclass(frozen=True)
class Dealing:
    """How rows become those of the network, and which of them are held out.

    Parameters
    ----------
    scaling : Scaling
        From the user's units to the network's.

    seed : int
        Of the hash of rows.

    threshold : float
        Rows with a smaller hash are held out.

    objective : Objective
        Says which values rows may have.
    """

    scaling: Scaling
    seed: int
    threshold: float
    objective: Objective

    def block(self, block, weights, number):
        """Return the `Block` of a partition."""
        rows, weights = checked_block(block, weights, number)
        is_held = row_hashes(self.seed, number, len(rows)) < self.threshold
        parts = (
            self._rows(rows, weights, np.flatnonzero((weights > 0) & some))
            for some in (~is_held, is_held)
        )
        return Block(*parts)

    def validation(self, block, number):
        """Return the `Rows` of a partition of the user's own rows that judge."""
        rows, weights = checked_block(block, None, number, "X_val")
        if is_bounded(self.objective):
            check_range(self.objective, "X_val", *extremes(rows))
        return self._rows(rows, weights, np.arange(len(rows)))

    def _rows(self, rows, weights, order):
        return Rows(self.scaling.standardize(rows, order), weights[order])


@dataclasses.dataclass(frozen=True)
class Block:
    """Rows in the network's scale, those to train on and those held out."""

    training: Rows
    held_out: Rows

    @property
    def size(self):
        """Number of rows to train on, and number of those held out."""
        return len(self.training), len(self.held_out)


def joined(blocks):
    """Return some blocks as one, in their order."""
    return Block(
        joined_rows([block.training for block in blocks]),
        joined_rows([block.held_out for block in blocks]),
    )


def joined_rows(parts):
    """Return the rows of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    weights = np.concatenate([part.weights for part in parts])
    values: Any
    if all(isinstance(part.values, SparseRows) for part in parts):
        values = _joined_sparse([part.values for part in parts])
    else:
        values = dense_copy(_Concatenated([np.asarray(part.values) for part in parts]))
    draws = [part.draws for part in parts if part.draws is not None]
    return Rows(values, weights, draws=np.concatenate(draws) if draws else None)


def _joined_sparse(parts):
    """Return sparse rows of all parts; they have one background, as one scale."""
    matrix = vstack([part.matrix[part.numbers] for part in parts], format="csr")
    return SparseRows(matrix, np.arange(matrix.shape[0]), parts[0].background)


@dataclasses.dataclass(frozen=True)
class _Concatenated:
    """Arrays below each other, as `dense_copy` reads them."""

    parts: list

    @property
    def shape(self):
        return sum(map(len, self.parts)), self.parts[0].shape[1]

    def write(self, dense):
        np.concatenate(self.parts, out=dense)
