"""How long does encoding take, and importing?

    python -m benchmarks.inference_speed [--rounds 7]

The simple network (784-32-784) encodes 60,000 rows of MNIST, side by side with
``PCA(32).transform`` and with ``keras.Model.predict`` of the same encoder; then one
row; then ``import skae`` against ``import sklearn.decomposition`` in fresh processes.
The contenders take turns in every round; medians are printed.
"""

import argparse
import subprocess
import sys
import time

import numpy as np
from sklearn.decomposition import PCA

from benchmarks import datasets
from benchmarks.training_speed import report, skae_fit


def main():
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    n_rounds = parser.parse_args().rounds
    X = datasets.mnist()[0]
    fitted, pca = skae_fit(X, (32,), 1), PCA(32).fit(X)
    encoder = fitted.encoder_
    contenders = {
        "skae": lambda: seconds(fitted.transform, X),
        "PCA.transform": lambda: seconds(pca.transform, X),
        "Model.predict": lambda: seconds(
            lambda rows: encoder.predict(rows, verbose=0), X
        ),
    }
    report("60,000 rows", contenders, n_rounds)
    row = X[:1]
    contenders = {
        "skae": lambda: typical_seconds(fitted.transform, row),
        "PCA.transform": lambda: typical_seconds(pca.transform, row),
    }
    report("one row", contenders, n_rounds)
    contenders = {
        "skae": lambda: import_seconds("skae"),
        "sklearn.decomposition": lambda: import_seconds("sklearn.decomposition"),
    }
    report("import", contenders, n_rounds)


def seconds(function, X):
    """Return the seconds of a call."""
    start = time.perf_counter()
    function(X)
    return time.perf_counter() - start


def typical_seconds(function, X):
    """Return the median seconds of many calls."""
    return float(np.median([seconds(function, X) for _ in range(50)]))


def import_seconds(module):
    """Return the seconds that a fresh interpreter takes to import a module."""
    code = (
        "import time; start = time.perf_counter(); "
        f"import {module}; print(time.perf_counter() - start)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return float(run.stdout)


if __name__ == "__main__":
    main()
