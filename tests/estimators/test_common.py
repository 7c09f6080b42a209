"""scikit-learn's estimator checks, and ours, over every estimator."""

import copy
import importlib.util
import pickle
import random

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from configurations import (
    ALSO_CHECKED,
    CHECKED,
    any_estimator,
    every_estimator,
)
from helpers import NO_STEP, assert_same_bits, more_codes_than_features
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from skae import (
    AutoencoderTransformer,
)

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def X():
    """Iris, in [0, 1] so that every loss applies."""
    iris = load_iris().data
    return iris / iris.max(axis=0)


# The checks' data, often noise alone, leave codes of VAETransformer without use.
noise_alone = pytest.mark.filterwarnings("ignore:.*collapsed to the prior:UserWarning")


@noise_alone
@more_codes_than_features
@parametrize_with_checks(CHECKED)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@slow
@noise_alone
@more_codes_than_features
@parametrize_with_checks(ALSO_CHECKED)
def test_scikit_learn_checks_of_further_configurations(estimator, check):
    check(estimator)


@every_estimator
def test_an_integer_seed_gives_the_same_bits(estimator, X):
    assert_same_bits(clone(estimator).fit(X), clone(estimator).fit(X))


@any_estimator
def test_a_generator_as_random_state_advances(estimator, X):
    generator = np.random.RandomState(0)
    estimator = clone(estimator).set_params(random_state=generator, init="random")
    first = estimator.fit(X).transform(X)
    second = estimator.fit(X).transform(X)
    assert not np.array_equal(first, second)


@any_estimator
def test_layout_and_container_do_not_matter(estimator, X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    expected = clone(estimator).fit(X).transform(X)
    for same in (
        np.asfortranarray(X),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        X.tolist(),
        np.repeat(X, 2, axis=0)[::2],
    ):
        np.testing.assert_array_equal(
            clone(estimator).fit(same).transform(same), expected
        )


@every_estimator
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float16])
def test_other_types_are_like_float64(estimator, dtype):
    X = (load_digits().data[:60, 26:30] > 7).astype(dtype)
    fitted = clone(estimator).fit(X)
    codes = fitted.transform(X)
    assert codes.dtype == np.float64
    np.testing.assert_array_equal(
        codes, clone(estimator).fit(X.astype(np.float64)).transform(X)
    )


@every_estimator
def test_float32_in_gives_float32_out(estimator, X):
    X = X.astype(np.float32)
    fitted = clone(estimator).fit(X)
    codes = fitted.transform(X)
    assert codes.dtype == np.float32
    assert fitted.inverse_transform(codes).dtype == np.float32


@every_estimator
def test_scores_are_float64_whatever_the_rows(estimator, X):
    fitted = clone(estimator).fit(X)
    for rows in (X, X.astype(np.float32)):
        assert fitted.score_samples(rows).dtype == np.float64
        assert isinstance(fitted.score(rows), float)


@every_estimator
def test_fit_transform_is_fit_and_transform(estimator, X):
    np.testing.assert_array_equal(
        clone(estimator).fit_transform(X), clone(estimator).fit(X).transform(X)
    )


@every_estimator
def test_reconstruct_is_transform_and_back(estimator, X):
    fitted = clone(estimator).fit(X)
    np.testing.assert_allclose(
        fitted.reconstruct(X),
        fitted.inverse_transform(fitted.transform(X)),
        rtol=1e-5,
        atol=1e-6,
    )


@every_estimator
def test_methods_equal_the_keras_models(estimator, X):
    fitted = clone(estimator).fit(X)
    codes = fitted.encoder_(X.astype(np.float32)).numpy()
    rows = fitted.decoder_(codes).numpy()
    np.testing.assert_allclose(fitted.transform(X), codes, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fitted.reconstruct(X), rows, rtol=1e-4, atol=1e-5)


@every_estimator
@pytest.mark.parametrize(("library", "frame"), [("pandas", pd), ("polars", pl)])
def test_set_output_names_the_codes(estimator, X, library, frame):
    estimator = clone(estimator).set_output(transform=library)
    codes = estimator.fit_transform(frame.DataFrame(X, schema_of(library)))
    prefix = type(estimator).__name__.lower()
    assert isinstance(codes, frame.DataFrame)
    assert list(codes.columns) == [f"{prefix}0", f"{prefix}1"]
    assert list(estimator.get_feature_names_out()) == list(codes.columns)


def schema_of(library):
    names = ["a", "b", "c", "d"]
    return names if library == "polars" else None


@every_estimator
def test_feature_names_are_kept_and_checked(estimator, X):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    fitted = clone(estimator).fit(frame)
    assert list(fitted.feature_names_in_) == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(frame[["b", "a", "c", "d"]])


@every_estimator
def test_copies_and_pickles_give_the_same_codes(estimator, X):
    fitted = clone(estimator).fit(X)
    fitted.encoder_  # noqa: B018 - models that were made must not stop a pickle
    expected = fitted.transform(X)
    for again in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(again.transform(X), expected)


@any_estimator
def test_weights_count_as_repeated_rows(estimator, X):
    counts = np.random.RandomState(0).randint(0, 3, size=len(X))
    weighted = clone(estimator).fit(X, sample_weight=counts)
    repeated = clone(estimator).fit(np.repeat(X, counts, axis=0))
    assert_same_bits(weighted, repeated)


@any_estimator
def test_labels_are_ignored(estimator, X):
    labels = load_iris().target
    assert_same_bits(clone(estimator).fit(X, labels), clone(estimator).fit(X))


@more_codes_than_features
@any_estimator
def test_a_fit_draws_from_no_global_generator(estimator, X):
    before = global_states()
    # So many codes as no other test has: all is built and compiled here.
    clone(estimator).set_params(encoding_dim=7).fit(X)
    assert global_states() == before


def global_states():
    name, keys, *position = np.random.get_state()
    return random.getstate(), (name, keys.tolist(), *position)


@any_estimator
def test_warm_start_goes_on_from_the_weights_of_the_last_fit(estimator, X):
    fitted = clone(estimator).set_params(warm_start=True).fit(X)
    expected = fitted.reconstruct(X)
    fitted.set_params(learning_rate=NO_STEP, epochs=1).fit(X)
    np.testing.assert_allclose(fitted.reconstruct(X), expected, atol=1e-5)


@every_estimator
def test_a_failed_fit_leaves_the_estimator_as_it_was(estimator, X):
    fitted = clone(estimator).fit(X)
    before = dict(vars(fitted))
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(np.where(X > 0.9, np.nan, X)[:, :2])
    assert vars(fitted) == before
    unfitted = clone(estimator)
    with pytest.raises(ValueError, match="NaN"):
        unfitted.fit(np.full((5, 2), np.nan))
    assert not [name for name in vars(unfitted) if name.endswith("_")]


@every_estimator
def test_nothing_works_before_fit(estimator, X):
    unfitted = clone(estimator)
    for method in ("transform", "inverse_transform", "reconstruct", "score_samples"):
        with pytest.raises(NotFittedError):
            getattr(unfitted, method)(X)
    for attribute in ("encoder_", "decoder_", "history_", "mean_"):
        assert not hasattr(unfitted, attribute)


@any_estimator
def test_parameters_stay_as_they_were(estimator, X):
    optimizer = keras.optimizers.Adam(0.003)
    stop = keras.callbacks.EarlyStopping(monitor="loss", patience=1)
    callbacks = [stop]
    estimator = clone(estimator).set_params(optimizer=optimizer, callbacks=callbacks)
    used = estimator.optimizer
    estimator.fit(X)
    assert estimator.optimizer is used
    assert not used.built
    assert float(used.learning_rate) == pytest.approx(0.003)
    assert estimator.callbacks is callbacks
    assert callbacks == [stop]


@any_estimator
def test_a_search_over_encoding_dim(estimator, X):
    pipeline = make_pipeline(clone(estimator), LogisticRegression())
    name = type(estimator).__name__.lower()
    search = GridSearchCV(pipeline, {f"{name}__encoding_dim": [1, 2]}, cv=2)
    search.fit(X, load_iris().target)
    assert search.best_estimator_[0].transform(X).shape == (
        len(X),
        search.best_params_[f"{name}__encoding_dim"],
    )


@any_estimator
def test_metadata_is_routed(estimator, X):
    counts = np.random.RandomState(0).randint(0, 3, size=len(X))
    with config_context(enable_metadata_routing=True):
        requesting = clone(estimator).set_fit_request(sample_weight=True, X_val=True)
        pipeline = make_pipeline(FunctionTransformer(), requesting)
        pipeline.fit(X, sample_weight=counts, X_val=X[::3])
    direct = clone(estimator).fit(X, sample_weight=counts, X_val=X[::3])
    assert_same_bits(pipeline[-1], direct)


def test_there_are_callbacks_where_scikit_learn_has_them():
    has_them = importlib.util.find_spec("sklearn.callback") is not None
    assert hasattr(AutoencoderTransformer, "set_callbacks") == has_them
