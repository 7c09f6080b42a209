"""From the user's arrays to rows: pairs are checked, split and scaled together."""

import numpy as np
import pandas as pd
import pytest
from helpers import correlated, standardized
from scipy.sparse import csr_array

from skae import DenoisingAutoencoder
from skae._data.corruption import Noise
from skae._data.prepare import (
    UserData,
    corrupted_once,
    corruption_units,
    prepare,
    with_draws,
)
from skae.networks import DenseNetwork

X = correlated(30, 4)
UNIT = (X - X.min()) / (X.max() - X.min())
NOISY = 5 * X + np.random.RandomState(1).randn(*X.shape)


def estimator(**changes):
    parameters = {"network": DenseNetwork((4,)), "epochs": 2, "random_state": 0}
    return DenoisingAutoencoder(2, **{**parameters, **changes})


def prepared_for(data, **parameters):
    """Return what a fit makes of the user's data."""
    owner = estimator(**parameters)
    generator = np.random.RandomState(0)
    fraction = owner.validation_fraction
    return prepare(
        owner, data, owner._objective(), generator, validation_fraction=fraction
    )


# Scaling and splitting


def test_both_rows_of_a_pair_are_scaled_as_the_clean_ones_ask():
    prepared = prepared_for(UserData(NOISY, X_clean=X), validation_fraction=0)
    clean, mean, scale = standardized(X)
    order = np.lexsort(NOISY.T[::-1])
    np.testing.assert_allclose(prepared.rows.clean, clean[order], atol=1e-5)
    np.testing.assert_allclose(
        prepared.rows.values, ((NOISY - mean) / scale)[order], rtol=1e-5, atol=1e-5
    )


def test_mean_spread_and_range_are_those_of_the_clean_rows():
    prepared = prepared_for(UserData(NOISY, X_clean=X))
    np.testing.assert_allclose(prepared.mean, X.mean(axis=0))
    assert prepared.spread == pytest.approx(np.sqrt(X.var(axis=0).mean()))
    assert prepared.range == (X.min(), X.max())


def test_pairs_stay_together_on_either_side_of_the_split():
    noisy = np.arange(30.0)[:, None] + [0, 100]
    prepared = prepared_for(UserData(noisy, X_clean=noisy + 7), validation_fraction=0.3)
    assert len(prepared.validation) == 9
    assert len(prepared.training_rows) == 21
    for rows in (prepared.training_rows, prepared.validation):
        difference = (rows.clean - rows.values) * prepared.scaling.scale
        np.testing.assert_allclose(difference, 7, rtol=1e-5)


def test_rows_that_judge_count_one_each():
    weights = np.arange(1.0, 31)
    prepared = prepared_for(UserData(X, weights, X_val=X[:5]))
    np.testing.assert_array_equal(prepared.validation.weights, np.ones(5))
    assert prepared.validation_fraction == 0
    assert len(prepared.training_rows) == 30


def test_with_cross_entropy_rows_enter_as_they_are():
    prepared = prepared_for(
        UserData(UNIT), loss="binary_crossentropy", validation_fraction=0
    )
    order = np.lexsort(UNIT.T[::-1])
    np.testing.assert_array_equal(prepared.rows.values, UNIT[order].astype(np.float32))
    np.testing.assert_allclose(prepared.mean, UNIT.mean(axis=0))


def test_repeated_pairs_are_merged_and_other_partners_are_not():
    noisy = np.array([[0.0, 1], [0, 1], [0, 1], [2, 2]])
    clean = np.array([[1.0, 1], [1, 1], [5, 5], [2, 2]])
    prepared = prepared_for(UserData(noisy, X_clean=clean), validation_fraction=0)
    np.testing.assert_array_equal(np.sort(prepared.rows.weights), [1, 1, 2])


# What corruption and judging by chance need


def test_the_frame_is_the_data_s_in_the_scale_of_the_network():
    prepared = prepared_for(UserData(X))
    _, mean, scale = standardized(X)
    units = corruption_units(prepared, Noise(3.0, 1.0))
    np.testing.assert_allclose(units.mean, mean)
    assert units.scale == pytest.approx(scale)
    assert units.noise == pytest.approx(3 / scale)
    np.testing.assert_allclose(units.lowest, (X.min() - mean) / scale)
    np.testing.assert_allclose(units.highest, (X.max() - mean) / scale)


def test_corruption_sees_the_mean_of_an_image():
    prepared = prepared_for(UserData(X.reshape(30, 2, 2)))
    np.testing.assert_allclose(
        corruption_units(prepared, Noise(1.0, 1.0)).mean, X.mean(axis=0).reshape(2, 2)
    )


def test_rows_that_judge_keep_what_they_were_as_the_clean_rows():
    prepared = prepared_for(UserData(X), validation_fraction=0.3)
    before = prepared.validation.values
    objective = estimator()._objective()
    noisy = corrupted_once(
        prepared.validation,
        prepared.training_rows,
        objective.corruption,
        corruption_units(prepared, Noise(1.0, 1.0)),
        0,
    )
    np.testing.assert_array_equal(noisy.clean, before)
    assert (noisy.values != before).mean() > 0.9


def test_draws_for_judging_are_normal_and_one_row_each():
    prepared = prepared_for(UserData(X, X_val=np.tile(X, (100, 1))))
    draws = with_draws(prepared.validation, 3, np.random.RandomState(0)).draws
    assert draws.shape == (3000, 3)
    assert draws.dtype == np.float32
    assert abs(draws.mean()) < 4 / np.sqrt(draws.size)
    assert abs(draws.var() - 1) < 4 * np.sqrt(2 / draws.size)


# Refusals, by the name of the argument


def with_value(value):
    rows = X.copy()
    rows[3, 1] = value
    return rows


WRONG_CLEAN = {
    "NaN": (with_value(np.nan), "Input {} contains NaN"),
    "infinity": (with_value(np.inf), "Input {} contains infinity"),
    "fewer rows": (X[:29], "{} has 29 rows, but there are 30 rows to clean"),
    "fewer features": (X[:, :3], "{} has 3 features.*expecting 4"),
    "one dimension": (X[0], "{}.*got 1D array"),
    "another shape": (X.reshape(30, 2, 2), r"{} has samples of shape \(2, 2\)"),
    "no rows": (np.empty((0, 4)), r"{}.*0 sample\(s\)"),
    "strings": (np.full((30, 4), "red"), "{}.*('red'|numeric)"),
    "complex": (X + 1j, "{}: Complex data"),
    "sparse with NaN": (csr_array(with_value(np.nan)), "Input {} contains NaN"),
    "sparse, fewer rows": (csr_array(X[:29]), "{} has 29 rows, but there are 30 rows"),
}
wrong_clean = pytest.mark.parametrize(
    ("rows", "message"), WRONG_CLEAN.values(), ids=WRONG_CLEAN.keys()
)


@wrong_clean
def test_fit_refuses_clean_rows_by_their_name(rows, message):
    with pytest.raises((ValueError, TypeError), match=message.format("X_clean")):
        estimator().fit(X, X_clean=rows)


@wrong_clean
def test_fit_refuses_clean_rows_that_judge_by_their_name(rows, message):
    with pytest.raises((ValueError, TypeError), match=message.format("X_val_clean")):
        estimator().fit(X, X_clean=X, X_val=X, X_val_clean=rows)


@pytest.mark.parametrize(
    "given",
    [
        {"X_clean": X, "X_val": X},
        {"X_clean": X, "X_val_clean": X},
        {"X_val_clean": X},
    ],
    ids=", ".join,
)
def test_rows_that_judge_must_come_in_pairs_as_the_training_rows_do(given):
    with pytest.raises(ValueError, match=r"X_val_clean.*only with X_val, and always"):
        estimator().fit(X, **given)


@pytest.mark.parametrize("name", ["X_clean", "X_val_clean"])
def test_cross_entropy_refuses_clean_rows_outside_its_range_by_their_name(name):
    given = {"X_clean": UNIT, "X_val": UNIT, "X_val_clean": UNIT}
    given[name] = UNIT - 0.5
    fitted = estimator(loss="binary_crossentropy")
    with pytest.raises(ValueError, match=rf"but {name} has values from -0\.5 to 0\.5"):
        fitted.fit(UNIT, **given)


@pytest.mark.parametrize("name", ["X_clean", "X_val"])
def test_other_names_of_features_are_refused_by_the_name_of_the_argument(name):
    frame = pd.DataFrame(X, columns=list("abcd"))
    with pytest.raises(ValueError, match=f"{name}.*feature names"):
        estimator().fit(frame, **{name: frame.rename(columns={"d": "e"})})


def test_a_refusal_leaves_the_estimator_as_it_was():
    fitted = estimator().fit(X)
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match="X_clean contains NaN"):
        fitted.fit(NOISY, X_clean=with_value(np.nan))
    assert vars(fitted) == before


def test_the_cause_of_a_refusal_is_kept():
    with pytest.raises(ValueError, match="X_clean") as raised:
        estimator().fit(X, X_clean=X[:, :3])
    assert "X has 3 features" in str(raised.value.__cause__)


@pytest.mark.slow
def test_the_user_s_pairs_are_not_changed():
    noisy, clean = NOISY.copy(), X.copy()
    for rows in (noisy, clean):
        rows.flags.writeable = False
    estimator().fit(noisy, X_clean=clean, X_val=noisy, X_val_clean=clean)
    np.testing.assert_array_equal(noisy, NOISY)
    np.testing.assert_array_equal(clean, X)
