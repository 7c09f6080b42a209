"""Rows as points in a plane of their codes, and features as arrows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from skae._drawing.axes import one_axes
from skae._drawing.points import draw_points_with_key
from skae._estimators.base import BaseAutoencoder
from skae._runtime.annotations import ArrayLike, NDArray, Rows
from skae.displays._docstrings import documented
from skae.displays._estimators import (
    check_dimensions,
    check_estimator,
    code_label,
    encode,
    feature_labels,
)
from skae.displays._loadings import loadings_of
from skae.networks._checks import check_choice, check_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The longest arrow, as a fraction of the distance to the outermost point of most rows.
_REACH = 0.9
_MOST = 0.98
# How far beyond its arrow a name is, as a fraction of the arrow.
_BEYOND = 1.06
# The plane goes on beyond the arrows, across and along, by these factors.
_ROOM_FOR_NAMES = np.array([1.7, 1.2])
# Height of a name, as a fraction of the axes.
_LINE = 0.045


@documented
class BiplotDisplay:
    """Rows as points in a plane of their codes, and features as arrows (Gabriel, 1971).

    A feature rises in the direction of its arrow. Codes are in their standard
    deviations; all arrows are multiplied by one factor, so that they fill the plane.
    For a bent map an arrow is the average over the rows. Make one with
    `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    positions : ndarray of shape (n_samples, 2)
        Two codes of each row, less their means and in their standard deviations.

    arrows : ndarray of shape (n_arrows, 2)
        Loadings of the features on the two codes.

    feature_names : list of str
        Name of each arrow.

    y : ndarray of shape (n_samples,) or None, default=None
        A label or a number for each row; see `LatentDisplay`.

    xlabel, ylabel : str or None, default=None
        Names of the two axes.

    Attributes
    ----------
    scatter_ : list of matplotlib.collections.PathCollection
        The points: one collection for each label, in the order of the legend, or a
        single one.

    arrows_ : matplotlib.quiver.Quiver
        The arrows.

    texts_ : list of matplotlib.text.Text
        Their names.

    legend_ : matplotlib.legend.Legend or None
        The legend, if there are labels.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        The colour bar, if there are numbers.

    ax_ : matplotlib.axes.Axes
        What was drawn into.

    %(figure)s

    See Also
    --------
    LoadingsDisplay : The same loadings for all codes, as bars or maps.

    References
    ----------
    Gabriel (1971), The biplot graphic display of matrices with application to principal
    component analysis, Biometrika 58.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.displays import BiplotDisplay
    >>> iris = load_iris()
    >>> autoencoder = AutoencoderTransformer(2, epochs=5, random_state=0).fit(iris.data)
    >>> display = BiplotDisplay.from_estimator(
    ...     autoencoder, iris.data, iris.target, feature_names=iris.feature_names
    ... )
    >>> display.arrows.shape
    (4, 2)
    """

    def __init__(
        self,
        *,
        positions: NDArray,
        arrows: NDArray,
        feature_names: Sequence[str],
        y: NDArray | None = None,
        xlabel: str | None = None,
        ylabel: str | None = None,
    ) -> None:
        self.positions = positions
        self.arrows = arrows
        self.feature_names = feature_names
        self.y = y
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    @documented
    def from_estimator(
        cls,
        estimator: BaseAutoencoder,
        X: Rows,
        y: ArrayLike | None = None,
        *,
        dimensions: Sequence[int] = (0, 1),
        by: Literal["decoder", "encoder"] = "decoder",
        n_features: int = 10,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Encode rows, find the loadings on them, and draw both.

        Parameters
        ----------
        %(estimator)s

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`.

        y : array-like of shape (n_samples,), default=None
            A label or a number for each row.

        dimensions : tuple of two int, default=(0, 1)
            Which two codes are drawn, counted from 0.

        by : {"decoder", "encoder"}, default="decoder"
            What an arrow is; see the estimators' method `loadings`.

        n_features : int, default=10
            Largest number of arrows; the longest are drawn.

        feature_names : list of str, default=None
            Names of all features. None takes those of `fit`.

        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        scatter_kwargs : dict, default=None
            Passed to `matplotlib.axes.Axes.scatter`.

        Returns
        -------
        BiplotDisplay
            With the points as `positions` and the loadings as `arrows`.

        Raises
        ------
        ValueError
            When the rows or a parameter cannot be used.

        TypeError
            When `estimator` is none of skae's.
        """
        check_estimator(estimator)
        check_choice("by", by, ("decoder", "encoder"))
        dimensions = check_dimensions(dimensions, estimator.encoding_dim_)
        n_features = check_positive("n_features", n_features)
        names = feature_labels(estimator, feature_names)
        codes = encode(estimator, X)[:, list(dimensions)]
        labels = None if y is None else column_or_1d(y)
        check_consistent_length(codes, labels)
        loadings = loadings_of(estimator, X, by, None)[list(dimensions)].T
        longest = np.argsort(-np.linalg.norm(loadings, axis=1), kind="stable")
        longest = longest[:n_features]
        deviations = codes.std(axis=0)
        display = cls(
            positions=(codes - codes.mean(axis=0))
            / np.where(deviations > 0, deviations, 1),
            arrows=loadings[longest],
            feature_names=[names[i] for i in longest],
            y=labels,
            xlabel=f"{code_label(estimator, dimensions[0])}, standardised",
            ylabel=f"{code_label(estimator, dimensions[1])}, standardised",
        )
        return display.plot(ax, scatter_kwargs=scatter_kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the points and the arrows.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        scatter_kwargs : dict, default=None
            Passed to `matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : BiplotDisplay
            With what was drawn as attributes.
        """
        ax = one_axes(ax, 6.4, 5.2)
        keys = draw_points_with_key(ax, self.positions, self.y, scatter_kwargs or {})
        self.scatter_, self.legend_, self.colorbar_ = keys
        tips = self.arrows * self._factor()
        self.arrows_ = ax.quiver(
            *np.zeros_like(tips).T,
            *tips.T,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.004,
            color="0.1",
            zorder=3,
        )
        ends = np.concatenate([self.positions, tips * _ROOM_FOR_NAMES])
        ax.update_datalim(ends)
        ax.autoscale_view()
        places = _apart(_BEYOND * tips, _LINE * np.ptp(ax.get_ylim()))
        self.texts_ = [
            _name_at(ax, place, name)
            for place, name in zip(places, self.feature_names, strict=True)
        ]
        ax.axhline(0, color="0.85", linewidth=0.8, zorder=0)
        ax.axvline(0, color="0.85", linewidth=0.8, zorder=0)
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _factor(self) -> float:
        """Return the factor by which the longest arrow reaches most of the points."""
        lengths = np.linalg.norm(self.arrows, axis=1)
        distances = np.linalg.norm(self.positions, axis=1)
        longest = lengths.max() if len(lengths) else 0.0
        reach = _REACH * np.quantile(distances, _MOST)
        return float(reach / longest) if longest > 0 and reach > 0 else 1.0


def _apart(places, distance):
    """Move names on either side up and down until they lie a distance apart."""
    places = places.copy()
    for side in (places[:, 0] >= 0, places[:, 0] < 0):
        order = np.flatnonzero(side)[np.argsort(places[side, 1], kind="stable")]
        heights = places[order, 1].copy()
        # Neighbours move apart by what they lack, step by step: the others stay.
        for _ in range(len(heights) ** 2):
            missing = np.maximum(distance - np.diff(heights), 0)
            heights[1:] += missing / 2
            heights[:-1] -= missing / 2
        places[order, 1] = heights
    return places


def _name_at(ax: Axes, tip: NDArray, name: str) -> Any:
    """Write a name beyond the tip of an arrow, on a pale ground."""
    x, y = tip
    across, along = ("left" if x >= 0 else "right"), ("bottom" if y >= 0 else "top")
    if abs(x) < abs(y) / 2:
        across = "center"
    if abs(y) < abs(x) / 2:
        along = "center"
    ground = {"boxstyle": "round,pad=0.1", "facecolor": "white", "alpha": 0.7, "lw": 0}
    text = ax.text(x, y, name, ha=across, va=along, fontsize="small", zorder=4)
    text.set_bbox(ground)
    return text
