"""Curves of a measure over the number of codes."""

from typing import NamedTuple

import numpy as np

from skae.comparison._candidates import BASELINE


class Curve(NamedTuple):
    """Means and standard deviations (None for a single split) of one estimator."""

    name: str
    encoding_dims: np.ndarray
    means: np.ndarray
    spreads: np.ndarray | None


def curves_of(table, measure):
    """Return a curve for each estimator in the table of `Comparison.table`."""
    groups = table.sort_values("encoding_dim").groupby("estimator")
    names = table["estimator"].unique()
    return [_curve(name, groups.get_group(name), measure) for name in names]


def _curve(name, lines, measure):
    columns = "encoding_dim", measure, f"{measure}_std"
    dims, means, spreads = (lines[column].to_numpy() for column in columns)
    return Curve(name, dims, means, None if np.isnan(spreads).all() else spreads)


def draw_curves(axis, curves):
    """Draw curves, PCA's dashed and grey; return the error-bar containers."""
    names = [curve.name for curve in curves if curve.name != BASELINE]
    containers = []
    for curve in curves:
        is_baseline = curve.name == BASELINE
        container = axis.errorbar(
            curve.encoding_dims,
            curve.means,
            yerr=curve.spreads,
            label=curve.name,
            color="0.45" if is_baseline else f"C{names.index(curve.name)}",
            linestyle="--" if is_baseline else "-",
            marker="o",
            markersize=4,
            capsize=3,
        )
        containers.append(container)
    dims = sorted({int(dim) for curve in curves for dim in curve.encoding_dims})
    axis.set_xscale("log", base=2)
    axis.set_xticks(dims, labels=map(str, dims))
    axis.minorticks_off()
    axis.set_xlabel("codes")
    axis.grid(alpha=0.3)
    return containers


def start_at_zero(axis):
    """Let the axis of an error relative to PCA's go from zero to above one."""
    axis.set_ylim(0, max(1.05, axis.get_ylim()[1]))
