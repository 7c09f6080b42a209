"""Points in the plane, coloured by labels or by a number."""

import numpy as np

from skae._drawing.axes import add_legend, distinct_colours

# Matplotlib's largest palette of distinct colours, tab20, has 20.
MOST_CLASSES = 20
_OTHER = "other"
_LEGEND_SIZE = 30  # large enough to tell the colours of small points
_SAME = {
    "color": {"c", "color", "facecolor", "facecolors"},
    "linewidths": {"linewidth", "linewidths", "lw"},
}


def draw_points(axis, positions, y=None, **look):
    """Scatter points.

    Text and truth values are labels. So are whole numbers with at most 20 different
    values. Each label has its colour; if there are more than 20, the rarer ones have
    one colour together. Other numbers are drawn along a range of colours.

    Parameters
    ----------
    axis : matplotlib.axes.Axes

    positions : ndarray of shape (n_points, 2)

    y : ndarray of shape (n_points,) or None, default=None
        Labels or numbers.

    **look
        Arguments of `matplotlib.axes.Axes.scatter`. An array with a value for each
        point is split by label. A `cmap` colours labels too.

    Raises
    ------
    ValueError
        When `look` sets colours or names although `y` does.

    Returns
    -------
    list of matplotlib.collections.PathCollection
        One for each label, named after it; without labels, a single one.
    """
    # Many points need small dots, or they hide one another.
    size = np.clip(4000 / max(len(positions), 1), 2, 12)
    look = _with_defaults(look, s=size, linewidths=0)
    if y is None:
        return [axis.scatter(*positions.T, **_with_defaults(look, color="0.3"))]
    _check_colours(look)
    if not are_labels(y):
        return [_draw_numbers(axis, positions, y.astype(np.float64), look)]
    names, numbers = _classes(y)
    return _draw_classes(axis, positions, names, numbers, look)


def draw_points_with_key(axis, positions, y, look):
    """Scatter points as `draw_points` does, and say what their colours mean.

    Parameters
    ----------
    axis : matplotlib.axes.Axes

    positions : ndarray of shape (n_points, 2)

    y : ndarray of shape (n_points,) or None
        Labels or numbers.

    look : dict
        Arguments of `matplotlib.axes.Axes.scatter`.

    Returns
    -------
    points : list of matplotlib.collections.PathCollection

    legend : matplotlib.legend.Legend or None
        For labels.

    colorbar : matplotlib.colorbar.Colorbar or None
        For numbers.
    """
    size = np.clip(10_000 / max(len(positions), 1), 5, 25)
    points = draw_points(axis, positions, y, **{"s": size, **look})
    if points[0].get_array() is not None:
        return points, None, axis.figure.colorbar(points[0], ax=axis)
    if y is None:
        return points, None, None
    legend = add_legend(axis)
    for handle in legend.legend_handles:
        if hasattr(handle, "set_sizes"):  # not lines drawn by others
            handle.set_sizes([_LEGEND_SIZE])
    return points, legend, None


def _with_defaults(look, **defaults):
    """Add the defaults that are not given under any of Matplotlib's names for them."""
    missing = {
        name: value
        for name, value in defaults.items()
        if not look.keys() & _SAME.get(name, {name})
    }
    return {**missing, **look}


def _check_colours(look):
    clashes = look.keys() & {"label", *_SAME["color"]}
    if clashes:
        raise ValueError(
            f"scatter_kwargs has {min(clashes)!r}, but y gives points their colours "
            "and names. Leave one of them out."
        )


def _draw_classes(axis, positions, names, numbers, look):
    colours = [*distinct_colours(len(names), look.pop("cmap", None))]
    if names[-1] is _OTHER:
        colours[-1] = "0.75"
    drawn = []
    for number, name in enumerate(names):
        chosen = numbers == number
        style = {k: _of_points(value, chosen) for k, value in look.items()}
        style.update(color=[colours[number]], label=str(name))
        drawn.append(axis.scatter(*positions[chosen].T, **style))
    return drawn


def _of_points(value, chosen):
    """Return the values of some points, if there is a value for each point."""
    if isinstance(value, str) or np.shape(value)[:1] != chosen.shape:
        return value
    return np.asarray(value)[chosen]


def _draw_numbers(axis, positions, y, look):
    from matplotlib import colormaps

    colours = colormaps.get_cmap(look.pop("cmap", "viridis")).with_extremes(bad="0.8")
    look = {"plotnonfinite": True, **look}
    return axis.scatter(*positions.T, c=y, cmap=colours, **look)


def are_labels(y):
    """Tell labels from numbers along a range."""
    if y.dtype.kind not in "iuf":
        return True
    if not np.isfinite(y).all() or (y != np.floor(y)).any():
        return False
    return len(np.unique(y)) <= MOST_CLASSES


def _classes(y):
    """Return names of up to 20 classes, and the number of each point's class."""
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
