"""The only batched inference: compiled encoder, decoder and losses of a network."""

import functools
import threading
from collections import OrderedDict

import numpy as np

from skae import _backend
from skae._data import FEWEST_ROWS, row_chunks
from skae.networks import architecture_key, build, count_weights, variables

_MOST_CODECS = 32
_LARGE_MEAN = 10.0
_MOST_WEIGHTS = 2**23


class Codec:
    """Compiled functions of one architecture.

    They have no state (weights are arguments), so fits and threads share them. Each
    is traced once per floating-point type, whatever the number of rows.

    Parameters
    ----------
    network : object
        Builds the Keras models; see `skae.networks`.

    sample_shape : tuple of int
        Shape of one sample.

    encoding_dim : int
        Number of codes.

    objective : Objective
        Gives the losses and what the decoder's outputs mean.
    """

    def __init__(self, network, sample_shape, encoding_dim, objective):
        self.encoder, self.decoder = build(network, sample_shape, encoding_dim)
        self.sample_shape = sample_shape
        self.encoding_dim = encoding_dim
        self.objective = objective
        self._n_encoder_variables = len(variables(self.encoder))
        self._compiled = {}
        self._compiling = threading.Lock()

    @property
    def n_weights(self):
        """Number of weights that the codec's Keras models hold."""
        return count_weights(self.encoder, self.decoder)

    def compiled(self, name, dtype):
        """Return the compiled method `name` for rows of `dtype`."""
        key = (name, np.dtype(dtype))
        with self._compiling:
            if key not in self._compiled:
                self._compiled[key] = self._trace(*key)
            return self._compiled[key]

    def _trace(self, name, dtype):
        _, tf = _backend.load()
        row_shape = (self.encoding_dim,) if name == "decode" else self.sample_shape
        weights = [
            tf.TensorSpec(v.shape, v.dtype)
            for v in variables(self.encoder, self.decoder)
        ]
        return tf.function(getattr(self, name)).get_concrete_function(
            tf.TensorSpec((None, *row_shape), dtype),
            weights,
            tf.TensorSpec(self.sample_shape, dtype),
            tf.TensorSpec((), dtype),
        )

    def encode(self, rows, weights, mean, scale):
        """Map rows in the user's units to codes in the user's units."""
        _, tf = _backend.load()
        codes = self._codes(self._standardized(rows, mean, scale), weights)
        return tf.cast(codes, rows.dtype) * scale

    def encode_unscaled(self, rows, weights, mean, scale):
        """Do as `encode` does, with weights that take rows in the user's units."""
        _, tf = _backend.load()
        codes = self._codes(tf.cast(rows, tf.float32), weights)
        return tf.cast(codes, rows.dtype) * scale

    @functools.cached_property
    def input_layers(self):
        """Numbers, among the variables, of kernel and bias of all that reads the rows.

        Empty where anything but dense layers with a bias reads them.
        """
        keras, _ = _backend.load()
        source = self.encoder.inputs[0]
        readers = [layer for layer in self.encoder.layers[1:] if layer.input is source]
        numbers = {v.path: i for i, v in enumerate(variables(self.encoder))}
        pairs = [
            (numbers[layer.kernel.path], numbers[layer.bias.path])
            for layer in readers
            if isinstance(layer, keras.layers.Dense) and layer.use_bias
        ]
        return pairs if len(pairs) == len(readers) else []

    def decode(self, codes, weights, mean, scale):
        """Map codes in the user's units to rows in the user's units."""
        _, tf = _backend.load()
        outputs = self._outputs(tf.cast(codes / scale, tf.float32), weights)
        outputs = self.objective.reconstructions(outputs)
        return tf.cast(outputs, codes.dtype) * scale + mean

    def reconstruct(self, rows, weights, mean, scale):
        """Map rows to their reconstructions, both in the user's units."""
        codes = self.encode(rows, weights, mean, scale)
        return self.decode(codes, weights, mean, scale)

    def squared_errors(self, rows, weights, mean, scale):
        """Return each row's mean squared error, over the square of the scale."""
        standardized = self._standardized(rows, mean, scale)
        outputs = self._outputs(self._codes(standardized, weights), weights)
        return self.objective.squared_errors(standardized, outputs)

    def row_losses(self, rows, weights, mean, scale):
        """Return each row's loss, as training sees it."""
        standardized = self._standardized(rows, mean, scale)
        codes = self._codes(standardized, weights)
        return self.objective.row_losses(
            standardized, codes, self._outputs(codes, weights)
        )

    def _standardized(self, rows, mean, scale):
        _, tf = _backend.load()
        return tf.cast((rows - mean) * (1 / scale), tf.float32)

    def _codes(self, standardized, weights):
        return _call(self.encoder, weights[: self._n_encoder_variables], standardized)

    def _outputs(self, codes, weights):
        return _call(self.decoder, weights[self._n_encoder_variables :], codes)


class FittedCodec:
    """The state of a fit, and batched inference with it.

    Compiled functions and Keras models are made on first use and left out of copies
    and pickles.

    Parameters
    ----------
    architecture : tuple
        What `Codec` takes.

    weights : list of ndarray
        Values of the encoder's variables, then the decoder's.

    scaling : Scaling
        The user's units.
    """

    def __init__(self, architecture, weights, scaling):
        self.architecture = architecture
        self.weights = weights
        self.scaling = scaling

    def __getstate__(self):
        return {
            name: vars(self)[name] for name in ("architecture", "weights", "scaling")
        }

    def __setstate__(self, state):
        vars(self).update(state)

    @functools.cached_property
    def _codec(self):
        return shared_codec(*self.architecture)

    @functools.cached_property
    def _tensors(self):
        _, tf = _backend.load()
        return [tf.convert_to_tensor(values) for values in self.weights]

    @functools.cached_property
    def _folded(self):
        """Weights that take rows in the user's units, or None where they may not.

        This spares two passes over the rows. It needs an encoder that reads them by
        dense layers alone, and means that are not large beside the scale, so that
        float32 loses nothing.
        """
        _, tf = _backend.load()
        layers = self._codec.input_layers
        mean, scale = self.scaling.mean, self.scaling.scale
        moderate = 1e-30 < scale < 1e30 and np.abs(mean).max() <= _LARGE_MEAN * scale
        if not layers or not moderate:
            return None
        folded = list(self._tensors)
        for kernel, bias in layers:
            exact = self.weights[kernel].astype(np.float64) / scale
            shifted = self.weights[bias] - mean @ exact
            folded[kernel] = tf.constant(exact, tf.float32)
            folded[bias] = tf.constant(shifted, tf.float32)
        return folded

    @functools.cached_property
    def models(self):
        """Encoder and decoder as Keras models that work on the user's units."""
        return _standalone_models(self.architecture, self.weights, self.scaling)

    def encode(self, X):
        """Return codes, shape (n_rows, encoding_dim)."""
        shape = (self._codec.encoding_dim,)
        if self._folded is None:
            return self._map("encode", X, shape)
        return self._map("encode_unscaled", X, shape, self._folded)

    def decode(self, codes):
        """Return reconstructions, shape (n_rows, *sample_shape)."""
        return self._map("decode", codes, self._codec.sample_shape)

    def reconstruct(self, X):
        """Return reconstructions, shape (n_rows, *sample_shape)."""
        return self._map("reconstruct", X, self._codec.sample_shape)

    def squared_errors(self, X):
        """Return float64 mean squared errors in squared user's units, (n_rows,)."""
        errors = self._map("squared_errors", X, ()).astype(np.float64)
        return errors * self.scaling.scale**2

    def row_losses(self, X):
        """Return the loss of each row as training sees it, shape (n_rows,)."""
        return self._map("row_losses", X, ())

    def _map(self, name, X, shape, weights=None):
        """Run a compiled method over X chunk by chunk; memory stays bounded."""
        _, tf = _backend.load()
        dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.dtype(np.float64)
        run = self._codec.compiled(name, dtype)
        mean = tf.constant(self.scaling.mean, dtype)
        scale = tf.constant(self.scaling.scale, dtype)
        weights = self._tensors if weights is None else weights
        mapped = None
        for chunk in row_chunks(X):
            rows = np.ascontiguousarray(X[chunk], dtype)
            part = run(_padded(rows), weights, mean, scale).numpy()[: len(rows)]
            if mapped is None:
                mapped = np.empty((len(X), *shape), part.dtype)
            mapped[chunk] = part
        return mapped


def _standalone_models(architecture, weights, scaling):
    """Build Keras models that work on the user's units without skae.

    Parameters
    ----------
    architecture : tuple
        What `Codec` takes.

    weights : list of arrays
        Values of the encoder's variables, then the decoder's.

    scaling : Scaling
        Becomes `keras.layers.Rescaling` layers.

    Returns
    -------
    encoder, decoder : keras.Model
    """
    keras, _ = _backend.load()
    codec = Codec(*architecture)
    both = variables(codec.encoder, codec.decoder)
    for variable, value in zip(both, weights, strict=True):
        variable.assign(value)
    mean, scale = scaling.mean, scaling.scale
    rows = keras.Input(codec.sample_shape, dtype="float32", name="sample")
    codes = keras.Input((codec.encoding_dim,), dtype="float32", name="code")
    if codec.objective.has_logits:
        probabilities = keras.layers.Activation(
            "sigmoid", dtype="float32", name="probability"
        )
        outputs = probabilities(codec.decoder(codes))
        return codec.encoder, keras.Model(codes, outputs, name="decoder")
    rescaling = functools.partial(keras.layers.Rescaling, dtype="float32")
    # Two layers, since the difference of large numbers is exact only before scaling.
    centred = rescaling(1.0, (-mean).tolist(), name="centre")(rows)
    encoded = codec.encoder(rescaling(1 / scale, name="standardize")(centred))
    codes_in_units = rescaling(scale, name="code_unit")(encoded)
    encoder = keras.Model(rows, codes_in_units, name="encoder")
    decoded = codec.decoder(rescaling(1 / scale, name="network_unit")(codes))
    in_units = rescaling(scale, mean.tolist(), name="unit")
    return encoder, keras.Model(codes, in_units(decoded), name="decoder")


_codecs: OrderedDict = OrderedDict()
_codecs_lock = threading.Lock()


def shared_codec(network, sample_shape, encoding_dim, objective):
    """Return the codec of an architecture, compiled once per process.

    The most recently used codecs are kept; see `Codec` for the parameters.
    """
    key = architecture_key(network, sample_shape, encoding_dim, objective)
    with _codecs_lock:
        if key not in _codecs:
            _codecs[key] = Codec(network, sample_shape, encoding_dim, objective)
        _codecs.move_to_end(key)
        codec = _codecs[key]
        evict_oldest(_codecs, _MOST_CODECS)
        return codec


def evict_oldest(pool, most):
    """Drop the oldest of a pool until both its number and its weights are few."""
    while len(pool) > most or (
        pool and sum(item.n_weights for item in pool.values()) > _MOST_WEIGHTS
    ):
        pool.popitem(last=False)


def _padded(rows):
    """Append zero rows up to the fewest that are worth a call.

    So a row gets the same bits alone as among a few others.
    """
    missing = FEWEST_ROWS - len(rows)
    if missing <= 0:
        return rows
    return np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), rows.dtype)])


def _call(model, values, inputs):
    """Call a Keras model for inference with the given values of its variables."""
    n_trainable = len(model.trainable_variables)
    outputs, _ = model.stateless_call(
        values[:n_trainable], values[n_trainable:], inputs, training=False
    )
    return outputs
