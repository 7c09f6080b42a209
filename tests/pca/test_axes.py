"""Principal axes: those of PCA, by every solver."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skae._data import rows as rows_module
from skae._data.lazy import ScaledRows
from skae._pca import axes as axes_module


def reconstruct(pca, X):
    return pca.inverse_transform(pca.transform(X))


def low_rank(n_rows, n_features, seed=0):
    """Return rows with quickly falling variances along their axes, and noise."""
    rng = np.random.RandomState(seed)
    codes = rng.randn(n_rows, 6) * [9, 7, 5, 3, 2, 1]
    rows = codes @ rng.randn(6, n_features) + 0.01 * rng.randn(n_rows, n_features) + 1
    return rows.astype(np.float32)


SOLVERS = {
    "covariance": {"shape": (80, 10)},
    "covariance in float32": {"shape": (80, 10), "_FLOAT64_PRODUCTS": 0},
    "Gram matrix": {"shape": (10, 80)},
    "Gram matrix by blocks": {"shape": (10, 80), "_VALUES_AT_A_TIME": 70},
    "Krylov": {"shape": (80, 30), "_LARGEST_MATRIX": 20},
}


@pytest.fixture(params=SOLVERS)
def rows(request, monkeypatch):
    """Rows from which each of the solvers is chosen in turn."""
    for name, value in SOLVERS[request.param].items():
        if name != "shape":
            monkeypatch.setattr(axes_module, name, value)
    return low_rank(*SOLVERS[request.param]["shape"])


def principal_axes(rows, weights=None, n_components=4):
    weights = np.ones(len(rows)) if weights is None else weights
    generator = np.random.RandomState(0)
    return axes_module.principal_axes(rows, weights, n_components, generator)


def assert_axes_of(axes, pca, n_rows):
    scale = np.sqrt(pca.explained_variance_[0])
    np.testing.assert_allclose(axes.mean, pca.mean_, atol=1e-5 * scale)
    np.testing.assert_allclose(axes.components, pca.components_, atol=2e-4)
    to_population = (n_rows - 1) / n_rows
    np.testing.assert_allclose(
        axes.variances, pca.explained_variance_ * to_population, rtol=1e-3
    )


def test_every_solver_gives_the_axes_of_pca(rows):
    """Signs included: they are compared as they are."""
    pca = PCA(4, svd_solver="full").fit(rows.astype(np.float64))
    assert_axes_of(principal_axes(rows), pca, len(rows))


def test_every_solver_gives_orthonormal_axes_by_falling_variance(rows):
    axes = principal_axes(rows)
    np.testing.assert_allclose(
        axes.components @ axes.components.T, np.eye(4), atol=1e-5
    )
    assert (np.diff(axes.variances) < 0).all()


def test_every_solver_counts_a_weight_as_repeated_rows(rows):
    counts = np.random.RandomState(1).randint(1, 4, size=len(rows))
    repeated = np.repeat(rows, counts, axis=0).astype(np.float64)
    pca = PCA(4, svd_solver="full").fit(repeated)
    axes = principal_axes(rows, counts.astype(np.float64))
    assert_axes_of(axes, pca, len(repeated))


def test_every_solver_knows_what_is_left_unexplained(rows):
    axes = principal_axes(rows)
    exact = rows.astype(np.float64)
    pca = PCA(4, svd_solver="full").fit(exact)
    residual = ((exact - reconstruct(pca, exact)) ** 2).mean(axis=0)
    total = exact.var(axis=0).sum()
    np.testing.assert_allclose(
        axes.residual_variances, residual, rtol=1e-2, atol=1e-6 * total
    )
    assert not axes.are_exact


def test_the_largest_entry_of_every_axis_is_positive(rows):
    components = principal_axes(rows).components
    largest = np.abs(components).argmax(axis=1)
    assert (components[np.arange(len(components)), largest] > 0).all()


@pytest.mark.parametrize("shape", [(40, 6), (4, 30)], ids=["features", "rows"])
def test_there_are_no_more_axes_than_the_rank(shape):
    rank = min(shape[0] - 1, 3)
    rng = np.random.RandomState(0)
    rows = rng.randn(shape[0], rank) @ rng.randn(rank, shape[1])
    axes = principal_axes(rows.astype(np.float32), n_components=20)
    noise = 1e-10 * axes.variances.sum()
    assert (axes.variances > noise).sum() == rank
    assert axes.are_exact


def test_equal_rows_have_no_axes_at_all():
    axes = principal_axes(np.ones((10, 3), np.float32), n_components=2)
    assert axes.components.shape == (0, 3)
    assert axes.are_exact


@pytest.mark.parametrize("kind", ["covariance", "Gram matrix", "Krylov"])
def test_solvers_do_not_take_rounding_for_axes(monkeypatch, kind):
    """Of rows that have three axes there are three, however many are asked for.

    A covariance of float32 products has more: their rounding.
    """
    how = dict(SOLVERS[kind])
    n_rows, n_features = how.pop("shape")
    for name, value in how.items():
        monkeypatch.setattr(axes_module, name, value)
    rng = np.random.RandomState(0)
    rows = rng.randint(-8, 9, (n_rows, 3)) @ rng.randint(-8, 9, (3, n_features))
    axes = principal_axes(rows.astype(np.float32), n_components=8)
    assert len(axes.components) == 3
    assert not axes.complete


def test_wide_rows_are_read_twice_and_never_as_a_whole(monkeypatch):
    """Once for the Gram matrix, once for the axes, by blocks of features."""
    monkeypatch.setattr(axes_module, "_VALUES_AT_A_TIME", 200)
    given = low_rank(10, 400)
    sizes = []
    write = ScaledRows.write

    def watched(self, dense):
        sizes.append(dense.size)
        write(self, dense)

    monkeypatch.setattr(ScaledRows, "write", watched)
    rows = ScaledRows(given, np.arange(10), np.full(400, 0.5), 2.0)
    axes = principal_axes(rows)
    assert max(sizes) <= 200
    assert sum(sizes) == 2 * given.size
    pca = PCA(4, svd_solver="full").fit((given.astype(np.float64) - 0.5) / 2)
    assert_axes_of(axes, pca, len(rows))


@pytest.mark.parametrize("name", ["covariance", "covariance in float32", "Gram matrix"])
def test_chunks_far_apart_make_no_difference(monkeypatch, name):
    """The covariance is put together from those within chunks and between them."""
    how = dict(SOLVERS[name])
    rows = low_rank(*how.pop("shape"))
    rows[: len(rows) // 2] += 1000
    for attribute, value in how.items():
        monkeypatch.setattr(axes_module, attribute, value)
    monkeypatch.setattr(rows_module, "_CHUNK_BYTES", 1)
    pca = PCA(4, svd_solver="full").fit(rows.astype(np.float64))
    assert_axes_of(principal_axes(rows), pca, len(rows))
