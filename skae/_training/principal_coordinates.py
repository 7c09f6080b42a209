"""Training in the coordinates of principal axes, as many as matter.

A dense network that reads and gives wide rows spends nearly all of its products on its
first and its last layers. The squared error is the same in any rotated coordinates, and
along the last principal axes there is little to learn: so the network is trained on the
rows' first principal components, and the projection is folded into these layers.
"""

import dataclasses
import functools
import math

import numpy as np

from skae._data.rows import Rows, row_chunks
from skae._model.codec import Codec, shared_codec
from skae._objective.objective import Objective
from skae._pca.axes import PrincipalAxes
from skae._runtime.randomness import draw_seed
from skae._runtime.threads import map_in_threads, one_blas_thread
from skae._training.batches import MOST_BYTES_TO_COPY
from skae._training.pca_start import start_at_pca
from skae.networks._base import BRANCH, FIRST_HIDDEN, LINEAR
from skae.networks._build import Cost, variables
from skae.networks._dense import DenseNetwork

# The axes after those hold this part of what PCA leaves. On MNIST a tenth to a quarter
# of that gives the same error, and half of it takes twice the time
# (`benchmarks.defaults`).
_LEFT_OUT = 0.1
# With fewer coordinates an epoch becomes no faster, with more there is little to gain.
_FEWEST = 128
# Noisy rows have no last axis that matters: 256 coordinates gave a lower error on gene
# expression than 512.
_MOST = 256
# A multiple of this, so that folds of one data set share compiled steps.
_AT_A_TIME = 32


def most_coordinates(encoding_dim, n_features):
    """Return the largest number of axes to train along, 0 if that is not faster."""
    most = min(max(_MOST, 4 * encoding_dim), n_features // 2)
    return most if most >= _FEWEST else 0


@dataclasses.dataclass(frozen=True)
class Coordinates:
    """A network over coordinates, and how it becomes one over features.

    Parameters
    ----------
    codec : Codec
        The network over coordinates.

    components : float32 array of shape (n_coordinates, n_features)
        The axes, orthonormal.

    mean : float32 array of shape (n_features,)
        Features at the origin of the coordinates.

    scale : float32
        Length of a unit of the coordinates. In these their mean variance is 1, as that
        of the features is in the network's scale, for which its first weights are
        drawn.

    rows : Rows
        Training rows in these coordinates.

    left_out : float
        Mean squared error, over the features, of training rows that are reconstructed
        from all of their coordinates.
    """

    codec: Codec
    components: np.ndarray
    mean: np.ndarray
    scale: np.float32
    rows: Rows
    left_out: float

    @functools.cached_property
    def cost(self):
        """What the network computes for a row."""
        return Cost.of(self.codec.encoder, self.codec.decoder)

    @property
    def share(self):
        """What the mean square of coordinates is multiplied by for that of features."""
        n_axes, n_features = self.components.shape
        return float(self.scale) ** 2 * n_axes / n_features

    @functools.cached_property
    def _numbers(self):
        both = variables(self.codec.encoder, self.codec.decoder)
        return {id(variable): i for i, variable in enumerate(both)}

    def _number(self, model, layer, place):
        return self._numbers[id(model.get_layer(layer).weights[place])]

    @functools.cached_property
    def _readers(self):
        """Numbers of kernel and bias of the layers that read rows."""
        encoder = self.codec.encoder
        return [
            [self._number(encoder, layer, place) for place in (0, 1)]
            for layer in (FIRST_HIDDEN, LINEAR)
        ]

    @functools.cached_property
    def _givers(self):
        """Numbers of the kernels of the layers that give rows, and of their bias."""
        decoder = self.codec.decoder
        kernels = [self._number(decoder, layer, 0) for layer in (BRANCH, LINEAR)]
        return kernels, self._number(decoder, LINEAR, 1)

    @one_blas_thread()
    def unfolded(self, weights):
        """Return the weights of a network over features that computes the same.

        Rows x have the coordinates ``(x - mean) @ components.T / scale``.
        """
        values = list(weights)
        for kernel, bias in self._readers:
            values[kernel] = self.components.T @ weights[kernel] / self.scale
            values[bias] = weights[bias] - self.mean @ values[kernel]
        kernels, bias = self._givers
        for kernel in kernels:
            values[kernel] = weights[kernel] @ self.components * self.scale
        values[bias] = weights[bias] @ self.components * self.scale + self.mean
        return values

    @one_blas_thread()
    def folded(self, weights):
        """Return the weights over coordinates of a network over features."""
        values = list(weights)
        for kernel, bias in self._readers:
            values[kernel] = self.components @ weights[kernel] * self.scale
            values[bias] = weights[bias] + self.mean @ weights[kernel]
        kernels, bias = self._givers
        for kernel in kernels:
            values[kernel] = weights[kernel] @ self.components.T / self.scale
        values[bias] = (weights[bias] - self.mean) @ self.components.T / self.scale
        return values


class StepsInCoordinates:
    """Compiled steps of a network over coordinates, as of the one over features.

    Parameters
    ----------
    steps : CompiledSteps
        Of the network over coordinates.

    coordinates : Coordinates
        How weights and losses become those over features.
    """

    def __init__(self, steps, coordinates):
        self._steps, self._coordinates = steps, coordinates
        self.optimizer = steps.optimizer
        self.follows_schedule = steps.follows_schedule

    @property
    def weights(self):
        """Copies of all variables' values."""
        return self._coordinates.unfolded(self._steps.weights)

    @property
    def learning_rate(self):
        """See `CompiledSteps.learning_rate`."""
        return self._steps.learning_rate

    def reset(self, weights, seed, optimizer_values):
        """See `CompiledSteps.reset`."""
        folded = self._coordinates.folded(weights)
        self._steps.reset(folded, seed, optimizer_values)

    def run(self, *arguments, **how):
        """See `CompiledSteps.run`."""
        found = self._coordinates
        for mean, weight in self._steps.run(*arguments, **how):
            yield found.share * mean + found.left_out, weight


def in_coordinates(request, plan, prepared, start, weight_decay):
    """Return the `Start` of training in principal coordinates, where that is faster.

    It needs a dense network that starts at PCA and learns squared errors of whole rows,
    wide enough. Callbacks would be shown a model of other inputs.

    Parameters
    ----------
    request, plan, prepared : Request, Plan, Prepared
        Of the fit.

    start : Start
        At PCA, with the axes after those of the start.

    weight_decay : callable or None
        See `find_start`.
    """
    if not _is_possible(request, plan, prepared, start):
        return start
    further, dim = start.further, plan.architecture.encoding_dim
    n_axes = _n_coordinates(further, dim, prepared.n_features)
    codec = shared_codec(
        dataclasses.replace(plan.codec.architecture, sample_shape=(n_axes,))
    )
    axes = further.first(n_axes)
    scale = np.float32(np.sqrt(axes.variances.mean()))
    rows, left_out = _rows_along(axes, scale, prepared)
    training_rows = rows[: len(prepared.training_rows)]
    weights, steps = start_at_pca(
        codec.encoder,
        codec.decoder,
        codec.initial_weights(draw_seed(request.generator))
        + [v.numpy() for v in request.objective.build(dim)],
        _axes_in_coordinates(axes, scale, dim),
        plan.architecture.network.code_activation,
        rows,
        request.objective,
        0.0 if weight_decay is None else weight_decay(len(training_rows), dim),
    )
    coordinates = Coordinates(
        codec,
        axes.components.astype(np.float32),
        axes.mean.astype(np.float32),
        scale,
        training_rows,
        left_out,
    )
    return dataclasses.replace(
        start,
        weights=coordinates.unfolded(weights),
        steps=steps,
        coordinates=coordinates,
    )


def _is_possible(request, plan, prepared, start):
    estimator, objective = request.estimator, request.objective
    (n_rows, n_features), dim = prepared.rows.values.shape, plan.codec.encoding_dim
    most = most_coordinates(dim, n_features)
    return (
        start.further is not None
        and estimator.epochs != 0  # then there is nothing to train
        and most >= max(2 * dim, _FEWEST)
        and 4 * n_rows * most <= MOST_BYTES_TO_COPY
        and not start.is_solution
        and plan.starts_at_pca
        and type(plan.architecture.network) is DenseNetwork
        and any(layer.name == BRANCH for layer in plan.codec.decoder.layers)
        and type(objective) is Objective
        and objective.loss == "mse"
        and not (objective.l1_activity or objective.corruption)
        and prepared.rows.clean is None
        and not estimator.callbacks
        and not request.optimizer.use_ema
    )


def _n_coordinates(axes, encoding_dim, n_features):
    """Return how many axes matter, of those found."""
    left = axes.total_variance - np.cumsum(axes.variances)
    of_pca = left[min(encoding_dim, len(left)) - 1]
    n_wanted = int((left > _LEFT_OUT * of_pca).sum()) + 1
    n_wanted = math.ceil(n_wanted / _AT_A_TIME) * _AT_A_TIME
    n_wanted = max(n_wanted, _FEWEST, 2 * encoding_dim)
    most = most_coordinates(encoding_dim, n_features)
    return min(n_wanted, most, len(axes.variances))


def _axes_in_coordinates(axes, scale, encoding_dim):
    """Return the first axes as they are in the coordinates of all."""
    variances, n_axes = axes.variances / scale**2, len(axes.variances)
    n_first = min(encoding_dim, n_axes)
    left = variances[n_first:].sum() / n_axes
    return PrincipalAxes(
        np.eye(n_first, n_axes),
        variances[:n_first],
        # The same for all: one step then moves each coordinate by as much as another.
        # With steps by what PCA leaves along each axis, its own axes would stay as
        # they are, and the error on MNIST was 0.48 instead of 0.42.
        np.full(n_axes, left),
        np.zeros(n_axes),
        complete=True,
    )


@one_blas_thread()
def _rows_along(axes, scale, prepared):
    """Return all rows in the axes' coordinates, and what these leave out in training.

    That is a mean over the training rows and the features.
    """
    values, weights = prepared.rows.values, prepared.rows.weights
    components = axes.components.T.astype(np.float32)
    mean = axes.mean.astype(np.float32)
    coordinates = np.empty((len(values), len(axes.variances)), np.float32)
    left = np.empty(len(values))

    def project(chunk):
        deviations = np.asarray(values[chunk]) - mean
        along = deviations @ components
        coordinates[chunk] = along / scale
        left[chunk] = _squares(deviations) - _squares(along)

    for _ in map_in_threads(project, row_chunks(values)):
        pass  # an error would be raised here
    n_training = len(prepared.training_rows)
    left_out = np.average(left[:n_training], weights=weights[:n_training])
    return Rows(coordinates, weights), max(left_out, 0.0) / values.shape[1]


def _squares(rows):
    return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
