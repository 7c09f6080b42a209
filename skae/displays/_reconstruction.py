"""Rows beside their reconstructions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from skae._data.checks import as_floats, check_clean_rows
from skae._data.missing import has_missing
from skae._data.rows import row_chunks
from skae._drawing.axes import draw_image, grid_of_axes, hide_ticks
from skae._estimators.base import BaseAutoencoder
from skae._estimators.denoising import DenoisingAutoencoder
from skae._runtime.annotations import ArrayLike, DrawnKind, Kind, NDArray, Rows, Shape
from skae.displays._estimators import (
    check_estimator,
    feature_labels,
    feature_scales,
)
from skae.displays._row_choice import chosen_rows
from skae.displays._samples import kind_and_shape, value_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Multiples of three, for the best, the median and the worst; more make each smaller.
_SAMPLES = {"image": 9, "sequence": 6, "table": 3}
# Each feature makes the figure higher, by 0.22 inches.
_MOST_FEATURES = 20
# In heights of a sample.
_CODE_HEIGHT = 0.6


class ReconstructionDisplay:
    """Samples with their codes and reconstructions, or a table's errors by feature.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    originals : ndarray of shape (n_shown, *shape)
        The samples shown.

    codes : ndarray of shape (n_shown, n_codes)
        Their codes.

    reconstructions : ndarray of shape (n_shown, *shape)
        What the decoder makes of these codes.

    clean : ndarray of shape (n_shown, *shape) or None, default=None
        What the reconstructions should be, if not the originals.

    indices : ndarray of int of shape (n_shown,)
        Numbers of the samples' rows in X.

    errors : ndarray of shape (n_shown,)
        Mean squared error of each reconstruction, over the observed values.

    groups : list of str or None, default=None
        For each sample, whether its error is "best", "median" or "worst".

    kind : {"image", "sequence", "table"}
        How samples are drawn.

    row_names : tuple of str, default=("original", "reconstruction", "clean")
        Names of the rows of the picture.

    feature_names : list of str or None, default=None
        Names of the features of a table.

    feature_scales : ndarray of shape (n_features,) or None, default=None
        Standard deviations of the features of a table, the unit of its errors.

    feature_errors : ndarray of shape (n_features,) or None, default=None
        Root mean squared error of each feature over all rows, in this unit.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes of shape (n_rows, n_columns)
        What was drawn into. There is a column for each sample. For a table there is one
        row; its first column is for all rows of X.

    bounding_ax_ : matplotlib.axes.Axes or None
        The axes given, which `axes_` replace.

    figure_ : matplotlib.figure.Figure
        The figure of `axes_`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.displays import ReconstructionDisplay
    >>> images = load_digits().images
    >>> autoencoder = AutoencoderTransformer(8, epochs=5, random_state=0).fit(images)
    >>> display = ReconstructionDisplay.from_estimator(autoencoder, images)
    >>> display.groups[::3], display.axes_.shape
    (['best', 'median', 'worst'], (3, 9))
    """

    def __init__(
        self,
        *,
        originals: NDArray,
        codes: NDArray,
        reconstructions: NDArray,
        clean: NDArray | None = None,
        indices: NDArray,
        errors: NDArray,
        groups: Sequence[str] | None = None,
        kind: DrawnKind,
        row_names: tuple[str, str, str] = ("original", "reconstruction", "clean"),
        feature_names: Sequence[str] | None = None,
        feature_scales: NDArray | None = None,
        feature_errors: NDArray | None = None,
    ) -> None:
        self.originals = originals
        self.codes = codes
        self.reconstructions = reconstructions
        self.clean = clean
        self.indices = indices
        self.errors = errors
        self.groups = groups
        self.kind = kind
        self.row_names = row_names
        # Read only where `kind` is "table", and there they are not None.
        self.feature_names: Any = feature_names
        self.feature_scales: Any = feature_scales
        self.feature_errors: Any = feature_errors

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseAutoencoder,
        X: Rows,
        *,
        X_clean: Rows | None = None,
        samples: Literal["extremes", "first"] | ArrayLike = "extremes",
        n_samples: int | None = None,
        kind: Kind = "auto",
        image_shape: Shape | None = None,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        cmap: str = "gray",
    ) -> Self:
        """Reconstruct rows and draw some of them.

        Parameters
        ----------
        estimator : estimator
            One of skae's, fitted. If it is in a `Pipeline`, pass the last step, and the
            rows that this step gets.

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`; for a denoising estimator, noisy ones. Values may
            be missing if the estimator allows it.

        X_clean : {array-like, sparse matrix} of the shape of X, default=None
            The clean samples of the rows of X. They are shown too, and errors are
            measured against them.

        samples : {"extremes", "first"} or array-like of int, default="extremes"
            Which rows are shown. "extremes": a third each with the smallest, the median
            and the largest errors. "first": the first rows. An array: the rows with
            these numbers.

        n_samples : int or None, default=None
            Largest number of rows for "extremes" and "first". None is 9 images, 6
            sequences or 3 rows of a table.

        kind : {"auto", "image", "sequence", "table"}, default="auto"
            How samples are drawn: as images, as lines (one for each channel), or as
            bars of the features' errors. The bars are in standard deviations of the
            feature on X, and show the 20 features with the largest errors. "auto"
            decides by the network and the shape of the samples.

        image_shape : tuple of int or None, default=None
            Shape of one image, (height, width) or (height, width, channels), if X has
            flat rows of images and the estimator has no `image_shape` of its own.

        feature_names : list of str, default=None
            Names of the features of a table. None takes those of `fit`.

        ax : matplotlib.axes.Axes, default=None
            The place to draw into; it is hidden. None is a new figure.

        cmap : str, default="gray"
            Name of the Matplotlib colours of grey images.

        Returns
        -------
        ReconstructionDisplay
            With the samples shown as `originals`, `codes` and `reconstructions`.

        Raises
        ------
        ValueError
            When the rows or a parameter cannot be used.

        TypeError
            When `estimator` is none of skae's.
        """
        check_estimator(estimator)
        drawn_as, shape = kind_and_shape(estimator, kind, image_shape)
        filled, X = estimator._checked(X)
        clean = check_clean_rows(estimator, "X_clean", X_clean, X)
        targets = X if clean is None else clean
        fitted = estimator._fitted
        errors = fitted.squared_errors(filled, targets)
        if has_missing(targets):
            errors[np.isnan(targets).all(axis=1)] = np.nan  # nothing was measured
        n_samples = _SAMPLES[drawn_as] if n_samples is None else n_samples
        indices, groups = chosen_rows(samples, n_samples, errors)
        chosen = filled[indices]
        shown = {
            "originals": _as_samples(X[indices], shape),
            "codes": fitted.encode(chosen),
            "reconstructions": _as_samples(fitted.reconstruct(chosen), shape),
            "clean": None if clean is None else _as_samples(clean[indices], shape),
        }
        if drawn_as == "table":
            shown |= _of_features(estimator, filled, targets, feature_names)
        display = cls(
            indices=indices,
            errors=errors[indices],
            groups=groups,
            kind=drawn_as,
            row_names=_row_names(estimator, clean),
            **shown,
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Axes | None = None, *, cmap: str = "gray") -> Self:
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            The place to draw into; it is hidden. None is a new figure.

        cmap : str, default="gray"
            Name of the Matplotlib colours of grey images.

        Returns
        -------
        self : ReconstructionDisplay
            With the axes drawn into as attributes.
        """
        self.bounding_ax_ = ax
        if self.kind == "table":
            self._plot_table(ax)
        else:
            self._plot_samples(ax, cmap)
        self.figure_ = self.axes_[0, 0].figure
        return self

    def _plot_samples(self, ax, cmap):
        first, second, third = self.row_names
        parts = {first: self.originals, "code": None, second: self.reconstructions}
        if self.clean is not None:
            parts[third] = self.clean
        n_columns = len(self.originals)
        width = 1.1 if self.kind == "image" else 1.8
        self.axes_ = grid_of_axes(
            ax,
            len(parts),
            n_columns,
            width * n_columns + 0.4,
            1.15 * len(parts) + 0.3,
            height_ratios=[1 if n != "code" else _CODE_HEIGHT for n in parts],
        )
        limits = self._limits()
        for axes, (name, samples) in zip(self.axes_, parts.items(), strict=True):
            axes[0].set_ylabel(name)
            for i, axis in enumerate(axes):
                hide_ticks(axis)
                if samples is None:
                    self._draw_code(axis, self.codes[i])
                elif self.kind == "image":
                    draw_image(axis, samples[i], limits, cmap)
                else:
                    self._draw_sequence(axis, i, samples, limits)
        for i, axis in enumerate(self.axes_[0]):
            axis.set_title(self._title(i), fontsize="small")

    def _limits(self):
        known = self.originals if self.clean is None else self.clean
        shape = self.originals.shape[1:]
        if self.kind == "image":
            return value_limits(self.kind, shape, known)
        return value_limits(
            self.kind, shape, np.concatenate([self.originals, self.reconstructions])
        )

    def _title(self, i):
        lines = [] if self.groups is None else [self.groups[i]]
        lines += [f"row {self.indices[i]}", f"error {_in_short(self.errors[i])}"]
        return "\n".join(lines)

    def _draw_code(self, axis, code):
        """Draw a code as an image, about twice as wide as high, row by row."""
        from matplotlib import colormaps

        n_columns = math.ceil(math.sqrt(2 * len(code)))
        n_rows = math.ceil(len(code) / n_columns)
        cells = np.full(n_rows * n_columns, np.nan)
        cells[: len(code)] = code
        largest = np.abs(self.codes).max() or 1.0
        axis.imshow(
            cells.reshape(n_rows, n_columns),
            aspect="equal" if self.kind == "image" else "auto",
            cmap=colormaps["RdBu_r"].with_extremes(bad="0.85"),
            vmin=-largest,
            vmax=largest,
        )

    def _draw_sequence(self, axis, i, samples, limits):
        """Draw the channels; behind a reconstruction, in grey, what it should be."""
        target = self.originals if self.clean is None else self.clean
        if samples is self.reconstructions:
            axis.plot(target[i], color="0.8", linewidth=2)
        for channel in range(samples.shape[-1]):
            axis.plot(samples[i][:, channel], color=f"C{channel}", linewidth=1)
        margin = 0.05 * (limits[1] - limits[0])
        axis.set_ylim(limits[0] - margin, limits[1] + margin)

    def _plot_table(self, ax):
        deviations = self._deviations()
        largest = np.fmax(self.feature_errors, np.fmax.reduce(np.abs(deviations)))
        order = np.sort(np.argsort(-largest, kind="stable")[:_MOST_FEATURES])
        names = [self.feature_names[i] for i in order]
        n_columns = len(self.originals) + 1
        height = 0.22 * len(order) + 1.2
        width = 1.7 * n_columns + 1.5
        self.axes_ = grid_of_axes(ax, 1, n_columns, width, height, sharey=True)
        overall, *others = self.axes_[0]
        places = np.arange(len(order))  # names may be the same, so bars are numbered
        overall.barh(places, self.feature_errors[order], color="0.5")
        overall.set_yticks(places, names)
        overall.set_title("all rows", fontsize="small")
        overall.set_xlabel("root mean square\n(standard deviations)")
        overall.invert_yaxis()
        if len(order) < len(self.feature_errors):
            overall.set_ylabel(f"{len(order)} of {len(self.feature_errors)} features")
        limit = 1.05 * np.nanmax(np.abs(deviations), initial=1e-9)
        for i, axis in enumerate(others):
            axis.axvline(0, color="0.7", linewidth=0.8)
            axis.barh(places, deviations[i, order], color="C0")
            axis.set_xlim(-limit, limit)
            axis.set_title(self._title(i), fontsize="small")
            axis.set_xlabel("too low | too high")

    def _deviations(self):
        """Return the errors of the samples, in standard deviations of the features."""
        target = self.originals if self.clean is None else self.clean
        return (self.reconstructions - target) / self.feature_scales


def _as_samples(rows, shape):
    return as_floats(np.asarray(rows)).reshape(-1, *shape)


def _in_short(number):
    if 1e-4 <= number < 1e6:
        return np.format_float_positional(number, 3, fractional=False, trim="-")
    return f"{number:.2g}"


def _row_names(estimator, clean):
    if clean is not None:
        return "noisy", "denoised", "clean"
    if isinstance(estimator, DenoisingAutoencoder):
        return "given", "denoised", "clean"
    return "original", "reconstruction", "clean"


def _of_features(estimator, filled, targets, names):
    """Return names and scales of the features, and their errors over all rows."""
    names = feature_labels(estimator, names)
    squares, counts = np.zeros((2, filled.shape[1]))
    for chunk in row_chunks(filled):
        found = estimator._fitted.reconstruct(filled[chunk])
        errors = found - np.asarray(targets[chunk], np.float64)
        counts += (~np.isnan(errors)).sum(axis=0)
        squares += np.nansum(np.square(errors), axis=0)
    scales = feature_scales(estimator, targets)
    roots = np.sqrt(squares / np.maximum(counts, 1))
    return {
        "feature_names": names,
        "feature_scales": scales,
        "feature_errors": roots / scales,
    }
