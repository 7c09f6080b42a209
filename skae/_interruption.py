"""Ctrl-C: soon where it can be, later where code must not be left half done."""

import contextlib
import signal
import threading
import time

_SECONDS_PER_CALL = 1.0


@contextlib.contextmanager
def interrupts_deferred():
    """Let the body finish before Ctrl-C takes effect.

    Only Python's main thread sees Ctrl-C, so the bodies of others always finish.
    """
    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not callable(handler):
        yield
        return
    received = []
    signal.signal(signal.SIGINT, lambda number, frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if received:
            signal.raise_signal(signal.SIGINT)


class Pace:
    """Cuts an epoch into calls of about a second.

    Python sees an interrupt only between calls. The steps are the same, however an
    epoch is cut.
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

    def _learn(self, steps_per_second):
        possible = int(steps_per_second * _SECONDS_PER_CALL)
        self._n_steps = max(1, min(possible, 8 * self._n_steps))
