"""Recurrent autoencoders for sequences."""

from __future__ import annotations

from typing import Literal

import numpy as np

from skae._estimators.base import BaseAutoencoder
from skae._estimators.constraints import (
    COUNT,
    N_CODES,
    POINT_CONSTRAINTS,
    SHARED_CONSTRAINTS,
    SIZE,
)
from skae._estimators.shared_docs import documented
from skae._objective.objective import Objective
from skae._runtime.annotations import Auto, Callbacks, Loss, Optimizer, Seed, Shape
from skae._runtime.scikit_learn import StrOptions
from skae.networks import RecurrentNetwork


@documented
class SequenceAutoencoder(BaseAutoencoder):
    """Dimensionality reduction of sequences by recurrent networks beside PCA.

    Encoder and decoder are each a linear map plus a recurrent network. The encoder
    reads the sequence into one vector. The decoder repeats the code at every step and
    turns that into a sequence again. The linear maps start as the principal axes and
    the recurrent networks at zero, so training begins at PCA, as in
    `AutoencoderTransformer`. With ``init="random"`` it is the sequence autoencoder of
    the textbooks.

    All sequences must have the same length; each step has one channel or several.

    Parameters
    ----------
    %(encoding_dim)s

    units : int, default=64
        Units of each recurrent layer; if bidirectional, of each direction.

    n_layers : int, default=1
        Number of recurrent layers in the encoder, and in the decoder.

    cell : {"lstm", "gru"}, default="gru"
        Kind of the recurrent layers.

    bidirectional : bool, default=False
        Whether each layer runs along the sequence both ways.

    sequence_shape : tuple of int or None, default=None
        Shape of one sequence, (steps,) or (steps, channels), if X has flat rows.
        Without it, flat rows are sequences of one channel.

    %(code)s

    %(loss)s

    %(training_parameters)s

    Attributes
    ----------
    %(fitted_attributes)s

    %(encoding_dim_search)s

    See Also
    --------
    skae.networks.RecurrentNetwork : The network alone.

    References
    ----------
    Srivastava, Mansimov and Salakhutdinov (2015), Unsupervised learning of video
    representations using LSTMs, ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import SequenceAutoencoder
    >>> phases = np.random.RandomState(0).uniform(0, 2 * np.pi, (60, 1))
    >>> waves = np.sin(phases + np.linspace(0, 2 * np.pi, 12))
    >>> autoencoder = SequenceAutoencoder(2, units=8, epochs=2, random_state=0)
    >>> autoencoder.fit_transform(waves[:, :, None]).shape
    (60, 2)
    >>> autoencoder.reconstruct(waves[:, :, None]).shape
    (60, 12, 1)
    """

    _parameter_constraints = {
        "encoding_dim": N_CODES,
        "units": [SIZE],
        "n_layers": [COUNT],
        "cell": [StrOptions({"lstm", "gru"})],
        "bidirectional": ["boolean"],
        "sequence_shape": [tuple, list, np.ndarray, None],
        **POINT_CONSTRAINTS,
        **SHARED_CONSTRAINTS,
    }

    def __init__(
        self,
        encoding_dim: int | float | Auto | None = 32,
        *,
        units: int = 64,
        n_layers: int = 1,
        cell: Literal["lstm", "gru"] = "gru",
        bidirectional: bool = False,
        sequence_shape: Shape | None = None,
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
        callbacks: Callbacks = None,
        warm_start: bool = False,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.encoding_dim = encoding_dim
        self.units = units
        self.n_layers = n_layers
        self.cell = cell
        self.bidirectional = bidirectional
        self.sequence_shape = sequence_shape
        self.whiten = whiten
        self.nested_dropout = nested_dropout
        self.missing_values = missing_values
        self.loss = loss
        self.init = init
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _network(self) -> RecurrentNetwork:
        return RecurrentNetwork(
            self.units,
            n_layers=self.n_layers,
            cell=self.cell,
            bidirectional=self.bidirectional,
            sequence_shape=self.sequence_shape,
        )

    def _objective(self) -> Objective:
        return Objective.of(self)
