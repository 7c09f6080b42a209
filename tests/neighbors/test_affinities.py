"""The affinities of t-SNE, and the divergence of a map from them."""

import numpy as np
import pytest
from helpers import correlated
from scipy.spatial.distance import cdist
from sklearn.manifold import TSNE

from skae._neighbors.affinities import Affinities
from skae._neighbors.divergence import kl_divergence
from skae._neighbors.search import nearest_neighbors
from skae._pca.axes import principal_axes


def neighbors_of(X, n_neighbors, method="exact"):
    X = X.astype(np.float32)
    weights = np.ones(len(X))
    axes = principal_axes(X, weights, 50, np.random.RandomState(0))
    return nearest_neighbors(X, axes, n_neighbors, method, seed=0)


def dense(affinities):
    """Return the conditional affinities as a matrix."""
    n_rows = len(affinities)
    matrix = np.zeros((n_rows, n_rows))
    rows = np.arange(n_rows)[:, None]
    np.add.at(matrix, (rows, affinities.numbers), affinities.shares)
    return matrix


@pytest.mark.parametrize("perplexity", [1.5, 5, 29])
def test_the_entropy_of_each_row_is_that_of_the_perplexity(perplexity):
    neighbors = neighbors_of(correlated(60), 59)
    p = Affinities.of(neighbors, perplexity).shares.astype(np.float64)
    entropies = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropies), perplexity, rtol=1e-3)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)


def test_affinities_are_gaussian():
    neighbors = neighbors_of(correlated(60), 20)
    p = Affinities.of(neighbors, 5).shares
    squares = neighbors.distances.astype(np.float64) ** 2
    slopes = (np.log(p[:, :1]) - np.log(p[:, 1:])) / (squares[:, 1:] - squares[:, :1])
    np.testing.assert_allclose(
        slopes, np.broadcast_to(slopes[:, :1], slopes.shape), rtol=1e-2
    )


def test_the_unit_of_the_rows_does_not_matter():
    X = correlated(60)
    p = Affinities.of(neighbors_of(X, 20), 5).shares
    for unit in (1e-3, 1e3):
        np.testing.assert_allclose(
            Affinities.of(neighbors_of(unit * X, 20), 5).shares, p, atol=1e-4
        )


def test_equal_rows_share_their_affinities_evenly():
    p = Affinities.of(neighbors_of(np.ones((20, 3)), 9), 3).shares
    np.testing.assert_allclose(p, 1 / 9, rtol=1e-6)


def test_neighbors_are_drawn_by_their_affinities():
    affinities = Affinities.of(neighbors_of(correlated(30), 12), 4)
    generator = np.random.RandomState(0)
    counts = np.zeros((30, 30))
    for _ in range(2000):
        counts[np.arange(30), affinities.drawn(generator)] += 1
    # The standard deviation of a fraction of 2,000 draws is at most 0.011.
    np.testing.assert_allclose(counts / 2000, dense(affinities), atol=0.05)


def test_symmetrized_affinities_sum_to_one():
    affinities = Affinities.of(neighbors_of(correlated(60), 20), 5)
    conditional = dense(affinities)
    expected = (conditional + conditional.T) / 120
    np.testing.assert_allclose(affinities.symmetrized().toarray(), expected, atol=1e-8)
    assert affinities.symmetrized().sum() == pytest.approx(1)


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_the_divergence_is_that_of_the_definition(n_components):
    affinities = Affinities.of(neighbors_of(correlated(60), 20), 5)
    positions = 3 * np.random.RandomState(1).randn(60, n_components)
    p = affinities.symmetrized().toarray()
    similarities = 1 / (1 + cdist(positions, positions) ** 2)
    np.fill_diagonal(similarities, 0)
    q = similarities / similarities.sum()
    known = p > 0
    expected = (p[known] * np.log(p[known] / q[known])).sum()
    assert kl_divergence(affinities, positions) == pytest.approx(expected, rel=1e-5)


def test_the_divergence_is_that_of_scikit_learn():
    X = correlated(200, 5)
    tsne = TSNE(perplexity=10, method="exact", random_state=0)
    positions = tsne.fit_transform(X)
    # All others are neighbours, since scikit-learn's exact method takes them all.
    affinities = Affinities.of(neighbors_of(X, 199), 10)
    assert kl_divergence(affinities, positions) == pytest.approx(
        tsne.kl_divergence_, rel=1e-2
    )


def test_the_divergence_of_many_rows_is_estimated():
    positions = np.random.RandomState(0).randn(6000, 2)
    affinities = Affinities.of(neighbors_of(positions, 3), 1.5)
    conditional = affinities.symmetrized().tocoo()
    squares = np.square(positions[conditional.row] - positions[conditional.col]).sum(
        axis=1
    )
    total = sum(
        (1 / (1 + np.square(one - positions).sum(axis=1))).sum() for one in positions
    )
    q = 1 / (1 + squares) / (total - 6000)
    expected = (conditional.data * np.log(conditional.data / q)).sum()
    assert kl_divergence(affinities, positions) == pytest.approx(expected, abs=0.01)


def test_points_in_one_place_have_a_finite_divergence():
    affinities = Affinities.of(neighbors_of(correlated(60), 20), 5)
    assert np.isfinite(kl_divergence(affinities, np.zeros((60, 2))))
    assert np.isfinite(kl_divergence(affinities, 1e6 * correlated(60, 2)))
