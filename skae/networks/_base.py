"""What all networks share: their contract, and the linear map beside a branch."""

from __future__ import annotations

import math

from sklearn.base import BaseEstimator

from skae._keras.objects import plain, restored, with_stand_ins
from skae._runtime.annotations import Shape
from skae._runtime.randomness import next_seed
from skae._runtime.tensorflow import load_keras

# Given to every layer, since the user may have set another type or policy for Keras.
FLOAT32 = {"dtype": "float32"}

LINEAR = "linear"
"""Name of the layer, in encoder and decoder, that starts as the PCA map."""

FIRST_HIDDEN = "hidden_1"
"""Name of a dense layer that reads rows in an encoder, or codes in a decoder."""

BRANCH = "nonlinear"
"""Name of the last layer of the non-linear branch; it starts at zero."""


class Network(BaseEstimator):
    """Builds encoders and decoders.

    A subclass has two methods, `build_encoder` and `build_decoder`. Both take
    ``(sample_shape, encoding_dim)`` and return a Keras model.
    """

    code_activation: str = "linear"
    """Name of the Keras activation of the code."""

    def __getstate__(self):
        return plain(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(restored(state))

    def __copy__(self):
        shallow = object.__new__(type(self))
        shallow.__dict__.update(vars(self))
        return shallow

    def __sklearn_clone__(self):
        return BaseEstimator.__sklearn_clone__(with_stand_ins(self))

    @property
    def has_linear_map(self) -> bool:
        """Whether the models have layers named `LINEAR`, for the PCA start."""
        return getattr(self, "linear_shortcut", False)

    @property
    def sizes_itself(self) -> bool:
        """Whether the network can tell the number of codes."""
        return False

    def n_codes(self, sample_shape: Shape, encoding_dim: int | None) -> int:
        """Return the number of codes for samples of a shape.

        Parameters
        ----------
        sample_shape : tuple of int
            Shape of one sample, without the batch axis.

        encoding_dim : int or None
            Number of codes asked for. None only if the network `sizes_itself`.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            When the network cannot have this number of codes.
        """
        assert encoding_dim is not None  # as the network does not size itself
        return int(encoding_dim)


def drawn(kind):
    """Return a Keras initializer of a kind, with a seed.

    Without a seed Keras would draw from Python's global generator.
    """
    keras = load_keras()
    return getattr(keras.initializers, kind)(seed=next_seed())


def dense(n_outputs, *, initializer="GlorotUniform", **how):
    """Make a dense float32 layer with random first weights."""
    keras = load_keras()
    how = {"kernel_initializer": drawn(initializer), **FLOAT32, **how}
    return keras.layers.Dense(n_outputs, **how)


def shaped(inputs, shape):
    """Reshape a tensor, unless it has the shape already."""
    keras = load_keras()
    if tuple(inputs.shape[1:]) == tuple(shape):
        return inputs
    return keras.layers.Reshape(shape, **FLOAT32)(inputs)


def flat(inputs):
    """Flatten a tensor to one axis beside the batch axis."""
    return shaped(inputs, (math.prod(inputs.shape[1:]),))


def linear_and_branch(inputs, features, n_outputs, linear_shortcut):
    """Return a linear map of the inputs plus a dense layer of the features.

    Parameters
    ----------
    inputs : KerasTensor of shape (batch, n_inputs)
        What the linear map reads.

    features : KerasTensor of shape (batch, n_features)
        What the dense layer reads. If it is `inputs`, there is only one linear map.

    n_outputs : int
        Number of outputs.

    linear_shortcut : bool
        Whether to add the linear map of the inputs. The dense layer then starts at
        zero.
    """
    keras = load_keras()
    linear = dense(n_outputs, name=LINEAR)
    if features is inputs or not linear_shortcut:
        return linear(features)
    branch = keras.layers.Dense(n_outputs, **starting_at_zero())
    return add(linear(inputs), branch(features))


def starting_at_zero():
    """Return the arguments of the last layer of a branch beside a linear map."""
    return {
        "use_bias": False,
        "kernel_initializer": "zeros",
        "name": BRANCH,
        **FLOAT32,
    }


def add(linear, branch):
    """Add the outputs of a branch to those of the linear map."""
    keras = load_keras()
    return keras.layers.Add(**FLOAT32, name="sum")([linear, branch])


def centred(codes, code_activation, linear_shortcut):
    """Shift the codes of a sigmoid to around zero, if a linear map reads them.

    The PCA start needs this; see `skae._training.pca_start.start_at_pca`.
    """
    keras = load_keras()
    if not (linear_shortcut and code_activation == "sigmoid"):
        return codes
    return keras.layers.Rescaling(1.0, -0.5, **FLOAT32, name="centre")(codes)


def code(inputs, activation):
    """Apply the activation to a tensor, and name the result "code"."""
    keras = load_keras()
    return keras.layers.Activation(activation, **FLOAT32, name="code")(inputs)
