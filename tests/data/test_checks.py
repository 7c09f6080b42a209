"""Bad input: a clear error, and a fitted estimator that stays as it was."""

import copy
import datetime

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import tensorflow as tf
from helpers import correlated, more_codes_than_features
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skae import AutoencoderTransformer
from skae.networks import DenseNetwork

X = correlated(30, 4)
UNIT = (X - X.min()) / (X.max() - X.min())


def autoencoder(**changes):
    parameters = {"hidden_layer_sizes": (4,), "epochs": 2, "random_state": 0}
    return AutoencoderTransformer(2, **{**parameters, **changes})


@pytest.fixture(scope="module")
def shared_fit():
    return autoencoder().fit(X)


@pytest.fixture
def fitted(shared_fit):
    """A fitted estimator, which must give the same codes when the test is over."""
    estimator = copy.deepcopy(shared_fit)
    expected = shared_fit.transform(X)
    attributes = {name for name in vars(estimator) if name.endswith("_")}
    yield estimator
    np.testing.assert_array_equal(estimator.transform(X), expected)
    assert {name for name in vars(estimator) if name.endswith("_")} == attributes


def with_value(value):
    rows = X.copy()
    rows[3, 1] = value
    return rows


WRONG_ROWS = {
    "NaN": (with_value(np.nan), "Input X contains NaN"),
    "infinity": (with_value(np.inf), "Input X contains infinity"),
    "minus infinity": (with_value(-np.inf), "Input X contains infinity"),
    "no rows": (np.empty((0, 4)), r"0 sample\(s\) \(shape=\(0, 4\)\) while a minimum"),
    "no features": (np.empty((30, 0)), r"0 feature\(s\) .*while a minimum of 1"),
    "one dimension": (X[0], "Expected 2D array, got 1D array instead"),
    "no dimension": (np.float64(3), "Expected 2D array, got scalar array instead"),
    "complex": (X + 1j, "Complex data not supported"),
    "strings": (np.full((30, 4), "red"), "(?i)convert.*'red'|dtype='numeric'"),
    "objects": (np.full((30, 4), {}, dtype=object), "float.* not 'dict'"),
    "ragged": ([[1, 2, 3, 4], [5, 6]], "inhomogeneous|sequence"),
    "nothing": (None, "(?i)expected 2D array|None"),
    "sparse with NaN": (csr_array(with_value(np.nan)), "Input X contains NaN"),
    "sparse with infinity": (
        csr_array(with_value(np.inf)),
        "Input X contains infinity",
    ),
    "sparse and complex": (csr_array(X + 1j), "Complex data not supported"),
    "sparse without rows": (csr_array((0, 4)), r"0 sample\(s\)"),
    "dates": (X.astype("datetime64[D]"), r"X has the dtype datetime64\[D\]"),
    "dates in a frame": (
        pd.DataFrame(X).assign(day=pd.Timestamp(2024, 1, 1)),
        "X has dates or times in 'day', which are no numbers",
    ),
    "dates in a polars frame": (
        pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}).with_columns(
            pl.lit(datetime.date(2024, 1, 1)).alias("day")
        ),
        "X has dates or times in 'day', which are no numbers",
    ),
    "masked": (np.ma.masked_greater(X, X.max() - 1e-9), "masked array with 1 values"),
    "huge integers": ([[10**400, 1, 1, 1]] * 2, "X has numbers beyond the range"),
    "extended floats": (
        np.full((3, 4), np.finfo(np.longdouble).max),
        "X has numbers beyond the range|infinity",
    ),
}
wrong_rows = pytest.mark.parametrize(
    ("rows", "message"), WRONG_ROWS.values(), ids=WRONG_ROWS.keys()
)


@wrong_rows
def test_fit_refuses(fitted, rows, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fitted.fit(rows)


@wrong_rows
@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples"])
def test_methods_refuse(fitted, method, rows, message):
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(fitted, method)(rows)


def test_fit_refuses_a_single_row(fitted):
    message = r"1 sample\(s\) \(shape=\(1, 4\)\) while a minimum of 2 is required"
    with pytest.raises(ValueError, match=message):
        fitted.fit(X[:1])


@pytest.mark.parametrize(
    "method", ["transform", "reconstruct", "score", "score_samples"]
)
@pytest.mark.parametrize("n_features", [3, 5])
def test_methods_refuse_another_number_of_features(fitted, method, n_features):
    rows = np.zeros((5, n_features))
    with pytest.raises(ValueError, match=rf"X has {n_features} features.*expecting 4"):
        getattr(fitted, method)(rows)


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples"])
@pytest.mark.parametrize(
    ("columns", "message"),
    [(list("abce"), "unseen at fit time:\n- e"), (list("badc"), "same order")],
    ids=["other names", "another order"],
)
def test_methods_refuse_other_names_of_features(method, columns, message):
    estimator = autoencoder().fit(pd.DataFrame(X, columns=list("abcd")))
    with pytest.raises(ValueError, match=message):
        getattr(estimator, method)(pd.DataFrame(X, columns=columns))


WRONG_CODES = {
    "too few": (np.zeros((3, 1)), r"X has 1 columns.*encoding_dim=2.*transform"),
    "too many": (np.zeros((3, 4)), r"X has 4 columns.*encoding_dim=2"),
    "one dimension": (np.zeros(2), "Expected 2D array, got 1D array instead"),
    "NaN": (np.full((3, 2), np.nan), "Input X contains NaN"),
    "infinity": (np.full((3, 2), np.inf), "Input X contains infinity"),
    "no rows": (np.empty((0, 2)), r"0 sample\(s\) .*while a minimum of 1"),
    "complex": (np.zeros((3, 2), complex), "Complex data not supported"),
    "strings": (np.full((3, 2), "red"), "(?i)convert.*'red'|dtype='numeric'"),
}


@pytest.mark.parametrize(
    ("codes", "message"), WRONG_CODES.values(), ids=WRONG_CODES.keys()
)
def test_inverse_transform_refuses(fitted, codes, message):
    with pytest.raises(ValueError, match=message):
        fitted.inverse_transform(codes)


WRONG_WEIGHTS = {
    "too few": (np.ones(29), r"(?i)sample_weight.*\(29,\).*\(30,\)"),
    "two dimensions": (np.ones((30, 2)), "(?i)sample.weight.* 1D"),
    "negative": (np.arange(30) - 1.0, "(?i)negative values in.*sample_weight"),
    "NaN": (np.full(30, np.nan), "sample_weight contains NaN"),
    "infinity": (np.full(30, np.inf), "sample_weight contains infinity"),
    "all zero": (np.zeros(30), "(?i)sample_?.?weight.*(zero|row)"),
    "strings": (np.full(30, "heavy"), "(?i)convert.*'heavy'|numeric"),
}


@pytest.mark.parametrize(
    ("sample_weight", "message"), WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS.keys()
)
def test_fit_refuses_sample_weight(fitted, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        fitted.fit(X, sample_weight=sample_weight)


WRONG_VALIDATION = {
    "NaN": (with_value(np.nan), "NaN"),
    "infinity": (with_value(np.inf), "infinity"),
    "no rows": (np.empty((0, 4)), "0 sample"),
    "one dimension": (X[0], "1D array"),
    "another number of features": (X[:, :3], "3 features"),
    "strings": (np.full((3, 4), "red"), "'red'|numeric"),
}


@pytest.mark.parametrize(
    ("X_val", "what_came"), WRONG_VALIDATION.values(), ids=WRONG_VALIDATION.keys()
)
def test_fit_refuses_validation_rows_by_their_name(fitted, X_val, what_came):
    with pytest.raises(ValueError, match=what_came) as raised:
        fitted.fit(X, X_val=X_val)
    assert "X_val" in str(raised.value)


@pytest.mark.parametrize("value", [-0.25, 1.5])
@pytest.mark.parametrize("name", ["X", "X_val"])
def test_cross_entropy_refuses_values_outside_its_range(fitted, name, value):
    wrong = UNIT.copy()
    wrong[2, 3] = value
    rows = {"X": UNIT, "X_val": UNIT, name: wrong}
    message = rf"binary_crossentropy.*\[0, 1\], but {name} has.*{value}"
    fitted.set_params(loss="binary_crossentropy")
    with pytest.raises(ValueError, match=message):
        fitted.fit(rows["X"], X_val=rows["X_val"])


WRONG_PARAMETERS = [
    ("encoding_dim", 0),
    ("encoding_dim", -3),
    ("encoding_dim", 2.5),
    ("encoding_dim", "many"),
    ("encoding_dim", 2**62),
    ("hidden_layer_sizes", 0),
    ("hidden_layer_sizes", 2.5),
    ("hidden_layer_sizes", "wide"),
    ("hidden_layer_sizes", (8, 0)),
    ("hidden_layer_sizes", (8, -1)),
    ("hidden_layer_sizes", (8, 2.5)),
    ("hidden_layer_sizes", ("8",)),
    ("activation", "no such activation"),
    ("activation", 3),
    ("code_activation", "softmax"),
    ("code_activation", None),
    ("l1_activity", -0.1),
    ("l1_activity", "none"),
    ("loss", "mae"),
    ("init", "zeros"),
    ("optimizer", "no such optimizer"),
    ("optimizer", 0.1),
    ("optimizer", None),
    ("learning_rate", 0),
    ("learning_rate", -0.1),
    ("learning_rate", "fast"),
    ("learning_rate_schedule", "linear"),
    ("batch_size", 0),
    ("batch_size", 2.5),
    ("batch_size", "all"),
    ("epochs", -1),
    ("epochs", 1.5),
    ("epochs", "enough"),
    ("validation_fraction", -0.1),
    ("validation_fraction", 1.0),
    ("validation_fraction", "half"),
    ("early_stopping", "yes"),
    ("patience", 0),
    ("patience", 1.5),
    ("callbacks", 3),
    ("warm_start", "yes"),
    ("random_state", "seed"),
    ("random_state", -1),
    ("verbose", "loud"),
]


@pytest.mark.parametrize(
    ("name", "value"), WRONG_PARAMETERS, ids=lambda value: str(value)[:20]
)
def test_fit_refuses_parameters_by_their_name(fitted, name, value):
    fitted.set_params(**{name: value})
    with pytest.raises(ValueError, match=name) as raised:
        fitted.fit(X)
    message = str(raised.value)
    assert repr(value) in message
    # What is wanted comes after "must be", "Use" or the like, never only what came.
    assert any(wanted in message for wanted in ("must ", "Use ", "in the range"))


@pytest.mark.parametrize("not_finite", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["learning_rate", "l1_activity"])
def test_fit_refuses_parameters_that_are_not_finite(fitted, name, not_finite):
    with pytest.raises(ValueError, match=name):
        fitted.set_params(**{name: not_finite}).fit(X)


def test_fit_refuses_a_callback_outside_a_list(fitted):
    fitted.set_params(callbacks=keras.callbacks.EarlyStopping())
    with pytest.raises((ValueError, TypeError), match=r"callbacks.* must be"):
        fitted.fit(X)


def test_fit_refuses_a_rate_for_an_optimizer_with_a_schedule(fitted):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    fitted.set_params(optimizer=keras.optimizers.SGD(schedule), learning_rate=0.1)
    with pytest.raises((ValueError, TypeError), match=r"learning_rate=0\.1.*auto"):
        fitted.fit(X)


@pytest.mark.parametrize(
    "method",
    ["transform", "inverse_transform", "reconstruct", "score", "score_samples"],
)
def test_nothing_is_done_before_fit(method):
    message = "This AutoencoderTransformer instance is not fitted yet"
    with pytest.raises(NotFittedError, match=message):
        getattr(autoencoder(), method)(X)


@pytest.mark.parametrize(
    "attribute", ["encoder_", "decoder_", "history_", "n_iter_", "mean_"]
)
def test_attributes_appear_with_a_successful_fit_only(attribute):
    estimator = autoencoder()
    assert not hasattr(estimator, attribute)
    with pytest.raises(ValueError, match="NaN"):
        estimator.fit(with_value(np.nan))
    assert not hasattr(estimator, attribute)
    with pytest.raises(NotFittedError):
        estimator.transform(X)
    assert hasattr(estimator.fit(X), attribute)


# Unusual input that works


@more_codes_than_features
def test_fewer_rows_than_codes_work():
    estimator = clone(autoencoder()).set_params(encoding_dim=16).fit(X[:5])
    assert estimator.transform(X).shape == (30, 16)
    np.testing.assert_allclose(estimator.reconstruct(X[:5]), X[:5], atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_tiny_and_huge_values_work(factor, dtype):
    usual = autoencoder(random_state=0).fit(X.astype(dtype))
    rows = (factor * X).astype(dtype)
    estimator = autoencoder(random_state=0).fit(rows)
    assert estimator.score(rows) == pytest.approx(usual.score(X), abs=1e-3)
    assert np.isfinite(estimator.reconstruct(rows)).all()
    assert np.isfinite(estimator.score_samples(rows)).all()


def test_integers_beyond_64_bits_are_numbers():
    rows = [[10**30 * int(100 * value) for value in row] for row in X]
    np.testing.assert_array_equal(
        autoencoder().fit(rows).mean_, autoencoder().fit(np.array(rows, float)).mean_
    )


def test_equal_rows_are_reconstructed_whatever_their_size():
    rows = np.full((3, 4), 1e230)
    np.testing.assert_array_equal(autoencoder().fit(rows).reconstruct(rows), rows)


@pytest.mark.parametrize(
    "error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM")]
)
def test_a_network_beyond_memory_is_refused(fitted, monkeypatch, error):
    """Stands in for one that asks for terabytes, which some machines promise."""

    def build_encoder(self, sample_shape, encoding_dim):
        raise error

    monkeypatch.setattr(DenseNetwork, "build_encoder", build_encoder)
    fitted.set_params(encoding_dim=999, hidden_layer_sizes=(888,))
    with pytest.raises(ValueError, match=r"encoding_dim=999 .* too large .*888"):
        fitted.fit(X)


def test_values_whose_squares_overflow_are_refused(fitted):
    with pytest.raises(ValueError, match=r"X has values so large.*Divide X"):
        fitted.fit(1e200 * X)
