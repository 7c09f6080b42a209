"""Ctrl-C during a fit leaves everything as it was, and soon."""

import functools
import json
import random
import signal
import sys
import threading
from collections import OrderedDict

import numpy as np
import pytest
from helpers import assert_same_bits, correlated, run_python, weights

from skae import (
    AutoencoderTransformer,
    VAETransformer,
    _fitting,
    _inference,
    _interruption,
    _trainer,
)
from skae._interruption import Pace, interrupts_deferred, let_interrupts_in

X = correlated(40, 4)
PARAMETERS = {"epochs": 3, "batch_size": 8, "random_state": 0}


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
def nothing_compiled(monkeypatch):
    """Let the next fit start as the first of a process does."""
    monkeypatch.setattr(_trainer, "_idle_trainers", OrderedDict())
    monkeypatch.setattr(_inference, "_codecs", OrderedDict())


@pytest.fixture(scope="module")
def one_fit():
    """Return the weights of a fit, and how many calls of Python code it makes."""
    AutoencoderTransformer(2, **PARAMETERS).fit(X)  # what a process does but once
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_trainer, "_idle_trainers", OrderedDict())
        patch.setattr(_inference, "_codecs", OrderedDict())
        estimator = AutoencoderTransformer(2, **PARAMETERS)
        n_calls = interrupt_at(None, functools.partial(estimator.fit, X))
    return weights(estimator), n_calls


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize(
    ("share", "is_fitted"), [(0.03, False), (0.3, True), (0.6, False), (0.9, True)]
)
def test_an_interrupt_anywhere_in_a_fit_leaves_no_trace(share, is_fitted, one_fit):
    bits, n_calls = one_fit
    estimator = AutoencoderTransformer(2, **PARAMETERS)
    if is_fitted:
        estimator.fit(X + 1)
        _trainer._idle_trainers.clear()
        _inference._codecs.clear()
    before, states = dict(vars(estimator)), global_states()
    with pytest.raises(KeyboardInterrupt):
        interrupt_at(int(share * n_calls), functools.partial(estimator.fit, X))
    assert vars(estimator) == before
    np.testing.assert_equal(global_states(), states)
    for values, same in zip(weights(estimator.fit(X)), bits, strict=True):
        np.testing.assert_array_equal(values, same)


IN_ANOTHER_PROCESS = """
import json, os, signal, sys, threading, time
from skae import AutoencoderTransformer
import numpy as np

rows = np.random.RandomState(0).normal(size=(40, 4))
stderr = os.fstat(2)
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
        seen.append(vars(estimator) == before and os.path.samestat(os.fstat(2), stderr))
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


def test_ctrl_c_while_tensorflow_starts_and_while_it_trains_leaves_it_usable():
    answer = run_python(IN_ANOTHER_PROCESS)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["seen"] == [True, True]
    rows = np.random.RandomState(0).normal(size=(40, 4))
    here = AutoencoderTransformer(2, random_state=0, epochs=2).fit(rows)
    np.testing.assert_array_equal(found["codes"], here.transform(rows))


def test_a_deferred_interrupt_comes_after_the_body():
    done = []

    def body():
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("body")

    with pytest.raises(KeyboardInterrupt):
        body()
    assert done == ["body"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_the_body_comes_out_where_there_was_no_interrupt():
    with pytest.raises(RuntimeError, match="body"), interrupts_deferred():
        raise RuntimeError("body")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupts_that_a_program_ignores_stay_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_the_handler_alone():
    handlers = []

    def look():
        with interrupts_deferred():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]


@pytest.mark.parametrize("kind", [AutoencoderTransformer, VAETransformer])
def test_an_epoch_in_many_calls_gives_the_same_bits_as_in_one(kind, monkeypatch):
    fits = []
    for n_steps in (1, 2, 100):
        monkeypatch.setattr(Pace, "pieces", in_pieces_of(n_steps))
        fits.append(kind(2, **PARAMETERS).fit(X))
    for other in fits[1:]:
        assert_same_bits(fits[0], other)
        assert fits[0].history_ == other.history_


def test_the_ends_of_a_call_are_no_constants_that_xla_would_compile_in(monkeypatch):
    """XLA compiles tf.range anew for every end."""
    fits = []
    how = {"init": "random", "hidden_layer_sizes": (3,), **PARAMETERS}
    for n_steps in (1, 100):
        monkeypatch.setattr(_fitting, "xla_pays", lambda *_: True)
        monkeypatch.setattr(Pace, "pieces", in_pieces_of(n_steps))
        fits.append(AutoencoderTransformer(2, **how).fit(X))
    assert_same_bits(*fits)
    (trainer,) = list(_trainer._idle_trainers.values())[-1:]
    assert trainer._compiled_with_xla
    kinds = {operation.type for operation in trainer._run.graph.get_operations()}
    assert "While" in " ".join(kinds)
    assert "Range" not in kinds


def in_pieces_of(most):
    def pieces(pace, n_steps):
        for first in range(0, n_steps, most):
            yield first, min(first + most, n_steps)

    return pieces


@pytest.mark.parametrize("seconds_per_step", [1e-4, 0.01, 0.3, 5.0])
def test_calls_last_about_a_second(seconds_per_step, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(_interruption.time, "perf_counter", lambda: clock[0])
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
    longest = min(1.0, 3000 * seconds_per_step)
    expected = max(longest, seconds_per_step)
    np.testing.assert_allclose(max(lengths), expected, rtol=0.3)
    assert lengths[0] == seconds_per_step


def test_a_deferred_interrupt_can_be_let_in_within_the_body():
    reached = []

    def body():
        signal.raise_signal(signal.SIGINT)
        reached.append("after the key")
        let_interrupts_in()
        reached.append("after it was let in")

    with pytest.raises(KeyboardInterrupt):
        interrupts_deferred()(body)()
    assert reached == ["after the key"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_nothing_is_let_in_where_no_key_was_pressed():
    let_interrupts_in()
    with interrupts_deferred():
        let_interrupts_in()


def test_a_second_key_is_heard_at_once():
    reached = []

    def body():
        signal.raise_signal(signal.SIGINT)
        reached.append("after the first")
        signal.raise_signal(signal.SIGINT)
        reached.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        interrupts_deferred()(body)()
    assert reached == ["after the first"]
