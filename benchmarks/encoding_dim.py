"""Which number of codes does encoding_dim="auto" take, and what do other rules take?

    python -m benchmarks.encoding_dim [--data digits ...] [--rows 5000]

For each data set, of which a fifth is for testing: the number that "auto" chooses, the
squared error of test rows relative to their variance with it and with 32 codes, and the
processor time over that of a fit with the number found, once the code of both has been
compiled; and the numbers, with PCA's errors, of rules for PCA:

- "mle": the maximum of the Bayesian evidence (Minka, 2000), which is
  ``PCA(n_components="mle")``; with more features than rows all components;
- parallel analysis (Horn, 1965): the leading variances that exceed the 95% quantile of
  those of 20 sets with the values of each feature in random order;
- the elbow (Satopaa et al., 2011, Kneedle): the number at which the falling curve of
  the variances is farthest below the line between its ends.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from benchmarks import datasets
from skae import AutoencoderTransformer

DATA = ("digits", "breast_cancer", "cardio", "satellite", "ecg5000", "mnist")
N_SHUFFLES = 20


def main():
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=DATA, choices=datasets.NAMES)
    parser.add_argument("--rows", type=int, default=5000)
    arguments = parser.parse_args()
    AutoencoderTransformer(1, epochs=1, random_state=0).fit(np.eye(9))  # imports
    print(
        "| data | features | auto | error | 32 codes: error | time | mle | PCA's error "
        "| parallel analysis | PCA's error | elbow | PCA's error |"
    )
    print("|---" * 12 + "|")
    for name in arguments.data:
        X = np.asarray(datasets.load(name)[: arguments.rows], np.float64)
        train, test = train_test_split(X, test_size=0.2, random_state=0)
        print(f"| {name} | {X.shape[1]} | {_cells(train, test)} |", flush=True)


def _cells(train, test):
    """Return what is known of one data set, as cells of the table."""
    found, _ = _timed("auto", train)
    _, seconds_of_one = _timed(found.encoding_dim_, train)
    _, seconds = _timed("auto", train)
    usual, _ = _timed(32, train)
    cells = [
        f"{found.encoding_dim_}",
        f"{1 - found.score(test):.4f}",
        f"{1 - usual.score(test):.4f}",
        f"{seconds / seconds_of_one:.1f}",
    ]
    for rule in (_mle, _parallel_analysis, _elbow):
        number = rule(train)
        cells += [f"{number}", f"{_error_of_pca(number, train, test):.4f}"]
    return " | ".join(cells)


def _timed(encoding_dim, X):
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = AutoencoderTransformer(encoding_dim, random_state=0).fit(X)
    return fitted, time.process_time() - start


def _error_of_pca(number, train, test):
    pca = PCA(number).fit(train)
    lost = test - pca.inverse_transform(pca.transform(test))
    return (lost**2).sum() / ((test - test.mean(axis=0)) ** 2).sum()


def _mle(X):
    if len(X) <= X.shape[1]:
        return min(X.shape) - 1
    return PCA("mle", svd_solver="full").fit(X).n_components_


def _parallel_analysis(X):
    generator = np.random.default_rng(0)
    by_chance = [
        PCA().fit(generator.permuted(X, axis=0)).explained_variance_
        for _ in range(N_SHUFFLES)
    ]
    exceeds = PCA().fit(X).explained_variance_ > np.quantile(by_chance, 0.95, axis=0)
    return max(1, int(exceeds.argmin()) if not exceeds.all() else len(exceeds))


def _elbow(X):
    variances = PCA().fit(X).explained_variance_
    line = np.linspace(variances[0], variances[-1], len(variances))
    return max(1, int((line - variances).argmax()))


if __name__ == "__main__":
    main()
