"""Figures of a comparison."""

import math

from skae._drawing.axes import hide_ticks
from skae._drawing.points import draw_points
from skae.comparison._curves import curves_of, draw_curves, start_at_zero
from skae.comparison._summary import taken

_TITLES = {
    "relative_error": "squared error / PCA's",
    "variance_explained": "variance explained",
    "trustworthiness": "trustworthiness",
    "accuracy": "{}-NN accuracy of the codes",
    "tsne_trustworthiness": "trustworthiness after t-SNE",
    "tsne_accuracy": "{}-NN accuracy after t-SNE",
    "fit_seconds": "seconds of a fit",
}
_MOST_COLUMNS = 4  # the seven measures fit into two rows
_NARROW = 3.6  # inches: on a phone, text of 10 points is then as large as the page's


def draw_measures(comparison, figure=None, is_narrow=False):
    """Draw each measure over the number of codes; see `Comparison.plot`.

    With `is_narrow` the panels are one below the other, as wide as a phone.
    """
    table = comparison.table()
    measures = [name for name in taken(comparison.rows) if name in _TITLES]
    n_columns = min(_MOST_COLUMNS, math.ceil(len(measures) / 2))
    n_columns = 1 if is_narrow else n_columns
    n_rows = math.ceil(len(measures) / n_columns)
    width = _NARROW if is_narrow else 3.2 * n_columns
    figure = _figure(figure, width, 2.7 * n_rows + 0.4)
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis, measure in zip(axes, measures, strict=False):
        _draw_measure(axis, measure, table)
        axis.set_title(_TITLES[measure].format(comparison.conditions.n_neighbors))
    for axis in axes[len(measures) :]:
        axis.remove()
    handles, names = axes[0].get_legend_handles_labels()
    _add_legend(figure, handles, names, 2 * n_columns)
    return figure


def _add_legend(figure, handles, names, most, **look):
    """Add a legend whose names are in order along its lines."""
    n_columns = min(most, len(names))
    # Matplotlib goes down the columns, of which the first ones are the longer ones.
    order = [
        n for first in range(n_columns) for n in range(len(names))[first::n_columns]
    ]
    place = {"loc": "outside lower center", "ncols": n_columns}
    figure.legend(
        [handles[n] for n in order], [names[n] for n in order], **place, **look
    )


def _draw_measure(axis, measure, table):
    from matplotlib.ticker import LogFormatter

    curves = curves_of(table, measure)
    if measure == "fit_seconds":  # a logarithmic axis cannot show bars to zero
        curves = [curve._replace(spreads=None) for curve in curves]
    draw_curves(axis, curves)
    axis.title.set_fontsize("medium")
    if measure == "fit_seconds":
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(LogFormatter())
        return
    axis.ticklabel_format(axis="y", useOffset=False)
    if measure == "relative_error":
        start_at_zero(axis)


def draw_maps(comparison, figure=None, is_narrow=False):
    """Draw t-SNE's planes; see `Comparison.plot_maps`.

    With `is_narrow` the estimators are beside one another, as wide as a phone.
    """
    maps = comparison.maps
    if not maps:
        raise ValueError(
            "There is no map to draw, as the comparison was made without t-SNE. "
            "Compare with tsne=True."
        )
    names = list(dict.fromkeys(each.estimator for each in maps))
    dims = sorted({each.encoding_dim for each in maps})
    shape = len(names), len(dims)
    size = 2.8 * len(dims), 2.8 * len(names) + 0.4
    if is_narrow:
        shape = shape[::-1]
        size = _NARROW, (_NARROW / len(names) + 0.4) * len(dims) + 0.8
    figure = _figure(figure, *size)
    axes = figure.subplots(*shape, squeeze=False)
    axes = axes.T if is_narrow else axes
    for each in maps:
        row, column = names.index(each.estimator), dims.index(each.encoding_dim)
        _draw_map(axes[row, column], each)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if handles:
        most = 4 if is_narrow else max(2, 2 * len(dims))
        _add_legend(figure, handles, labels, most, markerscale=2)
    return figure


def _draw_map(axis, plane_map):
    codes = "codes" if plane_map.encoding_dim > 1 else "code"
    axis.set_title(f"{plane_map.estimator}\n{plane_map.encoding_dim} {codes}", size=9)
    hide_ticks(axis)
    draw_points(axis, plane_map.positions, plane_map.labels)


def _figure(figure, width, height):
    """Return a figure with a layout that makes room for legends."""
    if figure is None:
        from matplotlib import pyplot

        return pyplot.figure(figsize=(width, height), layout="constrained")
    figure.set_size_inches(width, height)
    figure.set_layout_engine("constrained")
    return figure
