"""Seeding: the same seed gives the same bits, and no global generator moves."""

import random
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import (
    ONE_ESTIMATOR_BY_DEFAULT,
    assert_same_bits,
    correlated,
    run_python,
    weights,
)
from keras.src.random.seed_generator import global_seed_generator

from skae import AutoencoderTransformer
from skae._runtime.randomness import seeded, seeds_from
from skae.networks import DenseNetwork

X = correlated()


def autoencoder(**changes):
    parameters = {
        "hidden_layer_sizes": (6,),
        "epochs": 2,
        "batch_size": 16,
        "random_state": 0,
    }
    return AutoencoderTransformer(2, **{**parameters, **changes})


def seed_all_globals():
    # Keras 3.10 leaves this generator, which has no public name, as it was.
    global_seed_generator().state.assign([1, 0])
    keras.utils.set_random_seed(1)
    tf.random.set_global_generator(tf.random.Generator.from_seed(1))


def next_global_draws():
    return {
        "python": random.random(),
        "numpy": np.random.random(),
        "tensorflow": float(tf.random.uniform(())),
        "tensorflow's generator": float(tf.random.get_global_generator().uniform(())),
        "keras": float(keras.random.uniform(())),
    }


def fit_badly():
    with pytest.raises(ValueError, match="finite"):
        autoencoder(hidden_layer_sizes=(18,), init="random").fit(X, X_val=1e30 * X)


@pytest.fixture
def _global_states():
    """Put the generators of Python and NumPy back after a test that seeds them."""
    states = random.getstate(), np.random.get_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])


# Every action has layer sizes of its own: nothing compiled earlier can be reused.
ACTIONS = {
    "fit": lambda: autoencoder(hidden_layer_sizes=(11,)).fit(X),
    "fit of a plain network without a seed": lambda: autoencoder(
        hidden_layer_sizes=(13,), init="random", random_state=None
    ).fit(X),
    "fit with callbacks": lambda: autoencoder(
        hidden_layer_sizes=(14,), callbacks=[keras.callbacks.LambdaCallback()]
    ).fit(X),
    "fit and score": lambda: autoencoder(hidden_layer_sizes=(16,)).fit(X).score(X),
    "models": lambda: weights(autoencoder(hidden_layer_sizes=(17,)).fit(X)),
    "failed fit": fit_badly,
}


@pytest.mark.slow
@pytest.mark.usefixtures("_global_states")
@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())
def test_global_generators_go_on_as_if_nothing_had_happened(action):
    seed_all_globals()
    expected = next_global_draws()
    seed_all_globals()
    action()
    assert next_global_draws() == expected


@pytest.mark.slow
def test_import_leaves_global_generators_alone():
    result = run_python(
        # Parts of scikit-learn draw from Python's generator when they are imported.
        "import sklearn.datasets, sklearn.decomposition, sklearn.model_selection\n"
        "import random, numpy\n"
        "states = random.getstate(), numpy.random.get_state()[1:]\n"
        "import skae\n"
        "assert random.getstate() == states[0]\n"
        "for now, before in zip(numpy.random.get_state()[1:], states[1]):\n"
        "    numpy.testing.assert_array_equal(now, before)"
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.usefixtures("_global_states")
@pytest.mark.parametrize("kind", ONE_ESTIMATOR_BY_DEFAULT)
def test_no_fit_changes_a_global_generator_even_for_a_moment(kind):
    def touched(*arguments):
        raise AssertionError("a global generator was seeded, or set")

    before = random.getstate(), np.random.get_state(legacy=False)
    # Undone in the body: pytest-randomly seeds these generators after it.
    with pytest.MonkeyPatch.context() as patch:
        for module in (random, np.random):
            patch.setattr(module, "seed", touched)
        patch.setattr(random, "setstate", touched)
        patch.setattr(np.random, "set_state", touched)
        kind(2, epochs=2, random_state=0, init="random").fit(X.reshape(len(X), -1, 1))
    assert random.getstate() == before[0]
    np.testing.assert_equal(np.random.get_state(legacy=False), before[1])


class OfAUser(DenseNetwork):
    """A network with a layer that Keras alone seeds."""

    def build_encoder(self, sample_shape, encoding_dim):
        encoder = super().build_encoder(sample_shape, encoding_dim)
        noisy = keras.layers.Dropout(0.5)(encoder.output)
        codes = keras.layers.Dense(encoding_dim)(noisy)
        return keras.Model(encoder.input, codes, name="encoder")


@pytest.mark.slow
@pytest.mark.usefixtures("_global_states")
def test_networks_of_a_users_own_code_are_seeded_too_and_leave_no_trace():
    fits = []
    for seed in (1, 2):
        random.seed(seed)
        before = random.getstate()
        how = {"epochs": 2, "random_state": 0, "init": "random"}
        fits.append(AutoencoderTransformer(2, network=OfAUser((8,)), **how).fit(X))
        assert random.getstate() == before
    assert_same_bits(*fits)


@pytest.mark.slow
@pytest.mark.usefixtures("_global_states")
def test_a_user_who_builds_a_network_alone_seeds_it_as_keras_does():
    def build():
        keras.utils.set_random_seed(1)
        return DenseNetwork((4,)).build_encoder((5,), 2).get_weights()

    for one, other in zip(build(), build(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.usefixtures("_global_states")
def test_global_seeds_do_not_matter():
    keras.utils.set_random_seed(1)
    one = autoencoder(init="random").fit(X)
    keras.utils.set_random_seed(2)
    assert_same_bits(one, autoencoder(init="random").fit(X))


@pytest.mark.slow
def test_other_fits_in_between_do_not_matter():
    first = autoencoder().fit(X)
    autoencoder(random_state=1).fit(X)
    autoencoder(hidden_layer_sizes=(5, 4), init="random").fit(X[:, :4])
    first.transform(X)
    assert_same_bits(first, autoencoder().fit(X))


@pytest.mark.slow
def test_fits_in_threads_equal_fits_in_turn():
    def fit(seed):
        return autoencoder(random_state=seed, init="random").fit(X)

    seeds = [0, 1, 2, 0]
    with ThreadPoolExecutor(3) as pool:
        for seed, threaded in zip(seeds, pool.map(fit, seeds), strict=True):
            assert_same_bits(threaded, fit(seed))


def test_seeds_matter():
    codes = [autoencoder(random_state=seed).fit(X).history_["loss"] for seed in (0, 1)]
    assert codes[0] != codes[1]


def test_without_a_seed_fits_differ():
    losses = [autoencoder(random_state=None).fit(X).history_["loss"] for _ in range(2)]
    assert losses[0] != losses[1]


def test_generators_in_the_same_state_give_the_same_bits():
    one, other = (
        autoencoder(random_state=np.random.RandomState(3)).fit(X) for _ in range(2)
    )
    assert_same_bits(one, other)


@pytest.mark.usefixtures("_global_states")
def test_seeded_sets_the_seed_for_the_body_only():
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    with seeded(7):
        inside = random.random(), np.random.random()
    assert (random.random(), np.random.random()) == expected
    random.seed(7)
    np.random.seed(7)
    assert inside == (random.random(), np.random.random())


@pytest.mark.usefixtures("_global_states")
def test_seeded_restores_after_an_error():
    random.seed(5)
    expected = random.random()
    random.seed(5)
    with pytest.raises(KeyError), seeded(7):
        raise KeyError
    assert random.random() == expected


def test_networks_built_from_the_same_seed_are_equal():
    def build(seed):
        with seeds_from(seed):
            return DenseNetwork((4,)).build_encoder((5,), 2).get_weights()

    for one, other in zip(build(1), build(1), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(build(1)[0], build(2)[0])
