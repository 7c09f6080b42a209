"""Networks as Keras models: built under a seed, counted, told apart."""

import contextlib
import dataclasses
import math
from typing import Any

import numpy as np

from skae._keras.keys import by_value
from skae._runtime.interrupts import interrupts_deferred
from skae._runtime.randomness import next_seed, seeded, seeds_from
from skae._runtime.tensorflow import load_keras, out_of_memory
from skae.networks._convolutional import ConvNetwork
from skae.networks._dense import DenseNetwork
from skae.networks._recurrent import RecurrentNetwork

_WITH_SEEDS = ConvNetwork, DenseNetwork, RecurrentNetwork


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What the Keras models of a fit are built from.

    Parameters
    ----------
    network : object
        Has the methods `build_encoder` and `build_decoder` of `DenseNetwork`.

    sample_shape : tuple of int
        Shape of one sample, without the batch axis.

    encoding_dim : int
        Number of codes.

    objective : Objective
        Tells how many outputs of the encoder make a code.
    """

    network: Any
    sample_shape: tuple
    encoding_dim: int
    objective: Any

    @property
    def n_features(self):
        """Number of values of a sample."""
        return math.prod(self.sample_shape)

    @property
    def key(self):
        """What is hashable, and equal for equal architectures; see `by_value`."""
        parts = self.sample_shape, self.encoding_dim, self.objective
        return by_value(self.network), *parts

    def models(self):
        """Return the encoder and the decoder that the network builds."""
        n_outputs = self.encoding_dim * self.objective.outputs_per_code
        encoder = self.network.build_encoder(self.sample_shape, n_outputs)
        if not self.objective.has_decoder:
            return encoder, _nothing_decoded(self.encoding_dim)
        return (
            encoder,
            self.network.build_decoder(self.sample_shape, self.encoding_dim),
        )

    def build(self, seed=0):
        """Build the encoder and the decoder with weights drawn from a seed.

        Parameters
        ----------
        seed : int, default=0
            Seed of the initial weights. Global generators are seeded, and put back,
            only for networks of a user's own code.

        Returns
        -------
        encoder, decoder : keras.Model

        Raises
        ------
        ValueError
            When there is not the memory for them.
        """
        network, dim = self.network, self.encoding_dim
        try:
            with (
                interrupts_deferred(),
                seeds_from(seed),
                _seeded_for_users_code(network, seed),
            ):
                return self.models()
        except out_of_memory() as error:
            raise ValueError(
                f"A network with encoding_dim={dim} for samples of shape "
                f"{tuple(self.sample_shape)} is too large to be built: {network!r}. "
                "Use smaller sizes."
            ) from error


def _nothing_decoded(encoding_dim):
    """Return a model that gives codes back, in place of a decoder."""
    keras = load_keras()
    inputs = keras.Input((encoding_dim,), dtype="float32", name="code")
    outputs = keras.layers.Activation("linear", dtype="float32")(inputs)
    return keras.Model(inputs, outputs, name="decoder")


def _seeded_for_users_code(network, seed):
    """Return a context with seeds for initializers that get none.

    A subclass may build what it likes.
    """
    if builds_with_seeds(network):
        return contextlib.nullcontext()
    return seeded(seed)


def builds_with_seeds(network):
    """Tell whether all of a network's code is skae's, so that its weights are known."""
    return type(network) in _WITH_SEEDS


def initial_weights(models, built, seed):
    """Return the values that models of skae's own networks would have with a seed.

    Parameters
    ----------
    models : tuple of keras.Model
        As `build` makes them; they stay as they are.

    built : list of arrays
        Values that `build` has given to their variables.

    seed : int
        Seed of the weights that are drawn; the others start as they were built.

    Returns
    -------
    list of arrays
        In the order of `variables`.
    """
    values = list(built)
    numbers = {id(v): i for i, v in enumerate(variables(*models))}
    with seeds_from(seed):
        for kernel, initializer in _drawn(*models):
            config = {**initializer.get_config(), "seed": next_seed()}
            again = type(initializer).from_config(config)
            drawn = again(kernel.shape, dtype=kernel.dtype)
            values[numbers[id(kernel)]] = np.asarray(drawn)
    return values


def _drawn(*models):
    """Yield the variables whose values are drawn at random, with their initializers."""
    for cell in (cell for layer in layers(*models) for cell in _cells(layer)):
        if hasattr(getattr(cell, "kernel_initializer", None), "seed"):
            yield cell.kernel, cell.kernel_initializer
        if hasattr(getattr(cell, "recurrent_initializer", None), "seed"):
            yield cell.recurrent_kernel, cell.recurrent_initializer


def _cells(layer):
    """Return what has the weights of a layer: itself, or the cells of a recurrence."""
    keras = load_keras()
    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer.cell, layer.backward_layer.cell]
    return [getattr(layer, "cell", layer)]


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


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a pass of one row through Keras models costs.

    Parameters
    ----------
    n_products : int
        Products of weights and values.

    n_sequential_steps : int
        Steps that recurrent layers take one after another.

    is_dense : bool
        Whether all weights are those of dense layers.
    """

    n_products: int
    n_sequential_steps: int = 0
    is_dense: bool = True

    @classmethod
    def of(cls, *models):
        """Count the cost of models."""
        return cls(
            count_products(*models),
            count_sequential_steps(*models),
            is_dense(*models),
        )


def count_products(*models):
    """Return the number of products of weights and values in a pass of one row."""
    return sum(
        math.prod(weight.shape) * _n_positions(layer)
        for layer in layers(*models)
        for weight in kernels(layer)
    )


def count_sequential_steps(*models):
    """Return the number of steps that recurrent layers take one after another."""
    return sum(_n_positions(layer) for layer in layers(*models) if _is_recurrent(layer))


def _is_recurrent(layer):
    keras = load_keras()
    return isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)


def kernels(layer):
    """Return the trainable variables of a Keras layer that multiply its inputs.

    Biases may have two axes as well: those of a GRU, and of attention.
    """
    return [
        variable
        for variable in layer.trainable_variables
        if len(variable.shape) > 1 and "bias" not in variable.name
    ]


def is_dense(*models):
    """Tell whether all weights of Keras models are those of dense layers."""
    keras = load_keras()
    return all(
        isinstance(layer, keras.layers.Dense)
        for layer in layers(*models)
        if layer.trainable_variables
    )


def layers(*models):
    """Yield the layers of Keras models, those of models inside them included."""
    keras = load_keras()
    for model in models:
        for layer in model.layers:
            # A subclassed model does not say where its layers are applied.
            if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
                yield from layers(layer)
            else:
                yield layer


def _n_positions(layer):
    """Return at how many places of one sample a layer applies its weights."""
    keras = load_keras()
    first_input, first_output = (
        keras.tree.flatten(tensors)[0] for tensors in (layer.input, layer.output)
    )
    before = math.prod(first_input.shape[1:-1])
    if _is_recurrent(layer):
        return before
    return min(before, math.prod(first_output.shape[1:-1]))
