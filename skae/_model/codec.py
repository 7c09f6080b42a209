"""A network as compiled functions of its weights: encode, decode, losses of rows."""

import dataclasses
import functools
import threading
from collections import OrderedDict

import numpy as np

from skae._model.graphs import graphs_of
from skae._model.input_layers import InputLayers
from skae._model.mappings import Mappings
from skae._runtime.caches import evict_oldest
from skae._runtime.tensorflow import load_tensorflow, on_one_device, traced
from skae._runtime.threads import Lock
from skae.networks._build import builds_with_seeds, initial_weights, variables

# What TensorFlow's gradients are where an output does not depend on an input.
_ZERO = "zero"
# Enough for a search over the sizes of one network; more cost memory.
_MOST_CODECS = 16


class Codec(Mappings):
    """The maps as compiled functions of one architecture.

    They have no state (weights are arguments), so fits and threads share them. Each
    is traced once per floating-point type, whatever the number of rows.

    Parameters
    ----------
    architecture : Architecture
        Its objective gives the losses and what the decoder's outputs mean.

    Attributes
    ----------
    n_weights : int
        Number of weights that the Keras models hold.
    """

    def __init__(self, architecture):
        super().__init__(architecture)
        self.encoder, self.decoder = architecture.build()
        models = self.encoder, self.decoder
        n_variables = [len(variables(model)) for model in models]
        n_own = len(self.objective.variable_shapes(self.encoding_dim))
        self._ends = np.cumsum([*n_variables, n_own])
        self._built = [v.numpy() for v in variables(self.encoder, self.decoder)]
        self.n_weights = sum(values.size for values in self._built)
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
            "row_terms": [rows, rows, draws],
            "squared_distances": [rows, rows],
            "log_importance": [rows, draws],
        }
        both = variables(self.encoder, self.decoder)
        both += self.objective.build(self.encoding_dim)
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

    @functools.cached_property
    def graphs(self):
        """Graphs of encoder and decoder for NumPy, or None; see `graphs_of`."""
        return graphs_of(self.architecture, self.encoder, self.decoder)

    @functools.cached_property
    def input_layers(self):
        """The dense layers that read the rows, if nothing else does."""
        return InputLayers(self.encoder)

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

    def _encoder_outputs(self, standardized, weights):
        tf = load_tensorflow()
        samples = tf.reshape(standardized, (-1, *self.sample_shape))
        return _call(self.encoder, weights[: self._ends[0]], samples)

    def _encoder_outputs_from_sums(self, sums, weights):
        return self.input_layers.encode(sums, weights)

    def _decoder_outputs(self, codes, weights):
        tf = load_tensorflow()
        values = weights[self._ends[0] : self._ends[1]]
        return tf.reshape(_call(self.decoder, values, codes), (-1, self.n_features))


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
