"""Convolutional autoencoders for images and signals."""

from __future__ import annotations

from typing import Literal

import numpy as np

from skae._estimators.base import BaseAutoencoder
from skae._estimators.constraints import (
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
from skae.networks import ConvNetwork


@documented
class ConvAutoencoder(BaseAutoencoder):
    """Dimensionality reduction of images and signals by convolutions beside PCA.

    Encoder and decoder are each a linear map plus a convolutional network. The linear
    maps start as the principal axes and the convolutions at zero, so training begins
    at PCA, as in `AutoencoderTransformer`. With ``bottleneck="spatial"`` it is the
    convolutional autoencoder of the textbooks.

    Images may have any height, width and number of channels, odd sizes included; grey
    images need no axis for the channel.

    Parameters
    ----------
    %(encoding_dim)s

    filters : tuple of int, default=(16, 32)
        Filters of the convolution in each stage, from the image to the code. Each
        stage halves height and width, rounded up.

    kernel_size : int or tuple of int, default=3
        Height and width of the convolutions. With a tuple of one number, such as
        ``(5,)``, samples of shape (length, channels) are signals, otherwise grey
        images.

    downsampling : {"strides", "max_pool"}, default="strides"
        How a stage halves the image: by strides of 2, with transposed convolutions on
        the way back, or by max-pooling, with repetition on the way back.

    batch_normalization : bool, default=False
        Whether a batch normalisation follows each stage's convolution.

    bottleneck : {"dense", "spatial"}, default="dense"
        Whether the code is the output of a dense layer, or the last stage, flattened.

    image_shape : tuple of int or None, default=None
        Shape of one image, (height, width) or (height, width, channels), if X has flat
        rows. Without it, flat rows are signals of one channel.

    activation : str, default="relu"
        Name of the Keras activation of the convolutions.

    code_activation : {"linear", "relu", "tanh", "sigmoid"}, default="linear"
        Activation of the code.

    %(l1_activity)s

    %(code)s

    %(loss)s

    %(training_parameters)s

    Attributes
    ----------
    %(fitted_attributes)s

    %(encoding_dim_search)s

    See Also
    --------
    skae.networks.ConvNetwork : The network alone.

    References
    ----------
    Masci, Meier, Ciresan and Schmidhuber (2011), Stacked convolutional auto-encoders
    for hierarchical feature extraction, ICANN.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ConvAutoencoder
    >>> images = load_digits().images
    >>> autoencoder = ConvAutoencoder(8, filters=(8,), epochs=2, random_state=0)
    >>> autoencoder.fit_transform(images).shape
    (1797, 8)
    >>> autoencoder.reconstruct(images).shape
    (1797, 8, 8)
    """

    _parameter_constraints = {
        "encoding_dim": N_CODES,
        "filters": [COUNT, tuple, list, np.ndarray],
        "kernel_size": [COUNT, tuple, list, np.ndarray],
        "downsampling": [StrOptions({"max_pool", "strides"})],
        "batch_normalization": ["boolean"],
        "bottleneck": [StrOptions({"dense", "spatial"})],
        "image_shape": [tuple, list, np.ndarray, None],
        "activation": [str],
        "code_activation": [StrOptions({"linear", "relu", "tanh", "sigmoid"})],
        "l1_activity": [NOT_NEGATIVE],
        **POINT_CONSTRAINTS,
        **SHARED_CONSTRAINTS,
    }

    def __init__(
        self,
        encoding_dim: int | float | Auto | None = 32,
        *,
        filters: int | Shape = (16, 32),
        kernel_size: int | Shape = 3,
        downsampling: Literal["strides", "max_pool"] = "strides",
        batch_normalization: bool = False,
        bottleneck: Literal["dense", "spatial"] = "dense",
        image_shape: Shape | None = None,
        activation: str = "relu",
        code_activation: CodeActivation = "linear",
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
        self.filters = filters
        self.kernel_size = kernel_size
        self.downsampling = downsampling
        self.batch_normalization = batch_normalization
        self.bottleneck = bottleneck
        self.image_shape = image_shape
        self.activation = activation
        self.code_activation = code_activation
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

    def _network(self) -> ConvNetwork:
        return ConvNetwork(
            self.filters,
            kernel_size=self.kernel_size,
            downsampling=self.downsampling,
            batch_normalization=self.batch_normalization,
            bottleneck=self.bottleneck,
            image_shape=self.image_shape,
            activation=self.activation,
            code_activation=self.code_activation,
        )

    def _objective(self) -> Objective:
        return Objective.of(self)
