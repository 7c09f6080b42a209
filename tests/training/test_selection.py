"""Which weights are kept: a test that counts its choices, and that outliers miss."""

import numpy as np
import pytest
from helpers import correlated
from scipy.stats import permutation_test
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae._training.outliers import judging_weights, pulls_in_training
from skae._training.selection import beats_chance


def self_normalised(gains, axis=-1):
    return gains.sum(axis=axis) / np.sqrt(np.square(gains).sum(axis=axis))


@pytest.mark.parametrize("mean", [0.0, 0.1, 0.3, 0.6])
def test_for_one_epoch_it_is_scipys_test_of_flipped_signs(mean):
    gains = np.random.RandomState(1).randn(40) + mean
    found = permutation_test(
        (gains,),
        self_normalised,
        permutation_type="samples",
        alternative="greater",
        n_resamples=20_000,
        random_state=0,
    )
    assert abs(found.pvalue - 0.04) > 0.01  # the case is clear
    assert beats_chance(gains[None], np.ones(40)) == (found.pvalue < 0.04)


@pytest.mark.parametrize("errors", ["gaussian", "student"])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_without_a_gain_few_epochs_of_many_are_accepted(errors, is_weighted):
    rng = np.random.default_rng(0)
    accepted = 0
    for _ in range(300):
        walks = rng.standard_normal((30, 50)).cumsum(axis=0)
        if errors == "student":
            walks = walks / np.sqrt(rng.chisquare(2, 50))
        weights = rng.lognormal(size=50) if is_weighted else np.ones(50)
        accepted += beats_chance(walks, weights)
    assert accepted <= 24  # 15 expected at 5%, with a standard deviation of 4


def test_a_gain_of_all_rows_is_seen_beside_an_epoch_that_went_wild():
    rng = np.random.default_rng(0)
    gains = rng.standard_normal((2, 30)) + 1
    wild = 1e6 * rng.standard_normal((1, 30)) - 1e6
    assert beats_chance(np.concatenate([wild, gains]), np.ones(30))


def test_few_rows_or_as_few_that_count_show_nothing():
    assert not beats_chance(np.ones((1, 9)), np.ones(9))
    assert beats_chance(np.ones((1, 12)), np.ones(12))
    weights = np.ones(100)
    weights[:5] = 1e6
    assert not beats_chance(np.ones((1, 100)), weights)


def test_outliers_count_as_five_times_a_typical_error_and_gross_ones_nothing():
    losses = np.repeat([1.0, 9, 100, 1e4], [80, 15, 4, 1])
    weights = judging_weights(np.full(100, 2.0), losses)
    np.testing.assert_allclose(weights, np.repeat([2, 2, 0.5, 0], [80, 15, 4, 1]))


def test_outliers_pull_by_error_and_place():
    losses, squared_lengths = np.ones((2, 100))
    losses[0] = squared_lengths[1] = 2500
    np.testing.assert_allclose(
        pulls_in_training(losses, squared_lengths), [0.1, 0.01, *np.ones(98)]
    )


def test_a_tenth_of_the_rows_are_no_outliers_though_most_are_nearly_nothing():
    losses = np.repeat([1e-6, 1.0], [70, 30])
    np.testing.assert_array_equal(pulls_in_training(losses, losses), 1)
    np.testing.assert_array_equal(judging_weights(np.ones(100), losses), 1)


@pytest.mark.parametrize("where", ["training", "judging"])
def test_an_outlier_does_not_hide_the_gain(where):
    rng = np.random.RandomState(0)
    angles = rng.uniform(0, 2 * np.pi, 360)
    X = np.column_stack([np.cos(angles), np.sin(angles), 0.3 * np.cos(2 * angles)])
    X = np.column_stack([X, X**2])[:, :5] + 0.02 * rng.randn(360, 5)
    train, judge, test = X[:240].copy(), X[240:300].copy(), X[300:]
    moved = train if where == "training" else judge
    moved[0] = X.mean(axis=0) + 30 * (moved[0] - X.mean(axis=0))
    autoencoder = AutoencoderTransformer(2, epochs=60, random_state=0)
    autoencoder.fit(train, X_val=judge)
    pca = PCA(2).fit(train)
    of_pca = np.mean((test - pca.inverse_transform(pca.transform(test))) ** 2)
    assert -autoencoder.score_samples(test).mean() < 0.5 * of_pca


def test_where_rows_are_normal_pca_is_kept():
    autoencoder = AutoencoderTransformer(2, epochs=5, random_state=0)
    autoencoder.fit(correlated())
    assert (autoencoder.best_epoch_, autoencoder.n_centers_) == (0, 0)
