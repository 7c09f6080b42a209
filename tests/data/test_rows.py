"""Data on their way to the network: units, weights, repeated and held-out rows."""

import numpy as np
import pytest
from helpers import assert_same_bits, correlated

from skae import AutoencoderTransformer
from skae._data import moments as moments_module
from skae._data import rows as rows_module
from skae._data import scaling as scaling_module
from skae._runtime.tensorflow import load_tensorflow, shared_tensor

X = correlated(40, 4)


def autoencoder(**changes):
    parameters = {
        "hidden_layer_sizes": (6,),
        "epochs": 3,
        "batch_size": 16,
        "random_state": 0,
    }
    return AutoencoderTransformer(2, **{**parameters, **changes})


# Units


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**10, 2.0**60])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_the_unit_does_not_matter(init, factor):
    """Powers of two change no digit, so codes are multiplied to the last bit."""
    codes = autoencoder(init=init).fit_transform(X)
    np.testing.assert_array_equal(
        autoencoder(init=init).fit_transform(factor * X), factor * codes
    )


def test_the_origin_does_not_matter():
    one, other = autoencoder().fit(X), autoencoder().fit(X - 100)
    np.testing.assert_allclose(
        one.transform(X), other.transform(X - 100), atol=1e-4 * X.std()
    )


def test_features_keep_their_relative_variances():
    """One scale serves all features, the root of their mean variance."""
    scale = moments_module.total_scale(X.mean(axis=0), X.var(axis=0))
    assert scale == pytest.approx(np.sqrt(X.var(axis=0).mean()))
    scaling = scaling_module.Scaling(X.mean(axis=0), scale)
    np.testing.assert_allclose(
        scaling.standardize(X, np.arange(len(X))).std(axis=0),
        X.std(axis=0) / scale,
        rtol=1e-5,
    )


def test_standardized_rows_come_in_the_order_asked_for():
    scaling = scaling_module.Scaling(np.ones(4), 2.0)
    order = np.array([3, 1, 3])
    standardized = scaling.standardize(X, order)
    assert standardized.dtype == np.float32
    np.testing.assert_allclose(standardized, (X[order] - 1) / 2, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9])
def test_rounding_is_not_taken_for_variance(value):
    constant = np.full((1000, 3), value)
    mean, variance = moments_module.mean_and_variance(constant, np.ones(1000))
    assert moments_module.total_scale(mean, variance) == 1


def test_a_variance_that_overflows_is_an_error():
    with pytest.raises(ValueError, match=r"X has values so large.*Divide X"):
        moments_module.total_scale(np.full(2, 1e200), np.full(2, np.inf))


def test_constant_features_are_kept_as_they_are():
    rows = np.column_stack([X, np.full(len(X), 7.0)])
    fitted = autoencoder().fit(rows)
    assert np.isfinite(fitted.transform(rows)).all()
    # Unchanged up to what training moves, far less than the other features vary.
    np.testing.assert_allclose(fitted.reconstruct(rows)[:, -1], 7, atol=0.05 * X.std())


@pytest.mark.parametrize("n_rows", [2, 1000])
@pytest.mark.parametrize("value", [0.0, 0.1, 5e9])
def test_constant_rows_are_reconstructed(value, n_rows):
    constant = np.full((n_rows, 3), value)
    fitted = autoencoder().fit(constant)
    np.testing.assert_allclose(fitted.reconstruct(constant), constant)
    np.testing.assert_allclose(fitted.transform(constant), 0, atol=1e-12 * value)
    assert fitted.score(constant) == 1


# Memory shared with TensorFlow


def scaled_rows():
    scaling = scaling_module.Scaling(X.mean(axis=0), 2.0)
    return scaling.standardize(X, np.arange(len(X)))


@pytest.mark.parametrize("n_rows", [1, 17, len(X)])
def test_scaled_rows_and_the_first_of_them_become_tensors_without_a_copy(n_rows):
    tf = load_tensorflow()
    rows = scaled_rows()[:n_rows]
    with tf.device("CPU"):
        tensor = shared_tensor(rows)
    assert np.shares_memory(np.asarray(tensor), rows)
    np.testing.assert_array_equal(tensor, rows)


def read_only(rows):
    rows.flags.writeable = False
    return rows


@pytest.mark.parametrize(
    "changed",
    [lambda rows: rows[1:], lambda rows: rows[:, :2], lambda rows: rows.T, read_only],
    ids=["elsewhere", "some features", "transposed", "read-only"],
)
def test_other_arrays_become_tensors_by_a_copy(changed):
    rows = changed(scaled_rows())
    tensor = shared_tensor(rows)
    assert not np.shares_memory(np.asarray(tensor), rows)
    np.testing.assert_array_equal(tensor, rows)


def test_a_tensor_outlives_the_array_whose_memory_it_shares():
    tensor = shared_tensor(scaled_rows())
    others = [np.full((40, 4), np.nan, np.float32) for _ in range(100)]
    np.testing.assert_array_equal(tensor, scaled_rows())
    assert len(others) == 100


# Means, variances and chunks


@pytest.mark.parametrize("chunk_bytes", [1, 2**22])
def test_means_and_variances_are_weighted(chunk_bytes, monkeypatch):
    monkeypatch.setattr(rows_module, "_CHUNK_BYTES", chunk_bytes)
    rows = correlated(100, 4)
    weights = np.random.RandomState(0).rand(100)
    mean, variance = moments_module.mean_and_variance(rows, weights)
    expected = np.average(rows, axis=0, weights=weights)
    np.testing.assert_allclose(mean, expected)
    np.testing.assert_allclose(
        variance, np.average((rows - expected) ** 2, axis=0, weights=weights)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_moments_are_those_of_numpy_with_the_range(dtype, monkeypatch):
    monkeypatch.setattr(rows_module, "_CHUNK_BYTES", 1)
    rows = (40 * correlated(100, 4) + 100).clip(0, 255).astype(dtype)
    moments = moments_module.moments_of(rows, np.ones(100), with_range=True)
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(moments.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.variance, exact.var(axis=0), rtol=1e-12)
    assert (moments.lowest, moments.highest) == (rows.min(), rows.max())
    assert moments.are_finite
    assert not moments.has_missing


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_moments_tell_of_values_that_are_not_finite(value, monkeypatch):
    monkeypatch.setattr(rows_module, "_CHUNK_BYTES", 1)
    rows = correlated(100, 4)
    rows[70, 2] = value
    moments = moments_module.moments_of(rows, np.ones(100))
    assert not moments.are_finite
    assert moments.has_missing == np.isnan(value)


def test_means_of_small_numbers_are_taken_in_float64():
    rows = np.full((100_000, 1), 0.1, np.float32)
    mean, variance = moments_module.mean_and_variance(rows, np.ones(len(rows)))
    np.testing.assert_allclose(mean, np.float64(np.float32(0.1)), rtol=1e-12)
    np.testing.assert_allclose(variance, 0, atol=1e-20)


@pytest.mark.parametrize("shape", [(1, 1), (1000, 3), (100, 200_000), (70, 10, 10)])
def test_chunks_cover_every_row_once(shape):
    class Rows:
        def __len__(self):
            return shape[0]

    rows = Rows()
    rows.shape = shape
    chunks = list(rows_module.row_chunks(rows))
    numbers = np.concatenate([np.arange(shape[0])[chunk] for chunk in chunks])
    np.testing.assert_array_equal(numbers, np.arange(shape[0]))


def test_the_mean_is_that_of_all_weighted_rows():
    weights = np.random.RandomState(0).rand(len(X))
    fitted = autoencoder().fit(X, sample_weight=weights)
    np.testing.assert_allclose(fitted.mean_, np.average(X, axis=0, weights=weights))


# Weights


@pytest.mark.parametrize(
    ("init", "loss"), [("pca", "mse"), ("random", "binary_crossentropy")]
)
def test_whole_weights_are_repeated_rows(init, loss):
    rows = (X - X.min()) / (X.max() - X.min())
    counts = np.random.RandomState(0).randint(0, 4, size=len(rows))
    estimator = autoencoder(init=init, loss=loss)
    weighted = estimator.fit(rows, sample_weight=counts)
    repeated = autoencoder(init=init, loss=loss).fit(np.repeat(rows, counts, axis=0))
    assert_same_bits(weighted, repeated)


def test_only_the_ratios_of_weights_matter():
    weights = np.random.RandomState(0).rand(len(X))
    assert_same_bits(
        autoencoder().fit(X, sample_weight=weights),
        autoencoder().fit(X, sample_weight=4 * weights),
    )


def test_a_weight_for_all_rows_is_no_weight():
    assert_same_bits(
        autoencoder().fit(X, sample_weight=np.ones(len(X))), autoencoder().fit(X)
    )


def test_the_order_of_a_few_rows_does_not_matter():
    shuffled = np.random.RandomState(0).permutation(X)
    assert_same_bits(autoencoder().fit(shuffled), autoencoder().fit(X))


def test_rows_are_merged_with_their_weights():
    rows = np.array([[1.0, 2], [0, 1], [1, 2], [5, 5], [0, 1]])
    weights, distinct = rows_module.merge_repeated_rows(
        np.array([1.0, 2, 3, 0, 0.5]), rows
    )
    np.testing.assert_array_equal(distinct, [[0, 1], [1, 2]])
    np.testing.assert_array_equal(weights, [2.5, 4])


def test_many_rows_are_not_merged_but_those_without_weight_are_dropped():
    rows = np.arange(2.0**21)[:, None] // 2
    weights = np.arange(2.0**21) % 5
    kept_weights, kept = rows_module.merge_repeated_rows(weights, rows)
    np.testing.assert_array_equal(kept, rows[weights > 0])
    np.testing.assert_array_equal(kept_weights, weights[weights > 0])


# Held-out rows


@pytest.mark.parametrize(
    ("n_rows", "fraction", "n_held_out"),
    [(10, 0, 0), (10, 0.2, 2), (10, 0.01, 1), (10, 0.99, 9), (2, 0.2, 1), (1, 0.2, 0)],
)
def test_held_out_rows_are_a_fraction_that_leaves_rows_on_either_side(
    n_rows, fraction, n_held_out
):
    generator = np.random.RandomState(0)
    order, n = rows_module.validation_last(n_rows, fraction, generator)
    assert n == n_held_out
    np.testing.assert_array_equal(np.sort(order), np.arange(n_rows))


def test_held_out_rows_are_drawn_at_random():
    held_out = [
        tuple(
            rows_module.validation_last(100, 0.1, np.random.RandomState(seed))[0][90:]
        )
        for seed in range(3)
    ]
    assert len(set(held_out)) == 3


@pytest.mark.parametrize("n_rows", [2, 3])
def test_a_few_rows_are_enough(n_rows):
    fitted = autoencoder().fit(X[:n_rows])
    assert fitted.transform(X).shape == (len(X), 2)


def test_the_users_rows_are_not_changed():
    rows, weights = X.copy(), np.arange(1.0, len(X) + 1)
    rows.flags.writeable = False
    weights.flags.writeable = False
    autoencoder().fit(rows, sample_weight=weights, X_val=rows[:5])
    np.testing.assert_array_equal(rows, X)
