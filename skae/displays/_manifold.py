"""What the decoder makes of a plane of codes."""

import math

import numpy as np
from scipy.stats import norm

from skae.displays._axes import one_axes
from skae.displays._estimators import (
    check_dimensions,
    check_estimator,
    check_rows_given,
    check_steps,
    code_label,
    decode,
    encode,
    features_of,
)
from skae.displays._mosaic import draw_mosaic
from skae.displays._samples import kind_and_shape

_OUTSIDE = 0.01
_OUTSIDE_PRIOR = 0.05
_MOST_TICKS = 10
_MOST_DECIMALS = 4
_FINEST = 5.0


class LatentManifoldDisplay:
    """Samples that the decoder makes of a grid of codes.

    Make one with `from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    samples : ndarray of shape (n_steps, n_steps, *shape)
        What is decoded; ``samples[i, j]`` is of the codes ``y_steps[i]`` and
        ``x_steps[j]``.

    x_steps, y_steps : ndarray of shape (n_steps,)
        Values of the two codes.

    kind : {"image", "sequence", "table"}
        How samples are drawn.

    features : tuple or None, default=None
        Names, means and scales of the features of a table, whose bars are deviations
        from the means in units of the scales.

    xlabel, ylabel : str or None, default=None
        Names of the two codes.

    Attributes
    ----------
    artists_ : list of matplotlib artists
        The mosaic of images; or the lines of each channel; or the bars of each feature.

    ax_ : matplotlib.axes.Axes
        What was drawn into. The sample of column j and row i from the top is around
        the point (j, i).

    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.

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
        samples,
        x_steps,
        y_steps,
        kind,
        features=None,
        xlabel=None,
        ylabel=None,
    ):
        self.samples = samples
        self.x_steps = x_steps
        self.y_steps = y_steps
        self.kind = kind
        self.features = features
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        dimensions=(0, 1),
        n_steps=10,
        kind="auto",
        image_shape=None,
        feature_names=None,
        ax=None,
        cmap="gray",
    ):
        """Decode a grid of codes and draw it.

        Parameters
        ----------
        estimator : estimator
            One of skae's, fitted. Of a `Pipeline`, pass the last step, and the rows as
            that gets them.

        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape), default=None
            Rows like those of `fit`. The grid has equal steps over the range of their
            codes, without the outer hundredth at each end; other codes are at their
            mean. `VAETransformer` needs no rows: the grid then has the quantiles of the
            codes' normal prior, in equal steps from 0.05 to 0.95, and other codes are
            zero.

        dimensions : tuple of two int, default=(0, 1)
            Which two codes make the grid, counted from 0.

        n_steps : int, default=10
            Number of values of each.

        kind : {"auto", "image", "sequence", "table"}, default="auto"
            How samples are drawn: as images, as lines, or as bars of the features'
            deviations from their means, in standard deviations on X (without X, in one
            unit for all). "auto" goes by the network and the shape of the samples.

        image_shape : tuple of int or None, default=None
            Shape of one image, (height, width) or (height, width, channels), if X has
            flat rows of images and the estimator has no `image_shape` itself.

        feature_names : list of str, default=None
            Names of the features of a table. None takes those of `fit`.

        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        cmap : str, default="gray"
            Name of the Matplotlib colours of grey images.

        Returns
        -------
        LatentManifoldDisplay
            With what was decoded as `samples`.

        Raises
        ------
        ValueError
            When the rows or a parameter cannot be used, or X is missing.

        TypeError
            When `estimator` is none of skae's.
        """
        check_estimator(estimator)
        check_rows_given(estimator, X)
        dimensions = check_dimensions(dimensions, estimator.encoding_dim_)
        n_steps = check_steps(n_steps)
        kind, shape = kind_and_shape(estimator, kind, image_shape)
        middle, x_steps, y_steps = _plane(estimator, X, dimensions, n_steps)
        grid = np.tile(middle, (n_steps, n_steps, 1))
        grid[..., dimensions[0]] = x_steps
        grid[..., dimensions[1]] = y_steps[:, None]
        samples = decode(estimator, grid, shape)
        features = features_of(estimator, kind, feature_names, X, samples)
        xlabel, ylabel = (code_label(estimator, i) for i in dimensions)
        display = cls(
            samples=samples,
            x_steps=x_steps,
            y_steps=y_steps,
            kind=kind,
            features=features,
            xlabel=xlabel,
            ylabel=ylabel,
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax=None, *, cmap="gray"):
        """Draw the samples.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            What to draw into. None is a new figure.

        cmap : str, default="gray"
            Name of the Matplotlib colours of grey images.

        Returns
        -------
        self : LatentManifoldDisplay
            With what was drawn as attributes.
        """
        ax = one_axes(ax, 6.4, 6.0)
        upwards = self.samples[::-1]
        how = {"features": self.features, "cmap": cmap}
        self.artists_ = draw_mosaic(ax, upwards, self.kind, **how)
        ax.set_xticks(*_ticks(self.x_steps))
        ax.set_yticks(*_ticks(self.y_steps[::-1]))
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _plane(estimator, X, dimensions, n_steps):
    """Return the mean code and the steps of two codes, of rows or of the prior."""
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
    """Return places and texts of as many ticks as there is room for."""
    places = np.arange(len(steps))[:: -(-len(steps) // _MOST_TICKS)]
    apart = np.abs(np.diff(steps)).max(initial=0) or 1.0
    n_decimals = math.ceil(-math.log10(apart / _FINEST))
    if abs(n_decimals) > _MOST_DECIMALS:
        return places, [f"{steps[i]:.2g}" for i in places]
    n_decimals = max(0, n_decimals)
    rounded = np.round(steps[places], n_decimals) + 0.0  # no sign of a zero
    return places, [f"{step:.{n_decimals}f}" for step in rounded]
