"""Threads: how many to use, and the same bits for any number of them."""

import collections
import contextlib
import functools
import itertools
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from joblib import cpu_count
from threadpoolctl import ThreadpoolController

from skae._runtime.interrupts import let_interrupts_in, result_of


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
# The limit that holds for the process, and how many bodies of `one_blas_thread` run.
_held: dict = {"limit": None, "bodies": 0}


@contextlib.contextmanager
def one_blas_thread():
    """Let NumPy and SciPy multiply and decompose matrices in one thread.

    Sums split over threads round differently, so the last bits would depend on how
    many processes share the cores. The limit holds for the whole process: from the
    beginning of the first body to the end of the last.
    """
    _enter_limit()
    try:
        yield
    finally:
        _leave_limit()


def _enter_limit():
    with _blas_lock.held():
        if not _held["bodies"]:
            _held["limit"] = _blas_limit()
        _held["bodies"] += 1


def _leave_limit():
    with _blas_lock.held():
        _held["bodies"] -= 1
        if not _held["bodies"]:
            _held.pop("limit").restore_original_limits()


def _forget_limit():
    """Forget, in a forked child, the bodies of threads that only its parent has."""
    _held.update(limit=None, bodies=0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_limit)


def _blas_limit():
    return _blas_controller().limit(limits=1, user_api="blas")


@functools.cache
def _blas_controller():
    return ThreadpoolController()


def map_in_threads(function, items):
    """Yield the result of `function` for each item, in order, computed in parallel.

    Read the results within `one_blas_thread`. Results may be large, so only a few wait
    to be read: each thread gets two items at a time.
    """

    def run(item):
        with _blas_limit():  # some BLAS libraries keep the limit for each thread
            return function(item)

    items, most = iter(items), n_threads()
    some = list(itertools.islice(items, 2 * most))
    if len(some) < 2 or most < 2:
        yield from map(run, itertools.chain(some, items))
        return
    with ThreadPoolExecutor(most, "skae-map") as threads:
        waiting = collections.deque(threads.submit(run, item) for item in some)
        while waiting:
            result = result_of(waiting.popleft())
            yield result
            let_interrupts_in()
            waiting.extend(threads.submit(run, item) for item in itertools.islice(items, 1))
