"""Threads: how many to use, and the same bits for any number of them."""

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
    """A reentrant lock that is open in a forked child, whoever held it in the parent.

    A plain lock would stay closed there: the thread that held it does not exist.
    """

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
    `multiprocessing` sets nothing. Its workers get one thread each, as joblib does it.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    return 1 if multiprocessing.current_process().daemon else None


def n_threads():
    """Return the number of threads to compute in."""
    return share_of_cores() or cpu_count()


_blas_lock = Lock()


@contextlib.contextmanager
def one_blas_thread():
    """Let NumPy and SciPy multiply and decompose matrices in one thread.

    Sums split over threads round differently, so the last bits would depend on how
    many processes share the cores. The limit holds for the whole process, so only one
    body runs at a time.
    """
    with _blas_lock.held(), _blas_limit():
        yield


def _blas_limit():
    return _blas_controller().limit(limits=1, user_api="blas")


@functools.cache
def _blas_controller():
    return ThreadpoolController()


def map_in_threads(function, items):
    """Yield the result of `function` for each item, in order, computed in parallel.

    Read the results within `one_blas_thread`. Results may be large, so only a few wait
    to be read: joblib gets two items for each thread at a time, because it would
    otherwise compute ahead of a slow reader without bound.
    """

    def run(item):
        with _blas_limit():  # some BLAS libraries keep the limit for each thread
            return function(item)

    items, most = iter(items), n_threads()
    some = list(itertools.islice(items, 2 * most))
    if len(some) < 2:  # joblib takes about 15 ms to start threads
        yield from map(run, some)
        return
    # `require` gives threads even if the user's `joblib.parallel_config` does not.
    with Parallel(most, require="sharedmem", return_as="generator") as parallel:
        while some:
            for result in parallel(delayed(run)(item) for item in some):
                let_interrupts_in()
                yield result
            some = list(itertools.islice(items, 2 * most))
