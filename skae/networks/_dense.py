"""Fully connected networks."""

from __future__ import annotations

import math

from skae._runtime.annotations import KerasModel, Shape
from skae._runtime.tensorflow import load_keras
from skae.networks._base import (
    Network,
    centred,
    code,
    dense,
    flat,
    linear_and_branch,
    shaped,
)
from skae.networks._checks import check_activation, check_layer_sizes


class DenseNetwork(Network):
    """Fully connected encoder, and a decoder that mirrors it.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(256,)
        Units of the encoder's hidden layers, from the input to the code. Empty for
        an autoencoder without hidden layers.

    activation : str, default="relu"
        Name of the Keras activation of the hidden layers.

    code_activation : str, default="linear"
        Name of the Keras activation of the code.

    linear_shortcut : bool, default=True
        Whether encoder and decoder are each the sum of a linear map and the
        hidden layers' output, which is zero at first. Otherwise they are plain
        chains of layers.

    Examples
    --------
    >>> from skae.networks import DenseNetwork
    >>> network = DenseNetwork((128,), linear_shortcut=False)
    >>> network.build_encoder((784,), 32).count_params()
    104608
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Shape = (256,),
        *,
        activation: str = "relu",
        code_activation: str = "linear",
        linear_shortcut: bool = True,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.code_activation = code_activation
        self.linear_shortcut = linear_shortcut

    def build_encoder(self, sample_shape: Shape, encoding_dim: int) -> KerasModel:
        """Build the map from samples to codes.

        Parameters
        ----------
        sample_shape : tuple of int
            Shape of one sample, without the batch axis.

        encoding_dim : int
            Number of codes.

        Returns
        -------
        keras.Model
            Named "encoder"; from float32 ``(batch, *sample_shape)`` to
            ``(batch, encoding_dim)``.
        """
        keras = load_keras()
        inputs = keras.Input(sample_shape, dtype="float32", name="sample")
        codes = self._dense_map(flat(inputs), self._sizes(), encoding_dim)
        return keras.Model(inputs, code(codes, self.code_activation), name="encoder")

    def build_decoder(self, sample_shape: Shape, encoding_dim: int) -> KerasModel:
        """Build the map from codes to reconstructions.

        Parameters
        ----------
        sample_shape : tuple of int
            Shape of one sample, without the batch axis.

        encoding_dim : int
            Number of codes.

        Returns
        -------
        keras.Model
            Named "decoder"; from float32 ``(batch, encoding_dim)`` to
            ``(batch, *sample_shape)``, without an output activation.
        """
        keras = load_keras()
        inputs = keras.Input((encoding_dim,), dtype="float32", name="code")
        codes = centred(inputs, self.code_activation, self.linear_shortcut)
        outputs = self._dense_map(codes, self._sizes()[::-1], math.prod(sample_shape))
        return keras.Model(inputs, shaped(outputs, sample_shape), name="decoder")

    def _sizes(self):
        check_activation("activation", self.activation)
        check_activation("code_activation", self.code_activation)
        return check_layer_sizes("hidden_layer_sizes", self.hidden_layer_sizes)

    def _dense_map(self, inputs, hidden_layer_sizes, n_outputs):
        """Chain hidden layers to `n_outputs` units, beside a linear map if wanted."""
        hidden = inputs
        for i, units in enumerate(hidden_layer_sizes, start=1):
            hidden = dense(
                units,
                activation=self.activation,
                initializer="HeNormal",
                name=f"hidden_{i}",
            )(hidden)
        return linear_and_branch(inputs, hidden, n_outputs, self.linear_shortcut)
