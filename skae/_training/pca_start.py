"""The PCA start: weights that make a network PCA, and step sizes to go with them."""

import numpy as np
from scipy.special import logit

from skae._data.rows import row_chunks
from skae._data.sparse import Deviations, SparseRows
from skae._runtime.threads import map_in_threads, one_blas_thread
from skae._runtime.warnings import warn
from skae._training.link_regression import logistic_regression, poisson_regression
from skae._training.schedule import StepSizes
from skae.networks._base import BRANCH, FIRST_HIDDEN, LINEAR
from skae.networks._build import kernels, variables

# The largest input at the start. The next terms of the series, x²/3 of x for tanh and
# x²/12 of x/4 for the sigmoid, are a third of a per cent here.
_LINEAR_RANGE = {"tanh": 0.1, "sigmoid": 0.2}
# With Adam's rate of 0.01 a step moves a hidden unit by up to 0.2 for an average row.
# More would be faster but less stable.
_STEP_OF_ROWS = 20.0
# At most so many values of sparse rows enter the regressions: this bounds the time.
_SPARSE_VALUES = 2**26
# Least variance of a VAE's likelihood; the data's mean variance is 1. Near zero, where
# the axes explain everything, losses and gradients would be infinite.
_LEAST_NOISE = 1e-3

# Value and derivative of each code activation at the offsets of the start, as the
# decoder reads it (it subtracts 0.5 from a sigmoid).
_ACTIVATION_AT = {
    "linear": lambda offset: (offset, np.ones_like(offset)),
    "relu": lambda offset: (offset, np.ones_like(offset)),
    "tanh": lambda offset: (offset, np.ones_like(offset)),
    "sigmoid": lambda offset: (offset, np.full_like(offset, 0.25)),
}

_REGRESSIONS = {"logit": logistic_regression, "log": poisson_regression}

CODE_ACTIVATIONS = tuple(_ACTIVATION_AT)
"""Code activations in front of which a network can start."""


def automatic_init(network):
    """Return the value of `init` that "auto" stands for."""
    has_start = network.code_activation in CODE_ACTIVATIONS
    return "pca" if network.has_linear_map and has_start else "random"


def check_continues(codec, fitted):
    """Raise a ValueError if a fit cannot continue the network of an earlier one."""
    if not codec.has_network_of(fitted):
        raise ValueError(
            "partial_fit, and fit with warm_start=True, continue the network of "
            "the previous fit, but the parameters now describe another one. Set "
            "them back, or fit anew with warm_start=False."
        )


def check_network(network):
    """Raise a ValueError if a network cannot start at PCA."""
    name = type(network).__name__
    if not network.has_linear_map:
        raise ValueError(
            f"init='pca' needs a network with a linear map beside a dense code, which "
            f"this {name} does not have. Set linear_shortcut=True (and "
            "bottleneck='dense') where the network has them, or init='random'."
        )
    if network.code_activation not in CODE_ACTIVATIONS:
        raise ValueError(
            "init='pca' cannot start in front of "
            f"code_activation={network.code_activation!r}; "
            f"use one of {', '.join(map(repr, CODE_ACTIVATIONS))}, or "
            "init='random'."
        )


def warn_of_lost_axes(axes):
    """Warn if float32 cannot tell some of the axes from rounding errors."""
    if axes.are_beyond_float32:
        warn(
            "Some features vary by less than a millionth of others, and encoding_dim "
            "asks for axes that only they have. The network computes in float32, where "
            "these are lost. Scale the features, for instance with "
            "sklearn.preprocessing.StandardScaler, or use fewer codes."
        )


def start_is_exact(code_activation):
    """Tell whether the start reconstructs as PCA does, up to rounding."""
    return code_activation not in _LINEAR_RANGE


@one_blas_thread()
def start_at_pca(
    encoder, decoder, weights, axes, code_activation, rows, objective, weight_decay
):
    """Return the weights that make a network PCA, and the sizes of its steps.

    The layers named `LINEAR` become the principal axes. A code activation gets codes
    that are shifted and scaled to where it is linear: positive ones for a ReLU, ones
    near zero for tanh and sigmoid. If the outputs are logits or logarithms of rates,
    the decoder's linear map is a logistic or Poisson regression of the data on the
    principal components. A variational autoencoder starts at probabilistic PCA
    (Tipping and Bishop, 1999), the best linear one (Lucas et al., 2019).

    Step sizes follow the standard deviation of what PCA leaves unexplained. One step
    on a weight moves a code or a reconstruction by about that much, for any number of
    features. So the first steps do not destroy a start that is nearly optimal.

    Parameters
    ----------
    encoder, decoder : keras.Model
        The network; it stays as it is.

    weights : list of arrays
        Initial values of its variables, in the order of `variables`, then those of the
        objective's own variables.

    axes : PrincipalAxes
        The axes to start at.

    code_activation : {"linear", "relu", "tanh", "sigmoid"}
        Activation of the code.

    rows : Rows
        All rows, in the network's scale.

    objective : Objective
        Says what the encoder's and the decoder's outputs mean.

    weight_decay : float
        Pulls the kernels of the branches to zero, and so the network to PCA.

    Returns
    -------
    weights : list of arrays
        In the same order.

    steps : StepSizes
    """
    kind = _VariationalStart if objective.outputs_per_code == 2 else _Start
    start = kind(encoder, decoder, weights, axes, code_activation, rows, objective)
    start.assign()
    steps = StepSizes(tuple(start.step_sizes()), tuple(start.decays(weight_decay)))
    return start.weights, steps


class _Start:
    """Computes the weights and the step sizes of `start_at_pca`."""

    def __init__(
        self, encoder, decoder, weights, axes, code_activation, rows, objective
    ):
        self._encoder, self._decoder = encoder, decoder
        self.weights = list(weights)
        self._numbers = {id(v): i for i, v in enumerate(variables(encoder, decoder))}
        self._axes, self._objective = axes, objective
        self._flat, self._weights = rows.targets, rows.weights
        n_codes = decoder.input_shape[-1]
        n_features = self._flat.shape[1]
        self._components = np.zeros((n_codes, n_features))
        self._components[: len(axes.components)] = axes.components
        self._readers = self._components.copy()
        if axes.readers is not None:
            self._readers[: len(axes.readers)] = axes.readers
        # If PCA leaves nothing, steps are measured in what it explains.
        explained = axes.variances @ axes.components**2
        left = explained if axes.are_exact else axes.residual_variances
        residual = left.sum()
        self._left = left
        spread = np.zeros(n_codes)
        spread[: len(axes.variances)] = np.sqrt(axes.variances)
        # Spreads are divisors: at least the residual's, and more than float32 rounding.
        smallest = max(np.sqrt(residual / n_features), 1e-6 * spread[0], 1e-12)
        self._spread = np.maximum(spread, smallest)
        self._code_step = np.sqrt(residual / n_codes)
        if objective.nested_dropout:
            self._measure_prefixes(axes, objective.shares_of_prefixes(n_codes))
        self._input_step = _STEP_OF_ROWS / max(self._mean_row_sum(), 1e-12)
        self._slope, self._offset = self._operating_point(code_activation)
        self._value, self._derivative = _ACTIVATION_AT[code_activation](self._offset)

    def _measure_prefixes(self, axes, shares):
        """Measure the steps of a code by what the codes up to it leave unexplained."""
        explained = np.zeros_like(self._components)
        explained[: len(axes.variances)] = axes.variances[:, None] * axes.components**2
        left = self._left + explained.sum(axis=0) - explained.cumsum(axis=0)
        self._code_step = np.sqrt(left.sum(axis=1) / np.arange(1, len(left) + 1))
        self._left = shares @ left

    def _operating_point(self, code_activation):
        """Return slope and offset, per code, of the code activation's input."""
        n_codes = len(self._components)
        if code_activation == "linear":
            return np.ones(n_codes), np.zeros(n_codes)
        codes = self._principal_components(self._flat)
        if code_activation == "relu":  # with a margin of a tenth of the spread
            return np.ones(n_codes), self._spread / 10 - codes.min(axis=0)
        largest = np.abs(codes).max(axis=0)
        reach = _LINEAR_RANGE[code_activation]
        return reach / np.maximum(largest, self._spread), np.zeros(n_codes)

    def _mean_row_sum(self):
        """Return the average of the rows' summed absolute values."""
        # A unit of step sizes need not be exact, and 2,000 rows bound the time.
        rows = self._flat[self._some_rows(2_000)]
        sums = [np.abs(np.asarray(rows[c])).sum(axis=1) for c in row_chunks(rows)]
        return np.concatenate(sums).mean()

    def _principal_components(self, flat):
        if isinstance(flat, SparseRows):
            deviations = Deviations(flat, np.ones(len(flat)), self._axes.mean)
            return deviations @ self._components.T

        def codes(chunk):
            return (flat[chunk] - self._axes.mean) @ self._components.T

        return np.concatenate([codes(chunk) for chunk in row_chunks(flat)])

    def _some_rows(self, most):
        """Return evenly spaced row numbers, `most` at most."""
        n_rows = len(self._flat)
        return np.linspace(0, n_rows - 1, min(most, n_rows)).astype(int)

    @property
    def _n_own(self):
        """Number of the objective's own variables."""
        return len(self.weights) - len(self._numbers)

    def _set(self, layer, *values):
        """Set the weights of a layer in a model."""
        for variable, value in zip(layer.weights, values, strict=True):
            self.weights[self._numbers[id(variable)]] = np.asarray(value, np.float32)

    def assign(self):
        """Set the weights to the start; the decoder's maps undo slope and offset."""
        kernel = self._readers.T * self._slope
        offset = self._offset - self._axes.mean @ kernel
        self._set(self._encoder.get_layer(LINEAR), kernel, offset)
        kernel, bias = self._decoder_map()
        kernel = kernel / (self._slope * self._derivative)[:, None]
        self._set(self._decoder.get_layer(LINEAR), kernel, bias - self._value @ kernel)
        first = self._first_hidden_layer()
        if first is not None:
            drawn = self.weights[self._numbers[id(first.kernel)]]
            kernel = drawn / self._code_spread()[:, None]
            self._set(first, kernel, -self._value @ kernel)

    def _decoder_map(self):
        """Return kernel and bias of the map from principal components to outputs."""
        regress = _REGRESSIONS.get(self._objective.link)
        if regress is None:
            return self._components, self._axes.mean
        return self._regressed(regress)

    def _regressed(self, regress):
        """Return kernel and bias of a regression through a link, on some rows."""
        is_sparse = isinstance(self._flat, SparseRows)
        # 10,000 rows bound the time; below 1,000 the coefficients would be too noisy.
        most = _SPARSE_VALUES // self._flat.shape[1] if is_sparse else 10_000
        some = self._some_rows(min(max(most, 1_000), 10_000))
        values, weights = self._flat[some], self._weights[some]
        codes = self._principal_components(values)
        if not is_sparse:
            return regress(codes, np.asarray(values), weights)
        # Each feature is regressed by itself, so parts of the features can be too.
        maps = map_in_threads(
            lambda part: regress(codes, np.asarray(part), weights),
            values.column_chunks(),
        )
        return tuple(np.concatenate(part, axis=-1) for part in zip(*maps, strict=True))

    def _first_hidden_layer(self):
        for layer in self._decoder.layers:
            if layer.name == FIRST_HIDDEN:
                return layer
        return None

    def _code_spread(self):
        return self._spread * self._slope * self._derivative

    def _encoder_steps(self):
        """Return the unit of a step of each of the encoder's outputs."""
        return self._code_step * self._slope

    def _output_steps(self, n_outputs):
        """Return the unit of a step of each of the last decoder layer's outputs.

        In convolutional and recurrent layers all places of a channel share one unit.
        """
        if self._objective.link != "identity":
            return np.ones(n_outputs)
        return np.sqrt(self._left.reshape(-1, n_outputs).mean(axis=0))

    def step_sizes(self):
        """Return the factors of the steps of each trainable variable."""
        code_steps = self._encoder_steps()
        per_code = 1 / self._code_spread()[:, None]
        sizes = {
            ("encoder", FIRST_HIDDEN): [np.full(1, self._input_step)],
            ("encoder", LINEAR): [self._input_step * code_steps, code_steps],
            ("encoder", BRANCH): [code_steps],
            ("decoder", FIRST_HIDDEN): [per_code],
        }
        for layer in self._decoder.layers:
            if layer.name in (LINEAR, BRANCH):
                output_steps = self._output_steps(layer.output.shape[-1])
                scaling = per_code if layer.name == LINEAR else 1.0
                sizes["decoder", layer.name] = [scaling * output_steps, output_steps]
        found = []
        for model, layer in self._layers():
            own = sizes.get((model.name, layer.name), [])
            n_others = len(layer.trainable_variables) - len(own)
            found += (own + [np.ones(1)] * n_others)[: len(layer.trainable_variables)]
        step = self._code_step if self._objective.learns_stand_ins else 1.0
        found += [step] * self._n_own
        return [np.asarray(size, np.float32) for size in found]

    def decays(self, weight_decay):
        """Return the weight decay of each trainable variable."""
        pulled = {
            v.path
            for _, layer in self._layers()
            if layer.name != LINEAR
            for v in kernels(layer)
        }
        return [
            weight_decay if v.path in pulled else 0.0
            for _, layer in self._layers()
            for v in layer.trainable_variables
        ] + [0.0] * self._n_own

    def _layers(self):
        for model in (self._encoder, self._decoder):
            for layer in model.layers:
                if layer.trainable_variables:
                    yield model, layer


class _VariationalStart(_Start):
    """Probabilistic PCA (Tipping and Bishop, 1999), for codes of the prior N(0, 1)."""

    def assign(self):
        """Set the weights to the start; see `_Start.assign`."""
        columns, bias, informations = self._generator()
        precisions = 1 + informations
        spreads = self._spread
        # The posterior mean of a code is its principal component, scaled and shrunk:
        # √(variance - noise) / variance; the posterior variance is noise / variance.
        slopes = np.sqrt(informations / precisions) / spreads
        linear = self._encoder.get_layer(LINEAR)
        kernel, offset = (np.zeros(v.shape, np.float32) for v in linear.weights)
        kernel[:, ::2] = self._components.T * slopes
        offset[::2] = -self._axes.mean @ kernel[:, ::2]
        offset[1::2] = -np.log(precisions)
        self._set(linear, kernel, offset)
        self._set(self._decoder.get_layer(LINEAR), columns, bias)
        if self._n_own:
            self.weights[-1] = np.float32(np.log(self._noise_variance()))

    def _noise_variance(self):
        n_lost = max(self._flat.shape[1] - len(self._axes.variances), 1)
        return max(self._axes.residual_variances.sum() / n_lost, _LEAST_NOISE)

    def _generator(self):
        """Return kernel and bias from codes to outputs, and a row's information.

        The information on a code is in units of the prior's precision, which is 1. So
        the posterior's precision is the information plus 1.
        """
        if self._objective.has_logits:
            return self._logistic_generator()
        kernel, bias = self._decoder_map()
        noise = self._noise_variance()
        signal = np.zeros(len(self._components))
        signal[: len(self._axes.variances)] = self._axes.variances
        signal = np.maximum(signal - noise, 0)
        return kernel * np.sqrt(signal)[:, None], bias, signal / noise

    def _logistic_generator(self):
        """Return the same in the Bernoulli case, for the quadratic bound of Böhning.

        With the curvature bounded by 1/4 (Böhning, 1992), logits are observed with a
        noise of variance 4. They are 4 times the values, so 16 times their variance.
        """
        signal = np.zeros(len(self._components))
        signal[: len(self._axes.variances)] = 16 * self._axes.variances - 4
        signal = np.maximum(signal, 0)
        # The logit of 0 or 1 is infinite; clipped, it is within ±6.9.
        bias = logit(np.clip(self._axes.mean, 1e-3, 1 - 1e-3))
        return self._components * np.sqrt(signal)[:, None], bias, signal / 4

    def _code_spread(self):
        return np.ones(len(self._components))

    def _encoder_steps(self):
        steps = np.ones(2 * len(self._components))
        steps[::2] = self._code_step / self._spread
        return steps
