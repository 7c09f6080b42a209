"""The estimator over a Dask cluster."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, Literal, Self

from skae._data.prepare import UserData
from skae._estimators.constraints import AUTO, COUNT, fit_context
from skae._estimators.dense import AutoencoderTransformer
from skae._estimators.shared_docs import documented
from skae._runtime.annotations import (
    Auto,
    CodeActivation,
    Loss,
    Optimizer,
    Seed,
    Shape,
)
from skae._runtime.scikit_learn import HasMethods
from skae.dask._clients import client_of, current_client
from skae.dask._collections import is_collection
from skae.dask._fit import fit
from skae.dask._methods import CollectionsMixin
from skae.networks import Network

if TYPE_CHECKING:
    import distributed

_OWN = ("n_replicas", "client", "n_replicas_", "n_rounds_")


@documented
class DaskAutoencoderTransformer(CollectionsMixin, AutoencoderTransformer):
    """`skae.AutoencoderTransformer` fitted over a Dask cluster.

    The rows stay on the cluster, in the partitions that they come in. PCA, the start
    and what the network is compared with, is that of all rows. Then the network is
    trained in rounds: replicas of it, each with partitions of its own, train from the
    same weights, and the mean of what they have learnt is where the next round begins.

    The bits of a fit follow from the partitions, `n_replicas` and `random_state`. The
    number of workers, threads and machines does not matter, nor does a worker that is
    lost: it costs its round. (A task computes in one thread, as ``OMP_NUM_THREADS=1``
    has it, which Dask's nannies set. Workers that are started without a nanny need that
    variable, and all machines the same kind of processor.)

    For arrays in memory it does what `AutoencoderTransformer` does, with the same bits.

    Parameters
    ----------
    %(encoding_dim)s

        Over a cluster "auto" is refused.

    %(dense_network)s

    %(l1_activity)s

    %(code)s

        Over a cluster "allow" is refused.

    %(loss)s

    %(training_parameters)s

    n_replicas : int or "auto", default="auto"
        Number of replicas that train at the same time. "auto" is the number of the
        workers' threads or of the partitions, whichever is smaller, at most 16, and so
        few that each has 1,000 rows. An array in memory has one. `batch_size` are the
        rows in a step of one replica; its "auto" is that of one machine divided by
        √n_replicas, and that of `epochs` gives each replica about 3,000 steps.

    client : distributed.Client or None, default=None
        Client of the cluster. None takes the current one; in a task, that of the
        worker. It is neither pickled nor cloned with the estimator's other parameters,
        but handed on to clones.

    Attributes
    ----------
    %(fitted_attributes)s

    hidden_layer_sizes_ : tuple of int
        Units of the hidden layers. Not set if `network` is given.

    n_replicas_ : int
        Number of replicas.

    n_rounds_ : int
        Number of rounds, each one value of `history_`.

    client_ : distributed.Client
        The client given, or else the current one.

    See Also
    --------
    skae.AutoencoderTransformer : The same in one process.

    References
    ----------
    Stich (2019), Local SGD converges fast and communicates little, ICLR.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sklearn.datasets import load_digits
    >>> from skae.dask import DaskAutoencoderTransformer
    >>> digits, _ = load_digits(return_X_y=True)
    >>> with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
    ...     X = da.from_array(digits, chunks=(600, -1))
    ...     autoencoder = DaskAutoencoderTransformer(8, epochs=5, random_state=0)
    ...     codes = autoencoder.fit(X).transform(X)
    ...     codes.compute().shape
    (1797, 8)
    """

    _parameter_constraints = {
        **AutoencoderTransformer._parameter_constraints,
        "n_replicas": [AUTO, COUNT],
        "client": [HasMethods(["gather", "submit"]), None],
    }

    def __init__(
        self,
        encoding_dim: int | float | Auto | None = 32,
        *,
        hidden_layer_sizes: int | Shape | Auto = "auto",
        activation: str = "relu",
        code_activation: CodeActivation = "linear",
        network: Network | None = None,
        l1_activity: float = 0.0,
        whiten: bool = False,
        nested_dropout: bool = False,
        missing_values: Literal["error", "allow"] = "error",
        loss: Loss = "mse",
        init: Literal["auto", "pca", "random"] = "auto",
        optimizer: Optimizer = "auto",
        learning_rate: float | Auto = "auto",
        learning_rate_schedule: Literal["cosine", "constant"] = "cosine",
        batch_size: int | Auto = "auto",
        epochs: int | Auto = "auto",
        validation_fraction: float | Auto = "auto",
        early_stopping: bool = True,
        patience: int | Auto = "auto",
        callbacks: Any = None,
        warm_start: bool = False,
        random_state: Seed = None,
        verbose: int = 0,
        n_replicas: int | Auto = "auto",
        client: distributed.Client | None = None,
    ) -> None:
        super().__init__(
            encoding_dim,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            code_activation=code_activation,
            network=network,
            l1_activity=l1_activity,
            whiten=whiten,
            nested_dropout=nested_dropout,
            missing_values=missing_values,
            loss=loss,
            init=init,
            optimizer=optimizer,
            learning_rate=learning_rate,
            learning_rate_schedule=learning_rate_schedule,
            batch_size=batch_size,
            epochs=epochs,
            validation_fraction=validation_fraction,
            early_stopping=early_stopping,
            patience=patience,
            callbacks=callbacks,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_replicas = n_replicas
        self.client = client

    @fit_context
    def fit(
        self, X: Any, y: object = None, *, sample_weight: Any = None, X_val: Any = None
    ) -> Self:
        """Learn codes from which the rows of X can be reconstructed.

        If anything fails, the estimator stays as it was.

        Parameters
        ----------
        X : dask.array, dask.dataframe, or what AutoencoderTransformer takes
            Training rows, at least two, in chunks of whole rows. Of frames the names
            are kept. Numbers of rows that Dask does not know are computed.

        y : None
            Ignored; present so that pipelines can pass labels.

        sample_weight : dask.array or array-like of shape (n_samples,), default=None
            What each row counts: a row of weight 2 is two rows, one of weight 0 is
            none. Not negative.

        X_val : like X, default=None
            Rows that judge each round, instead of rows held out from X.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data cannot be used; the message says which and
            what would do. Also without a client.

        TypeError
            When the client is asynchronous, or X is another collection of Dask.

        RuntimeError
            When every worker dies from a task of the fit.
        """
        if not is_collection(X):
            super().fit(X, y, sample_weight=sample_weight, X_val=X_val)
            self.n_replicas_, self.n_rounds_ = 1, self.n_iter_
            return self
        with client_of(self) as client:
            recipe = functools.partial(_fit_over, client=client)
            return self._after(recipe, UserData(X, sample_weight, X_val, y=y))

    def partial_fit(
        self, X: Any, y: object = None, *, sample_weight: Any = None
    ) -> Self:
        """Go on learning with one pass over some rows in memory.

        See `AutoencoderTransformer.partial_fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Rows; in the first call at least two.

        y : None
            Ignored; present so that pipelines can pass labels.

        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts, relative to the others of this call. Not negative.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data cannot be used; the message says which and
            what would do.

        TypeError
            When X is a collection of Dask.
        """
        if is_collection(X):
            raise TypeError(
                f"X is a {type(X).__name__} of Dask, and partial_fit takes rows in "
                "memory. Use fit, with warm_start=True to go on from an earlier fit."
            )
        return super().partial_fit(X, y, sample_weight=sample_weight)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plain estimator (`to_local`) to a file for `skae.load`.

        Parameters
        ----------
        path : str or path-like
            The file, by convention ending in ".skae".

        Returns
        -------
        None

        Raises
        ------
        TypeError
            When a parameter holds code of the user's own, which no file of data can
            hold.

        ValueError
            When there is something else than a file at the path.

        OSError
            When the file cannot be written.
        """
        self.to_local().save(path)

    def to_local(self) -> AutoencoderTransformer:
        """Return the plain estimator, with the same parameters and the same fit.

        Returns
        -------
        local : AutoencoderTransformer
            It needs no Dask, and gives the same bits.
        """
        local = object.__new__(AutoencoderTransformer)
        state = {name: v for name, v in vars(self).items() if name not in _OWN}
        local.__dict__.update(state)
        return local

    @property
    def client_(self) -> distributed.Client:
        """The client given, or else the current one."""
        return current_client(self.client)

    def __getstate__(self):
        return {**super().__getstate__(), "client": None}

    def __sklearn_clone__(self):
        bare = object.__new__(type(self))
        bare.__dict__.update(vars(self), client=None)
        cloned = super(DaskAutoencoderTransformer, bare).__sklearn_clone__()
        cloned.client = self.client
        return cloned


def _fit_over(estimator, data, client):
    fit(estimator, data, client)
