"""The only batched inference: compiled encoder, decoder and losses of a network."""

import functools
import math
import threading
from collections import OrderedDict

import numpy as np

from skae import _backend
from skae._data import FEWEST_ROWS, Rows, Scaling, row_chunks
from skae._export import standalone_models
from skae._input_layers import InputLayers
from skae._interruption import interrupts_deferred, let_interrupts_in
from skae._pool import evict_oldest
from skae._sparse import Products, SparseRows
from skae._threads import Lock
from skae._validation import check_finite
from skae.networks._models import (
    architecture_key,
    build,
    builds_with_seeds,
    count_weights,
    initial_weights,
    variables,
)

_MOST_CODECS = 16
_LARGE_MEAN = 10.0
# Beyond it float32, of 24 bits, rounds a mean by a hundredth of the scale.
_LARGEST_MEAN_OF_MODELS = 0.01 * 2.0**24


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
        self.encoder, self.decoder = build(
            network, sample_shape, encoding_dim, objective
        )
        self.architecture = network, sample_shape, encoding_dim, objective
        self.sample_shape = sample_shape
        self.n_features = math.prod(sample_shape)
        self.encoding_dim = encoding_dim
        self.objective = objective
        self._ends = np.cumsum(
            [len(variables(model)) for model in (self.encoder, self.decoder)]
        )
        self._built = [v.numpy() for v in variables(self.encoder, self.decoder)]
        self._models_to_lend = [(self.encoder, self.decoder)]
        self._compiled = {}
        self._compiling = threading.Lock()

    def initial_weights(self, seed):
        """Return values of the models' variables, drawn anew with a seed.

        Networks with code of the user's own are built for that.
        """
        network, *_ = self.architecture
        if builds_with_seeds(network):
            models = self.encoder, self.decoder
            return initial_weights(models, self._built, seed)
        return [v.numpy() for v in variables(*build(*self.architecture, seed))]

    def lend_models(self):
        """Return the encoder and decoder for one training; to others, None.

        The codec computes with weights that it is given, and does not see theirs.
        """
        network, *_ = self.architecture
        with self._compiling:
            if builds_with_seeds(network) and self._models_to_lend:
                return self._models_to_lend.pop()
            return None

    def has_network_of(self, fitted):
        """Tell whether a fit has the same network, whatever its objective adds."""
        return self._network_key() == fitted.codec._network_key()

    def _network_key(self):
        network, *parts, objective = self.architecture
        return architecture_key(network, *parts, objective.of_the_network())

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
        rows = tf.TensorSpec((None, self.n_features), dtype)
        codes = tf.TensorSpec((None, self.encoding_dim), dtype)
        n_draws = self.objective.n_draws(self.encoding_dim)
        draws = tf.TensorSpec((None, n_draws), dtype)
        read = {
            "encode_sums": [tf.TensorSpec((None, None), dtype)],
            "decode": [codes],
            "row_terms": [rows, rows, draws],
            "squared_distances": [rows, rows],
            "log_importance": [rows, draws],
        }
        both = variables(self.encoder, self.decoder) + self.objective.build()
        return _backend.traced(
            getattr(self, name),
            *read.get(name, [rows]),
            [tf.TensorSpec(v.shape, v.dtype) for v in both],
            tf.TensorSpec((self.n_features,), dtype),
            tf.TensorSpec((), dtype),
        )

    def encode(self, rows, weights, mean, scale):
        """Map rows in the user's units to codes."""
        encoded = self._encoded(self._standardized(rows, mean, scale), weights)
        return self._codes(encoded, rows.dtype, scale)

    def encode_unscaled(self, rows, weights, mean, scale):
        """Do as `encode` does, with weights that take rows in the user's units."""
        _, tf = _backend.load()
        encoded = self._encoded(tf.cast(rows, tf.float32), weights)
        return self._codes(encoded, rows.dtype, scale)

    def encode_sums(self, sums, weights, mean, scale):
        """Do as `encode_unscaled` does, from the products of rows and input kernels.

        These are one beside the other, in the order of `input_layers`.
        """
        _, tf = _backend.load()
        encoded = self.input_layers.encode(tf.cast(sums, tf.float32), weights)
        return self._codes(encoded, sums.dtype, scale)

    def _codes(self, encoded, dtype, scale):
        _, tf = _backend.load()
        codes = self.objective.codes(encoded)
        return tf.cast(codes, dtype) * self._code_unit(scale)

    def _code_unit(self, scale):
        _, tf = _backend.load()
        return scale if self.objective.codes_are_in_units else tf.ones_like(scale)

    @functools.cached_property
    def input_layers(self):
        """The dense layers that read the rows, if nothing else does."""
        return InputLayers(self.encoder)

    def decode(self, codes, weights, mean, scale):
        """Map codes to rows in the user's units."""
        _, tf = _backend.load()
        codes = codes / self._code_unit(scale)
        outputs = self._outputs(tf.cast(codes, tf.float32), weights)
        outputs = self.objective.reconstructions(outputs)
        return tf.cast(outputs, codes.dtype) * scale + mean

    def reconstruct(self, rows, weights, mean, scale):
        """Map rows to their reconstructions, both in the user's units."""
        codes = self.encode(rows, weights, mean, scale)
        return self.decode(codes, weights, mean, scale)

    def squared_errors(self, rows, weights, mean, scale):
        """Return each row's mean squared error, over the square of the scale."""
        rows = self._standardized(rows, mean, scale)
        return self._errors(rows, rows, weights)

    def squared_distances(self, rows, targets, weights, mean, scale):
        """Return the same for targets, which may have gaps, of rows without."""
        rows = self._standardized(rows, mean, scale)
        targets = self._standardized(targets, mean, scale)
        return self._errors(rows, targets, weights, has_gaps=True)

    def _errors(self, rows, targets, weights, has_gaps=False):
        codes = self.objective.codes(self._encoded(rows, weights))
        outputs = self._outputs(codes, weights)
        return self.objective.squared_errors(targets, outputs, has_gaps)

    def row_terms(self, rows, targets, draws, weights, mean, scale):
        """Return the terms of each row's loss, as training sees them."""
        encoded, codes, targets = self._in_training(
            rows, targets, draws, weights, mean, scale
        )
        return self.objective.row_terms(
            targets, encoded, self._outputs(codes, weights), self._own(weights)
        )

    def log_importance(self, rows, draws, weights, mean, scale):
        """Return the logarithm of each row's importance weight; see `NegativeELBO`."""
        encoded, codes, targets = self._in_training(
            rows, rows, draws, weights, mean, scale
        )
        outputs, own = self._outputs(codes, weights), self._own(weights)
        return self.objective.log_importance(targets, encoded, outputs, draws, own)

    def kl_divergences(self, rows, weights, mean, scale):
        """Return the KL divergence of each row and code; see `NegativeELBO`."""
        standardized = self._standardized(rows, mean, scale)
        return self.objective.kl_divergences(self._encoded(standardized, weights))

    def _in_training(self, rows, targets, draws, weights, mean, scale):
        encoded = self._encoded(self._standardized(rows, mean, scale), weights)
        codes = self.objective.sampled(encoded, draws)
        return encoded, codes, self._standardized(targets, mean, scale)

    def _standardized(self, rows, mean, scale):
        _, tf = _backend.load()
        return tf.cast((rows - mean) * (1 / scale), tf.float32)

    def _encoded(self, standardized, weights):
        _, tf = _backend.load()
        samples = tf.reshape(standardized, (-1, *self.sample_shape))
        return _call(self.encoder, weights[: self._ends[0]], samples)

    def _outputs(self, codes, weights):
        _, tf = _backend.load()
        own = weights[self._ends[0] : self._ends[1]]
        return tf.reshape(_call(self.decoder, own, codes), (-1, self.n_features))

    def _own(self, weights):
        return weights[self._ends[1] :]


class FittedCodec:
    """The state of a fit, and batched inference with it.

    Parameters
    ----------
    codec : Codec
        Of the architecture.

    weights : list of ndarray
        Values of the encoder's variables, then the decoder's.

    scaling : Scaling
        The user's units.
    """

    def __init__(self, codec, weights, scaling):
        self.codec = codec
        self.architecture = codec.architecture
        self.weights = weights
        self.scaling = scaling

    def standardized(self, X):
        """Return rows in the network's scale, and a codec that takes such."""
        values = self.scaling.scaled_rows(X, np.arange(len(X)))
        return Rows(values, np.ones(len(X))), self.on_standardized()

    def on_standardized(self):
        """Return the same codec for rows in the network's scale."""
        identity = Scaling.identity(len(self.scaling.mean))
        return FittedCodec(self.codec, self.weights, identity)

    @functools.cached_property
    def codec(self):
        """The codec of the architecture, shared with other fits."""
        return shared_codec(*self.architecture)

    @functools.cached_property
    def _tensors(self):
        _, tf = _backend.load()
        return [tf.convert_to_tensor(values) for values in self.weights]

    @property
    def _scale_is_moderate(self):
        """Whether float32 has the scale, its inverse, and their products with rows."""
        return 1e-30 < self.scaling.scale < 1e30

    @property
    def _is_moderate(self):
        """Whether float32 has the scale, and rows' deviations from the mean."""
        return self._scale_is_moderate and self._relative_mean <= _LARGE_MEAN

    @property
    def _relative_mean(self):
        """The largest mean, in units of the scale."""
        return np.abs(self.scaling.mean).max() / self.scaling.scale

    @functools.cached_property
    def _folded(self):
        """Weights that take rows in the user's units, or None where they may not.

        This spares two passes over the rows. It needs an encoder that reads them by
        dense layers alone, and means that are not large beside the scale, so that
        float32 loses nothing.
        """
        _, tf = _backend.load()
        layers = self.codec.input_layers.numbers
        mean, scale = self.scaling.mean, self.scaling.scale
        if not (layers and self._is_moderate):
            return None
        folded = list(self._tensors)
        for kernel, bias in layers:
            exact = self.weights[kernel].astype(np.float64) / scale
            # Not a product of matrices, whose last bits depend on free cores.
            shifted = self.weights[bias] - np.einsum("i,ij->j", mean, exact)
            folded[kernel] = tf.constant(exact, tf.float32)
            folded[bias] = tf.constant(shifted, tf.float32)
        return folded

    @functools.cached_property
    def models(self):
        """Encoder and decoder as Keras models that work on the user's units."""
        if self._relative_mean > _LARGEST_MEAN_OF_MODELS:
            raise ValueError(
                "encoder_ and decoder_ are Keras models of float32 rows, but the means "
                f"of the training rows go up to {self._relative_mean:.3g} of their "
                "standard deviations, where float32 rounds most of a deviation away. "
                "Use transform and inverse_transform, which subtract the mean in "
                "float64, or fit rows whose mean you have subtracted."
            )
        codec = Codec(*self.architecture)
        return standalone_models(codec, self.weights, self.scaling)

    def encode(self, X):
        """Return codes, shape (n_rows, encoding_dim)."""
        shape = (self.codec.encoding_dim,)
        if self._folded is None:
            return check_finite(self._map("encode", X, shape), X)
        if isinstance(X, SparseRows):
            kernels = [
                self._folded[kernel] for kernel, _ in self.codec.input_layers.numbers
            ]
            sums = Products(X, np.concatenate(kernels, axis=1))
            return check_finite(self._map("encode_sums", sums, shape, self._folded), X)
        return check_finite(self._map("encode_unscaled", X, shape, self._folded), X)

    def decode(self, codes):
        """Return reconstructions, shape (n_rows, n_features)."""
        return check_finite(self._map("decode", codes, (self.codec.n_features,)), codes)

    def reconstruct(self, X):
        """Return reconstructions, shape (n_rows, n_features)."""
        return check_finite(self._map("reconstruct", X, (self.codec.n_features,)), X)

    def squared_errors(self, X, targets=None):
        """Return float64 mean squared errors to X or `targets`, in user's units."""
        others = [] if targets is None or targets is X else [targets]
        name = "squared_distances" if others else "squared_errors"
        errors = check_finite(self._map(name, (X, *others), ()), X)
        return errors.astype(np.float64, copy=False) * self.scaling.scale**2

    def row_terms(self, rows):
        """Return the terms of the loss of `Rows`, shape (n_rows, n_terms)."""
        codec = self.codec
        draws = rows.draws
        if draws is None:
            n_draws = codec.objective.n_draws(codec.encoding_dim)
            draws = np.zeros((len(rows), n_draws), rows.values.dtype)
        n_terms = len(codec.objective.terms)
        arrays = rows.values, rows.targets, draws
        return self._map("row_terms", arrays, (n_terms,))

    def kl_divergences(self, X):
        """Return the KL divergences, shape (n_rows, encoding_dim)."""
        return self._map("kl_divergences", X, (self.codec.encoding_dim,))

    def log_importance(self, X, draws):
        """Return the logarithms of importance weights, shape (n_rows,)."""
        return self._map("log_importance", (X, draws), ())

    @interrupts_deferred()
    def _map(self, name, arrays, shape, weights=None):
        """Run a compiled method over rows chunk by chunk; memory stays bounded.

        Parameters
        ----------
        arrays : ndarray or the like (such as SparseRows), or tuple of these
            What the method reads, row by row; the first gives the type.
        """
        _, tf = _backend.load()
        arrays = arrays if isinstance(arrays, tuple) else (arrays,)
        given = dtype = arrays[0].dtype
        if dtype not in (np.float32, np.float64) or not self._is_moderate:
            dtype = np.dtype(np.float64)  # takes the mean from rows as fit does
        run = self.codec.compiled(name, dtype)
        mean = tf.constant(self.scaling.mean, dtype)
        scale = tf.constant(self.scaling.scale, dtype)
        weights = self._tensors if weights is None else weights
        mapped = None
        for chunk in row_chunks(arrays[0]):
            made = {id(a): np.ascontiguousarray(a[chunk], dtype) for a in arrays}
            parts = [_padded(made[id(array)]) for array in arrays]
            n_rows = len(made[id(arrays[0])])
            part = run(*parts, weights, mean, scale).numpy()[:n_rows]
            let_interrupts_in()
            if mapped is None:
                to_float32 = given == np.float32 and self._scale_is_moderate
                kind = np.float32 if to_float32 else part.dtype
                mapped = np.empty((len(arrays[0]), *shape), kind)
            mapped[chunk] = part
        return mapped


_codecs: OrderedDict = OrderedDict()
_codecs_lock = Lock()


def shared_codec(network, sample_shape, encoding_dim, objective):
    """Return the codec of an architecture, compiled once per process.

    The most recently used codecs are kept; see `Codec` for the parameters.
    """
    key = architecture_key(network, sample_shape, encoding_dim, objective)
    with _codecs_lock.held():
        if key not in _codecs:
            _codecs[key] = Codec(network, sample_shape, encoding_dim, objective)
        _codecs.move_to_end(key)
        codec = _codecs[key]
        evict_oldest(_codecs, _MOST_CODECS)
        return codec


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
