"""Randomness that leaves every global generator as it found it."""

import contextlib
import contextvars
import random

import numpy as np
from sklearn.utils import check_random_state

from skae._runtime.threads import Lock

_global_generators = Lock()
_MAX_SEED = 2**31 - 1


def as_generator(random_state):
    """Turn a scikit-learn ``random_state`` into a generator of the fit's own.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        None gives fresh entropy from the operating system, where scikit-learn
        would draw from NumPy's global generator.

    Returns
    -------
    numpy.random.RandomState
        Seeded from `random_state`; an instance that was passed in advances by
        one draw, the global generator never does.
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
    """Have `next_seed` draw from a generator with this seed, in the body's thread."""
    token = _source.set(np.random.RandomState(seed))
    try:
        yield
    finally:
        _source.reset(token)


def next_seed():
    """Return a seed for a Keras initializer or layer.

    Outside `seeds_from`, where users build networks by themselves, that is None: Keras
    draws a seed then, as `keras.utils.set_random_seed` settles it.
    """
    source = _source.get()
    return None if source is None else draw_seed(source)


@contextlib.contextmanager
def seeded(seed):
    """Seed Python's and NumPy's global generators for the body only.

    This is for models of a user's own code, whose initializers and random layers may
    have no seeds: Keras draws these from Python's generator. One thread at a time is
    in a body, so two fits cannot disturb each other's draws.
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
