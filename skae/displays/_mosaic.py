"""Decoded samples in rows and columns, in one pair of axes."""

import numpy as np

from skae._drawing.axes import add_legend, distinct_colours, draw_image
from skae.displays._samples import value_limits

# More of a cell lets lines and bars touch those of the next.
_WITHIN_CELL = 0.9
# Fraction of the values drawn as black, and as white: more gives more contrast, but
# hides what the decoder makes of extreme codes.
_OVERSHOOT = 0.005
# As many as `distinct_colours` has.
_MOST_NAMED_FEATURES = 20


def draw_mosaic(axis, samples, kind, *, features=None, cmap="gray"):
    """Draw samples as images, as lines, or as bars of deviations from the means.

    The cell in row i and column j lies around the point (j, i); rows go downwards.

    Parameters
    ----------
    axis : matplotlib.axes.Axes

    samples : ndarray of shape (n_rows, n_columns, *shape)

    kind : {"image", "sequence", "table"}

    features : tuple or None, default=None
        For a table: names, means and scales of the features. Up to 20 features have a
        legend.

    cmap : str, default="gray"
        Colours of grey images.

    Returns
    -------
    list of matplotlib artists
    """
    n_rows, n_columns, *shape = samples.shape
    if kind == "image":
        # Far from the rows the decoder overshoots; these few values would take the
        # contrast from all others.
        limits = value_limits(kind, shape, samples, _OVERSHOOT)
        artists = [_draw_tiles(axis, samples, limits, cmap)]
    if kind == "sequence":
        artists = _draw_lines(axis, samples, value_limits(kind, shape, samples))
    if kind == "table":
        names, means, scales = features
        artists = _draw_bars(axis, (samples - means) / scales, names)
    _draw_borders(axis, n_rows, n_columns, "white" if kind == "image" else "0.9")
    axis.set(xlim=(-0.5, n_columns - 0.5), ylim=(n_rows - 0.5, -0.5))
    return artists


def _draw_borders(axis, n_rows, n_columns, colour):
    axis.set_xticks(np.arange(n_columns + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(n_rows + 1) - 0.5, minor=True)
    axis.grid(which="minor", color=colour)
    axis.tick_params(which="minor", length=0)


def _draw_tiles(axis, samples, limits, cmap):
    n_rows, n_columns, height, width = samples.shape[:4]
    stitched = samples.swapaxes(1, 2)
    stitched = stitched.reshape(n_rows * height, n_columns * width, *samples.shape[4:])
    extent = (-0.5, n_columns - 0.5, n_rows - 0.5, -0.5)
    place = {"extent": extent, "aspect": height / width}
    return draw_image(axis, stitched, limits, cmap, **place)


def _draw_lines(axis, samples, limits):
    """Draw the channels, each in its colour, with the lowest value at the bottom."""
    from matplotlib.collections import LineCollection

    n_rows, n_columns, n_steps, n_channels = samples.shape
    low, high = limits
    shares = (samples - low) / (high - low)
    y = np.arange(n_rows)[:, None, None, None] + _WITHIN_CELL * (0.5 - shares)
    within = _WITHIN_CELL * np.linspace(-0.5, 0.5, n_steps)
    x = np.broadcast_to(
        np.arange(n_columns)[:, None] + within, (n_rows, n_columns, n_steps)
    )
    lines = []
    for channel in range(n_channels):
        segments = np.stack([x, y[..., channel]], axis=-1).reshape(-1, n_steps, 2)
        collection = LineCollection(list(segments), color=f"C{channel}", linewidth=1)
        lines.append(axis.add_collection(collection, autolim=False))
    return lines


def _draw_bars(axis, deviations, names):
    """Draw a bar up or down from the middle of the cell for each feature."""
    from matplotlib.collections import PolyCollection

    n_rows, n_columns, n_features = deviations.shape
    heights = -_WITHIN_CELL / 2 * deviations / (np.abs(deviations).max() or 1.0)
    middles, columns = np.indices((n_rows, n_columns)).reshape(2, -1)
    axis.hlines(np.arange(n_rows), -0.5, n_columns - 0.5, color="0.8", linewidth=0.5)
    is_named = n_features <= _MOST_NAMED_FEATURES
    colours = distinct_colours(n_features) if is_named else ["0.4"] * n_features
    offsets = _WITHIN_CELL * ((np.arange(n_features) + 0.5) / n_features - 0.5)
    width = _WITHIN_CELL / n_features
    bars = []
    for i in range(n_features):
        left, right = columns + offsets[i] - width / 2, columns + offsets[i] + width / 2
        ends = middles + heights[..., i].ravel()
        corners = [(left, middles), (left, ends), (right, ends), (right, middles)]
        rectangles = np.moveaxis(np.array(corners), 2, 0)
        look = {"facecolor": colours[i], "label": names[i]}
        bars.append(
            axis.add_collection(PolyCollection(list(rectangles), **look), False)
        )
    axis.set_title("deviations of the features from their means", fontsize="medium")
    if is_named:
        add_legend(axis, fontsize="small")
    return bars
