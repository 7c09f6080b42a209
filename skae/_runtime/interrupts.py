"""Ctrl-C: soon, but never where TensorFlow would crash."""

import contextlib
import contextvars
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

# Half of what a user waits, at most, for Ctrl-C to be heard.
_SECONDS_PER_CALL = 0.5
_SECONDS_BETWEEN_LOOKS = 0.2


# What the body of `interrupts_deferred` in the main thread has received, the handler
# that it is for, and how often asyncio's task had been cancelled before.
_put_off: list[tuple] = []


@contextlib.contextmanager
def interrupts_deferred():
    """Put Ctrl-C off to where `let_interrupts_in` is called, or to the end of the body.

    Python would raise it anywhere. In the midst of an eager call that is a segmentation
    fault of TensorFlow's, seen in one of some hundred fits that were interrupted. Who
    presses twice is heard at once. Only Python's main thread sees Ctrl-C, so the bodies
    of others always finish.
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
    """Raise now what `interrupts_deferred` has put off, where nothing is half done.

    Under `asyncio.run` the handler raises nothing: it cancels the main task, which
    would hear of that at its next `await`, after the fit. So this raises what that
    would.
    """
    import asyncio

    if threading.current_thread() is not threading.main_thread() or not _put_off:
        return
    ((received, handler, n_cancellations),) = _put_off
    if received:
        received.clear()
        handler(signal.SIGINT, None)
    if _cancellations() > n_cancellations:
        raise asyncio.CancelledError


def _cancellations():
    """Return how often the running asyncio task has been cancelled."""
    import asyncio

    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return 0
    return 0 if task is None else task.cancelling()


def out_of_reach(function, *arguments):
    """Return what a function returns that takes long and must not be interrupted.

    From the main thread, the only one in which Python raises Ctrl-C, it is called in
    another: the caller hears of Ctrl-C soon, and the function ends in peace. It sees
    the context variables of the caller, but nothing that is kept by thread.
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
    """Return the result of a future, and let interrupts in until there is one."""
    while not wait([future], _SECONDS_BETWEEN_LOOKS).done:
        let_interrupts_in()
    return future.result()


class Pace:
    """Cuts an epoch into calls of about half a second.

    Interrupts are heard between calls. The steps are the same, however an epoch is
    cut.
    """

    def __init__(self):
        self._n_steps = 1

    def pieces(self, n_steps):
        """Yield the first step and the one after the last of each call."""
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
        self._n_steps = max(1, min(possible, 8 * self._n_steps))
