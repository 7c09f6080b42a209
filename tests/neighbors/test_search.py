"""Nearest neighbours of rows."""

import sys

import numpy as np
import pytest
from helpers import correlated
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from skae._data.sparse import SparseRows
from skae._neighbors import search
from skae._neighbors.search import nearest_neighbors
from skae._pca.axes import principal_axes


def found(X, n_neighbors=5, method="exact"):
    axes = principal_axes(X, np.ones(len(X)), 50, np.random.RandomState(0))
    return nearest_neighbors(X, axes, n_neighbors, method, seed=0)


def by_hand(X, n_neighbors=5):
    distances = cdist(X, X)
    np.fill_diagonal(distances, np.inf)
    numbers = np.argsort(distances, axis=1)[:, :n_neighbors]
    return numbers, np.take_along_axis(distances, numbers, axis=1)


def test_exact_neighbors_are_the_nearest():
    X = correlated(60).astype(np.float32)
    neighbors = found(X)
    numbers, distances = by_hand(X)
    np.testing.assert_array_equal(neighbors.numbers, numbers)
    np.testing.assert_allclose(neighbors.distances, distances, rtol=1e-4)


def test_neighbors_of_wide_rows_are_those_among_principal_components():
    """Rows on a plane of 50 dimensions have the same distances there."""
    few = correlated(80, 50)
    turned = np.linalg.qr(np.random.RandomState(0).randn(70, 50))[0]
    X = (few @ turned.T).astype(np.float32)
    numbers, distances = by_hand(X)
    np.testing.assert_array_equal(found(X).numbers, numbers)
    np.testing.assert_allclose(found(X).distances, distances, rtol=1e-3)


def test_sparse_rows_have_the_neighbors_of_dense_ones():
    X = np.random.RandomState(0).poisson(0.5, (80, 60)).astype(np.float32)
    sparse = SparseRows.of(csr_array(X))
    np.testing.assert_allclose(
        found(sparse).distances, found(X).distances, rtol=1e-3, atol=1e-3
    )


def test_equal_rows_are_neighbors_of_each_other_and_not_of_themselves():
    X = np.repeat(correlated(10), 3, axis=0).astype(np.float32)
    neighbors = found(X, 2)
    assert not (neighbors.numbers == np.arange(30)[:, None]).any()
    own = np.arange(30)[:, None] // 3
    np.testing.assert_array_equal(neighbors.numbers // 3, np.hstack([own, own]))


@pytest.mark.slow  # numba compiles for a minute
def test_approximate_neighbors_are_nearly_all_the_nearest():
    pytest.importorskip("pynndescent")
    X = correlated(400).astype(np.float32)
    approximate, (numbers, _) = found(X, 10, "approximate"), by_hand(X, 10)
    pairs = zip(approximate.numbers, numbers, strict=True)
    same = [len(set(a) & set(b)) for a, b in pairs]
    assert np.mean(same) > 9.5
    assert not (approximate.numbers == np.arange(400)[:, None]).any()


def test_approximate_neighbors_need_pynndescent(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    with pytest.raises(ImportError, match=r"pip install skae\[neighbors\]"):
        found(correlated(60).astype(np.float32), method="approximate")


def test_without_pynndescent_many_rows_are_compared_exactly(monkeypatch):
    monkeypatch.setattr(search, "_MOST_ROWS_EXACTLY", 10)
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    X = correlated(60).astype(np.float32)
    np.testing.assert_array_equal(found(X, method="auto").numbers, by_hand(X)[0])
