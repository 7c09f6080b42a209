"""A network as compiled functions of its weights: encode, decode, losses of rows."""

import dataclasses
import functools
import threading
from collections import OrderedDict

import numpy as np

from skae._model.correction import (
    Correction,
    bounded_codes,
    bounded_outputs,
    decoded,
)
from skae._model.input_layers import InputLayers
from skae._runtime.caches import evict_oldest
from skae._runtime.tensorflow import (
    load_keras,
    load_tensorflow,
    on_one_device,
    traced,
)
from skae._runtime.threads import Lock
from skae.networks._build import (
    builds_with_seeds,
    count_weights,
    initial_weights,
    variables,
)

# What TensorFlow's gradients are where an output does not depend on an input.
_ZERO = "zero"
# Enough for a search over the sizes of one network; more cost memory.
_MOST_CODECS = 16


class Codec:
    """Compiled functions of one architecture.

    They have no state (weights are arguments), so fits and threads share them. Each
    is traced once per floating-point type, whatever the number of rows.

    Parameters
    ----------
    architecture : Architecture
        Its objective gives the losses and what the decoder's outputs mean.
    """

    def __init__(self, architecture):
        self.architecture = architecture
        self.encoder, self.decoder = architecture.build()
        self.sample_shape = architecture.sample_shape
        self.n_features = architecture.n_features
        self.encoding_dim = architecture.encoding_dim
        self.objective = architecture.objective
        models = self.encoder, self.decoder
        n_variables = [len(variables(model)) for model in models]
        self._ends = np.cumsum([*n_variables, len(self.objective.build())])
        self._built = [v.numpy() for v in variables(self.encoder, self.decoder)]
        self._models_to_lend = [(self.encoder, self.decoder)]
        self._compiled = {}
        self._compiling = threading.Lock()

    def initial_weights(self, seed):
        """Return values of the models' variables, drawn anew with a seed.

        Networks with code of the user's own are built for that.
        """
        if builds_with_seeds(self.architecture.network):
            models = self.encoder, self.decoder
            return initial_weights(models, self._built, seed)
        return [v.numpy() for v in variables(*self.architecture.build(seed))]

    def lend_models(self):
        """Return the encoder and decoder for one training; to others, None.

        The codec computes with weights that it is given, and does not see theirs.
        """
        with self._compiling:
            if builds_with_seeds(self.architecture.network) and self._models_to_lend:
                return self._models_to_lend.pop()
            return None

    def has_network_of(self, fitted):
        """Tell whether a fit has the same network, whatever its objective adds."""
        return self._network_key() == fitted.codec._network_key()

    def _network_key(self):
        objective = self.objective.of_the_network()
        return dataclasses.replace(self.architecture, objective=objective).key

    @property
    def n_weights(self):
        """Number of weights that the codec's Keras models hold."""
        return count_weights(self.encoder, self.decoder)

    def compiled(self, name, dtype, correction):
        """Return the compiled method `name` for rows of `dtype`.

        It takes the arrays of a `Correction` of the given one's kind after the weights.
        """
        key = (name, np.dtype(dtype), correction.kinds)
        with self._compiling:
            if key not in self._compiled:
                self._compiled[key] = self._trace(name, dtype, correction)
            return self._compiled[key]

    def _trace(self, name, dtype, correction):
        tf = load_tensorflow()
        rows = tf.TensorSpec((None, self.n_features), dtype)
        codes = tf.TensorSpec((None, self.encoding_dim), dtype)
        n_draws = self.objective.n_draws(self.encoding_dim)
        draws = tf.TensorSpec((None, n_draws), dtype)
        shares = tf.TensorSpec((None,), dtype)
        read = {
            "decoder_derivatives": [codes, shares],
            "encoder_derivatives": [rows, shares],
            "encode_sums": [tf.TensorSpec((None, None), dtype)],
            "decode": [codes],
            "outputs": [codes],
            "row_terms": [rows, rows, draws],
            "squared_distances": [rows, rows],
            "log_importance": [rows, draws],
        }
        both = variables(self.encoder, self.decoder) + self.objective.build()
        # Fits with any number of centers share what is compiled.
        added = [
            tf.TensorSpec([None] * array.ndim, tf.float32)
            for array in correction.arrays
        ]
        return traced(
            getattr(self, name),
            *read.get(name, [rows]),
            [tf.TensorSpec(v.shape, v.dtype) for v in both] + added,
            tf.TensorSpec((self.n_features,), dtype),
            tf.TensorSpec((), dtype),
        )

    def encode(self, rows, weights, mean, scale):
        """Map rows in the user's units to codes."""
        encoded = self._encoded(self._standardized(rows, mean, scale), weights)
        return self._codes(encoded, rows.dtype, scale)

    def encode_unscaled(self, rows, weights, mean, scale):
        """Do as `encode` does, with weights that take rows in the user's units."""
        tf = load_tensorflow()
        encoded = self._encoded(tf.cast(rows, tf.float32), weights)
        return self._codes(encoded, rows.dtype, scale)

    def encode_sums(self, sums, weights, mean, scale):
        """Do as `encode_unscaled` does, from the products of rows and input kernels.

        These are one beside the other, in the order of `input_layers`, and those of the
        bounds, if there are some, behind them.
        """
        tf = load_tensorflow()
        bounds = self._correction(weights).bounds
        single = tf.cast(sums, tf.float32)
        n_units = self.input_layers.n_units
        encoded = self.input_layers.encode(single[:, :n_units], weights)
        if bounds is not None:
            linear = single[:, n_units:] + bounds.encoder_bias
            encoded = bounded_codes(load_keras().ops, bounds, linear, encoded)
        return self._codes(encoded, sums.dtype, scale)

    def _codes(self, encoded, dtype, scale):
        tf = load_tensorflow()
        codes = self.objective.codes(encoded)
        return tf.cast(codes, dtype) * self._code_unit(scale)

    def _code_unit(self, scale):
        tf = load_tensorflow()
        return scale if self.objective.codes_are_in_units else tf.ones_like(scale)

    @functools.cached_property
    def input_layers(self):
        """The dense layers that read the rows, if nothing else does."""
        return InputLayers(self.encoder)

    def outputs(self, codes, weights, mean, scale):
        """Return what the decoder gives for codes, before a link."""
        tf = load_tensorflow()
        codes = codes / self._code_unit(scale)
        return self._outputs(tf.cast(codes, tf.float32), weights)

    def decode(self, codes, weights, mean, scale):
        """Map codes to rows in the user's units."""
        tf = load_tensorflow()
        outputs = self.outputs(codes, weights, mean, scale)
        outputs = self.objective.reconstructions(outputs)
        return tf.cast(outputs, codes.dtype) * scale + mean

    def reconstruct(self, rows, weights, mean, scale):
        """Map rows to their reconstructions, both in the user's units."""
        codes = self.encode(rows, weights, mean, scale)
        return self.decode(codes, weights, mean, scale)

    def decoder_derivatives(self, codes, shares, weights, mean, scale):
        """Return the rows' derivatives of reconstructions by codes, times the shares.

        Their sum is of shape (n_codes, n_features).
        """
        tf = load_tensorflow()
        repeated, directions = self._for_each_code(codes)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(repeated)
                decoded = self.decode(repeated, weights, mean, scale)
            start = tf.zeros_like(decoded)
            outer.watch(start)
            back = inner.gradient(decoded, repeated, start, _ZERO)
        # Gradients of weighted outputs are linear in these weights, by the transposed
        # Jacobian. So their own gradient is a product with the Jacobian itself, which
        # TensorFlow's forward mode would not give for recurrent layers.
        derivatives = outer.gradient(back, start, directions, _ZERO)
        return self._summed(derivatives, shares)

    def encoder_derivatives(self, rows, shares, weights, mean, scale):
        """Return the same of codes by features, of the same shape."""
        tf = load_tensorflow()
        repeated, directions = self._for_each_code(rows)
        with tf.GradientTape() as tape:
            tape.watch(repeated)
            codes = self.encode(repeated, weights, mean, scale)
        return self._summed(tape.gradient(codes, repeated, directions, _ZERO), shares)

    def _for_each_code(self, inputs):
        """Return each row as often as there are codes, and a unit vector for each."""
        tf = load_tensorflow()
        unit_vectors = tf.eye(self.encoding_dim, dtype=inputs.dtype)
        directions = tf.tile(unit_vectors, [tf.shape(inputs)[0], 1])
        return tf.repeat(inputs, self.encoding_dim, axis=0), directions

    def _summed(self, derivatives, shares):
        tf = load_tensorflow()
        shape = -1, self.encoding_dim, self.n_features
        return tf.tensordot(shares, tf.reshape(derivatives, shape), 1)

    def squared_errors(self, rows, weights, mean, scale):
        """Return each row's mean squared error, over the square of the scale."""
        rows = self._standardized(rows, mean, scale)
        return self._errors(rows, rows, weights)

    def squared_distances(self, rows, targets, weights, mean, scale):
        """Return the same for targets, which may have gaps, of rows without."""
        rows = self._standardized(rows, mean, scale)
        targets = self._standardized(targets, mean, scale)
        return self._errors(rows, targets, weights, has_missing=True)

    def _errors(self, rows, targets, weights, has_missing=False):
        codes = self.objective.codes(self._encoded(rows, weights))
        outputs = self._outputs(codes, weights)
        return self.objective.squared_errors(targets, outputs, has_missing)

    def row_terms(self, rows, targets, draws, weights, mean, scale):
        """Return the terms of each row's loss, as training sees them."""
        encoded, codes, targets = self._in_training(
            rows, targets, draws, weights, mean, scale
        )
        return self.objective.row_terms(
            targets,
            encoded,
            self._outputs(codes, weights),
            self._objective_variables(weights),
        )

    def log_importance(self, rows, draws, weights, mean, scale):
        """Return the logarithm of each row's importance weight; see `NegativeELBO`."""
        encoded, codes, targets = self._in_training(
            rows, rows, draws, weights, mean, scale
        )
        outputs = self._outputs(codes, weights)
        values = self._objective_variables(weights)
        return self.objective.log_importance(targets, encoded, outputs, draws, values)

    def kl_divergences(self, rows, weights, mean, scale):
        """Return the KL divergence of each row and code; see `NegativeELBO`."""
        standardized = self._standardized(rows, mean, scale)
        return self.objective.kl_divergences(self._encoded(standardized, weights))

    def _in_training(self, rows, targets, draws, weights, mean, scale):
        encoded = self._encoded(self._standardized(rows, mean, scale), weights)
        codes = self.objective.sampled(encoded, draws)
        return encoded, codes, self._standardized(targets, mean, scale)

    def _standardized(self, rows, mean, scale):
        tf = load_tensorflow()
        return tf.cast((rows - mean) * (1 / scale), tf.float32)

    def _encoded(self, standardized, weights):
        tf = load_tensorflow()
        samples = tf.reshape(standardized, (-1, *self.sample_shape))
        encoded = _call(self.encoder, weights[: self._ends[0]], samples)
        bounds = self._correction(weights).bounds
        if bounds is None:
            return encoded
        linear = tf.matmul(standardized, bounds.encoder_kernel) + bounds.encoder_bias
        return bounded_codes(load_keras().ops, bounds, linear, encoded)

    def _outputs(self, codes, weights):
        tf, ops = load_tensorflow(), load_keras().ops
        values = weights[self._ends[0] : self._ends[1]]
        outputs = _call(self.decoder, values, codes)
        outputs = tf.reshape(outputs, (-1, self.n_features))
        correction = self._correction(weights)
        if correction.kernel_decoder is not None:
            outputs = decoded(ops, correction.kernel_decoder, codes, outputs)
        if correction.bounds is not None:
            outputs = bounded_outputs(ops, correction.bounds, codes, outputs)
        return outputs

    def _objective_variables(self, weights):
        return weights[self._ends[1] : self._ends[2]]

    def _correction(self, weights):
        return Correction.of_arrays(weights[self._ends[2] :])


_codecs: OrderedDict = OrderedDict()
_codecs_lock = Lock()


def shared_codec(architecture):
    """Return the codec of an `Architecture`, compiled once per process.

    The most recently used codecs are kept.
    """
    key = architecture.key
    with _codecs_lock.held():
        if key not in _codecs:
            _codecs[key] = on_one_device(Codec, architecture)
        _codecs.move_to_end(key)
        codec = _codecs[key]
        evict_oldest(_codecs, _MOST_CODECS)
        return codec


def _call(model, values, inputs):
    """Call a Keras model for inference with the given values of its variables."""
    n_trainable = len(model.trainable_variables)
    outputs, _ = model.stateless_call(
        values[:n_trainable], values[n_trainable:], inputs, training=False
    )
    return outputs
