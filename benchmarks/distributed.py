"""Is a fit over a Dask cluster as good, as exact and as frugal as one should be?

    python -m benchmarks.distributed [--only quality bits lost memory overhead paper]
        [--gigabytes 8] [--replicas 4] [--data mnist satellite]

One machine stands for many: a `LocalCluster` of processes. Six questions:

1. quality: the error on held-out rows with 4 replicas, over the plain estimator's and
   over PCA's (both computed from all training rows in memory). MNIST with 32 codes, on
   its 10,000 test rows; satellite with 2, 8 and 32 codes, on a fifth of the rows.
2. bits: are the weights the same bits on clusters of 1 × 4, 4 × 1 and 2 × 2 processes ×
   threads?
3. lost: are they, when a worker is killed in the third round?
4. memory: a random float32 array of 8 GB that is made chunk by chunk, fitted on two
   workers limited to 2 GB each, for five epochs: the peak of each worker's own memory
   (RssAnon, without the pages of files that the kernel can drop), what Dask has written
   to disk meanwhile, and the peak of the driver's.
5. overhead: seconds of an epoch by rounds of 1, 2 and 4 replicas on as many workers of
   one thread, beside an epoch of the plain estimator limited to as many threads. Both
   are the slope of a fit's time over its epochs, so starts and compilation drop out.
   More replicas than cores are left out, since they would share them.
6. paper: what do fits on 10, 100 and 1,000 workers move, and what does the driver hold?
   Not measured, but counted from the sizes of what is sent.
"""

import argparse
import contextlib
import math
import os
import signal
import statistics
import threading
import time

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from distributed.diagnostics.plugin import SchedulerPlugin
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from benchmarks import datasets
from benchmarks.memory import in_fresh_process, resident
from skae import AutoencoderTransformer, _defaults
from skae.dask import DaskAutoencoderTransformer
from skae.dask._data import _STEPS_OF_ROUND as STEPS_OF_ROUND
from skae.dask._data import _VALUES_OF_GROUP as VALUES_OF_GROUP
from skae.dask._plan import number_of_replicas

SATELLITE_CODES = (2, 8, 32)
SHAPES = ((1, 4), (4, 1), (2, 2))
LIMIT = "2GB"
WIDTH, LATENT, CHUNK_ROWS = 1000, 20, 12_500
MEMORY_EPOCHS, BATCH_SIZE = 5, 256
N_FEATURES, ROWS_OF_WORKER, PARTITION_BYTES = 784, 1_000_000, 1e8


def main():
    """Run the benchmark and print its tables."""
    sections = {
        "quality": lambda arguments: report_quality(arguments.replicas, arguments.data),
        "bits": lambda arguments: report_bits(arguments.replicas),
        "lost": lambda arguments: report_lost(arguments.replicas),
        "memory": lambda arguments: report_memory(arguments.gigabytes),
        "overhead": lambda arguments: report_overhead(arguments.data),
        "paper": lambda arguments: report_on_paper(),
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sections, nargs="+", help="run some sections")
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--replicas", type=int, default=4)
    names = ("mnist", "satellite")
    parser.add_argument("--data", choices=names, nargs="+", default=names)
    arguments = parser.parse_args()
    for name, report in sections.items():
        if not arguments.only or name in arguments.only:
            report(arguments)
            print(flush=True)


@contextlib.contextmanager
def cluster_of(n_processes, n_threads, memory_limit=0):
    """Give a client of a cluster of processes on this machine."""
    with (
        LocalCluster(
            n_processes,
            threads_per_worker=n_threads,
            processes=True,
            memory_limit=memory_limit,
            dashboard_address=":0",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def in_chunks(X, n_chunks=8):
    """Return rows as a Dask array, which the graph holds."""
    return da.from_array(X, chunks=(-(-len(X) // n_chunks), -1))


# 1


def report_quality(n_replicas, names):
    """Print errors of a fit in replicas over those of the plain fit and of PCA."""
    print(f"Error on held-out rows of {n_replicas} replicas, {n_replicas} processes\n")
    print("| data | codes | plain / PCA | replicas / PCA | replicas / plain | rounds |")
    print("|---|---|---|---|---|---|")
    cases = [("mnist", 32)] + [("satellite", codes) for codes in SATELLITE_CODES]
    with cluster_of(n_replicas, 1) as client:
        for name, codes in (case for case in cases if case[0] in names):
            train, test = train_and_test(name)
            plain = AutoencoderTransformer(codes, random_state=0).fit(train)
            replicas = DaskAutoencoderTransformer(
                codes, n_replicas=n_replicas, client=client, random_state=0
            ).fit(in_chunks(train))
            pca = PCA(codes, svd_solver="full").fit(train.astype(np.float64))
            rest = test - pca.inverse_transform(pca.transform(test))
            by_pca = np.square(rest).mean()
            one, other = (
                -np.mean(fitted.score_samples(test))
                for fitted in (plain, replicas.to_local())
            )
            print(
                f"| {name} | {codes} | {one / by_pca:.3f} | {other / by_pca:.3f} "
                f"| {other / one:.3f} | {replicas.n_rounds_} |",
                flush=True,
            )


def train_and_test(name):
    """Return rows to fit and rows to judge by."""
    if name == "mnist":
        return datasets.mnist()
    X = datasets.load(name).astype(np.float32)
    return train_test_split(X, test_size=0.2, random_state=0)


# 2 and 3


def rows_for_bits():
    """Return satellite in partitions of unequal lengths, one of them empty."""
    X = datasets.load("satellite").astype(np.float32)[:6000]
    return da.from_array(X, chunks=((900, 1500, 0, 600, 1000, 800, 700, 500), -1))


def fitted_for_bits(client, n_replicas):
    """Return a fit of these rows."""
    return DaskAutoencoderTransformer(
        8,
        n_replicas=n_replicas,
        client=client,
        epochs=8,
        random_state=0,
    ).fit(rows_for_bits())


def weights(estimator):
    """Return all arrays of a fit."""
    local = estimator.to_local()
    models = (local.encoder_, local.decoder_)
    return [array for model in models for array in model.get_weights()]


def report_bits(n_replicas):
    """Print whether clusters of other shapes give the same bits."""
    print("Weights for clusters of processes × threads\n")
    print("| cluster | the bits of 1 × 4 |")
    print("|---|---|")
    first = None
    for shape in SHAPES:
        with cluster_of(*shape) as client:
            found = weights(fitted_for_bits(client, n_replicas))
        first = found if first is None else first
        same = all(map(np.array_equal, first, found))
        print(f"| {shape[0]} × {shape[1]} | {same} |", flush=True)


class KillAWorker(SchedulerPlugin):
    """Kills a worker's process once it trains a replica in a round.

    Parameters
    ----------
    client : Client
        Of a cluster whose scheduler is in this process.

    n_replicas, round_number : int
        The worker of the round's last replica is killed; rounds begin with 1.
    """

    def __init__(self, client, n_replicas, round_number):
        self._scheduler = client.cluster.scheduler
        self._processes = client.run(os.getpid)
        self._left = n_replicas * round_number
        self.killed = None
        self._scheduler.add_plugin(self)

    def transition(self, key, start, finish, *others, **more):
        """Count the replicas whose training begins; kill at the last one."""
        if str(key).startswith("skae-train-") and finish == "processing":
            self._left -= 1
            if self._left == 0:
                worker = self._scheduler.tasks[key].processing_on.address
                self.killed = self._processes[worker]
                # Soon after, so that the task has begun.
                threading.Timer(0.02, os.kill, (self.killed, signal.SIGKILL)).start()


def report_lost(n_replicas):
    """Print whether a fit that loses a worker in its third round has the same bits."""
    print("A worker killed in the third round\n")
    with cluster_of(2, 2) as client:
        undisturbed = weights(fitted_for_bits(client, n_replicas))
    with cluster_of(2, 2) as client:
        killer = KillAWorker(client, n_replicas, 3)
        disturbed = fitted_for_bits(client, n_replicas)
        assert killer.killed is not None
        assert killer.killed not in client.run(os.getpid).values()
    same = all(map(np.array_equal, undisturbed, weights(disturbed)))
    print(f"Rounds: {disturbed.n_rounds_}. The same bits: {same}.")


# 4


def random_rows(gigabytes):
    """Return rows along curves, with noise, which exist chunk by chunk only."""
    n_rows = round(gigabytes * 1e9 / 4 / WIDTH / CHUNK_ROWS) * CHUNK_ROWS
    rng = da.random.default_rng(0)
    mixing = np.random.default_rng(0).normal(size=(2 * LATENT, WIDTH))
    latent = rng.normal(size=(n_rows, LATENT), chunks=(CHUNK_ROWS, -1))
    return latent.map_blocks(
        _mixed,
        mixing.astype(np.float32),
        dtype=np.float32,
        chunks=(latent.chunks[0], (WIDTH,)),
        meta=np.empty((0, 0), np.float32),
    )


def _mixed(latent, mixing):
    latent = latent.astype(np.float32)
    rows = np.hstack([latent, np.sin(2 * latent)]) @ mixing
    seed = np.abs(latent[0, :2] * 1e6).astype(int) if len(latent) else 0
    noise = np.random.default_rng(seed).standard_normal(rows.shape, np.float32)
    return rows + 0.3 * noise


class Sampler:
    """Samples the memory of this process from a thread, as long as it lives."""

    def __init__(self):
        self.peak, self.spilled = 0.0, 0.0
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self):
        while True:
            self.peak = max(self.peak, resident()["RssAnon"])
            time.sleep(0.005)


def _begin_sampling(dask_worker):
    dask_worker.sampler = Sampler()


def _sampled(dask_worker):
    spilled = getattr(dask_worker.data, "spilled_total", None)
    return dask_worker.sampler.peak, spilled and spilled.disk


def report_memory(gigabytes):
    """Print peaks of memory of a fit to an array larger than all workers."""
    X = random_rows(gigabytes)
    print(
        f"A random float32 array of {X.shape[0]:,} × {X.shape[1]:,}, "
        f"{X.nbytes / 1e9:.1f} GB in {X.npartitions} chunks of "
        f"{X.nbytes / X.npartitions / 1e6:.0f} MB, on two workers of {LIMIT} each, "
        f"{MEMORY_EPOCHS} epochs\n"
    )
    found = in_fresh_process(fit_within, gigabytes)
    print("| process | peak of its own memory, MB | on disk at the end, MB |")
    print("|---|---|---|")
    for number, (peak, spilled) in enumerate(found["workers"], 1):
        on_disk = "" if spilled is None else f"{spilled / 1e6:.0f}"
        print(f"| worker {number} | {peak:.0f} | {on_disk} |")
    print(f"| driver | {found['driver']:.0f} | |")
    print(
        f"\nSeconds: {found['seconds']:.0f}. Error over PCA's, on {CHUNK_ROWS:,} rows: "
        f"{found['error']:.3f}. Workers lost: {found['lost']}."
    )


def fit_within(gigabytes):
    """Fit on two limited workers; return what it took."""
    sampler, X = Sampler(), random_rows(gigabytes)
    with cluster_of(2, 1, LIMIT) as client:
        before = set(client.run(os.getpid).values())
        client.run(_begin_sampling)
        begin = time.perf_counter()
        fitted = DaskAutoencoderTransformer(
            LATENT, n_replicas=2, client=client, epochs=MEMORY_EPOCHS, random_state=0
        ).fit(X)
        seconds = time.perf_counter() - begin
        workers = list(client.run(_sampled).values())
        lost = len(before - set(client.run(os.getpid).values()))
    with dask.config.set(scheduler="synchronous"):
        some = X[:CHUNK_ROWS].compute()
    pca = PCA(LATENT).fit(some)
    by_pca = np.square(some - pca.inverse_transform(pca.transform(some))).mean()
    error = -fitted.to_local().score_samples(some).mean()
    return {
        "workers": workers,
        "driver": sampler.peak,
        "seconds": seconds,
        "error": error / by_pca,
        "lost": lost,
    }


# 5


def report_overhead(names):
    """Print seconds of an epoch by rounds beside those of an epoch in one process."""
    n_cores = len(os.sched_getaffinity(0))
    print(
        f"Seconds of an epoch, by rounds of replicas and in one process of as many "
        f"threads, batches of {BATCH_SIZE} rows, on {n_cores} cores\n"
    )
    print("| data | replicas | rounds | by rounds | plain | overhead of a round |")
    print("|---|---|---|---|---|---|")
    for name, codes in (("satellite", 8), ("mnist", 32)):
        if name not in names:
            continue
        X = train_and_test(name)[0]
        for n_replicas in (n for n in (1, 2, 4) if n <= n_cores):
            with cluster_of(n_replicas, 1) as client:
                client.wait_for_workers(n_replicas)
                n_rounds, by_rounds = rounds_and_seconds(client, X, codes, n_replicas)
            plain = in_fresh_process(seconds_of_epoch, X, codes, n_replicas)
            print(
                f"| {name} | {n_replicas} | {n_rounds} | {by_rounds:.3f} | {plain:.3f} "
                f"| {(by_rounds - plain) / n_rounds:.3f} |",
                flush=True,
            )


def rounds_and_seconds(client, X, codes, n_replicas):
    """Return the rounds of an epoch, and the seconds that an epoch adds to a fit."""
    rows, n_rounds = in_chunks(X), set()

    def fit(epochs):
        fitted = DaskAutoencoderTransformer(
            codes,
            n_replicas=n_replicas,
            client=client,
            epochs=epochs,
            batch_size=BATCH_SIZE,
            early_stopping=False,
            random_state=0,
        ).fit(rows)
        n_rounds.add(fitted.n_rounds_ // epochs)

    seconds = slope(fit)
    return n_rounds.pop(), seconds


def seconds_of_epoch(X, codes, n_threads):
    """Return the seconds that an epoch adds to a fit in this process."""
    cores = sorted(os.sched_getaffinity(0))[:n_threads]
    os.sched_setaffinity(0, cores)
    return slope(
        lambda epochs: AutoencoderTransformer(
            codes,
            epochs=epochs,
            batch_size=BATCH_SIZE,
            early_stopping=False,
            random_state=0,
        ).fit(X)
    )


def slope(fit, few=5, many=20, n_times=3):
    """Return the median seconds of one more epoch."""
    fit(few)  # compiles
    seconds = []
    for _ in range(n_times):
        marks = [time.perf_counter()]
        for epochs in (few, many):
            fit(epochs)
            marks.append(time.perf_counter())
        seconds.append((marks[2] - 2 * marks[1] + marks[0]) / (many - few))
    return statistics.median(seconds)


# 6


def report_on_paper():
    """Print what fits to a million rows a worker move, by the sizes of their parts."""
    X = np.random.default_rng(0).normal(size=(200, N_FEATURES))
    small = AutoencoderTransformer(32, epochs=1, random_state=0).fit(X)
    models = small.encoder_, small.decoder_
    n_weights = sum(model.count_params() for model in models)
    state = 4 * 3 * n_weights  # weights, and Adam's two means for each
    gram = 8 * N_FEATURES**2
    n_rows_of_partition = round(PARTITION_BYTES / 4 / N_FEATURES)
    print(
        f"On paper: {ROWS_OF_WORKER:,} rows a worker, {N_FEATURES} features in "
        f"float32, partitions of {PARTITION_BYTES / 1e6:.0f} MB, 32 codes, "
        f"{n_weights:,} weights ({state / 1e6:.1f} MB with the optimizer's), workers "
        'of four threads, n_replicas="auto"\n'
    )
    print(
        "| workers | rows | GB | replicas | rounds an epoch | GB moved for PCA, all "
        "workers | MB moved a round | of these by the driver | driver's memory, MB |"
    )
    print("|---" * 9 + "|")
    for n_workers in (10, 100, 1000):
        n_rows = n_workers * ROWS_OF_WORKER
        n_parts = -(-n_rows // n_rows_of_partition)
        n_replicas = number_of_replicas("auto", n_parts, n_rows, 4 * n_workers)
        by_driver = state * (1 + n_replicas)  # one is sent, the replicas' come back
        moved = by_driver + state * n_replicas  # from the worker that has it to others
        sample = 20_000 * 4 * N_FEATURES
        memory = 2 * sample + 3 * gram + state * (n_replicas + 3)
        print(
            f"| {n_workers:,} | {n_rows:,} | {4 * N_FEATURES * n_rows / 1e9:,.0f} "
            f"| {n_replicas} | {rounds_of_epoch(n_rows, n_replicas):,} "
            f"| {n_parts * gram / 1e9:,.1f} | {moved / 1e6:.0f} "
            f"| {by_driver / 1e6:.0f} | {memory / 1e6:.0f} |"
        )


def rounds_of_epoch(n_rows, n_replicas):
    """Return the rounds in which every row is trained on once."""
    n_training = 0.9 * n_rows
    of_replica = n_training / n_replicas
    n_groups = max(1, math.ceil(of_replica * N_FEATURES / VALUES_OF_GROUP))
    batch = _defaults.batch_size(n_training) / math.sqrt(n_replicas)
    return n_groups * max(1, round(of_replica / n_groups / batch / STEPS_OF_ROUND))


if __name__ == "__main__":
    main()
