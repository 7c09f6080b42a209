"""How much memory do fits and transforms take, and does it come back?

    python -m benchmarks.memory [--fits 200] [--gigabytes 5] [--only SECTION]

Five questions, each answered in fresh processes. MB are 10^6 bytes; all figures are
above the footprint, which is what the process holds once Keras and TensorFlow are
imported and a tiny fit has started them. They are read from ``/proc``, so the benchmark
needs Linux.

1. Do many fits pile up? Memory and time of 200 small fits in one process, of one
   architecture and of twelve that come in random order, round after round.
2. What is the peak of ``fit``? MNIST (60,000 × 784; 188 MB in float32) with the
   defaults, given as float32, float64 and uint8. The user's own array counts; the last
   column leaves it out. So large a fit is compiled by XLA, TensorFlow's compiler, whose
   code and working memory count where the footprint is that before XLA has started.
3. What is the peak of ``transform``? A file of 5 GB as a float32 memory map, encoded
   into 32 codes, beside ``PCA(32).transform``. Pages of the file that the kernel keeps
   mapped count as resident but can be dropped at any time, so the measure is the
   anonymous memory, which is the process's own; it includes the codes.
4. And the peak of ``fit`` on a file that one would not load? 2 GB as a float32 memory
   map, MNIST again and again in falling brightness, with the defaults; the measure is
   the anonymous memory again.
5. What do sparse rows take? ``fit`` and ``transform`` of a CSR matrix in float32,
   100,000 × 20,000 with 0.5% of the values stored (8 GB were it dense), beside
   `TruncatedSVD` and `PCA` with the ARPACK solver, in the same run. The user's own
   matrix counts. The rows have 50 topics: in each row three of them draw the features.
"""

import argparse
import concurrent.futures
import itertools
import multiprocessing
import pathlib
import random
import tempfile
import threading
import time

import numpy as np
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, TruncatedSVD

from benchmarks import datasets
from skae import AutoencoderTransformer

ARCHITECTURES = list(itertools.product((2, 4, 8, 12, 16, 24), ((), (32,))))
MARKS = (1, 20, 50, 100, 150, 200)
FILE_GIGABYTES = 2
FLOAT32_MNIST = 60_000 * 784 * 4 / 1e6
N_FEATURES = 784
N_CODES = 32
SPARSE = 100_000, 20_000, 0.005
SPARSE_METHODS = {
    "skae, 3 epochs": lambda: AutoencoderTransformer(N_CODES, epochs=3, random_state=0),
    "TruncatedSVD": lambda: TruncatedSVD(N_CODES, random_state=0),
    "PCA, ARPACK": lambda: PCA(N_CODES, svd_solver="arpack", random_state=0),
}


def main():
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument("--gigabytes", type=float, default=5.0)
    sections = {
        "many": lambda arguments: report_many_fits(arguments.fits),
        "fit": lambda arguments: report_fit(),
        "transform": lambda arguments: report_transform(arguments.gigabytes),
        "mapped": lambda arguments: report_fit_of_file(),
        "sparse": lambda arguments: report_sparse(),
    }
    parser.add_argument("--only", choices=sections, help="run one section")
    arguments = parser.parse_args()
    for name, report in sections.items():
        if arguments.only in (None, name):
            report(arguments)


# Measuring


def in_fresh_process(function, *arguments):
    """Return what a function gives in a Python process of its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def resident():
    """Return the memory of this process in MB.

    Returns
    -------
    dict
        "VmRSS" (resident), "RssAnon" (of that, what is no file's) and "VmHWM" (the
        highest VmRSS since the last `Peak` began).
    """
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {
        name: int(fields[name].split()[0]) * 1024 / 1e6
        for name in ("VmRSS", "RssAnon", "VmHWM")
    }


class Peak:
    """The highest memory while the body runs.

    The kernel keeps the peak of VmRSS; a thread samples it too, and RssAnon, of which
    the kernel keeps none.
    """

    def __enter__(self):
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # starts VmHWM anew
        self.memory = resident()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def _sample(self):
        while not self._is_over.wait(0.002):
            self._update()

    def _update(self):
        for name, value in resident().items():
            self.memory[name] = max(self.memory[name], value)

    def __exit__(self, *error):
        self._is_over.set()
        self._thread.join()
        self._update()

    def above(self, footprint):
        """Return the peaks less the footprint's VmRSS or RssAnon."""
        base = {**footprint, "VmHWM": footprint["VmRSS"]}
        return {name: value - base[name] for name, value in self.memory.items()}


def warm_up():
    """Import all that fits import, start TensorFlow, and return the footprint."""
    X = load_digits().data[:100].astype(np.float32)
    AutoencoderTransformer(2, epochs=1, random_state=0).fit(X).transform(X)
    return resident()


def start_xla():
    """Start XLA by a tiny fit, and return the footprint.

    So many epochs are worth XLA, as those of large data are; the fit stops at the first
    that is no better.
    """
    X = load_digits().data[:100].astype(np.float32)
    AutoencoderTransformer(
        2,
        epochs=10**6,
        patience=1,
        learning_rate_schedule="constant",
        random_state=0,
    ).fit(X)
    return resident()


# Many fits


def report_many_fits(n_fits):
    """Print memory and time of many fits."""
    orders = {
        "one architecture": ARCHITECTURES[:1] * n_fits,
        "twelve in random order": _rounds_in_random_order(n_fits),
    }
    print("Memory above the footprint after many fits of digits, in MB\n")
    marks = [mark for mark in MARKS if mark <= n_fits]
    print("| fits |", " | ".join(map(str, marks)), "| from 20 to the last |")
    print("|---" * (len(marks) + 2) + "|")
    times = {}
    for name, order in orders.items():
        memory, times[name] = in_fresh_process(many_fits, order)
        at_marks = [f"{memory[mark - 1]:.1f}" for mark in marks]
        print(f"| {name} |", " | ".join(at_marks), f"| {memory[-1] - memory[19]:.1f} |")
    print("\nMean seconds of a fit and its score, on the clock and of the processors\n")
    print("| | | first | 20 to 40 | the last 20 | the last 20 / 20 to 40 |")
    print("|---|---|---|---|---|---|")
    for name, both in times.items():
        for kind, seconds in zip(("clock", "processors"), both, strict=True):
            early, late = np.mean(seconds[19:40]), np.mean(seconds[-20:])
            print(
                f"| {name} | {kind} | {seconds[0]:.2f} | {early:.3f} | {late:.3f} "
                f"| {late / early:.2f} |"
            )
    print(flush=True)


def _rounds_in_random_order(n_fits):
    generator, order = random.Random(0), []
    while len(order) < n_fits:
        order += generator.sample(ARCHITECTURES, len(ARCHITECTURES))
    return order[:n_fits]


def many_fits(order):
    """Fit architectures one after another.

    Returns
    -------
    memory : list of float
        After each fit, in MB above the footprint.

    times : ndarray of shape (2, n_fits)
        Seconds of each fit and its score, on the clock and of the processors.
    """
    X = load_digits().data[:500].astype(np.float32)
    footprint = warm_up()["VmRSS"]
    memory, times = [], []
    for i, (encoding_dim, hidden_layer_sizes) in enumerate(order):
        start = time.perf_counter(), time.process_time()
        autoencoder = AutoencoderTransformer(
            encoding_dim,
            hidden_layer_sizes=hidden_layer_sizes,
            epochs=5,
            random_state=i,
        )
        autoencoder.fit(X).score(X)
        times.append(np.subtract((time.perf_counter(), time.process_time()), start))
        memory.append(resident()["VmRSS"] - footprint)
    return memory, np.transpose(times)


# Fit


def report_fit():
    """Print the peak of fits of MNIST."""
    print(
        "Peak of fit above the footprint, in MB, the user's array included, and as a\n"
        f"multiple of the data in float32 ({FLOAT32_MNIST:.0f} MB)\n"
    )
    print(
        "| MNIST in | X | VmHWM | multiple | VmHWM, XLA in the footprint | multiple "
        "| multiple, without X |"
    )
    print("|---|---|---|---|---|---|---|")
    for dtype in ("float32", "float64", "uint8"):
        own, peak, peak_beside_xla = in_fresh_process(peak_of_fit, dtype)
        print(
            f"| {dtype} | {own:.0f} | {peak:.0f} | {peak / FLOAT32_MNIST:.2f} "
            f"| {peak_beside_xla:.0f} | {peak_beside_xla / FLOAT32_MNIST:.2f} "
            f"| {(peak_beside_xla - own) / FLOAT32_MNIST:.2f} |",
            flush=True,
        )
    print()


def peak_of_fit(dtype):
    """Measure a fit of MNIST as `dtype`.

    Returns
    -------
    own : float
        Size of the data, in MB.

    peak, peak_beside_xla : float
        VmHWM above the footprint, without XLA and with it, in MB.
    """
    footprint, footprint_with_xla = warm_up(), start_xla()
    X = datasets.mnist()[0]
    if dtype == "uint8":
        X = np.round(X * 255)
    X = X.astype(dtype, copy=False)
    with Peak() as peak:
        AutoencoderTransformer(N_CODES, random_state=0).fit(X)
    peaks = [peak.above(base)["VmHWM"] for base in (footprint, footprint_with_xla)]
    return X.nbytes / 1e6, *peaks


# Transform


def report_transform(gigabytes):
    """Print the peak of transforms of a large memory map."""
    n_rows = round(gigabytes * 1e9 / (4 * N_FEATURES))
    print(
        f"Peak of transform above the footprint, in MB, for a memory map of "
        f"{n_rows:,} × {N_FEATURES}\n"
    )
    print("| | RssAnon | of that the codes | VmHWM, the file's pages included |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rows"
        write_sparse_rows(path, n_rows)
        for name in ("skae", "PCA"):
            peak, codes = in_fresh_process(peak_of_transform, name, path, n_rows)
            print(
                f"| {name} | {peak['RssAnon']:.0f} | {codes:.0f} "
                f"| {peak['VmHWM']:.0f} |",
                flush=True,
            )
    print()


def write_sparse_rows(path, n_rows):
    """Write a file of float32 zeros, which take no disk, and some random rows."""
    rows = np.memmap(path, np.float32, "w+", shape=(n_rows, N_FEATURES))
    some = np.linspace(0, n_rows - 1, 1000).astype(int)
    rows[some] = np.random.RandomState(0).rand(len(some), N_FEATURES)
    rows.flush()


def peak_of_transform(name, path, n_rows):
    """Return the peak of encoding a file, and the size of the codes, in MB."""
    warm_up()
    some = datasets.mnist()[0][:5000].copy()
    if name == "PCA":
        fitted = PCA(N_CODES, random_state=0).fit(some)
    else:
        fitted = AutoencoderTransformer(N_CODES, epochs=1, random_state=0).fit(some)
    fitted.transform(some)
    rows = np.memmap(path, np.float32, "r", shape=(n_rows, N_FEATURES))
    footprint = resident()
    with Peak() as peak:
        codes = fitted.transform(rows)
    return peak.above(footprint), codes.nbytes / 1e6


# Fit of a file


def report_fit_of_file():
    """Print the peak of a fit of a large memory map."""
    n_rows = round(FILE_GIGABYTES * 1e9 / (4 * N_FEATURES))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rows"
        write_rows(path, n_rows)
        peak, seconds, fitted = in_fresh_process(peak_of_fit_of_file, path, n_rows)
    print(
        f"Peak of fit above the footprint, in MB, for a memory map of {n_rows:,} × "
        f"{N_FEATURES}\n"
    )
    print("| RssAnon | VmHWM, the file's pages included | s | epochs |")
    print("|---|---|---|---|")
    print(
        f"| {peak['RssAnon']:.0f} | {peak['VmHWM']:.0f} | {seconds:.0f} "
        f"| {fitted.n_iter_} |\n",
        flush=True,
    )


def write_rows(path, n_rows):
    """Write a file of MNIST, as often as there is room, ever darker."""
    X = datasets.mnist()[0].astype(np.float32)
    rows = np.memmap(path, np.float32, "w+", shape=(n_rows, N_FEATURES))
    for start in range(0, n_rows, len(X)):
        part = rows[start : start + len(X)]
        part[:] = X[: len(part)] * np.float32(1 - start / n_rows)
    rows.flush()


def peak_of_fit_of_file(path, n_rows):
    """Return the peak of a fit, its seconds, and the fitted estimator."""
    warm_up()
    footprint = start_xla()
    rows = np.memmap(path, np.float32, "r", shape=(n_rows, N_FEATURES))
    with Peak() as peak:
        start = time.perf_counter()
        fitted = AutoencoderTransformer(N_CODES, random_state=0).fit(rows)
        seconds = time.perf_counter() - start
    return peak.above(footprint), seconds, fitted


# Sparse


def report_sparse():
    """Print peak and time of fits and transforms of a large sparse matrix."""
    n_rows, n_features, density = SPARSE
    print(
        "Peak above the footprint, in MB, the user's matrix included, and seconds, "
        f"for a sparse\nmatrix of {n_rows:,} × {n_features:,}, {density:.1%} stored, "
        f"and {N_CODES} codes\n"
    )
    print("| | X | VmHWM of fit | s | VmHWM of transform | s | explained |")
    print("|---|---|---|---|---|---|---|")
    for name in SPARSE_METHODS:
        own, fit, transform, explained = in_fresh_process(peaks_of_sparse, name)
        print(
            f"| {name} | {own:.0f} | {fit[0]:.0f} | {fit[1]:.1f} | {transform[0]:.0f} "
            f"| {transform[1]:.1f} | {explained:.4f} |",
            flush=True,
        )
    print()


def sparse_rows(n_rows, n_features, density, seed=0):
    """Return float32 counts of words in rows of a few topics, in CSR format."""
    generator = np.random.default_rng(seed)
    n_topics, per_row = 50, round(density * n_features * 1.05)
    order = np.argsort(generator.random((n_topics, n_features)), axis=1)
    topics = generator.integers(0, n_topics, (n_rows, 3))
    which = np.take_along_axis(
        topics, generator.integers(0, 3, (n_rows, per_row)), axis=1
    )
    places = (n_features * generator.random((n_rows, per_row)) ** 3).astype(int)
    columns = order[which, places]
    rows = np.repeat(np.arange(n_rows), per_row)
    ones = np.ones(columns.size, np.float32)
    return csr_array((ones, (rows, columns.ravel())), shape=(n_rows, n_features))


def peaks_of_sparse(name):
    """Measure fit and transform of a large sparse matrix.

    Returns
    -------
    own : float
        Size of the data, in MB.

    fit, transform : (float, float)
        VmHWM above the footprint in MB, and seconds.

    explained : float
        Share of the variance that reconstructions of the first rows explain.
    """
    footprint = warm_up()
    X = sparse_rows(*SPARSE)
    method = SPARSE_METHODS[name]()
    measured = []
    for run in (method.fit, method.transform):
        with Peak() as peak:
            start = time.perf_counter()
            codes = run(X)
            seconds = time.perf_counter() - start
        measured.append((peak.above(footprint)["VmHWM"], seconds))
    some = X[:2000].toarray()
    rebuilt = method.inverse_transform(codes[:2000])
    explained = 1 - ((rebuilt - some) ** 2).sum() / (
        ((some - some.mean(axis=0)) ** 2).sum()
    )
    own = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    return own / 1e6, *measured, explained


if __name__ == "__main__":
    main()
