import numpy as np
import pytest
from displayed import DENSE, TABLE
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.model_selection import KFold

from skae import AutoencoderTransformer, compare
from skae.displays import EncodingDimDisplay

TRAIN, TEST = TABLE[:40], TABLE[40:]
DIMS = [1, 2]


def errors(estimator, X_train=TRAIN, X_test=TEST):
    fits = [clone(estimator).set_params(n_components=d).fit(X_train) for d in DIMS]
    found = [each.inverse_transform(each.transform(X_test)) for each in fits]
    return np.array([np.square(X_test - each).mean() for each in found])


def from_split(estimators, measure="error", **how):
    return EncodingDimDisplay.from_estimator(
        estimators, TRAIN, X_test=TEST, encoding_dims=DIMS, measure=measure, **how
    )


def test_curves_are_errors_on_rows_given_to_measure_on():
    svd = TruncatedSVD(random_state=0)
    display = from_split({"SVD": svd})
    for curve, estimator in zip(display.curves, (PCA(), svd), strict=True):
        assert_array_equal(curve.encoding_dims, DIMS)
        assert_allclose(curve.means, errors(estimator), rtol=1e-6)
        assert curve.spreads is None
    assert [curve.name for curve in display.curves] == ["PCA", "SVD"]


def test_errors_relative_to_pca_have_pca_at_one():
    svd = TruncatedSVD(random_state=0)
    pca, other = from_split([svd], "relative_error").curves
    assert_allclose(pca.means, 1)
    assert_allclose(other.means, errors(svd) / errors(PCA()), rtol=1e-6)


def test_variance_explained_is_that_of_the_test_rows():
    (pca,) = from_split({}, "variance_explained").curves
    assert_allclose(pca.means, 1 - errors(PCA()) / TEST.var(axis=0).mean())


def test_splits_give_means_and_spreads():
    folds = KFold(3)
    display = EncodingDimDisplay.from_estimator(
        {}, TABLE, encoding_dims=DIMS, cv=folds, measure="error"
    )
    each = [errors(PCA(), TABLE[a], TABLE[b]) for a, b in folds.split(TABLE)]
    (curve,) = display.curves
    assert_allclose(curve.means, np.mean(each, axis=0))
    assert_allclose(curve.spreads, np.std(each, axis=0, ddof=1))


class NestedPCA(PCA):
    """PCA by another name: its first components are those of a smaller fit."""

    nested_dropout = True
    fits = []

    def fit(self, X, y=None):
        self.fits.append(self.n_components)
        return super().fit(X)

    def inverse_transform(self, X):
        return X @ self.components_[: X.shape[1]] + self.mean_


def test_a_nested_fit_gives_its_curve_by_first_codes(monkeypatch):
    fits = []
    monkeypatch.setattr(NestedPCA, "fits", fits)
    display = from_split({"nested": NestedPCA(), "SVD": TruncatedSVD()})
    assert [curve.name for curve in display.curves] == ["PCA", "nested", "SVD"]
    assert_allclose(display.curves[1].means, errors(PCA()), rtol=1e-6)
    assert fits == [max(DIMS)]


def test_an_autoencoder_is_fitted_with_the_number_of_codes():
    plain = AutoencoderTransformer(**DENSE)
    display = EncodingDimDisplay.from_estimator(
        plain, TABLE, X_test=TEST, encoding_dims=2, measure="error"
    )
    curve = display.curves[1]
    fitted = clone(plain).set_params(encoding_dim=2).fit(TABLE)
    assert curve.name == "AutoencoderTransformer"
    assert_allclose(curve.means, -fitted.score_samples(TEST).mean(), rtol=1e-5)


def test_what_is_drawn_are_the_curves():
    display = from_split([TruncatedSVD()])
    for drawn, curve in zip(display.errorbars_, display.curves, strict=True):
        expected = np.column_stack([DIMS, curve.means])
        assert_allclose(drawn.lines[0].get_xydata(), expected)
        assert drawn.get_label() == curve.name
    assert display.ax_.get_ylabel() == "mean squared error"
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["PCA", "TruncatedSVD"]


def test_a_comparison_is_drawn_as_its_own_plot_draws_it():
    comparison = compare(TABLE, estimators={}, encoding_dims=DIMS, tsne=False)
    display = EncodingDimDisplay.from_comparison(comparison)
    own = comparison.plot().figure_.axes[0]
    assert own.get_title() == display.ax_.get_ylabel()
    for one, other in zip(own.lines, display.ax_.lines, strict=True):
        assert_allclose(one.get_xydata(), other.get_xydata())


def test_a_seed_gives_the_same_curves():
    how = {"encoding_dims": 2, "measure": "error"}
    seeds = (0, 0, np.random.RandomState(0), 1)
    curves = [
        EncodingDimDisplay.from_estimator({}, TABLE, random_state=seed, **how).curves
        for seed in seeds
    ]
    means = [curve.means[0] for (curve,) in curves]
    assert means[0] == means[1]
    assert len(set(means)) == 3


def test_test_rows_of_other_features_are_refused():
    with pytest.raises(ValueError, match="X_test has 3 features, but X has 5"):
        EncodingDimDisplay.from_estimator({}, TRAIN, X_test=TEST[:, :3])


def test_numbers_of_codes_beyond_pca_are_refused():
    with pytest.raises(ValueError, match="integers from 1 to 5"):
        EncodingDimDisplay.from_estimator({}, TABLE, encoding_dims=[2, 6])


def test_an_unknown_measure_is_refused_before_anything_is_fitted():
    with pytest.raises(ValueError, match="measure must be 'relative_error' or"):
        from_split(object(), "accuracy")
