"""Threads: how many to use, and the same bits however many they are."""

import contextlib
import functools
import itertools
import multiprocessing
import os
import threading

from joblib import Parallel, cpu_count, delayed
from threadpoolctl import ThreadpoolController

from skae._runtime.interrupts import let_interrupts_in


class Lock:
    """A reentrant lock that a forked child finds open, whoever held it."""

    def __init__(self):
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self):
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def held(self):
        """Hold the lock for the body."""
        with self._lock:
            yield


def share_of_cores():
    """Return how many threads this process should use, or None for all cores.

    That is ``OMP_NUM_THREADS``, which joblib's loky sets in its workers. A pool of
    `multiprocessing` sets nothing; its workers run one thread each, as joblib has it.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    return 1 if multiprocessing.current_process().daemon else None


def n_threads():
    """Return how many threads to compute in."""
    return share_of_cores() or cpu_count()


_blas_lock = Lock()


@contextlib.contextmanager
def one_blas_thread():
    """Have NumPy and SciPy multiply and decompose matrices in one thread.

    Their last bits depend on the number of threads, and so on how many processes
    share the cores. The limit is the whole process's, so one body runs at a time.
    """
    with _blas_lock.held(), _blas_limit():
        yield


def _blas_limit():
    return _blas_controller().limit(limits=1, user_api="blas")


@functools.cache
def _blas_controller():
    return ThreadpoolController()


def map_in_threads(function, items):
    """Yield what `function` makes of each item, in order, computed side by side.

    Read it within `one_blas_thread`, whose limit holds in the threads as well. Few
    results wait at a time, since they may be large: joblib would compute ahead of a
    slow reader without end, so it gets a few items at a time.
    """

    def run(item):
        with _blas_limit():  # some libraries have one for each thread
            return function(item)

    items, most = iter(items), n_threads()
    some = list(itertools.islice(items, 2 * most))
    if len(some) < 2:  # joblib takes some 15 ms to start threads
        yield from map(run, some)
        return
    # Threads by `require`, whatever a user's `joblib.parallel_config` says.
    with Parallel(most, require="sharedmem", return_as="generator") as parallel:
        while some:
            for result in parallel(delayed(run)(item) for item in some):
                let_interrupts_in()
                yield result
            some = list(itertools.islice(items, 2 * most))
