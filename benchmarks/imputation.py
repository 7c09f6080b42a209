"""How well do autoencoders fill missing values, beside scikit-learn's imputers?

    python -m benchmarks.imputation [--data digits breast_cancer cardio] [--share 0.2]
        [--seeds 3]

A share of the values is removed at random, and put back by `impute` of
`AutoencoderTransformer` and of `DenoisingAutoencoder`, whose masks hide as large a
share again in training, and by scikit-learn's imputers with their defaults. Features
are standardised first, as imputers by neighbours need. The error is the root of the
mean squared error over what was removed, 1 for features' true means, as mean and
standard deviation over seeds; the seconds are those of fitting and filling the same
rows. The number of codes is a quarter of the features, which was not tuned.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import StandardScaler

from benchmarks import datasets
from skae import AutoencoderTransformer, DenoisingAutoencoder


def main():
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", nargs="+", default=["digits", "breast_cancer", "cardio"]
    )
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    AutoencoderTransformer(1, epochs=1, random_state=0).fit(np.eye(4))
    print("| data | rows × features | imputer | error | seconds |")
    print("|---|---|---|---|---|")
    for name in arguments.data:
        X = StandardScaler().fit_transform(datasets.load(name))
        X = X[:, X.std(axis=0) > 0]
        for imputer, fill in _imputers(X.shape[1], arguments.share).items():
            errors, seconds = zip(
                *(_trial(X, fill, arguments.share, s) for s in range(arguments.seeds)),
                strict=True,
            )
            print(
                f"| {name} | {len(X)} × {X.shape[1]} | {imputer} "
                f"| {np.mean(errors):.3f} ± {np.std(errors):.3f} "
                f"| {np.median(seconds):.2f} |",
                flush=True,
            )


def _imputers(n_features, share):
    """Return functions that fill rows, given them and a seed, by name."""
    n_codes = max(2, n_features // 4)
    how = {"missing_values": "allow"}
    masks = {**how, "corruption": "masking", "corruption_rate": share}

    def by(kind, **parameters):
        def fill(X, seed):
            fitted = kind(n_codes, random_state=seed, **parameters).fit(X)
            return fitted.impute(X)

        return fill

    return {
        "SimpleImputer (means)": lambda X, seed: SimpleImputer().fit_transform(X),
        "KNNImputer": lambda X, seed: KNNImputer().fit_transform(X),
        "IterativeImputer": lambda X, seed: IterativeImputer(
            random_state=seed
        ).fit_transform(X),
        f"AutoencoderTransformer({n_codes})": by(AutoencoderTransformer, **how),
        f"DenoisingAutoencoder({n_codes}), masking": by(DenoisingAutoencoder, **masks),
    }


def _trial(X, fill, share, seed):
    """Return the error on what is removed, and the seconds to fill it."""
    missing = np.random.RandomState(seed).rand(*X.shape) < share
    given = np.where(missing, np.nan, X)
    started = time.perf_counter()
    filled = fill(given, seed)
    seconds = time.perf_counter() - started
    return float(np.sqrt(((filled - X)[missing] ** 2).mean())), seconds


if __name__ == "__main__":
    main()
