"""What a fit adds to its network: a decoder in closed form, and bounds.

Both are written for arrays of any library with NumPy's names, ``ops``, so that compiled
functions, Keras models and NumPy compute the same.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class KernelDecoder:
    """A decoder by kernel ridge regression on the codes, beside the network's.

    Of codes c it gives ``c linear + bias + exp(-|c scale + offset - centers|²)
    coefficients``, a Gaussian kernel for each center. Far from all centers only the
    linear map is left. The decoder of a fit is the mean of the network's, which counts
    `network_share`, and this.

    Parameters
    ----------
    network_share : float32 array of shape ()
        What the network's decoder counts.

    linear, bias : float32 arrays of shape (n_codes, n_features) and (n_features,)
        The linear map.

    scale, offset : float32 arrays of shape (n_codes, n_axes) and (n_axes,)
        From codes to coordinates in which the kernel has the width 1.

    centers : float32 array of shape (n_centers, n_axes)
        In these coordinates.

    coefficients : float32 array of shape (n_centers, n_features)
        What each center adds.
    """

    network_share: np.ndarray
    linear: np.ndarray
    bias: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    centers: np.ndarray
    coefficients: np.ndarray

    def after(self, code_map):
        """Return the decoder of codes in other coordinates; see `CodeMap`."""
        return dataclasses.replace(
            self,
            linear=_single(code_map.inverse @ self.linear),
            bias=_single(self.bias + code_map.fill @ self.linear),
            scale=_single(code_map.inverse @ self.scale),
            offset=_single(self.offset + code_map.fill @ self.scale),
        )


@dataclasses.dataclass(frozen=True)
class Bounds:
    """How far codes and reconstructions may be from those of the linear start.

    Beyond the training rows a network was never compared with anything. So what it adds
    to the linear start is bounded by what it added to training rows, and falls beyond.
    A row far outside is then encoded and reconstructed as PCA would.

    Parameters
    ----------
    encoder_kernel, encoder_bias : float32 arrays of shape (n_features, n_outputs) and \
(n_outputs,)
        The encoder at the start, which is linear.

    encoder_metric : float32 array of shape (n_outputs, n_outputs)
        A deviation times this has a length of at most one in the training rows.

    decoder_kernel, decoder_bias : float32 arrays of shape (n_codes, n_features) and \
(n_features,)
        The decoder at the start.

    decoder_metric : float32 array of shape ()
        A deviation times this has a length of at most one in the training rows.
    """

    encoder_kernel: np.ndarray
    encoder_bias: np.ndarray
    encoder_metric: np.ndarray
    decoder_kernel: np.ndarray
    decoder_bias: np.ndarray
    decoder_metric: np.ndarray


@dataclasses.dataclass(frozen=True)
class Correction:
    """What a fit adds to its network.

    Parameters
    ----------
    kernel_decoder : KernelDecoder or None, default=None
        The decoder in closed form, if the fit has one.

    bounds : Bounds or None, default=None
        The bounds, if the fit has them.
    """

    kernel_decoder: KernelDecoder | None = None
    bounds: Bounds | None = None

    @property
    def arrays(self):
        """All arrays, one after the other; see `of_arrays`."""
        return [
            array
            for part in (self.kernel_decoder, self.bounds)
            if part is not None
            for array in vars(part).values()
        ]

    @classmethod
    def of_arrays(cls, arrays):
        """Return the correction with these arrays, or tensors; of none, an empty one.

        The two parts have different numbers of arrays, so the number tells the parts.
        """
        n_of_decoder = len(dataclasses.fields(KernelDecoder))
        n_of_bounds = len(dataclasses.fields(Bounds))
        parts = {}
        if len(arrays) in (n_of_decoder, n_of_decoder + n_of_bounds):
            parts["kernel_decoder"] = KernelDecoder(*arrays[:n_of_decoder])
            arrays = arrays[n_of_decoder:]
        if len(arrays):
            parts["bounds"] = Bounds(*arrays)
        return cls(**parts)

    def shapes(self, n_features, n_outputs, n_codes, centers_shape):
        """Return the shapes that the arrays must have.

        Parameters
        ----------
        n_features, n_outputs, n_codes : int
            Of rows, of the encoder's outputs, and of what the decoder reads.

        centers_shape : (int, int)
            Number of the kernel's centers, and of their coordinates.
        """
        n_centers, n_axes = centers_shape
        of_decoder = [
            (),
            (n_codes, n_features),
            (n_features,),
            (n_codes, n_axes),
            (n_axes,),
            (n_centers, n_axes),
            (n_centers, n_features),
        ]
        of_bounds = [
            (n_features, n_outputs),
            (n_outputs,),
            (n_outputs, n_outputs),
            (n_codes, n_features),
            (n_features,),
            (),
        ]
        has_decoder, has_bounds = self.kinds
        return of_decoder * has_decoder + of_bounds * has_bounds

    def after(self, code_map):
        """Return the correction of codes in other coordinates, before it has bounds."""
        assert self.bounds is None  # they are found for codes in order
        part = self.kernel_decoder
        return Correction(None if part is None else part.after(code_map))

    @property
    def n_centers(self):
        """Number of the kernel's centers."""
        return 0 if self.kernel_decoder is None else len(self.kernel_decoder.centers)

    @property
    def is_empty(self):
        """Whether nothing is added."""
        return not any(self.kinds)

    @property
    def kinds(self):
        """Which parts there are."""
        return self.kernel_decoder is not None, self.bounds is not None


UNCORRECTED = Correction()


def _single(values):
    return np.asarray(values, np.float32)


def decoded(ops, kernel_decoder, codes, outputs):
    """Return the mean of a network's outputs and those of a `KernelDecoder`."""
    part = kernel_decoder
    at = ops.matmul(codes, part.scale) + part.offset
    # |a - z|² = |a|² + |z|² - 2 a·z needs no differences of all pairs. Rounding may
    # make it slightly negative.
    distances = (
        ops.sum(ops.square(at), axis=-1, keepdims=True)
        + ops.sum(ops.square(part.centers), axis=-1)
        - 2 * ops.matmul(at, ops.transpose(part.centers))
    )
    kernel = ops.exp(-ops.maximum(distances, 0.0))
    linear = ops.matmul(codes, part.linear) + part.bias
    return part.network_share * outputs + linear + ops.matmul(kernel, part.coefficients)


def bounded_codes(ops, bounds, linear, encoded):
    """Return an encoder's outputs, bounded around those of the linear start."""
    deviations = encoded - linear
    measured = ops.matmul(deviations, bounds.encoder_metric)
    return linear + _bounded(ops, deviations, measured)


def bounded_outputs(ops, bounds, codes, outputs):
    """Return a decoder's outputs, bounded; they are flat."""
    linear = ops.matmul(codes, bounds.decoder_kernel) + bounds.decoder_bias
    deviations = outputs - linear
    return linear + _bounded(ops, deviations, deviations * bounds.decoder_metric)


def _bounded(ops, deviations, measured):
    """Return deviations of a measured length l; beyond 1 they are divided by l².

    So they stay up to 1, are continuous there, and fall as 1/l beyond.
    """
    squares = ops.sum(ops.square(measured), axis=-1, keepdims=True)
    return deviations / ops.maximum(squares, 1.0)
