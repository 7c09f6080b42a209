"""The nearest neighbours of rows."""

import dataclasses
import importlib

import numpy as np
from sklearn.neighbors import NearestNeighbors

from skae._data.rows import row_chunks

MOST_AXES = 50
"""Neighbours are those among so many principal components, at most.

This is usual before t-SNE (Kobak and Berens, 2019): it bounds the time on wide rows,
and leaves out directions that are mostly noise.
"""

# An exact search takes time in proportion to the square of the rows: 2 s of a processor
# for 20,000 rows of 32 features, and so 50 s for 100,000.
_MOST_ROWS_EXACTLY = 100_000


@dataclasses.dataclass(frozen=True)
class Neighbors:
    """The nearest neighbours of each row, not the row itself.

    Parameters
    ----------
    numbers : int32 array of shape (n_rows, n_neighbors)
        Their row numbers, from the nearest on.

    distances : float32 array of shape (n_rows, n_neighbors)
        Euclidean distances to them.
    """

    numbers: np.ndarray
    distances: np.ndarray


def nearest_neighbors(values, axes, n_neighbors, method, seed):
    """Return the `Neighbors` of rows.

    Parameters
    ----------
    values : float32 array of shape (n_rows, n_features) or LazyRows
        The rows.

    axes : PrincipalAxes
        Of the rows; where there are more features than `MOST_AXES`, neighbours are
        those among the components along these.

    n_neighbors : int
        Number of neighbours of each row, less than the number of rows.

    method : {"auto", "exact", "approximate"}
        Whether to compare all rows, or to search by `pynndescent`. "auto" does this for
        many rows, if it is installed.

    seed : int
        Of the approximate search.
    """
    points = _points(values, axes)
    if _is_approximate(method, len(points)):
        return _approximately(points, n_neighbors, seed)
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(points)
    distances, numbers = search.kneighbors()
    return Neighbors(numbers.astype(np.int32), distances.astype(np.float32))


def _points(values, axes):
    """Return the rows as float32, rotated to the principal axes if they are wide."""
    n_rows, n_features = values.shape
    is_wide = n_features > MOST_AXES
    points = np.empty((n_rows, len(axes.components) if is_wide else n_features), "f")
    for chunk in row_chunks(values):
        rows = np.asarray(values[chunk])
        if is_wide:
            rows = (rows - axes.mean) @ axes.components.T
        points[chunk] = rows
    return points


def _is_approximate(method, n_rows):
    if method == "approximate":
        load_pynndescent()
    if method != "auto" or n_rows <= _MOST_ROWS_EXACTLY:
        return method == "approximate"
    try:
        load_pynndescent()
    except ImportError:
        return False
    return True


def load_pynndescent():
    """Return the package pynndescent, of the extra ``skae[neighbors]``."""
    try:
        return importlib.import_module("pynndescent")
    except ImportError as error:
        raise ImportError(
            "neighbors='approximate' needs pynndescent, which cannot be imported: "
            f"{error}. Install it with: pip install skae[neighbors]"
        ) from error


def _approximately(points, n_neighbors, seed):
    """Return neighbours by nearest-neighbour descent (Dong et al., 2011)."""
    index = load_pynndescent().NNDescent(
        points, n_neighbors=n_neighbors + 1, random_state=seed
    )
    numbers, distances = index.neighbor_graph
    # A row is its own nearest neighbour, but for equal rows, of which any may be first.
    is_itself = numbers == np.arange(len(points))[:, None]
    is_itself[~is_itself.any(axis=1), -1] = True
    kept = ~is_itself
    shape = len(points), n_neighbors
    return Neighbors(
        numbers[kept].reshape(shape).astype(np.int32),
        distances[kept].reshape(shape).astype(np.float32),
    )
