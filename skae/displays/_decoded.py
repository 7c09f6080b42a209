"""What the two displays of decoded codes share: checks, decoding and drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from skae._drawing.axes import one_axes
from skae._estimators.base import BaseAutoencoder
from skae._runtime.annotations import DrawnKind, Features, Kind, NDArray, Rows, Shape
from skae.displays._estimators import (
    check_estimator,
    check_rows_given,
    check_steps,
    decode,
    features_of,
)
from skae.displays._mosaic import draw_mosaic
from skae.displays._samples import kind_and_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class DecodedDisplay:
    """Draws samples, decoded from a table of codes, in one pair of axes.

    A subclass chooses the codes. Its constructor takes these attributes and its own.
    Its methods give the size of the figure, the order of the rows, and the ticks.
    """

    samples: NDArray
    kind: DrawnKind
    features: Features | None

    def plot(self, ax: Axes | None = None, *, cmap: str = "gray") -> Self:
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        cmap : str, default="gray"
            Name of the Matplotlib colours of grey images.

        Returns
        -------
        self : object
            With what was drawn as attributes.
        """
        ax = one_axes(ax, *self._figure_size())
        samples, how = self._samples_from_top(), {"features": self.features}
        self.artists_ = draw_mosaic(ax, samples, self.kind, cmap=cmap, **how)
        self._label(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _figure_size(self) -> tuple[float, float]:
        """Return the width and the height of a new figure, in inches."""
        raise NotImplementedError

    def _samples_from_top(self) -> NDArray:
        """Return the samples, with the row that is drawn at the top first."""
        return self.samples

    def _label(self, ax: Axes) -> None:
        """Give the axes their ticks and names."""
        raise NotImplementedError


def checked(
    estimator: BaseAutoencoder,
    X: Rows | None,
    n_steps: int,
    kind: Kind,
    image_shape: Shape | None,
) -> tuple[int, tuple[DrawnKind, Shape]]:
    """Return the number of steps, and the kind and the shape of a sample.

    Raises
    ------
    ValueError
        When a parameter cannot be used, or X is missing.

    TypeError
        When `estimator` is none of skae's.
    """
    check_estimator(estimator)
    check_rows_given(estimator, X)
    return check_steps(n_steps), kind_and_shape(estimator, kind, image_shape)


def decoded(
    estimator: BaseAutoencoder,
    X: Rows | None,
    codes: NDArray,
    seen_as: tuple[DrawnKind, Shape],
    feature_names: Sequence[str] | None,
) -> dict[str, Any]:
    """Return decoded codes, as keyword arguments for the constructors of displays.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns, n_codes)

    seen_as : tuple
        The kind and the shape of a sample, as `checked` returns them.
    """
    kind, shape = seen_as
    samples = decode(estimator, codes, shape)
    features = features_of(estimator, kind, feature_names, X, samples)
    return {"samples": samples, "kind": kind, "features": features}
