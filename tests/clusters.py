"""Small clusters of processes for tests."""

import contextlib
import os
from unittest import mock

import dask
from distributed import Client, LocalCluster


@contextlib.contextmanager
def cluster_of(n_workers, n_threads):
    """Give a client of a cluster of processes on this machine."""
    with (
        mock.patch.dict(os.environ),  # in which Dask leaves what its workers are to see
        # Otherwise rows are copied to where a worker is idle.
        dask.config.set({"distributed.scheduler.work-stealing": False}),
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=n_threads,
            processes=True,
            memory_limit=0,
            dashboard_address=":0",  # tests run in several processes at once
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
