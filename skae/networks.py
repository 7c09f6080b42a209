"""Networks: how an autoencoder is wired.

A network turns ``(sample_shape, encoding_dim)`` into two Keras models, an encoder
and a decoder. It never sees data, and its parameters can be searched like those of
any scikit-learn estimator.
"""

import math

from sklearn.base import BaseEstimator

from skae import _backend

LINEAR = "linear"
"""Name of the layer, in encoder and decoder, that starts as the PCA map."""

BRANCH = "nonlinear"
"""Name of the layer that ends the non-linear branch; it starts at zero."""


class DenseNetwork(BaseEstimator):
    """Fully connected encoder and decoder, the decoder mirroring the encoder.

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
        hidden layers' output, which is zero at first. Without it they are plain
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
        hidden_layer_sizes=(256,),
        *,
        activation="relu",
        code_activation="linear",
        linear_shortcut=True,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.code_activation = code_activation
        self.linear_shortcut = linear_shortcut

    def build_encoder(self, sample_shape, encoding_dim):
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
            Named "encoder"; float32 ``(batch, *sample_shape)`` to
            ``(batch, encoding_dim)``.
        """
        keras, _ = _backend.load()
        inputs = keras.Input(sample_shape, name="sample")
        flat = keras.layers.Flatten(name="flat")(inputs) if sample_shape[1:] else inputs
        code = self._dense_map(flat, self.hidden_layer_sizes, encoding_dim)
        code = keras.layers.Activation(self.code_activation, name="code")(code)
        return keras.Model(inputs, code, name="encoder")

    def build_decoder(self, sample_shape, encoding_dim):
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
            Named "decoder"; float32 ``(batch, encoding_dim)`` to
            ``(batch, *sample_shape)``, without an output activation.
        """
        keras, _ = _backend.load()
        inputs = keras.Input((encoding_dim,), name="code")
        mirrored = tuple(self.hidden_layer_sizes)[::-1]
        outputs = self._dense_map(inputs, mirrored, math.prod(sample_shape))
        if sample_shape[1:]:
            outputs = keras.layers.Reshape(sample_shape, name="shaped")(outputs)
        return keras.Model(inputs, outputs, name="decoder")

    def _dense_map(self, inputs, hidden_layer_sizes, n_outputs):
        """Chain hidden layers to `n_outputs` units, beside a linear map if wanted."""
        keras, _ = _backend.load()
        hidden = inputs
        for i, units in enumerate(hidden_layer_sizes, start=1):
            hidden = keras.layers.Dense(
                units,
                activation=self.activation,
                kernel_initializer="he_normal",
                name=f"hidden_{i}",
            )(hidden)
        linear = keras.layers.Dense(n_outputs, name=LINEAR)
        if not self.linear_shortcut:
            return linear(hidden)
        if not hidden_layer_sizes:
            return linear(inputs)
        branch = keras.layers.Dense(
            n_outputs, use_bias=False, kernel_initializer="zeros", name=BRANCH
        )
        return keras.layers.Add(name="sum")([linear(inputs), branch(hidden)])
