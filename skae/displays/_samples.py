"""How a sample is drawn: as an image, a sequence, or a row of a table."""

import math

import numpy as np

from skae.displays._estimators import network_of
from skae.networks import ConvNetwork, RecurrentNetwork
from skae.networks._checks import check_choice, check_reshape

KINDS = ("auto", "image", "sequence", "table")
_COLOURS = (3, 4)
# More channels are rather the width of an image; fewer would miss short sequences of
# several channels.
_MOST_CHANNELS = 4
_UPPER_LIMITS = (1.0, 255.0)
# How far, in units of the limit, reconstructed colours may lie outside. More would take
# other data for colours; less would scale colours that the decoder overshoots.
_OVERSHOOT = 0.25


def kind_and_shape(estimator, kind="auto", image_shape=None):
    """Return the kind and the shape of a fitted estimator's samples; see `seen_by`."""
    network = network_of(estimator)
    return seen_by(network, estimator.sample_shape_, kind, image_shape)


def seen_by(network, sample_shape, kind="auto", image_shape=None):
    """Return the kind and the shape in which samples are drawn.

    "auto" looks at the network first: recurrent networks, and convolutions along one
    axis, read sequences. For other networks it looks at the shape. With at most four
    channels, (steps, channels) is a sequence. Other samples of shape (height, width),
    and those with a last axis of one, three or four channels, are images. All else is a
    table.

    Parameters
    ----------
    network : network
        The fitted network.

    sample_shape : tuple of int
        Shape of a sample.

    kind : {"auto", "image", "sequence", "table"}, default="auto"

    image_shape : tuple of int or None, default=None
        Shape of an image, if samples are flat rows of images.

    Returns
    -------
    kind : {"image", "sequence", "table"}

    shape : tuple of int
        (height, width) or (height, width, colours); (steps, channels); (n_features,).
    """
    check_choice("kind", kind, KINDS)
    shape = _shape(network, tuple(sample_shape), image_shape)
    if kind == "auto":
        kind = "image" if image_shape is not None else _likely_kind(network, shape)
    if not _suits(kind, shape):
        raise ValueError(
            f"kind={kind!r} cannot show samples of shape {shape}: an image is (height, "
            "width) or (height, width, channels) with 1, 3 or 4 channels, a sequence "
            "(steps,) or (steps, channels). Give image_shape, or another kind."
        )
    return kind, _as_drawn(kind, shape)


def _shape(network, sample_shape, image_shape):
    if image_shape is not None:
        return check_reshape("image_shape", image_shape, sample_shape)
    for name in ("image_shape", "sequence_shape"):
        own = getattr(network, name, None)
        if own is not None:
            return check_reshape(name, own, sample_shape)
    return sample_shape


def _likely_kind(network, shape):
    if isinstance(network, ConvNetwork):
        has_steps = len(shape) == 1 or np.shape(network.kernel_size) == (1,)
    else:
        is_narrow = len(shape) == 2 and shape[1] <= _MOST_CHANNELS
        has_steps = isinstance(network, RecurrentNetwork) or is_narrow
    if has_steps:
        return "sequence"
    return "image" if _suits("image", shape) else "table"


def _suits(kind, shape):
    if kind == "image":
        has_colours = len(shape) == 3 and shape[2] in (1, *_COLOURS)
        return len(shape) == 2 or has_colours
    return kind == "table" or len(shape) <= 2


def _as_drawn(kind, shape):
    if kind == "table":
        return (math.prod(shape),)
    if kind == "sequence":
        return shape if len(shape) == 2 else (*shape, 1)
    return shape[:2] if shape[2:] == (1,) else shape


def value_limits(kind, shape, samples, outside=0.0):
    """Return the values that are drawn as black and white, or as bottom and top.

    Coloured images have the limits of their format, 0 to 1 or 0 to 255, if the values
    fit about within these. Otherwise the limits are the lowest and the highest value,
    leaving out the fraction `outside` of the values at each end.

    Parameters
    ----------
    kind, shape
        As `kind_and_shape` returns them.

    samples : ndarray of shape (..., *shape)
        May have NaN.
    """
    known = samples[np.isfinite(samples)]
    low, high = np.quantile(known, [outside, 1 - outside]) if known.size else (0, 1)
    if kind == "image" and len(shape) == 3:
        for upper in _UPPER_LIMITS:
            below = -_OVERSHOOT * min(high, upper)
            if low >= below and high <= (1 + _OVERSHOOT) * upper:
                return 0.0, upper
    return float(low), float(high if high > low else low + 1)
