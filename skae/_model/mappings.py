"""What a network makes of rows and codes: formulas for tensors and for arrays."""

import abc
from typing import Any

from skae._model.correction import (
    Correction,
    codes_within,
    decoded,
    rows_within,
)
from skae._serving.functions import functions_of


class Mappings(abc.ABC):
    """The maps between rows and codes in the user's units, and the losses of rows.

    They have no state: weights and units are arguments. A subclass says how encoder and
    decoder compute.

    Parameters
    ----------
    architecture : Architecture
        Its objective gives the losses and what the decoder's outputs mean.
    """

    def __init__(self, architecture):
        self.architecture = architecture
        self.sample_shape = architecture.sample_shape
        self.n_features = architecture.n_features
        self.encoding_dim = architecture.encoding_dim
        self.objective = architecture.objective

    _ends: Any
    """Where the weights of encoder, decoder and objective end."""

    @abc.abstractmethod
    def _encoder_outputs(self, standardized, weights):
        """Return the encoder's outputs for flat float32 rows."""

    @abc.abstractmethod
    def _encoder_outputs_from_sums(self, sums, weights):
        """Return the same, given the rows' products with the input kernels."""

    @abc.abstractmethod
    def _decoder_outputs(self, codes, weights):
        """Return the decoder's outputs, flat, for float32 codes."""

    def _encoded(self, standardized, weights):
        """Return the encoder's outputs; beyond the bounds it is the linear start."""
        bounds = self._correction(weights).bounds
        if bounds is None:
            return self._encoder_outputs(standardized, weights)
        ops = functions_of(standardized)
        within = rows_within(ops, bounds, standardized)
        beyond = ops.matmul(standardized - within, bounds.encoder_kernel)
        return self._encoder_outputs(within, weights) + beyond

    def _outputs(self, codes, weights):
        """Return the decoder's outputs, corrected."""
        ops, correction = functions_of(codes), self._correction(weights)
        bounds, within = correction.bounds, codes
        if bounds is not None:
            within = codes_within(ops, bounds, codes)
        outputs = self._decoder_outputs(within, weights)
        if correction.kernel_decoder is not None:
            outputs = decoded(ops, correction.kernel_decoder, within, outputs)
        if bounds is not None:
            outputs = outputs + ops.matmul(codes - within, bounds.decoder_kernel)
        return outputs

    def _objective_variables(self, weights):
        return weights[self._ends[1] : self._ends[2]]

    def _correction(self, weights):
        return Correction.of_arrays(weights[self._ends[2] :])

    def encode(self, rows, weights, mean, scale):
        """Map rows in the user's units to codes."""
        encoded = self._encoded(self._standardized(rows, mean, scale), weights)
        return self._codes(encoded, rows.dtype, scale)

    def encode_unscaled(self, rows, weights, mean, scale):
        """Do as `encode` does, with weights that take rows in the user's units."""
        rows_in_float32 = functions_of(rows).cast(rows, "float32")
        encoded = self._encoded(rows_in_float32, weights)
        return self._codes(encoded, rows.dtype, scale)

    def encode_sums(self, sums, weights, mean, scale):
        """Do as `encode_unscaled` does, from the products of rows and input kernels.

        These are one beside the other, in the order of `input_layers`.
        """
        sums_in_float32 = functions_of(sums).cast(sums, "float32")
        encoded = self._encoder_outputs_from_sums(sums_in_float32, weights)
        return self._codes(encoded, sums.dtype, scale)

    def _codes(self, encoded, dtype, scale):
        codes = self.objective.codes(encoded)
        return functions_of(codes).cast(codes, dtype) * self._code_unit(scale)

    def _code_unit(self, scale):
        return scale if self.objective.codes_are_in_units else scale / scale

    def decode(self, codes, weights, mean, scale):
        """Map codes to rows in the user's units."""
        ops = functions_of(codes)
        codes = codes / self._code_unit(scale)
        outputs = self._outputs(ops.cast(codes, "float32"), weights)
        outputs = self.objective.reconstructions(outputs)
        return ops.cast(outputs, codes.dtype) * scale + mean

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
        values = self._objective_variables(weights)
        codes = self.objective.sampled(encoded, draws, values)
        return encoded, codes, self._standardized(targets, mean, scale)

    def _standardized(self, rows, mean, scale):
        return functions_of(rows).cast((rows - mean) * (1 / scale), "float32")
