"""Sparse rows: what is learnt from them is what their dense form teaches."""

import functools

import keras
import numpy as np
import pytest
from helpers import assert_same_bits, each_of
from large import FITS, WORK, autoencoder, sizes_written, take_for_large
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer, DenoisingAutoencoder, VAETransformer
from skae._data.corruption import KINDS, Corruption, Noise
from skae._data.moments import mean_and_variance, rounding_of
from skae._data.prepare import UserData, corrupted_once, corruption_units, prepare
from skae._data.rows import Rows, row_chunks
from skae._data.scaling import Scaling
from skae._data.sparse import Deviations, SparseRows
from skae._pca import axes as axes_module
from skae._pca.krylov import leading_pairs
from skae._runtime.randomness import draw_seed
from skae._training import batches, pca_start
from skae.networks import CustomNetwork, DenseNetwork

rng = np.random.RandomState(0)
X = load_digits().data[:150]
UNIT = X / 16
WEIGHTS = rng.randint(0, 3, len(X)).astype(float)
CSR = sparse.csr_array


@pytest.fixture
def _as_if_large(monkeypatch):
    """Have small matrices taken for large ones, in many pieces."""
    take_for_large(monkeypatch, X.shape[1])


as_if_large = pytest.mark.usefixtures("_as_if_large")


def assert_same_fit(one, other, rows=X):
    """Check that two fits agree, and so what they make of rows of either kind."""
    for name, values in one.history_.items():
        assert_allclose(values, other.history_[name], rtol=2e-4, atol=1e-5)
    assert one.best_epoch_ == other.best_epoch_
    assert_allclose(other.mean_, one.mean_, rtol=1e-12, atol=1e-12)
    codes = one.transform(rows)
    close = functools.partial(assert_allclose, rtol=2e-3, atol=2e-3 * np.ptp(codes))
    for given in (rows, CSR(rows)):
        close(other.transform(given), codes)
        close(other.reconstruct(given), one.reconstruct(rows))
        close(other.score_samples(given), one.score_samples(rows))
        assert other.score(given) == pytest.approx(one.score(rows), rel=1e-4)
    close(other.inverse_transform(codes), one.inverse_transform(codes))


# Rows that read like an array


def with_duplicates():
    """Return a matrix with places stored twice and out of order, and its dense form."""
    parts = np.array([1.0, 2, 3]), np.array([1, 1, 0]), np.array([0, 2, 3])
    return sparse.csr_matrix(parts, shape=(2, 3)), [[0, 3, 0], [3, 0, 0]]


def test_some_rows_are_those_of_the_dense_matrix():
    rows = SparseRows.of(CSR(X))
    numbers = rng.permutation(len(X))
    shuffled = rows[numbers]
    assert shuffled.shape == X.shape
    assert len(shuffled) == len(X)
    assert shuffled.size == X.size
    assert_array_equal(np.asarray(shuffled), X[numbers])
    assert_array_equal(np.asarray(shuffled[10:20]), X[numbers][10:20])
    assert_array_equal(np.asarray(shuffled[[3, 3, 1]]), X[numbers][[3, 3, 1]])
    assert np.asarray(rows, np.float32).dtype == np.float32


@pytest.mark.usefixtures("_as_if_large")
def test_columns_come_in_parts_that_make_up_the_rows():
    parts = [np.asarray(part) for part in SparseRows.of(CSR(X)).column_chunks()]
    assert len(parts) > 1
    assert_array_equal(np.hstack(parts), X)


def test_places_stored_twice_count_together_and_the_matrix_stays_as_it_was():
    matrix, dense = with_duplicates()
    assert_array_equal(np.asarray(SparseRows.of(matrix)), dense)
    assert matrix.nnz == 3


@pytest.mark.parametrize("rows", [X - 3, X + 3, -X, X], ids=str)
def test_extremes_are_the_array_s(rows):
    some = SparseRows.of(CSR(rows))[10:60]
    assert (some.min(), some.max()) == (rows[10:60].min(), rows[10:60].max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, bool])
def test_standardized_rows_have_the_bits_of_dense_ones(dtype):
    rows, scaling = X.astype(dtype), Scaling(X.mean(axis=0), 2.5)
    order = rng.permutation(len(X))[:70]
    standardized = scaling.standardize(SparseRows.of(CSR(rows)), order)
    assert isinstance(standardized, SparseRows)
    assert_array_equal(np.asarray(standardized), scaling.standardize(rows, order))


@as_if_large
@pytest.mark.parametrize("offset", [0, 1e6], ids=["zeros", "far from zero"])
def test_means_and_variances_are_those_of_dense_rows(offset):
    rows = np.where(rng.rand(*X.shape) < 0.9, X + offset, 0)
    standardized = Scaling(rows.mean(axis=0), rows.std()).standardize(
        SparseRows.of(CSR(rows)), np.arange(len(X))
    )
    for given in (SparseRows.of(CSR(rows)), standardized):
        mean, variance = mean_and_variance(given, WEIGHTS)
        dense = np.asarray(given, np.float64)
        exact = np.average(dense, axis=0, weights=WEIGHTS)
        assert_allclose(mean, exact, rtol=1e-12, atol=1e-12)
        exact = np.average((dense - exact) ** 2, axis=0, weights=WEIGHTS)
        assert_allclose(variance, exact, rtol=1e-10)


def test_equal_rows_have_no_variance():
    rows = SparseRows.of(CSR(np.tile([1e6 / 3, 0, 0.1], (999, 1))))
    mean, variance = mean_and_variance(rows, rng.rand(999))
    assert_allclose(mean, [1e6 / 3, 0, 0.1])
    assert np.sqrt(variance.mean()) <= rounding_of(mean)


# Products and axes without the dense matrix


@pytest.fixture
def deviations(_as_if_large):
    """Deviations of standardized rows, and the same as an array."""
    rows = Scaling(X.mean(axis=0), 3.0).standardize(
        SparseRows.of(CSR(X)), np.arange(99)
    )
    weights, mean = rng.rand(99), rng.randn(X.shape[1])
    dense = (np.asarray(rows, np.float64) - mean) * np.sqrt(weights)[:, None]
    return Deviations(rows, weights, mean), dense


def test_products_of_deviations_are_those_of_the_array(deviations):
    implicit, dense = deviations
    vectors, left = rng.randn(dense.shape[1], 3), rng.randn(len(dense), 2)
    assert_allclose(implicit @ vectors, dense @ vectors, atol=1e-9)
    assert_allclose(implicit.transposed_matmul(left), dense.T @ left, atol=1e-9)
    assert_allclose(implicit.covariance(), dense.T @ dense, atol=1e-9)
    assert_allclose(
        implicit.covariance_times(vectors), dense.T @ dense @ vectors, atol=1e-9
    )
    assert_allclose(implicit.gram_matrix(), dense @ dense.T, atol=1e-9)


@pytest.mark.parametrize("n_pairs", [1, 5, 30, 64])
def test_leading_pairs_are_eigenpairs_of_the_covariance(deviations, n_pairs):
    implicit, dense = deviations
    values, vectors = leading_pairs(implicit, n_pairs, np.random.RandomState(0))
    exact = np.linalg.eigvalsh(dense.T @ dense)[::-1][:n_pairs]
    assert_allclose(values, exact, rtol=0.03 if n_pairs == 30 else 1e-4, atol=1e-9)
    assert_allclose(vectors @ vectors.T, np.eye(n_pairs), atol=1e-9)


def test_more_blocks_find_pairs_that_are_close():
    """Of noise alone: the eigenvalues of the covariance lie close together."""
    rows = rng.randn(300, 200)
    implicit = Deviations(SparseRows.of(CSR(rows)), np.ones(300), np.zeros(200))
    exact = np.linalg.eigvalsh(rows.T @ rows)[::-1][:4]
    errors = [
        exact - leading_pairs(implicit, 4, np.random.RandomState(0), most)[0]
        for most in (6, 12)
    ]
    assert errors[1].max() < 1e-3 * errors[0].max()


def test_leading_pairs_are_found_where_the_rest_is_zero():
    rows = rng.randn(40, 3) @ rng.randn(3, 60)
    implicit = Deviations(SparseRows.of(CSR(rows)), np.ones(40), np.zeros(60))
    values, vectors = leading_pairs(implicit, 5, np.random.RandomState(0))
    exact = np.linalg.eigvalsh(rows @ rows.T)[::-1][:5]
    assert_allclose(values, exact, atol=1e-9 * exact[0])
    assert_allclose(vectors @ vectors.T, np.eye(5), atol=1e-9)


SOLVERS = {
    "sparse covariance": {"_SPARSE_PRODUCTS": 1},
    "dense covariance": {"_SPARSE_PRODUCTS": 0},
    "Gram matrix": {"_LARGEST_MATRIX": 60, "n_rows": 50},
    "Krylov": {"_LARGEST_MATRIX": 20},
}


@as_if_large
@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS.keys())
def test_every_solver_gives_the_axes_of_dense_rows(monkeypatch, solver):
    how = dict(solver)
    order = np.arange(how.pop("n_rows", len(X)))
    weights = WEIGHTS[order] + 0.5
    scaling = Scaling(X.mean(axis=0), 4.0)
    values = scaling.standardize(X, order)
    generator = np.random.RandomState(0)
    dense = axes_module.principal_axes(values, weights, 5, generator)
    for name, value in how.items():
        monkeypatch.setattr(axes_module, name, value)
    rows = scaling.standardize(SparseRows.of(CSR(X)), order)
    axes = axes_module.principal_axes(rows, weights, 5, generator)
    assert_allclose(axes.components, dense.components, atol=1e-5)
    for name in ("variances", "residual_variances", "mean"):
        expected = getattr(dense, name)
        assert_allclose(getattr(axes, name), expected, rtol=1e-4, atol=1e-6)
    assert axes.complete == dense.complete


# Small matrices become dense


@pytest.mark.parametrize(
    "form", each_of(["csr", "csc", "coo", "lil", "bsr", "dok"], ["csr", "coo"])
)
def test_small_matrices_give_the_bits_of_dense_ones(form):
    dense = autoencoder().fit(X)
    for kind in (sparse.csr_array, sparse.csr_matrix):
        given = kind(X).asformat(form)
        fitted = autoencoder().fit(given)
        assert_same_bits(dense, fitted)
        assert_array_equal(fitted.transform(given), dense.transform(X))


# Large matrices


@pytest.mark.slow
@as_if_large
@pytest.mark.filterwarnings("ignore:.*codes have collapsed")
@pytest.mark.parametrize("how", each_of(FITS, ["mse", "variational"]))
def test_a_fit_is_that_of_dense_rows(how):
    dense = autoencoder(**how).fit(UNIT, sample_weight=WEIGHTS)
    for given in (sparse.csr_array(UNIT), sparse.csc_matrix(UNIT)):
        fitted = autoencoder(**how).fit(given, sample_weight=WEIGHTS)
        assert_same_fit(dense, fitted, UNIT)


@pytest.mark.slow
@as_if_large
def test_a_logistic_start_of_few_rows_is_near_that_of_all(monkeypatch):
    """The regression reads as many rows as the limit of values allows."""
    monkeypatch.setattr(pca_start, "_SPARSE_VALUES", 0)
    rows = np.tile(UNIT, (10, 1))
    dense = autoencoder(loss="binary_crossentropy").fit(rows)
    fitted = autoencoder(loss="binary_crossentropy").fit(CSR(rows))
    assert fitted.initial_loss_ == pytest.approx(dense.initial_loss_, rel=0.05)


@pytest.mark.slow
@as_if_large
@pytest.mark.parametrize("kind", [np.asarray, CSR], ids=["dense", "sparse"])
def test_rows_that_judge_may_be_of_either_kind(kind):
    given = {"X_val": X[100:], "sample_weight": WEIGHTS[:100]}
    dense = autoencoder().fit(X[:100], **given)
    fitted = autoencoder().fit(CSR(X[:100]), **{**given, "X_val": kind(X[100:])})
    assert_same_fit(dense, fitted)


@pytest.mark.slow
@as_if_large
@pytest.mark.parametrize("noisy_kind", [np.asarray, CSR], ids=["dense", "sparse"])
@pytest.mark.parametrize("clean_kind", [np.asarray, CSR], ids=["dense", "sparse"])
def test_pairs_may_be_of_either_kind(noisy_kind, clean_kind):
    noisy = X * (rng.rand(*X.shape) < 0.8)
    dense = autoencoder(DenoisingAutoencoder).fit(noisy, X_clean=X)
    fitted = autoencoder(DenoisingAutoencoder).fit(
        noisy_kind(noisy), X_clean=clean_kind(X)
    )
    assert_same_fit(dense, fitted)
    assert_allclose(fitted.denoise(CSR(noisy)), dense.denoise(noisy), atol=0.05)


@pytest.mark.slow
@as_if_large
def test_callbacks_see_the_batches_of_dense_rows():
    seen = {}

    def fit(rows):
        losses = seen.setdefault(type(rows), [])
        callback = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: losses.append(logs["loss"])
        )
        return autoencoder(callbacks=[callback]).fit(rows)

    dense, fitted = fit(X), fit(CSR(X))
    assert_same_fit(dense, fitted)
    one, other = seen.values()
    assert_allclose(other, one, rtol=1e-4)
    assert len(one) == 3 * 8


@pytest.mark.slow
@as_if_large
def test_parts_and_warm_starts_continue_as_with_dense_rows():
    pair = autoencoder(), autoencoder()
    for part in (slice(0, 80), slice(80, 150)):
        for one, given in zip(pair, (X[part], CSR(X[part])), strict=True):
            one.partial_fit(given)
    assert_same_fit(*pair)
    for one, given in zip(pair, (X, CSR(X)), strict=True):
        one.set_params(warm_start=True).fit(given)
    assert_same_fit(*pair)


@pytest.mark.slow
@as_if_large
def test_likelihoods_are_those_of_dense_rows():
    fitted = autoencoder(VAETransformer, 3).fit(CSR(X))
    expected = fitted.log_likelihood(X, 20)
    assert_allclose(fitted.log_likelihood(CSR(X), 20), expected, rtol=1e-5)


CONVERSIONS = {
    "float32": (np.float32, np.float32),
    "float64": (np.float64, np.float64),
    "integers": (np.int32, np.float64),
    "booleans": (bool, np.float64),
}


@as_if_large
@pytest.mark.parametrize(
    ("dtype", "expected"), CONVERSIONS.values(), ids=CONVERSIONS.keys()
)
def test_codes_are_of_the_type_that_dense_rows_give(dtype, expected):
    rows = X.astype(dtype)
    fitted = autoencoder().fit(CSR(rows))
    codes = fitted.transform(CSR(rows))
    assert codes.dtype == fitted.transform(rows).dtype == expected
    assert_allclose(codes, fitted.transform(rows), rtol=1e-4, atol=1e-4)


@as_if_large
def test_long_indices_give_the_same_bits():
    long = CSR(X)
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype("i8")
    assert_same_bits(autoencoder().fit(CSR(X)), autoencoder().fit(long))


@as_if_large
def test_places_stored_twice_are_added_up_in_a_fit():
    once = CSR(X)
    halves = np.repeat(once.data / 2, 2), np.repeat(once.indices, 2), 2 * once.indptr
    twice = sparse.csr_matrix(halves, shape=X.shape)
    assert_same_bits(autoencoder().fit(once), autoencoder().fit(twice))
    assert twice.nnz == 2 * once.nnz


@as_if_large
def test_a_fit_does_not_depend_on_how_many_batches_are_fed_together(monkeypatch):
    together = autoencoder().fit(CSR(X))
    monkeypatch.setattr(batches, "_BYTES_AT_A_TIME", 1)
    assert_same_bits(together, autoencoder().fit(CSR(X)))


@as_if_large
def test_the_unit_interval_is_checked():
    message = r"X has values from 0 to 16\. Scale"
    with pytest.raises(ValueError, match=message):
        autoencoder(loss="binary_crossentropy").fit(CSR(X))


@as_if_large
def test_rows_beyond_float32_are_told_from_others():
    rows = X.copy()
    rows[3, 4] = -1e300
    with pytest.raises(ValueError, match=r"X has values of up to 1e\+300"):
        autoencoder().fit(X).transform(CSR(rows))


@as_if_large
def test_text_passes_through_a_pipeline():
    text = ["the cat sat", "the dog sat", "a dog ran", "a cat ran", "the cat ran"] * 8
    pipeline = make_pipeline(TfidfVectorizer(), autoencoder(encoding_dim=2))
    codes = pipeline.fit_transform(text)
    assert codes.shape == (40, 2)
    assert_allclose(codes[:5], codes[5:10], atol=1e-5)


# Never dense as a whole


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
def test_few_rows_are_dense_at_a_time(monkeypatch, kind, work):
    one = autoencoder(kind).fit(X)
    sizes = sizes_written(monkeypatch, SparseRows)
    monkeypatch.setattr(sparse.csr_array, "toarray", None)
    work(one, CSR(X))
    assert max(sizes, default=0) <= 48


# Corruption


@pytest.mark.slow
@as_if_large
@pytest.mark.parametrize("kind", KINDS)
def test_denoising_judges_every_epoch_by_the_same_rows(kind):
    """With steps that vanish the losses stay as they are."""
    fitted = autoencoder(
        DenoisingAutoencoder, corruption=kind, learning_rate=1e-30, epochs=3
    ).fit(CSR(X))
    assert len(set(fitted.history_["val_loss"])) == 1
    assert fitted.history_["val_loss"][0] == fitted.initial_loss_


@pytest.mark.slow
@as_if_large
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_judge_are_corrupted_as_dense_ones_are(kind):
    """By as much on average: the draws are others."""
    errors = []
    for rows in (X, CSR(X)):
        owner = autoencoder(DenoisingAutoencoder, corruption=kind)
        generator = np.random.RandomState(0)
        data = UserData(rows, X_val=np.tile(X, (20, 1)) if rows is X else None)
        objective = owner._objective()
        fraction = owner.validation_fraction
        prepared = prepare(
            owner, data, objective, generator, validation_fraction=fraction
        )
        validation = prepared.validation
        if rows is not X:
            validation = prepared.rows[np.tile(np.arange(len(X)), 20)]
        clean = np.asarray(validation.values)
        noisy = corrupted_once(
            validation,
            prepared.training_rows,
            objective.corruption,
            corruption_units(prepared, Noise(2.0, 1.0)),
            draw_seed(generator),
        ).values
        noisy = np.concatenate([noisy[part] for part in row_chunks(noisy)])
        errors.append(((noisy - clean) ** 2).mean())
        assert noisy.dtype == np.float32
    assert errors[1] == pytest.approx(errors[0], rel=0.05)


@as_if_large
def test_swapped_values_come_from_the_rows_of_the_step_by_what_these_count():
    values = np.arange(12.0)[:, None] + [0, 100]
    feed = batches.BatchReader(
        Rows(SparseRows.of(CSR(values.astype(np.float32))), np.ones(12)),
        [None] * 5 + [np.ones(12)],
    )
    numbers = np.array([[7, 2, 5, 9]], np.int32)
    counts = np.array([[1, 0, 2, 1]], np.float32)
    fed = feed.take(numbers, counts, np.ones_like(counts), slice(0, 1))
    assert_array_equal(fed.data[0], values[[7, 2, 5, 9]])
    assert_array_equal(fed.numbers, [[0, 1, 2, 3]])
    assert_allclose(fed.units[-1], [0.25, 0.25, 0.75, 1])


def test_a_search_of_corruption_reads_the_same_whatever_the_rows_are():
    corruption = Corruption("masking", 1.0)
    owner = autoencoder(DenoisingAutoencoder, corruption="masking", corruption_rate=1.0)
    generator = np.random.RandomState(0)
    prepared = prepare(owner, UserData(X), owner._objective(), generator)
    rows = SparseRows.of(CSR(prepared.rows.values))
    units = corruption_units(prepared, Noise(1.0, 1.0))
    masked = corruption.apply_once(rows, np.zeros((1, 64), np.float32), units, 0)
    assert masked.shape == rows.shape
    assert_array_equal(np.asarray(masked[:5]), np.zeros((5, 64)))


# Products in place of the layers that read the rows


def two_readers(sample_shape, encoding_dim):
    rows = keras.Input(sample_shape)
    flat = keras.layers.Dense(5, activation="tanh", name="one")(rows)
    other = keras.layers.Dense(3, activation="relu", name="other")(rows)
    merged = keras.layers.BatchNormalization()(
        keras.layers.Concatenate()([other, flat, flat])
    )
    return keras.Model(rows, keras.layers.Dense(encoding_dim)(merged))


def decoder(sample_shape, encoding_dim):
    return keras.Sequential(
        [keras.Input((encoding_dim,)), keras.layers.Dense(*sample_shape)]
    )


@pytest.mark.slow
@as_if_large
@pytest.mark.parametrize(
    "network",
    [CustomNetwork(two_readers, decoder), DenseNetwork(()), DenseNetwork((7, 6))],
    ids=["custom", "linear", "deep"],
)
def test_codes_of_sparse_rows_are_those_of_dense_ones(monkeypatch, network):
    fitted = AutoencoderTransformer(3, network=network, epochs=2, random_state=0).fit(X)
    assert_allclose(fitted.transform(CSR(X)), fitted.transform(X), rtol=1e-4, atol=1e-4)
