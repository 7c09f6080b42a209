"""What do a few outlying rows cost?

    python -m benchmarks.outliers [--data digits ...] [--codes 2 8] [--splits 3]
        [--rows 1 5] [--times 30 1000] [--places training judging test features]
        [--quick]

Default fits on digits, cardio, satellite, ECG, breast cancer and 20,000 rows of MNIST,
over random splits. So many rows are moved so many times as far from the mean of the
training rows, each along its own direction:

- training: training rows;
- judging: rows held out for judging, given as ``X_val``, a fifth of the training rows;
- test: test rows only.

Or ("features") two columns with Student's t distribution of 2 degrees of freedom and
two lognormal ones are added to all rows; what they are compared with has four Gaussian
columns of the same interquartile range, that of a Gaussian variable with the features'
mean variance. A row is outlying there if one of these columns is further from its
median than four of the Gaussian standard deviations.

Errors are mean squared errors of reconstruction relative to those of PCA on the same
training rows (outliers included). Three promises:

1. On ordinary test rows the error, a mean of the splits, is at most 1.1 times that
   without outliers, on the same rows.
2. On all test rows it is nowhere above 1.005.
3. Of outlying test rows it is at most 1.05: of each that was moved, and of those with
   outlying features together.

"PCA's own" is by how many times the outliers raise PCA's error on ordinary test rows:
an error relative to PCA's does not show this. ``--quick`` takes one split of breast
cancer and digits, 5 rows, and 2 codes.
"""

import argparse
import dataclasses
import functools
import itertools

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks import datasets
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
from skae import AutoencoderTransformer

DATA = "digits", "cardio", "satellite", "ecg5000", "breast_cancer", "mnist"
MOST_ROWS = 20_000
QUICK = {"data": ["breast_cancer", "digits"], "codes": [2], "splits": 1, "rows": [5]}
MOST_OF_WITHOUT, MOST_OF_ALL, MOST_OF_OUTLYING = 1.1, 1.005, 1.05
# A Gaussian variable is so far from its mean in one of 16,000 cases.
_OUTLYING_DEVIATIONS = 4
# Between the quartiles of a Gaussian variable of variance 1.
_GAUSSIAN_RANGE = 1.349
HEADINGS = (
    "data",
    "codes",
    "outliers",
    "ordinary rows: without outliers",
    "with",
    "with / without",
    "all rows, worst split",
    "outlying rows, worst",
    "PCA's own",
    "kept",
    "holds",
)


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of one split, and which test rows are outlying.

    Parameters
    ----------
    train, test : ndarray of shape (n_rows, n_features)
        Training and test rows.

    are_outlying : bool ndarray of shape (n_test_rows,)
        Of the test rows.

    judging : ndarray of shape (n_rows, n_features) or None, default=None
        Rows to give as `X_val`.
    """

    train: np.ndarray
    test: np.ndarray
    are_outlying: np.ndarray
    judging: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Result:
    """Errors relative to PCA's in one split.

    Parameters
    ----------
    ordinary, all : float
        Of ordinary test rows, and of all.

    outlying : ndarray of shape (n_outlying,)
        Of each outlying test row.

    outlying_together : float
        Of outlying test rows together; NaN if there are none.

    pca_error : float
        Not relative: PCA's mean squared error on ordinary test rows.

    kept : int
        Epoch of the weights kept; 0 is the start.
    """

    ordinary: float
    all: float
    outlying: np.ndarray
    outlying_together: float
    pca_error: float
    kept: int


def main():
    """Run the benchmark and print its table."""
    arguments = _arguments()
    warm_up()
    print_heading(*HEADINGS)
    outcomes = [
        holds
        for name in arguments.data
        for dim in arguments.codes
        for holds in _print_lines(name, dim, arguments)
    ]
    print(f"\n{sum(outcomes)} of {len(outcomes)} hold")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=datasets.NAMES)
    parser.add_argument("--codes", nargs="+", type=int)
    parser.add_argument("--splits", type=int)
    parser.add_argument("--rows", nargs="+", type=int)
    parser.add_argument("--times", nargs="+", type=float, default=[30, 1000])
    parser.add_argument("--places", nargs="+", choices=PLACES, default=list(PLACES))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    usual = {"data": DATA, "codes": [2, 8], "splits": 3, "rows": [1, 5]}
    for name, value in (QUICK if arguments.quick else usual).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    return arguments


def _print_lines(name, dim, arguments):
    """Print the lines of a data set and a number of codes; yield which hold."""
    halves = [_split(name, seed) for seed in range(arguments.splits)]

    @functools.cache
    def fits_of(make):
        return [_fits(make(*half, seed), dim, seed) for seed, half in enumerate(halves)]

    for place in arguments.places:
        make_without, make_with = PLACES[place]
        fits, is_moved = fits_of(make_without), place != "features"
        changes = itertools.product(arguments.rows, arguments.times)
        for change in changes if is_moved else [()]:
            without, results = [], []
            for seed, (half, fit) in enumerate(zip(halves, fits, strict=True)):
                rows, *models = fit
                changed = make_with(*half, seed, *change)
                if place == "test":  # the training rows are the same
                    results.append(_result(changed, *models))
                else:
                    results.append(_result(*_fits(changed, dim, seed)))
                same = dataclasses.replace(rows, are_outlying=changed.are_outlying)
                without.append(_result(same, *models))
            label = f"{place}, {change[0]} x {change[1]:g}" if change else place
            yield _print_line(name, dim, label, without, results, is_moved)


def _print_line(name, dim, label, without, results, is_moved):
    """Print a line, and return whether all promises hold."""
    before, after = (np.mean([r.ordinary for r in rs]) for rs in (without, results))
    of_all = max(result.all for result in results)
    outlying = [
        value
        for result in results
        for value in (result.outlying if is_moved else [result.outlying_together])
        if np.isfinite(value)
    ]
    worst = max(outlying, default=np.nan)
    pca_before, pca_after = (
        np.mean([r.pca_error for r in rs]) for rs in (without, results)
    )
    holds = (
        after <= MOST_OF_WITHOUT * before
        and of_all <= MOST_OF_ALL
        and not worst > MOST_OF_OUTLYING
    )
    print_row(
        name,
        dim,
        label,
        f"{before:.3f}",
        f"{after:.3f}",
        f"{after / before:.3f}",
        f"{of_all:.4f}",
        f"{worst:.4f}" if outlying else "-",
        f"{pca_after / pca_before:.2f}",
        "{} against {}".format(*(_kept(rs) for rs in (results, without))),
        "yes" if holds else "**NO**",
    )
    return holds


def _kept(results):
    """Return how many splits have kept trained weights."""
    return f"{sum(result.kept > 0 for result in results)} of {len(results)}"


def _split(name, seed):
    X = datasets.load(name)[:MOST_ROWS]
    X = X.astype(np.result_type(X, np.float32))  # of integers, moved rows would be none
    return train_test_split(X, test_size=0.2, random_state=seed)


def _fits(rows, dim, seed):
    """Return the rows with PCA and the autoencoder, fitted on them."""
    ours = AutoencoderTransformer(dim, random_state=seed)
    fitted(ours, rows.train, may_diverge=True, X_val=rows.judging)
    return rows, fitted_pca(dim, rows.train, seed).estimator, ours


def _result(rows, pca, ours):
    test, outlying = rows.test, rows.are_outlying
    parts = np.array(
        [
            squared_errors(ours, test),
            squared_errors(pca, test),
            squared_distances(test, pca.mean_),
        ]
    )

    def together(chosen):
        return relative(*parts[:, chosen].mean(axis=1)) if chosen.any() else np.nan

    return Result(
        ordinary=together(~outlying),
        all=together(np.ones_like(outlying)),
        outlying=relative(*parts[:, outlying]),
        outlying_together=together(outlying),
        pca_error=parts[1, ~outlying].mean(),
        kept=ours.best_epoch_,
    )


# The places of outliers


def _moved(X, mean, seed, n_rows, times):
    """Return X with so many rows moved, and which these are."""
    chosen = np.random.RandomState(seed).permutation(len(X))[:n_rows]
    are_moved = np.zeros(len(X), bool)
    are_moved[chosen] = True
    moved = mean + times * (X - mean)
    return np.where(are_moved[:, None], moved, X).astype(X.dtype), are_moved


def _as_they_are(train, test, seed):
    return Rows(train, test, np.zeros(len(test), bool))


def _outlying_training(train, test, seed, n_rows, times):
    moved, _ = _moved(train, train.mean(axis=0), seed, n_rows, times)
    return _as_they_are(moved, test, seed)


def _with_judging(train, test, seed):
    train, judging = train_test_split(train, test_size=0.2, random_state=seed)
    return Rows(train, test, np.zeros(len(test), bool), judging)


def _outlying_judging(train, test, seed, n_rows, times):
    rows = _with_judging(train, test, seed)
    moved, _ = _moved(rows.judging, rows.train.mean(axis=0), seed, n_rows, times)
    return dataclasses.replace(rows, judging=moved)


def _outlying_test(train, test, seed, n_rows, times):
    return Rows(train, *_moved(test, train.mean(axis=0), seed, n_rows, times))


def _with_columns(draw):
    """Return a function that adds four columns to training and test rows.

    Parameters
    ----------
    draw : callable
        ``draw(generator, n_rows)`` gives columns of shape (n_rows, 4).
    """

    def make(train, test, seed):
        spread = np.sqrt(train.var(axis=0).mean())
        n_rows = len(train) + len(test)
        columns = draw(np.random.default_rng(seed), n_rows)
        low, middle, high = np.quantile(columns, (0.25, 0.5, 0.75), axis=0)
        columns = (columns - middle) / (high - low) * _GAUSSIAN_RANGE
        are_outlying = (np.abs(columns) > _OUTLYING_DEVIATIONS).any(axis=1)
        columns = (columns * spread).astype(train.dtype)
        train = np.hstack([train, columns[: len(train)]])
        test = np.hstack([test, columns[len(train) :]])
        return Rows(train, test, are_outlying[len(train) :])

    return make


def _gaussian(generator, n_rows):
    return generator.normal(size=(n_rows, 4))


def _heavy_tailed(generator, n_rows):
    return np.hstack(
        [
            generator.standard_t(2, size=(n_rows, 2)),
            generator.lognormal(size=(n_rows, 2)),
        ]
    )


# What makes the rows without outliers, and what those with.
PLACES = {
    "training": (_as_they_are, _outlying_training),
    "judging": (_with_judging, _outlying_judging),
    "test": (_as_they_are, _outlying_test),
    "features": (_with_columns(_gaussian), _with_columns(_heavy_tailed)),
}


if __name__ == "__main__":
    main()
