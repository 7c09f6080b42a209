"""Memory: fit after fit leaves nothing behind that grows."""

import gc
import weakref

import keras
import pytest
import tensorflow as tf
from helpers import correlated

from skae import AutoencoderTransformer, VAETransformer
from skae._model import codec
from skae._training import steps_pool

X = correlated(40, 5)

OPTIMIZERS = {
    "adam": lambda: "adam",
    "nadam": lambda: "nadam",
    "an instance": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
}


def fitted(units=3, **parameters):
    parameters = {"hidden_layer_sizes": (units,), "epochs": 2, **parameters}
    return AutoencoderTransformer(2, random_state=0, init="random", **parameters).fit(X)


def n_alive(*kinds):
    gc.collect()
    return sum(isinstance(thing, kinds) for thing in gc.get_objects())


@pytest.fixture
def _smallest_pools(monkeypatch):
    """Keep only what the latest fit compiled."""
    monkeypatch.setattr(steps_pool, "_MOST_IDLE", 1)
    monkeypatch.setattr(codec, "_MOST_CODECS", 1)
    fitted().transform(X)


@pytest.mark.slow
@pytest.mark.usefixtures("_smallest_pools")
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_what_is_compiled_for_an_architecture_goes_with_it(optimizer):
    """TensorFlow would keep each compiled step that sums gradients over devices."""
    kinds = tf.Graph, keras.Model, keras.Variable
    counts = []
    for units in (21, 22, 23):
        fitted(units, optimizer=optimizer()).transform(X)
        counts.append(n_alive(*kinds))
    assert counts[1:] == counts[:-1]


@pytest.mark.slow
@pytest.mark.usefixtures("_smallest_pools")
def test_callbacks_keep_a_trainer_no_longer_than_its_fit():
    def fit(units):
        fitted(units, callbacks=[keras.callbacks.TerminateOnNaN()])
        return n_alive(tf.Graph, keras.Variable)

    assert fit(24) == fit(25) == fit(26)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [AutoencoderTransformer, VAETransformer])
def test_fits_of_one_architecture_leave_the_same_behind(kind):
    def fit():
        estimator = kind(2, epochs=2, random_state=0).fit(X)
        estimator.transform(X)
        estimator.score(X)

    kinds = keras.Model, keras.Variable, tf.Variable, tf.Graph, tf.Tensor
    fit()
    before = n_alive(*kinds)
    for _ in range(3):
        fit()
    assert n_alive(*kinds) == before


@pytest.mark.slow
def test_a_fitted_estimator_that_is_forgotten_is_freed():
    estimator = fitted()
    estimator.transform(X)
    assert estimator.encoder_ is not None
    gone = weakref.ref(estimator._fitted)
    del estimator
    gc.collect()
    assert gone() is None


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_a_known_architecture_brings_no_variable_of_a_new_name(optimizer):
    """TensorFlow keeps some 40 kB for every name and shape that it has seen."""
    seen = set()

    def note(create, **how):
        variable = create(**how)
        seen.add((variable.name, tuple(variable.shape)))
        return variable

    known = []
    optimizer = optimizer()
    for _ in range(3):
        with tf.variable_creator_scope(note):
            fitted(optimizer=optimizer).transform(X)
        known.append(len(seen))
    assert known[0] > 0
    assert known[1] == known[2]
