"""What a fit prints while it runs."""

import sys
import time
import warnings

from skae._training.observers import Observer

# tqdm's own without the rate, so that the losses fit into 80 columns.
_BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class ProgressBar(Observer):
    """Shows a bar of epochs with the losses; where it cannot, one line in the end.

    Parameters
    ----------
    n_epochs : int
        Number of epochs, at most.

    start : str
        What the training starts from, for the user: "PCA" or "start".

    unit : str, default="epoch"
        What is counted, for the user.
    """

    def __init__(self, n_epochs, start, unit="epoch"):
        self._start, self._unit = start, unit
        self._epochs = f"{unit} 0/{n_epochs}"
        self._losses: dict[str, str] = {}
        self._level: dict[str, str] = {}
        self._began = time.monotonic()
        self._bar = _tqdm()(
            total=n_epochs,
            bar_format=_BAR,
            file=sys.stdout,
            disable=True if sys.stdout is None else None,  # None: where no terminal is
            dynamic_ncols=True,
        )

    def begin(self, compiled_steps, start_loss):
        """Show the loss of the start."""
        if start_loss is not None:
            self._level = {self._start: f"{start_loss:#.4g}"}

    def epoch_end(self, epoch, logs, training):
        """Show the losses."""
        self._epochs = f"{self._unit} {epoch + 1}/{self._bar.total}"
        names = [name for name in ("loss", "val_loss") if name in logs]
        self._losses = {name: f"{logs[name]:#.4g}" for name in names}
        self._bar.set_postfix({**self._losses, **self._level}, refresh=False)
        self._bar.update()

    def end(self, attributes):
        """Show which weights were kept."""
        kept = _kept(attributes, self._start)
        shown = {**self._losses, **self._level, "kept": kept}
        if self._bar.disable:
            values = "  ".join(f"{name} {value}" for name, value in shown.items())
            seconds = time.monotonic() - self._began
            print(f"{self._epochs}  {values}, {seconds:.1f} s", flush=True)
            return
        self._bar.total = self._bar.n  # training that ends early is no failure
        if "val_loss" in shown:
            del shown["loss"]
        self._bar.set_postfix(shown)

    def close(self):
        """End the bar."""
        self._bar.close()


class EpochLines(Observer):
    """Prints a line per epoch; see `ProgressBar` for the parameters."""

    def __init__(self, n_epochs, start, unit="epoch"):
        self._n_epochs = n_epochs
        self._start, self._unit = start, unit

    def begin(self, compiled_steps, start_loss):
        """Print the loss of the start."""
        if start_loss is not None:
            print(f"{self._start}  val_loss {start_loss:.6g}", flush=True)

    def epoch_end(self, epoch, logs, training):
        """Print the epoch's numbers."""
        numbers = {name: x for name, x in logs.items() if isinstance(x, float)}
        values = "  ".join(f"{name} {x:.6g}" for name, x in numbers.items())
        print(f"{self._unit} {epoch + 1}/{self._n_epochs}  {values}", flush=True)

    def end(self, attributes):
        """Print which weights were kept."""
        kept = _kept(attributes, self._start)
        print(f"kept {kept}", flush=True)


def _kept(attributes, start):
    """Say what was kept: weights after an epoch, or the start, as it is or improved."""
    if attributes["best_epoch_"]:
        return f"epoch {attributes['best_epoch_']}"
    return "closed form" if attributes["n_centers_"] else start


def _tqdm():
    with warnings.catch_warnings():
        # In a notebook without ipywidgets it advises to install them.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    return tqdm
