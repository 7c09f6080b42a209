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
    with _blas_lock.held():
        if not _held["bodies"]:
            _held["limit"] = _BlasLimit()
        _held["bodies"] += 1
    try:
        yield
    finally:
        with _blas_lock.held():
            _held["bodies"] -= 1
            if not _held["bodies"]:
                _held["limit"].lift()


def _forget_limit():
    """Forget, in a forked child, the bodies of threads that only its parent has."""
    _held.update(limit=None, bodies=0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_limit)


class _BlasLimit:
    """Sets the number of BLAS threads to one, until it is lifted.

    It does what `ThreadpoolController.limit` does in a quarter of the time: coding a
    row takes as long as that.
    """

    def __init__(self):
        self._before = [(one, one.get_num_threads()) for one in _blas_libraries()]
        for library, n_threads in self._before:
            if n_threads != 1:
                _set_threads_of(library, 1)

    def lift(self):
        """Set the numbers that there were before."""
        for library, n_threads in self._before:
            if n_threads != 1:
                _set_threads_of(library, n_threads)


def _set_threads_of(library, n_threads):
    """Set a BLAS library's number of threads, and let any thread set it next.

    From version 3.8 on, threadpoolctl lets only the thread set it that did so first,
    until that gives the right back.
    """
    library.set_num_threads(n_threads)
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread()


@functools.cache
def _blas_libraries():
    found = ThreadpoolController().select(user_api="blas")
    return tuple(found.lib_controllers)


def map_in_threads(function, items):
    """Yield the result of `function` for each item, in order, computed in parallel.

    Read the results within `one_blas_thread`. Results may be large, so only a few wait
    to be read: each thread gets two items at a time.
    """

    def run(item):
        limit = _BlasLimit()  # some BLAS libraries keep the limit for each thread
        try:
            return function(item)
        finally:
            limit.lift()

    items = iter(items)
    first = list(itertools.islice(items, 2))
    most = n_threads() if len(first) > 1 else 1
    if most == 1:
        yield from map(run, itertools.chain(first, items))
        return
    some = first + list(itertools.islice(items, 2 * most - 2))
    with ThreadPoolExecutor(most, "skae-map") as threads:
        waiting = collections.deque(threads.submit(run, item) for item in some)
        while waiting:
            result = result_of(waiting.popleft())
            yield result
            let_interrupts_in()
            waiting.extend(
                threads.submit(run, item) for item in itertools.islice(items, 1)
            )
