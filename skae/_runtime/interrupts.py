"""Ctrl-C: raised soon, but never where TensorFlow would crash."""

import contextlib
import contextvars
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

# A user should not wait much longer than this for Ctrl-C to take effect. Shorter calls
# would spend more time between them.
_SECONDS_PER_CALL = 0.5
# Short enough that a user does not notice, long enough to cost no processor time.
_SECONDS_BETWEEN_LOOKS = 0.2


# For the body of `interrupts_deferred` in the main thread: the signals received, the
# handler they are for, and how often asyncio's task had been cancelled before.
_put_off: list[tuple] = []


@contextlib.contextmanager
def interrupts_deferred():
    """Defer Ctrl-C to the next `let_interrupts_in`, or to the end of the body.

    Python would raise it anywhere. In an eager call this crashes TensorFlow with a
    segmentation fault, seen in about one of a hundred interrupted fits. A second
    Ctrl-C is raised at once. Only Python's main thread receives Ctrl-C, so bodies in
    other threads always finish.
    """
    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if _put_off or not is_main or not callable(handler):
        yield
        return
    received: list[int] = []

    def note(number, frame):
        if received:
            received.clear()
            handler(number, frame)
        received.append(number)

    _put_off.append((received, handler, _cancellations()))
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        _put_off.clear()
        signal.signal(signal.SIGINT, handler)
        if received:
            signal.raise_signal(signal.SIGINT)


def let_interrupts_in():
    """Raise the Ctrl-C that `interrupts_deferred` has deferred, at a safe place.

    Under `asyncio.run` the handler raises nothing. It cancels the main task, which
    would only notice at its next `await`, after the fit. So this function raises the
    CancelledError itself.
    """
    if threading.current_thread() is not threading.main_thread() or not _put_off:
        return
    ((received, handler, n_cancellations),) = _put_off
    if received:
        received.clear()
        handler(signal.SIGINT, None)
    if _cancellations() > n_cancellations:
        raise sys.modules["asyncio"].CancelledError


def _cancellations():
    """Return how often the running asyncio task has been cancelled."""
    asyncio = sys.modules.get("asyncio")
    if (
        asyncio is None
    ):  # so no event loop runs, and the import takes a tenth of a second
        return 0
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return 0
    return 0 if task is None else task.cancelling()


def out_of_reach(function, *arguments):
    """Call a function that takes long and must not be interrupted; return its result.

    Python raises Ctrl-C in the main thread only. So a call from the main thread runs
    in another one: the caller can be interrupted, while the function still finishes.
    The function sees the context variables of the caller, but no thread-local data.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*arguments)
    thread = ThreadPoolExecutor(1, "skae")
    context = contextvars.copy_context()
    try:
        return result_of(thread.submit(context.run, function, *arguments))
    finally:
        thread.shutdown(wait=False)


def result_of(future):
    """Wait for a future and return its result; let interrupts in meanwhile."""
    while not wait([future], _SECONDS_BETWEEN_LOOKS).done:
        let_interrupts_in()
    return future.result()


class Pace:
    """Divides an epoch into calls of about half a second each.

    Ctrl-C is raised between calls. The division does not change the training steps.
    """

    def __init__(self):
        self._n_steps = 1

    def pieces(self, n_steps):
        """Yield the first step of each call, and the step after its last."""
        first = 0
        while first < n_steps:
            end = min(first + self._n_steps, n_steps)
            started = time.perf_counter()
            yield first, end
            self._learn((end - first) / (time.perf_counter() - started))
            first = end
            let_interrupts_in()

    def _learn(self, steps_per_second):
        possible = int(steps_per_second * _SECONDS_PER_CALL)
        # Grow by at most 8 at a time: the time of a few steps is a poor estimate.
        self._n_steps = max(1, min(possible, 8 * self._n_steps))
