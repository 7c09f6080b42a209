"""Does the error of SequenceAutoencoder tell abnormal heartbeats from normal ones?

    python -m benchmarks.ecg_anomalies [--encoding-dim 2 4 8 16 32] [--splits 5]

ECG 5000: 200 normal beats (class 1) for training, the same for every method; all other
beats are held out. Prints the area under the ROC curve of the reconstruction error
(abnormal beats should have more), mean and spread over the splits, for PCA and
SequenceAutoencoder at several sizes of the code, and the seconds of a fit.
"""

import argparse
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from benchmarks import datasets
from skae import AutoencoderTransformer, SequenceAutoencoder

NORMAL = 1
TRAINING_BEATS = 200


def main():
    """Run the benchmark and print its table."""
    arguments = _arguments()
    beats, labels = datasets.ecg5000()
    print(f"{len(beats)} beats, {np.sum(labels != NORMAL)} of them abnormal\n")
    print("| codes | method | ROC AUC, mean | spread | lowest | fit, s |")
    print("|---|---|---|---|---|---|")
    means = {}
    for dim in arguments.encoding_dim:
        for label, make in METHODS.items():
            runs = [
                _run(make(dim, seed), beats, labels, seed)
                for seed in range(arguments.splits)
            ]
            aucs, seconds = np.transpose(runs)
            print(
                f"| {dim} | {label} | {aucs.mean():.4f} | {aucs.std():.4f} "
                f"| {aucs.min():.4f} | {seconds.mean():.2f} |",
                flush=True,
            )
            means.setdefault(label, []).append(aucs.mean())
    best = {label: max(values) for label, values in means.items()}
    print("\nBest mean: " + ", ".join(f"{k} {v:.4f}" for k, v in best.items()))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [2, 4, 8, 16, 32]
    parser.add_argument("--encoding-dim", nargs="+", type=int, default=sizes)
    parser.add_argument("--splits", type=int, default=5)
    return parser.parse_args()


METHODS = {
    "PCA": lambda dim, seed: PCA(dim, random_state=seed),
    "AutoencoderTransformer": lambda dim, seed: AutoencoderTransformer(
        dim, random_state=seed
    ),
    "SequenceAutoencoder": lambda dim, seed: SequenceAutoencoder(
        dim, random_state=seed
    ),
    "SequenceAutoencoder, random start": lambda dim, seed: SequenceAutoencoder(
        dim, init="random", random_state=seed
    ),
}


def _run(estimator, beats, labels, seed):
    """Return AUC on the beats held out, and the seconds of the fit."""
    normal = np.flatnonzero(labels == NORMAL)
    chosen = np.random.RandomState(seed).permutation(normal)[:TRAINING_BEATS]
    held_out = np.setdiff1d(np.arange(len(beats)), chosen)
    start = time.perf_counter()
    estimator.fit(beats[chosen])
    seconds = time.perf_counter() - start
    rows = beats[held_out]
    errors = rows - estimator.inverse_transform(estimator.transform(rows))
    is_abnormal = labels[held_out] != NORMAL
    return roc_auc_score(is_abnormal, (errors**2).mean(axis=1)), seconds


if __name__ == "__main__":
    main()
