"""Networks of the user's own Keras models."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from skae._keras.models import users_code, with_weights
from skae._runtime.annotations import KerasModel, Shape
from skae._runtime.tensorflow import load_keras
from skae.networks._base import FLOAT32, Network
from skae.networks._build import layers

_ModelOrFunction: TypeAlias = "KerasModel | Callable[[Shape, int], KerasModel]"


class CustomNetwork(Network):
    """Encoder and decoder that the user has written in Keras.

    The models are copied with their weights, so a fit leaves them as they are. They
    get rows that are centred and divided by one number; with
    ``loss="binary_crossentropy"`` rows come unchanged. The decoder must end without an
    activation. With cross-entropy its outputs are logits, and skae applies the sigmoid.
    Losses that layers add, such as regularisation of their weights, count in training
    but not in the losses reported.

    Parameters
    ----------
    encoder : keras.Model or callable
        A functional or sequential model from ``(batch, *sample_shape)`` to
        ``(batch, encoding_dim)``, or a function ``encoder(sample_shape,
        encoding_dim)`` that returns a new one at each call, which may also have layers
        that Keras cannot copy, such as ``Lambda``. (In VAETransformer the encoder gives
        two numbers for each code, so the function gets twice the `encoding_dim`.)

    decoder : keras.Model or callable
        A model from ``(batch, encoding_dim)`` to ``(batch, *sample_shape)``, or a
        function ``decoder(sample_shape, encoding_dim)`` that returns one.

    Examples
    --------
    >>> import keras
    >>> from skae.networks import CustomNetwork
    >>> def encoder(sample_shape, encoding_dim):
    ...     return keras.Sequential(
    ...         [keras.Input(sample_shape), keras.layers.Dense(encoding_dim)]
    ...     )
    >>> def decoder(sample_shape, encoding_dim):
    ...     return keras.Sequential(
    ...         [keras.Input((encoding_dim,)), keras.layers.Dense(*sample_shape)]
    ...     )
    >>> network = CustomNetwork(encoder, decoder)
    >>> network.build_encoder((64,), 8).count_params()
    520
    """

    def __init__(self, encoder: _ModelOrFunction, decoder: _ModelOrFunction) -> None:
        self.encoder = encoder
        self.decoder = decoder

    @property
    def sizes_itself(self) -> bool:
        """True, since the models have a size. See `Network.sizes_itself`."""
        return True

    def n_codes(self, sample_shape: Shape, encoding_dim: int | None) -> int:
        """Return `encoding_dim`; if it is None, the number of codes the decoder takes.

        See `Network.n_codes`.
        """
        if encoding_dim is not None:
            return int(encoding_dim)
        decoder = self._model("decoder", sample_shape, None)
        n_codes = decoder.input_shape[-1]
        if n_codes is None:
            raise ValueError(
                "encoding_dim=None leaves the number of codes to the models, but the "
                "decoder does not say how many it takes. Give a number."
            )
        return int(n_codes)

    def build_encoder(self, sample_shape: Shape, encoding_dim: int) -> KerasModel:
        """Copy the encoder; see `DenseNetwork.build_encoder`.

        Raises
        ------
        TypeError
            When the encoder is not a functional or sequential Keras model.

        ValueError
            When its shapes do not fit.
        """
        model = self._model("encoder", sample_shape, encoding_dim)
        _check_shapes(model, "encoder", sample_shape, (encoding_dim,))
        return model

    def build_decoder(self, sample_shape: Shape, encoding_dim: int) -> KerasModel:
        """Copy the decoder; see `build_encoder`."""
        model = self._model("decoder", sample_shape, encoding_dim)
        _check_shapes(model, "decoder", (encoding_dim,), sample_shape)
        _check_no_activation(model)
        return model

    def of_models(
        self, sample_shape: Shape, encoding_dim: int, outputs_per_code: int = 1
    ) -> CustomNetwork:
        """Return a network of the models that the functions of this one return.

        Parameters
        ----------
        outputs_per_code : int, default=1
            Number of outputs of the encoder for each code.

        Returns
        -------
        CustomNetwork
        """
        return CustomNetwork(
            self._given("encoder", sample_shape, encoding_dim * outputs_per_code),
            self._given("decoder", sample_shape, encoding_dim),
        )

    def _model(self, name, *arguments):
        """Return a copy of a model, or the model of a function if it has no copy."""
        model = self._given(name, *arguments)
        try:
            return _copied(model, name)
        except TypeError:
            another = self._given(name, *arguments)
            if another is model:
                raise
        with _explained(another, name):
            return _named(another, name)

    def _given(self, name, *arguments):
        keras = load_keras()
        model = getattr(self, name)
        _refuse_keras_2(model, name)
        if not isinstance(model, keras.layers.Layer) and callable(model):
            model = model(*arguments)
            _refuse_keras_2(model, name)
        if not isinstance(model, keras.Model) or not model.built:
            raise TypeError(
                f"{name} must be a Keras model that has been built, or a function "
                f"{name}(sample_shape, encoding_dim) that returns one, got {model!r}. "
                "Begin the model with keras.Input."
            )
        return model


def _refuse_keras_2(model, name):
    """Raise a TypeError for a model or layer of the package tf_keras."""
    modules = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    if "tf_keras" in modules:
        raise TypeError(
            f"{name} is of tf_keras, which is Keras 2, but skae trains models of Keras "
            "3. Build it with `import keras`, in the same layers."
        )


def _copied(model, name):
    """Return a functional copy of a model, with its weights, under another name."""
    keras = load_keras()
    scope = keras.saving.custom_object_scope(users_code(model))
    with _explained(model, name), scope:
        copy = keras.models.clone_model(model)
        named = _named(copy, name)
    with_weights(copy, model.get_weights())
    _check_same_outputs(model, copy, name)
    return named


def _named(model, name):
    """Return a functional model around another one, with float32 in and out."""
    keras = load_keras()
    (_,), (_,) = model.inputs, model.outputs
    inputs = keras.Input(model.input_shape[1:], dtype="float32")
    outputs = keras.layers.Activation("linear", **FLOAT32)(model(inputs))
    return keras.Model(inputs, outputs, name=name)


@contextlib.contextmanager
def _explained(model, name):
    try:
        yield
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be a functional or sequential Keras model with one input and "
            f"one output, which Keras can copy; got {model!r}. Where layers cannot be "
            "copied, pass a function that returns a new model at each call. Keras "
            f"says: {error}"
        ) from error


def _check_same_outputs(model, copy, name):
    """Raise a TypeError if a copy of a model gives other outputs than the model."""
    shape = [4 if size is None else size for size in model.input_shape[1:]]
    rows = np.random.RandomState(0).normal(size=(2, *shape)).astype(np.float32)
    results = [
        (np.asarray(one(rows, training=False)), _penalty(one)) for one in (model, copy)
    ]
    # Float32 rounds at 1e-7; many layers add up to more. Lost state changes far more.
    near = functools.partial(np.allclose, rtol=1e-3, atol=1e-5, equal_nan=True)
    if not all(map(near, *results)):
        raise TypeError(
            f"The copy of {name} that Keras makes gives other outputs or penalties "
            f"than {model!r}: a layer or regularizer has state that is neither in its "
            "weights nor in its get_config. Put it there, or pass a function that "
            "returns a new model at each call."
        )


def _penalty(model):
    """Return the sum of the penalties of a model's weights."""
    to_tensor = load_keras().ops.convert_to_tensor
    weights = [v for v in model.trainable_variables if v.regularizer]
    return sum(float(v.regularizer(to_tensor(v))) for v in weights)


def _check_shapes(model, name, input_shape, output_shape):
    expected = {"takes": (model.input_shape, input_shape)}
    expected["gives"] = (model.output_shape, output_shape)
    for verb, (actual, wanted) in expected.items():
        if tuple(actual[1:]) != tuple(wanted):
            raise ValueError(
                f"The {name} {verb} arrays of shape {('batch', *actual[1:])}, but it "
                f"must be {('batch', *wanted)}. encoding_dim=None takes the number of "
                "codes from the decoder; the encoder of VAETransformer gives two "
                "numbers for each."
            )


def _check_no_activation(decoder):
    """Raise a ValueError if the last layer that computes has an activation.

    Recurrent layers are allowed theirs, since they need one.
    """
    keras = load_keras()
    linear = keras.activations.linear
    *hidden, _ = layers(decoder)  # without the last layer, which `_copied` has added
    hidden = [getattr(layer, "layer", layer) for layer in hidden]
    computing = [v for v in hidden if v.variables or hasattr(v, "activation")]
    last = computing[-1] if computing else None
    activation = getattr(last, "activation", linear)
    if activation is not linear and not isinstance(last, keras.layers.RNN):
        raise ValueError(
            f"The decoder ends in the activation {activation.__name__!r}, but its "
            "outputs must be unbounded: standardised rows, or logits with "
            "loss='binary_crossentropy', to which skae applies the sigmoid. Leave out "
            "the last activation."
        )
