"""Tasks on a cluster: submitted, waited for, and issued again after a loss."""

import contextlib
import pickle
import uuid

import cloudpickle
import dask
import distributed
from dask.delayed import delayed
from distributed.client import FutureCancelledError

# Each time a worker that held what a step needs was lost. A cluster that loses one in
# every step never ends a fit, so there must be a number.
_MOST_TRIES = 5
# 8 MB. Dask warns of tasks that hold more than 10 MB.
_BYTES_OF_TASK = 2**23
_LOST: tuple[type[BaseException], ...] = (FutureCancelledError, TimeoutError)
with contextlib.suppress(ImportError):  # of later versions
    from distributed.client import FuturesCancelledError

    _LOST = (*_LOST, FuturesCancelledError)


class Cluster:
    """A Dask client, as a fit uses it.

    Parameters
    ----------
    client : distributed.Client
        Synchronous.
    """

    def __init__(self, client):
        self._client = client

    def n_threads(self):
        """Return the number of threads of all workers, at least one."""
        return max(1, sum(self._client.nthreads().values()))

    def memory_limit(self):
        """Return the bytes that all workers may hold; infinite where one has none."""
        limits = self._client.run_on_scheduler(_memory_limits)
        return sum(limits) if limits and all(limits) else float("inf")

    def send(self, value):
        """Return a future of a value, which the scheduler can send again.

        What is scattered is lost with its worker, and tasks that wait for it then wait
        for ever.
        """
        pickled = cloudpickle.dumps(value)
        parts = [
            pickled[first : first + _BYTES_OF_TASK]
            for first in range(0, len(pickled), _BYTES_OF_TASK)
        ]
        if len(parts) > 1:
            parts = [self.submit(_same, part) for part in parts]
        return self.submit(_loaded, parts)

    def submit(self, function, *arguments):
        """Return the future of a function of values and futures.

        The scheduler takes the worker that holds most of these. (To name one would stop
        a fit for ever: a task that names a worker which is gone waits for it, if there
        is no other at that moment.)

        Parameters
        ----------
        function : callable
            Its result follows from the arguments alone, so that it can be computed
            anew elsewhere.
        """
        key = _key(function)
        return self._client.submit(function, *arguments, key=key, pure=False)

    def compute(self, tasks):
        """Return the future of a delayed task, or those of a list; see `submit`."""
        return self._client.compute(tasks)

    def carried_out(self, step, name):
        """Return the results of a step: a function that submits tasks.

        Dask itself computes anew what was lost with a worker. Where it gives up, the
        step is taken again.

        Parameters
        ----------
        step : callable
            Returns a list of futures.

        name : str
            What the step is, for errors.

        Raises
        ------
        RuntimeError
            When workers die from it, or are lost all the time.
        """
        for _ in range(_MOST_TRIES):
            try:
                return self._client.gather(step())
            except distributed.KilledWorker as error:
                raise RuntimeError(
                    f"Every worker that computed {name} died from it, mostly of too "
                    "little memory. Rechunk to smaller partitions, or give the workers "
                    f"more memory. Dask says: {error}"
                ) from error
            except _LOST as error:
                lost = error
        raise RuntimeError(
            f"Data for {name} were lost {_MOST_TRIES} times and could not be computed "
            "anew. Rows that were scattered, and not computed from a graph, are lost "
            f"with their worker. Dask says: {lost}"
        ) from lost


def _same(part):
    return part


def _loaded(parts):
    return pickle.loads(b"".join(parts))


def _memory_limits(dask_scheduler):
    return [worker.memory_limit or 0 for worker in dask_scheduler.workers.values()]


def _key(function):
    return f"skae-{function.__name__.strip('_')}-{uuid.uuid4().hex}"


def task(function, *arguments):
    """Return a delayed task, whose key is its own, of values and other tasks."""
    return delayed(function, pure=False)(*arguments, dask_key_name=_key(function))


def shared(value):
    """Return a value as one task, so that a graph holds it once for many others."""
    key = f"skae-{type(value).__name__.lower()}-{uuid.uuid4().hex}"
    return dask.delayed(value, name=key, traverse=False)


def reduced(submit, function, parts, arity=8):
    """Return the task that brings parts together, as a tree in their order.

    The tree follows from their number alone, and so do the bits of sums.

    Parameters
    ----------
    submit : callable
        Makes a task, or a future, of a function and its arguments.

    function : callable
        Of a list of parts.

    parts : list of tasks or futures
        At least one.

    arity : int, default=8
        How many parts are brought together at a time.
    """
    while len(parts) > 1:
        parts = [
            submit(function, parts[first : first + arity])
            for first in range(0, len(parts), arity)
        ]
    return parts[0]
