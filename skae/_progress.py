"""What a fit prints while it runs."""

import io
import shutil
import sys
import time

# Seconds between two updates: of a line on a screen, and of a log.
_SCREEN_INTERVAL = 0.1
_LOG_INTERVAL = 60.0


def progress(verbose, n_epochs, start):
    """Return what reports a training.

    Parameters
    ----------
    verbose : int
        0 is silent, 1 keeps one line up to date, 2 and more print a line per epoch.

    n_epochs : int
        Number of epochs, at most.

    start : str
        What the training starts from, for the user: "PCA" or "start".

    Returns
    -------
    Silence, ProgressLine or EpochLines
    """
    if not verbose:
        return SILENCE
    return (ProgressLine if verbose == 1 else EpochLines)(n_epochs, start)


class Silence:
    """Reports nothing; also says what the others are told.

    A context: whatever ends the training, a line that was begun is ended.
    """

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        """End what is unfinished."""

    def begin(self, start_loss):
        """Take note of the loss of the start, None where no rows judge it."""

    def epoch_end(self, epoch, logs):
        """Take note of the logs of an epoch, counted from 1."""

    def end(self, kept_epoch):
        """Finish, with the number of epochs behind the weights kept."""


SILENCE = Silence()


class EpochLines(Silence):
    """Prints a line per epoch."""

    def __init__(self, n_epochs, start):
        self._n_epochs = n_epochs
        self._start = start

    def begin(self, start_loss):
        """Print the loss of the start."""
        if start_loss is not None:
            _write(f"{self._start}  val_loss {start_loss:.6g}\n")

    def epoch_end(self, epoch, logs):
        """Print the epoch's numbers."""
        numbers = {name: x for name, x in logs.items() if isinstance(x, float)}
        values = "  ".join(f"{name} {x:.6g}" for name, x in numbers.items())
        _write(f"epoch {epoch}/{self._n_epochs}  {values}\n")

    def end(self, kept_epoch):
        """Print which weights were kept."""
        _write(f"{_kept(kept_epoch, self._start)}\n")


class ProgressLine(Silence):
    """Keeps one line up to date: epoch, losses, the start's loss, time left.

    Where lines cannot be written over, in a file or a pipe, it prints one a minute at
    most, and one at the end, without control characters.
    """

    def __init__(self, n_epochs, start):
        self._n_epochs = n_epochs
        self._start = start
        self._level = ""
        self._epochs = f"epoch 0/{n_epochs}"
        self._width = 0
        self._overwrites = _can_overwrite()
        self._interval = _SCREEN_INTERVAL if self._overwrites else _LOG_INTERVAL
        self._created = self._shown = self._began = time.monotonic()
        self._first: tuple = ()

    def __exit__(self, *failure):
        """End the line."""
        if self._width:
            _write("\n")

    def begin(self, start_loss):
        """Take note of the loss of the start."""
        self._began = time.monotonic()
        if start_loss is not None:
            self._level = f"  {self._start} {start_loss:#.4g}"

    def epoch_end(self, epoch, logs):
        """Show the epoch, unless another was shown a moment ago."""
        now = time.monotonic()
        self._first = self._first or (epoch, now)
        names = [name for name in ("loss", "val_loss") if name in logs]
        losses = "  ".join(f"{name} {logs[name]:#.4g}" for name in names)
        self._epochs = f"epoch {epoch}/{self._n_epochs}  {losses}"
        if now - self._shown >= self._interval:
            self._shown = now
            left = _duration(self._seconds_left(epoch, now))
            self._show(self._cut(f"{self._epochs}{self._level}  {left} left"))

    def end(self, kept_epoch):
        """Show the last epoch, and which weights were kept."""
        kept = _kept(kept_epoch, self._start)
        took = _duration(time.monotonic() - self._created)
        self._show(f"{self._epochs}{self._level}  {kept}, {took}")

    def _seconds_left(self, epoch, now):
        """Return what all epochs to come will take, by those after the first.

        The first is slower: it compiles.
        """
        first_epoch, first_end = self._first
        if epoch == first_epoch:
            return (now - self._began) * (self._n_epochs - epoch)
        pace = (now - first_end) / (epoch - first_epoch)
        return pace * (self._n_epochs - epoch)

    def _show(self, text):
        if not self._overwrites:
            _write(f"{text}\n")
            return
        _write("\r" + text.ljust(self._width))
        self._width = len(text)

    def _cut(self, text):
        """Leave out what does not fit: a line that wraps could not be written over."""
        if _is_notebook(sys.stdout):
            return text
        room = shutil.get_terminal_size().columns - 1
        while len(text) > room and "  " in text:
            text = text.rpartition("  ")[0]
        return text[:room]


def _kept(epoch, start):
    """Say which weights were kept: those after an epoch, or of the start."""
    return f"kept epoch {epoch}" if epoch else f"kept {start}"


def _duration(seconds):
    """Return seconds in words: 0.4 s, 12 s, 3 min 20 s, 1 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _can_overwrite():
    """Tell whether a line of standard output can be written over."""
    try:
        is_terminal = sys.stdout.isatty()
    except (AttributeError, ValueError):  # no stream, or a closed one
        return False
    return is_terminal or _is_notebook(sys.stdout)


def _is_notebook(stream):
    """Tell whether a stream's lines go to the cell of a notebook."""
    return type(stream).__module__.startswith("ipykernel.")


def _write(text):
    """Write to standard output, which need not be there, at once."""
    if sys.stdout is None:
        return
    sys.stdout.write(text)
    try:
        sys.stdout.flush()
    except (AttributeError, io.UnsupportedOperation):
        return
