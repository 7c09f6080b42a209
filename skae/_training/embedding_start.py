"""Where the training of a map of neighbours starts: at PCA."""

import numpy as np

from skae.networks._base import LINEAR
from skae.networks._build import variables

START_DEVIATION = 1.0
"""Standard deviation of the first axis of the map at the start.

The kernel of t-SNE is of width 1, so that all rows are within reach of each other, as
from the usual 1e-4, but no steps are lost on leaving the point where all forces vanish.
"""

# Of START_DEVIATION, along axes that the rows do not have. Zeros would stay zeros:
# there all forces along them vanish.
_SPREAD_OF_OTHERS = 0.1


def start_at_axes(codec, weights, axes, generator):
    """Return weights that make a network's encoder PCA, scaled for t-SNE.

    Parameters
    ----------
    codec : Codec
        The network; its layers named `LINEAR` become the axes.

    weights : list of arrays
        Initial values of its variables.

    axes : PrincipalAxes
        Of the rows, as many as the map has, or fewer.

    generator : numpy.random.RandomState
        Draws directions in place of axes that there are not.
    """
    dim, n_features = codec.encoding_dim, codec.n_features
    deviations = np.sqrt(axes.variances[:dim])
    scale = START_DEVIATION / deviations[0] if len(deviations) else 1.0
    drawn = generator.standard_normal((dim, n_features)) / np.sqrt(n_features)
    components = drawn * (_SPREAD_OF_OTHERS * START_DEVIATION / scale)
    components[: len(deviations)] = axes.components[:dim]
    weights = list(weights)
    kernel = components.T * scale
    _set(codec, weights, codec.encoder, kernel, -axes.mean @ kernel)
    if codec.objective.has_decoder:
        inverse = np.zeros((dim, n_features))
        inverse[: len(deviations)] = axes.components[:dim] / scale
        _set(codec, weights, codec.decoder, inverse, axes.mean)
    return weights


def _set(codec, weights, model, *values):
    """Set kernel and bias of the linear map of an encoder or decoder."""
    numbers = {id(v): i for i, v in enumerate(variables(codec.encoder, codec.decoder))}
    layer = model.get_layer(LINEAR)
    for variable, value in zip(layer.weights, values, strict=True):
        weights[numbers[id(variable)]] = np.asarray(value, np.float32)
