"""Copies, pickles and clones: the same estimator, with all that Keras' objects hold."""

import copy
import io
import pickle

import cloudpickle
import joblib
import keras
import numpy as np
import pytest
import skops.io
from helpers import assert_same_bits, correlated, each_of, run_python, weights
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skae import AutoencoderTransformer
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork, DenseNetwork

X = correlated()


class UsersLoss(keras.losses.Loss):
    """A loss whose settings no configuration has."""

    def __init__(self, power):
        super().__init__()
        self.power = power

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** self.power, axis=-1)


class UsersSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule whose settings no configuration has."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate

    def get_config(self):
        return {}


class PlainSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule without a configuration."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate


class UsersOptimizer(keras.optimizers.SGD):
    """An optimizer of the user's own."""


class UsersLayer(keras.layers.Layer):
    """A layer of the user's own."""

    def call(self, inputs):
        return 2 * inputs


class UsersNetwork(DenseNetwork):
    """A network of the user's own."""


def autoencoder(**parameters):
    if "network" not in parameters:
        parameters["hidden_layer_sizes"] = (8,)
    parameters.setdefault("random_state", 0)
    return AutoencoderTransformer(2, epochs=1, **parameters)


def excluding(optimizer):
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def custom(*layers):
    encoder = [keras.Input((5,)), *layers, keras.layers.Dense(2)]
    decoder = [keras.Input((2,)), keras.layers.Dense(5)]
    return CustomNetwork(keras.Sequential(encoder), keras.Sequential(decoder))


def through_joblib(estimator, path):
    joblib.dump(estimator, path / "estimator.joblib")
    return joblib.load(path / "estimator.joblib", mmap_mode="r")


def through_skops(estimator, path):
    data = skops.io.dumps(estimator)
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


WAYS = {
    "pickle": lambda estimator, path: pickle.loads(pickle.dumps(estimator)),
    "protocol 2": lambda estimator, path: pickle.loads(pickle.dumps(estimator, 2)),
    "joblib": through_joblib,
    "cloudpickle": lambda estimator, path: pickle.loads(cloudpickle.dumps(estimator)),
    "deepcopy": lambda estimator, path: copy.deepcopy(estimator),
    "copy": lambda estimator, path: copy.copy(estimator),
    "skops": through_skops,
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture(scope="module")
def fitted():
    return autoencoder().fit(X)


@pytest.fixture(scope="module")
def huber():
    optimizer = excluding(keras.optimizers.AdamW(0.01, weight_decay=0.1))
    loss = keras.losses.Huber(delta=0.01)
    return autoencoder(loss=loss, optimizer=optimizer).fit(X)


@each_way
def test_a_copy_gives_the_same_codes_and_fits_anew_to_the_same_bits(
    way, huber, tmp_path
):
    again = way(huber, tmp_path)
    np.testing.assert_array_equal(again.transform(X), huber.transform(X))
    assert_same_bits(again, huber)
    assert_same_bits(clone(again).fit(X), huber)


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "skops", "clone"])
def test_copies_keep_settings_that_keras_leaves_out_of_configurations(
    way, huber, tmp_path
):
    again = clone(huber) if way == "clone" else WAYS[way](huber, tmp_path)
    y = np.array([[0.0]]), np.array([[3.0]])
    assert float(again.loss(*y)) == pytest.approx(0.01 * (3 - 0.005))
    bias, kernel = keras.Variable([1.0], name="bias"), keras.Variable([1.0], name="k")
    again.optimizer.build([bias, kernel])
    again.optimizer.apply([keras.ops.zeros(1)] * 2)
    assert float(bias[0]) == 1
    assert float(kernel[0]) == pytest.approx(1 - 0.1 * 0.01)


@pytest.mark.slow
def test_the_delta_of_a_huber_loss_decides_on_the_fit():
    losses = [
        autoencoder(loss=keras.losses.Huber(delta=delta), init="random").fit(X)
        for delta in (0.01, 100.0)
    ]
    assert losses[0].history_["loss"] != losses[1].history_["loss"]


@each_way
def test_schedules_and_generators_are_kept(way, tmp_path):
    generator = np.random.RandomState(0)
    generator.normal(size=3)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    optimizer = keras.optimizers.Adam(schedule, beta_1=0.8)
    again = way(autoencoder(optimizer=optimizer, random_state=generator), tmp_path)
    configs = [one.get_config() for one in (again.optimizer, optimizer)]
    # Keras numbers its objects in their names.
    assert {**configs[0], "name": None} == {**configs[1], "name": None}
    expected = copy.deepcopy(generator).normal(size=700)
    np.testing.assert_array_equal(again.random_state.normal(size=700), expected)


# Code of the user's own


@pytest.fixture(scope="module")
def of_user():
    optimizer = UsersOptimizer(UsersSchedule(0.02))
    return autoencoder(loss=UsersLoss(4), optimizer=optimizer).fit(X)


@pytest.mark.parametrize("way", ["pickle", "cloudpickle", "deepcopy", "joblib"])
def test_the_users_classes_need_not_be_registered(way, of_user, tmp_path):
    again = WAYS[way](of_user, tmp_path)
    np.testing.assert_array_equal(again.transform(X), of_user.transform(X))
    assert type(again.loss) is UsersLoss
    assert again.loss.power == 4
    assert float(again.optimizer.learning_rate) == pytest.approx(0.02)
    assert_same_bits(clone(again).fit(X), of_user)


def local_loss():
    class Local(UsersLoss):
        """A class that only cloudpickle can take to another process."""

    return Local(1)


def test_a_schedule_needs_no_configuration():
    schedule = PlainSchedule(0.02)
    estimator = AutoencoderTransformer(
        2,
        hidden_layer_sizes=(4,),
        epochs=2,
        optimizer=keras.optimizers.Adam(schedule),
        random_state=0,
    )
    fitted = clone(estimator).fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    assert fitted.learning_rate_ == pytest.approx(0.02)
    assert_same_bits(clone(again).fit(X), fitted)
    assert vars(schedule) == {"rate": 0.02}


def test_cloudpickle_takes_classes_that_no_module_has():
    fitted = autoencoder(loss=local_loss()).fit(X)
    again = pickle.loads(cloudpickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    assert again.loss.power == 1


@pytest.mark.slow
def test_the_users_classes_are_searched_in_processes():
    search = GridSearchCV(
        autoencoder(loss=local_loss()), {"l1_activity": [0.0, 0.1]}, cv=2, n_jobs=2
    )
    assert search.set_params(error_score="raise").fit(X).best_score_ <= 1


@pytest.mark.slow
@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
@pytest.mark.parametrize(
    "network",
    each_of(
        {
            "a network class": lambda: UsersNetwork((8,)),
            "a layer class": lambda: custom(UsersLayer()),
        },
        ["a layer class"],
    ),
)
def test_networks_of_the_users_own_are_kept(network, way, tmp_path):
    estimator = autoencoder(network=network()).fit(X)
    again = WAYS[way](estimator, tmp_path)
    np.testing.assert_array_equal(again.transform(X), estimator.transform(X))
    assert clone(again).fit(X).transform(X).shape == (60, 2)


def test_adapted_layers_stay_adapted_in_fits_copies_and_clones():
    normalization = keras.layers.Normalization()
    normalization.adapt(3 * X + 5)
    network = custom(normalization)
    expected = network.encoder(X.astype(np.float32)).numpy()
    for one in (network, clone(network), pickle.loads(pickle.dumps(network))):
        built = one.build_encoder((5,), 2)
        np.testing.assert_allclose(built(X.astype(np.float32)), expected, atol=1e-5)


class Forgetful(keras.layers.Layer):
    """A layer with state that Keras' copies do not have."""

    factor = 1.0

    def call(self, inputs):
        return self.factor * inputs


def test_state_that_keras_cannot_copy_is_an_error():
    layer = Forgetful()
    layer.factor = 3.0
    with pytest.raises(TypeError, match=r"copy of encoder .* gives other outputs"):
        custom(layer).build_encoder((5,), 2)


# Hashes and compiled code


def test_equal_estimators_have_one_hash_whatever_keras_numbers():
    def estimator(rate=0.01):
        optimizer = keras.optimizers.Adam(rate)
        return autoencoder(optimizer=optimizer, loss=UsersLoss(2))

    assert joblib.hash(estimator()) == joblib.hash(estimator())
    assert joblib.hash(estimator()) != joblib.hash(estimator(0.1))


def test_compiled_code_and_models_are_not_pickled(fitted):
    estimator = copy.deepcopy(fitted)
    fresh = pickle.dumps(estimator)
    estimator.transform(X)
    estimator.encoder_  # noqa: B018 - is made and kept
    assert len(pickle.dumps(estimator)) == len(fresh)
    n_bytes = sum(values.nbytes for values in weights(estimator))
    assert len(fresh) < n_bytes + 4000


def test_arrays_of_joblib_stay_in_the_file(fitted, tmp_path):
    again = through_joblib(fitted, tmp_path)
    assert all(isinstance(values, np.memmap) for values in again._fitted.weights)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "skops"])
def test_wishes_about_metadata_are_kept(way, tmp_path):
    with config_context(enable_metadata_routing=True):
        estimator = AutoencoderTransformer(2).set_fit_request(sample_weight=True)
    again = WAYS[way](estimator, tmp_path)
    assert again.get_metadata_routing().fit.requests["sample_weight"] is True


def test_skops_must_trust_public_names_alone(fitted):
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(fitted))
    assert untrusted == ["skae.AutoencoderTransformer", "skae.networks.DenseNetwork"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop(), "is missing, not float32 of shape"),
        (lambda weights: weights.reverse(), "number 0 is float32 of shape"),
        (
            lambda weights: weights.__setitem__(0, weights[0].astype(np.float64)),
            "number 0 is float64",
        ),
    ],
    ids=["missing", "in another order", "of another type"],
)
def test_weights_of_another_network_are_an_error_on_first_use(change, message, fitted):
    again = pickle.loads(pickle.dumps(fitted))
    change(again._fitted.weights)
    for use in (again.transform, lambda X: again.encoder_(X)):
        with pytest.raises(SavedFileError, match=message):
            use(X)


def test_other_operations_in_numpy_are_an_error_where_keras_is_needed(fitted):
    state = fitted.__getstate__()
    text = state["_fitted"]["graphs"]
    assert text.count('"relu"') == 2

    def with_graphs(graphs):
        again = AutoencoderTransformer()
        again.__setstate__({**state, "_fitted": {**state["_fitted"], "graphs": graphs}})
        return again

    again = with_graphs(text.replace("relu", "tanh"))
    assert np.isfinite(again.transform(X)).all()
    with pytest.raises(SavedFileError, match="is another network than the one"):
        again.encoder_  # noqa: B018
    for graphs in (3, "3", text.replace("relu", "exec")):
        with pytest.raises((ValueError, TypeError)):
            with_graphs(graphs)


@pytest.mark.slow
def test_another_process_gives_the_same_codes_and_waits_for_tensorflow(
    fitted, tmp_path
):
    bundle = io.BytesIO()
    pickle.dump(fitted, bundle)
    (tmp_path / "fit.pickle").write_bytes(bundle.getvalue())
    fitted.save(tmp_path / "fit.skae")
    np.savez(tmp_path / "codes.npz", X=X, codes=fitted.transform(X))
    code = f"""
import pickle, sys
from pathlib import Path
import numpy as np
import skae

folder = Path({str(tmp_path)!r})
fits = [
    pickle.loads((folder / "fit.pickle").read_bytes()), skae.load(folder / "fit.skae")
]
print(sorted({{"keras", "tensorflow"}} & set(sys.modules)))
expected = np.load(folder / "codes.npz")
for fit in fits:
    codes = fit.transform(expected["X"])
    np.testing.assert_allclose(codes, expected["codes"], atol=1e-6)
print(len(fits))
"""
    process = run_python(code)
    assert process.stdout.splitlines() == ["[]", "2"], process.stderr
