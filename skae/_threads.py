"""Threads: how many to use, and the same bits however many they are."""

import collections
import contextlib
import functools
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from joblib import cpu_count
from threadpoolctl import ThreadpoolController


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
    with _blas_lock.held(), _blas().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _blas():
    return ThreadpoolController()


def map_in_threads(function, items):
    """Yield what `function` makes of each item, in order, computed side by side.

    Few results wait at a time, since they may be large. In each thread matrices are
    multiplied as in `one_blas_thread`.
    """
    most = n_threads()
    waiting: collections.deque = collections.deque()
    with one_blas_thread(), ThreadPoolExecutor(most) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
