"""Exact derivatives of fully connected networks, in NumPy."""

import dataclasses

import numpy as np
from scipy.special import expit

from skae.networks import DenseNetwork
from skae.networks._base import BRANCH, LINEAR
from skae.networks._build import variables


def _relu(x):
    return np.maximum(x, 0), (x > 0).astype(x.dtype)


def _tanh(x):
    values = np.tanh(x)
    return values, 1 - values**2


def _sigmoid(x):
    values = expit(x)
    return values, values * (1 - values)


def _silu(x):
    shares = expit(x)
    return x * shares, shares * (1 + x * (1 - shares))


def _elu(x):
    below = np.exp(np.minimum(x, 0))
    return np.where(x > 0, x, below - 1), np.where(x > 0, 1, below)


_ACTIVATIONS = {
    "linear": lambda x: (x, np.ones_like(x)),
    "relu": _relu,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "silu": _silu,
    "swish": _silu,
    "elu": _elu,
    "softplus": lambda x: (np.logaddexp(x, 0), expit(x)),
    "exponential": lambda x: (np.exp(x), np.exp(x)),
}
"""Values and derivatives of Keras' activations, by their names there."""

# Of reconstructions, by the decoder's outputs; see `LINKS`.
_INVERSE_LINKS = {
    "identity": "linear",
    "logit": "sigmoid",
    "log": "exponential",
}

# 8 MB in float64: rows times codes times the units of a layer.
_VALUES_AT_A_TIME = 2**20


@dataclasses.dataclass(frozen=True)
class _Half:
    """A dense encoder or decoder: a linear map plus hidden layers.

    Parameters
    ----------
    hidden : list of (kernel, bias)
        Of the hidden layers; float64 arrays, as all here.

    last : array of shape (n_units, n_outputs)
        Kernel of the layer behind the hidden ones.

    bias : array of shape (n_outputs,)
        Of the output.

    beside : array of shape (n_inputs, n_outputs) or None
        Kernel of the linear map beside the hidden layers, if there is one.
    """

    hidden: list
    last: np.ndarray
    bias: np.ndarray
    beside: np.ndarray | None

    @classmethod
    def of(cls, model, values):
        """Read the weights, by layer, from the values of a model's variables."""
        of_variable = {
            id(v): np.asarray(value, np.float64)
            for v, value in zip(variables(model), values, strict=True)
        }
        found = {
            layer.name: [of_variable[id(v)] for v in layer.weights]
            for layer in model.layers
            if layer.weights
        }
        linear, bias = found.pop(LINEAR)
        branch = found.pop(BRANCH, None)
        hidden = list(found.values())
        if branch is None:
            return cls(hidden, linear, bias, None)
        return cls(hidden, branch[0], bias, linear)

    @property
    def beside_or_zero(self):
        """The kernel of the linear map beside the hidden layers, or zero."""
        return 0.0 if self.beside is None else self.beside

    def hidden_values(self, inputs, activate):
        """Return the last hidden values, and the slopes of all activations."""
        values, slopes = inputs, []
        for kernel, bias in self.hidden:
            values, slope = activate(values @ kernel + bias)
            slopes.append(slope)
        return values, slopes

    def outputs(self, inputs, hidden):
        """Return the outputs from the inputs and the last hidden values."""
        outputs = hidden @ self.last + self.bias
        return outputs if self.beside is None else outputs + inputs @ self.beside


class DenseDerivatives:
    """Average derivatives of a fully connected fit, by the chain rule.

    Both halves are multiplied out from the side of the codes, which are few, and the
    kernels next to the features are multiplied last, with averages over the rows.

    Parameters
    ----------
    fitted : FittedNetwork
        In the network's scale, of a `DenseNetwork`.
    """

    def __init__(self, fitted):
        network, codec = fitted.architecture.network, fitted.codec
        n_encoder = len(variables(codec.encoder))
        n_both = n_encoder + len(variables(codec.decoder))
        self._activate = _ACTIVATIONS[network.activation]
        self._activate_code = _ACTIVATIONS[network.code_activation]
        objective = fitted.architecture.objective
        self._reconstruct = _ACTIVATIONS[_INVERSE_LINKS[objective.link]]
        self._is_identity = objective.link == "identity"
        # The means of variational codes are every second output.
        self._outputs = slice(None, None, objective.outputs_per_code)
        is_centred = network.linear_shortcut and network.code_activation == "sigmoid"
        self._shift = 0.5 if is_centred else 0.0
        self._encoder = _Half.of(codec.encoder, fitted.weights[:n_encoder])
        self._decoder = _Half.of(codec.decoder, fitted.weights[n_encoder:n_both])
        self._halves = self._encoder, self._decoder
        self._n_codes = codec.encoding_dim
        self._kernel_decoder = fitted.correction.kernel_decoder

    @classmethod
    def of(cls, fitted):
        """Return the derivatives of a `FittedNetwork`, None if it is not such a one."""
        network = fitted.architecture.network
        known = type(network) is DenseNetwork and all(
            name in _ACTIVATIONS
            for name in (network.activation, network.code_activation)
        )
        return cls(fitted) if known else None

    @property
    def is_quick(self):
        """Whether the decoder's derivatives differ only in one layer's slopes.

        Their average is then that of the slopes, and all rows take little time.
        """
        return self._is_identity and len(self._decoder.hidden) == 1

    def of_decoder(self, codes, shares):
        """Return the average derivatives of the reconstructions by the codes.

        Parameters
        ----------
        codes : float array of shape (n_rows, n_codes)

        shares : float64 array of shape (n_rows,)
            Weights of the rows in the average.

        Returns
        -------
        float64 array of shape (n_codes, n_features)
        """
        of_network, added = self._of_network(codes, shares), self._kernel_decoder
        if added is None:
            return of_network
        return added.network_share * of_network + added.derivatives(codes, shares)

    def _of_network(self, codes, shares):
        """Return the same of the network alone."""
        half = self._decoder
        kernels = [kernel for kernel, _ in half.hidden]
        first, total = np.eye(codes.shape[1]), 0.0
        widths = [] if self._is_identity else [half.last.shape[1]]
        for some in self._chunks(codes, widths):
            inputs = codes[some] - self._shift
            values, slopes = half.hidden_values(inputs, self._activate)
            if self.is_quick:
                total = total + kernels[0] * (shares[some] @ slopes[0])
                continue
            paths = _chained(np.tile(first, (len(inputs), 1, 1)), kernels, slopes)
            if self._is_identity:  # the last kernel is the same for all rows
                total = total + np.einsum("i,ijk->jk", shares[some], paths)
                continue
            each = paths @ half.last + half.beside_or_zero
            _, link = self._reconstruct(half.outputs(inputs, values))
            total = total + np.einsum("i,ijk,ik->jk", shares[some], each, link)
        if not self._is_identity:
            return total
        return total @ half.last + shares.sum() * half.beside_or_zero

    def of_encoder(self, rows, shares):
        """Return the average derivatives of the codes by the features.

        Parameters
        ----------
        rows : float array of shape (n_rows, n_features)
            Or lazy ones.

        shares : float64 array of shape (n_rows,)
            Weights of the rows in the average.

        Returns
        -------
        float64 array of shape (n_codes, n_features)
        """
        half = self._encoder
        kernels = [kernel.T for kernel, _ in half.hidden]
        last = half.last[:, self._outputs].T
        through, beside = 0.0, np.zeros(len(last))
        for some in self._chunks(rows, []):
            inputs = np.asarray(rows[some])
            values, slopes = half.hidden_values(inputs, self._activate)
            outputs = half.outputs(inputs, values)
            _, of_code = self._activate_code(outputs[:, self._outputs])
            beside += shares[some] @ of_code
            paths = of_code[:, :, None] * last
            if slopes:
                paths = paths * slopes[-1][:, None]
                paths = _chained(paths, kernels[:0:-1], slopes[-2::-1])
            through = through + np.einsum("i,ijk->jk", shares[some], paths)
        if kernels:
            through = through @ kernels[0]
        if half.beside is None:
            return through
        return through + beside[:, None] * half.beside[:, self._outputs].T

    def _chunks(self, rows, widths):
        """Yield slices over rows whose derivatives take a few megabytes."""
        hidden = [k.shape[1] for half in self._halves for k, _ in half.hidden]
        widest = max([*hidden, *widths, self._n_codes])
        step = max(1, _VALUES_AT_A_TIME // (self._n_codes * widest))
        for start in range(0, len(rows), step):
            yield slice(start, start + step)


def _chained(paths, kernels, slopes):
    """Multiply derivatives (n_rows, n_codes, n_units) by those of further layers."""
    for kernel, slope in zip(kernels, slopes, strict=True):
        paths = (paths @ kernel) * slope[:, None]
    return paths
