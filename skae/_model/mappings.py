"""What a network makes of rows and codes: formulas for tensors and for arrays."""

import abc

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

    @abc.abstractmethod
    def _encoded(self, standardized, weights):
        """Return the encoder's outputs for flat float32 rows."""

    @abc.abstractmethod
    def _encoded_from_sums(self, sums, weights):
        """Return the same, given the rows' products with the input kernels."""

    @abc.abstractmethod
    def _outputs(self, codes, weights):
        """Return the decoder's outputs, flat, for float32 codes."""

    @abc.abstractmethod
    def _objective_variables(self, weights):
        """Return the values of the objective's own variables."""

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
        encoded = self._encoded_from_sums(sums_in_float32, weights)
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
        codes = self.objective.sampled(encoded, draws)
        return encoded, codes, self._standardized(targets, mean, scale)

    def _standardized(self, rows, mean, scale):
        return functions_of(rows).cast((rows - mean) * (1 / scale), "float32")
