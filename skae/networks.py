"""Networks: how an autoencoder is wired.

A network turns ``(sample_shape, encoding_dim)`` into two Keras models, an encoder
and a decoder. It never sees data, and its parameters can be searched like those of
any scikit-learn estimator.
"""

import math

from sklearn.base import BaseEstimator

from skae import _backend, _random

# Whatever floating-point type or policy the user has set for Keras.
_FLOAT32 = {"dtype": "float32"}

LINEAR = "linear"
"""Name of the layer, in encoder and decoder, that starts as the PCA map."""

FIRST_HIDDEN = "hidden_1"
"""Name of the first hidden layer, in encoder and decoder."""

BRANCH = "nonlinear"
"""Name of the layer that ends the non-linear branch; it starts at zero."""


def build(network, sample_shape, encoding_dim, seed=0):
    """Build a network's encoder and decoder with weights drawn from a seed.

    Parameters
    ----------
    network : object
        Has the methods `build_encoder` and `build_decoder` of `DenseNetwork`.

    sample_shape : tuple of int
        Shape of one sample, without the batch axis.

    encoding_dim : int
        Number of codes.

    seed : int, default=0
        Seed of the initial weights; global generators stay as they are.

    Returns
    -------
    encoder, decoder : keras.Model
    """
    with _random.seeded(seed):
        return (
            network.build_encoder(sample_shape, encoding_dim),
            network.build_decoder(sample_shape, encoding_dim),
        )


def architecture_key(network, *parts):
    """Return a hashable key of a network's class and parameters, and of `parts`."""
    return type(network), repr(sorted(network.get_params().items())), *parts


def variables(*models):
    """Return all variables of Keras models, of each the trainable ones first."""
    return [
        variable
        for model in models
        for variable in model.trainable_variables + model.non_trainable_variables
    ]


def count_weights(*models):
    """Return the number of weights of Keras models."""
    return sum(math.prod(v.shape) for v in variables(*models))


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
        inputs = keras.Input(sample_shape, dtype="float32", name="sample")
        flat = (
            keras.layers.Flatten(**_FLOAT32, name="flat")(inputs)
            if sample_shape[1:]
            else inputs
        )
        code = self._dense_map(flat, self.hidden_layer_sizes, encoding_dim)
        code = keras.layers.Activation(self.code_activation, **_FLOAT32, name="code")(
            code
        )
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
        inputs = keras.Input((encoding_dim,), dtype="float32", name="code")
        mirrored = tuple(self.hidden_layer_sizes)[::-1]
        codes = inputs
        if self.linear_shortcut and self.code_activation == "sigmoid":
            # The start needs codes around zero; see `skae._pca.start_at_pca`.
            codes = keras.layers.Rescaling(1.0, -0.5, **_FLOAT32, name="centre")(inputs)
        outputs = self._dense_map(codes, mirrored, math.prod(sample_shape))
        if sample_shape[1:]:
            outputs = keras.layers.Reshape(sample_shape, **_FLOAT32, name="shaped")(
                outputs
            )
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
                **_FLOAT32,
                name=f"hidden_{i}",
            )(hidden)
        linear = keras.layers.Dense(n_outputs, **_FLOAT32, name=LINEAR)
        if not self.linear_shortcut:
            return linear(hidden)
        if not hidden_layer_sizes:
            return linear(inputs)
        branch = keras.layers.Dense(
            n_outputs,
            use_bias=False,
            kernel_initializer="zeros",
            **_FLOAT32,
            name=BRANCH,
        )
        return keras.layers.Add(**_FLOAT32, name="sum")(
            [linear(inputs), branch(hidden)]
        )
