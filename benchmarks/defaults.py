"""Is the default AutoencoderTransformer ever worse than PCA, and how much better?

    python -m benchmarks.defaults [--data digits ...] [--encoding-dim 2 8 32]
        [--splits 3] [--alternatives]

For every data set and code size: the mean squared error on held-out rows relative to
PCA's, both fitted on the same training rows, over random splits (MNIST: its own), and
the seconds of either fit. ``--alternatives`` prints one line for the defaults and one
for each of them changed.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from benchmarks import datasets
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


def main():
    """Run the benchmark and print its table."""
    arguments = _arguments()
    _warm_up()
    if arguments.alternatives:
        _print_alternatives(arguments)
    else:
        _print_data_sets(arguments)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=datasets.available())
    parser.add_argument("--encoding-dim", nargs="+", type=int, default=[2, 8, 32])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--alternatives", action="store_true")
    return parser.parse_args()


def _print_data_sets(arguments):
    print(
        "| data | rows x features | codes | error / PCA's: mean | worst "
        "| epochs kept of run | fit, s | PCA, s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    everything = []
    for name in arguments.data:
        for dim in arguments.encoding_dim:
            runs = _runs(name, dim, arguments.splits, {})
            print(_row(name, dim, runs), flush=True)
            everything.append(runs)
    mean, worst, _ = _summary(everything)
    print(f"\nGeometric mean {mean:.3f}, worst {worst:.4f}")


def _print_alternatives(arguments):
    print("| | error / PCA's: geometric mean | worst | fit, s: mean |")
    print("|---|---|---|---|")
    for label, changes in ALTERNATIVES.items():
        everything = [
            _runs(name, dim, arguments.splits, changes)
            for name in arguments.data
            for dim in arguments.encoding_dim
        ]
        mean, worst, seconds = _summary(everything)
        print(f"| {label} | {mean:.3f} | {worst:.3f} | {seconds:.2f} |", flush=True)


def _summary(everything):
    """Return geometric mean and worst of the ratios, and the mean seconds.

    Where PCA is exact, the ratio is one of roundings, and is left out.
    """
    everything = [runs for runs in everything if not runs[0]["exact"]]
    ratios = np.array([np.mean([run["ratio"] for run in runs]) for runs in everything])
    worst = max(run["ratio"] for runs in everything for run in runs)
    seconds = np.mean([run["seconds"] for runs in everything for run in runs])
    return np.exp(np.log(ratios).mean()), worst, seconds


def _warm_up():
    """Take the import and start of TensorFlow out of the seconds."""
    AutoencoderTransformer(2, epochs=1).fit(np.random.RandomState(0).rand(40, 5))


def _runs(name, dim, n_splits, changes):
    return [
        _run(train, test, dim, seed, changes)
        for seed, (train, test) in enumerate(_splits(name, n_splits))
    ]


def _splits(name, n_splits):
    if name == "mnist":
        return [datasets.mnist()]
    X = datasets.load(name)
    return [
        train_test_split(X, test_size=0.2, random_state=seed)
        for seed in range(n_splits)
    ]


def _run(train, test, dim, seed, changes):
    pca, pca_seconds = _fitted(PCA(min(dim, *train.shape), random_state=seed), train)
    ours = AutoencoderTransformer(dim, random_state=seed).set_params(**changes)
    ours, seconds = _fitted(ours, train)
    pca_error = np.mean((test - pca.inverse_transform(pca.transform(test))) ** 2)
    error = np.mean((test - ours.inverse_transform(ours.transform(test))) ** 2)
    # Where PCA is exact, both errors are rounding.
    rounding = 1e-10 * np.mean((test - test.mean(axis=0)) ** 2)
    return {
        "ratio": (error + rounding) / (pca_error + rounding),
        "exact": pca_error < rounding,
        "kept": ours.best_epoch_,
        "epochs": ours.n_iter_,
        "seconds": seconds,
        "pca_seconds": pca_seconds,
        "shape": train.shape,
    }


def _fitted(estimator, X):
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        estimator.fit(X)
    return estimator, time.perf_counter() - start


def _row(name, dim, runs):
    def mean(field):
        return np.mean([run[field] for run in runs])

    rows, features = runs[0]["shape"]
    exact = " (both exact)" if runs[0]["exact"] else ""
    return (
        f"| {name} | {rows} x {features} | {dim} | {mean('ratio'):.3f}{exact} "
        f"| {max(run['ratio'] for run in runs):.3f} "
        f"| {mean('kept'):.0f} of {mean('epochs'):.0f} "
        f"| {mean('seconds'):.2f} | {mean('pca_seconds'):.3f} |"
    )


if __name__ == "__main__":
    main()
