"""PCA's attributes and methods: equal to PCA's where the fit is PCA.

What scikit-learn's tests of PCA assert (sklearn/decomposition/tests/test_pca.py), of
fits without hidden layers, which stay at their PCA start.
"""

import functools
import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import correlated, each_of, more_codes_than_features, warns
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_iris, make_low_rank_matrix
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import AutoencoderTransformer, VAETransformer
from skae.networks import DenseNetwork

IRIS = load_iris().data
# 1e-5 is a hundred roundings of float32.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def linear(encoding_dim, **changes):
    """Return an estimator that stays PCA."""
    parameters = {"hidden_layer_sizes": (), "epochs": 1, "random_state": 0, **changes}
    return AutoencoderTransformer(encoding_dim, **parameters)


def low_rank(n_rows, n_features):
    """Return rows whose variance falls to almost nothing, in a unit of their own."""
    return 100 * make_low_rank_matrix(
        n_rows, n_features, effective_rank=10, tail_strength=0.5, random_state=0
    )


def assert_is_pca(fitted, pca):
    """Compare all attributes."""
    assert fitted.best_epoch_ == 0
    for name in (
        "components_",
        "explained_variance_",
        "explained_variance_ratio_",
        "singular_values_",
    ):
        one, other = getattr(fitted, name), getattr(pca, name)
        scale = 1 if name == "components_" else np.abs(other).max()
        np.testing.assert_allclose(one / scale, other / scale, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(fitted.mean_, pca.mean_, **CLOSE)
    assert fitted.noise_variance_ == pytest.approx(
        pca.noise_variance_, rel=1e-5, abs=1e-7 * pca.explained_variance_[0]
    )
    assert fitted.n_components_ == pca.n_components_
    assert fitted.n_samples_ == pca.n_samples_
    assert fitted.n_features_in_ == pca.n_features_in_


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize(
    ("rows", "n_codes"),
    each_of(
        {
            "iris 1": (IRIS, 1),
            "iris 2": (IRIS, 2),
            "iris 3": (IRIS, 3),
            "tall": (low_rank(100, 30), 10),
            "wide": (low_rank(30, 100), 10),
            "wide, nearly all": (low_rank(30, 100).astype(np.float32), 29),
            "all": (correlated(), 5),
        },
        ["iris 3", "wide, nearly all", "all"],
    ),
)
def test_a_fit_that_is_pca_has_its_attributes_and_codes(rows, n_codes, whiten):
    fitted = linear(n_codes, whiten=whiten).fit(rows)
    pca = PCA(n_codes, whiten=whiten, svd_solver="full").fit(rows.astype(float))
    assert_is_pca(fitted, pca)
    codes, expected = fitted.transform(rows), pca.transform(rows.astype(float))
    assert codes.dtype == rows.dtype
    assert fitted.components_.dtype == rows.dtype
    # Whitening blows up the rounding of the last codes.
    size = (10 if whiten else 1) * np.abs(expected).max()
    np.testing.assert_allclose(codes, expected, atol=1e-5 * size)
    again = fitted.inverse_transform(codes)
    np.testing.assert_allclose(
        again, pca.inverse_transform(expected), atol=1e-5 * np.abs(rows).max()
    )


@functools.cache
def three_codes(**parameters):
    return linear(3, **parameters).fit(IRIS), PCA(3).fit(IRIS)


@pytest.mark.parametrize("n_codes", [2, 3])
def test_covariance_and_precision_are_those_of_pca(n_codes):
    fitted, pca = linear(n_codes).fit(IRIS), PCA(n_codes).fit(IRIS)
    covariance, precision = fitted.get_covariance(), fitted.get_precision()
    np.testing.assert_allclose(covariance, pca.get_covariance(), **CLOSE)
    np.testing.assert_allclose(precision, pca.get_precision(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(covariance @ precision, np.eye(4), atol=1e-10)


def test_all_codes_have_the_covariance_of_the_rows():
    fitted = linear(4).fit(IRIS)
    assert fitted.noise_variance_ == 0
    covariance = np.cov(IRIS.T)
    np.testing.assert_allclose(fitted.get_covariance(), covariance, **CLOSE)


def test_the_covariance_of_a_whitened_fit_is_that_of_a_plain_one():
    """PCA's own is another one, as it multiplies by the variances twice."""
    plain, whitened = (linear(2, whiten=w).fit(IRIS) for w in (False, True))
    np.testing.assert_allclose(
        whitened.get_covariance(), plain.get_covariance(), **CLOSE
    )


def test_a_covariance_without_an_inverse_has_a_pseudo_inverse():
    rows = np.random.RandomState(0).randn(40, 2) @ [[1, 0, 1], [0, 1, 1]]
    fitted = linear(2).fit(rows)
    fitted.noise_variance_ = 0.0
    np.testing.assert_allclose(
        fitted.get_precision(), np.linalg.pinv(np.cov(rows.T)), **CLOSE
    )


def test_explained_variance_is_that_of_the_codes():
    fitted, _ = three_codes()
    codes = fitted.transform(IRIS)
    np.testing.assert_allclose(
        fitted.explained_variance_, codes.var(axis=0, ddof=1), **CLOSE
    )
    eigenvalues = np.linalg.eigvalsh(np.cov(IRIS.T))[::-1]
    np.testing.assert_allclose(fitted.explained_variance_, eigenvalues[:3], **CLOSE)


def test_singular_values_are_the_lengths_of_the_codes():
    fitted, _ = three_codes()
    codes = fitted.transform(IRIS)
    np.testing.assert_allclose(
        fitted.singular_values_, np.linalg.norm(codes, axis=0), rtol=1e-5
    )
    assert (fitted.singular_values_**2).sum() == pytest.approx(
        np.linalg.norm(codes) ** 2, rel=1e-5
    )


def test_given_singular_values_come_back():
    rng = np.random.RandomState(0)
    codes = PCA(3).fit_transform(rng.randn(100, 110))
    codes *= [3.142, 2.718, 1.0] / np.linalg.norm(codes, axis=0)
    axes = np.linalg.qr(rng.randn(110, 3))[0].T
    fitted = linear(3).fit(codes @ axes)
    np.testing.assert_allclose(fitted.singular_values_, [3.142, 2.718, 1.0], rtol=1e-5)


def test_the_ratio_of_variance_and_its_fraction_is_the_total():
    rows = np.random.RandomState(0).randn(1000, 20)
    fitted = linear(20).fit(rows)
    total = fitted.explained_variance_ / fitted.explained_variance_ratio_
    np.testing.assert_allclose(total, rows.var(axis=0, ddof=1).sum())


def test_components_are_orthonormal_and_give_the_codes():
    fitted, _ = three_codes()
    components = fitted.components_
    np.testing.assert_allclose(components @ components.T, np.eye(3), atol=1e-6)
    codes = (IRIS - fitted.mean_) @ components.T
    np.testing.assert_allclose(fitted.transform(IRIS), codes, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [csr_array, csr_matrix])
def test_sparse_rows_have_the_attributes_of_dense_ones(kind):
    rng = np.random.RandomState(0)
    dense = np.where(rng.rand(200, 30) < 0.1, rng.rand(200, 30), 0) * rng.rand(30)
    assert_is_pca(linear(5).fit(kind(dense)), PCA(5, svd_solver="full").fit(dense))


def test_a_row_of_weight_two_counts_as_two():
    weights = np.where(np.arange(150) < 40, 2, 1)
    weighted = linear(2, whiten=True).fit(IRIS, sample_weight=weights)
    pca = PCA(2, whiten=True).fit(np.concatenate([IRIS, IRIS[:40]]))
    assert_is_pca(weighted, pca)
    np.testing.assert_allclose(weighted.transform(IRIS), pca.transform(IRIS), **CLOSE)


def test_weights_that_are_shares_are_no_number_of_rows():
    shares = np.full(150, 1 / 150)
    fitted = linear(2).fit(IRIS, sample_weight=shares)
    assert fitted.n_samples_ == pytest.approx(1)
    explained = PCA(2).fit(IRIS).explained_variance_ * 149 / 150
    np.testing.assert_allclose(fitted.explained_variance_, explained, **CLOSE)


def test_another_unit_of_the_data_changes_variances_alone():
    fitted, _ = three_codes()
    scaled = linear(3).fit(1e-3 * IRIS + 7)
    np.testing.assert_allclose(scaled.components_, fitted.components_, atol=1e-4)
    np.testing.assert_allclose(
        scaled.explained_variance_, 1e-6 * fitted.explained_variance_, rtol=1e-4
    )


def test_rows_without_variance_explain_nothing():
    fitted = linear(2).fit(np.full((20, 3), 7.0))
    assert not fitted.explained_variance_.any()
    assert fitted.noise_variance_ == 0
    assert np.isfinite(fitted.components_).all()


def test_pickles_clones_and_files_keep_or_drop_them(tmp_path):
    fitted, _ = three_codes()
    fitted.save(tmp_path / "fit.skae")
    for again in (pickle.loads(pickle.dumps(fitted)), skae.load(tmp_path / "fit.skae")):
        np.testing.assert_array_equal(again.components_, fitted.components_)
        np.testing.assert_array_equal(again.get_precision(), fitted.get_precision())
        pd.testing.assert_frame_equal(again.loadings(), fitted.loadings())
        assert again.n_samples_ == 150
    assert not hasattr(clone(fitted), "components_")
    assert not hasattr(clone(fitted), "n_components_")


def test_a_pass_over_a_part_takes_them_away():
    fitted = linear(2).fit(IRIS).partial_fit(IRIS)
    assert fitted.n_components_ == 2
    for name in ("components_", "explained_variance_", "n_samples_"):
        assert not hasattr(fitted, name)
    with pytest.raises(AttributeError, match="explained_variance_"):
        fitted.get_covariance()


# Bent fits

TRAINED = {"epochs": 20, "validation_fraction": 0}
BENT = {
    "linear codes": {},
    "from random": {"init": "random"},
    "whitened": {"whiten": True},
    "two layers": {"hidden_layer_sizes": (8, 6)},
    "gelu, which NumPy lacks": {"activation": "gelu"},
    "cross-entropy": {"loss": "binary_crossentropy"},
    "sigmoid": {"code_activation": "sigmoid"},
}


@pytest.mark.parametrize("name", each_of(list(BENT), ["linear codes", "whitened"]))
def test_components_are_average_derivatives_of_the_decoder(name):
    """By central differences, per unit in which the variance is what is explained."""
    rows = correlated(80, 6)
    rows = (rows - rows.min()) / np.ptp(rows)
    parameters = {"hidden_layer_sizes": (8,), "activation": "tanh", **BENT[name]}
    fitted = linear(3, **{**parameters, **TRAINED}).fit(rows)
    codes = fitted.transform(rows)
    deviations = codes.std(axis=0, ddof=1)
    steps = 0.05 * deviations
    found = [
        np.subtract(*map(fitted.inverse_transform, (codes + h, codes - h))).mean(axis=0)
        / (2 * h.max())
        for h in np.diag(steps)
    ]
    # What each code explains by a linear regression on it alone.
    centred = rows - rows.mean(axis=0)
    shared = (codes - codes.mean(axis=0)).T @ centred / (len(rows) - 1)
    explained = (shared**2).sum(axis=1) / deviations**2
    found *= (deviations / np.sqrt(explained))[:, None]
    np.testing.assert_allclose(fitted.components_, found, atol=5e-3)
    if name in ("linear codes", "whitened"):
        lengths = np.linalg.norm(fitted.components_, axis=1)
        np.testing.assert_allclose(lengths, 1, atol=0.3)


@pytest.mark.slow
def test_a_variational_fit_has_directions_of_the_axes():
    """At its start, probabilistic PCA, which shrinks by the noise's fraction."""
    rows = correlated(200, 5)
    vae = VAETransformer(2, network=DenseNetwork(()), epochs=1, random_state=0)
    vae.set_params(learning_rate=1e-30).fit(rows)
    components = vae.components_
    lengths = np.linalg.norm(components, axis=1, keepdims=True)
    np.testing.assert_allclose(
        components / lengths, PCA(2).fit(rows).components_, atol=1e-4
    )
    assert (lengths < 1).all()


@more_codes_than_features
def test_codes_that_explain_nothing_linearly_have_directions_of_length_one():
    """By the rows' three features, two of five uncorrelated codes explain nothing."""
    rows = correlated(80, 3)
    how = {"hidden_layer_sizes": (8,), "init": "random", **TRAINED}
    fitted = linear(5, **how).fit(rows)
    lengths = np.linalg.norm(fitted.components_, axis=1)
    assert (fitted.explained_variance_ratio_[3:] < 1e-10).all()
    np.testing.assert_allclose(lengths[3:], 1)
    np.testing.assert_allclose(fitted.loadings(), fitted.loadings(rows), atol=1e-6)


# Codes that nothing fills


def test_more_codes_than_features_are_told():
    with warns(UserWarning, r"28 of 32 codes are zero.*Set encoding_dim=4"):
        fitted = linear(32).fit(IRIS)
    assert (fitted.transform(IRIS)[:, 4:] == 0).all()
    np.testing.assert_allclose(
        fitted.explained_variance_[:4], PCA().fit(IRIS).explained_variance_, **CLOSE
    )


def test_more_codes_than_rows_are_told():
    rows = np.random.RandomState(0).randn(6, 20)
    with warns(UserWarning, r"3 of 8 codes are zero.*Set encoding_dim=5"):
        linear(8).fit(rows)


# PCA's parameter


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, VAETransformer])
def test_n_components_is_told_its_name_here(estimator):
    match = rf"{estimator.__name__} has no parameter n_components.*encoding_dim=3"
    with pytest.raises(TypeError, match=match):
        estimator(n_components=3)
    with pytest.raises(TypeError, match=match):
        estimator().set_params(n_components=3)


def test_n_components_in_a_grid_is_told_its_name_here():
    pipeline = make_pipeline(StandardScaler(), linear(2))
    grid = {"autoencodertransformer__n_components": [2, 3]}
    with pytest.raises(TypeError, match="encoding_dim=2"):
        GridSearchCV(pipeline, grid, cv=2).fit(IRIS)


def test_other_names_are_refused_as_ever():
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        AutoencoderTransformer(n_component=3)
    with pytest.raises(ValueError, match="Invalid parameter"):
        AutoencoderTransformer().set_params(n_component=3)


def test_a_subclass_may_have_a_parameter_of_that_name():
    class Mine(AutoencoderTransformer):
        def __init__(self, n_components=2, *, random_state=None):
            super().__init__(n_components, random_state=random_state)
            self.n_components = n_components

    assert Mine(n_components=3).set_params(n_components=4).n_components == 4
