"""A decoder in closed form: kernel ridge regression of rows on their codes.

Codes explain by a linear map what they can; a Gaussian kernel on them predicts part of
the rest. Its widths, its penalty, and whether it gains anything are known from exact
leave-one-out errors, so that no rows need be held out. Prior work: kernel decoders on
PCA (arXiv 2509.00224), and variable projection (Golub and Pereyra, 1973).
"""

import dataclasses
import itertools
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh, solve_triangular
from scipy.spatial.distance import cdist

from skae._data.rows import FEWEST_ROWS
from skae._model.correction import KernelDecoder
from skae._runtime.threads import map_in_threads, one_blas_thread
from skae._training.outliers import pulls_up_to, typical_limit

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
# Added to the kernel's diagonal, which is 1: rounding of float64 in sums of products.
_JITTER = 1e-10
# Of the largest variance of codes. Smaller ones are rounding of float64.
_ROUNDING = 1e-13
# Fewer rows cannot show a gain; see `skae._training.selection`.
_FEWEST_ROWS = 10


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
        The codes, less their centre.

    centre : float64 array of shape (n_codes,)
        Their mean.

    targets : ndarray or LazyRows of shape (n_rows, n_features)
        The rows.

    weights : float64 array of shape (n_rows,)
        What the rows count, one on average.

    linear, mean : float64 arrays of shape (n_codes, n_features) and (n_features,)
        The linear map, and the mean of the rows.

    limit : float, default=inf
        Mean squared residual up to which a row pulls as its weight says.
    """

    codes: np.ndarray
    centre: np.ndarray
    targets: Any
    weights: np.ndarray
    linear: np.ndarray
    mean: np.ndarray
    limit: float = np.inf

    @property
    def n_columns(self):
        """Number of features."""
        return self.linear.shape[1]

    def residuals(self, some):
        """Return residuals of some rows, by a slice or numbers, and their pulls."""
        rows = np.asarray(self.targets[some], np.float64)
        residuals = rows - self.codes[some] @ self.linear - self.mean
        losses = np.mean(residuals**2, axis=1)
        return residuals, self.weights[some] * pulls_up_to(self.limit, losses)


def can_have_closed_form(n_rows, n_features):
    """Tell whether the data allow a kernel of enough centers."""
    n_centers = _number_of_centers(n_rows, n_features)
    return n_rows >= _FEWEST_ROWS and n_centers >= min(n_rows, _FEWEST_CENTERS)


def _number_of_centers(n_rows, n_features):
    return min(n_rows, _MOST_CENTERS, _MOST_COEFFICIENTS // n_features)


@one_blas_thread()
def closed_form(encode, rows, generator, like=None, linear=None):
    """Return the `ClosedForm` of rows on their codes.

    Parameters
    ----------
    encode : callable
        Gives the codes of some rows, shape (n_some, n_codes).

    rows : Rows
        Targets are what to reconstruct, and weights what the rows count.

    generator : numpy.random.RandomState
        Chooses centers and rows.

    like : ClosedForm or None, default=None
        One of part of the rows, whose scale and penalty are taken; None chooses them.

    linear : pair of arrays or None, default=None
        Kernel and bias of the linear map beside the kernels, such as PCA's, which may
        come from more rows; None finds the map of least squares.
    """
    n_rows, n_features = rows.targets.shape
    order = generator.permutation(n_rows)
    some, judged = order[:_ROWS_TO_CHOOSE], np.sort(order[-_ROWS_TO_JUDGE:])
    regression = _without_outliers(_regression(encode, rows, linear), some)
    if like is None:
        scale, penalty = _chosen(regression, some, generator)
    else:
        scale, penalty = like.scale, like.penalty
    centers = order[: _number_of_centers(n_rows, n_features)]
    coefficients, factor = _solved(regression, scale, centers, penalty)
    losses, linear_losses = _left_out(
        regression, scale, centers, coefficients, factor, judged
    )
    decoder = KernelDecoder(
        *(
            np.asarray(values, np.float32)
            for values in (
                0.0,
                regression.linear,
                regression.mean - regression.centre @ regression.linear,
                np.diag(scale),
                -regression.centre * scale,
                regression.codes[centers] * scale,
                coefficients,
            )
        )
    )
    return ClosedForm(decoder, judged, losses, linear_losses, scale, penalty)


def _chunks(n_rows, n_columns):
    """Yield slices over rows, of which a matrix takes a few megabytes in float64."""
    step = max(FEWEST_ROWS, _VALUES_AT_A_TIME // n_columns)
    for start in range(0, n_rows, step):
        yield slice(start, start + step)


def _regression(encode, rows, linear=None):
    """Return what is regressed, on a linear map or that of least squares."""
    targets, shares = rows.targets, rows.weights / rows.weights.sum()
    # Sums around a mean of some rows lose no digits where codes are far from zero.
    base = np.asarray(encode(rows.values[:FEWEST_ROWS]), np.float64).mean(axis=0)

    def products(chunk):
        codes = encode(rows.values[chunk]) - base
        weighted = (codes * shares[chunk, None]).T
        read = np.asarray(targets[chunk], np.float64)
        return codes, shares[chunk] @ read, weighted @ read

    parts = []
    mean, shared = np.zeros(targets.shape[1]), np.zeros((len(base), targets.shape[1]))
    for some, of_mean, product in map_in_threads(products, _chunks(*targets.shape)):
        parts.append(some)
        mean, shared = mean + of_mean, shared + product
    codes = np.concatenate(parts)
    centre = shares @ codes
    codes -= centre
    weights, centre_of_codes = shares * len(shares), base + centre
    if linear is not None:
        kernel, bias = (np.asarray(part, np.float64) for part in linear)
        mean = bias + centre_of_codes @ kernel
        return _Regression(codes, centre_of_codes, targets, weights, kernel, mean)
    covariance = (codes * shares[:, None]).T @ codes
    # Codes may be constant, or equal: the least-squares map of least norm.
    inverse = np.linalg.pinv(covariance, rcond=_ROUNDING, hermitian=True)
    linear = inverse @ (shared - np.outer(centre, mean))
    return _Regression(codes, centre_of_codes, targets, weights, linear, mean)


def _without_outliers(regression, some):
    """Return the regression in which rows far from the linear map pull as others do.

    Otherwise a single one of them would decide the widths. What is far, some rows tell.
    """
    parts = (some[chunk] for chunk in _chunks(len(some), regression.n_columns))
    losses = [np.mean(regression.residuals(part)[0] ** 2, axis=1) for part in parts]
    return dataclasses.replace(regression, limit=typical_limit(np.concatenate(losses)))


def _scales(codes, weights):
    """Yield scales of the codes, so that a kernel of width 1 has the widths to try.

    Scaled by them, the mean squared length of the codes is one over a width's square.
    """
    mean = np.average(codes, axis=0, weights=weights)
    deviations = np.sqrt(np.average((codes - mean) ** 2, axis=0, weights=weights))
    # Codes that do not vary, but for rounding in float32, tell nothing.
    varies = deviations > 1e-6 * deviations.max()
    deviations = np.where(varies, deviations, 1.0)
    for exponent, width in itertools.product(_EXPONENTS, _WIDTHS):
        length = np.sqrt(np.sum(deviations[varies] ** (2 - 2 * exponent))) or 1.0
        yield np.where(varies, deviations**-exponent / (width * length), 0.0)


def _kernel(codes, centers):
    """Return the Gaussian kernel of codes and centers, both scaled."""
    distances = (
        np.sum(codes**2, axis=1)[:, None]
        + np.sum(centers**2, axis=1)
        - 2 * codes @ centers.T
    )
    return np.exp(-np.maximum(distances, 0))


def _chosen(regression, some, generator):
    """Return scale and penalty of the least leave-one-out error of some rows.

    All penalties for one scale come from one eigendecomposition. K is the kernel matrix
    of the centers, and P = Φ'WΦ the pulled products of the rows' kernels Φ. With P q =
    s K q and q'Kq = 1, the hat matrix is Φ Q diag(1 / (s + penalty)) Q'Φ'W.
    """
    codes = regression.codes[some]
    residuals, pulls = _seen_from_few_directions(regression, some, generator)

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
    """Return residuals of some rows, projected if they are wide, and their pulls.

    Sums of squares stay, but for chance (Johnson and Lindenstrauss, 1984).
    """
    directions = None
    if regression.n_columns > _DIRECTIONS:
        shape = regression.n_columns, _DIRECTIONS
        directions = generator.normal(scale=_DIRECTIONS**-0.5, size=shape)

    def seen(part):
        residuals, pulls = regression.residuals(some[part])
        return residuals if directions is None else residuals @ directions, pulls

    found = map_in_threads(seen, _chunks(len(some), regression.n_columns))
    residuals, pulls = zip(*found, strict=True)
    return np.concatenate(residuals), np.concatenate(pulls)


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
    distances = cdist(centers, centers, "sqeuclidean")  # zero for equal ones
    return np.exp(-distances) + _JITTER * len(centers) * np.eye(len(centers))


def _solved(regression, scale, numbers, penalty):
    """Return the coefficients of the centers, and the Cholesky factor they come from.

    In float64: float32 would round away what the penalties leave (on MNIST, 0.82 of
    PCA's error instead of 0.67).
    """
    codes = regression.codes * scale
    centers = codes[numbers]

    def products(chunk):
        residuals, pulls = regression.residuals(chunk)
        kernel = _kernel(codes[chunk], centers)
        pulled = (kernel * pulls[:, None]).T
        return pulled @ kernel, pulled @ residuals

    chunks = _chunks(len(codes), max(len(centers), regression.n_columns))
    squares, shared = 0.0, 0.0
    for square, product in map_in_threads(products, chunks):
        squares, shared = squares + square, shared + product
    factor = cho_factor(squares + penalty * len(codes) * _made_definite(centers))
    return cho_solve(factor, shared), factor


def _left_out(regression, scale, numbers, coefficients, factor, judged):
    """Return the losses of rows, each left out, and those of the linear map.

    See `_left_out_error`; here the rows have all their features.
    """
    centers = regression.codes[numbers] * scale

    def losses(part):
        residuals, pulls = regression.residuals(part)
        kernel = _kernel(regression.codes[part] * scale, centers)
        halves = solve_triangular(factor[0], kernel.T, trans=1, check_finite=False)
        own = pulls * np.einsum("ji,ji->i", halves, halves)
        errors = residuals - kernel @ coefficients
        errors /= np.maximum(1 - own, _JITTER)[:, None]
        return np.mean(errors**2, axis=1), np.mean(residuals**2, axis=1)

    n_columns = max(len(centers), regression.n_columns)
    parts = (judged[chunk] for chunk in _chunks(len(judged), n_columns))
    left_out, linear = zip(*map_in_threads(losses, parts), strict=True)
    return np.concatenate(left_out), np.concatenate(linear)
