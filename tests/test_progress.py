"""What a fit prints: one line on a screen, few in a log, a line per epoch."""

import contextlib
import io
import os
import re
import sys

import numpy as np
import pytest

from skae import AutoencoderTransformer, _progress

X = np.random.RandomState(0).randn(60, 5) * [5, 4, 3, 2, 1]
X_VAL = np.random.RandomState(1).randn(20, 5) * [5, 4, 3, 2, 1]


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Stands in for the time module; each look takes as long as told."""

    def __init__(self, step):
        self.now = 0.0
        self.step = step

    def monotonic(self):
        self.now += self.step
        return self.now


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return Terminal()


def autoencoder(**parameters):
    given = {"epochs": 3, "batch_size": 16, "random_state": 0, **parameters}
    return AutoencoderTransformer(2, hidden_layer_sizes=(8,), **given)


def screen(text):
    """Return the lines that a terminal shows, each written over from its start."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def test_nothing_is_printed_unless_asked_for(capsys):
    autoencoder().fit(X)
    assert capsys.readouterr().out == ""


def test_a_log_has_the_last_epoch_in_one_line_without_control_characters(capsys):
    fitted = autoencoder(verbose=1).fit(X, X_val=X_VAL)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isprintable()
    numbers = re.search(
        r"^epoch 3/3  loss (\S+)  val_loss (\S+)  PCA (\S+)  kept (.+), (\S+) s$", line
    )
    losses = [fitted.history_[name][-1] for name in ("loss", "val_loss")]
    shown = [float(number) for number in numbers.groups()[:3]]
    np.testing.assert_allclose(shown, [*losses, fitted.initial_loss_], rtol=1e-3)
    best = fitted.best_epoch_
    assert numbers[4] == (f"epoch {best}" if best else "PCA")


def test_a_terminal_shows_one_line_that_is_written_over(terminal, monkeypatch):
    monkeypatch.setattr(_progress, "time", Clock(step=1.0))
    with contextlib.redirect_stdout(terminal):
        autoencoder(verbose=1).fit(X, X_val=X_VAL)
    written = terminal.getvalue()
    assert [f"epoch {epoch}/3" in written for epoch in (1, 2, 3)] == [True] * 3
    assert written.count("\n") == 1
    shown, after = screen(written)
    assert shown.startswith("epoch 3/3  loss ")
    assert "kept" in shown
    assert "left" not in shown
    assert after == ""


def test_time_left_is_that_of_the_epochs_to_come(terminal, monkeypatch):
    """Three epochs of two seconds, the first with ten more for compilation."""
    clock = Clock(step=0.0)
    monkeypatch.setattr(_progress, "time", clock)
    printed = contextlib.redirect_stdout(terminal)
    with printed, _progress.progress(1, 6, "PCA") as shown:
        shown.begin(1.0)
        for epoch, now in enumerate([12.0, 14.0, 16.0], start=1):
            clock.now = now
            shown.epoch_end(epoch, {"loss": 0.5, "val_loss": 0.6})
    left = re.findall(
        r"epoch (\d)/6 .*  (\S.*) left", terminal.getvalue().replace("\r", "\n")
    )
    assert left == [("1", "1 min 0 s"), ("2", "8.0 s"), ("3", "6.0 s")]


def test_a_log_gets_a_line_a_minute(monkeypatch, capsys):
    clock = Clock(step=0.0)
    monkeypatch.setattr(_progress, "time", clock)
    with _progress.progress(1, 100, "PCA") as shown:
        for epoch in range(1, 101):
            clock.now = 3.0 * epoch
            shown.epoch_end(epoch, {"loss": 1.0})
        shown.end(0)
    lines = capsys.readouterr().out.splitlines()
    epochs = [int(re.match(r"epoch (\d+)/100", line)[1]) for line in lines]
    assert epochs == [20, 40, 60, 80, 100, 100]
    assert lines[-1].endswith("kept PCA, 5 min 0 s")


def test_a_narrow_terminal_gets_whole_numbers_only(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "45")
    monkeypatch.setattr(_progress, "time", Clock(step=1.0))
    printed = contextlib.redirect_stdout(terminal)
    with printed, _progress.progress(1, 200, "PCA") as shown:
        shown.begin(0.7654321)
        shown.epoch_end(1, {"loss": 0.1234567, "val_loss": 0.2345678})
    line = terminal.getvalue().strip()
    assert line == "epoch 1/200  loss 0.1235  val_loss 0.2346"


def test_the_last_line_is_whole_however_narrow_the_terminal(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    with contextlib.redirect_stdout(terminal):
        autoencoder(verbose=1).fit(X, X_val=X_VAL)
    assert re.search(r"kept \S+( \d)?, \S+ s$", terminal.getvalue().strip())


def test_a_failure_ends_the_line(terminal, monkeypatch):
    monkeypatch.setattr(_progress, "time", Clock(step=1.0))
    printed = contextlib.redirect_stdout(terminal)
    lost = contextlib.suppress(KeyError)
    with printed, lost, _progress.progress(1, 3, "PCA") as shown:
        shown.epoch_end(1, {"loss": 1.0})
        raise KeyError
    assert terminal.getvalue().endswith("\n")


def test_two_prints_a_line_per_epoch_with_what_history_has(capsys):
    fitted = autoencoder(verbose=2).fit(X, X_val=X_VAL)
    start, *epochs, end = capsys.readouterr().out.splitlines()
    assert start == f"PCA  val_loss {fitted.initial_loss_:.6g}"
    for number, line in enumerate(epochs):
        head, *values = line.split("  ")
        assert head == f"epoch {number + 1}/3"
        for value in values:
            name, shown = value.split()
            assert shown == f"{fitted.history_[name][number]:.6g}"
        assert {value.split()[0] for value in values} == set(fitted.history_)
    best = fitted.best_epoch_
    assert end == (f"kept epoch {best}" if best else "kept PCA")


def test_a_start_that_is_not_pca_is_not_called_so(capsys):
    fitted = autoencoder(verbose=2, warm_start=True).fit(X, X_val=X_VAL)
    assert capsys.readouterr().out.startswith("PCA  val_loss")
    fitted.fit(X, X_val=X_VAL)
    assert capsys.readouterr().out.startswith("start  val_loss")


def test_without_validation_rows_only_the_loss_is_shown(capsys):
    autoencoder(verbose=1, validation_fraction=0).fit(X)
    line = capsys.readouterr().out
    assert re.match(r"epoch 3/3  loss \S+  kept epoch 3, ", line)


def test_where_pca_is_exact_it_is_kept_without_an_epoch(capsys):
    autoencoder(verbose=1).fit(X[:, :2])
    assert re.match(r"epoch 0/0  PCA \S+  kept PCA, ", capsys.readouterr().out)


def test_no_standard_output_is_no_failure(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    autoencoder(verbose=1).fit(X)


def test_a_notebook_is_written_over_like_a_terminal(monkeypatch):
    notebook = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    monkeypatch.setattr(sys, "stdout", notebook())
    monkeypatch.setattr(_progress, "time", Clock(step=1.0))
    autoencoder(verbose=1).fit(X)
    written = sys.stdout.getvalue()
    assert written.count("\r") > 1
    assert written.count("\n") == 1


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_a_real_terminal_is_known_as_one(monkeypatch):
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as stream, os.fdopen(master):
        monkeypatch.setattr(sys, "stdout", stream)
        assert _progress._can_overwrite()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3_900, "1 h 5 min"),
    ],
)
def test_durations_in_words(seconds, words):
    assert _progress._duration(seconds) == words
