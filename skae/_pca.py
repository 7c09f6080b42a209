"""The PCA start: a network that begins as PCA, and steps of PCA's size."""

import dataclasses

import numpy as np
from scipy.linalg import eigh
from scipy.special import expit, logit
from sklearn.utils.extmath import randomized_svd

from skae import networks
from skae._data import mean_and_variance, row_chunks
from skae._trainer import Steps

_EXACT = 1e-12
_NOISE = 1e-14
_LARGEST_MATRIX = 2500
_FLOAT64_PRODUCTS = 10**10
_LOGIT_STEPS = 100
# How far from zero the largest code starts, where the activation is nearly linear.
_LINEAR_RANGE = {"tanh": 0.1, "sigmoid": 0.2}
_STEP_OF_ROWS = 20.0

# Value and derivative of each code activation at the offsets of the start, as the
# decoder reads it (it takes 0.5 from a sigmoid).
_ACTIVATION_AT = {
    "linear": lambda offset: (offset, np.ones_like(offset)),
    "relu": lambda offset: (offset, np.ones_like(offset)),
    "tanh": lambda offset: (offset, np.ones_like(offset)),
    "sigmoid": lambda offset: (offset, np.full_like(offset, 0.25)),
}


@dataclasses.dataclass(frozen=True)
class PrincipalAxes:
    """Principal axes of centred rows.

    Parameters
    ----------
    components : float64 array of shape (n_axes, n_features)
        Orthonormal, by falling variance, signs as scikit-learn's PCA gives them.

    variances : float64 array of shape (n_axes,)
        Variance along each axis.

    residual_variances : float64 array of shape (n_features,)
        Variance of each feature that the axes leave unexplained.

    mean : float64 array of shape (n_features,)
        Mean of the rows.

    complete : bool
        Whether there are as many axes as were asked for, and rows and features allow.
    """

    components: np.ndarray
    variances: np.ndarray
    residual_variances: np.ndarray
    mean: np.ndarray
    complete: bool

    @property
    def are_beyond_float32(self):
        """Whether axes are asked for whose variances are lost in float32.

        That is where some feature varies by less than a millionth of another.
        """
        features = self.residual_variances + self.variances @ self.components**2
        varying = features[features > 0]
        if not len(varying) or varying.min() >= _EXACT * varying.max():
            return False
        smallest = self.variances.min() if self.complete else 0.0
        return smallest < _EXACT * features.max()

    @property
    def are_exact(self):
        """Whether the axes explain all variance, to float32's precision."""
        total = self.variances.sum() + self.residual_variances.sum()
        return self.residual_variances.sum() <= _EXACT * total


def principal_axes(values, weights, n_components, generator):
    """Find the principal axes of weighted rows.

    The covariance matrix is decomposed where it is small, the Gram matrix where the
    rows are few, and a randomised solver (Halko et al., 2011) does the rest.

    Parameters
    ----------
    values : float32 array of shape (n_rows, n_features)
        The rows.

    weights : float64 array of shape (n_rows,)
        What each row counts.

    n_components : int
        Number of axes; fewer are returned where rows or features are fewer.

    generator : numpy.random.RandomState
        For the randomised solver.

    Returns
    -------
    PrincipalAxes
    """
    n_rows, n_features = values.shape
    mean, total = mean_and_variance(values, weights)
    weights = weights / weights.sum()
    n_components = min(n_components, n_rows, n_features)
    if n_features <= min(_LARGEST_MATRIX, 4 * n_rows):
        decompose = _from_covariance
    elif n_rows <= _LARGEST_MATRIX:
        decompose = _from_gram_matrix
    else:
        decompose = _from_randomized_svd
    variances, components = decompose(values, weights, mean, n_components, generator)
    kept = variances > _NOISE * total.sum()
    variances, components = variances[kept], components[kept]
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(len(components)), largest])[:, None]
    residual = np.maximum(total - variances @ components**2, 0.0)
    return PrincipalAxes(components, variances, residual, mean, bool(kept.all()))


def _from_covariance(values, weights, mean, n_components, generator):
    n_features = values.shape[1]
    # Large products in float32 are twice as fast; sums over chunks stay float64.
    exact = len(values) * n_features**2 < _FLOAT64_PRODUCTS
    covariance = np.zeros((n_features, n_features))
    for chunk in row_chunks(values):
        scaled = (values[chunk] - mean) * np.sqrt(weights[chunk])[:, None]
        scaled = scaled if exact else scaled.astype(np.float32)
        covariance += scaled.T @ scaled
    return _largest_eigenpairs(covariance, n_components)


def _from_gram_matrix(values, weights, mean, n_components, generator):
    scaled = (values - mean) * np.sqrt(weights)[:, None]
    variances, left = _largest_eigenpairs(scaled @ scaled.T, n_components)
    components = left @ scaled
    lengths = np.linalg.norm(components, axis=1, keepdims=True)
    return variances, components / np.maximum(lengths, np.finfo(float).tiny)


def _from_randomized_svd(values, weights, mean, n_components, generator):
    scaled = (values - mean.astype(np.float32)) * np.sqrt(weights, dtype=np.float32)[
        :, None
    ]
    _, singular, components = randomized_svd(
        scaled, n_components, random_state=generator
    )
    return singular.astype(np.float64) ** 2, components.astype(np.float64)


def _largest_eigenpairs(matrix, n_pairs):
    """Return the largest eigenvalues, falling, and their eigenvectors as rows."""
    size = len(matrix)
    values, vectors = eigh(matrix, subset_by_index=(size - n_pairs, size - 1))
    return values[::-1], vectors.T[::-1].copy()


def start_is_exact(code_activation):
    """Tell whether the start reconstructs as PCA does, up to rounding."""
    return code_activation not in _LINEAR_RANGE


def start_at_pca(
    encoder, decoder, axes, code_activation, rows, objective, weight_decay=0.0
):
    """Set a network to PCA and choose the size of its steps.

    The layers named `networks.LINEAR` become the principal axes. In front of a code
    activation the codes are moved and shrunk to where it is linear: a ReLU starts
    with all training rows on its positive side, tanh and sigmoid near zero. With
    logits at the output the decoder's linear map is a logistic regression of the
    data on the principal components, fitted by bound optimisation (Böhning and
    Lindsay, 1988).

    Steps are measured in what PCA leaves unexplained: the unit of an optimizer's step
    on a weight is what moves a code, or a reconstruction, by the order of its
    residual's standard deviation, however many features a row adds up. So a network
    that starts near a good solution is not thrown out of it.

    Parameters
    ----------
    encoder, decoder : keras.Model
        Freshly built; their variables are assigned.

    axes : PrincipalAxes
        Where to start.

    code_activation : {"linear", "relu", "tanh", "sigmoid"}
        Activation of the code.

    rows : Rows
        All rows, in the network's scale.

    objective : Objective
        Tells what the decoder's outputs are.

    weight_decay : float, default=0.0
        Pulls the kernels of the branches to zero, and so the network to PCA.

    Returns
    -------
    Steps
    """
    start = _Start(encoder, decoder, axes, code_activation, rows, objective)
    start.assign()
    return Steps(tuple(start.step_sizes()), tuple(start.decays(weight_decay)))


class _Start:
    """Works out the start and the step sizes of `start_at_pca`."""

    def __init__(self, encoder, decoder, axes, code_activation, rows, objective):
        self._encoder, self._decoder = encoder, decoder
        self._axes, self._rows, self._objective = axes, rows, objective
        self._flat = rows.values.reshape(len(rows), -1)
        n_codes = encoder.output_shape[-1]
        n_features = self._flat.shape[1]
        self._components = np.zeros((n_codes, n_features))
        self._components[: len(axes.components)] = axes.components
        # Where PCA leaves nothing, what it explains is the measure of a step.
        explained = axes.variances @ axes.components**2
        left = explained if axes.are_exact else axes.residual_variances
        residual = left.sum()
        self._output_step = np.sqrt(left)
        spread = np.zeros(n_codes)
        spread[: len(axes.variances)] = np.sqrt(axes.variances)
        smallest = max(np.sqrt(residual / n_features), 1e-6 * spread[0], 1e-12)
        self._spread = np.maximum(spread, smallest)
        self._code_step = np.sqrt(residual / n_codes)
        row_sums = np.abs(self._flat[self._some_rows(2_000)]).sum(axis=1)
        self._input_step = _STEP_OF_ROWS / max(row_sums.mean(), 1e-12)
        self._slope, self._offset = self._operating_point(code_activation)
        self._level, self._gain = _ACTIVATION_AT[code_activation](self._offset)

    def _operating_point(self, code_activation):
        """Return slope and offset, per code, of what enters the code activation."""
        n_codes = len(self._components)
        if code_activation == "linear":
            return np.ones(n_codes), np.zeros(n_codes)
        codes = self._principal_components(self._flat)
        if code_activation == "relu":
            return np.ones(n_codes), self._spread / 10 - codes.min(axis=0)
        largest = np.abs(codes).max(axis=0)
        reach = _LINEAR_RANGE[code_activation]
        return reach / np.maximum(largest, self._spread), np.zeros(n_codes)

    def _principal_components(self, flat):
        return (flat - self._axes.mean) @ self._components.T

    def _some_rows(self, most):
        """Return at most so many row numbers, spread evenly."""
        n_rows = len(self._flat)
        return np.linspace(0, n_rows - 1, min(most, n_rows)).astype(int)

    def assign(self):
        """Assign the start to the models' variables."""
        linear = self._encoder.get_layer(networks.LINEAR)
        kernel = self._components.T * self._slope
        linear.set_weights([kernel, self._offset - self._axes.mean @ kernel])
        kernel, bias = self._decoder_map()
        kernel = kernel / (self._slope * self._gain)[:, None]
        linear = self._decoder.get_layer(networks.LINEAR)
        linear.set_weights([kernel, bias - self._level @ kernel])
        first = self._first_hidden_layer()
        if first is not None:
            kernel = first.kernel.numpy() / self._code_spread()[:, None]
            first.set_weights([kernel, -self._level @ kernel])

    def _decoder_map(self):
        """Return kernel and bias from principal components to outputs."""
        if self._objective.has_logits:
            some = self._some_rows(10_000)
            return _logistic_regression(
                self._principal_components(self._flat[some]),
                self._flat[some],
                self._rows.weights[some],
            )
        return self._components, self._axes.mean

    def _first_hidden_layer(self):
        for layer in self._decoder.layers:
            if layer.name == networks.FIRST_HIDDEN:
                return layer
        return None

    def _code_spread(self):
        return self._spread * self._slope * self._gain

    def step_sizes(self):
        """Return what multiplies the steps of each trainable variable."""
        code_step = self._code_step * self._slope
        output_step = self._output_step
        if self._objective.has_logits:
            output_step = np.ones_like(output_step)
        per_code = 1 / self._code_spread()[:, None]
        sizes = {
            ("encoder", networks.FIRST_HIDDEN): (
                np.full(1, self._input_step),
                np.ones(1),
            ),
            ("encoder", networks.LINEAR): (self._input_step * code_step, code_step),
            ("encoder", networks.BRANCH): (code_step,),
            ("decoder", networks.LINEAR): (per_code * output_step, output_step),
            ("decoder", networks.BRANCH): (output_step,),
            ("decoder", networks.FIRST_HIDDEN): (per_code, np.ones(1)),
        }
        return [
            np.asarray(size, np.float32)
            for model, layer in self._layers()
            for size in sizes.get(
                (model.name, layer.name), [np.ones(1)] * len(layer.trainable_variables)
            )
        ]

    def decays(self, weight_decay):
        """Return the weight decay of each trainable variable."""
        return [
            weight_decay if layer.name != networks.LINEAR and len(v.shape) > 1 else 0.0
            for _, layer in self._layers()
            for v in layer.trainable_variables
        ]

    def _layers(self):
        for model in (self._encoder, self._decoder):
            for layer in model.layers:
                if layer.trainable_variables:
                    yield model, layer


def _logistic_regression(codes, values, weights):
    """Regress values in [0, 1] on codes, each feature through its own logit.

    The Hessian is bounded by a quarter of the codes' second moments, so one inverse
    serves all steps and all features; the steps are accelerated (Nesterov, 1983).

    Returns
    -------
    kernel : array of shape (n_codes, n_features)

    bias : array of shape (n_features,)
    """
    weights = weights / weights.sum()
    design = np.column_stack([codes, np.ones(len(codes))])
    moments = design.T @ (design * weights[:, None])
    moments += 1e-6 * np.trace(moments) / len(moments) * np.eye(len(moments))
    to_step = 4 * np.linalg.solve(moments, design.T * weights)
    average = np.clip(weights @ values, 1e-3, 1 - 1e-3)
    now = np.zeros((design.shape[1], values.shape[1]))
    now[-1] = logit(average)
    ahead = now
    for i in range(_LOGIT_STEPS):
        new = ahead + to_step @ (values - expit(design @ ahead))
        ahead = new + i / (i + 3) * (new - now)
        now = new
    return now[:-1], now[-1]
