"""Which Dask client a fit uses."""

import contextlib

import distributed


def check_client(client):
    """Raise a TypeError or ValueError for what cannot carry out a fit."""
    if not isinstance(client, distributed.Client):
        raise TypeError(
            f"client={client!r} is a {type(client).__name__}. Pass a "
            "distributed.Client, or None for the current one."
        )
    if client.asynchronous:
        raise TypeError(
            f"client={client!r} is asynchronous, but fit waits for its results. Pass "
            "one of distributed.Client(...) without asynchronous=True."
        )
    if client.status != "running":
        raise ValueError(
            f"client={client!r} has the status {client.status!r}. Connect a new one "
            "with distributed.Client(address)."
        )


def current_client(client=None):
    """Return a client, checked: the one given, or else the current one.

    Raises
    ------
    ValueError
        When there is none, or when it is closed.

    TypeError
        When it is asynchronous, or no client.
    """
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError as error:
            raise ValueError(
                "client=None takes the current Dask client, but there is none. Start "
                "one first: client = distributed.Client() for this machine, or "
                "distributed.Client(address) for a cluster."
            ) from error
    check_client(client)
    return client


@contextlib.contextmanager
def client_of(estimator):
    """Return a context with the client that carries out a fit.

    Inside a task it is the worker's own, and the task gives its thread to others
    meanwhile, so that a fit in a task waits for no place that it takes itself.
    """
    if estimator.client is None and _is_in_task():
        with distributed.worker_client() as client:
            yield client
        return
    yield current_client(estimator.client)


def _is_in_task():
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True
