"""PCA of all rows: one pass over the partitions, reduced as a tree in their order."""

import dataclasses
from typing import Any

import numpy as np
from scipy.linalg import eigh

from skae._data.moments import Moments, moments_of
from skae._data.rows import row_chunks
from skae._data.sparse import Deviations, SparseRows
from skae._pca.axes import axes_of_pairs
from skae._pca.krylov import leading_pairs
from skae._runtime.threads import one_blas_thread
from skae.dask._blocks import checked_block, row_hashes
from skae.dask._cluster import reduced, shared, task

# With more features the Gram matrix of a partition, in float64, would take more than
# 134 MB, and its decomposition over a minute. Then a block method takes its place.
MOST_FEATURES_OF_GRAM = 4_096
# Up to so many rows the driver sees all hashes, to hold out as many rows as was asked
# for; of more rows, chance holds out the number up to a third of a per cent.
MOST_HASHES = 100_000
# As for dense rows on one machine; see `skae._pca.axes`.
_KRYLOV_BLOCKS = 6


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What is known of rows from one pass over them, in the user's units.

    Parameters
    ----------
    n_rows : int
        Number of rows whose weight is above zero.

    weight : float
        Sum of their weights.

    moments : Moments
        Their means, squared deviations and range.

    products : float64 array of shape (n_features, n_features) or None
        Weighted sums of products of deviations from the means; None if there are too
        many features.

    hashes : float64 array of shape (n_rows,) or None
        Of the rows; None if they are too many.
    """

    n_rows: int
    weight: float
    moments: Moments
    products: np.ndarray | None
    hashes: np.ndarray | None


@one_blas_thread()
def _of_partition(block, weights, number, seed, has_hashes, has_products):
    """Return the `Statistics` of a partition, or None if no row of it counts."""
    rows, weights = checked_block(block, weights, number)
    hashes = row_hashes(seed, number, len(rows)) if has_hashes else None
    counted = weights > 0
    if not counted.all():
        rows, weights = rows[counted], weights[counted]
        hashes = None if hashes is None else hashes[counted]
    if not len(rows):
        return None
    moments = moments_of(rows, weights, with_range=True)
    products = None
    if has_products:
        products = _products(rows, weights, moments.mean)
    total = weights.sum()
    moments = dataclasses.replace(
        moments,
        weights=np.full(rows.shape[1], total),
        squares=moments.squares * (total / moments.weights),
    )
    return Statistics(len(rows), float(total), moments, products, hashes)


def _products(rows, weights, mean):
    """Return the weighted sums of products of deviations from the mean."""
    if isinstance(rows, SparseRows):
        return Deviations(rows, weights, mean).covariance()
    total = np.zeros(2 * (rows.shape[1],))
    roots = np.sqrt(weights)[:, None]
    for chunk in row_chunks(rows):
        scaled = (rows[chunk] - mean) * roots[chunk]
        total += scaled.T @ scaled
    return total


@one_blas_thread()
def _together(parts):
    """Return the `Statistics` of all rows from those of parts, by total covariance."""
    parts = [part for part in parts if part is not None]
    if len(parts) < 2:
        return parts[0] if parts else None
    moments = Moments.together([part.moments for part in parts])
    products: Any = None
    hashes = None
    if parts[0].products is not None:
        products = sum(part.products for part in parts)
        roots = np.sqrt([part.weight for part in parts])
        means = np.array([part.moments.mean - moments.mean for part in parts])
        means *= roots[:, None]
        products = products + means.T @ means
    if parts[0].hashes is not None:
        hashes = np.concatenate([part.hashes for part in parts])
    n_rows = sum(part.n_rows for part in parts)
    weight = sum(part.weight for part in parts)
    return Statistics(n_rows, weight, moments, products, hashes)


def statistics_of(cluster, partitions, seed):
    """Return the `Statistics` of `Partitions`, from one pass over them.

    Raises
    ------
    ValueError
        When fewer than two rows count, or for values that are no finite numbers.
    """
    weights = partitions.weights or (None,) * len(partitions.blocks)
    known = (
        seed,
        partitions.n_rows <= MOST_HASHES,
        partitions.n_features <= MOST_FEATURES_OF_GRAM,
    )

    def step():
        parts = [
            task(_of_partition, block, weight, number, *known)
            for number, (block, weight) in enumerate(
                zip(partitions.blocks, weights, strict=True)
            )
        ]
        return [cluster.compute(reduced(task, _together, parts))]

    (found,) = cluster.carried_out(step, "means and covariances of X")
    n_rows = 0 if found is None else found.n_rows
    if n_rows < 2:
        raise ValueError(
            f"{n_rows} of {partitions.n_rows} rows of X count (those whose "
            "sample_weight is above zero); a fit needs at least 2."
        )
    return found


@one_blas_thread()
def axes_of(cluster, partitions, statistics, scaling, n_axes, generator):
    """Return the `PrincipalAxes` of all rows, in the network's scale."""
    moments, scale = statistics.moments, scaling.scale
    mean = (moments.mean - scaling.mean) / scale
    total = moments.variance / scale**2
    n_axes = min(n_axes, statistics.n_rows, len(mean))
    if statistics.products is not None:
        size = len(mean)
        covariance = statistics.products / (statistics.weight * scale**2)
        values, vectors = eigh(covariance, subset_by_index=(size - n_axes, size - 1))
        pairs = values[::-1], vectors.T[::-1].copy()
    else:
        deviations = _ClusterDeviations(cluster, partitions, statistics, scale)
        pairs = leading_pairs(deviations, n_axes, generator, _KRYLOV_BLOCKS)
    return axes_of_pairs(mean, total, *pairs)


class _ClusterDeviations:
    """The weighted deviations of all rows from their mean, for `leading_pairs`.

    The rows stay on the cluster. A product is one pass over them.
    """

    def __init__(self, cluster, partitions, statistics, scale):
        self._cluster, self._partitions = cluster, partitions
        self._mean, self.n_features = statistics.moments.mean, partitions.n_features
        self._unit = np.sqrt(statistics.weight) * scale

    def covariance_times(self, vectors):
        """Return the transposed matrix times the matrix times vectors."""
        return self._reduced(_product, vectors)

    def __matmul__(self, vectors):
        """Return the lengths of the columns of the matrix times vectors, as one row.

        That is all that `leading_pairs` needs of it: sums of squares.
        """
        return np.sqrt(self._reduced(_squared_lengths, vectors))[None]

    def _reduced(self, function, vectors):
        partitions = self._partitions
        weights = partitions.weights or (None,) * len(partitions.blocks)

        def step():
            given = shared(_Factors(self._mean, self._unit, vectors))
            parts = [
                task(function, block, weight, number, given)
                for number, (block, weight) in enumerate(
                    zip(partitions.blocks, weights, strict=True)
                )
            ]
            return [self._cluster.compute(reduced(task, sum, parts))]

        (product,) = self._cluster.carried_out(step, "the principal axes of X")
        return product


@dataclasses.dataclass(frozen=True)
class _Factors:
    mean: np.ndarray
    unit: float
    vectors: np.ndarray


@one_blas_thread()
def _product(block, weights, number, factors):
    return sum(
        part.T @ (part @ factors.vectors)
        for part in _deviations(block, weights, number, factors)
    )


@one_blas_thread()
def _squared_lengths(block, weights, number, factors):
    return sum(
        np.square(part @ factors.vectors).sum(axis=0)
        for part in _deviations(block, weights, number, factors)
    )


def _deviations(block, weights, number, factors):
    """Yield the weighted deviations of a few rows at a time, in the network's scale."""
    rows, weights = checked_block(block, weights, number)
    roots = np.sqrt(weights)[:, None] / factors.unit
    for chunk in row_chunks(rows):
        yield (np.asarray(rows[chunk]) - factors.mean) * roots[chunk]


def held_out_threshold(statistics, fraction):
    """Return the hash below which rows are held out, for a fraction of the rows.

    Both parts get at least one row, unless the fraction is 0.
    """
    if not fraction:
        return 0.0
    if statistics.hashes is None:
        return fraction
    n_rows = statistics.n_rows
    n_held_out = min(max(1, round(fraction * n_rows)), n_rows - 1)
    return float(np.partition(statistics.hashes, n_held_out)[n_held_out])
