"""Pictures of the benchmarks' tables, drawn while the pages are built."""

from pathlib import Path

from matplotlib.figure import Figure

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
_MARKERS = {"2": "o", "8": "s", "32": "D"}
_MOST = 1.05  # of the ratios drawn; of larger ones, the picture has the figure


def draw(folder):
    """Draw all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for drawing in (defaults, alternatives):
        figure = drawing()
        figure.savefig(folder / f"{drawing.__name__}.png", dpi=150, bbox_inches="tight")


def table(name):
    """Return the rows of a Markdown table, as dicts by its headings."""
    lines = (RESULTS / f"{name}.md").read_text("utf-8").splitlines()
    headings, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]
    return [dict(zip(headings, row, strict=True)) for row in rows]


def defaults():
    """Draw the error over PCA's, by data set and number of codes."""
    measured = [
        row for row in table("defaults") if "exact" not in row["error / PCA's: mean"]
    ]
    names = list(dict.fromkeys(row["data"] for row in measured))
    figure, axis = _ratios([name.replace("_", " ") for name in names])
    for codes, marker in _MARKERS.items():
        rows = [row for row in measured if row["codes"] == codes]
        ratios = [float(row["error / PCA's: mean"]) for row in rows]
        places = [names.index(row["data"]) for row in rows]
        axis.plot(ratios, places, marker, markersize=7, label=f"{codes} codes")
    axis.set(xlim=(0, _MOST), xlabel="squared error of held-out rows / PCA's")
    axis.legend(loc="lower left")
    return figure


def alternatives():
    """Draw the mean error over PCA's, with the defaults and with one changed."""
    rows = [row for row in table("alternatives") if row[""] != "no hidden layer"]
    figure, axis = _ratios([row[""] for row in rows])
    for place, row in enumerate(rows):
        mean = float(row["error / PCA's: geometric mean"])
        worst = float(row["worst"])
        color = "C1" if place else "C0"
        if mean < _MOST:
            axis.plot(mean, place, "o", markersize=7, color=color)
        if worst > 1:
            text = f"worst {worst:.3g}"
            text = text if mean < _MOST else f"mean {mean:.3g}, {text} →"
            axis.text(0.99, place, text, ha="right", va="center", color=color)
    axis.set(
        xlim=(0.6, _MOST), xlabel="squared error / PCA's, mean over data and codes"
    )
    return figure


def _ratios(names):
    """Return a figure with a line for each name, and a mark at PCA."""
    figure = Figure(figsize=(6.4, 0.28 * len(names) + 0.9), layout="constrained")
    axis = figure.subplots()
    axis.axvline(1, color="black", linestyle="--", linewidth=1)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.secondary_xaxis("top").set_xticks([1], ["PCA"])
    axis.grid(alpha=0.3)
    axis.set_axisbelow(True)
    return figure, axis
