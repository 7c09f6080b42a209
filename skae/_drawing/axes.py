"""Axes to draw into, and images in them."""

import numpy as np

_MISSING = "#e9a3a3"


def check_matplotlib(what):
    """Raise an ImportError if Matplotlib is missing, before `what` takes long."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{what} has plots, which Matplotlib draws, but it cannot be imported: "
            f"{error}. Install it with: pip install matplotlib"
        ) from error


def one_axes(ax, width, height):
    """Return the axes given, or those of a new figure."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def grid_of_axes(ax, n_rows, n_columns, width, height, **how):
    """Return an array of new axes: in a new figure, or where `ax` was.

    `ax` itself is hidden.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None

    n_rows, n_columns : int

    width, height : float
        Size of a new figure, in inches.

    **how
        ``sharex``, ``sharey`` and ``height_ratios``, as for `pyplot.subplots`.

    Returns
    -------
    axes : ndarray of matplotlib.axes.Axes of shape (n_rows, n_columns)
    """
    how["squeeze"] = False
    if ax is None:
        from matplotlib import pyplot

        size = {"figsize": (width, height), "layout": "constrained"}
        return pyplot.subplots(n_rows, n_columns, **size, **how)[1]
    ratios = {"height_ratios": how.pop("height_ratios", None)}
    place = ax.get_subplotspec()
    # A GridSpec without a figure cannot give axes to one.
    if place is not None and place.get_gridspec().figure is not None:
        grid = place.subgridspec(n_rows, n_columns, **ratios)
    else:
        left, bottom, right, top = ax.get_position().extents
        sides = {"left": left, "bottom": bottom, "right": right, "top": top}
        grid = ax.figure.add_gridspec(n_rows, n_columns, **sides, **ratios)
    ax.set_axis_off()
    return grid.subplots(**how)


def has_layout(figure):
    """Tell whether a figure makes room for what is drawn beside its axes."""
    return figure.get_layout_engine() is not None


def hide_ticks(axis):
    """Remove the ticks, and keep the frame of the axes."""
    axis.set_xticks([])
    axis.set_yticks([])


def draw_image(axis, image, limits, cmap, **place):
    """Draw a grey or coloured image.

    In a grey image missing values have a colour of their own. In a coloured one they
    are drawn half-way between the limits.

    Parameters
    ----------
    image : ndarray of shape (height, width) or (height, width, channels)

    limits : tuple of float
        The values of black and white.

    Returns
    -------
    matplotlib.image.AxesImage
    """
    if image.ndim == 3:
        low, high = limits
        shares = np.clip((image - low) / (high - low), 0, 1)
        return axis.imshow(np.nan_to_num(shares, nan=0.5), **place)
    from matplotlib import colormaps

    colours = colormaps.get_cmap(cmap).with_extremes(bad=_MISSING)
    low, high = limits
    return axis.imshow(image, cmap=colours, vmin=low, vmax=high, **place)


def distinct_colours(n_colours, cmap=None):
    """Return up to 20 colours that differ clearly, or colours along a `cmap`."""
    from matplotlib import colormaps

    if cmap is not None:
        return colormaps.get_cmap(cmap)(np.linspace(0, 1, n_colours))
    palette = colormaps["tab10" if n_colours <= 10 else "tab20"]
    return [palette(i) for i in range(n_colours)]


def add_legend(axis, **look):
    """Put a legend beside the axes, or inside them if the figure makes no room."""
    if has_layout(axis.figure):
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    else:
        place = {"loc": "upper right"}
    return axis.legend(**place, **look)
