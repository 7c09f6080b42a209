"""The state of a fit, and inference with it, chunk by chunk."""

import functools

import numpy as np

from skae._data.checks import check_finite
from skae._data.rows import FEWEST_ROWS, Rows, row_chunks
from skae._data.scaling import Scaling
from skae._data.sparse import Products, SparseRows
from skae._model.codec import Codec, shared_codec
from skae._model.correction import UNCORRECTED
from skae._model.keras_models import standalone_models
from skae._runtime.interrupts import interrupts_deferred, let_interrupts_in
from skae._runtime.tensorflow import check_eager, on_one_device, tensor

# Up to it float32 keeps the seventh digit of a deviation but for a factor of ten.
_LARGE_MEAN = 10.0
# Beyond it float32, of 24 bits, rounds a mean by a hundredth of the scale.
_LARGEST_MEAN_OF_MODELS = 0.01 * 2.0**24


class FittedNetwork:
    """The state of a fit, and batched inference with it.

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
    """

    def __init__(self, codec, weights, scaling, correction=UNCORRECTED):
        self.codec = codec
        self.architecture = codec.architecture
        self.weights = weights
        self.scaling = scaling
        self.correction = correction

    def with_correction(self, correction):
        """Return the same network with another `Correction`."""
        return FittedNetwork(self.codec, self.weights, self.scaling, correction)

    def standardized(self, X):
        """Return rows in the network's scale, and a codec that takes such."""
        values = self.scaling.scaled_rows(X, np.arange(len(X)))
        return Rows(values, np.ones(len(X))), self.on_standardized()

    def on_standardized(self):
        """Return the same codec for rows in the network's scale."""
        identity = Scaling.identity(len(self.scaling.mean))
        return FittedNetwork(self.codec, self.weights, identity, self.correction)

    @functools.cached_property
    def codec(self):
        """The codec of the architecture, shared with other fits."""
        return shared_codec(self.architecture)

    @functools.cached_property
    def _tensors(self):
        return [tensor(values) for values in [*self.weights, *self.correction.arrays]]

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
        layers = self.codec.input_layers.numbers
        if not (layers and self._is_moderate):
            return None
        folded = list(self._tensors)
        for kernel, bias in layers:
            folded[kernel], folded[bias] = self._for_users_units(
                self.weights[kernel], self.weights[bias]
            )
        bounds = self.correction.bounds
        if bounds is not None:  # their arrays are the last
            first = len(folded) - len(vars(bounds))
            folded[first : first + 2] = self._for_users_units(
                bounds.encoder_kernel, bounds.encoder_bias
            )
        return folded

    def _for_users_units(self, kernel, bias):
        """Return kernel and bias that take rows in the user's units, as tensors."""
        exact = kernel.astype(np.float64) / self.scaling.scale
        # Not a product of matrices, whose last bits depend on free cores.
        shifted = bias - np.einsum("i,ij->j", self.scaling.mean, exact)
        return tensor(exact, "float32"), tensor(shifted, "float32")

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
        codec = on_one_device(Codec, self.architecture)
        return on_one_device(
            standalone_models, codec, self.weights, self.scaling, self.correction
        )

    def encode(self, X):
        """Return codes, shape (n_rows, encoding_dim)."""
        shape = (self.codec.encoding_dim,)
        if self._folded is None:
            return check_finite(self._map("encode", X, shape), X)
        if isinstance(X, SparseRows):
            numbers = [kernel for kernel, _ in self.codec.input_layers.numbers]
            if self.correction.bounds is not None:
                numbers.append(-len(vars(self.correction.bounds)))
            kernels = [self._folded[number] for number in numbers]
            sums = Products(X, np.concatenate(kernels, axis=1))
            return check_finite(self._map("encode_sums", sums, shape, self._folded), X)
        return check_finite(self._map("encode_unscaled", X, shape, self._folded), X)

    def decode(self, codes):
        """Return reconstructions, shape (n_rows, n_features)."""
        return check_finite(self._map("decode", codes, (self.codec.n_features,)), codes)

    def outputs(self, codes):
        """Return what the decoder gives for codes, before a link."""
        return self._map("outputs", codes, (self.codec.n_features,))

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
        check_eager()
        arrays = arrays if isinstance(arrays, tuple) else (arrays,)
        given = dtype = arrays[0].dtype
        if dtype not in (np.float32, np.float64) or not self._is_moderate:
            dtype = np.dtype(np.float64)  # takes the mean from rows as fit does
        run = self.codec.compiled(name, dtype, self.correction)
        mean = tensor(self.scaling.mean, dtype)
        scale = tensor(self.scaling.scale, dtype)
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


def _padded(rows):
    """Append zero rows up to the fewest that are worth a call.

    So a row gets the same bits alone as among a few others.
    """
    missing = FEWEST_ROWS - len(rows)
    if missing <= 0:
        return rows
    return np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), rows.dtype)])
