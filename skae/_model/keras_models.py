"""Fitted networks as Keras models that work without skae.

What `_model/correction.py` computes is built of Keras' layers here.
"""

import numpy as np

from skae._runtime.tensorflow import load_keras
from skae.networks._build import variables


def assign(codec, weights):
    """Give the models of a codec weights; it must be the caller's alone."""
    both = variables(codec.encoder, codec.decoder)
    # Values of the objective's own variables come after these.
    for variable, value in zip(both, weights, strict=False):
        variable.assign(value)


def standalone_models(codec, weights, scaling, correction):
    """Build Keras models that work in the user's units without skae.

    Parameters
    ----------
    codec : Codec
        Owned by the caller alone, because its models become part of the result.

    weights : list of arrays
        Values of the encoder's variables, then the decoder's.

    scaling : Scaling
        Becomes `keras.layers.Rescaling` layers.

    correction : Correction
        Becomes `keras.layers.Dense` layers and what adds their outputs.

    Returns
    -------
    encoder, decoder : keras.Model
        None in place of a decoder where there is none.
    """
    assign(codec, weights)
    encoder = _standalone_encoder(codec, scaling, correction)
    samples = np.zeros((1, *codec.sample_shape), np.float32)
    if not codec.objective.has_decoder:
        encoder(samples)  # Keras exports to ONNX only what has been called
        return encoder, None
    decoder = _standalone_decoder(codec, scaling, correction)
    decoder(encoder(samples))
    return encoder, decoder


def _code_unit(codec, scaling):
    return scaling.scale if codec.objective.codes_are_in_units else 1.0


def _rescaling(*arguments, **how):
    return load_keras().layers.Rescaling(*arguments, dtype="float32", **how)


def _standalone_encoder(codec, scaling, correction):
    """Build the encoder in the user's units."""
    keras, objective, shape = load_keras(), codec.objective, codec.sample_shape
    mean, scale = scaling.mean.reshape(shape), scaling.scale
    rows = keras.Input(shape, dtype="float32", name="sample")
    samples = rows
    if not objective.has_logits:
        # Two layers, because the difference of two large numbers close to each other is
        # exact in float32 (Sterbenz, 1974), but not after scaling. The second layer
        # subtracts what the mean lost when it was rounded to float32.
        centred = _rescaling(1.0, (-mean).tolist(), name="centre")(rows)
        with np.errstate(over="ignore"):  # beyond float32, which the models cannot hold
            rest = ((mean.astype(np.float32) - mean) / scale).tolist()
        samples = _rescaling(1 / scale, rest, name="standardize")(centred)
    encoded = objective.codes(_encoder_outputs(codec, samples, correction))
    code_unit = _code_unit(codec, scaling)
    if code_unit != 1:
        encoded = _rescaling(code_unit, name="code_unit")(encoded)
    return keras.Model(rows, encoded, name="encoder")


def _standalone_decoder(codec, scaling, correction):
    """Build the decoder in the user's units."""
    keras, objective = load_keras(), codec.objective
    mean, scale = scaling.mean.reshape(codec.sample_shape), scaling.scale
    codes = keras.Input((codec.encoding_dim,), dtype="float32", name="code")
    if objective.has_logits:
        probabilities = keras.layers.Activation(
            "sigmoid", dtype="float32", name="probability"
        )
        outputs = probabilities(_decoder_outputs(codec, codes, correction))
        return keras.Model(codes, outputs, name="decoder")
    code_unit = _code_unit(codec, scaling)
    network_codes = _rescaling(1 / code_unit, name="network_unit")(codes)
    outputs = _decoder_outputs(codec, network_codes, correction)
    if objective.link == "log":
        rates = keras.layers.Activation("exponential", dtype="float32", name="rate")
        outputs = rates(outputs)
    outputs = _rescaling(scale, mean.tolist(), name="unit")(outputs)
    return keras.Model(codes, outputs, name="decoder")


def _encoder_outputs(codec, samples, correction):
    """Apply the encoder, within the bounds of a `Correction`."""
    keras, bounds = load_keras(), correction.bounds
    if bounds is None:
        return codec.encoder(samples)
    flat = _reshaped(samples, (codec.n_features,))
    measure = keras.layers.Rescaling(
        1 / float(bounds.encoder_reach), dtype="float32", name="length_of_row"
    )
    within = keras.ops.multiply(flat, _part_within(measure(flat)))
    beyond = keras.layers.Subtract(dtype="float32", name="beyond")([flat, within])
    start = _dense("linear_start", bounds.encoder_kernel)
    encoded = codec.encoder(_reshaped(within, codec.sample_shape))
    return keras.layers.Add(dtype="float32", name="within_bounds")(
        [encoded, start(beyond)]
    )


def _decoder_outputs(codec, codes, correction):
    """Apply the decoder, with what a `Correction` adds to it, within its bounds."""
    keras, bounds = load_keras(), correction.bounds
    if correction.is_empty:
        return codec.decoder(codes)
    within = codes
    if bounds is not None:
        centre = keras.layers.Rescaling(
            1.0, (-bounds.decoder_centre).tolist(), dtype="float32", name="deviation"
        )
        deviation = centre(codes)
        measured = _dense("length_of_code", bounds.decoder_metric)(deviation)
        taken = keras.ops.subtract(1.0, _part_within(measured))
        beyond = keras.ops.multiply(deviation, taken)
        within = keras.layers.Subtract(dtype="float32", name="within")([codes, beyond])
    outputs = _reshaped(codec.decoder(within), (codec.n_features,))
    if correction.kernel_decoder is not None:
        outputs = _with_kernel_decoder(correction.kernel_decoder, within, outputs)
    if bounds is not None:
        start = _dense("linear_start", bounds.decoder_kernel)
        outputs = keras.layers.Add(dtype="float32", name="within_bounds")(
            [outputs, start(beyond)]
        )
    return _reshaped(outputs, codec.sample_shape)


def _reshaped(values, shape):
    """Reshape samples; Keras' Flatten would depend on the user's `data_format`."""
    keras = load_keras()
    return keras.layers.Reshape(shape, dtype="float32")(values)


def _part_within(measured):
    """Return what part of vectors is within a ball of radius one, at most all."""
    keras = load_keras()
    square = keras.layers.Dot(1, dtype="float32")([measured, measured])
    return keras.ops.divide(1.0, keras.ops.maximum(keras.ops.sqrt(square), 1.0))


def _with_kernel_decoder(part, codes, outputs):
    """Return the mean of outputs and those of a `KernelDecoder`.

    -|a - z|² is 2 a·z - |z|² - |a|²: a dense layer of the coordinates a and their
    squared length.
    """
    keras = load_keras()
    at = _dense("kernel_coordinates", part.scale, part.offset)(codes)
    square = keras.layers.Dot(1, dtype="float32", name="squared_length")([at, at])
    read = keras.layers.Concatenate(dtype="float32")([at, square])
    centers = part.centers.T
    kernel = _dense(
        "kernel",
        np.concatenate([2 * centers, np.full((1, len(part.centers)), -1.0)]),
        -np.square(centers).sum(axis=0),
        activation="exponential",
    )
    shares = keras.layers.Rescaling(
        float(part.network_share), dtype="float32", name="network_share"
    )
    linear = _dense("linear_of_closed_form", part.linear, part.bias)
    added = _dense("kernel_ridge", part.coefficients)
    return keras.layers.Add(dtype="float32", name="closed_form")(
        [shares(outputs), linear(codes), added(kernel(read))]
    )


def _dense(name, kernel, bias=None, activation=None):
    """Return a dense layer of these weights."""
    keras = load_keras()
    layer = keras.layers.Dense(
        kernel.shape[1],
        use_bias=bias is not None,
        activation=activation,
        dtype="float32",
        name=name,
    )
    layer.build((None, len(kernel)))
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return layer
