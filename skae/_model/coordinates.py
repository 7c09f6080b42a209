"""Changes of a code's coordinates, written into the layers before and after it."""

import dataclasses

import numpy as np

from skae._runtime.tensorflow import load_keras
from skae.networks._base import BRANCH, LINEAR
from skae.networks._build import variables


@dataclasses.dataclass(frozen=True)
class CodeMap:
    """An affine change of coordinates of codes, and its inverse.

    ``new = (codes - centre) @ matrix`` and ``codes = new @ inverse + fill``.

    Parameters
    ----------
    matrix : float64 array of shape (n_codes, n_new)
        For codes behind an activation it must commute with the activation.

    inverse : float64 array of shape (n_new, n_codes)
        With fewer new codes, the first rows of the inverse of the whole matrix.

    centre, fill : float64 arrays of shape (n_codes,)
        They are equal unless new codes were cut off; `fill` also holds their means.
    """

    matrix: np.ndarray
    inverse: np.ndarray
    centre: np.ndarray
    fill: np.ndarray

    @property
    def is_identity(self):
        """Whether nothing changes."""
        n_codes, n_new = self.matrix.shape
        return n_new == n_codes and bool(
            (self.matrix == np.eye(n_codes)).all() and not self.centre.any()
        )

    def __call__(self, codes):
        """Return codes in the new coordinates, in float64."""
        return (codes - self.centre) @ self.matrix

    def first(self, n_codes, mean):
        """Return the map to the first new codes, with the others at their mean.

        Parameters
        ----------
        mean : array of shape (n_new,)
            Mean of the new codes.
        """
        return CodeMap(
            self.matrix[:, :n_codes],
            self.inverse[:n_codes],
            self.centre,
            self.fill + mean[n_codes:] @ self.inverse[n_codes:],
        )

    def scaled(self, factors):
        """Return the map whose new codes are multiplied by positive factors."""
        return dataclasses.replace(
            self, matrix=self.matrix * factors, inverse=self.inverse / factors[:, None]
        )


class CodeLayers:
    """The layers that give a code and those that read it.

    Their weights can take over a change of the code's coordinates. Networks with a
    dense code have such layers, unless the user's own models are behind them.

    Parameters
    ----------
    encoder, decoder : keras.Model
        As a network builds them.
    """

    def __init__(self, encoder, decoder):
        self._numbers = {id(v): i for i, v in enumerate(variables(encoder, decoder))}
        self._givers = [
            layer for layer in encoder.layers if layer.name in (LINEAR, BRANCH)
        ]
        self._readers = _readers(decoder)
        self._decoding = {v.name: v for v in decoder.layers if v.variables}
        self.can_change = bool(self._givers) and self._readers is not None

    def changed(self, weights, code_map, outputs_per_code):
        """Return weights of the same network in other coordinates of the code.

        Parameters
        ----------
        weights : list of arrays
            Values of all variables.

        code_map : CodeMap
            The change.

        outputs_per_code : int
            Number of the encoder's outputs for each code. If there are two, the second
            is a log-variance, and the map may only sort and flip the codes.

        Returns
        -------
        list of float32 arrays
        """
        # The encoder's last layer W, b becomes W matrix, (b - centre) matrix; the
        # decoder's first layer K, b becomes inverse K, b + fill K. In float64, so that
        # reconstructions change by no more than one rounding.
        changed = list(weights)
        matrix = _for_all_outputs(code_map.matrix, outputs_per_code)
        centre = np.repeat(code_map.centre, outputs_per_code)
        for layer in self._givers:
            self._update(changed, layer.kernel, lambda kernel: kernel @ matrix)
            if layer.use_bias:
                self._update(changed, layer.bias, lambda b: (b - centre) @ matrix)
        for part in self._readers:
            kernel = weights[self._numbers[id(part.kernel)]].astype(np.float64)
            filled = code_map.fill @ kernel
            self._update(changed, part.kernel, lambda kernel: code_map.inverse @ kernel)
            self._update(changed, part.bias, lambda b, by=filled: _shifted(b, by))
        return changed

    def linear_maps(self, weights):
        """Return kernel and bias of the encoder's linear map, and of the decoder's.

        Those of a network that starts at PCA; see `skae._training.pca_start`.
        """
        maps = next(g for g in self._givers if g.name == LINEAR), self._decoding[LINEAR]
        return tuple(
            weights[self._numbers[id(variable)]]
            for layer in maps
            for variable in (layer.kernel, layer.bias)
        )

    def linear_kernel(self, weights):
        """Return the kernel of a linear decoder, None if it is not linear.

        It is linear where there is no branch, or one that is still zero, as at the PCA
        start.
        """
        linear, branch = (self._decoding.get(name) for name in (LINEAR, BRANCH))
        if linear is None or (branch is None and len(self._decoding) > 1):
            return None
        for variable in branch.variables if branch is not None else ():
            if np.any(weights[self._numbers[id(variable)]]):
                return None
        return weights[self._numbers[id(linear.variables[0])]]

    def _update(self, weights, variable, change):
        number = self._numbers[id(variable)]
        exact = change(weights[number].astype(np.float64))
        weights[number] = exact.astype(np.float32)


def _for_all_outputs(matrix, outputs_per_code):
    """Return the matrix for means and log-variances, which alternate.

    A flip of a code changes the sign of its mean but not its variance.
    """
    if outputs_per_code == 1:
        return matrix
    both = np.zeros((2 * matrix.shape[0], 2 * matrix.shape[1]))
    both[::2, ::2] = matrix
    both[1::2, 1::2] = np.abs(matrix)
    return both


def _shifted(bias, by):
    """Add to a bias. A GRU has two rows of biases; the first is for its inputs."""
    shifted = bias.copy()
    np.atleast_2d(shifted)[0] += by
    return shifted


def _readers(decoder):
    """Return the layers and cells with kernel and bias that read the code.

    Return None if a layer without them reads the code too.
    """
    keras = load_keras()
    passing_on = keras.layers.RepeatVector | keras.layers.Rescaling
    readers, codes = [], [decoder.inputs[0]]
    for layer in decoder.layers[1:]:
        if not any(code is tensor for code in codes for tensor in _inputs(layer)):
            continue
        if isinstance(layer, passing_on):
            codes.append(layer.output)
        elif (parts := _parts(layer)) is not None:
            readers += parts
        else:
            return None
    return readers


def _inputs(layer):
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _parts(layer):
    """Return the objects that hold a layer's input kernels and biases, or None."""
    keras = load_keras()
    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer.cell, layer.backward_layer.cell]
    if isinstance(layer, keras.layers.RNN):
        return [layer.cell]
    has_bias = isinstance(layer, keras.layers.Dense) and layer.use_bias
    return [layer] if has_bias else None
