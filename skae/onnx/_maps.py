"""What an estimator's methods compute, as nodes of ONNX."""

from __future__ import annotations

import numpy as np

from skae._data.missing import allows_missing
from skae._objective.losses import HIGHEST_LOG_RATE
from skae.onnx._correction import corrected_outputs, encoded_within
from skae.onnx._keras_models import exported
from skae.onnx._operations import append_graph


class Maps:
    """Appends the methods of a fitted estimator to `Nodes`.

    Networks compute in float32, the units of the data in the type of the rows; rows
    whose mean is large beside their scale lose it in float64, as in `FittedNetwork`.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Fitted.

    nodes : Nodes
        Where to.

    dtype : numpy.dtype
        Type of rows and codes, float32 or float64.

    opset : int
        Version of ONNX's operators.
    """

    def __init__(self, estimator, nodes, dtype, opset):
        self._fitted = estimator._fitted
        self._architecture = self._fitted.architecture
        self._objective = self._architecture.objective
        self._may_miss = allows_missing(estimator)
        self._nodes, self._opset = nodes, opset
        self._input_type = self._given = self._exact = np.dtype(dtype)
        self._fill = estimator.mean_.ravel()
        if not self._fitted.is_moderate:
            self._exact = np.dtype(np.float64)
        if not self._fitted.scale_is_moderate:
            self._given = np.dtype(np.float64)
        scaling = self._fitted.scaling
        self._mean = scaling.mean.astype(self._exact)
        self._scale = self._exact.type(scaling.scale)
        self._factor = self._exact.type(1 / self._scale)  # of one type in NumPy 1 too
        in_units = self._objective.codes_are_in_units
        self._code_unit = self._scale if in_units else self._exact.type(1)

    def output_type(self, method):
        """Return the type of what a method gives."""
        return np.dtype(np.float64) if method == "score_samples" else self._given

    def transform(self, X):
        """Append `transform` of the value named X; return the output's name."""
        return self._cast(self._codes(self._filled(self._flat(X))))

    def inverse_transform(self, codes):
        """Append `inverse_transform`; return the output's name."""
        return self._samples(self._decoded(self._nodes.cast(codes, self._exact)))

    def reconstruct(self, X):
        """Append `reconstruct`; return the output's name."""
        return self._samples(self._decoded(self._codes(self._filled(self._flat(X)))))

    def score_samples(self, X):
        """Append `score_samples`, in float64; return the output's name."""
        nodes, X = self._nodes, self._flat(X)
        rows = targets = self._standardized(X)
        if self._may_miss:
            rows = self._standardized(self._filled(X))
        outputs = self._outputs(self._network_codes(self._encoded(rows)))
        errors = nodes.add("Sub", outputs, targets)
        errors = nodes.cast(errors, np.float64)
        if not self._may_miss:
            return self._score(nodes.add("Mul", errors, errors), 1.0)
        missing = nodes.add("IsNaN", errors)
        errors = nodes.add("Where", missing, np.float64(0), errors)
        observed = nodes.cast(nodes.add("Not", missing), np.float64)
        # A row without any observed value has an error of 0, which 0 / 1 keeps.
        fractions = nodes.add("Max", self._mean_of(observed), np.float64(1e-300))
        return self._score(nodes.add("Mul", errors, errors), fractions)

    def _score(self, squares, fractions):
        scale = np.float64(-(self._fitted.scaling.scale**2))
        fractions = fractions if isinstance(fractions, str) else np.float64(fractions)
        means = self._nodes.add("Div", self._mean_of(squares), fractions)
        scores = self._nodes.add("Mul", means, scale)
        return self._nodes.add("Reshape", scores, np.array([-1], np.int64))

    def _mean_of(self, values):
        """Append the mean of each row as a product, which all versions of ONNX have."""
        n_features = self._architecture.n_features
        shares = np.full((n_features, 1), 1 / n_features)
        return self._nodes.add("MatMul", values, shares)

    def _flat(self, X):
        if len(self._architecture.sample_shape) == 1:
            return X
        return self._nodes.reshaped(X, [self._architecture.n_features])

    def _samples(self, rows):
        rows = self._cast(rows)
        if len(self._architecture.sample_shape) == 1:
            return rows
        return self._nodes.reshaped(rows, self._architecture.sample_shape)

    def _filled(self, X):
        """Append the means of the features in place of missing values."""
        if not self._may_miss:
            return X
        missing = self._nodes.add("IsNaN", X)
        mean = self._fill.astype(self._input_type)
        return self._nodes.add("Where", missing, mean, X)

    def _standardized(self, X):
        nodes = self._nodes
        centred = nodes.add("Sub", nodes.cast(X, self._exact), self._mean)
        return nodes.cast(nodes.add("Mul", centred, self._factor), np.float32)

    def _codes(self, X):
        """Append the codes of flat rows, in the user's unit."""
        nodes, folded = self._nodes, self._fitted.folded
        if folded is not None and self._fitted.graphs is not None:
            encoded = self._encoded(nodes.cast(X, np.float32), folded)
        else:
            encoded = self._encoded(self._standardized(X))
        codes = nodes.cast(self._network_codes(encoded), self._exact)
        return nodes.add("Mul", codes, self._code_unit)

    def _network_codes(self, encoded):
        per_code = self._objective.outputs_per_code
        if per_code == 1:
            return encoded
        numbers = np.arange(0, per_code * self._architecture.encoding_dim, per_code)
        return self._nodes.add("Gather", encoded, numbers, axis=1)

    def _decoded(self, codes):
        """Append the flat reconstructions of codes in the user's unit."""
        nodes = self._nodes
        codes = nodes.add("Div", codes, self._code_unit)
        outputs = self._outputs(nodes.cast(codes, np.float32))
        scaled = nodes.add("Mul", nodes.cast(outputs, self._exact), self._scale)
        return nodes.add("Add", scaled, self._mean)

    def _outputs(self, codes):
        """Append the reconstructions, in the network's scale, of such codes."""
        nodes, link = self._nodes, self._objective.link
        outputs = corrected_outputs(
            nodes,
            self._fitted.correction,
            codes,
            lambda within: self._network(1, within),
        )
        if link == "logit":
            return nodes.add("Sigmoid", outputs)
        if link == "log":
            bounded = nodes.add("Min", outputs, np.float32(HIGHEST_LOG_RATE))
            return nodes.add("Exp", bounded)
        return outputs

    def _encoded(self, standardized, weights=None):
        bounds = self._fitted.correction.bounds
        if bounds is None:
            return self._network(0, standardized, weights)
        return encoded_within(
            self._nodes,
            bounds,
            standardized,
            lambda within: self._network(0, within, weights),
        )

    def _network(self, which, value, weights=None):
        """Append encoder (0) or decoder (1), from flat values to flat values."""
        fitted, graphs = self._fitted, self._fitted.graphs
        if graphs is None:
            return self._of_keras(which, value)
        n_before = which * len(graphs[0].weights)
        weights = fitted.weights if weights is None else weights
        some = weights[n_before : n_before + len(graphs[which].weights)]
        return append_graph(self._nodes, graphs[which], value, some)

    def _of_keras(self, which, value):
        nodes, shape = self._nodes, self._architecture.sample_shape
        model = exported(self._fitted, which, self._opset)
        if which == 0:
            return nodes.insert(model, nodes.reshaped(value, shape))
        return nodes.reshaped(
            nodes.insert(model, value), [self._architecture.n_features]
        )

    def _cast(self, value):
        return self._nodes.cast(value, self._given)
