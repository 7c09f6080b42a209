"""What several test modules need: small data, fits before training, truths in NumPy."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae._model.ordering import OrderedCodes
from skae._runtime.tensorflow import load_keras
from skae._training import attributes
from skae.networks import LINEAR

ESTIMATORS = [
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
]
"""Every public estimator."""


def each_of(cases, by_default):
    """Return parameters for pytest, by name; those not run by default are slow.

    Parameters
    ----------
    cases : dict or iterable
        Values by name, or names that are their own values.

    by_default : iterable of str
        Names of those that stand for the others in the default run.
    """
    values = cases if isinstance(cases, dict) else {name: name for name in cases}
    unknown = set(by_default) - set(values)
    assert not unknown, unknown
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            id=name,
            marks=() if name in by_default else pytest.mark.slow,
        )
        for name, value in values.items()
    ]


ONE_ESTIMATOR_BY_DEFAULT = each_of(
    {estimator.__name__: estimator for estimator in ESTIMATORS},
    by_default=["AutoencoderTransformer"],
)
"""Every public estimator, for what all have from one code; the others are slow."""

more_codes_than_features = pytest.mark.filterwarnings(
    "ignore:.*exceeds the rows or features of X:UserWarning"
)
"""For tests in which some codes have nothing to do."""

NO_STEP = 1e-30
"""A learning rate so small that training leaves every weight at its start."""


def correlated(n_rows=60, n_features=5, *, seed=0, offset=3.0):
    """Return Gaussian rows with unequal, correlated features and a mean."""
    rng = np.random.RandomState(seed)
    mixing = rng.randn(n_features, n_features) * np.geomspace(1, 0.1, n_features)
    return rng.randn(n_rows, n_features) @ mixing.T + offset


def untrained(encoding_dim=2, **parameters):
    """Return an estimator that stays at its start: one epoch of vanishing steps."""
    parameters = {"random_state": 0, **parameters}
    return AutoencoderTransformer(
        encoding_dim, epochs=1, learning_rate=NO_STEP, **parameters
    )


def leave_codes_as_trained(patch):
    """Have fits leave codes as training does, by a pytest.MonkeyPatch."""

    def leave(fitted, *others):
        return OrderedCodes(fitted, None)

    patch.setattr(attributes, "order_codes", leave)


def weights(estimator):
    """Return the weights of a fitted estimator's networks."""
    return estimator.encoder_.get_weights() + estimator.decoder_.get_weights()


def assert_same_bits(one, other):
    """Check that two fitted estimators have identical weights."""
    for first, second in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(first, second)


def randomize(model, seed=0):
    """Give a Keras model weights that are all non-zero and different; return it."""
    rng = np.random.RandomState(seed)
    for variable in model.weights:
        values = 0.5 * rng.randn(*variable.shape)
        variance = variable.path.endswith("moving_variance")
        variable.assign(np.abs(values) if variance else values)
    return model


def call(model, X):
    """Return what a Keras model makes of rows, without training."""
    return model(np.asarray(X, np.float32), training=False).numpy()


def assert_keras_alone_saves(model, X, path):
    """Check that JSON and files give the same model, without skae's help."""
    keras = load_keras()
    expected = call(randomize(model), X)
    from_json = keras.models.model_from_json(model.to_json())
    from_json.set_weights(model.get_weights())
    model.save(path / "model.keras")
    from_file = keras.models.load_model(path / "model.keras")
    for again in (from_json, from_file):
        with warnings.catch_warnings():
            # Keras 3.10 forgets, on loading, that one input need not be in a list.
            warnings.filterwarnings("ignore", "The structure of `inputs`", UserWarning)
            np.testing.assert_array_equal(call(again, X), expected)
    assert "skae" not in model.to_json()


def assert_branch_starts_at_zero(model, X):
    """Check that a model first is its linear map, and with other weights is not."""

    def linear():
        kernel, bias = model.get_layer(LINEAR).get_weights()
        outputs = X.reshape(len(X), -1) @ kernel + bias
        return outputs.reshape(len(X), *model.output_shape[1:])

    np.testing.assert_allclose(call(model, X), linear(), rtol=1e-4, atol=1e-5)
    assert np.abs(call(randomize(model), X) - linear()).max() > 1e-2


def standardized(X):
    """Return rows in the network's scale, with the mean and scale removed."""
    mean = X.mean(axis=0)
    scale = np.sqrt(((X - mean) ** 2).mean())
    return (X - mean) / scale, mean, scale


def cosine_by_hand(n_steps):
    """Rise in equal parts over a tenth of the steps, then fall as half a cosine."""
    n_rising = max(1, n_steps // 10)
    n_falling = n_steps - n_rising
    rising = [(i + 1) / n_rising for i in range(n_rising)]
    angles = [np.pi * (i + 1) / (n_falling + 1) for i in range(n_falling)]
    return np.array(rising + [(1 + np.cos(angle)) / 2 for angle in angles])


def run_python(code, stdin=None, **environment):
    """Run code in a fresh interpreter, without the settings that skae reads."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        input=stdin,
        capture_output=True,
        text=True,
        env={**inherited, **environment},
        check=False,
    )


@contextlib.contextmanager
def warns(category, match):
    """Check that the body warns so; unlike pytest.warns, filter the rest as usual."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", category)
        yield
    messages = [str(w.message) for w in caught if issubclass(w.category, category)]
    assert any(re.search(match, message) for message in messages), messages


def in_a_fork(function, seconds=60):
    """Return what a function returns, or raises as text, in a forked child."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads, which are the point here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(seconds)  # ends a child that hangs
        try:
            answer = str(function())
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        answer = pipe.read()
    assert os.waitpid(child, 0)[1] == 0, "the child did not end by itself"
    return answer
