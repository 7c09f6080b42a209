"""Recurrent networks for sequences of equal length."""

from __future__ import annotations

from typing import Literal

from skae._runtime.annotations import KerasModel, Shape
from skae._runtime.randomness import next_seed
from skae._runtime.tensorflow import load_keras
from skae.networks._base import (
    FIRST_HIDDEN,
    FLOAT32,
    LINEAR,
    Network,
    add,
    code,
    dense,
    drawn,
    flat,
    linear_and_branch,
    shaped,
    starting_at_zero,
)
from skae.networks._checks import check_choice, check_positive, check_reshape


class RecurrentNetwork(Network):
    """Recurrent layers from a sequence to one code, and back to the sequence.

    The encoder's last layer gives one vector for the whole sequence. The decoder
    repeats the code at every step, and its recurrent layers turn that into a sequence
    again (Srivastava, Mansimov and Salakhutdinov, 2015).

    Parameters
    ----------
    units : int, default=64
        Units of each recurrent layer; if bidirectional, of each direction.

    n_layers : int, default=1
        Number of recurrent layers in the encoder, and in the decoder.

    cell : {"lstm", "gru"}, default="gru"
        Kind of the layers (Hochreiter and Schmidhuber, 1997; Cho et al., 2014).

    bidirectional : bool, default=False
        Whether each layer runs along the sequence both ways.

    sequence_shape : tuple of int or None, default=None
        Shape of one sequence, (steps,) or (steps, channels), if samples are flat rows.
        None takes the shape of the samples; flat rows are then sequences of one
        channel.

    linear_shortcut : bool, default=True
        Whether encoder and decoder are each the sum of a linear map and the recurrent
        layers' output, which is zero at first.

    Examples
    --------
    >>> from skae.networks import RecurrentNetwork
    >>> network = RecurrentNetwork(8, cell="lstm", linear_shortcut=False)
    >>> network.build_encoder((140, 1), 4).count_params()
    356
    """

    def __init__(
        self,
        units: int = 64,
        *,
        n_layers: int = 1,
        cell: Literal["lstm", "gru"] = "gru",
        bidirectional: bool = False,
        sequence_shape: Shape | None = None,
        linear_shortcut: bool = True,
    ) -> None:
        self.units = units
        self.n_layers = n_layers
        self.cell = cell
        self.bidirectional = bidirectional
        self.sequence_shape = sequence_shape
        self.linear_shortcut = linear_shortcut

    def build_encoder(self, sample_shape: Shape, encoding_dim: int) -> KerasModel:
        """Build the map from samples to codes; see `DenseNetwork.build_encoder`."""
        keras = load_keras()
        inputs = keras.Input(sample_shape, dtype="float32", name="sample")
        sequence = shaped(inputs, self._sequence_shape(sample_shape))
        vector = self._recurrent(sequence, to_vector=True)
        codes = linear_and_branch(
            flat(inputs), vector, encoding_dim, self.linear_shortcut
        )
        return keras.Model(inputs, code(codes, "linear"), name="encoder")

    def build_decoder(self, sample_shape: Shape, encoding_dim: int) -> KerasModel:
        """Build the map from codes to samples; see `DenseNetwork.build_decoder`."""
        keras = load_keras()
        n_steps, n_channels = self._sequence_shape(sample_shape)
        inputs = keras.Input((encoding_dim,), dtype="float32", name="code")
        vector = inputs
        if self.linear_shortcut:
            vector = dense(self._units(), name=FIRST_HIDDEN)(inputs)
        repeated = keras.layers.RepeatVector(n_steps, **FLOAT32, name="repeat")(vector)
        hidden = self._recurrent(repeated, to_vector=False)
        if self.linear_shortcut:
            branch = keras.layers.Dense(n_channels, **starting_at_zero())
            linear = dense(n_steps * n_channels, name=LINEAR)
            outputs = add(linear(inputs), flat(branch(hidden)))
        else:
            outputs = dense(n_channels, name="output")(hidden)
        return keras.Model(inputs, shaped(outputs, sample_shape), name="decoder")

    def _sequence_shape(self, sample_shape):
        """Check the parameters; return the number of steps and of channels."""
        check_positive("n_layers", self.n_layers)
        check_choice("cell", self.cell, ("lstm", "gru"))
        shape = tuple(sample_shape)
        if self.sequence_shape is not None:
            shape = check_reshape("sequence_shape", self.sequence_shape, shape)
        if len(shape) > 2:
            raise ValueError(
                f"A sequence has the shape (steps,) or (steps, channels), got {shape}. "
                "Reshape the samples, or give sequence_shape."
            )
        return shape if len(shape) == 2 else (*shape, 1)

    def _units(self):
        return check_positive("units", self.units)

    def _recurrent(self, hidden, *, to_vector):
        """Chain the recurrent layers; the last gives one vector, or one per step."""
        keras = load_keras()
        for i in range(1, self.n_layers + 1):
            name = f"recurrent_{i}"
            gives_sequence = not (to_vector and i == self.n_layers)
            layer = self._layer(name, gives_sequence)
            if self.bidirectional:
                # Left alone, Keras gives both directions the same seeds.
                backwards = self._layer(f"backward_{name}", gives_sequence, True)
                layer = keras.layers.Bidirectional(
                    layer, backward_layer=backwards, **FLOAT32, name=name
                )
            hidden = layer(hidden)
        return hidden

    def _layer(self, name, return_sequences, go_backwards=False):
        keras = load_keras()
        kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[self.cell]
        return kind(
            self._units(),
            return_sequences=return_sequences,
            go_backwards=go_backwards,
            kernel_initializer=drawn("GlorotUniform"),
            recurrent_initializer=drawn("Orthogonal"),
            seed=next_seed(),
            **FLOAT32,
            name=name,
        )
