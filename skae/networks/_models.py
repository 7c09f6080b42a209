"""Networks as Keras models: built under a seed, counted, told apart."""

import dataclasses
import math

from skae import _backend, _random
from skae._interruption import interrupts_deferred


def build(network, sample_shape, encoding_dim, objective, seed=0):
    """Build a network's encoder and decoder with weights drawn from a seed.

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

    seed : int, default=0
        Seed of the initial weights; global generators stay as they are.

    Returns
    -------
    encoder, decoder : keras.Model

    Raises
    ------
    ValueError
        When there is not the memory for them.
    """
    _, tf = _backend.load()
    n_outputs = encoding_dim * objective.outputs_per_code
    try:
        # Keras and TensorFlow catch interrupts here and there, and go on without.
        with interrupts_deferred(), _random.seeded(seed):
            return (
                network.build_encoder(sample_shape, n_outputs),
                network.build_decoder(sample_shape, encoding_dim),
            )
    except (MemoryError, tf.errors.OpError) as error:
        raise ValueError(
            f"A network with encoding_dim={encoding_dim} for samples of shape "
            f"{tuple(sample_shape)} is too large to be built: {network!r}. Use smaller "
            "sizes."
        ) from error


def architecture_key(network, *parts):
    """Return a hashable key of a network's class and parameters, and of `parts`.

    Functions and models among the parameters are told apart by identity, and kept
    alive by the key.
    """
    parameters = sorted(network.get_params().items())
    return type(network), *((name, _hashable(v)) for name, v in parameters), *parts


def _hashable(value):
    if isinstance(value, _backend.load()[0].Model):
        # What is frozen decides on the order of the variables.
        return value, tuple(v.path for v in value.trainable_variables)
    return value if callable(value) else repr(value)


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
    keras, _ = _backend.load()
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
    keras, _ = _backend.load()
    return all(
        isinstance(layer, keras.layers.Dense)
        for layer in layers(*models)
        if layer.trainable_variables
    )


def layers(*models):
    """Yield the layers of Keras models, those of models inside them included."""
    keras, _ = _backend.load()
    for model in models:
        for layer in model.layers:
            # A subclassed model does not say where its layers are applied.
            if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
                yield from layers(layer)
            else:
                yield layer


def _n_positions(layer):
    """Return at how many places of one sample a layer applies its weights."""
    keras, _ = _backend.load()
    first_input, first_output = (
        keras.tree.flatten(tensors)[0] for tensors in (layer.input, layer.output)
    )
    before = math.prod(first_input.shape[1:-1])
    if _is_recurrent(layer):
        return before
    return min(before, math.prod(first_output.shape[1:-1]))
