"""Curves of a measure over the number of codes."""

from typing import NamedTuple

import numpy as np

from skae.comparison._candidates import BASELINE


class Curve(NamedTuple):
    """What one estimator reached.

    Attributes
    ----------
    name : str
        Name of the estimator.

    encoding_dims : ndarray of int of shape (n_dims,)
        Numbers of codes, ascending.

    means : ndarray of shape (n_dims,)
        Means over the splits.

    spreads : ndarray of shape (n_dims,) or None
        Standard deviations over the splits; None of a single split.
    """

    name: str
    encoding_dims: np.ndarray
    means: np.ndarray
    spreads: np.ndarray | None


def curves_of(lines, measure):
    """Return a curve for each estimator in what `_summary.as_dicts` returns."""
    return [
        _curve(name, [line for line in lines if line["estimator"] == name], measure)
        for name in dict.fromkeys(line["estimator"] for line in lines)
    ]


def _curve(name, lines, measure):
    lines = sorted(lines, key=lambda line: line["encoding_dim"])
    columns = "encoding_dim", measure, f"{measure}_std"
    dims, means, spreads = (np.array([line[c] for line in lines]) for c in columns)
    return Curve(name, dims, means, None if np.isnan(spreads).all() else spreads)


def draw_curves(axis, curves):
    """Draw curves, the baseline's dashed and grey; return the error-bar containers."""
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
    """Show an error relative to PCA's from zero to above one."""
    axis.set_ylim(0, max(1.05, axis.get_ylim()[1]))
