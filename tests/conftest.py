"""Fixtures that several test modules use."""

import pytest

from skae import _inference, _trainer


@pytest.fixture(scope="module")
def all_stays_compiled():
    """Keep all that is compiled, for tests that come in any order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_trainer, "_MOST_IDLE_TRAINERS", 1000)
        patch.setattr(_inference, "_MOST_CODECS", 1000)
        yield
