"""Missing values from similar rows: means given what is observed, or the network."""

import pickle

import numpy as np
import pytest
from helpers import correlated

import skae
from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae._model.imputation import Donors, chosen_means, conditional_means
from skae._saving.fitted import fit_of, plain_fit
from skae.networks import DenseNetwork

X = correlated(90, 6)
X[np.random.RandomState(1).rand(*X.shape) < 0.2] = np.nan


def donors_of(rows, weights=None):
    weights = np.ones(len(rows)) if weights is None else weights
    return Donors(np.asarray(rows, np.float32), weights)


def autoencoder(**changes):
    how = {"hidden_layer_sizes": (8,), "missing_values": "allow", "epochs": 2}
    return AutoencoderTransformer(2, **{**how, "random_state": 0, **changes})


def test_a_wide_kernel_gives_the_means_of_a_normal_distribution():
    rng = np.random.RandomState(0)
    covariance = 0.5 * np.eye(4) + 0.5
    rows = rng.multivariate_normal(np.zeros(4), covariance, 4000)
    given = np.where(rng.rand(*rows.shape) < 0.2, np.nan, rows)
    means = conditional_means(donors_of(given), 1e4, 0.001)
    found = means.of(np.array([[1.0, 0.5, np.nan, np.nan]]))
    observed, others = covariance[:2, :2], covariance[2:, :2]
    expected = others @ np.linalg.solve(observed, [1.0, 0.5])
    np.testing.assert_allclose(found[0, 2:], expected, atol=0.06)


def test_a_narrow_kernel_takes_values_from_the_cluster_of_a_row():
    """In two clusters whose columns do not correlate, as factors cannot know them."""
    rng = np.random.RandomState(0)
    corners = np.array([[0, 0, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1]]) * 10.0
    rows = np.tile(corners, (100, 1)) + rng.randn(400, 3)
    found = chosen_means(donors_of(rows), lambda values: values).of(
        np.where(np.eye(3)[[2, 2, 2, 2]] > 0, np.nan, corners)
    )
    np.testing.assert_allclose(found, corners, atol=1.0)


def test_a_row_of_weight_two_counts_as_two():
    weights = np.where(np.arange(90) < 30, 2.0, 1.0)
    shown = np.where(np.arange(6) == 2, np.nan, correlated(5, 6))
    weighted = conditional_means(donors_of(X, weights), 1e4, 0.01).of(shown)
    repeated = donors_of(np.concatenate([X, X[:30]]))
    expected = conditional_means(repeated, 1e4, 0.01).of(shown)
    np.testing.assert_allclose(weighted, expected, rtol=0.02)


@pytest.mark.filterwarnings("error")
def test_equal_rows_and_rows_without_values_are_taken():
    rows = np.repeat(np.where(np.isnan(X[:30]), 0, X[:30]), 6, axis=0)
    means = chosen_means(donors_of(rows), lambda values: values)
    shown = np.array([[np.nan] * 6, [*rows[0, :5], np.nan]])
    found = means.of(shown)
    np.testing.assert_allclose(found[0], rows.mean(axis=0), rtol=0.5)
    assert found[1, 5] == pytest.approx(rows[0, 5], abs=0.2)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e3, 1e20, 1e30])
def test_rows_far_away_are_filled_in_proportion(size):
    rng = np.random.RandomState(0)
    rows = rng.randn(100, 1) @ np.ones((1, 4)) + 0.1 * rng.randn(100, 4)
    means = conditional_means(donors_of(rows), 0.5, 0.01)
    found = means.of(np.array([[size, size, size, np.nan]]))
    assert 0.3 * size < found[0, 3] < 3 * size


def test_wide_rows_are_left_to_the_kernel():
    rng = np.random.RandomState(0)
    rows = np.repeat(rng.randn(5, 1100), 10, axis=0) + 0.01 * rng.randn(50, 1100)
    means = conditional_means(donors_of(rows), 0.5, 0.01)
    assert means.factors is None
    shown = np.where(np.arange(1100) < 100, np.nan, rows[:1])
    np.testing.assert_allclose(means.of(shown), rows[:1], atol=0.1)


def test_the_network_fills_where_it_finds_hidden_values_better():
    """Here it knows all values."""
    rows = correlated(90, 6)
    first = {tuple(row[:1]): row for row in rows.astype(np.float32)}
    known = [first.get(tuple(row[:1])) for row in rows.astype(np.float32)]
    assert chosen_means(donors_of(known), lambda values: values) is not None

    def oracle(values):
        return np.array([_nearest(rows, row) for row in values])

    assert chosen_means(donors_of(rows), oracle) is None


def _nearest(rows, shown):
    """Return the row that is the same where a value is shown, not 0."""
    return rows[np.abs(np.where(shown == 0, 0, rows - shown)).sum(axis=1).argmin()]


@pytest.mark.parametrize(
    ("estimator", "rows"),
    [
        (autoencoder(), X[:12]),
        (autoencoder(loss="binary_crossentropy"), (X - np.nanmin(X)) / np.nanmax(X)),
    ],
)
def test_few_rows_and_other_losses_are_left_to_the_network(estimator, rows):
    rows = np.clip(rows, 0, 1) if estimator.loss != "mse" else rows
    fitted = estimator.fit(rows)
    gaps = np.isnan(rows)
    expected = fitted.reconstruct(rows)
    np.testing.assert_array_equal(fitted.impute(rows)[gaps], expected[gaps])


def test_pairs_are_left_to_the_network():
    denoising = DenoisingAutoencoder(
        2, network=DenseNetwork((8,)), missing_values="allow", epochs=2, random_state=0
    )
    clean = np.where(np.isnan(X), 0, X)
    fitted = denoising.fit(X, X_clean=clean)
    gaps = np.isnan(X)
    expected = fitted.reconstruct(X)
    np.testing.assert_array_equal(fitted.impute(X)[gaps], expected[gaps])


def test_large_data_are_drawn_from_and_rows_without_a_value_left_out():
    rows = np.arange(12_000, dtype=np.float32).reshape(6000, 2)
    rows[::2] = np.nan
    drawn = Donors.drawn(rows, np.ones(6000), np.random.default_rng(0))
    assert 2300 < len(drawn) < 2700
    assert np.isin(drawn.values[:, 0], rows[1::2, 0]).all()


def test_passes_over_parts_keep_donors_of_earlier_ones():
    fitted = autoencoder().partial_fit(X[:45])
    before = fitted._fitted.donors
    fitted.partial_fit(X[45:])
    after = fitted._fitted.donors
    assert len(after) == 90
    np.testing.assert_array_equal(after.values[: len(before)], before.values)
    assert len(fitted.set_params(warm_start=True).fit(X)._fitted.donors) == 90


def test_saved_fits_impute_to_the_same_bits(tmp_path):
    fitted = autoencoder().fit(X)
    fitted.save(tmp_path / "fit")
    loaded = skae.load(tmp_path / "fit")
    np.testing.assert_array_equal(loaded.impute(X), fitted.impute(X))
    unpickled = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(unpickled.impute(X[:20]), fitted.impute(X[:20]))


@pytest.mark.parametrize(
    "damaged",
    [
        [],
        [X.astype(np.float32)],
        [X, np.ones(90)],
        [X[:, :5].astype(np.float32), np.ones(90)],
        [X.astype(np.float32), np.ones(89)],
        [X.astype(np.float32), np.zeros(90)],
        [X.astype(np.float32), np.full(90, np.inf)],
        [np.where(np.isnan(X), np.inf, X).astype(np.float32), np.ones(90)],
        "rows",
    ],
)
def test_donors_of_a_forged_file_are_refused(damaged):
    fitted = autoencoder().fit(X)._fitted
    state = {**plain_fit(fitted, None), "donors": damaged}
    with pytest.raises(ValueError, match=r"no part of a fit|unpack"):
        fit_of(state, None)
