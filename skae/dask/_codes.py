"""Sums over the codes of all rows, and how far out rows are."""

import dataclasses

import numpy as np

from skae._data.rows import row_chunks
from skae._runtime.threads import one_blas_thread
from skae._training.bounds import LEAST_REACH, longest_deviation, without_outliers
from skae.dask._networks import Network, fitted_network


@dataclasses.dataclass(frozen=True)
class CodeSums:
    """Weighted sums over codes, from which their order follows.

    Parameters
    ----------
    weight : float
        Sum of the weights of the rows.

    mean : float64 array of shape (n_codes,)
        Mean of the codes.

    covariance : float64 array of shape (n_codes, n_codes)
        Sums of products of the codes' deviations.

    mean_row : float64 array of shape (n_features,)
        Mean of the rows.

    shared : float64 array of shape (n_codes, n_features)
        Sums of products of these deviations and the rows'.
    """

    weight: float
    mean: np.ndarray
    covariance: np.ndarray
    mean_row: np.ndarray
    shared: np.ndarray

    @classmethod
    @one_blas_thread()
    def together(cls, parts):
        """Return the sums of all rows from those of parts, by total covariance."""
        parts = [part for part in parts if part is not None]
        if len(parts) < 2:
            return parts[0] if parts else None
        weights = np.array([part.weight for part in parts])
        shares = weights / weights.sum()
        mean = shares @ np.array([part.mean for part in parts])
        mean_row = shares @ np.array([part.mean_row for part in parts])
        between = np.array([part.mean - mean for part in parts]) * weights[:, None]
        of_codes = between.T @ np.array([part.mean - mean for part in parts])
        of_rows = between.T @ np.array([part.mean_row - mean_row for part in parts])
        return cls(
            float(weights.sum()),
            mean,
            of_codes + sum(part.covariance for part in parts),
            mean_row,
            of_rows + sum(part.shared for part in parts),
        )


@one_blas_thread()
def code_sums(blueprint, network, block):
    """Return the `CodeSums` of all rows of a block, or None of an empty one."""
    fitted, _ = fitted_network(blueprint, network)
    parts = [
        _of_some(fitted, np.asarray(rows.values[chunk]), rows.weights[chunk])
        for rows in (block.training, block.held_out)
        for chunk in row_chunks(rows.values)
    ]
    return CodeSums.together(parts)


def _of_some(fitted, rows, weights):
    codes = fitted.encode(rows).astype(np.float64)
    rows = rows.astype(np.float64)
    total = weights.sum()
    mean, mean_row = weights @ codes / total, weights @ rows / total
    deviations = codes - mean
    weighted = (deviations * weights[:, None]).T
    return CodeSums(
        float(total),
        mean,
        weighted @ deviations,
        mean_row,
        weighted @ (rows - mean_row),
    )


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a network makes of all rows.

    Parameters
    ----------
    error : float
        Weighted sum of the rows' squared errors, over all features.

    reach, longest : float
        Length of the longest row, and of the longest deviation of codes, times a
        metric; but for outliers.
    """

    error: float
    reach: float
    longest: float

    @classmethod
    def together(cls, parts):
        """Return what holds for the rows of all parts."""
        return cls(
            sum(part.error for part in parts),
            max(part.reach for part in parts),
            max(part.longest for part in parts),
        )


@dataclasses.dataclass(frozen=True)
class Outside:
    """What is needed to measure how far out rows are.

    Parameters
    ----------
    start : Network
        The network at its start.

    limit : float
        Mean squared error at the start beyond which rows are outliers.

    centre : float64 array of shape (n_codes,)
        Of the codes.

    metric : float64 array of shape (n_codes, n_codes)
        Deviations from it times this are measured.
    """

    start: Network
    limit: float
    centre: np.ndarray
    metric: np.ndarray


@one_blas_thread()
def measure(blueprint, given, block):
    """Return what a network makes of a block, `Measured`.

    Parameters
    ----------
    blueprint : Blueprint
        Of the fit.

    given : (Network, Outside or None)
        The network with its codes in order. How far out rows are is only measured with
        the second.

    block : Block
        The rows.
    """
    network, outside = given
    fitted, _ = fitted_network(blueprint, network)
    error, reach, longest = 0.0, LEAST_REACH, 0.0
    start = None if outside is None else fitted_network(blueprint, outside.start)[0]
    for rows in (block.training, block.held_out):
        if not len(rows):
            continue
        errors = fitted.squared_errors(rows.values)
        error += float(rows.weights @ errors) * blueprint.n_features
        if start is None:
            continue
        for values in without_outliers(start, rows.values, outside.limit):
            reach = max(reach, float(np.linalg.norm(values, axis=1).max()))
            codes, where = fitted.encode(values), (outside.centre, outside.metric)
            longest = max(longest, float(longest_deviation(fitted, codes, *where)))
    return Measured(error, reach, longest)
