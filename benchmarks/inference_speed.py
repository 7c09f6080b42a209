"""What does it cost to encode rows, beside PCA and beside bare matrix products?

    python -m benchmarks.inference_speed [--rounds 5] [--rows 60000]

MNIST in float32, 32 codes, in one run:

1. One row, and all rows: ``PCA.transform``, ``AutoencoderTransformer.transform``
   without hidden layers and with the default 256 units, and the products of the latter
   in plain NumPy (its weights, the unit folded in, on the whole array). The contenders
   take turns; medians, and ratios to PCA's of the same round.
2. A fresh process that loads a file and encodes a row: PCA by joblib, and the default
   network by joblib, by `skae.load`, by ONNX in onnxruntime, and by its Keras encoder:
   wall-clock seconds, peak memory (from ``/proc``, so this needs Linux) and the size of
   the file.
3. Rows per second by batches of 1, 32 and 1,024 rows, of the same ways.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.decomposition import PCA

import skae.onnx
from benchmarks import datasets
from skae import AutoencoderTransformer

N_CODES = 32
BATCHES = (1, 32, 1024)
SECONDS_A_BATCH = 1.0

START = """
import sys
import numpy as np
row = np.load(sys.argv[2])
"""
END = r"""
import json, re
peak = int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
print(json.dumps({"peak": peak, "codes": np.asarray(codes).ravel().tolist()}))
"""
PROCESSES = {
    "PCA, joblib": (
        "pca.joblib",
        """
import joblib
codes = joblib.load(sys.argv[1]).transform(row)
""",
    ),
    "skae, joblib": (
        "fit.joblib",
        """
import joblib
codes = joblib.load(sys.argv[1]).transform(row)
""",
    ),
    "skae, skae.load": (
        "fit.skae",
        """
import skae
codes = skae.load(sys.argv[1]).transform(row)
""",
    ),
    "ONNX, onnxruntime": (
        "fit.onnx",
        """
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
codes = session.run(None, {"X": row})[0]
""",
    ),
    "Keras, encoder_.save": (
        "encoder.keras",
        """
import keras
codes = keras.models.load_model(sys.argv[1])(row)
""",
    ),
}


def main():
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=60_000)
    arguments = parser.parse_args()
    X = datasets.mnist()[0][: arguments.rows]
    X = np.ascontiguousarray(X.reshape(len(X), -1), np.float32)
    fits = fitted(X[:5000])
    report("One row", contenders(fits, X[:1]), arguments.rounds, 200)
    report(f"{len(X):,} rows", contenders(fits, X), arguments.rounds, 1)
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), fits, X[:1])
        report_processes(Path(folder), arguments.rounds)
        report_batches(Path(folder), X)


def fitted(X):
    """Return the fits that are compared, by name; a few epochs do not change times."""
    return {
        "PCA": PCA(N_CODES, random_state=0).fit(X),
        "skae, no hidden layers": AutoencoderTransformer(
            N_CODES, hidden_layer_sizes=(), epochs=1, random_state=0
        ).fit(X),
        "skae, 256 hidden units": AutoencoderTransformer(
            N_CODES, epochs=1, random_state=0
        ).fit(X),
    }


def contenders(fits, X):
    """Return calls by name."""
    calls = {name: lambda fit=fit: fit.transform(X) for name, fit in fits.items()}
    return {**calls, "its products in NumPy": plain(fits["skae, 256 hidden units"], X)}


def plain(fit, X):
    """Return a call of the default network's encoder in plain NumPy."""
    folded = [np.array(values) for values in fit._fitted.folded[:5]]
    hidden, hidden_bias, linear, linear_bias, branch = folded

    def call():
        units = np.maximum(X @ hidden + hidden_bias, 0)
        return X @ linear + linear_bias + units @ branch

    scale = fit._fitted.scaling.scale
    np.testing.assert_allclose(call() * scale, fit.transform(X), rtol=1e-3, atol=1e-3)
    return call


def report(title, calls, n_rounds, n_calls):
    """Let the contenders take turns, and print medians and ratios to PCA."""
    seconds = {name: [] for name in calls}
    for _ in range(n_rounds):
        for name, call in calls.items():
            call()
            seconds[name].append(median_seconds(call, n_calls))
    first = np.array(next(iter(seconds.values())))
    print(f"| {title} | ms | / PCA: median | lowest | highest |")
    print("|---|---|---|---|---|")
    for name, values in seconds.items():
        ratios = np.array(values) / first
        print(
            f"| {name} | {1e3 * np.median(values):.3f} | {np.median(ratios):.2f} "
            f"| {ratios.min():.2f} | {ratios.max():.2f} |"
        )
    print(flush=True)


def median_seconds(call, n_calls):
    """Return the median time of a call."""
    seconds = []
    for _ in range(n_calls):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return np.median(seconds)


def write_files(folder, fits, row):
    """Write the files that the processes load."""
    fit = fits["skae, 256 hidden units"]
    np.save(folder / "row.npy", row)
    np.save(folder / "codes.npy", fit.transform(row))
    joblib.dump(fits["PCA"], folder / "pca.joblib")
    joblib.dump(fit, folder / "fit.joblib")
    fit.save(folder / "fit.skae")
    (folder / "fit.onnx").write_bytes(skae.onnx.to_onnx(fit).SerializeToString())
    fit.encoder_.save(folder / "encoder.keras")


def report_processes(folder, n_rounds):
    """Print what fresh processes take that load a file and encode a row."""
    expected = np.load(folder / "codes.npy").ravel()
    found = {name: [] for name in PROCESSES}
    for number in range(n_rounds + 1):
        for name, (file, code) in PROCESSES.items():
            seconds, told = run(START + code + END, folder / file, folder / "row.npy")
            if not name.startswith("PCA"):
                np.testing.assert_allclose(told["codes"], expected, atol=1e-3)
            if number:  # the first round fills the caches of the disk
                found[name].append((seconds, told["peak"] / 1024))
    first = np.array([seconds for seconds, _ in found["PCA, joblib"]])
    print("| a fresh process | s | / PCA: median | peak MB | file KB |")
    print("|---|---|---|---|---|")
    for name, measured in found.items():
        seconds, peaks = np.array(measured).T
        size = (folder / PROCESSES[name][0]).stat().st_size / 1000
        print(
            f"| {name} | {np.median(seconds):.2f} | {np.median(seconds / first):.2f} "
            f"| {np.median(peaks):.0f} | {size:.0f} |"
        )
    print(flush=True)


def run(code, *arguments):
    """Return the seconds that code takes in a fresh interpreter, and what it tells."""
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    seconds = time.perf_counter() - start
    return seconds, json.loads(process.stdout.splitlines()[-1])


def report_batches(folder, X):
    """Print how many rows a second each way encodes, by the size of the batches."""
    import keras
    import onnxruntime

    pca, fit = (joblib.load(folder / f"{name}.joblib") for name in ("pca", "fit"))
    session = onnxruntime.InferenceSession(folder / "fit.onnx")
    encoder = keras.models.load_model(folder / "encoder.keras")
    calls = {
        "PCA": pca.transform,
        "skae": fit.transform,
        "ONNX, onnxruntime": lambda rows: session.run(None, {"X": rows}),
        "Keras, encoder_(rows)": lambda rows: np.asarray(encoder(rows)),
    }
    heads = " | ".join(f"{size:,}" for size in BATCHES)
    print(f"| rows a second, in batches of | {heads} |")
    print("|---|" + "---|" * len(BATCHES))
    for name, call in calls.items():
        speeds = [speed(call, X[:size]) for size in BATCHES]
        print(f"| {name} | " + " | ".join(f"{one:,.0f}" for one in speeds) + " |")


def speed(call, rows):
    """Return the rows that a call encodes a second, by the median call."""
    call(rows)
    seconds, start = [], time.perf_counter()
    while time.perf_counter() - start < SECONDS_A_BATCH:
        seconds.append(median_seconds(lambda: call(rows), 1))
    return len(rows) / np.median(seconds)


if __name__ == "__main__":
    main()
