"""Points in the plane, coloured by labels or by a number."""

import numpy as np

from skae.displays._axes import distinct_colours

MOST_CLASSES = 20
_OTHER = "other"


def draw_points(axis, positions, y=None, **look):
    """Scatter points.

    Text and truth values are labels, and so are whole numbers of up to 20 values; each
    has its colour. Of more than 20 labels the rarer share one. Other numbers go along a
    range of colours.

    Parameters
    ----------
    axis : matplotlib.axes.Axes

    positions : ndarray of shape (n_points, 2)

    y : ndarray of shape (n_points,) or None, default=None
        Labels or numbers.

    **look
        Of `matplotlib.axes.Axes.scatter`.

    Returns
    -------
    list of matplotlib.collections.PathCollection
        One for each label, which it is named after; or one.
    """
    n_points = len(positions)
    look = {"s": np.clip(4000 / max(n_points, 1), 2, 12), "linewidths": 0, **look}
    if y is None:
        return [axis.scatter(*positions.T, **{"color": "0.3", **look})]
    if not are_labels(y):
        return [_draw_numbers(axis, positions, y.astype(np.float64), look)]
    names, numbers = _classes(y)
    colours = [*distinct_colours(len(names))]
    if names[-1] is _OTHER:
        colours[-1] = "0.75"
    return [
        axis.scatter(
            *positions[numbers == number].T,
            **{"color": colours[number], "label": str(name), **look},
        )
        for number, name in enumerate(names)
    ]


def _draw_numbers(axis, positions, y, look):
    from matplotlib import colormaps

    colours = colormaps["viridis"].with_extremes(bad="0.8")
    look = {"cmap": colours, "plotnonfinite": True, **look}
    return axis.scatter(*positions.T, c=y, **look)


def are_labels(y):
    """Tell labels from numbers along a range."""
    if y.dtype.kind not in "iuf":
        return True
    if not np.isfinite(y).all() or (y != np.floor(y)).any():
        return False
    return len(np.unique(y)) <= MOST_CLASSES


def _classes(y):
    """Return names of up to 20 classes, and which of them each point has."""
    if y.dtype.kind == "O":
        y = y.astype(str)
    if y.dtype.kind == "f":
        y = y.astype(np.int64)
    names, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(names) <= MOST_CLASSES:
        return list(names), numbers
    frequent = np.sort(np.argsort(-counts, kind="stable")[: MOST_CLASSES - 1])
    places = np.full(len(names), MOST_CLASSES - 1)
    places[frequent] = np.arange(MOST_CLASSES - 1)
    return [*names[frequent], _OTHER], places[numbers]
