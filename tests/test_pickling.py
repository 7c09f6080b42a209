"""Copies and pickles of every kind: the same estimator, before and after fit."""

import copy
import io
import pickle

import cloudpickle
import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import skops.io
from helpers import assert_same_bits, run_python, weights
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_common import SMALL

from skae import AutoencoderTransformer
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork, DenseNetwork

pytestmark = pytest.mark.usefixtures("all_stays_compiled")

X = np.random.RandomState(0).uniform(size=(50, 4))


class UsersNetwork(DenseNetwork):
    """A network of the user's own."""


class UsersSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of the user's own."""

    def __call__(self, step):
        return 0.001

    def get_config(self):
        return {}


def users_model(n_inputs, n_outputs):
    return keras.Sequential(
        [
            keras.Input((n_inputs,)),
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(n_outputs),
        ]
    )


def through_joblib(estimator, path):
    joblib.dump(estimator, path / "estimator.joblib")
    return joblib.load(path / "estimator.joblib", mmap_mode="r")


def through_skops(estimator, path):
    data = skops.io.dumps(estimator)
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


WAYS = {
    "joblib, arrays in the file": through_joblib,
    "cloudpickle": lambda estimator, path: pickle.loads(cloudpickle.dumps(estimator)),
    "deepcopy": lambda estimator, path: copy.deepcopy(estimator),
    "copy": lambda estimator, path: copy.copy(estimator),
    "skops": through_skops,
    **{
        f"pickle protocol {protocol}": lambda estimator, path, protocol=protocol: (
            pickle.loads(pickle.dumps(estimator, protocol))
        )
        for protocol in range(2, 6)
    },
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
SOME = "pickle protocol 5", "joblib, arrays in the file", "deepcopy"
every_estimator = pytest.mark.parametrize("name", SMALL)


@pytest.fixture(scope="module")
def fitted():
    """Return each estimator fitted, and nobody may change it."""
    return {
        name: clone(estimator).set_params(epochs=1).fit(X)
        for name, estimator in SMALL.items()
    }


@each_way
@every_estimator
def test_a_fit_gives_the_same_codes(name, way, fitted, tmp_path):
    again = way(fitted[name], tmp_path)
    np.testing.assert_array_equal(again.transform(X), fitted[name].transform(X))
    assert_same_bits(again, fitted[name])


@each_way
@every_estimator
def test_an_estimator_that_is_not_fitted_fits_to_the_same_parameters(
    name, way, tmp_path
):
    again = way(clone(SMALL[name]), tmp_path)
    assert repr(again) == repr(SMALL[name])
    assert not hasattr(again, "_fitted")


@each_way
def test_a_pipeline_gives_the_same_codes(way, tmp_path):
    autoencoder = AutoencoderTransformer(2, epochs=1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), autoencoder).fit(X)
    again = way(pipeline, tmp_path)
    np.testing.assert_array_equal(again.transform(X), pipeline.transform(X))


@pytest.mark.parametrize("way", SOME)
def test_a_copy_goes_on_and_fits_anew_like_the_original(way, tmp_path):
    original = AutoencoderTransformer(2, epochs=1, random_state=0).fit(X)
    again = WAYS[way](original, tmp_path)
    for estimator in (original, again):
        estimator.set_params(warm_start=True).fit(X[::-1])
    assert_same_bits(again, original)
    assert_same_bits(clone(again).fit(X), clone(original).fit(X))


@each_way
def test_optimizers_with_a_schedule_are_kept(way, tmp_path):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    optimizer = keras.optimizers.Adam(schedule, beta_1=0.8, name="adam")
    again = way(AutoencoderTransformer(optimizer=optimizer), tmp_path)
    assert again.optimizer.get_config() == optimizer.get_config()


@pytest.mark.parametrize("way", ["cloudpickle", "deepcopy", "copy"])
def test_schedules_of_the_users_own_are_kept(way, tmp_path):
    optimizer = keras.optimizers.SGD(UsersSchedule())
    with keras.saving.custom_object_scope({"UsersSchedule": UsersSchedule}):
        again = WAYS[way](AutoencoderTransformer(optimizer=optimizer), tmp_path)
    config = again.optimizer.get_config()["learning_rate"]
    assert config["class_name"] == "UsersSchedule"


@each_way
def test_a_generator_as_random_state_goes_on_from_where_it_was(way, tmp_path):
    generator = np.random.RandomState(0)
    generator.normal(size=3)
    estimator = AutoencoderTransformer(random_state=generator)
    again = way(estimator, tmp_path)
    expected = copy.deepcopy(generator).normal(size=5)
    np.testing.assert_array_equal(again.random_state.normal(size=5), expected)


@each_way
def test_names_and_wishes_about_output_are_kept(way, named, tmp_path):
    estimator, frame = named
    again = way(estimator, tmp_path)
    pd.testing.assert_frame_equal(again.transform(frame), estimator.transform(frame))
    assert list(again.feature_names_in_) == ["a", "b", "c", "d"]


# skops writes no estimator with such wishes, scikit-learn's own neither.
@pytest.mark.parametrize("way", [way for way in WAYS if way != "skops"])
def test_wishes_about_metadata_are_kept(way, tmp_path):
    with config_context(enable_metadata_routing=True):
        estimator = AutoencoderTransformer(2).set_fit_request(sample_weight=True)
    again = WAYS[way](estimator, tmp_path)
    assert again.get_metadata_routing().fit.requests["sample_weight"] is True


@pytest.fixture(scope="module")
def named():
    """Return an estimator that gives frames, and a frame of its rows."""
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    estimator = AutoencoderTransformer(2, epochs=1).set_output(transform="pandas")
    return estimator.fit(frame), frame


@pytest.mark.parametrize("way", SOME)
@pytest.mark.parametrize(
    "network",
    [
        lambda: UsersNetwork((4,)),
        lambda: CustomNetwork(users_model(4, 2), users_model(2, 4)),
    ],
    ids=["a network class", "Keras models"],
)
def test_networks_of_the_users_own_are_kept(network, way, tmp_path):
    estimator = AutoencoderTransformer(2, network=network(), epochs=1).fit(X)
    again = WAYS[way](estimator, tmp_path)
    np.testing.assert_array_equal(again.transform(X), estimator.transform(X))
    for one, other in zip(weights(again), weights(estimator), strict=True):
        np.testing.assert_array_equal(one, other)


@every_estimator
def test_skops_must_trust_nothing_but_the_estimator_and_networks_given(name, fitted):
    estimator = fitted[name]
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(estimator))
    expected = {_full_name(type(estimator))}
    network = estimator.get_params(deep=False).get("network")
    if network is not None:
        expected.add(_full_name(type(network)))
    if isinstance(network, CustomNetwork):  # the functions, and how rows are corrupted
        functions = network.encoder, network.decoder, estimator.corruption
        expected.update(map(_full_name, functions))
    assert set(untrusted) == expected


def _full_name(item):
    return f"{item.__module__}.{item.__qualname__}"


def test_a_pickle_is_as_large_as_its_weights():
    X = np.random.RandomState(0).uniform(size=(40, 784)).astype(np.float32)
    autoencoder = AutoencoderTransformer(32, hidden_layer_sizes=(), epochs=1).fit(X)
    n_bytes = sum(values.nbytes for values in weights(autoencoder))
    assert n_bytes == 4 * (2 * 784 * 32 + 784 + 32)
    assert n_bytes < len(pickle.dumps(autoencoder)) < 1.1 * n_bytes


def test_arrays_of_joblib_stay_in_the_file(tmp_path):
    estimator = AutoencoderTransformer(2, epochs=1, random_state=0).fit(X)
    again = through_joblib(estimator, tmp_path)
    assert all(isinstance(values, np.memmap) for values in again._fitted.weights)


def test_a_fit_that_was_used_is_pickled_like_a_fresh_one(fitted):
    estimator = copy.deepcopy(fitted["dense"])
    fresh = pickle.dumps(estimator)
    estimator.transform(X)
    estimator.encoder_  # noqa: B018 - is made and kept
    assert len(pickle.dumps(estimator)) == len(fresh)


def test_weights_of_another_network_are_an_error_on_first_use(fitted):
    again = pickle.loads(pickle.dumps(fitted["dense"]))
    again._fitted.weights[0] = again._fitted.weights[0].T
    for use in (again.transform, lambda X: again.encoder_(X)):
        with pytest.raises(SavedFileError, match="number 0 is float32 of shape"):
            use(X)


def test_another_process_gives_the_same_codes_and_waits_for_tensorflow(
    fitted, tmp_path
):
    names = [name for name in fitted if "custom" not in name]
    bundle = io.BytesIO()
    pickle.dump({name: fitted[name] for name in names}, bundle)
    (tmp_path / "fits.pickle").write_bytes(bundle.getvalue())
    skops.io.dump(fitted["dense"], tmp_path / "fit.skops")
    joblib.dump(fitted["convolutional"], tmp_path / "fit.joblib")
    fitted["variational"].save(tmp_path / "fit.skae")
    codes = {name: fitted[name].transform(X) for name in names}
    np.savez(tmp_path / "codes.npz", X=X, **codes)
    code = f"""
import pickle, sys
from pathlib import Path
import joblib, numpy as np, skops.io
import skae

folder = Path({str(tmp_path)!r})
fits = pickle.loads((folder / "fits.pickle").read_bytes())
files = {{
    "dense": skops.io.load(
        folder / "fit.skops",
        trusted=skops.io.get_untrusted_types(file=folder / "fit.skops"),
    ),
    "convolutional": joblib.load(folder / "fit.joblib", mmap_mode="r"),
    "variational": skae.load(folder / "fit.skae"),
}}
print(sorted({{"keras", "tensorflow"}} & set(sys.modules)))
expected = np.load(folder / "codes.npz")
for name, fit in [*fits.items(), *files.items()]:
    np.testing.assert_allclose(fit.transform(expected["X"]), expected[name], atol=1e-6)
print(len(fits), len(files))
"""
    process = run_python(code)
    assert process.stdout.splitlines() == ["[]", f"{len(names)} 3"], process.stderr
