"""Fitted networks as Keras models that work without skae."""

import functools

import numpy as np

from skae._runtime.tensorflow import load_keras
from skae.networks._build import variables


def assign(codec, weights):
    """Give the models of a codec weights; it must be the caller's alone."""
    both = variables(codec.encoder, codec.decoder)
    # Values of the objective's own variables come after these.
    for variable, value in zip(both, weights, strict=False):
        variable.assign(value)


def standalone_models(codec, weights, scaling):
    """Build Keras models that work in the user's units without skae.

    Parameters
    ----------
    codec : Codec
        Owned by the caller alone, because its models become part of the result.

    weights : list of arrays
        Values of the encoder's variables, then the decoder's.

    scaling : Scaling
        Becomes `keras.layers.Rescaling` layers.

    Returns
    -------
    encoder, decoder : keras.Model
    """
    keras = load_keras()
    objective, shape = codec.objective, codec.sample_shape
    assign(codec, weights)
    mean, scale = scaling.mean.reshape(shape), scaling.scale
    code_unit = scale if objective.codes_are_in_units else 1.0
    rows = keras.Input(shape, dtype="float32", name="sample")
    codes = keras.Input((codec.encoding_dim,), dtype="float32", name="code")
    rescaling = functools.partial(keras.layers.Rescaling, dtype="float32")
    if objective.has_logits:
        encoded = codec.encoder(rows)
        probabilities = keras.layers.Activation(
            "sigmoid", dtype="float32", name="probability"
        )
        outputs = probabilities(codec.decoder(codes))
    else:
        # Two layers, because the difference of two large numbers close to each other is
        # exact in float32 (Sterbenz, 1974), but not after scaling. The second layer
        # subtracts what the mean lost when it was rounded to float32.
        centred = rescaling(1.0, (-mean).tolist(), name="centre")(rows)
        with np.errstate(over="ignore"):  # beyond float32, which the models cannot hold
            rest = ((mean.astype(np.float32) - mean) / scale).tolist()
        standardize = rescaling(1 / scale, rest, name="standardize")
        encoded = codec.encoder(standardize(centred))
        network_codes = rescaling(1 / code_unit, name="network_unit")(codes)
        outputs = codec.decoder(network_codes)
        if objective.link == "log":
            rates = keras.layers.Activation("exponential", dtype="float32", name="rate")
            outputs = rates(outputs)
        outputs = rescaling(scale, mean.tolist(), name="unit")(outputs)
    encoded = objective.codes(encoded)
    if code_unit != 1:
        encoded = rescaling(code_unit, name="code_unit")(encoded)
    return (
        keras.Model(rows, encoded, name="encoder"),
        keras.Model(codes, outputs, name="decoder"),
    )
