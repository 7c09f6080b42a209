"""Random numbers that leave every global generator as it was."""

import contextlib
import contextvars
import random

import numpy as np
from sklearn.utils import check_random_state

from skae._runtime.threads import Lock

_global_generators = Lock()
# The largest int32, which every generator takes: Python's, NumPy's and Keras'.
_MAX_SEED = 2**31 - 1


def as_generator(random_state):
    """Turn a scikit-learn ``random_state`` into a new generator for one fit.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        None takes fresh entropy from the operating system. (scikit-learn would draw
        from NumPy's global generator.)

    Returns
    -------
    numpy.random.RandomState
        Seeded from `random_state`. An instance that is passed in advances by one draw;
        the global generator never advances.
    """
    if random_state is None:
        return np.random.RandomState()
    return np.random.RandomState(draw_seed(check_random_state(random_state)))


def draw_seed(generator):
    """Draw a seed from 0 to 2**31 - 2."""
    return int(generator.randint(_MAX_SEED))


_source: contextvars.ContextVar = contextvars.ContextVar("source", default=None)


@contextlib.contextmanager
def seeds_from(seed):
    """Let `next_seed` draw from a generator with this seed, in the body's thread."""
    token = _source.set(np.random.RandomState(seed))
    try:
        yield
    finally:
        _source.reset(token)


def next_seed():
    """Return a seed for a Keras initializer or layer.

    Outside `seeds_from`, where users build networks themselves, it is None. Keras then
    draws a seed, which `keras.utils.set_random_seed` makes reproducible.
    """
    source = _source.get()
    return None if source is None else draw_seed(source)


@contextlib.contextmanager
def seeded(seed):
    """Seed Python's and NumPy's global generators for the body only.

    This is for models that the user's own code builds. Their initializers and random
    layers may have no seeds, and Keras then draws seeds from Python's generator. Only
    one thread at a time runs a body, so two fits do not disturb each other's draws.
    """
    with _global_generators.held():
        python_state, numpy_state = random.getstate(), np.random.get_state()
        try:
            random.seed(seed)
            np.random.seed(seed)
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
