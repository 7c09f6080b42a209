"""Loadings: equal to finite differences, and to those of PCA where the fit is PCA."""

import functools

import numpy as np
import pandas as pd
import pytest
from helpers import correlated, each_of
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae.networks import DenseNetwork

IRIS = load_iris(as_frame=True).data
TABLE = correlated(80, 6)
IMAGES = load_digits().images[:60]
TRAINED = {"epochs": 10, "validation_fraction": 0, "random_state": 0}
SMOOTH = {"network": DenseNetwork((8,), activation="tanh"), **TRAINED}

FITS = {
    "AutoencoderTransformer": (AutoencoderTransformer(3, **SMOOTH), TABLE),
    "DenoisingAutoencoder": (DenoisingAutoencoder(3, **SMOOTH), TABLE),
    "VAETransformer": (VAETransformer(3, beta=0.01, **SMOOTH), TABLE),
    "ConvAutoencoder": (
        ConvAutoencoder(3, filters=(4,), activation="tanh", **TRAINED),
        IMAGES,
    ),
    "SequenceAutoencoder": (SequenceAutoencoder(3, units=4, **TRAINED), IMAGES),
    "two layers, whitened": (
        AutoencoderTransformer(
            3,
            hidden_layer_sizes=(8, 6),
            activation="silu",
            init="random",
            whiten=True,
            **TRAINED,
        ),
        TABLE,
    ),
    "cross-entropy, sigmoid": (
        AutoencoderTransformer(
            3,
            hidden_layer_sizes=(8,),
            activation="elu",
            code_activation="sigmoid",
            loss="binary_crossentropy",
            **TRAINED,
        ),
        (TABLE - TABLE.min()) / np.ptp(TABLE),
    ),
    "poisson, tanh": (
        AutoencoderTransformer(
            3,
            hidden_layer_sizes=(8,),
            activation="softplus",
            code_activation="tanh",
            loss="poisson",
            **TRAINED,
        ),
        np.floor(TABLE - TABLE.min()),
    ),
    "no hidden layers": (
        AutoencoderTransformer(3, hidden_layer_sizes=(), init="random", **TRAINED),
        TABLE,
    ),
    "activation that NumPy lacks": (
        AutoencoderTransformer(
            3, hidden_layer_sizes=(8,), activation="gelu", **TRAINED
        ),
        TABLE,
    ),
}
BY_DEFAULT = [
    "AutoencoderTransformer",
    "VAETransformer",
    "ConvAutoencoder",
    "two layers, whitened",
    "activation that NumPy lacks",
]
every_fit = pytest.mark.parametrize("name", each_of(list(FITS), BY_DEFAULT))


@functools.cache
def fit(name):
    """Return rows and a fit to them."""
    estimator, rows = FITS[name]
    return rows, estimator.fit(rows)


def derivative(function, points, steps):
    """Return the average central differences of a function by each coordinate."""
    return np.array(
        [
            np.subtract(*(function(points + sign * h) for sign in (1, -1))).mean(axis=0)
            / (2 * h.max())
            for h in np.diag(steps)
        ]
    )


def flat(array):
    return np.asarray(array, np.float64).reshape(len(array), -1)


def as_array(loadings):
    """Return loadings as an array of shape (n_features, n_codes)."""
    return loadings if isinstance(loadings, pd.DataFrame) else flat(loadings).T


def deviations(rows, fitted):
    codes = fitted.transform(rows).astype(float)
    return flat(rows).std(axis=0, ddof=1), codes.std(axis=0, ddof=1)


@every_fit
@pytest.mark.parametrize("n_rows", [None, 1])
def test_loadings_by_the_decoder_are_finite_differences(name, n_rows):
    """Averages, and those that explain a single row."""
    rows, fitted = fit(name)
    of_features, of_codes = deviations(rows, fitted)
    some = rows[:n_rows]
    found = derivative(
        lambda codes: flat(fitted.inverse_transform(codes)),
        fitted.transform(some).astype(float),
        0.03 * of_codes,
    )
    expected = found.T * of_codes / np.where(of_features, of_features, np.inf)[:, None]
    loadings = np.where(of_features[:, None], as_array(fitted.loadings(some)), 0)
    np.testing.assert_allclose(loadings, expected, atol=1e-3)


@every_fit
@pytest.mark.parametrize("n_rows", [None, 1])
def test_loadings_by_the_encoder_are_finite_differences(name, n_rows):
    rows, fitted = fit(name)
    of_features, of_codes = deviations(rows, fitted)
    found = derivative(
        lambda X: fitted.transform(X).astype(float),
        flat(rows[:n_rows]),
        np.where(of_features, 0.03 * of_features, 1e-3),
    )
    expected = found * of_features[:, None] / of_codes
    loadings = as_array(fitted.loadings(rows[:n_rows], by="encoder"))
    np.testing.assert_allclose(loadings, expected, atol=1e-3)


@every_fit
def test_without_rows_loadings_are_those_of_the_training_rows(name):
    rows, fitted = fit(name)
    of_features, _ = deviations(rows, fitted)
    vary = of_features > 0
    np.testing.assert_allclose(
        np.asarray(as_array(fitted.loadings()))[vary],
        np.asarray(as_array(fitted.loadings(rows)))[vary],
        atol=1e-3,
    )


# Linear fits


@pytest.fixture(scope="module")
def linear():
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=(), epochs=1)
    return estimator.fit(IRIS), PCA(2).fit(IRIS)


def test_loadings_of_pca_are_correlations(linear):
    fitted, pca = linear
    codes = pca.transform(IRIS)
    correlations = np.corrcoef(IRIS.T, codes.T)[:4, 4:]
    loadings = fitted.loadings()
    np.testing.assert_allclose(loadings, correlations, atol=1e-5)
    assert list(loadings.index) == list(IRIS.columns)
    assert list(loadings.columns) == list(fitted.get_feature_names_out())
    pd.testing.assert_frame_equal(fitted.loadings(IRIS), loadings)
    pd.testing.assert_frame_equal(fitted.loadings(IRIS[:1]), loadings)


def test_loadings_by_the_encoder_of_pca_are_its_scaled_components(linear):
    fitted, pca = linear
    spread = IRIS.std().to_numpy()[:, None]
    expected = pca.components_.T * spread / np.sqrt(pca.explained_variance_)
    np.testing.assert_allclose(fitted.loadings(IRIS, "encoder"), expected, atol=1e-5)


def test_permutation_of_a_linear_encoder_gives_absolute_loadings(linear):
    fitted, _ = linear
    many = pd.concat([IRIS.sample(frac=1, random_state=i) for i in range(20)])
    found = fitted.loadings(many, "permutation", random_state=0)
    by_encoder = fitted.loadings(IRIS, "encoder").abs()
    np.testing.assert_allclose(found, by_encoder, rtol=0.05)


def test_permutations_have_a_seed(linear):
    fitted, _ = linear
    first, again, other = (
        fitted.loadings(IRIS, "permutation", random_state=seed) for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(first, again)
    assert (first != other).any(axis=None)


# Forms


def test_numbered_features_have_numbered_names():
    _, fitted = fit("AutoencoderTransformer")
    assert list(fitted.loadings().index) == [f"x{i}" for i in range(6)]


@pytest.mark.parametrize("by", ["decoder", "encoder", "permutation"])
def test_loadings_of_images_are_images(by):
    rows, fitted = fit("ConvAutoencoder")
    assert fitted.loadings(rows[:5], by).shape == (3, 8, 8)


def test_features_and_codes_that_do_not_vary_have_no_loadings():
    rows = np.column_stack([TABLE[:, :3], np.full(80, 2.0)])
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(), epochs=1).fit(rows)
    for by in ("decoder", "encoder", "permutation"):
        loadings = fitted.loadings(rows, by)
        assert not loadings.iloc[3].any()
        assert np.isfinite(loadings).all(axis=None)
    fitted = AutoencoderTransformer(1, epochs=1).fit(np.full((20, 3), 7.0))
    assert not fitted.loadings(np.full((2, 3), 7.0), "encoder").any(axis=None)


@pytest.mark.parametrize("by", ["decoder", "encoder", "permutation"])
def test_sparse_rows_have_the_loadings_of_dense_ones(by):
    rows = np.where(np.random.RandomState(0).rand(80, 6) < 0.3, TABLE, 0)
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(8,), epochs=1).fit(rows)
    dense, sparse = (
        fitted.loadings(X, by, random_state=0) for X in (rows, csr_array(rows))
    )
    np.testing.assert_allclose(dense, sparse, atol=1e-5)


def test_missing_values_are_taken():
    rows = np.where(np.random.RandomState(0).rand(80, 6) < 0.1, np.nan, TABLE)
    fitted = AutoencoderTransformer(2, missing_values="allow", epochs=1).fit(rows)
    assert np.isfinite(fitted.loadings(rows, "permutation")).all(axis=None)
    assert np.isfinite(fitted.loadings(rows, "encoder")).all(axis=None)


def test_loadings_after_partial_fit_take_the_deviations_of_the_rows():
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(8,), random_state=0)
    fitted.partial_fit(TABLE)
    of_features, of_codes = deviations(TABLE, fitted)
    found = derivative(
        fitted.inverse_transform, fitted.transform(TABLE), 0.03 * of_codes
    )
    expected = found.T * of_codes / of_features[:, None]
    np.testing.assert_allclose(fitted.loadings(TABLE), expected, atol=1e-2)


# What cannot be


@pytest.mark.parametrize(
    ("X", "by", "message"),
    [
        (None, "encoder", "X is missing, which by='encoder' needs"),
        (TABLE[:1], "permutation", "X has one row, but loadings need two"),
        (TABLE, "gradient", "by must be"),
        (TABLE[:, :4], "decoder", "has 4 features"),
    ],
)
def test_what_has_no_loadings_is_told(X, by, message):
    _, fitted = fit("AutoencoderTransformer")
    with pytest.raises(ValueError, match=message):
        fitted.loadings(X, by)


def test_after_partial_fit_a_row_alone_or_none_is_told():
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(8,)).partial_fit(TABLE)
    with pytest.raises(ValueError, match="X is missing"):
        fitted.loadings()
    with pytest.raises(ValueError, match="two rows or more after partial_fit"):
        fitted.loadings(TABLE[:1])
