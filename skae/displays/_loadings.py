"""What each code means: the features that go with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from skae._drawing.axes import grid_of_axes
from skae._estimators.base import BaseAutoencoder
from skae._runtime.annotations import DrawnKind, Kind, NDArray, Rows, Seed, Shape
from skae.displays._docstrings import documented
from skae.displays._estimators import check_estimator, code_label, feature_labels
from skae.displays._samples import kind_and_shape
from skae.displays._traversal import checked_n_codes
from skae.networks._checks import check_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Panels beside one another, and their widths and heights in inches. Bars leave room for
# the names of features.
_COLUMNS = {"image": 4, "sequence": 3, "table": 2}
_SIZES = {"image": (2.0, 2.1), "sequence": (3.0, 2.1)}
_WIDTH_OF_BARS, _HEIGHT_OF_A_BAR = 4.4, 0.22


@documented
class LoadingsDisplay:
    """Loadings of each code: the largest as bars, those of images as maps.

    Red is for features that rise with the code, blue for those that fall. Make one with
    `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    loadings : ndarray of shape (n_codes, *shape)
        Loadings of each code, in standard deviations.

    kind : {"image", "sequence", "table"}
        How they are drawn.

    feature_names : list of str or None, default=None
        Names of the features of a table. None numbers them.

    code_names : list of str or None, default=None
        Names of the codes. None numbers them.

    n_features : int, default=10
        Largest number of bars for a code.

    label : str, default="loading"
        Name of the numbers.

    Attributes
    ----------
    artists_ : list of matplotlib artists
        For each code the image, the list of lines (one for each channel), or the bars,
        the largest first.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        The colour bar, if there are images.

    axes_ : ndarray of matplotlib.axes.Axes of shape (n_rows, n_columns)
        A panel for each code, row by row; those left over are hidden.

    %(figure)s

    See Also
    --------
    BiplotDisplay : Loadings as arrows among the codes.
    LatentTraversalDisplay : What the decoder makes of each code.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skae import AutoencoderTransformer
    >>> from skae.displays import LoadingsDisplay
    >>> wine = load_wine()
    >>> X = StandardScaler().fit_transform(wine.data)
    >>> autoencoder = AutoencoderTransformer(2, epochs=5, random_state=0).fit(X)
    >>> display = LoadingsDisplay.from_estimator(
    ...     autoencoder, feature_names=wine.feature_names
    ... )
    >>> display.loadings.shape
    (2, 13)
    """

    def __init__(
        self,
        *,
        loadings: NDArray,
        kind: DrawnKind,
        feature_names: Sequence[str] | None = None,
        code_names: Sequence[str] | None = None,
        n_features: int = 10,
        label: str = "loading",
    ) -> None:
        self.loadings = loadings
        self.kind = kind
        self.feature_names = feature_names
        self.code_names = code_names
        self.n_features = n_features
        self.label = label

    @classmethod
    @documented
    def from_estimator(
        cls,
        estimator: BaseAutoencoder,
        X: Rows | None = None,
        *,
        by: Literal["decoder", "encoder", "permutation"] = "decoder",
        n_codes: int | None = None,
        n_features: int = 10,
        kind: Kind = "auto",
        image_shape: Shape | None = None,
        feature_names: Sequence[str] | None = None,
        random_state: Seed = None,
        ax: Axes | None = None,
        cmap: str = "RdBu_r",
    ) -> Self:
        """Find the loadings of a fit, and draw them.

        Parameters
        ----------
        %(estimator)s

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape), default=None
            Rows to average over; one row alone explains that row. None is the training
            rows; it needs ``by="decoder"``.

        by : {"decoder", "encoder", "permutation"}, default="decoder"
            What a loading is; see the estimators' method `loadings`.

        n_codes : int or None, default=None
            Number of codes, counted from the first. None is all, but at most 8.

        n_features : int, default=10
            Largest number of bars for a code, in tables.

        kind : {"auto", "image", "sequence", "table"}, default="auto"
            How loadings are drawn: as maps (averages over the channels of coloured
            images), as lines, or as bars. "auto" decides by the network and the shape
            of the samples.

        image_shape : tuple of int or None, default=None
            Shape of one image, (height, width) or (height, width, channels), if X has
            flat rows of images and the estimator has no `image_shape` of its own.

        feature_names : list of str, default=None
            Names of the features of a table. None takes those of `fit`.

        random_state : int, RandomState instance or None, default=None
            Seed of ``by="permutation"``.

        ax : matplotlib.axes.Axes, default=None
            The place to draw into; it is hidden. None is a new figure.

        cmap : str, default="RdBu_r"
            Name of the Matplotlib colours of maps; its ends also colour the bars.

        Returns
        -------
        LoadingsDisplay
            With the numbers as `loadings`.

        %(raises)s
        """
        check_estimator(estimator)
        drawn_as, shape = kind_and_shape(estimator, kind, image_shape)
        n_codes = checked_n_codes(n_codes, estimator.encoding_dim_)
        n_features = check_positive("n_features", n_features)
        found = loadings_of(estimator, X, by, random_state)[:n_codes]
        names = feature_labels(estimator, feature_names)
        display = cls(
            loadings=found.reshape(n_codes, *shape),
            kind=drawn_as,
            feature_names=names if drawn_as == "table" else None,
            code_names=[code_label(estimator, i) for i in range(n_codes)],
            n_features=n_features,
            label=f"loading ({by})",
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Axes | None = None, *, cmap: str = "RdBu_r") -> Self:
        """Draw the loadings.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            The place to draw into; it is hidden. None is a new figure.

        cmap : str, default="RdBu_r"
            Name of the Matplotlib colours of maps; its ends also colour the bars.

        Returns
        -------
        self : LoadingsDisplay
            With what was drawn as attributes.
        """
        n_codes = len(self.loadings)
        n_columns = min(n_codes, _COLUMNS[self.kind])
        n_rows = math.ceil(n_codes / n_columns)
        width, height = self._size_of_panel()
        self.axes_ = grid_of_axes(
            ax, n_rows, n_columns, width * n_columns + 0.8, height * n_rows + 0.4
        )
        names = self.code_names or [f"code {i}" for i in range(n_codes)]
        limit = float(np.abs(self._drawn()).max()) or 1.0
        self.artists_ = []
        for axis, values, name in zip(
            self.axes_.ravel(), self._drawn(), names, strict=False
        ):
            axis.set_title(name, fontsize="small")
            self.artists_.append(self._draw(axis, values, limit, cmap))
        for axis in self.axes_.ravel()[n_codes:]:
            axis.set_axis_off()
        self.figure_ = self.axes_[0, 0].figure
        self.colorbar_ = None
        if self.kind == "image":
            self.colorbar_ = self.figure_.colorbar(
                self.artists_[0], ax=list(self.axes_.ravel()), label=self.label
            )
        return self

    def _size_of_panel(self) -> tuple[float, float]:
        if self.kind != "table":
            return _SIZES[self.kind]
        n_bars = min(self.n_features, self.loadings.shape[1])
        return _WIDTH_OF_BARS, _HEIGHT_OF_A_BAR * n_bars + 0.8

    def _drawn(self) -> NDArray:
        """Return the loadings, of coloured images the averages over the channels."""
        is_coloured = self.kind == "image" and self.loadings.ndim == 4
        return self.loadings.mean(axis=-1) if is_coloured else self.loadings

    def _draw(self, axis: Axes, values: NDArray, limit: float, cmap: str) -> Any:
        if self.kind == "image":
            axis.set_xticks([])
            axis.set_yticks([])
            return axis.imshow(values, cmap=cmap, vmin=-limit, vmax=limit)
        if self.kind == "sequence":
            axis.axhline(0, color="0.8", linewidth=0.8)
            axis.set(ylim=(-1.1 * limit, 1.1 * limit), xlabel="step")
            axis.set_ylabel(self.label if axis is self.axes_[0, 0] else "")
            return axis.plot(values)
        return self._draw_bars(axis, values, limit, cmap)

    def _draw_bars(self, axis: Axes, values: NDArray, limit: float, cmap: str) -> Any:
        from matplotlib import colormaps

        largest = np.argsort(-np.abs(values), kind="stable")[: self.n_features]
        numbered = [f"feature {i}" for i in range(len(values))]
        names = self.feature_names or numbered
        low, high = colormaps.get_cmap(cmap)([0.15, 0.85])
        colours = [high if values[i] > 0 else low for i in largest]
        bars = axis.barh(range(len(largest)), values[largest], color=colours)
        axis.set_yticks(range(len(largest)), [names[i] for i in largest])
        axis.tick_params(axis="y", labelsize="small")
        axis.axvline(0, color="0.5", linewidth=0.8)
        lowest = -1.05 * limit if (self.loadings < 0).any() else 0
        axis.set(xlim=(lowest, 1.05 * limit), ylim=(len(largest) - 0.5, -0.5))
        axis.set_xlabel(self.label, fontsize="small")
        return bars


def loadings_of(
    estimator: BaseAutoencoder, X: Rows | None, by: Any, random_state: Seed
) -> NDArray:
    """Return an estimator's loadings as an array of shape (n_codes, n_features)."""
    found = estimator.loadings(X, by, random_state=random_state)
    if isinstance(found, np.ndarray):
        return found.reshape(len(found), -1)
    return found.to_numpy().T
