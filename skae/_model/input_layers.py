"""An encoder in two parts: the dense layers that read the rows, and the rest."""

import functools

import numpy as np

from skae._runtime.tensorflow import load_keras
from skae.networks._build import variables


class InputLayers:
    """The layers that read an encoder's rows, if all are dense layers with a bias.

    Their products with the rows can then be computed elsewhere, such as for sparse
    rows, or with the scaling of the rows in the kernels.

    Parameters
    ----------
    encoder : keras.Model
        The encoder.

    Attributes
    ----------
    numbers : list of (int, int)
        Positions of the layers' kernels and biases among the encoder's variables. Empty
        if any other layer reads the rows.
    """

    def __init__(self, encoder):
        keras = load_keras()
        self._encoder = encoder
        source = encoder.inputs[0]
        self._layers = [layer for layer in encoder.layers[1:] if layer.input is source]
        self._of_variable = {v.path: i for i, v in enumerate(variables(encoder))}
        pairs = [
            (self._of_variable[layer.kernel.path], self._of_variable[layer.bias.path])
            for layer in self._layers
            if isinstance(layer, keras.layers.Dense) and layer.use_bias
        ]
        self.numbers = pairs if len(pairs) == len(self._layers) else []

    def encode(self, sums, weights):
        """Return the encoder's outputs, given the rows' products with the kernels.

        Parameters
        ----------
        sums : float32 tensor of shape (n_rows, n_units)
            The products of all layers, side by side.

        weights : list of tensors
            Values of the encoder's variables.
        """
        biases = [weights[bias] for _, bias in self.numbers]
        ends = np.cumsum([bias.shape[0] for bias in biases])
        read = [
            layer.activation(sums[:, end - bias.shape[0] : end] + bias)
            for layer, bias, end in zip(self._layers, biases, ends, strict=True)
        ]
        trainable, others = (
            [weights[self._of_variable[v.path]] for v in some]
            for some in (
                self._behind.trainable_variables,
                self._behind.non_trainable_variables,
            )
        )
        encoded, _ = self._behind.stateless_call(
            trainable, others, read, training=False
        )
        return encoded

    @functools.cached_property
    def _behind(self):
        """The rest of the encoder, from these layers' outputs to its own."""
        keras = load_keras()
        read = [layer.output for layer in self._layers]
        return keras.Model(read, self._encoder.outputs[0])
