"""A decoder in closed form: kernel ridge regression of rows on their codes.

Codes explain by a linear map what they can; a Gaussian kernel on them predicts part of
the rest. Its widths, its penalty, and whether it gains anything are known from exact
leave-one-out errors, so that no rows need be held out. Prior work: kernel decoders on
PCA (arXiv 2509.00224), and variable projection (Golub and Pereyra, 1973).
"""

import dataclasses
import itertools

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh

from skae._data.rows import FEWEST_ROWS
from skae._model.correction import KernelDecoder
from skae._runtime.threads import map_in_threads, one_blas_thread
from skae._training.outliers import pull_of_rows

# Centers cost memory and time in proportion, so wide rows get fewer: 2^22 numbers are
# 16 MB.
_MOST_CENTERS = 1_000
_MOST_COEFFICIENTS = 2**22
_FEWEST_CENTERS = 50
# Widths and penalty are chosen on so many rows and centers, in about a second.
_ROWS_TO_CHOOSE, _CENTERS_TO_CHOOSE = 2_000, 350
# Rows whose leave-one-out errors decide; more would only tell smaller gains from zero.
_ROWS_TO_JUDGE = 4_000
# Widths as a multiple of the spread of codes, exponents by which the axes' deviations
# are made equal (0 leaves them, 1 whitens), and penalties for each row. Smaller ones
# gain nothing, and their coefficients are so large that float32 rounds their sum.
_WIDTHS = 0.5, 1.0, 2.0, 4.0
_EXPONENTS = 0.0, 0.5, 1.0
_PENALTIES = np.logspace(-4.5, -1.5, 7)
# Random directions of the rows by which widths are compared; their mean square is that
# of the rows.
_DIRECTIONS = 48
# 8 MB in float64. Larger pieces cost memory in every thread, smaller ones more sums.
_VALUES_AT_A_TIME = 2**20
# Of the largest eigenvalue. Smaller ones are rounding of float64 in sums of products.
_JITTER = 1e-10


@dataclasses.dataclass(frozen=True)
class ClosedForm:
    """A decoder in closed form, and how well it does.

    Parameters
    ----------
    decoder : KernelDecoder
        For the codes that it was found from; the network counts nothing in it.

    numbers : int array of shape (n_judged,)
        Rows that judge it.

    losses, linear_losses : float64 arrays of shape (n_judged,)
        Mean squared error of these, each left out of the kernel ridge regression, and
        that of the linear map.

    scale : float64 array of shape (n_codes,)
        What the codes are multiplied by in the kernel.

    penalty : float
        Of each row.
    """

    decoder: KernelDecoder
    numbers: np.ndarray
    losses: np.ndarray
    linear_losses: np.ndarray
    scale: np.ndarray
    penalty: float


@dataclasses.dataclass(frozen=True)
class _Regression:
    """What is regressed: the residual of rows on the linear map of their codes.

    Parameters
    ----------
    codes : float64 array of shape (n_rows, n_codes)
        The codes.

    targets : ndarray or LazyRows of shape (n_rows, n_features)
        The rows.

    pulls : float64 array of shape (n_rows,)
        What the rows count in the regression, one on average.

    linear, bias : float64 arrays of shape (n_codes, n_features) and (n_features,)
        The linear map.
    """

    codes: np.ndarray
    targets: object
    pulls: np.ndarray
    linear: np.ndarray
    bias: np.ndarray

    def residuals(self, some):
        """Return the residuals of some rows, by a slice or numbers."""
        rows = np.asarray(self.targets[some], np.float64)
        return rows - self.codes[some] @ self.linear - self.bias


def can_have_closed_form(n_rows, n_features):
    """Tell whether the data allow a kernel of enough centers."""
    return _number_of_centers(n_rows, n_features) >= min(n_rows, _FEWEST_CENTERS)


def _number_of_centers(n_rows, n_features):
    return min(n_rows, _MOST_CENTERS, _MOST_COEFFICIENTS // n_features)


@one_blas_thread()
def closed_form(codes, rows, generator, like=None):
    """Return the `ClosedForm` of rows on their codes.

    Parameters
    ----------
    codes : array of shape (n_rows, n_codes)
        Codes of the rows.

    rows : Rows
        Targets are what to reconstruct, and weights what the rows count.

    generator : numpy.random.RandomState
        Chooses centers and rows.

    like : ClosedForm or None, default=None
        One of part of the rows, whose scale and penalty are taken; None chooses them.
    """
    codes = np.asarray(codes, np.float64)
    n_rows, n_features = rows.targets.shape
    weights = rows.weights / rows.weights.mean()
    linear, bias = _linear_map(codes, rows.targets, weights)
    regression = _Regression(codes, rows.targets, weights, linear, bias)
    linear_losses = np.concatenate(
        [
            np.mean(regression.residuals(chunk) ** 2, axis=1)
            for chunk in _chunks(n_rows, n_features)
        ]
    )
    # Rows far from the linear map pull no harder than typical ones; unweighted, one of
    # them would decide the widths.
    pulls = weights * pull_of_rows(linear_losses)
    regression = dataclasses.replace(regression, pulls=pulls / pulls.mean())
    order = generator.permutation(n_rows)
    if like is None:
        scale, penalty = _chosen(regression, order, generator)
    else:
        scale, penalty = like.scale, like.penalty
    centers = order[: _number_of_centers(n_rows, n_features)]
    judged = np.sort(order[-_ROWS_TO_JUDGE:])
    coefficients, losses = _solved(regression, scale, centers, penalty, judged)
    decoder = KernelDecoder(
        *(
            np.asarray(values, np.float32)
            for values in (
                0.0,
                linear,
                bias,
                np.diag(scale),
                np.zeros(len(scale)),
                codes[centers] * scale,
                coefficients,
            )
        )
    )
    return ClosedForm(decoder, judged, losses, linear_losses[judged], scale, penalty)


def _chunks(n_rows, n_columns):
    """Yield slices over rows, of which a matrix takes a few megabytes in float64."""
    step = max(FEWEST_ROWS, _VALUES_AT_A_TIME // n_columns)
    for start in range(0, n_rows, step):
        yield slice(start, start + step)


def _linear_map(codes, targets, weights):
    """Return the least-squares map from codes to targets, and its bias."""
    weights = weights / weights.sum()
    centre = weights @ codes
    centred = (codes - centre) * weights[:, None]

    def products(chunk):
        rows = np.asarray(targets[chunk], np.float64)
        return np.einsum("i,ij->j", weights[chunk], rows), centred[chunk].T @ rows

    mean, shared = 0.0, 0.0
    for part_of_mean, product in map_in_threads(products, _chunks(*targets.shape)):
        mean, shared = mean + part_of_mean, shared + product
    covariance = centred.T @ (codes - centre)
    # Codes may be constant, or equal: the least-squares map of least norm.
    linear = np.linalg.pinv(covariance, rcond=_JITTER, hermitian=True) @ shared
    return linear, mean - centre @ linear


def _scales(codes, weights):
    """Yield scales of the codes, so that a kernel of width 1 has the widths to try.

    Scaled by them, the mean squared length of the codes is one over a width's square.
    """
    mean = np.average(codes, axis=0, weights=weights)
    deviations = np.sqrt(np.average((codes - mean) ** 2, axis=0, weights=weights))
    deviations = np.maximum(deviations, 1e-6 * deviations.max())
    for exponent, width in itertools.product(_EXPONENTS, _WIDTHS):
        scaled = deviations ** (1 - exponent)
        yield deviations**-exponent / (width * np.sqrt(np.sum(scaled**2)))


def _kernel(codes, centers):
    """Return the Gaussian kernel of codes and centers, both scaled."""
    distances = (
        np.sum(codes**2, axis=1)[:, None]
        + np.sum(centers**2, axis=1)
        - 2 * codes @ centers.T
    )
    return np.exp(-np.maximum(distances, 0))


def _chosen(regression, order, generator):
    """Return scale of the codes and penalty a row of the least leave-one-out error.

    All penalties for one scale come from one eigendecomposition. K is the kernel matrix
    of the centers, and P = Φ'WΦ the pulled products of the rows' kernels Φ. With P q =
    s K q and q'Kq = 1, the hat matrix is Φ Q diag(1 / (s + penalty)) Q'Φ'W.
    """
    some = order[:_ROWS_TO_CHOOSE]
    codes, pulls = regression.codes[some], regression.pulls[some]
    residuals = _seen_from_few_directions(regression, some, generator)

    def errors(scale):
        scaled = codes * scale
        centers = scaled[:_CENTERS_TO_CHOOSE]
        kernel = _kernel(scaled, centers)
        pulled = kernel * pulls[:, None]
        values, vectors = eigh(pulled.T @ kernel, _made_definite(centers))
        read = kernel @ vectors
        targets = vectors.T @ (pulled.T @ residuals)
        return [
            _left_out_error(read, targets, residuals, pulls, 1 / (values + penalty))
            for penalty in _PENALTIES * len(some)
        ]

    scales = list(_scales(codes, pulls))
    found = np.array(list(map_in_threads(errors, scales)))
    best, penalty = np.unravel_index(np.argmin(found), found.shape)
    return scales[best], _PENALTIES[penalty]


def _seen_from_few_directions(regression, some, generator):
    """Return residuals of some rows, projected if they are wide.

    Sums of squares stay, but for chance (Johnson and Lindenstrauss, 1984).
    """
    n_features = regression.linear.shape[1]
    directions = None
    if n_features > _DIRECTIONS:
        shape = n_features, _DIRECTIONS
        directions = generator.normal(scale=_DIRECTIONS**-0.5, size=shape)

    def seen(part):
        residuals = regression.residuals(some[part])
        return residuals if directions is None else residuals @ directions

    parts = _chunks(len(some), n_features)
    return np.concatenate(list(map_in_threads(seen, parts)))


def _left_out_error(read, targets, residuals, pulls, shrinkage):
    """Return the pulled squared error of rows, each left out.

    A row's error is that of the fit to all, divided by 1 - h, its own pull in its
    prediction (Allen, 1974: PRESS).
    """
    own = pulls * (np.square(read) @ shrinkage)
    errors = residuals - read @ (targets * shrinkage[:, None])
    squares = np.einsum("ij,ij->i", errors, errors)
    return pulls @ (squares / np.maximum(1 - own, _JITTER) ** 2)


def _made_definite(centers):
    """Return the kernel matrix of centers, definite in spite of rounding."""
    return _kernel(centers, centers) + _JITTER * len(centers) * np.eye(len(centers))


def _solved(regression, scale, numbers, penalty, judged):
    """Return the coefficients of the centers, and the losses of rows left out."""
    codes, pulls = regression.codes * scale, regression.pulls
    centers = codes[numbers]

    # In float64: float32 would round away what the penalties leave (on MNIST, 0.82 of
    # PCA's error instead of 0.67).
    def products(chunk):
        kernel = _kernel(codes[chunk], centers)
        pulled = (kernel * pulls[chunk, None]).T
        return pulled @ kernel, pulled @ regression.residuals(chunk)

    squares, shared = 0.0, 0.0
    n_columns = max(len(centers), regression.linear.shape[1])
    chunks = _chunks(len(codes), n_columns)
    for square, product in map_in_threads(products, chunks):
        squares, shared = squares + square, shared + product
    penalties = penalty * len(codes) * _made_definite(centers)
    factor = cho_factor(squares + penalties)
    coefficients = cho_solve(factor, shared)

    def left_out(part):
        kernel = _kernel(codes[part], centers)
        own = np.einsum("ij,ji->i", kernel, cho_solve(factor, kernel.T))
        errors = regression.residuals(part) - kernel @ coefficients
        left = np.maximum(1 - pulls[part] * own, _JITTER)
        return np.mean((errors / left[:, None]) ** 2, axis=1)

    parts = (judged[chunk] for chunk in _chunks(len(judged), n_columns))
    return coefficients, np.concatenate(list(map_in_threads(left_out, parts)))
