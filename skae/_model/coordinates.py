"""The layers on both sides of a code, where its coordinates can be changed."""

import dataclasses

import numpy as np

from skae._runtime.tensorflow import load_keras
from skae.networks._base import BRANCH, LINEAR
from skae.networks._build import variables


@dataclasses.dataclass(frozen=True)
class CodeMap:
    """A change of coordinates of codes, and the way back.

    ``new = (codes - centre) @ matrix`` and ``codes = new @ inverse + fill``.

    Parameters
    ----------
    matrix : float64 array of shape (n_codes, n_new)
        For codes behind an activation, one that commutes with it.

    inverse : float64 array of shape (n_new, n_codes)
        Where there are fewer new codes, that of the larger matrix, cut.

    centre, fill : float64 arrays of shape (n_codes,)
        Equal, unless codes are only left out: those are filled in.
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
        """Return the map to the first new codes, the others held at their mean.

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
        """Return the map to the new codes times positive factors."""
        return dataclasses.replace(
            self, matrix=self.matrix * factors, inverse=self.inverse / factors[:, None]
        )


class CodeLayers:
    """Where the weights are, among the variables, that give and read a code.

    Networks whose code is a dense layer's have such weights, unless they are of the
    user's own models.

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
            How many outputs the encoder gives for each code. Of two the second is a
            log-variance, for which the map must do no more than sort and flip.

        Returns
        -------
        list of float32 arrays
        """
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

    def _update(self, weights, variable, change):
        number = self._numbers[id(variable)]
        exact = change(weights[number].astype(np.float64))
        weights[number] = exact.astype(np.float32)


def _for_all_outputs(matrix, outputs_per_code):
    if outputs_per_code == 1:
        return matrix
    both = np.zeros((2 * matrix.shape[0], 2 * matrix.shape[1]))
    both[::2, ::2] = matrix
    both[1::2, 1::2] = np.abs(matrix)
    return both


def _shifted(bias, by):
    """Add to a bias; of the two that a GRU has, to the inputs'."""
    shifted = bias.copy()
    np.atleast_2d(shifted)[0] += by
    return shifted


def _readers(decoder):
    """Return what has kernel and bias and reads the code, or None if others do."""
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
    """Return what has the kernels and biases for a layer's inputs, or None."""
    keras = load_keras()
    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer.cell, layer.backward_layer.cell]
    if isinstance(layer, keras.layers.RNN):
        return [layer.cell]
    has_bias = isinstance(layer, keras.layers.Dense) and layer.use_bias
    return [layer] if has_bias else None
