"""Ctrl-C: soon, but never where code would be left half done."""

import contextlib
import signal
import threading
import time

_SECONDS_PER_CALL = 1.0


_put_off: list[tuple] = []


@contextlib.contextmanager
def interrupts_deferred():
    """Put Ctrl-C off to the end of the body, or to where `let_interrupts_in` is called.

    Python would raise the interrupt anywhere, in the middle of TensorFlow's calls too,
    which may swallow it or crash. Who presses twice is heard at once. Only Python's
    main thread sees Ctrl-C, so the bodies of others always finish.
    """
    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not callable(handler):
        yield
        return
    received: list[int] = []

    def note(number, frame):
        if received:
            received.clear()
            handler(number, frame)
        received.append(number)

    signal.signal(signal.SIGINT, note)
    _put_off.append((received, handler))
    try:
        yield
    finally:
        _put_off.pop()
        signal.signal(signal.SIGINT, handler)
        if received:
            signal.raise_signal(signal.SIGINT)


def let_interrupts_in():
    """Raise now what `interrupts_deferred` has put off, where nothing is half done."""
    if threading.current_thread() is threading.main_thread() and _put_off:
        received, handler = _put_off[-1]
        if received:
            received.clear()
            handler(signal.SIGINT, None)


class Pace:
    """Cuts an epoch into calls of about a second.

    Interrupts are let in between calls. The steps are the same, however an epoch is
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
