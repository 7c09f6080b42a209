"""What a fit adds to its network: a decoder in closed form, and bounds.

Both are written for arrays of any library with NumPy's names, ``ops``, so that compiled
functions, Keras models and NumPy compute the same.
"""

import dataclasses
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from skae._data.rows import FEWEST_ROWS

# 8 MB in float64.
_VALUES_AT_A_TIME = 2**20


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

    def derivatives(self, codes, shares):
        """Return the average derivatives of what this adds by the codes, in float64.

        Of a kernel k = exp(-|a - z|²) of coordinates a they are -2 k (a - z).

        Parameters
        ----------
        codes : array of shape (n_rows, n_codes)
            Where the derivatives are taken.

        shares : float64 array of shape (n_rows,)
            Weights of the rows in the average.
        """
        centers = self.centers.astype(np.float64)
        slopes = np.zeros(centers.T.shape)
        step = max(FEWEST_ROWS, _VALUES_AT_A_TIME // max(len(centers), 1))
        for start in range(0, len(codes), step):
            chunk = slice(start, start + step)
            at = codes[chunk] @ self.scale.astype(np.float64) + self.offset
            distances = cdist(at, centers, "sqeuclidean")
            kernel = shares[chunk, None] * np.exp(-distances)
            slopes += at.T @ kernel - centers.T * kernel.sum(axis=0)
        of_kernels = self.scale @ (-2 * slopes @ self.coefficients)
        return shares.sum() * self.linear + of_kernels

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
    """Where a network is asked at all: no further out than training rows were.

    Beyond them it was never compared with anything. A row further from the mean than
    any of them is moved towards the mean until it is not. The network encodes the row
    that is left, and the linear start what was taken off; so too for codes. So far
    outside, reconstruction goes on as PCA's would.

    Parameters
    ----------
    encoder_kernel : float32 array of shape (n_features, n_outputs)
        Of the encoder at the start, which is linear.

    encoder_reach : float32 array of shape ()
        Length up to which a row is within, in the network's scale; no training row is
        longer, but for outliers.

    decoder_kernel : float32 array of shape (n_codes, n_features)
        Of the decoder at the start.

    decoder_centre : float32 array of shape (n_codes,)
        Mean of the training rows' codes.

    decoder_metric : float32 array of shape (n_codes, n_codes)
        Deviations from it times this have a length of at most one in the training rows.
    """

    encoder_kernel: np.ndarray
    encoder_reach: np.ndarray
    decoder_kernel: np.ndarray
    decoder_centre: np.ndarray
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
        parts: dict[str, Any] = {}
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
            (),
            (n_codes, n_features),
            (n_codes,),
            (n_codes, n_codes),
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


def rows_within(ops, bounds, rows):
    """Return flat rows in the network's scale, moved within the bounds."""
    lengths = ops.sqrt(ops.sum(ops.square(rows), axis=-1, keepdims=True))
    return rows / ops.maximum(lengths / bounds.encoder_reach, 1.0)


def codes_within(ops, bounds, codes):
    """Return codes moved within the bounds; those within keep their bits."""
    deviations = codes - bounds.decoder_centre
    measured = ops.matmul(deviations, bounds.decoder_metric)
    lengths = ops.sqrt(ops.sum(ops.square(measured), axis=-1, keepdims=True))
    return codes - deviations * (1 - 1 / ops.maximum(lengths, 1.0))
