"""Fully connected autoencoders: simple, deep and sparse."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from skae import _defaults
from skae._estimators.base import BaseAutoencoder
from skae._estimators.constraints import (
    AUTO,
    COUNT,
    N_CODES,
    NOT_NEGATIVE,
    POINT_CONSTRAINTS,
    SHARED_CONSTRAINTS,
)
from skae._estimators.shared_docs import documented
from skae._objective.objective import Objective
from skae._runtime.annotations import (
    Auto,
    Callbacks,
    CodeActivation,
    Loss,
    Optimizer,
    Seed,
    Shape,
)
from skae._runtime.scikit_learn import StrOptions
from skae.networks import DenseNetwork, Network
from skae.networks._checks import check_layer_sizes


@documented
class AutoencoderTransformer(BaseAutoencoder):
    """Dimensionality reduction by an autoencoder that starts as PCA.

    Encoder and decoder are each a linear map plus a neural network. The linear maps
    start as the principal axes of the training rows and the networks at zero, so
    training begins at PCA. It keeps the weights that reconstruct held-out rows best.
    If no weights beat PCA by more than chance, it keeps PCA.

    Like PCA, it centres the features and keeps their relative variances. The unit of
    the data does not matter; codes and reconstructions come back in that unit.

    Parameters
    ----------
    %(encoding_dim)s

    %(dense_network)s

    %(l1_activity)s

    %(code)s

    %(loss)s

    %(training_parameters)s

    Attributes
    ----------
    %(fitted_attributes)s

    %(encoding_dim_search)s

    hidden_layer_sizes_ : tuple of int
        Units of the hidden layers. Not set if `network` is given.

    See Also
    --------
    sklearn.decomposition.PCA : The linear start of this estimator.

    References
    ----------
    Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural
    networks, Science 313.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(8, epochs=5, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 8)
    """

    _parameter_constraints = {
        "encoding_dim": N_CODES,
        "hidden_layer_sizes": [AUTO, COUNT, tuple, list, np.ndarray],
        "activation": [str],
        "code_activation": [StrOptions({"linear", "relu", "tanh", "sigmoid"})],
        "network": [Network, None],
        "l1_activity": [NOT_NEGATIVE],
        **POINT_CONSTRAINTS,
        **SHARED_CONSTRAINTS,
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
        callbacks: Callbacks = None,
        warm_start: bool = False,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.encoding_dim = encoding_dim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.code_activation = code_activation
        self.network = network
        self.l1_activity = l1_activity
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

    def _check_parameters(self) -> None:
        described = {
            "hidden_layer_sizes": "auto",
            "activation": "relu",
            "code_activation": "linear",
        }
        given = {name: getattr(self, name) for name in described}
        changed = [
            name
            for name, value in given.items()
            if not isinstance(value, str) or value != described[name]
        ]
        if self.network is not None and changed:
            raise ValueError(
                f"network={self.network!r} takes the place of {', '.join(changed)}. "
                "Set one or the other: the network's own parameters, or network=None."
            )

    def _resolved_parameters(self, network: Any) -> dict[str, Any]:
        if self.network is not None:
            return {}
        return {"hidden_layer_sizes_": network.hidden_layer_sizes}

    def _network(self) -> Network:
        if self.network is not None:
            return self.network
        sizes = self.hidden_layer_sizes
        if isinstance(sizes, str):
            sizes = _defaults.hidden_layer_sizes(self.nested_dropout)
        return DenseNetwork(
            check_layer_sizes("hidden_layer_sizes", sizes),
            activation=self.activation,
            code_activation=self.code_activation,
        )

    def _objective(self) -> Objective:
        return Objective.of(self)
