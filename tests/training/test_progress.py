"""What a fit prints: a bar on a screen, one line in a log, or a line per epoch."""

import contextlib
import io
import re
import subprocess
import sys

import keras
import pytest
from helpers import correlated

from skae import AutoencoderTransformer

X = correlated()
EPOCHS = 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown_by(fit):
    """Return what a terminal gets while a function is called."""
    terminal = Terminal()
    with contextlib.redirect_stdout(terminal):
        fit()
    return terminal.getvalue()


def autoencoder(**parameters):
    given = {"epochs": EPOCHS, "batch_size": 16, "random_state": 0, **parameters}
    return AutoencoderTransformer(2, hidden_layer_sizes=(8,), **given)


def kept(fitted):
    best = fitted.best_epoch_
    return f"epoch {best}" if best else "PCA"


def test_nothing_is_printed_unless_asked_for(capsys):
    autoencoder().fit(X)
    assert capsys.readouterr().out == ""


def test_a_log_has_the_last_epoch_in_one_line_without_control_characters(capsys):
    fitted = autoencoder(verbose=1).fit(X)
    printed = capsys.readouterr()
    assert "epoch" not in printed.err
    (line,) = printed.out.splitlines()
    assert line.isprintable()
    losses = [fitted.history_[name][-1] for name in ("loss", "val_loss")]
    loss, val_loss, pca = (f"{x:#.4g}" for x in (*losses, fitted.initial_loss_))
    assert line.startswith(
        f"epoch 3/3  loss {loss}  val_loss {val_loss}  PCA {pca}  kept {kept(fitted)}, "
    )


def test_a_terminal_shows_a_bar_that_is_written_over():
    fitted = autoencoder(verbose=1)
    shown = shown_by(lambda: fitted.fit(X))
    assert shown.count("\n") == 1
    assert shown.endswith("\n")
    assert max(map(len, shown.split("\r"))) <= 80
    *_, last = shown.strip().split("\r")
    val_loss = f"val_loss={fitted.history_['val_loss'][-1]:#.4g}"
    for part in ("3/3", val_loss, f"PCA={fitted.initial_loss_:#.4g}", kept(fitted)):
        assert part in last


def test_training_that_ends_early_ends_the_bar():
    stop = keras.callbacks.EarlyStopping("loss", mode="max", patience=1)
    stopped = autoencoder(verbose=1, epochs=50, callbacks=[stop])
    *_, last = shown_by(lambda: stopped.fit(X)).strip().split("\r")
    assert "100%" in last
    assert "2/2" in last


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_ends_the_bar(failure):
    def fail(epoch, logs):
        raise failure

    callback = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    failing = autoencoder(verbose=1, callbacks=[callback])

    def fit():
        with pytest.raises(failure):
            failing.fit(X)

    assert shown_by(fit).endswith("\n")


def test_two_prints_a_line_per_epoch_with_what_history_has(capsys):
    fitted = autoencoder(verbose=2).fit(X)
    start, *epochs, end = capsys.readouterr().out.splitlines()
    assert start == f"PCA  val_loss {fitted.initial_loss_:.6g}"
    for number, line in enumerate(epochs):
        head, *values = line.split("  ")
        assert head == f"epoch {number + 1}/3"
        shown = dict(value.split() for value in values)
        history = fitted.history_
        assert shown == {name: f"{history[name][number]:.6g}" for name in history}
    assert len(epochs) == EPOCHS
    assert end == f"kept {kept(fitted)}"


def test_a_start_that_is_not_pca_is_not_called_so(capsys):
    fitted = autoencoder(verbose=2, warm_start=True).fit(X)
    assert capsys.readouterr().out.startswith("PCA  val_loss")
    fitted.fit(X)
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


IN_A_NOTEBOOK = """
import sys, types
sys.modules["ipykernel.zmqshell"] = types.ModuleType("ipykernel.zmqshell")
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].get_ipython = object
sys.modules["ipywidgets"] = None  # cannot be imported
import skae._training.progress
bar = skae._training.progress.ProgressBar(3, "PCA")
bar.end({"best_epoch_": 0, "n_centers_": 0})
"""


@pytest.mark.slow
def test_no_warning_of_the_bars_library_reaches_a_notebook():
    """Without ipywidgets it would advise to install them."""
    command = [sys.executable, "-c", IN_A_NOTEBOOK]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    assert "kept PCA" in ran.stdout
