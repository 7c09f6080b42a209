"""Does AutoencoderOutlierDetector find outliers, in training rows or without them?

    python -m benchmarks.outliers_detected [--data cardio ...] [--codes 2 5 10]
        [--splits 5] [--rows 1500] [--epochs auto]

Prints the area under the ROC curve on held-out rows, mean over the splits, of the
detector, of PCA's error of reconstruction, of the error of the same autoencoder alone
(``-score_samples``), of scikit-learn's IsolationForest and LocalOutlierFactor, and of
PyOD's AutoEncoder where it is installed; then what each method has on average, and by
how much the detector is below the better of PCA and autoencoder at worst.

Data: cardio and satellite (outliers as ADBench has them), ECG 5000 (all but normal
beats), and three sets made here: a curved surface with rows whose values belong to
other rows, correlated features of which a few are exchanged in a row, and clusters with
rows of twice the spread. Of each set 60% of the rows are for training, at most as many
as asked for: without outliers, or with as many as are there, up to a tenth of the rows.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from benchmarks import datasets
from skae import AutoencoderOutlierDetector, AutoencoderTransformer

MOST_OUTLIERS = 0.1
NORMAL_BEAT = 1


def main():
    """Run the benchmark and print its tables."""
    arguments = _arguments()
    methods = {**METHODS, **_of_pyod()}
    print("| data | trained | codes |", " | ".join(methods), "|")
    print("|---" * (len(methods) + 3) + "|")
    cells, seconds = [], {name: [] for name in methods}
    for name in arguments.data:
        for has_outliers in (True, False):
            for dim in arguments.codes:
                runs = [
                    _run(name, has_outliers, dim, seed, methods, arguments, seconds)
                    for seed in range(arguments.splits)
                ]
                means = np.mean(runs, axis=0)
                cells.append(means)
                trained = "with outliers" if has_outliers else "without"
                texts = " | ".join(f"{mean:.3f}" for mean in means)
                print(f"| {name} | {trained} | {dim} | {texts} |", flush=True)
    texts = " | ".join(f"{mean:.3f}" for mean in np.mean(cells, axis=0))
    print(f"| mean | | | {texts} |")
    texts = " | ".join(f"{np.mean(values):.1f}" for values in seconds.values())
    print(f"| seconds | | | {texts} |")
    names = list(methods)
    ours = names.index("detector")
    others = [names.index("PCA"), names.index("autoencoder")]
    gaps = [means[ours] - max(means[others]) for means in cells]
    print(f"\nAt worst {min(gaps):+.3f} from the better of PCA and autoencoder.")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=DATA)
    parser.add_argument("--codes", nargs="+", type=int, default=[2, 5, 10])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--epochs", default="auto")
    arguments = parser.parse_args()
    if arguments.epochs != "auto":
        arguments.epochs = int(arguments.epochs)
    return arguments


def _run(name, has_outliers, dim, seed, methods, arguments, seconds):
    """Return the areas of all methods on one split."""
    train, test, is_outlier = _split(name, has_outliers, seed, arguments.rows)
    areas = []
    for label, scores_of in methods.items():
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = scores_of(train, test, dim, seed, arguments.epochs)
        seconds[label].append(time.perf_counter() - start)
        areas.append(roc_auc_score(is_outlier, scores))
    return areas


def _split(name, has_outliers, seed, most_rows):
    """Return training rows, test rows, and which of the latter are outliers."""
    X, is_outlier = DATA[name]()
    generator = np.random.RandomState(seed)
    order = generator.permutation(len(X))
    n_training = int(0.6 * len(X))
    train, test = order[:n_training], order[n_training:]
    usual, outliers = train[~is_outlier[train]], train[is_outlier[train]]
    usual = usual[:most_rows]
    if has_outliers:
        n_outliers = int(len(usual) * MOST_OUTLIERS / (1 - MOST_OUTLIERS))
        usual = generator.permutation(np.append(usual, outliers[:n_outliers]))
    return X[usual], X[test], is_outlier[test]


# Methods: scores of test rows, higher for outliers


def _of_detector(train, test, dim, seed, epochs):
    autoencoder = AutoencoderTransformer(dim, epochs=epochs)
    detector = AutoencoderOutlierDetector(autoencoder, novelty=True, random_state=seed)
    return -detector.fit(train).score_samples(test)


def _of_pca(train, test, dim, seed, epochs):
    pca = PCA(dim, random_state=seed).fit(train)
    return ((test - pca.inverse_transform(pca.transform(test))) ** 2).sum(axis=1)


def _of_autoencoder(train, test, dim, seed, epochs):
    autoencoder = AutoencoderTransformer(dim, epochs=epochs, random_state=seed)
    return -autoencoder.fit(train).score_samples(test)


def _of_forest(train, test, dim, seed, epochs):
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def _of_neighbours(train, test, dim, seed, epochs):
    return -LocalOutlierFactor(novelty=True).fit(train).score_samples(test)


METHODS = {
    "detector": _of_detector,
    "PCA": _of_pca,
    "autoencoder": _of_autoencoder,
    "IsolationForest": _of_forest,
    "LocalOutlierFactor": _of_neighbours,
}


def _of_pyod():
    """Return PyOD's autoencoder as a method, where it is installed."""
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError:
        return {}

    def scores_of(train, test, dim, seed, epochs):
        hidden = [64, 32, dim]
        model = AutoEncoder(hidden_neuron_list=hidden, random_state=seed, verbose=0)
        return model.fit(train).decision_function(test)

    return {"PyOD": scores_of}


# Data: rows, and which of them are outliers


def _labelled(name):
    X, y = datasets.labelled(name)
    return X.astype(np.float64), y == 1


def _ecg():
    X, y = datasets.ecg5000()
    return X.astype(np.float64), y != NORMAL_BEAT


def _curved():
    generator = np.random.RandomState(0)
    places = generator.uniform(-1, 1, (1500, 2))
    bent = np.sin(places @ generator.randn(2, 12) * 2 + generator.uniform(0, 6, 12))
    usual = bent @ generator.randn(12, 20) / 3 + 0.05 * generator.randn(1500, 20)
    unusual = np.column_stack([generator.permutation(column) for column in usual.T])
    return _together(usual, unusual[:150])


def _correlated():
    generator = np.random.RandomState(0)
    mixing = generator.randn(5, 30)
    rows = generator.randn(1600, 5) @ mixing + 0.3 * generator.randn(1600, 30)
    usual, unusual = rows[:1500], rows[1500:]
    for row in unusual:
        exchanged = generator.permutation(30)[:5]
        row[exchanged] = usual[generator.randint(1500, size=5), exchanged]
    return _together(usual, unusual)


def _clusters():
    generator = np.random.RandomState(0)
    centres = 4 * generator.randn(4, 15)
    mixing = generator.randn(4, 15, 15) * np.geomspace(1, 0.1, 15)
    which = generator.randint(4, size=1320)
    deviations = np.einsum("ij,ikj->ik", generator.randn(1320, 15), mixing[which])
    deviations[1200:] *= 2
    rows = centres[which] + deviations
    return _together(rows[:1200], rows[1200:])


def _together(usual, unusual):
    is_outlier = np.repeat([False, True], [len(usual), len(unusual)])
    return np.vstack([usual, unusual]), is_outlier


DATA = {
    "cardio": lambda: _labelled("cardio"),
    "satellite": lambda: _labelled("satellite"),
    "ECG": _ecg,
    "curved": _curved,
    "correlated": _correlated,
    "clusters": _clusters,
}


if __name__ == "__main__":
    main()
