"""What the decoder makes of a grid of codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.stats import norm

from skae._estimators.base import BaseAutoencoder
from skae._runtime.annotations import DrawnKind, Features, Kind, NDArray, Rows, Shape
from skae.displays._decoded import DecodedDisplay, checked, decoded
from skae.displays._docstrings import documented
from skae.displays._estimators import check_dimensions, code_label, encode

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Fractions of the codes left out at each end. The codes of rows have outliers; the
# tails of a normal prior never end. A smaller fraction shows more of the edge, and less
# of the middle.
_OUTSIDE = 0.01
_OUTSIDE_PRIOR = 0.05
# More, or longer, labels would run into one another.
_MOST_TICKS = 10
_MOST_DECIMALS = 4
# Ticks are rounded to a fifth of the distance between them, or finer.
_FINEST = 5.0


@documented
class LatentManifoldDisplay(DecodedDisplay):
    """Samples, decoded from a grid of codes.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    samples : ndarray of shape (n_steps, n_steps, *shape)
        The decoded samples; ``samples[i, j]`` has the codes ``y_steps[i]`` and
        ``x_steps[j]``.

    x_steps, y_steps : ndarray of shape (n_steps,)
        Values of the two codes.

    %(kind_and_features)s

    xlabel, ylabel : str or None, default=None
        Names of the two codes.

    Attributes
    ----------
    %(artists)s

    ax_ : matplotlib.axes.Axes
        What was drawn into. The sample in column j, and in row i from the top, is
        around the point (j, i).

    %(figure)s

    See Also
    --------
    LatentDisplay : Where rows lie in that plane.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes, ICLR.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import VAETransformer
    >>> from skae.displays import LatentManifoldDisplay
    >>> vae = VAETransformer(2, epochs=2, random_state=0).fit(load_digits().images)
    >>> display = LatentManifoldDisplay.from_estimator(vae, n_steps=5)
    >>> display.kind, display.samples.shape
    ('image', (5, 5, 8, 8))
    """

    def __init__(
        self,
        *,
        samples: NDArray,
        x_steps: NDArray,
        y_steps: NDArray,
        kind: DrawnKind,
        features: Features | None = None,
        xlabel: str | None = None,
        ylabel: str | None = None,
    ) -> None:
        self.samples = samples
        self.x_steps = x_steps
        self.y_steps = y_steps
        self.kind = kind
        self.features = features
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    @documented
    def from_estimator(
        cls,
        estimator: BaseAutoencoder,
        X: Rows | None = None,
        *,
        dimensions: Sequence[int] = (0, 1),
        n_steps: int = 10,
        kind: Kind = "auto",
        image_shape: Shape | None = None,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        cmap: str = "gray",
    ) -> Self:
        """Decode a grid of codes and draw it.

        Parameters
        ----------
        %(estimator)s

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape), default=None
            Rows like those of `fit`. The grid has equal steps from the 0.01 to the 0.99
            quantile of their codes; other codes are at their mean. `VAETransformer`
            needs no rows: then the grid has the quantiles of the codes' normal prior,
            in equal steps from 0.05 to 0.95, and other codes are zero.

        dimensions : tuple of two int, default=(0, 1)
            Which two codes make the grid, counted from 0.

        n_steps : int, default=10
            Number of values of each of the two codes.

        %(look)s

        Returns
        -------
        LatentManifoldDisplay
            With the decoded samples as `samples`.

        %(raises)s
        """
        n_steps, seen_as = checked(estimator, X, n_steps, kind, image_shape)
        dimensions = check_dimensions(dimensions, estimator.encoding_dim_)
        middle, x_steps, y_steps = _plane(estimator, X, dimensions, n_steps)
        grid = np.tile(middle, (n_steps, n_steps, 1))
        grid[..., dimensions[0]] = x_steps
        grid[..., dimensions[1]] = y_steps[:, None]
        xlabel, ylabel = (code_label(estimator, i) for i in dimensions)
        display = cls(
            x_steps=x_steps,
            y_steps=y_steps,
            xlabel=xlabel,
            ylabel=ylabel,
            **decoded(estimator, X, grid, seen_as, feature_names),
        )
        return display.plot(ax, cmap=cmap)

    def _figure_size(self) -> tuple[float, float]:
        return 6.4, 6.0

    def _samples_from_top(self) -> NDArray:
        """Reverse the rows, so that the code of the vertical axis grows upwards."""
        return self.samples[::-1]

    def _label(self, ax: Axes) -> None:
        ax.set_xticks(*_ticks(self.x_steps))
        ax.set_yticks(*_ticks(self.y_steps[::-1]))
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)


def _plane(estimator, X, dimensions, n_steps):
    """Return the mean code and the steps of two codes, from rows or from the prior."""
    if X is None:
        outside = _OUTSIDE_PRIOR
        steps = norm.ppf(np.linspace(outside, 1 - outside, n_steps))
        return np.zeros(estimator.encoding_dim_), steps, steps
    codes = encode(estimator, X)
    x_steps, y_steps = (_steps(codes[:, i], n_steps) for i in dimensions)
    return codes.mean(axis=0), x_steps, y_steps


def _steps(codes, n_steps):
    low, high = np.quantile(codes, [_OUTSIDE, 1 - _OUTSIDE])
    return np.linspace(low, high, n_steps)


def _ticks(steps):
    """Return places and texts of the ticks, as many as there is room for."""
    places = np.arange(len(steps))[:: -(-len(steps) // _MOST_TICKS)]
    apart = np.abs(np.diff(steps)).max(initial=0) or 1.0
    n_decimals = math.ceil(-math.log10(apart / _FINEST))
    if abs(n_decimals) > _MOST_DECIMALS:
        return places, [f"{steps[i]:.2g}" for i in places]
    n_decimals = max(0, n_decimals)
    rounded = np.round(steps[places], n_decimals) + 0.0  # turns -0 into 0
    return places, [f"{step:.{n_decimals}f}" for step in rounded]
