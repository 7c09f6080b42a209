import numpy as np
import pytest
from displayed import DATA
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.model_selection import KFold

from skae import AutoencoderTransformer, compare
from skae.displays import EncodingDimDisplay

ROWS = DATA["flat"]
TRAIN, TEST = ROWS[:80], ROWS[80:]
DIMS = [2, 5]


def errors(estimator, X_train=TRAIN, X_test=TEST, size="n_components"):
    fits = [clone(estimator).set_params(**{size: dim}).fit(X_train) for dim in DIMS]
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
        {}, ROWS, encoding_dims=DIMS, cv=folds, measure="error"
    )
    each = [errors(PCA(), ROWS[a], ROWS[b]) for a, b in folds.split(ROWS)]
    (curve,) = display.curves
    assert_allclose(curve.means, np.mean(each, axis=0))
    assert_allclose(curve.spreads, np.std(each, axis=0, ddof=1))


def test_a_nested_fit_gives_its_curve_by_first_codes():
    nested = AutoencoderTransformer(
        nested_dropout=True, hidden_layer_sizes=8, epochs=1, random_state=0
    )
    display = from_split({"nested": nested, "SVD": TruncatedSVD()})
    assert [curve.name for curve in display.curves] == ["PCA", "nested", "SVD"]
    fitted = clone(nested).set_params(encoding_dim=5).fit(TRAIN)
    codes = fitted.transform(TEST)
    expected = [
        np.square(TEST - fitted.inverse_transform(codes[:, :dim])).mean()
        for dim in DIMS
    ]
    assert_allclose(display.curves[1].means, expected, rtol=1e-5)
    assert not hasattr(nested, "encoding_dim_")


def test_an_autoencoder_is_fitted_with_each_number_of_codes():
    plain = AutoencoderTransformer(hidden_layer_sizes=8, epochs=1, random_state=0)
    _, curve = from_split(plain).curves
    assert curve.name == "AutoencoderTransformer"
    assert_allclose(curve.means, errors(plain, size="encoding_dim"), rtol=1e-5)


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
    comparison = compare(ROWS, estimators={}, encoding_dims=DIMS, tsne=False)
    display = EncodingDimDisplay.from_comparison(comparison)
    own = comparison.plot().figure_.axes[0]
    assert own.get_title() == display.ax_.get_ylabel()
    for one, other in zip(own.lines, display.ax_.lines, strict=True):
        assert_allclose(one.get_xydata(), other.get_xydata())


def test_a_seed_gives_the_same_curves():
    how = {"encoding_dims": 2, "measure": "error"}
    seeds = (0, 0, np.random.RandomState(0), 1)
    curves = [
        EncodingDimDisplay.from_estimator({}, ROWS, random_state=seed, **how).curves
        for seed in seeds
    ]
    means = [curve.means[0] for (curve,) in curves]
    assert means[0] == means[1]
    assert len(set(means)) == 3


def test_test_rows_of_other_features_are_refused():
    with pytest.raises(ValueError, match="X_test has 9 features, but X has 64"):
        EncodingDimDisplay.from_estimator({}, TRAIN, X_test=TEST[:, :9])


def test_numbers_of_codes_beyond_pca_are_refused():
    with pytest.raises(ValueError, match="integers from 1 to 64"):
        EncodingDimDisplay.from_estimator({}, ROWS, encoding_dims=[2, 65])


def test_an_unknown_measure_is_refused_before_anything_is_fitted():
    with pytest.raises(ValueError, match="measure must be 'relative_error' or"):
        from_split(object(), "accuracy")
