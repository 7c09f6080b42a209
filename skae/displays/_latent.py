"""Rows as points in a plane of their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils import check_consistent_length, column_or_1d

from skae._drawing.axes import check_matplotlib, hide_ticks, one_axes
from skae._drawing.points import draw_points_with_key
from skae._estimators.base import BaseAutoencoder
from skae._estimators.encoder import BaseEncoder
from skae._runtime.annotations import ArrayLike, NDArray, Rows, Seed
from skae._runtime.randomness import as_generator, draw_seed
from skae.comparison._measures import tsne_plane
from skae.displays._estimators import (
    check_dimensions,
    check_estimator,
    code_label,
    encode,
)
from skae.networks._checks import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METHODS = (None, "pca", "tsne")


class LatentDisplay:
    """Rows as points in a plane of their codes, coloured by label or number.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    positions : ndarray of shape (n_samples, 2)
        A point for each row.

    y : ndarray of shape (n_samples,) or None, default=None
        A label or a number for each row. Text, truth values, and whole numbers with at
        most 20 different values are labels: each has its colour, and its name in a
        legend. If there are more than 20 labels, the rarer ones are "other". Other
        numbers have a colour bar.

    xlabel, ylabel : str or None, default=None
        Names of the two axes. Without `ylabel`, as with t-SNE, there are no ticks
        either.

    Attributes
    ----------
    scatter_ : list of matplotlib.collections.PathCollection
        The points: one collection for each label, in the order of the legend, or a
        single one.

    legend_ : matplotlib.legend.Legend or None
        The legend, if there are labels.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        The colour bar, if there are numbers.

    ax_ : matplotlib.axes.Axes
        What was drawn into.

    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.

    See Also
    --------
    LatentManifoldDisplay : What the decoder makes of that plane.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.displays import LatentDisplay
    >>> iris = load_iris()
    >>> species = iris.target_names[iris.target]
    >>> autoencoder = AutoencoderTransformer(2, epochs=5, random_state=0).fit(iris.data)
    >>> display = LatentDisplay.from_estimator(autoencoder, iris.data, species)
    >>> display.positions.shape, display.xlabel[:6]
    ((150, 2), 'code 0')
    """

    def __init__(
        self,
        *,
        positions: NDArray,
        y: NDArray | None = None,
        xlabel: str | None = None,
        ylabel: str | None = None,
    ) -> None:
        self.positions = positions
        self.y = y
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEncoder,
        X: Rows,
        y: ArrayLike | None = None,
        *,
        dimensions: Sequence[int] = (0, 1),
        method: Literal["pca", "tsne"] | None = None,
        random_state: Seed = None,
        ax: Axes | None = None,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Encode rows and draw them.

        Parameters
        ----------
        estimator : estimator
            One of skae's, fitted. If it is in a `Pipeline`, pass the last step, and the
            rows that this step gets.

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`. t-SNE of several thousand rows takes minutes: pass
            only a part of them.

        y : array-like of shape (n_samples,), default=None
            A label or a number for each row.

        dimensions : tuple of two int, default=(0, 1)
            Which two codes are drawn, counted from 0. Not used with a `method`.

        method : {"pca", "tsne"} or None, default=None
            How all codes become two numbers: by their first two principal components,
            or by t-SNE. None draws two codes as they are.

        random_state : int, RandomState instance or None, default=None
            Seed of t-SNE.

        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        scatter_kwargs : dict, default=None
            Passed to `matplotlib.axes.Axes.scatter`.

        Returns
        -------
        LatentDisplay
            With the points as `positions`.

        Raises
        ------
        ValueError
            When the rows, `dimensions` or `method` cannot be used.

        TypeError
            When `estimator` is none of skae's.

        References
        ----------
        Van der Maaten and Hinton (2008), Visualizing data using t-SNE, Journal of
        Machine Learning Research 9.
        """
        check_estimator(estimator, BaseEncoder)
        check_choice("method", method, _METHODS)
        dimensions = check_dimensions(dimensions, estimator._n_features_out)
        codes = encode(estimator, X)
        labels = None if y is None else column_or_1d(y)
        check_consistent_length(codes, labels)
        if method is None:
            positions = codes[:, list(dimensions)]
            names = _names(estimator, dimensions)
        else:
            positions, names = _plane(codes, method, random_state)
        display = cls(positions=positions, y=labels, xlabel=names[0], ylabel=names[1])
        return display.plot(ax, scatter_kwargs=scatter_kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        scatter_kwargs : dict, default=None
            Passed to `matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : LatentDisplay
            With what was drawn as attributes.
        """
        ax = one_axes(ax, 6.0, 4.8)
        keys = draw_points_with_key(ax, self.positions, self.y, scatter_kwargs or {})
        self.scatter_, self.legend_, self.colorbar_ = keys
        if self.ylabel is None:
            hide_ticks(ax)
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _names(estimator, dimensions):
    """Return the names of the axes; those of a map of neighbours mean nothing."""
    if isinstance(estimator, BaseAutoencoder):
        return [code_label(estimator, number) for number in dimensions]
    return "map by parametric t-SNE", None


def _plane(codes, method, random_state):
    """Return positions and the names of the axes."""
    n_codes = codes.shape[1]
    if method == "tsne":
        check_matplotlib("A LatentDisplay")
        seed = draw_seed(as_generator(random_state))
        return tsne_plane(codes, seed), (f"t-SNE of {n_codes} codes", None)
    names = [f"principal component {i} of {n_codes} codes" for i in range(2)]
    if not np.ptp(codes, axis=0).any():  # PCA warns of equal rows
        return np.zeros((len(codes), 2)), names
    pca = PCA(2)
    positions = pca.fit_transform(codes)
    shares = pca.explained_variance_ratio_
    return positions, [f"{n} ({s:.0%})" for n, s in zip(names, shares, strict=True)]
