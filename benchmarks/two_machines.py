"""Does a fit pass over two machines, set up as the guide says?

    python -m benchmarks.two_machines [--rows 4000] [--port 8786]

Two network namespaces stand for two machines: each has addresses and ports of its own,
and one cable (a veth pair) joins them. The first runs `dask scheduler`, a worker and
the user's program; the second a worker. A folder of Parquet files stands for the disk
that all machines read. The program fits `DaskAutoencoderTransformer` to it, encodes it
lazily, and prints where the workers were, what each has computed and sent, and whether
a cluster within one process gives the same bits.

Namespaces need Linux, the command `ip` and the right to use it (root). Where they
cannot be had, both workers are started by hand on ports of the loopback, and the
benchmark says so.
"""

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd

ADDRESSES = ("10.77.0.1", "10.77.0.2")
N_CODES, EPOCHS, N_FILES = 4, 5, 6


def main():
    """Run the benchmark and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--port", type=int, default=8786)
    parser.add_argument("--program", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.program:
        program(*arguments.program)
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        write_parquet(folder, arguments.rows)
        machines = two_machines(stack)
        run_cluster(stack, machines, arguments.port, folder)


def write_parquet(folder, n_rows):
    """Write rows that are bent in some directions, as a few Parquet files."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(-2, 2, (n_rows, 3))
    bent = np.hstack([angles, np.sin(2 * angles), np.cos(2 * angles)])
    X = bent @ rng.normal(size=(9, 20)) + 0.05 * rng.normal(size=(n_rows, 20))
    frame = pd.DataFrame(X, columns=[f"sensor_{i}" for i in range(20)])
    for number, part in enumerate(np.array_split(np.arange(n_rows), N_FILES)):
        path = pathlib.Path(folder) / f"part-{number}.parquet"
        frame.iloc[part].to_parquet(path)


# Machines


def two_machines(stack):
    """Return, for each of two machines, its address and what a command begins with."""
    try:
        return list(zip(ADDRESSES, namespaces(stack), strict=True))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"No network namespaces ({error}): two workers on the loopback instead.")
        return [("127.0.0.1", [])] * 2


def namespaces(stack):
    """Make two network namespaces with a cable between them; the stack ends them."""
    names = [f"skae-{os.getpid()}-{side}" for side in "ab"]
    cables = [f"skae{os.getpid() % 10**6}{side}" for side in "ab"]
    for name in names:
        ip("netns", "add", name)
        stack.callback(ip, "netns", "del", name)
    ip("link", "add", cables[0], "type", "veth", "peer", "name", cables[1])
    for name, cable, address in zip(names, cables, ADDRESSES, strict=True):
        ip("link", "set", cable, "netns", name)
        ip("-n", name, "addr", "add", f"{address}/24", "dev", cable)
        ip("-n", name, "link", "set", cable, "up")
        ip("-n", name, "link", "set", "lo", "up")
    return [["ip", "netns", "exec", name] for name in names]


def ip(*arguments):
    """Run the command `ip`."""
    subprocess.run(["ip", *arguments], check=True)


def run_cluster(stack, machines, port, folder):
    """Start scheduler and workers as the guide says, and run the program."""
    (address, on_first), _ = machines
    scheduler = f"tcp://{address}:{port}"
    dask = [sys.executable, "-m", "dask"]
    run_meanwhile(
        stack,
        [*on_first, *dask, "scheduler", "--host", address, "--port", str(port)],
    )
    worker = [*dask, "worker", scheduler, "--nthreads", "1", "--memory-limit", "2GB"]
    for number, (_, on_machine) in enumerate(machines):
        run_meanwhile(stack, [*on_machine, *worker, "--name", f"machine-{number + 1}"])
    this = [sys.executable, "-m", "benchmarks.two_machines", "--program"]
    subprocess.run([*on_first, *this, scheduler, folder], check=True)


def run_meanwhile(stack, command):
    """Start a command that the stack ends."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)


# What the user writes


def program(scheduler, folder):
    """Fit and encode over the cluster, as the user's own program."""
    import dask.dataframe as dd
    from distributed import Client, get_task_stream

    from skae.dask import DaskAutoencoderTransformer

    with Client(scheduler, timeout=60) as client:
        client.wait_for_workers(2, timeout=60)
        X = dd.read_parquet(folder)
        with get_task_stream(client) as tasks:
            autoencoder = DaskAutoencoderTransformer(
                N_CODES, n_replicas=2, epochs=EPOCHS, random_state=0
            ).fit(X)
            n_codes = len(autoencoder.transform(X))
        print(
            f"{n_codes} rows encoded; {autoencoder.n_replicas_} replicas, "
            f"{autoencoder.n_rounds_} rounds\n"
        )
        report(client, tasks.data)
        over_machines = autoencoder.to_local()
    rows = X.compute(scheduler="synchronous")
    print(f"\nVariance explained: {over_machines.score(rows):.4f}")
    report_bits(over_machines, folder)


def report(client, tasks):
    """Print where the workers are, and what each has computed and sent."""
    print("| worker | address | tasks | seconds | MB sent to the other |")
    print("|---|---|---|---|---|")
    sent = client.run(lambda dask_worker: dask_worker.transfer_outgoing_bytes_total)
    for address, worker in client.scheduler_info(n_workers=-1)["workers"].items():
        spans = [
            span["stop"] - span["start"]
            for task in tasks
            if task["worker"] == address
            for span in task["startstops"]
            if span["action"] == "compute"
        ]
        print(
            f"| {worker['name']} | {worker['host']} | {len(spans)} | {sum(spans):.1f} "
            f"| {sent[address] / 1e6:.2f} |"
        )


def report_bits(over_machines, folder):
    """Print whether a cluster within this process gives the same bits."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    from skae.dask import DaskAutoencoderTransformer

    with (
        LocalCluster(
            1, processes=False, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster),
    ):
        here = DaskAutoencoderTransformer(
            N_CODES, n_replicas=2, epochs=EPOCHS, random_state=0
        ).fit(dd.read_parquet(folder))
    same = all(map(np.array_equal, weights(over_machines), weights(here.to_local())))
    print(f"The same bits as on a cluster within one process: {same}")


def weights(estimator):
    """Return the weights of a fitted estimator's networks."""
    return estimator.encoder_.get_weights() + estimator.decoder_.get_weights()


if __name__ == "__main__":
    main()
