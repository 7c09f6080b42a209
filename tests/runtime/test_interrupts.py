"""Ctrl-C during a fit leaves everything as it was, and soon."""

import asyncio
import functools
import json
import random
import signal
import sys
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from helpers import assert_same_bits, correlated, each_of, run_python

from skae import AutoencoderTransformer, VAETransformer
from skae._model import codec
from skae._runtime import interrupts
from skae._runtime.interrupts import (
    Pace,
    interrupts_deferred,
    let_interrupts_in,
    out_of_reach,
)
from skae._training import steps_pool

X = correlated()
PARAMETERS = {
    "epochs": 3,
    "batch_size": 16,
    "hidden_layer_sizes": (8,),
    "random_state": 0,
}


@pytest.fixture(autouse=True)
def _interrupts_are_heard():
    """Undo what a shell does to the processes that it runs in the background."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


def interrupt_at(n_calls, function):
    """Raise KeyboardInterrupt when `function` has made so many calls of Python code."""
    n_so_far = 0

    def count(frame, event, argument):
        nonlocal n_so_far
        n_so_far += event == "call"
        if n_so_far == n_calls:
            raise KeyboardInterrupt

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return n_so_far


def global_states():
    return random.getstate(), np.random.get_state(legacy=False)


@pytest.fixture
def start_anew(monkeypatch):
    """Return what lets the next fit start as the first of a process does."""
    monkeypatch.setattr(steps_pool, "_idle", OrderedDict())
    monkeypatch.setattr(codec, "_codecs", OrderedDict())

    def forget():
        steps_pool._idle.clear()
        codec._codecs.clear()

    return forget


@pytest.mark.slow
@pytest.mark.parametrize(("fraction", "is_fitted"), [(0.3, True), (0.6, False)])
def test_an_interrupt_anywhere_in_a_fit_leaves_no_trace(
    fraction, is_fitted, start_anew
):
    estimator, other = (AutoencoderTransformer(2, **PARAMETERS) for _ in "ab")
    for each in (estimator, other) if is_fitted else (other,):
        each.fit(X + 1)
    start_anew()
    n_calls = interrupt_at(None, functools.partial(other.fit, X))
    start_anew()
    before, states = dict(vars(estimator)), global_states()
    with pytest.raises(KeyboardInterrupt):
        interrupt_at(int(fraction * n_calls), functools.partial(estimator.fit, X))
    assert vars(estimator) == before
    np.testing.assert_equal(global_states(), states)
    assert_same_bits(estimator.fit(X), other)


IN_ANOTHER_PROCESS = """
import json, os, signal, sys, threading, time
from skae import AutoencoderTransformer
import numpy as np

rows = np.random.RandomState(0).normal(size=(40, 4))
seen = []

def interrupt_once_the_import_has_begun():
    while "tensorflow" not in sys.modules:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)

def fit(**parameters):
    estimator = AutoencoderTransformer(2, random_state=0, **parameters)
    before = dict(vars(estimator))
    try:
        estimator.fit(rows)
    except KeyboardInterrupt:
        seen.append(vars(estimator) == before)
    return estimator

threading.Thread(target=interrupt_once_the_import_has_begun).start()
fit()

import keras

class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

fit(callbacks=[Interrupt()])
codes = fit(epochs=2).transform(rows)
print(json.dumps({"seen": seen, "codes": codes.tolist()}))
"""


@pytest.mark.slow
def test_ctrl_c_while_tensorflow_starts_and_while_it_trains_leaves_it_usable():
    answer = run_python(IN_ANOTHER_PROCESS)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["seen"] == [True, True]
    rows = np.random.RandomState(0).normal(size=(40, 4))
    here = AutoencoderTransformer(2, random_state=0, epochs=2).fit(rows)
    np.testing.assert_array_equal(found["codes"], here.transform(rows))


class PressCtrlC(keras.callbacks.Callback):
    """Sends the signal in an epoch, and notes which epochs begin."""

    def __init__(self, begun):
        super().__init__()
        self.begun = begun

    def __deepcopy__(self, memo):
        return type(self)(self.begun)

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)
        if epoch == 1:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_cancelled_before", "raised"),
    [(False, KeyboardInterrupt), (True, asyncio.CancelledError)],
)
def test_ctrl_c_under_asyncio_ends_the_fit_in_the_same_epoch(
    is_cancelled_before, raised
):
    """asyncio's own handler raises nothing: it cancels the task."""
    begun: list = []
    estimator = AutoencoderTransformer(2, **PARAMETERS, callbacks=[PressCtrlC(begun)])

    async def fit():
        if is_cancelled_before:  # by others, which does not end this fit
            asyncio.current_task().cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(0)
        estimator.fit(X)

    with pytest.raises(raised):
        asyncio.run(fit())
    assert begun == [0, 1]
    assert not hasattr(estimator, "n_iter_")


def pressed_in(body):
    """Return how far a body with interrupts deferred comes, which notes where it is."""
    reached: list = []
    with pytest.raises(KeyboardInterrupt):
        interrupts_deferred()(body)(reached)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return reached


def test_a_deferred_interrupt_comes_after_the_body():
    def body(reached):
        signal.raise_signal(signal.SIGINT)
        reached.append("end")

    assert pressed_in(body) == ["end"]


def test_a_deferred_interrupt_can_be_let_in_even_from_a_body_within_another():
    def body(reached):
        let_interrupts_in()  # nothing was pressed yet
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            reached.append("pressed")
            let_interrupts_in()
            reached.append("let in")

    assert pressed_in(body) == ["pressed"]


def test_a_second_key_is_heard_at_once():
    def body(reached):
        signal.raise_signal(signal.SIGINT)
        reached.append("first")
        signal.raise_signal(signal.SIGINT)
        reached.append("second")

    assert pressed_in(body) == ["first"]


def test_what_takes_long_out_of_reach_is_left_to_end_by_itself():
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work():
        begun.set()
        go_on.wait(60)
        ended.set()

    def press():
        begun.wait(60)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    assert pressed_in(lambda reached: out_of_reach(work)) == []
    assert not ended.is_set()
    go_on.set()
    presser.join()
    assert ended.wait(60)


def test_interrupts_that_a_program_ignores_stay_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_the_handler_alone():
    def handler():
        with interrupts_deferred():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(handler).result() is signal.default_int_handler


@pytest.mark.parametrize(
    "kind",
    each_of({"plain": AutoencoderTransformer, "drawing": VAETransformer}, ["plain"]),
)
def test_an_epoch_in_many_calls_gives_the_same_bits_as_in_one(kind, monkeypatch):
    how = {"epochs": 3, "batch_size": 16, "random_state": 0}
    fits = []
    for n_steps in (1, 2, 100):
        monkeypatch.setattr(Pace, "pieces", in_pieces_of(n_steps))
        fits.append(kind(2, **how).fit(X))
    for other in fits[1:]:
        assert_same_bits(fits[0], other)
        assert fits[0].history_ == other.history_


@pytest.mark.slow
def test_the_ends_of_a_call_are_no_constants_that_xla_would_compile_in(monkeypatch):
    """XLA compiles tf.range anew for every end."""
    fits = []
    how = {**PARAMETERS, "init": "random"}
    for n_steps in (1, 100):
        monkeypatch.setattr(steps_pool, "xla_pays", lambda *_: True)
        monkeypatch.setattr(Pace, "pieces", in_pieces_of(n_steps))
        fits.append(AutoencoderTransformer(2, **how).fit(X))
    assert_same_bits(*fits)
    (trainer,) = list(steps_pool._idle.values())[-1:]
    assert trainer._run.function_def.attr["_XlaMustCompile"].b
    kinds = {operation.type for operation in trainer._run.graph.get_operations()}
    assert "While" in " ".join(kinds)
    assert "Range" not in kinds


def in_pieces_of(most):
    def pieces(pace, n_steps):
        for first in range(0, n_steps, most):
            yield first, min(first + most, n_steps)

    return pieces


@pytest.mark.parametrize("seconds_per_step", [1e-4, 0.01, 0.1, 5.0])
def test_calls_last_about_half_a_second(seconds_per_step, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(interrupts.time, "perf_counter", lambda: clock[0])
    pace, lengths = Pace(), []
    for _ in range(4):
        at = 0
        for first, end in pace.pieces(3000):
            assert first == at < end
            at = end
            clock[0] += (end - first) * seconds_per_step
            lengths.append((end - first) * seconds_per_step)
        assert at == 3000
    # The first calls are careful; the last of an epoch has what is left.
    longest = min(0.5, 3000 * seconds_per_step)
    expected = max(longest, seconds_per_step)
    np.testing.assert_allclose(max(lengths), expected, rtol=0.3)
    assert lengths[0] == seconds_per_step
