"""The course of a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skae._drawing.axes import grid_of_axes
from skae._estimators.base import BaseAutoencoder
from skae.displays._estimators import check_estimator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TERMS = {"reconstruction": "reconstruction", "kl": "KL divergence"}
# Below one power of ten a linear axis is easier to read.
_WORTH_LOG = 10.0


class TrainingDisplay:
    """Losses by epoch, with the start and the epoch whose weights were kept.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    history : dict of lists
        As the estimators' `history_`: "loss" and, if rows were held out, "val_loss";
        for a variational autoencoder also its two terms.

    best_epoch : int or None, default=None
        Number of epochs behind the weights kept; 0 is the start. None marks no epoch.

    initial_loss, best_loss : float or None, default=None
        Validation loss of the start and of the weights kept.

    start_name : str, default="start"
        Name of the start in the legend.

    Attributes
    ----------
    lines_ : dict of str to matplotlib.lines.Line2D
        The curves, by their names in `history`; "initial_loss", the level of the start;
        and "best_epoch", a point.

    axes_ : ndarray of matplotlib.axes.Axes of shape (n_panels,)
        A panel for the loss; for a variational autoencoder also for its two terms.

    ax_ : matplotlib.axes.Axes
        The panel of the loss.

    figure_ : matplotlib.figure.Figure
        The figure of `axes_`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.displays import TrainingDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(8, epochs=5, random_state=0).fit(X)
    >>> display = TrainingDisplay.from_estimator(autoencoder)
    >>> len(display.lines_["val_loss"].get_xdata())
    5
    """

    def __init__(
        self,
        *,
        history: Mapping[str, Sequence[float]],
        best_epoch: int | None = None,
        initial_loss: float | None = None,
        best_loss: float | None = None,
        start_name: str = "start",
    ) -> None:
        self.history = history
        self.best_epoch = best_epoch
        self.initial_loss = initial_loss
        self.best_loss = best_loss
        self.start_name = start_name

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseAutoencoder,
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the losses of a fit.

        Without held-out rows, as after `partial_fit`, there is only the training loss.
        If PCA was exact and no epoch was run, the figure says so.

        Parameters
        ----------
        estimator : estimator
            One of skae's, fitted. If it is in a `Pipeline`, pass the last step.

        ax : matplotlib.axes.Axes, default=None
            What to draw into; the panels of a variational autoencoder replace it. None
            is a new figure.

        Returns
        -------
        TrainingDisplay
            With the numbers as attributes.

        Raises
        ------
        TypeError
            When `estimator` is none of skae's.
        """
        check_estimator(estimator)
        was_judged = estimator.best_loss_ is not None
        display = cls(
            history=estimator.history_,
            best_epoch=estimator.best_epoch_ if was_judged else None,
            initial_loss=estimator.initial_loss_,
            best_loss=estimator.best_loss_,
            start_name=getattr(estimator, "_start_name", "start"),
        )
        return display.plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the losses.

        The axis of the loss is logarithmic if all losses are above zero and the largest
        is at least ten times the smallest.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            What to draw into; the panels of a variational autoencoder replace it. None
            is a new figure.

        Returns
        -------
        self : TrainingDisplay
            With what was drawn as attributes.
        """
        terms = [name for name in _TERMS if name in self.history]
        n_panels = 1 + len(terms)
        if ax is not None and n_panels == 1:
            self.axes_ = np.array([ax])
        else:
            size = 3.6 * n_panels + 1.4, 3.6
            self.axes_ = grid_of_axes(ax, 1, n_panels, *size)[0]
        self.ax_, *others = self.axes_
        self.figure_ = self.ax_.figure
        self.lines_: dict[str, Any] = {}
        self._draw_curves(self.ax_, "loss")
        self._draw_start_and_best()
        for axis, name in zip(others, terms, strict=True):
            self._draw_curves(axis, name)
            axis.set_ylabel(_TERMS[name])
        self.ax_.set_ylabel("loss")
        self._finish()
        return self

    def _draw_curves(self, axis, name):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            losses = self.history.get(key, [])
            if losses:
                epochs = np.arange(1, len(losses) + 1)
                marker = "o" if len(losses) == 1 else None
                look = {"label": label, "marker": marker, "markersize": 3}
                look["color"] = "C0" if key == name else "C1"
                (self.lines_[key],) = axis.plot(epochs, losses, **look)
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)

    def _draw_start_and_best(self):
        if self.initial_loss is not None:
            look = {"color": "0.45", "linestyle": "--", "label": self.start_name}
            self.lines_["initial_loss"] = self.ax_.axhline(self.initial_loss, **look)
        if self.best_epoch is not None and self.best_loss is not None:
            star = {"color": "C1", "marker": "*", "markersize": 11, "linestyle": ""}
            epoch = f"epoch {self.best_epoch}" if self.best_epoch else "start"
            (self.lines_["best_epoch"],) = self.ax_.plot(
                [self.best_epoch],
                [self.best_loss],
                label=f"kept: {epoch}",
                zorder=3,
                **star,
            )

    def _finish(self):
        if not self.history.get("loss"):
            title = "no epoch was run: the start is exact"
            self.ax_.set_title(title, fontsize="medium")
            self.ax_.set_xlim(-0.5, 1.5)
        if self._spans_decades():
            self.ax_.set_yscale("log")
        if self.lines_:
            self.ax_.legend()
        for axis in self.axes_:
            if axis.xaxis.isDefault_majloc:
                axis.xaxis.get_major_locator().set_params(integer=True)

    def _spans_decades(self):
        lines = [k for k in self.lines_ if k in ("loss", "val_loss", "initial_loss")]
        drawn = [np.asarray(self.lines_[k].get_ydata(), float) for k in lines]
        values = np.concatenate([*drawn, []])
        values = values[np.isfinite(values)]
        if not len(values) or values.min() <= 0:
            return False
        return values.max() >= _WORTH_LOG * values.min()
