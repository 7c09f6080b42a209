"""Is the default AutoencoderTransformer ever worse than PCA, and how much better?

    python -m benchmarks.defaults [--data digits ...] [--codes 2 8 32] [--splits 3]
        [--no-closed-form] [--alternatives]

For every data set and number of codes: the mean squared error on held-out rows relative
to PCA's, both fitted on the same training rows, over random splits (MNIST: its own):
its mean and the worst split. The same of the closed form alone (``epochs=0``), if the
estimator has one. The seconds of the fits, and for the default fit those of all
processors together. The closed form is fitted first, and what it compiles spares the
default fit a little time: compare the times of two versions with ``--no-closed-form``.

At the end, the geometric mean and the worst split over all cases where PCA is not
exact, and the processor seconds of sets below and above 10,000 rows, each the sum over
the cases of the mean of the splits. ``--alternatives`` prints one line for the
defaults and one for each of them changed.
"""

import argparse

import numpy as np

from benchmarks import datasets
from benchmarks.measures import (
    fitted,
    fitted_closed_form,
    fitted_pca,
    geometric_mean,
    is_rounding,
    print_heading,
    print_row,
    relative,
    splits,
    squared_distances,
    squared_errors,
    warm_up,
)
from skae import AutoencoderTransformer

ALTERNATIVES = {
    "the defaults": {},
    "without weight decay": {"optimizer": "adam"},
    "learning rate 0.005": {"learning_rate": 0.005},
    "learning rate 0.02": {"learning_rate": 0.02},
    "constant learning rate": {"learning_rate_schedule": "constant"},
    "batches of 128": {"batch_size": 128},
    "128 units": {"hidden_layer_sizes": (128,)},
    "512 units": {"hidden_layer_sizes": (512,)},
    "256 and 128 units": {"hidden_layer_sizes": (256, 128)},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "SiLU": {"activation": "silu"},
    "tanh": {"activation": "tanh"},
    "a tenth held out": {"validation_fraction": 0.1},
    "no early stopping": {"early_stopping": False},
    "random start": {"init": "random"},
}


HEADINGS = (
    "data",
    "rows x features",
    "codes",
    "error / PCA's: mean",
    "worst split",
    "variance explained (PCA)",
    "closed form alone",
    "its worst split",
    "epochs kept of run",
    "fit, s",
    "processor, s",
    "closed form, s",
    "PCA, s",
)
MANY_ROWS = 10_000


def main():
    """Run the benchmark and print its table."""
    arguments = _arguments()
    warm_up()
    if arguments.alternatives:
        _print_alternatives(arguments)
    else:
        _print_data_sets(arguments)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", nargs="+", default=datasets.available(), choices=datasets.NAMES
    )
    parser.add_argument(
        "--codes", "--encoding-dim", nargs="+", type=int, default=[2, 8, 32]
    )
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--no-closed-form", action="store_true")
    parser.add_argument("--alternatives", action="store_true")
    return parser.parse_args()


def _print_data_sets(arguments):
    print_heading(*HEADINGS)
    everything = []
    for name in arguments.data:
        for dim in arguments.codes:
            runs = _runs(name, dim, arguments.splits, {}, not arguments.no_closed_form)
            print_row(name, *_cells(dim, runs))
            everything.append(runs)
    _print_summary("", everything, "ratio")
    _print_summary(" of the closed form alone", everything, "closed_ratio")
    _print_explained(everything)
    _print_seconds(everything)


def _print_summary(label, everything, field):
    everything = [
        runs for runs in everything if not runs[0]["exact"] and field in runs[0]
    ]
    if everything:
        mean, worst, _ = _summary(everything, field)
        print(f"\nGeometric mean{label} {mean:.3f}, worst split {worst:.4f}")


def _print_explained(everything):
    """Print the mean variance explained, where PCA is not exact."""
    inexact = [runs for runs in everything if not runs[0]["exact"]]
    if inexact:
        ours, pca = (
            np.mean([_mean(runs, field) for runs in inexact])
            for field in ("explained", "pca_explained")
        )
        print(f"\nVariance explained, mean: {ours:.3f}, by PCA {pca:.3f}")


def _print_seconds(everything):
    for label, is_here in {
        f"below {MANY_ROWS:,} rows": lambda rows: rows < MANY_ROWS,
        f"of {MANY_ROWS:,} rows and more": lambda rows: rows >= MANY_ROWS,
    }.items():
        chosen = [runs for runs in everything if is_here(runs[0]["shape"][0])]
        if chosen:
            fits = sum(_mean(runs, "processor_seconds") for runs in chosen)
            print(f"\nSets {label}: {fits:.1f} processor seconds")


def _print_alternatives(arguments):
    print_heading("", "error / PCA's: geometric mean", "worst", "fit, s: mean")
    for label, changes in ALTERNATIVES.items():
        everything = [
            _runs(name, dim, arguments.splits, changes, False)
            for name in arguments.data
            for dim in arguments.codes
        ]
        everything = [runs for runs in everything if not runs[0]["exact"]]
        mean, worst, seconds = _summary(everything, "ratio")
        print_row(label, f"{mean:.3f}", f"{worst:.3f}", f"{seconds:.2f}")


def _summary(everything, field):
    """Return geometric mean and worst of the ratios, and the mean seconds."""
    ratios = [_mean(runs, field) for runs in everything]
    worst = max(run[field] for runs in everything for run in runs)
    seconds = np.mean([run["seconds"] for runs in everything for run in runs])
    return geometric_mean(ratios), worst, seconds


def _runs(name, dim, n_splits, changes, with_closed_form):
    return [
        _run(train, test, dim, seed, changes, with_closed_form)
        for seed, (train, test) in enumerate(splits(name, n_splits))
    ]


def _run(train, test, dim, seed, changes, with_closed_form):
    pca = fitted_pca(dim, train, seed)
    pca_error = squared_errors(pca.estimator, test).mean()
    distance = squared_distances(test, test.mean(axis=0)).mean()

    def ratio(fit):
        error = squared_errors(fit.estimator, test).mean()
        return relative(error, pca_error, distance)

    run = {
        "exact": is_rounding(pca_error, distance),
        "pca_explained": 1 - pca_error / distance,
        "pca_seconds": pca.seconds,
        "shape": train.shape,
    }
    closed = fitted_closed_form(dim, train, seed) if with_closed_form else None
    if closed is not None:
        run |= {"closed_ratio": ratio(closed), "closed_seconds": closed.seconds}
    ours = AutoencoderTransformer(dim, random_state=seed).set_params(**changes)
    ours = fitted(ours, train)
    return run | {
        "ratio": ratio(ours),
        "explained": 1 - squared_errors(ours.estimator, test).mean() / distance,
        "kept": ours.estimator.best_epoch_,
        "epochs": ours.estimator.n_iter_,
        "seconds": ours.seconds,
        "processor_seconds": ours.processor_seconds,
    }


def _cells(dim, runs):
    """Return the cells of a row, from the number of codes on."""
    rows, features = runs[0]["shape"]
    exact = " (both exact)" if runs[0]["exact"] else ""
    return (
        f"{rows} x {features}",
        dim,
        f"{_shown(runs, 'ratio')}{exact}",
        f"{max(run['ratio'] for run in runs):.3f}",
        f"{_shown(runs, 'explained')} ({_shown(runs, 'pca_explained')})",
        _shown(runs, "closed_ratio"),
        _shown(runs, "closed_ratio", combine=np.max),
        f"{_shown(runs, 'kept', '.0f')} of {_shown(runs, 'epochs', '.0f')}",
        _shown(runs, "seconds", ".2f"),
        _shown(runs, "processor_seconds", ".2f"),
        _shown(runs, "closed_seconds", ".2f"),
        _shown(runs, "pca_seconds"),
    )


def _mean(runs, field):
    return np.mean([run[field] for run in runs])


def _shown(runs, field, form=".3f", combine=np.mean):
    """Return the mean over the splits, or "-" where nothing was measured."""
    values = [run[field] for run in runs if field in run]
    return format(combine(values), form) if values else "-"


if __name__ == "__main__":
    main()
