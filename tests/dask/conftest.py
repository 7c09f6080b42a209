"""A cluster of two processes, the smallest of several workers."""

import pytest
from clusters import cluster_of


@pytest.fixture(scope="module")
def client():
    """A client of two workers of one thread each."""
    with cluster_of(2, 1) as client:
        yield client
