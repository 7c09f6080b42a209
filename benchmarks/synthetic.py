"""Is the default fit ever worse than PCA on small tables of many kinds?

    python -m benchmarks.synthetic [--tables 500] [--kinds curves ...] [--epochs 0]
        [--csv FILE]

Tables of ten kinds, with 10 to 5,000 training rows and 5 to 300 features
(``benchmarks/synthetic_tables.py``), each with 500 test rows: like the training rows,
one in fifty of them an outlier, or all shifted. The number of codes is below the rank
of the training rows, since PCA's axes beyond it are arbitrary. For each table the mean
squared error on the test rows relative to PCA's. The first tables are of all kinds and
changes, so ``--tables 30`` is a short run.

Prints

- how many tables are above 1.005 and 1.05, and each of them;
- the gains by kind and by change;
- the error of single rows relative to PCA's, of fits that are not PCA, for ordinary
  test rows and the same rows moved 10 and 1,000 times as far from the mean. Rows that
  PCA reconstructs with less than a hundredth of its mean error are left out, since any
  other error is large beside theirs.

"Kept" is the epoch of the weights kept; 0 is the start. Fits are by the defaults,
unless ``--epochs`` is given.
"""

import argparse
import sys
import warnings

import numpy as np
import pandas as pd

from benchmarks.measures import (
    fitted,
    fitted_pca,
    print_heading,
    print_row,
    relative,
    squared_distances,
    squared_errors,
    warm_up,
)
from benchmarks.synthetic_tables import CHANGES, KINDS, tables
from skae import AutoencoderTransformer

LIMITS = 1.005, 1.05
DISTANCES = 1, 10, 1000
# Of each table, so that each counts the same.
N_MOVED = 20
# The least error of a row to move, as a share of PCA's mean error.
LEAST_ERROR = 0.01


def main():
    """Run the benchmark and print what comes out."""
    arguments = _arguments()
    warnings.filterwarnings("ignore", "Some features vary by less", UserWarning)
    warm_up()
    results, moved = [], []
    chosen = [t for t in tables(arguments.tables) if t.kind in arguments.kinds]
    for done, table in enumerate(chosen, start=1):
        result, by_distance = _measure(table, arguments.epochs)
        results.append(result)
        if not result["is_pca"]:
            moved.append(by_distance)
        if not done % 25:
            print(f"{done} of {len(chosen)}", file=sys.stderr, flush=True)
    results = pd.DataFrame(results).sort_values("number")
    if arguments.csv:
        results.to_csv(arguments.csv, index=False)
    _print_losses(results)
    for field in ("kind", "change"):
        _print_gains(results, field)
    _print_moved(moved)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--epochs", type=int, help="instead of the default")
    parser.add_argument("--csv", help="file for the results of all tables")
    return parser.parse_args()


def _measure(table, epochs):
    """Return the result of a table, and the errors of its moved rows by distance."""
    pca = fitted_pca(table.n_codes, table.train).estimator
    ours = AutoencoderTransformer(
        table.n_codes, epochs="auto" if epochs is None else epochs, random_state=0
    )
    fit = fitted(ours, table.train, may_diverge=True)
    rows, mean = _rows_to_move(pca, table), table.train.mean(axis=0)
    by_distance = {
        times: _row_errors(ours, pca, mean + times * (rows - mean))
        for times in DISTANCES
    }
    n_rows, n_features = table.train.shape
    result = {
        "number": table.number,
        "kind": table.kind,
        "rows": n_rows,
        "features": n_features,
        "codes": table.n_codes,
        "change": table.change,
        "ratio": _row_errors(ours, pca, table.test, together=True),
        "kept": ours.best_epoch_,
        "is_pca": np.allclose(by_distance[1], 1, atol=1e-3),
        "seconds": fit.seconds,
        "processor_seconds": fit.processor_seconds,
    }
    return result, by_distance


def _rows_to_move(pca, table):
    """Return ordinary test rows of which PCA loses something."""
    errors = squared_errors(pca, table.ordinary)
    return table.ordinary[errors >= LEAST_ERROR * errors.mean()][:N_MOVED]


def _row_errors(estimator, pca, X, together=False):
    """Return the error of each row relative to PCA's, or of all rows together."""
    parts = (
        squared_errors(estimator, X),
        squared_errors(pca, X),
        squared_distances(X, pca.mean_),
    )
    return relative(*(part.mean() if together else part for part in parts))


def _print_losses(results):
    n_kept, n_pca = (results["kept"] > 0).sum(), results["is_pca"].sum()
    print(f"{len(results)} tables; {n_kept} kept trained weights, {n_pca} are PCA\n")
    for limit in LIMITS:
        above = results[results["ratio"] > limit]
        share = len(above) / len(results)
        print(f"Above {limit} x PCA's error: {len(above)} ({share:.1%})")
    above = results[results["ratio"] > LIMITS[0]].sort_values("ratio")[::-1]
    if len(above):
        names = ["number", "kind", "rows", "features", "codes", "change", "kept"]
        print()
        print_heading(*names, "error / PCA's")
        for row in above.itertuples():
            print_row(*(getattr(row, name) for name in names), f"{row.ratio:.4f}")


def _print_gains(results, field):
    """Print a line for all tables and for each value of a field."""
    headings = "tables", "kept", "median error / PCA's", "one in ten below", "worst"
    print()
    print_heading(field, *headings, "above 1.005", "fit, s", "processor, s")
    groups = {"all": results} if field == "kind" else {}
    order = KINDS if field == "kind" else CHANGES
    groups |= {name: results[results[field] == name] for name in order}
    for name, group in groups.items():
        if len(group):
            print_row(
                name,
                len(group),
                int((group["kept"] > 0).sum()),
                *(f"{group['ratio'].quantile(q):.3f}" for q in (0.5, 0.1, 1)),
                int((group["ratio"] > LIMITS[0]).sum()),
                f"{group['seconds'].mean():.2f}",
                f"{group['processor_seconds'].mean():.2f}",
            )


def _print_moved(moved):
    if not moved:
        return
    print(f"\nSingle rows of {len(moved)} fits, error / PCA's\n")
    print_heading("times as far from the mean", "median", "nine in ten below", "worst")
    for times in DISTANCES:
        ratios = np.concatenate([by_distance[times] for by_distance in moved])
        quantiles = np.quantile(ratios, (0.5, 0.9, 1))
        print_row(f"{times:,}", *(f"{value:.3f}" for value in quantiles))


if __name__ == "__main__":
    main()
