"""What several test modules need: small data, fits before training, truths in NumPy."""

import contextlib
import os
import re
import subprocess
import sys
import warnings

import numpy as np

from skae import AutoencoderTransformer

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


def weights(estimator):
    """Return the weights of a fitted estimator's networks."""
    return estimator.encoder_.get_weights() + estimator.decoder_.get_weights()


def assert_same_bits(one, other):
    """Check that two fitted estimators have identical weights."""
    for first, second in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(first, second)


def standardized(X):
    """Return rows in the network's scale, with the mean and scale removed."""
    mean = X.mean(axis=0)
    scale = np.sqrt(((X - mean) ** 2).mean())
    return (X - mean) / scale, mean, scale


def run_python(code, **environment):
    """Run code in a fresh interpreter, without the settings that skae reads."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")
    }
    return subprocess.run(
        [sys.executable, "-c", code],
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
