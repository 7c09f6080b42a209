"""The state of a fit, and inference with it, chunk by chunk."""

import functools
import math

import numpy as np

from skae._data.checks import check_finite
from skae._data.rows import FEWEST_ROWS, Rows, row_chunks
from skae._data.scaling import Scaling
from skae._data.sparse import Products, SparseRows
from skae._model.codec import Codec, shared_codec
from skae._model.correction import UNCORRECTED
from skae._model.imputation import chosen_means
from skae._model.keras_models import assign, standalone_models
from skae._model.numpy_codec import NumpyCodec
from skae._runtime.interrupts import interrupts_deferred, let_interrupts_in
from skae._runtime.tensorflow import check_eager, on_one_device, tensor
from skae._runtime.threads import map_in_threads, one_blas_thread
from skae._serving.functions import ROWS_AT_A_TIME

# Up to it float32 keeps the seventh digit of a deviation but for a factor of ten.
_LARGE_MEAN = 10.0
# Beyond it float32, of 24 bits, rounds a mean by a hundredth of the scale.
_LARGEST_MEAN_OF_MODELS = 0.01 * 2.0**24


class FittedNetwork:
    """The state of a fit, and batched inference with it.

    Dense networks are computed in NumPy, others in TensorFlow.

    Parameters
    ----------
    codec : Codec
        Of the architecture.

    weights : list of ndarray
        Values of the encoder's variables, then the decoder's.

    scaling : Scaling
        The user's units.

    correction : Correction, default=Correction()
        What is added to the network.

    donors : Donors or None, default=None
        Rows to fill missing values from; None leaves that to the network.
    """

    def __init__(self, codec, weights, scaling, correction=UNCORRECTED, donors=None):
        self.codec = codec
        self.architecture = codec.architecture
        self.weights = weights
        self.scaling = scaling
        self.correction = correction
        self.donors = donors

    def with_correction(self, correction):
        """Return the same network with another `Correction`."""
        return FittedNetwork(self.codec, self.weights, self.scaling, correction)

    def standardized(self, X):
        """Return rows in the network's scale, and a codec that takes such."""
        values = self.scaling.scaled_rows(X, np.arange(len(X)), self.graphs is None)
        return Rows(values, np.ones(len(X))), self.on_standardized()

    def on_standardized(self):
        """Return the same fit for rows in the network's scale."""
        identity = Scaling.identity(len(self.scaling.mean))
        return FittedNetwork(self.codec, self.weights, identity, self.correction)

    @functools.cached_property
    def codec(self):
        """The codec of the architecture, shared with other fits."""
        return shared_codec(self.architecture)

    @functools.cached_property
    def graphs(self):
        """Graphs of encoder and decoder for NumPy; None where it needs Keras."""
        return self.codec.graphs

    @property
    def inference(self):
        """What computes: "numpy" or "keras"."""
        return "keras" if self.graphs is None else "numpy"

    @functools.cached_property
    def _backend(self):
        if self.graphs is None:
            return _InTensorFlow(self.codec)
        return _InNumPy(NumpyCodec(self.architecture, self.graphs))

    @functools.cached_property
    def _values(self):
        arrays = [*self.weights, *self.correction.arrays]
        return [self._backend.values(one) for one in arrays]

    @property
    def scale_is_moderate(self):
        """Whether float32 has the scale, its inverse, and their products with rows."""
        return 1e-30 < self.scaling.scale < 1e30

    @property
    def is_moderate(self):
        """Whether float32 has the scale, and rows' deviations from the mean."""
        return self.scale_is_moderate and self._relative_mean <= _LARGE_MEAN

    @property
    def _relative_mean(self):
        """The largest mean, in units of the scale."""
        return np.abs(self.scaling.mean).max() / self.scaling.scale

    @functools.cached_property
    def folded(self):
        """Weights that take rows in the user's units, or None where they may not.

        This spares two passes over the rows. It needs an encoder that reads them by
        dense layers alone, and means that are not large beside the scale, so that
        float32 loses nothing. Bounds are for rows in the network's scale.
        """
        layers = self._backend.input_layers
        if not (layers and self.is_moderate and self.correction.bounds is None):
            return None
        folded = list(self._values)
        for kernel, bias in layers:
            folded[kernel], folded[bias] = self._for_users_units(
                self.weights[kernel], self.weights[bias]
            )
        return folded

    def _for_users_units(self, kernel, bias):
        """Return kernel and bias that take rows in the user's units."""
        exact = kernel.astype(np.float64) / self.scaling.scale
        # Not a product of matrices, whose last bits depend on free cores.
        shifted = bias - np.einsum("i,ij->j", self.scaling.mean, exact)
        return tuple(self._backend.values(one, np.float32) for one in (exact, shifted))

    @functools.cached_property
    def _folded_kernels(self):
        """The kernels of `folded` that read rows, side by side."""
        numbers = [kernel for kernel, _ in self._backend.input_layers]
        return np.concatenate([self.folded[number] for number in numbers], axis=1)

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
        return on_one_device(
            standalone_models,
            self._new_codec(),
            self.weights,
            self.scaling,
            self.correction,
        )

    def bare_models(self):
        """Return new Keras models of encoder and decoder, in the network's scale."""
        codec = self._new_codec()
        on_one_device(assign, codec, self.weights)
        return codec.encoder, codec.decoder

    def _new_codec(self):
        return on_one_device(Codec, self.architecture)

    def encode(self, X):
        """Return codes, shape (n_rows, encoding_dim)."""
        shape = (self.architecture.encoding_dim,)
        if self.folded is None:
            return check_finite(self._map("encode", X, shape), X)
        if isinstance(X, SparseRows):
            sums = Products(X, self._folded_kernels)
            return check_finite(self._map("encode_sums", sums, shape, self.folded), X)
        return check_finite(self._map("encode_unscaled", X, shape, self.folded), X)

    def decode(self, codes):
        """Return reconstructions, shape (n_rows, n_features)."""
        return check_finite(
            self._map("decode", codes, (self.architecture.n_features,)), codes
        )

    @property
    def stand_ins(self):
        """What the decoder reads after the first k codes in row k - 1, in its scale."""
        dim = self.architecture.encoding_dim
        if not self.architecture.objective.learns_stand_ins:
            return np.zeros((dim, dim), np.float32)
        # By way of the values, for which weights from a file have been checked.
        return np.asarray(self._values[len(self.weights) - 1])

    def filled(self, codes):
        """Return nested codes with stand-ins for those after the first, if any lack.

        Parameters
        ----------
        codes : float array of shape (n_rows, n_first)
            The first codes, as `encode` gives them.

        Returns
        -------
        array of shape (n_rows, encoding_dim), of the same type
        """
        (n_rows, n_first), dim = codes.shape, self.architecture.encoding_dim
        if n_first == dim:
            return codes
        is_in_units = self.architecture.objective.codes_are_in_units
        unit = np.float64(self.scaling.scale if is_in_units else 1)
        others = (self.stand_ins[n_first - 1, n_first:] * unit).astype(codes.dtype)
        return np.hstack([codes, np.broadcast_to(others, (n_rows, dim - n_first))])

    def reconstruct(self, X):
        """Return reconstructions, shape (n_rows, n_features)."""
        return check_finite(
            self._map("reconstruct", X, (self.architecture.n_features,)), X
        )

    def squared_errors(self, X, targets=None):
        """Return float64 mean squared errors to X or `targets`, in user's units."""
        others = [] if targets is None or targets is X else [targets]
        name = "squared_distances" if others else "squared_errors"
        errors = check_finite(self._map(name, (X, *others), ()), X)
        return errors.astype(np.float64, copy=False) * self.scaling.scale**2

    @interrupts_deferred()
    def impute(self, X, filled):
        """Return what missing values of X are to become, shape (n_rows, n_features).

        Parameters
        ----------
        filled : ndarray of the shape of X
            X with means in place of missing values.
        """
        if self._conditional_means is None:
            return self.reconstruct(filled)
        mean, scale = self.scaling.mean, self.scaling.scale
        found = np.empty(X.shape)
        for chunk in row_chunks(X):
            values = self._conditional_means.of((X[chunk] - mean) / scale)
            found[chunk] = values * scale + mean
        return check_finite(found, X)

    @functools.cached_property
    def _conditional_means(self):
        """What finds missing values better than the network; None if nothing does."""
        if self.donors is None:
            return None
        return chosen_means(self.donors, self.on_standardized().reconstruct)

    def row_terms(self, rows):
        """Return the terms of the loss of `Rows`, shape (n_rows, n_terms)."""
        objective, draws = self.architecture.objective, rows.draws
        if draws is None:
            n_draws = objective.n_draws(self.architecture.encoding_dim)
            draws = np.zeros((len(rows), n_draws), rows.values.dtype)
        n_terms = len(objective.terms)
        arrays = rows.values, rows.targets, draws
        return self._map("row_terms", arrays, (n_terms,))

    def kl_divergences(self, X):
        """Return the KL divergences, shape (n_rows, encoding_dim)."""
        return self._map("kl_divergences", X, (self.architecture.encoding_dim,))

    def log_importance(self, X, draws):
        """Return the logarithms of importance weights, shape (n_rows,)."""
        return self._map("log_importance", (X, draws), ())

    @interrupts_deferred()
    def _map(self, name, arrays, shape, weights=None):
        """Run a method of the codec over rows chunk by chunk; memory stays bounded.

        Parameters
        ----------
        arrays : ndarray or the like (such as SparseRows), or tuple of these
            What the method reads, row by row; the first gives the type.
        """
        arrays = arrays if isinstance(arrays, tuple) else (arrays,)
        given = dtype = arrays[0].dtype
        if dtype not in (np.float32, np.float64) or not self.is_moderate:
            dtype = np.dtype(np.float64)  # takes the mean from rows as fit does
        run = self._backend.function(name, dtype, self.correction)
        mean = self._backend.values(self.scaling.mean, dtype)
        scale = self._backend.values(self.scaling.scale, dtype)
        weights = self._values if weights is None else weights

        def run_on(chunk):
            made = {id(a): np.ascontiguousarray(a[chunk], dtype) for a in arrays}
            n_rows = len(made[id(arrays[0])])
            most = self._backend.rows_of_a_call(n_rows)
            parts = [_padded(made[id(array)], most) for array in arrays]
            return np.asarray(run(*parts, weights, mean, scale))[:n_rows]

        mapped = None
        chunks = list(row_chunks(arrays[0]))
        for chunk, part in zip(chunks, self._backend.map(run_on, chunks), strict=True):
            if mapped is None:
                to_float32 = given == np.float32 and self.scale_is_moderate
                kind = np.float32 if to_float32 else part.dtype
                mapped = np.empty((len(arrays[0]), *shape), kind)
            mapped[chunk] = part
        return mapped


class _InTensorFlow:
    """Compiled functions, which use all cores for each chunk.

    Parameters
    ----------
    codec : Codec
        Of the architecture.
    """

    def __init__(self, codec):
        self._codec = codec
        self.values = tensor

    def function(self, name, dtype, correction):
        check_eager()
        return self._codec.compiled(name, dtype, correction)

    @property
    def input_layers(self):
        return self._codec.input_layers.numbers

    @staticmethod
    def rows_of_a_call(n_rows):
        return max(n_rows, FEWEST_ROWS)

    @staticmethod
    def map(function, chunks):
        for chunk in chunks:
            part = function(chunk)
            let_interrupts_in()
            yield part


class _InNumPy:
    """Functions of arrays, which use one core for each chunk.

    So their last bits do not depend on the number of cores; see `one_blas_thread`.

    Parameters
    ----------
    codec : NumpyCodec
        Of the architecture.
    """

    def __init__(self, codec):
        self._codec = codec
        self.input_layers = codec.input_layers

    def function(self, name, dtype, correction):
        return getattr(self._codec, name)

    @staticmethod
    def values(values, dtype=None):
        # One order of memory, since products of matrices round by it.
        return np.asarray(values, dtype, order="C")

    @staticmethod
    def rows_of_a_call(n_rows):
        return ROWS_AT_A_TIME * math.ceil(n_rows / ROWS_AT_A_TIME)

    @staticmethod
    def map(function, chunks):
        # As in TensorFlow, numbers beyond the range are no warning; `check_finite` is
        # the error.
        def quietly(chunk):
            with np.errstate(all="ignore"):
                return function(chunk)

        with one_blas_thread():
            if len(chunks) == 1:
                yield quietly(*chunks)
            else:
                yield from map_in_threads(quietly, chunks)


def _padded(rows, n_rows):
    """Append zero rows up to a number of rows.

    So a row gets the same bits alone as among a few others.
    """
    missing = n_rows - len(rows)
    if missing <= 0:
        return rows
    padded = np.zeros((n_rows, *rows.shape[1:]), rows.dtype)
    padded[: len(rows)] = rows
    return padded
