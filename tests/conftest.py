"""Fixtures that several test modules use."""

import gc
import os
import sys

import pytest
from helpers import leave_codes_as_trained

from skae._model import codec
from skae._training import steps_pool

os.environ.setdefault("MPLBACKEND", "agg")  # no windows


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Have the examples of docstrings run with those of the pages."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.add_marker("docs")


@pytest.fixture(autouse=True)
def no_figures_left():
    """Close the figures that a test has drawn."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def codes_as_trained(monkeypatch):
    """Leave codes as training leaves them, for tests of the training itself."""
    leave_codes_as_trained(monkeypatch)


@pytest.fixture(scope="session", autouse=True)
def all_stays_compiled():
    """Keep what is compiled as long as the process, since tests come in any order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps_pool, "_MOST_IDLE", 1000)
        patch.setattr(codec, "_MOST_CODECS", 1000)
        yield


@pytest.fixture(scope="module", autouse=True)
def old_objects_are_kept():
    """Have Python's garbage collector pass over what earlier modules have compiled."""
    gc.freeze()
