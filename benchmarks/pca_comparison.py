"""How do autoencoder and PCA compare: errors, neighbours, t-SNE and seconds?

    python -m benchmarks.pca_comparison [--data digits ...] [--encoding-dim 2 8 16 32]
        [--seeds 5] [--rows 500] [--no-tsne] [--output benchmarks/results]

`skae.compare` with its defaults on each data set, over random splits with another seed
each; MNIST is split as published, with one seed, and t-SNE lays out its 10,000 test
rows. There, 50 principal components are measured too, as they are the usual road to
t-SNE. Sizes beyond the number of features, which PCA cannot have, are left out.
``--rows`` takes so many rows alone, for a quick look.

Prints a table, and which of the project's promises hold and which do not. Writes both
as ``pca_comparison.md``, and for each data set a figure of all measures and t-SNE's
maps. The promises: error relative to PCA's never above 1.005, and at most 0.75 on
average; variance explained 0.05 above PCA's on average; accuracy of nearest neighbours
on the codes nowhere below PCA's by more than 0.005, and at least 0.25 above on MNIST
with 2 codes; after t-SNE on MNIST no less with 32 codes than with 50 principal
components.
"""

import argparse
import pathlib
import sys

import numpy as np
from matplotlib.figure import Figure

import skae
from benchmarks import datasets

DATA = "digits", "mnist", "cardio", "satellite", "mouse_bladder"
OURS = "AutoencoderTransformer"
N_MNIST_TEST = 10_000
N_COMPONENTS = 50
HEADINGS = (
    "data",
    "rows × features",
    "codes",
    "error / PCA's",
    "worst",
    "variance explained (PCA)",
    "trustworthiness (PCA)",
    "5-NN accuracy (PCA)",
    "t-SNE: trustworthiness (PCA)",
    "t-SNE: 5-NN accuracy (PCA)",
    "fit, s (PCA)",
)
PAIRED = (
    "variance_explained",
    "trustworthiness",
    "accuracy",
    "tsne_trustworthiness",
    "tsne_accuracy",
)


def main():
    """Run the benchmark; print and keep what comes out."""
    arguments = _arguments()
    folder = pathlib.Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [*_heading()]
    print(*lines, sep="\n", flush=True)
    comparisons, components = {}, None
    for name in arguments.data:
        comparison = comparisons[name] = _compare(name, arguments)
        _draw(name, comparison, folder)
        lines += _show(map(_as_row, _cells(name, comparison)))
        if name == "mnist" and not arguments.no_tsne:
            components = _compare(name, arguments, pca_alone=True)
            lines += _show([_as_row(_cells_of_components(components))])
    lines += _show(["", *_promises(comparisons, components)])
    (folder / "pca_comparison.md").write_text("\n".join(lines) + "\n", "utf-8")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=DATA, choices=datasets.LABELLED)
    parser.add_argument("--encoding-dim", nargs="+", type=int, default=[2, 8, 16, 32])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--no-tsne", action="store_true")
    parser.add_argument("--output", default="benchmarks/results")
    return parser.parse_args()


def _compare(name, arguments, pca_alone=False):
    X, y = datasets.labelled(name)
    how = {"n_splits": arguments.seeds}
    if name == "mnist":
        everything = np.arange(len(X))
        train, test = everything[:-N_MNIST_TEST], everything[-N_MNIST_TEST:]
        how = {"cv": [(train[: arguments.rows], test[: arguments.rows])]}
        how["tsne_rows"] = N_MNIST_TEST
    elif arguments.rows:
        chosen = np.random.RandomState(0).permutation(len(X))[: arguments.rows]
        X, y = X[chosen], y[chosen]
    dims = [dim for dim in arguments.encoding_dim if dim <= X.shape[1]]
    print(f"{name}: {len(X)} rows", file=sys.stderr)
    return skae.compare(
        X,
        y,
        estimators={} if pca_alone else None,
        encoding_dims=N_COMPONENTS if pca_alone else dims,
        scale=False,
        tsne=not arguments.no_tsne,
        verbose=1,
        **how,
    )


def _draw(name, comparison, folder):
    plots = {"": comparison.plot}
    if comparison.maps:
        plots["_maps"] = comparison.plot_maps
    for ending, draw in plots.items():
        figure = draw(Figure()).figure_
        figure.savefig(folder / f"pca_comparison_{name}{ending}.png", dpi=100)


def _show(lines):
    lines = list(lines)
    print(*lines, sep="\n", flush=True)
    return lines


def _heading():
    return _as_row(HEADINGS), "|" + "---|" * len(HEADINGS)


def _as_row(cells):
    return f"| {' | '.join(map(str, cells))} |"


def _values(comparison, dim, measure, name=OURS):
    """Return a measure of each split; an empty array where it was not taken."""
    values = [
        getattr(row, measure)
        for row in comparison
        if (row.estimator, row.encoding_dim) == (name, dim)
    ]
    return np.array([value for value in values if value is not None])


def _dims(comparison):
    return list(dict.fromkeys(row.encoding_dim for row in comparison))


def _cells(name, comparison):
    """Yield a line of the table for each number of codes."""
    conditions = comparison.conditions
    for dim in _dims(comparison):
        ratios = _values(comparison, dim, "relative_error")
        yield [
            name,
            f"{conditions.n_train} × {conditions.n_features}",
            dim,
            _mean(ratios, spread=True),
            f"{ratios.max():.4f}",
            *(_pair(comparison, dim, measure) for measure in PAIRED),
            _pair(comparison, dim, "fit_seconds", "{:.2g}"),
        ]


def _cells_of_components(comparison):
    conditions = comparison.conditions
    pairs = [_mean(_values(comparison, N_COMPONENTS, m, "PCA")) for m in PAIRED]
    seconds = _values(comparison, N_COMPONENTS, "fit_seconds", "PCA").mean()
    return [
        "mnist, PCA alone",
        f"{conditions.n_train} × {conditions.n_features}",
        N_COMPONENTS,
        "1",
        "1",
        *(f"({mean})" for mean in pairs),
        f"({seconds:.2g})",
    ]


def _mean(values, form="{:.3f}", spread=False):
    if not len(values):
        return "-"
    mean = form.format(values.mean())
    if not spread or len(values) == 1:
        return mean
    return f"{mean} ± {form.format(values.std(ddof=1))}"


def _pair(comparison, dim, measure, form="{:.3f}"):
    ours, pca = (_values(comparison, dim, measure, name) for name in (OURS, "PCA"))
    return f"{_mean(ours, form)} ({_mean(pca, form)})"


def _promises(comparisons, components):
    """Yield a table of what holds and what does not."""
    yield _as_row(["promise", "data", "figure", "holds"])
    yield "|---|---|---|---|"
    for promise, data, figure, holds in _outcomes(comparisons, components):
        yield _as_row([promise, data, figure, "yes" if holds else "**NO**"])


def _outcomes(comparisons, components):
    """Yield (promise, data, figure, whether it holds)."""
    for name, comparison in comparisons.items():
        worst, at = _extreme(max, comparison, _worst_error)
        yield (
            "error / PCA's ≤ 1.005, always",
            name,
            f"{worst:.4f}, {at}",
            worst <= 1.005,
        )
    means = [
        _values(comparison, dim, "relative_error").mean()
        for comparison in comparisons.values()
        for dim in _dims(comparison)
    ]
    mean = np.mean(means)
    yield "error / PCA's ≤ 0.75 on average", "all", f"{mean:.3f}", mean <= 0.75
    ours, pca = (_explained_on_average(comparisons, name) for name in (OURS, "PCA"))
    promise = "variance explained ≥ PCA's + 0.05 on average"
    yield promise, "all", f"{ours:.3f} ({pca:.3f})", ours >= pca + 0.05
    for name, comparison in comparisons.items():
        least, at = _extreme(min, comparison, _gain_of_accuracy)
        promise = "5-NN accuracy − PCA's ≥ −0.005"
        yield promise, name, f"{least:+.4f}, {at}", least >= -0.005
    yield from _outcomes_on_mnist(comparisons.get("mnist"), components)


def _explained_on_average(comparisons, name):
    return np.mean(
        [
            _values(comparison, dim, "variance_explained", name).mean()
            for comparison in comparisons.values()
            for dim in _dims(comparison)
        ]
    )


def _outcomes_on_mnist(comparison, components):
    if comparison is None:
        return
    if 2 in _dims(comparison):
        gain = _gain_of_accuracy(comparison, 2)
        promise = "5-NN accuracy − PCA's ≥ 0.25 with 2 codes"
        yield promise, "mnist", f"{gain:+.4f}", gain >= 0.25
    if components is not None and 32 in _dims(comparison):
        ours = _values(comparison, 32, "tsne_accuracy").mean()
        pca = _values(components, N_COMPONENTS, "tsne_accuracy", "PCA").mean()
        promise = "5-NN accuracy after t-SNE, 32 codes ≥ 50 principal components"
        yield promise, "mnist", f"{ours:.4f} against {pca:.4f}", ours >= pca


def _extreme(choose, comparison, measure):
    """Return the largest or smallest of a measure over sizes, and where it is."""
    values = {dim: measure(comparison, dim) for dim in _dims(comparison)}
    dim = choose(values, key=values.get)
    return values[dim], f"{dim} codes"


def _worst_error(comparison, dim):
    return _values(comparison, dim, "relative_error").max()


def _gain_of_accuracy(comparison, dim):
    ours, pca = (_values(comparison, dim, "accuracy", n) for n in (OURS, "PCA"))
    return ours.mean() - pca.mean()


if __name__ == "__main__":
    main()
