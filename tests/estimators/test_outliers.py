"""AutoencoderOutlierDetector: scikit-learn's checks, and what its scores are."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import correlated, more_codes_than_features
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from skae import AutoencoderOutlierDetector, AutoencoderTransformer

QUICK = AutoencoderTransformer(2, hidden_layer_sizes=(), epochs=2)
X = correlated(90, 5)


def detector(**changes):
    parameters = {"novelty": True, "random_state": 0, **changes}
    return AutoencoderOutlierDetector(**{"estimator": QUICK, **parameters})


@parametrize_with_checks([AutoencoderOutlierDetector(QUICK, cv=2, novelty=True)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [AutoencoderOutlierDetector(QUICK, cv=2), AutoencoderOutlierDetector()]
)
def test_scikit_learn_checks_of_training_rows(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def fitted():
    return detector().fit(X)


def test_a_row_is_judged_by_networks_that_have_not_learnt_it():
    """Another value in a row changes its score, but not what judges it."""
    moved = X.copy()
    moved[7] += 100
    before, after = (detector(novelty=False).fit(rows) for rows in (X, moved))
    fold = before._fold_of_rows[7]
    np.testing.assert_array_equal(before._fold_of_rows, after._fold_of_rows)
    one, other = before.estimators_[fold], after.estimators_[fold]
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    assert after.training_scores_.argmin() == 7


def test_the_distance_to_the_plane_is_that_of_probabilistic_pca(fitted):
    """scikit-learn's PCA gives the inverse covariance of the same model."""
    plane = fitted._folds[0].plane
    others = X[fitted._fold_of_rows != 0]
    pca = PCA(2).fit(others)
    # scikit-learn divides by n - 1.
    precision = pca.get_precision() * len(others) / (len(others) - 1)
    deviations = X - pca.mean_
    expected = np.einsum("ij,jk,ik->i", deviations, precision, deviations)
    np.testing.assert_allclose(plane.distances(X), expected, rtol=1e-4)


def test_with_all_axes_the_distance_is_mahalanobis(fitted):
    plane = type(fitted._folds[0].plane).of(X, 5, np.random.RandomState(0))
    expected = EmpiricalCovariance().fit(X).mahalanobis(X)
    np.testing.assert_allclose(plane.distances(X), expected, rtol=1e-4)


def test_the_score_is_the_larger_of_both_deviations(fitted):
    new = correlated(20, 5, seed=1)
    logs = np.mean([fold.distances(new) for fold in fitted._folds], axis=0)
    of_training = np.empty((2, len(X)))
    for number, fold in enumerate(fitted._folds):
        held_out = fitted._fold_of_rows == number
        of_training[:, held_out] = fold.distances(X[held_out])
    medians = np.median(of_training, axis=1)[:, None]
    deviations = 1.4826 * np.median(np.abs(of_training - medians), axis=1)[:, None]
    expected = -((logs - medians) / deviations).max(axis=0)
    np.testing.assert_allclose(fitted.score_samples(new), expected, rtol=1e-5)


def on_a_curve(n_rows, seed):
    angles = np.random.RandomState(seed).uniform(0, 3, n_rows)
    noise = 0.01 * np.random.RandomState(seed).randn(n_rows, 3)
    return np.column_stack([np.cos(angles), np.sin(angles), angles]) + noise


@pytest.mark.slow
def test_the_network_finds_rows_off_a_curve():
    usual, unusual = on_a_curve(200, 1), on_a_curve(200, 2)
    for column in unusual.T:
        np.random.RandomState(0).shuffle(column[::-1])
    unusual[:, 0] = np.random.RandomState(3).permutation(unusual[:, 0])
    found = detector(estimator=AutoencoderTransformer(1, epochs=60))
    found.fit(on_a_curve(600, 0))
    scores = found.score_samples(np.vstack([usual, unusual]))
    plane = np.mean(
        [fold.plane.distances(np.vstack([usual, unusual])) for fold in found._folds],
        axis=0,
    )
    is_unusual = np.repeat([0, 1], 200)
    auc = roc_auc_score(is_unusual, -scores)
    assert auc > roc_auc_score(is_unusual, plane) + 0.02


def test_outliers_in_training_are_found_and_hardly_learnt():
    rows = correlated(90, 5)
    rows[:6] += 30 * np.random.RandomState(0).randn(6, 5)
    found = detector(novelty=False, contamination=6 / 90)
    labels = found.fit_predict(rows)
    np.testing.assert_array_equal(np.flatnonzero(labels < 0), np.arange(6))
    for network in found.estimators_:
        assert abs(network.mean_ - rows[6:].mean(axis=0)).max() < 2


@pytest.mark.parametrize("contamination", [0.05, 0.3])
def test_so_many_training_rows_are_outliers(contamination):
    labels = detector(novelty=False, contamination=contamination).fit_predict(X)
    assert (labels < 0).sum() == pytest.approx(contamination * len(X), abs=1)


def test_the_fence_is_that_of_a_box_plot():
    found = detector(novelty=False).fit(X)
    logs = np.empty((2, len(X)))
    for number, fold in enumerate(found._folds):
        held_out = found._fold_of_rows == number
        logs[:, held_out] = fold.distances(X[held_out])
    quartiles = np.percentile(np.exp(logs), [25, 75], axis=1)
    fences = np.log(quartiles[1] + 1.5 * (quartiles[1] - quartiles[0]))
    medians = np.median(logs, axis=1)
    deviations = 1.4826 * np.median(np.abs(logs - medians[:, None]), axis=1)
    assert found.offset_ == pytest.approx(-((fences - medians) / deviations).max())


# Explanations


def test_explanations_are_scaled_squared_errors(fitted):
    new = correlated(20, 5, seed=1)
    expected = 0
    for number, fold in enumerate(fitted._folds):
        held_out = X[fitted._fold_of_rows == number]
        usual = ((fold.network.reconstruct(held_out) - held_out) ** 2).mean(axis=0)
        unit = np.sqrt(usual * usual.mean())
        unit *= (usual / unit).mean()
        expected = expected + (fold.network.reconstruct(new) - new) ** 2 / unit / 3
    np.testing.assert_allclose(fitted.explain(new), expected, rtol=1e-5)


def test_explanations_of_training_rows_are_of_networks_that_have_not_learnt_them():
    found = detector(novelty=False).fit(X)
    errors = found.explain(X).to_numpy()
    for number, fold in enumerate(found._folds):
        held_out = found._fold_of_rows == number
        expected = fold.scaled_errors(X[held_out])
        np.testing.assert_allclose(errors[held_out], expected, rtol=1e-5)
        assert expected.mean() == pytest.approx(1, rel=1e-5)


def test_explanations_keep_names_and_index():
    frame = pd.DataFrame(X, columns=list("abcde"), index=np.arange(90) + 5)
    errors = detector().fit(frame).explain(frame[3:6])
    assert list(errors.columns) == list("abcde")
    assert list(errors.index) == [8, 9, 10]


IMAGES = correlated(60, 64).reshape(60, 8, 8)


@pytest.fixture(scope="module")
def fitted_to_images():
    return detector().fit(IMAGES)


def test_the_feature_that_is_wrong_explains_the_row(fitted_to_images):
    row = IMAGES[:1].copy()
    row[0, 5, 3] += 20 * IMAGES[:, 5, 3].std()
    assert fitted_to_images.explain(row).iloc[0].idxmax() == "x43"


@pytest.mark.parametrize("rows", [X[:5], X[::-1]], ids=["few", "another order"])
def test_explanations_of_other_rows_need_novelty(rows):
    found = detector(novelty=False).fit(X)
    with pytest.raises(ValueError, match="explain takes the training rows"):
        found.explain(rows)


# Kinds of data and of estimators


def test_sparse_rows_are_like_dense_ones(monkeypatch):
    monkeypatch.setattr("skae._data.checks.are_few", lambda size: False)
    rows = np.where(np.abs(X - 3) > 0.5, X, 0)
    sparse, of_dense = (detector().fit(some) for some in (csr_array(rows), rows))
    np.testing.assert_allclose(
        sparse.score_samples(csr_array(rows)),
        of_dense.score_samples(rows),
        rtol=1e-3,
        atol=1e-3,
    )
    np.testing.assert_allclose(
        sparse.explain(csr_array(rows)), of_dense.explain(rows), rtol=1e-2, atol=1e-3
    )


def test_images_are_judged_in_their_shape(fitted_to_images):
    assert fitted_to_images.estimators_[0].sample_shape_ == (8, 8)
    flat = fitted_to_images.score_samples(IMAGES.reshape(60, 64))
    np.testing.assert_array_equal(fitted_to_images.score_samples(IMAGES), flat)
    assert fitted_to_images.explain(IMAGES).shape == (60, 64)


def test_missing_values_are_left_out():
    rows = X.copy()
    rows[::7, 2] = np.nan
    rows[1] = np.nan
    allowing = clone(QUICK).set_params(missing_values="allow")
    found = detector(estimator=allowing).fit(rows)
    assert np.isfinite(found.training_scores_).all()
    errors = found.explain(rows)
    np.testing.assert_array_equal(np.isnan(errors), np.isnan(rows))
    with pytest.raises(ValueError, match="contains NaN"):
        detector().fit(rows)


def test_rows_without_variance_are_all_usual():
    found = detector(novelty=False, contamination="auto").fit(np.ones((12, 3)))
    assert (found.training_scores_ == 0).all()


@more_codes_than_features
@pytest.mark.parametrize("encoding_dim", [0.8, None, 12])
def test_any_number_of_codes_will_do(encoding_dim):
    found = detector(estimator=clone(QUICK).set_params(encoding_dim=encoding_dim))
    assert np.isfinite(found.fit(X).score_samples(X + 1)).all()


def test_the_random_state_decides():
    one, same, other = (
        detector(random_state=seed).fit(X).training_scores_ for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_pickles_judge_alike(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.score_samples(X), fitted.score_samples(X))


# Refusals


@pytest.mark.parametrize("name", ["predict", "decision_function", "score_samples"])
def test_new_rows_need_novelty(name):
    found = detector(novelty=False).fit(X)
    assert not hasattr(found, name)
    with pytest.raises(AttributeError, match="has no attribute") as raised:
        getattr(found, name)
    assert "set novelty=True" in str(raised.value.__cause__)


def test_novelty_takes_no_training_rows():
    with pytest.raises(AttributeError) as raised:
        detector().fit_predict(X)
    assert "Set novelty=False" in str(raised.value.__cause__)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("estimator", PCA(2)),
        ("estimator", AutoencoderTransformer),
        ("contamination", 0.6),
        ("contamination", 0),
        ("novelty", "yes"),
        ("cv", 1),
    ],
)
def test_wrong_parameters_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        detector(**{name: value}).fit(X)
