"""Corruption: what each kind does to the values, in the user's units."""

import numpy as np
import pytest
from helpers import (
    NO_STEP,
    assert_same_bits,
    correlated,
    more_codes_than_features,
)
from scipy import stats

from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae._data import rows as rows_module
from skae._data.corruption import KINDS, Noise, clipped_fraction
from skae._data.prepare import UserData, corrupted_once, corruption_units, prepare
from skae._runtime.randomness import draw_seed
from skae.networks import DenseNetwork

X = correlated(400, 5)
UNIT = (X - X.min()) / (X.max() - X.min())
ROWS = {"mse": X, "binary_crossentropy": UNIT}
SCALE = 1e-3 * X.std()
each_loss = pytest.mark.parametrize("loss", ROWS)


def corrupted(X, kind, *, rate=0.25, noise_scale=1.0, clipped=1.0, loss="mse", seed=0):
    """Corrupt rows as a fit does those that judge; return them in the user's units."""
    estimator = DenoisingAutoencoder(
        corruption=kind, corruption_rate=rate, loss=loss, validation_fraction=0
    )
    objective = estimator._objective()
    generator = np.random.RandomState(seed)
    prepared = prepare(estimator, UserData(X, X_val=X), objective, generator)
    noisy = corrupted_once(
        prepared.validation,
        prepared.training_rows,
        objective.corruption,
        corruption_units(prepared, Noise(noise_scale, clipped)),
        draw_seed(generator),
    )
    values = noisy.values.astype(np.float64)
    flat = values * prepared.scaling.scale + prepared.scaling.mean
    return flat.reshape(X.shape)


def changed(noisy, X):
    return np.abs(noisy - X) > SCALE


def assert_share(hits, rate):
    """Check a share of hits against four standard errors of its binomial count."""
    error = np.sqrt(rate * (1 - rate) / hits.size)
    assert abs(hits.mean() - rate) <= 4 * error + 1e-12


def assert_mean(draws, mean):
    """Check the mean of independent draws against four of its standard errors."""
    error = np.std(draws, ddof=1) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - mean) < 4 * error


# Gaussian noise


@each_loss
def test_gaussian_noise_is_normal_with_the_deviation_asked_for(loss):
    rows = ROWS[loss]
    deviation = 0.05 * rows.std()
    noisy = corrupted(rows, "gaussian", noise_scale=deviation, loss=loss)
    far_from_bounds = np.abs(rows - (rows.min() + rows.max()) / 2) < np.ptp(rows) / 4
    noise = (noisy - rows)[far_from_bounds]
    assert noise.size > 1000
    assert stats.kstest(noise / deviation, "norm").pvalue > 1e-3


@each_loss
def test_gaussian_noise_is_normal_everywhere_where_it_is_not_clipped(loss):
    rows = ROWS[loss]
    deviation = rows.std()
    noisy = corrupted(rows, "gaussian", noise_scale=deviation, clipped=0, loss=loss)
    noise = (noisy - rows).ravel() / deviation
    assert stats.kstest(noise, "norm").pvalue > 1e-3


def test_whole_rows_are_clipped_as_often_as_asked_for():
    """With noise this large, hardly any row stays inside if it is not clipped."""
    noisy = corrupted(X, "gaussian", noise_scale=10 * X.std(), clipped=0.3)
    inside = (noisy > X.min() - SCALE) & (noisy < X.max() + SCALE)
    assert_share(inside.all(axis=1), 0.3)


PHOTOGRAPH = np.random.RandomState(0).randint(-2, 258, (300, 40)).clip(0, 255)
PILES = {
    "pixels": (np.where(UNIT < 0.3, UNIT.min(), UNIT), 0.5),
    "a photograph, 1% saturated": (PHOTOGRAPH, 0.5),
    "counts": (np.random.RandomState(0).poisson(0.5, (300, 4)), 0.5),
    "features that each have the same ends": (
        (X - X.min(axis=0)) / np.ptp(X, axis=0),
        0.5,
    ),
    "normal": (X, 0.0),
    "few rows": (X[:20], 0.0),
}


@pytest.mark.parametrize(("rows", "expected"), PILES.values(), ids=PILES)
def test_half_is_clipped_where_values_pile_up_at_their_limits(rows, expected):
    limits = np.full((2, rows.shape[1]), [[rows.min()], [rows.max()]])
    assert clipped_fraction(rows, *limits) == expected


@each_loss
def test_gaussian_noise_is_clipped_to_the_range_of_the_data(loss):
    rows = ROWS[loss]
    noisy = corrupted(rows, "gaussian", noise_scale=10 * rows.std(), loss=loss)
    assert noisy.min() == pytest.approx(rows.min(), abs=SCALE)
    assert noisy.max() == pytest.approx(rows.max(), abs=SCALE)
    at_bounds = (noisy < rows.min() + SCALE) | (noisy > rows.max() - SCALE)
    assert 0.5 < at_bounds.mean() < 1


def test_the_range_is_that_of_all_features_together():
    rows = np.column_stack([np.linspace(-9, 9, 200), np.linspace(0, 1, 200)])
    narrow = corrupted(rows, "gaussian", noise_scale=2.0)[:, 1]
    assert narrow.min() < -2
    assert narrow.max() > 3


def test_gaussian_noise_of_neighbours_is_independent():
    noise = corrupted(X, "gaussian", noise_scale=0.05) - X
    allowed = 4 / np.sqrt(len(X))
    between_features = np.corrcoef(noise.T) - np.eye(X.shape[1])
    assert np.abs(between_features).max() < allowed
    assert abs(np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]) < allowed


# Masking


@pytest.mark.parametrize("rate", [0.1, 0.6])
@each_loss
def test_masking_hits_the_share_of_values_asked_for(loss, rate):
    rows = ROWS[loss]
    noisy = corrupted(rows, "masking", rate=rate, loss=loss)
    assert_share(np.abs(noisy - rows) > 1e-6, rate)


def test_masked_values_are_the_mean_of_their_feature():
    noisy = corrupted(X, "masking", rate=0.5)
    hit = changed(noisy, X)
    means = np.broadcast_to(X.mean(axis=0), X.shape)
    np.testing.assert_allclose(noisy[hit], means[hit], rtol=1e-6)
    np.testing.assert_allclose(noisy[~hit], X[~hit], atol=SCALE)


def test_masked_values_are_zero_with_cross_entropy():
    noisy = corrupted(UNIT, "masking", rate=0.5, loss="binary_crossentropy")
    hit = np.abs(noisy - UNIT) > 1e-6
    np.testing.assert_array_equal(noisy[hit], 0)


# Salt and pepper


@each_loss
def test_salt_and_pepper_puts_the_ends_of_the_range_half_each(loss):
    rows = ROWS[loss]
    noisy = corrupted(rows, "salt_and_pepper", rate=0.5, loss=loss)
    hit = np.abs(noisy - rows) > 1e-3 * rows.std()
    is_salt = np.abs(noisy[hit] - rows.max()) < 1e-5 * np.ptp(rows)
    is_pepper = np.abs(noisy[hit] - rows.min()) < 1e-5 * np.ptp(rows)
    assert (is_salt | is_pepper).all()
    assert_share(hit, 0.5)
    assert_share(is_salt, 0.5)


# Swaps


def test_swapped_values_are_others_of_the_same_feature():
    noisy = corrupted(X, "swap", rate=0.5)
    for values, feature in zip(noisy.T, X.T, strict=True):
        ordered = np.sort(feature)
        above = np.searchsorted(ordered, values).clip(1, len(X) - 1)
        gap = np.minimum(abs(values - ordered[above - 1]), abs(values - ordered[above]))
        assert gap.max() < 1e-6 * np.ptp(feature)


def test_swaps_hit_the_share_of_values_asked_for():
    """One in as many swaps as there are rows finds the row itself."""
    noisy = corrupted(X, "swap", rate=0.5)
    assert_share(changed(noisy, X), 0.5 * (1 - 1 / len(X)))


def test_swaps_keep_the_distribution_of_every_feature():
    noisy = corrupted(X, "swap", rate=1)
    for values, feature in zip(noisy.T, X.T, strict=True):
        assert stats.ks_2samp(values, feature).pvalue > 1e-3


def test_swaps_part_what_belongs_together():
    rows = np.column_stack([X[:, 0], X[:, 0]])
    noisy = corrupted(rows, "swap", rate=1)
    assert abs(np.corrcoef(noisy.T)[0, 1]) < 4 / np.sqrt(len(X))


# Rates


@pytest.mark.parametrize("kind", ["masking", "salt_and_pepper", "swap"])
def test_a_rate_of_zero_changes_nothing(kind):
    np.testing.assert_allclose(corrupted(X, kind, rate=0), X, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "possible"),
    [("masking", X.mean(axis=0)), ("salt_and_pepper", np.array([X.min(), X.max()]))],
)
def test_a_rate_of_one_changes_every_value(kind, possible):
    noisy = corrupted(X, kind, rate=1)
    nearest = np.abs(noisy[..., None] - possible).min(axis=-1)
    assert nearest.max() < 1e-5 * X.std()


# Functions of the user


@each_loss
def test_a_function_gets_samples_in_the_unit_of_the_data(loss):
    rows = ROWS[loss][:30].reshape(30, 5, 1)
    seen = []

    def corruption(samples, seed):
        seen.append((samples, seed))
        return samples

    corrupted(rows, corruption, loss=loss)
    ((samples, seed),) = seen
    assert samples.shape == (30, 5, 1)
    assert samples.dtype == "float32"
    assert type(seed).__name__ == "SeedGenerator"
    np.testing.assert_allclose(samples, rows, rtol=1e-5, atol=1e-5)


def test_what_a_function_returns_is_in_the_unit_of_the_data():
    noisy = corrupted(X, lambda samples, seed: 3 * samples + 100)
    np.testing.assert_allclose(noisy, 3 * X + 100, atol=1e-4)


def test_a_function_may_return_another_type():
    noisy = corrupted(X, lambda samples, seed: samples.numpy().astype(np.float64) + 1)
    np.testing.assert_allclose(noisy, X + 1, atol=1e-5)


# Randomness


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides(kind):
    noisy = corrupted(X, kind)
    np.testing.assert_array_equal(corrupted(X, kind), noisy)
    assert changed(corrupted(X, kind, seed=1), noisy).any()


def test_every_chunk_of_rows_has_noise_of_its_own(monkeypatch):
    monkeypatch.setattr(rows_module, "_CHUNK_BYTES", 1)
    rows = X[: 2 * rows_module.FEWEST_ROWS]
    noise = corrupted(rows, "gaussian", noise_scale=0.05) - rows
    first, second = np.split(noise, 2)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.3


# In training


def identity(kind, **changes):
    """Return an estimator whose network gives back what it reads, and stays so."""
    parameters = {
        "epochs": 40,
        "learning_rate": NO_STEP,
        "validation_fraction": 0,
        "random_state": 0,
    }
    return DenoisingAutoencoder(
        5, network=DenseNetwork(()), corruption=kind, **{**parameters, **changes}
    )


def squared_noise_of_clipped(X, deviation):
    """Return E[(clip(x + noise) - x)^2] for each value, by the truncated normal's."""
    low, high = (X.min() - X) / deviation, (X.max() - X) / deviation
    inside = np.diff(stats.norm.cdf([low, high]), axis=0)[0]
    inside -= high * stats.norm.pdf(high) - low * stats.norm.pdf(low)
    at_ends = low**2 * stats.norm.cdf(low) + high**2 * stats.norm.sf(high)
    return deviation**2 * (inside + at_ends)


SQUARED_NOISE = {
    "gaussian": (squared_noise_of_clipped(X, 1.5) + 1.5**2) / 2,
    "masking": 0.3 * X.var(axis=0),
    "salt_and_pepper": 0.3 * ((X - X.min()) ** 2 + (X - X.max()) ** 2) / 2,
    "swap": 0.3 * 2 * X.var(axis=0),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_training_corrupts_as_much_as_is_asked_for(kind, monkeypatch):
    """Where outputs equal inputs, the loss is the mean square of the corruption."""
    estimator = identity(kind, noise_scale=1.5, corruption_rate=0.3)
    if kind == "gaussian":  # half of the rows are clipped
        patched = "skae._training.start._clipped_fraction"
        monkeypatch.setattr(patched, lambda *_: 0.5)
    estimator.fit(X)
    assert_mean(estimator.history_["loss"], SQUARED_NOISE[kind].mean())


def test_a_function_is_compiled_into_training():
    estimator = identity(lambda samples, seed: samples + 2, epochs=2).fit(X)
    np.testing.assert_allclose(estimator.history_["loss"], [4, 4], rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_training_corrupts_afresh_in_every_epoch(kind):
    losses = identity(kind, epochs=5).fit(X).history_["loss"]
    assert len(set(losses)) == 5


@pytest.mark.slow
def test_training_corrupts_every_batch_afresh():
    """Noise that came again in each of four batches would double the variance."""
    losses = identity("masking", epochs=200, batch_size=100).fit(X).history_["loss"]
    whole = identity("masking", epochs=200, batch_size=400).fit(X).history_["loss"]
    assert np.var(losses) / np.var(whole) < stats.f(199, 199).isf(1e-3)


def test_rows_held_out_are_corrupted_once():
    losses = identity("gaussian", epochs=3, validation_fraction=0.2).fit(X).history_
    assert len(set(losses["val_loss"])) == 1
    assert losses["val_loss"][0] > 0


@pytest.mark.slow
def test_the_random_state_decides_in_training():
    losses = identity("swap", epochs=3).fit(X).history_["loss"]
    assert identity("swap", epochs=3).fit(X).history_["loss"] == losses
    other = identity("swap", epochs=3, random_state=1).fit(X)
    assert other.history_["loss"] != losses


@more_codes_than_features
@pytest.mark.slow
def test_swaps_take_rows_as_often_as_they_weigh():
    """Of nine zeros and a one, a swap gives 1 once in ten times."""
    rows = np.array([[0.0], [1.0]])
    estimator = identity("swap", corruption_rate=1, epochs=400)
    estimator.fit(rows, sample_weight=[9, 1])
    assert_mean(estimator.history_["loss"], 2 * 0.9 * 0.1)


@pytest.mark.slow
def test_xla_swaps_the_same_share(monkeypatch):
    monkeypatch.setattr("skae._training.steps_pool.xla_pays", lambda *_: True)
    estimator = identity("swap", corruption_rate=0.3).fit(X)
    assert_mean(estimator.history_["loss"], SQUARED_NOISE["swap"].mean())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_corrupt_is_training_as_ever(kind):
    """Noise of no size and values replaced at no rate give the same bits."""
    how = {"noise_scale": 0, "corruption_rate": 0, "learning_rate": "auto"}
    silent = identity(kind, epochs=3, **how).set_params(encoding_dim=2).fit(X)
    plain = AutoencoderTransformer(
        2, hidden_layer_sizes=(), epochs=3, validation_fraction=0, random_state=0
    )
    assert_same_bits(silent, plain.fit(X))
