"""Missing values: what the loss counts, what is read for them, what fills them."""

import keras
import numpy as np
import pytest
from helpers import NO_STEP, correlated, each_of
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
)
from skae._data import containers
from skae._data import rows as rows_module
from skae._data.missing import mean_and_variance_of_observed
from skae._objective.losses import comparable, row_losses
from skae._pca.missing import axes_despite_missing
from skae.networks import DenseNetwork

COMPLETE = correlated(90, 6)
GAPS = np.random.RandomState(1).rand(*COMPLETE.shape) < 0.2
X = np.where(GAPS, np.nan, COMPLETE)


def autoencoder(**changes):
    parameters = {
        "hidden_layer_sizes": (8,),
        "missing_values": "allow",
        "epochs": 4,
        "random_state": 0,
    }
    return AutoencoderTransformer(2, **{**parameters, **changes})


# The loss


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy", "poisson"])
def test_losses_are_means_over_what_is_observed(loss):
    rng = np.random.RandomState(0)
    targets = rng.rand(4, 5).astype(np.float32)
    outputs = rng.randn(4, 5).astype(np.float32)
    missing = rng.rand(4, 5) < 0.4
    missing[3] = True
    by_value = {
        "mse": (targets - outputs) ** 2,
        "binary_crossentropy": np.log1p(np.exp(outputs)) - targets * outputs,
        "poisson": np.exp(outputs) - targets + targets * (np.log(targets) - outputs),
    }[loss]
    expected = [by_value[i][~missing[i]].mean() for i in range(3)] + [0.0]
    given = np.where(missing, np.nan, targets)
    losses = row_losses(loss, given, outputs, allows_missing=True)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_a_keras_loss_is_a_mean_over_what_is_observed():
    targets = np.array([[1, np.nan, 3, np.nan]], np.float32)
    outputs = np.array([[2, 7, 5, 7]], np.float32)
    loss = comparable(keras.losses.MeanAbsoluteError())
    np.testing.assert_allclose(row_losses(loss, targets, outputs, True), [1.5])


def test_the_loss_reported_is_that_of_observed_values():
    fitted = autoencoder().fit(X[:60], X_val=X[60:])
    errors = (fitted.reconstruct(X[60:]) - X[60:]) ** 2
    expected = np.nanmean(errors, axis=1).mean()
    assert fitted.best_loss_ == pytest.approx(expected, rel=1e-4)


def test_what_is_missing_has_no_part_in_training():
    """A fit does not see what stands in a gap, and rows of gaps alone teach nothing."""
    rows = np.concatenate([X, np.full((1, 6), np.nan)])
    one = autoencoder(validation_fraction=0, batch_size=91, epochs=3).fit(rows)
    assert np.isfinite(one.reconstruct(rows)).all()
    assert one.score(rows) == pytest.approx(one.score(X))


# What is read


def test_missing_values_are_read_as_their_mean():
    fitted = autoencoder().fit(X)
    np.testing.assert_allclose(fitted.mean_, np.nanmean(X, axis=0))
    filled = np.where(GAPS, fitted.mean_, X)
    np.testing.assert_array_equal(fitted.transform(X), fitted.transform(filled))
    np.testing.assert_array_equal(fitted.reconstruct(X), fitted.reconstruct(filled))


@pytest.mark.slow
def test_complete_rows_are_fitted_as_without_leave():
    allowed, strict = (
        autoencoder(missing_values=word).fit(COMPLETE) for word in ("allow", "error")
    )
    np.testing.assert_allclose(
        allowed.reconstruct(COMPLETE), strict.reconstruct(COMPLETE), rtol=1e-4
    )


def test_equal_rows_with_gaps_count_as_one_of_twice_the_weight():
    weights = np.where(np.arange(len(X)) < 30, 2.0, 1.0)
    one = autoencoder().fit(X, sample_weight=weights)
    other = autoencoder().fit(np.concatenate([X, X[:30]])[::-1])
    np.testing.assert_array_equal(one.transform(X), other.transform(X))


def test_means_and_variances_are_those_of_observed_values():
    weights = np.random.RandomState(0).randint(1, 4, len(X)).astype(float)
    mean, variance = mean_and_variance_of_observed(X, weights)
    repeated = np.repeat(X, weights.astype(int), axis=0)
    np.testing.assert_allclose(mean, np.nanmean(repeated, axis=0))
    np.testing.assert_allclose(variance, np.nanvar(repeated, axis=0))


def test_axes_are_found_despite_gaps():
    rng = np.random.RandomState(0)
    plane = rng.randn(300, 2) @ rng.randn(2, 8) + 0.01 * rng.randn(300, 8)
    gaps = rng.rand(300, 8) < 0.2
    rows = np.where(gaps, np.nan, plane).astype(np.float32)
    axes, complete = axes_despite_missing(rows, np.ones(300), 2, rng)
    truth = PCA(2).fit(plane)
    cosines = np.linalg.svd(axes.components @ truth.components_.T)[1]
    assert cosines.min() > 0.99
    np.testing.assert_array_equal(complete[~gaps], rows[~gaps])
    lost = np.abs(complete - plane)[gaps].mean()
    assert lost < 0.2 * np.abs(plane - plane.mean(axis=0))[gaps].mean()


# What fills gaps


def test_imputing_leaves_observed_values_as_they_are():
    fitted = autoencoder().fit(X)
    imputed = fitted.impute(X)
    np.testing.assert_array_equal(imputed[~GAPS], X[~GAPS])
    errors = (imputed - COMPLETE)[GAPS]
    assert (errors**2).mean() < 0.5 * np.nanvar(X)
    assert np.isnan(X[GAPS]).all()


@pytest.mark.slow
def test_imputing_is_better_than_the_mean():
    digits = load_digits().data
    gaps = np.random.RandomState(0).rand(*digits.shape) < 0.2
    given = np.where(gaps, np.nan, digits)
    fitted = autoencoder(epochs=20, hidden_layer_sizes=(64,)).set_params(encoding_dim=8)
    imputed = fitted.fit(given).impute(given)
    mean = SimpleImputer().fit_transform(given)
    errors = [((filled - digits)[gaps] ** 2).mean() for filled in (imputed, mean)]
    assert errors[0] < 0.6 * errors[1]


@pytest.mark.slow
def test_imputed_rows_keep_type_and_shape():
    images = load_digits().images[:40].astype(np.float32)
    images[:, 3, 3] = np.where(np.arange(40) < 10, np.nan, images[:, 3, 3])
    fitted = ConvAutoencoder(
        2, filters=(2,), epochs=1, missing_values="allow", random_state=0
    ).fit(images)
    imputed = fitted.impute(images)
    assert imputed.dtype == np.float32
    assert imputed.shape == images.shape
    assert np.isfinite(imputed).all()
    assert fitted.impute(images[20:].astype(int)).dtype == np.float64


# Scores


def test_scores_count_observed_values():
    fitted = autoencoder().fit(X)
    errors = (fitted.reconstruct(X) - X) ** 2
    np.testing.assert_allclose(
        fitted.score_samples(X), -np.nanmean(errors, axis=1), rtol=1e-4
    )
    total = np.nansum((X - np.nanmean(X, axis=0)) ** 2)
    assert fitted.score(X) == pytest.approx(1 - np.nansum(errors) / total, rel=1e-5)


@pytest.mark.parametrize("code_activation", each_of(["linear", "relu"], ["linear"]))
def test_ratios_add_up_to_the_score(code_activation):
    fitted = autoencoder(code_activation=code_activation).fit(X)
    assert fitted.explained_variance_ratio_.sum() == pytest.approx(
        fitted.score(X), abs=1e-5
    )


# All that goes on


@pytest.mark.filterwarnings("ignore:The codes explain")
@pytest.mark.parametrize(
    "estimator",
    [
        autoencoder(init="random"),
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in (
                autoencoder(hidden_layer_sizes=()),
                autoencoder(nested_dropout=True),
                autoencoder().set_params(encoding_dim=0.8),
                autoencoder(loss=keras.losses.Huber()),
            )
        ),
        DenoisingAutoencoder(
            2, network=DenseNetwork((8,)), epochs=2, missing_values="allow"
        ),
        pytest.param(
            SequenceAutoencoder(2, units=4, epochs=2, missing_values="allow"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            DenoisingAutoencoder(
                2,
                network=DenseNetwork((8,)),
                corruption="masking",
                epochs=2,
                missing_values="allow",
            ),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_every_estimator_takes_gaps(estimator):
    fitted = clone(estimator).set_params(random_state=0).fit(X)
    assert np.isfinite(fitted.transform(X)).all()
    assert np.isfinite(fitted.impute(X)).all()
    assert np.isfinite(fitted.history_["loss"]).all()
    assert fitted.partial_fit(X[:30]).score(X) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["binary_crossentropy", "poisson"])
def test_gaps_are_taken_by_losses_of_other_ranges(loss):
    unit = (X - np.nanmin(X)) / (np.nanmax(X) - np.nanmin(X))
    fitted = autoencoder(loss=loss).fit(unit)
    assert fitted.best_loss_ <= fitted.initial_loss_
    imputed = fitted.impute(unit)
    assert (imputed >= 0).all()
    with pytest.raises(ValueError, match=loss):
        autoencoder(loss=loss).fit(unit - 1)


def test_clean_rows_may_have_gaps_too():
    noisy = X + 0.1 * np.random.RandomState(2).randn(*X.shape)
    fitted = DenoisingAutoencoder(
        2, network=DenseNetwork((8,)), epochs=2, missing_values="allow", random_state=0
    ).fit(noisy, X_clean=np.where(GAPS[::-1], np.nan, COMPLETE))
    assert np.isfinite(fitted.denoise(noisy)).all()


def test_a_start_despite_gaps_is_better_than_that_of_filled_rows():
    """With no step taken, the start is judged by what it makes of rows with gaps."""
    rng = np.random.RandomState(0)
    plane = rng.randn(300, 2) @ rng.randn(2, 8)
    rows = np.where(rng.rand(300, 8) < 0.3, np.nan, plane)
    start = autoencoder(
        hidden_layer_sizes=(), learning_rate=NO_STEP, validation_fraction=0
    ).fit(rows)
    filled = SimpleImputer().fit_transform(rows)
    pca = PCA(2).fit(filled)
    theirs = pca.inverse_transform(pca.transform(filled))
    errors = [
        ((found - plane) ** 2).mean() for found in (start.reconstruct(rows), theirs)
    ]
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_rows_that_do_not_vary_may_have_gaps():
    fitted = autoencoder().fit(np.where(np.eye(20, 3) > 0, np.nan, 5.0))
    np.testing.assert_allclose(fitted.reconstruct(np.full((2, 3), 5.0)), 5.0)
    assert np.isfinite(autoencoder().fit([[1, np.nan], [np.nan, 2.0]]).mean_).all()


@pytest.mark.slow
def test_later_rows_may_lack_a_feature():
    fitted = autoencoder().fit(X)
    some = np.where(np.arange(6) == 2, np.nan, X[:20])
    assert fitted.score(some) <= 1
    assert fitted.partial_fit(some).score(X[:1]) <= 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The codes explain")
def test_a_share_is_that_of_rows_filled_by_what_varies_together():
    digits = load_digits().data
    gaps = np.random.RandomState(0).rand(*digits.shape) < 0.2
    fitted = AutoencoderTransformer(
        0.9, missing_values="allow", epochs=3, random_state=0
    ).fit(np.where(gaps, np.nan, digits))
    assert fitted.encoding_dim_ <= PCA(0.9).fit(digits).n_components_


@pytest.mark.slow
def test_leave_may_be_given_after_the_fit():
    fitted = autoencoder(missing_values="error").fit(COMPLETE)
    fitted.set_params(missing_values="allow")
    errors = np.nanmean((fitted.reconstruct(X) - X) ** 2, axis=1)
    np.testing.assert_allclose(fitted.score_samples(X), -errors, rtol=1e-4)
    assert fitted.partial_fit(X).score(X) <= 1


def test_masked_values_are_missing():
    masked = np.ma.masked_array(np.where(GAPS, -9999, COMPLETE), GAPS)
    fitted = autoencoder().fit(masked)
    expected = autoencoder().fit(X)
    np.testing.assert_array_equal(fitted.mean_, expected.mean_)
    np.testing.assert_array_equal(fitted.transform(masked), expected.transform(X))
    np.testing.assert_array_equal(fitted.impute(masked), expected.impute(X))


def test_masked_integers_become_floats():
    rows = np.ma.masked_array(np.arange(12).reshape(6, 2), mask=False)
    whole = containers.unmasked(rows, "X")
    assert type(whole) is np.ndarray
    np.testing.assert_array_equal(whole, rows.data)
    rows[3, 1] = np.ma.masked
    with_nan = containers.unmasked(rows, "X", is_allowed=True)
    np.testing.assert_array_equal(np.isnan(with_nan), rows.mask)


# What is refused


@pytest.mark.parametrize("name", ["X_val", "X_clean", "sample_weight"])
def test_masked_arrays_are_refused_by_the_name_of_the_argument(name):
    denoising = DenoisingAutoencoder(2, network=DenseNetwork((8,)), epochs=2)
    given = COMPLETE[:, 0] ** 2 if name == "sample_weight" else COMPLETE
    masked = np.ma.masked_array(given, given > given.max() / 2)
    with pytest.raises(ValueError, match=f"{name} is a masked array with"):
        denoising.fit(COMPLETE, **{name: masked})


def test_gaps_are_an_error_unless_allowed():
    with pytest.raises(ValueError, match="NaN"):
        autoencoder(missing_values="error").fit(X)
    fitted = autoencoder(missing_values="error").fit(COMPLETE)
    with pytest.raises(ValueError, match="NaN"):
        fitted.impute(X)


def test_infinities_are_an_error_all_the_same():
    with pytest.raises(ValueError, match="infinity"):
        autoencoder().fit(np.where(GAPS, np.inf, COMPLETE))


def test_a_feature_without_values_is_an_error():
    with pytest.raises(ValueError, match=r"no value in 1 of its 6 features.*number 2"):
        autoencoder().fit(np.where(np.arange(6) == 2, np.nan, X))


def test_sparse_rows_have_no_gaps(monkeypatch):
    with pytest.raises(ValueError, match="sparse matrix with missing values"):
        autoencoder().fit(sparse.csr_array(X))
    monkeypatch.setattr(rows_module, "MOST_VALUES_TO_MERGE", 0)
    fitted = autoencoder().fit(sparse.csr_array(COMPLETE))
    assert np.isfinite(fitted.transform(X)).all()
    np.testing.assert_array_equal(fitted.impute(sparse.csr_array(COMPLETE)), COMPLETE)


def test_rows_without_any_value_have_no_score():
    fitted = autoencoder().fit(X)
    with pytest.raises(ValueError, match="X has no value: all are missing"):
        fitted.score(np.full((3, X.shape[1]), np.nan))
