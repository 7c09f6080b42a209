"""Rows scaled as they are read: the bits of a copy, without one."""

import keras
import numpy as np
import pytest
from helpers import assert_same_bits, each_of
from large import FITS, WORK, autoencoder, sizes_written, take_for_large
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer, DenoisingAutoencoder, VAETransformer
from skae._data import rows as rows_module
from skae._data import scaling
from skae._data.lazy import LazyRows, ScaledRows
from skae._data.scaling import Scaling
from skae._runtime.tensorflow import has_gpu, load_tensorflow

rng = np.random.RandomState(0)
X = load_digits().data[:150]
UNIT = X / 16
WEIGHTS = rng.randint(0, 3, len(X)).astype(float)
SCALING = Scaling(X.mean(axis=0), 2.5)


@pytest.fixture
def _as_if_large(monkeypatch):
    take_for_large(monkeypatch, X.shape[1])


as_if_large = pytest.mark.usefixtures("_as_if_large")

# Rows that read like an array


@pytest.fixture
def rows(_as_if_large):
    """All rows of X, scaled as they are read."""
    return SCALING.scaled_rows(X, np.arange(len(X)))


def test_some_rows_are_those_of_the_scaled_array(rows):
    scaled = (X - X.mean(axis=0)) / 2.5
    numbers = rng.permutation(len(X))
    shuffled = rows[numbers]
    assert isinstance(shuffled, ScaledRows)
    assert shuffled.shape == X.shape
    assert len(shuffled) == len(X)
    assert shuffled.size == X.size
    assert np.asarray(shuffled).dtype == shuffled.dtype == np.float32
    assert_allclose(shuffled, scaled[numbers], rtol=1e-6, atol=1e-6)
    assert_allclose(shuffled[10:20], scaled[numbers][10:20], rtol=1e-6, atol=1e-6)
    assert_allclose(shuffled[[3, 3, 1]], scaled[numbers[[3, 3, 1]]], 1e-6, 1e-6)
    assert np.asarray(rows, np.float64).dtype == np.float64


DTYPES = [np.float64, np.float32, np.float16, np.uint8, np.int16, np.int64, bool]


@as_if_large
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_every_type_are_scaled_to_float32_s_precision(dtype):
    given = X.astype(dtype)
    exact = (given.astype(np.float64) - X.mean(axis=0)) / 2.5
    scaled = SCALING.scaled_rows(given, np.arange(len(X)))
    assert isinstance(scaled, ScaledRows)
    assert_allclose(scaled, exact, rtol=1e-6, atol=1e-6)
    assert_array_equal(scaled, SCALING.standardize(given, np.arange(len(X))))


@as_if_large
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_a_large_mean_costs_types_of_64_bits_no_digits(dtype):
    given = (X + 1e9).astype(dtype)
    scaled = Scaling(given.mean(axis=0), 2.5).scaled_rows(given, np.arange(len(X)))
    assert_allclose(scaled, (X - X.mean(axis=0)) / 2.5, rtol=1e-5, atol=1e-5)


@as_if_large
@pytest.mark.parametrize("scale", [1e-36, 1e36])
def test_scales_beyond_float32_are_no_matter(scale):
    given = (X * scale).astype(np.float32)
    exact = given.astype(np.float64)
    scaled = Scaling(exact.mean(axis=0), scale).scaled_rows(given, np.arange(len(X)))
    assert_allclose(scaled, (exact - exact.mean(axis=0)) / scale, rtol=1e-5, atol=1e-5)


# How often rows are read


def reads(monkeypatch, epochs):
    """Return how often a fit reads rows on a curve, as they are and scaled."""
    angles = rng.uniform(-7, 7, (150, 1))
    curve = np.cos(angles * np.linspace(0, 0.3, 8)) + 0.01 * rng.randn(150, 8)
    scaled, whole = sizes_written(monkeypatch, ScaledRows), []
    chunks = rows_module.row_chunks

    def watched(rows):
        whole.append(isinstance(rows, np.ndarray) and rows.shape == curve.shape)
        return chunks(rows)

    monkeypatch.setattr(rows_module, "row_chunks", watched)
    fitted = autoencoder(
        encoding_dim=1, hidden_layer_sizes=(32,), epochs=epochs, early_stopping=False
    ).fit(curve)
    assert fitted.best_epoch_ > 0  # codes that stay PCA's are in order unread
    return sum(whole) + sum(scaled) / len(curve)


def test_rows_are_read_ten_times_at_most_beside_the_epochs(monkeypatch):
    """An epoch reads its batches, and the rows that judge it."""
    take_for_large(monkeypatch, 8)
    ten, eleven = (reads(monkeypatch, epochs) for epochs in (10, 11))
    assert ten - 10 * (eleven - ten) <= 10


# Values that are not finite, which are found as means are taken


@as_if_large
@pytest.mark.parametrize(
    ("value", "allowed", "message"),
    [
        (np.nan, "error", "Input X contains NaN"),
        (np.inf, "error", "Input X contains infinity"),
        (np.inf, "allow", "Input X contains infinity"),
    ],
)
def test_large_rows_must_be_finite(value, allowed, message):
    rows = X.copy()
    rows[100, 30] = value
    with pytest.raises(ValueError, match=message):
        autoencoder(missing_values=allowed).fit(rows)


@as_if_large
def test_large_rows_that_do_not_count_must_be_finite_too():
    rows = X.copy()
    rows[100, 30] = np.nan
    weights = np.arange(len(X)) != 100
    with pytest.raises(ValueError, match="Input X contains NaN"):
        autoencoder().fit(rows, sample_weight=weights)


# When there is a copy


def is_copied(given):
    return not isinstance(SCALING.scaled_rows(given, np.arange(len(given))), LazyRows)


def test_small_data_are_copied():
    assert is_copied(X)


@as_if_large
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (X, False),
        (X[::2], False),
        (np.asfortranarray(X), True),
        (np.repeat(X, 2, axis=1)[:, ::2], True),
    ],
    ids=["in order", "every other row", "by columns", "every other column"],
)
def test_rows_that_do_not_lie_in_one_piece_are_copied(given, wanted):
    assert is_copied(given) == wanted


@as_if_large
def test_a_gpu_gets_a_copy(monkeypatch):
    monkeypatch.setattr(scaling, "has_gpu", lambda: True)
    assert is_copied(X)


def test_a_gpu_is_seen_where_tensorflow_lists_one(monkeypatch):
    tf = load_tensorflow()
    for found in ([], ["GPU:0"]):
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind, f=found: f)
        assert has_gpu() == bool(found)


# Fits


@as_if_large
@pytest.mark.filterwarnings("ignore:.*codes have collapsed")
@pytest.mark.parametrize("how", each_of(FITS, ["mse"]))
def test_a_fit_has_the_bits_of_one_with_a_copy(monkeypatch, how):
    lazy = autoencoder(**how).fit(UNIT, sample_weight=WEIGHTS)
    monkeypatch.setattr(scaling, "_MOST_BYTES_ALWAYS_COPIED", 2**26)
    assert_same_bits(lazy, autoencoder(**how).fit(UNIT, sample_weight=WEIGHTS))


OTHER_FITS = {
    "pairs": lambda: autoencoder(DenoisingAutoencoder).fit(UNIT, X_clean=X),
    "noise": lambda: autoencoder(DenoisingAutoencoder).fit(X),
    "swap noise": lambda: autoencoder(DenoisingAutoencoder, corruption="swap").fit(X),
    "rows to judge": lambda: autoencoder().fit(X[:90], X_val=X[90:]),
    "no value missing": lambda: autoencoder(missing_values="allow").fit(X),
    "a share of the variance": lambda: autoencoder(encoding_dim=0.7).fit(X),
    "whitened": lambda: autoencoder(whiten=True).fit(X),
    "nested": lambda: autoencoder(nested_dropout=True).fit(X),
    "in parts": lambda: autoencoder().partial_fit(X[:80]).partial_fit(X[80:]),
    "callbacks": lambda: autoencoder(
        callbacks=[
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
        ]
    ).fit(X),
    "float32": lambda: autoencoder().fit(X.astype(np.float32)),
    "uint8": lambda: autoencoder().fit(X.astype(np.uint8)),
}


@pytest.mark.slow
@as_if_large
@pytest.mark.parametrize("fit", each_of(OTHER_FITS, list(OTHER_FITS)[:2]))
def test_other_fits_have_the_bits_of_those_with_a_copy_too(monkeypatch, fit):
    lazy = fit()
    monkeypatch.setattr(scaling, "_MOST_BYTES_ALWAYS_COPIED", 2**26)
    assert_same_bits(lazy, fit())


@pytest.mark.slow
@as_if_large
@pytest.mark.parametrize("name", ["score_samples", "log_likelihood"])
def test_likelihoods_have_the_bits_of_those_of_a_copy(monkeypatch, name):
    fitted = autoencoder(VAETransformer, 3).fit(X)
    lazy = getattr(fitted, name)(X)
    monkeypatch.setattr(scaling, "_MOST_BYTES_ALWAYS_COPIED", 2**26)
    assert_array_equal(lazy, getattr(fitted, name)(X))


@pytest.mark.slow
@as_if_large
def test_missing_values_are_filled_in_a_copy(monkeypatch):
    gaps = np.where(rng.rand(*X.shape) < 0.1, np.nan, X)
    lazy = autoencoder(missing_values="allow").fit(gaps)
    monkeypatch.setattr(scaling, "_MOST_BYTES_ALWAYS_COPIED", 2**26)
    assert_same_bits(lazy, autoencoder(missing_values="allow").fit(gaps))


@as_if_large
def test_a_memory_map_gives_the_bits_of_the_array(tmp_path):
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert_same_bits(autoencoder().fit(X), autoencoder().fit(mapped))


@as_if_large
@pytest.mark.filterwarnings("ignore:partial_fit goes on:UserWarning")
@pytest.mark.parametrize("work", WORK.values(), ids=WORK.keys())
@pytest.mark.parametrize(
    "kind",
    [
        AutoencoderTransformer,
        pytest.param(DenoisingAutoencoder, marks=pytest.mark.slow),
        pytest.param(VAETransformer, marks=pytest.mark.slow),
    ],
)
def test_few_rows_are_scaled_at_a_time(monkeypatch, kind, work):
    one = autoencoder(kind).fit(X)
    sizes = sizes_written(monkeypatch, ScaledRows)
    work(one, X)
    assert max(sizes, default=0) <= 48
