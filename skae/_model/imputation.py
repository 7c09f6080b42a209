"""Missing values from similar rows: what `impute` fills in beside the network.

A missing value gets its mean given the row's observed values. Near the row the mean is
that of the most similar training rows (Nadaraya, 1964), weighted by a Gaussian kernel;
what the row differs from them is carried on to its missing values as factor analysis
does (Rubin and Thayer, 1982). A very wide kernel is the Gaussian model alone.
"""

import dataclasses

import numpy as np
from scipy.linalg import eigh

from skae._data.missing import mean_and_variance_of_observed
from skae._runtime.interrupts import let_interrupts_in
from skae._runtime.threads import map_in_threads, one_blas_thread

# As KNNImputer, it compares each row with all donors: 5,000 and 8 MB bound its time.
_MOST_DONORS = 5000
_MOST_VALUES = 2**21
# Fewer rows cannot tell which way is better.
_FEWEST_DONORS = 20
# The unit of bandwidths is the distance to the fifth most similar row: KNNImputer takes
# five too.
_N_NEAREST = 5
# In deviations. Beyond, single precision would lose the distances in other features.
_FARTHEST = 100.0
# So wide that no donor is nearer than another.
_ALL_ALIKE = 1e4
# Bandwidths, and the least variance of noise on the scale of correlations. In tables of
# measurements features nearly follow from each other; where single rows make the
# covariance, as rare bright pixels do, it needs a tenth (`benchmarks.imputation`).
_CANDIDATES = (
    (0.25, 0.01),
    (0.35, 0.01),
    (0.5, 0.01),
    (_ALL_ALIKE, 0.01),
    (0.35, 0.1),
    (0.5, 0.1),
)
# Rows for the choice among them, and rows of these whose values are hidden.
_MOST_TO_CHOOSE = 1000
_MOST_JUDGES = 250
_HIDDEN_FRACTION = 0.2
# Wider rows are left to the kernel: their factors cost seconds for each bandwidth.
_MOST_FEATURES_OF_FACTORS = 1000
_MOST_FACTORS = 48
# Estimates get better up to the fifth round; the order of the candidates shows before.
_N_ROUNDS = 5
_N_ROUNDS_TO_CHOOSE = 3
_ROWS_AT_A_TIME = 256


@dataclasses.dataclass(frozen=True)
class Donors:
    """Training rows that missing values may be taken from, in the network's scale.

    Parameters
    ----------
    values : float32 ndarray of shape (n_donors, n_features)
        NaN where a value is missing. Each row has a value.

    weights : float64 ndarray of shape (n_donors,)
        Weight of each row.
    """

    values: np.ndarray
    weights: np.ndarray

    @classmethod
    def drawn(cls, values, weights, generator):
        """Return some of the rows in their order, each as likely as the others.

        Parameters
        ----------
        values : float32 ndarray of shape (n_rows, n_features) or LazyRows
            All rows.

        generator : numpy.random.Generator
            Draws them.
        """
        n_rows, n_features = values.shape
        most = min(_MOST_DONORS, max(_FEWEST_DONORS, _MOST_VALUES // n_features))
        chosen = np.arange(n_rows)
        if n_rows > most:
            chosen = np.sort(generator.choice(n_rows, most, replace=False))
        drawn = np.asarray(values[chosen], np.float32)
        has_value = ~np.isnan(drawn).all(axis=1)
        return cls(drawn[has_value], weights[chosen][has_value])

    def joined(self, earlier, generator):
        """Return some of these rows and of those of earlier passes.

        Nobody knows how many rows the latter stand for, so new rows count more.
        """
        values = np.concatenate([earlier.values, self.values])
        weights = np.concatenate([earlier.weights, self.weights])
        return Donors.drawn(values, weights, generator)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, rows):
        return Donors(self.values[rows], self.weights[rows])


def chosen_means(donors, reconstruct):
    """Return the `ConditionalMeans` that find hidden values best.

    Values of the last donors are hidden. A fit holds these rows out by default, so the
    network is no better at them than at others.

    Parameters
    ----------
    donors : Donors
        Rows of the fit, the ones that were held out last.

    reconstruct : callable
        The network, for rows in its scale with zeros in place of missing values.

    Returns
    -------
    ConditionalMeans or None
        None where the network finds them better, and where donors are too few to tell.
    """
    if len(donors) < _FEWEST_DONORS:
        return None
    generator = np.random.default_rng(0)
    n_judges = min(_MOST_JUDGES, len(donors) // 5)
    n_others = len(donors) - n_judges
    judges = donors[n_others:]
    others = donors[generator.permutation(n_others)[: _MOST_TO_CHOOSE - n_judges]]
    hidden = generator.random(judges.values.shape) < _HIDDEN_FRACTION
    hidden &= ~np.isnan(judges.values)
    shown = np.where(hidden, np.nan, judges.values)
    deviation = _mean_and_deviation(others)[1]

    def error(found):
        errors = ((found - judges.values) / deviation) ** 2
        return judges.weights @ np.where(hidden, errors, 0).sum(axis=1)

    by_network = error(reconstruct(np.where(np.isnan(shown), 0, shown)))
    errors = []
    for candidate in _CANDIDATES:
        means = conditional_means(others, *candidate, _N_ROUNDS_TO_CHOOSE)
        errors.append(error(means.of(shown)))
    if by_network <= min(errors):
        return None
    return conditional_means(donors, *_CANDIDATES[np.argmin(errors)])


@dataclasses.dataclass(frozen=True)
class ConditionalMeans:
    """Means of missing values, given what is observed.

    Parameters
    ----------
    mean, deviation : float64 ndarrays of shape (n_features,)
        The unit of what follows.

    donors : float64 ndarray of shape (n_donors, n_features)
        Rows with estimates in place of missing values.

    weights : float64 ndarray of shape (n_donors,)
        Weight of each donor.

    bandwidth : float
        Of the kernel, in distances to the fifth most similar donor.

    factors : Factors or None
        Of what rows differ from similar ones.
    """

    mean: np.ndarray
    deviation: np.ndarray
    donors: np.ndarray
    weights: np.ndarray
    bandwidth: float
    factors: "Factors | None"

    def of(self, values):
        """Return rows in the donors' scale with means in place of NaN."""
        rows = (values - self.mean) / self.deviation
        missing = np.isnan(rows)
        found = self.local_means(rows, missing)
        if self.factors is not None:
            found += self.factors.expected(rows - found, missing)
        return np.where(missing, found * self.deviation + self.mean, values)

    def local_means(self, rows, missing, are_donors=False):
        """Return means of the donors that are near each row, but not the row itself."""
        # Single precision is enough for a mean, and takes half the time.
        donors = self.donors.astype(np.float32)
        weights = np.maximum(self.weights, 1e-30).astype(np.float32)

        def local(part):
            distances = _squared_distances(rows[part], missing[part], donors)
            if are_donors:
                own = np.arange(len(rows))[part]
                distances[np.arange(len(own)), own] = np.inf
            kernel = self._kernel(distances) * weights
            means = kernel @ donors / kernel.sum(axis=1, keepdims=True)
            return means.astype(np.float64)

        return _in_parts(local, rows)

    def _kernel(self, distances):
        nearest = np.partition(distances, _N_NEAREST - 1, axis=1)[:, :_N_NEAREST]
        unit = 2 * self.bandwidth**2 * nearest.max(axis=1, keepdims=True)
        # From the least distance on, so that some donor keeps its weight.
        distances = distances - nearest.min(axis=1, keepdims=True)
        with np.errstate(over="ignore"):  # five equal rows leave no weight to others
            return np.exp(-distances / np.maximum(unit, np.finfo(np.float32).tiny))


@dataclasses.dataclass(frozen=True)
class Factors:
    """A covariance of few factors, and noise of each feature's own.

    Parameters
    ----------
    loadings : float64 ndarray of shape (n_features, n_factors)
        What factors of variance one do to the features.

    noise : float64 ndarray of shape (n_features,)
        Variances of the noise.
    """

    loadings: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, covariance, least_noise):
        """Return principal factors of a covariance."""
        n_features = len(covariance)
        first = max(0, n_features - _MOST_FACTORS)
        variances, axes = eigh(covariance, subset_by_index=(first, n_features - 1))
        loadings = axes * np.sqrt(np.maximum(variances, 0))
        noise = np.diag(covariance) - (loadings**2).sum(axis=1)
        return cls(loadings, np.maximum(noise, 0) + least_noise)

    def expected(self, rows, missing):
        """Return the means of all values, given those that are not missing."""

        def of_part(part):
            observed = np.where(missing[part], 0, rows[part])
            explained = (observed / self.noise) @ self.loadings
            precisions = self._precisions(missing[part])
            factors = np.linalg.solve(precisions, explained[:, :, np.newaxis])
            return factors[:, :, 0] @ self.loadings.T

        return _in_parts(of_part, rows)

    def unknown(self, missing, weights):
        """Return the covariance of what the means leave unknown, over all rows.

        The factors' covariance is averaged over some rows by itself: values are thought
        to be missing independently of how much is known of the factors.
        """
        some = np.flatnonzero(missing.any(axis=1))
        some = some[:: 1 + len(some) // _ROWS_AT_A_TIME]
        covariances = np.linalg.inv(self._precisions(missing[some]))
        mean = np.average(covariances, axis=0, weights=weights[some])
        together = missing.T @ (weights[:, np.newaxis] * missing)
        by_factors = self.loadings @ mean @ self.loadings.T
        return together * by_factors + np.diag(np.diag(together) * self.noise)

    def _precisions(self, missing):
        """Return inverse covariances of the factors, given what is observed of rows."""
        n_features, n_factors = self.loadings.shape
        pairs = self.loadings[:, :, np.newaxis] * self.loadings[:, np.newaxis]
        pairs /= self.noise[:, np.newaxis, np.newaxis]
        known = (~missing).astype(float) @ pairs.reshape(n_features, -1)
        return np.eye(n_factors) + known.reshape(-1, n_factors, n_factors)


def conditional_means(donors, bandwidth, least_noise, n_rounds=_N_ROUNDS):
    """Return the `ConditionalMeans` of donors, with estimates of their missing values.

    Both depend on each other, so they are found in turns, as expectation-maximisation
    does it; no row is near itself.
    """
    mean, deviation = _mean_and_deviation(donors)
    rows = (donors.values - mean) / deviation
    missing = np.isnan(rows)
    weights = donors.weights / donors.weights.sum()
    complete, factors = np.where(missing, 0, rows), None
    # Before anything is known, a tenth of a missing value is thought unexplained.
    unknown = np.diag(0.1 * (weights @ missing))
    for _ in range(n_rounds if missing.any() else 1):
        means = ConditionalMeans(mean, deviation, complete, weights, bandwidth, None)
        local = means.local_means(rows, missing, are_donors=True)
        found = local
        if rows.shape[1] <= _MOST_FEATURES_OF_FACTORS:
            differences = complete - local
            covariance = differences.T @ (weights[:, np.newaxis] * differences)
            factors = Factors.of(covariance + unknown, least_noise)
            found = local + factors.expected(rows - local, missing)
            if missing.any():
                unknown = factors.unknown(missing, weights)
        complete = np.where(missing, found, rows)
        let_interrupts_in()
    return ConditionalMeans(mean, deviation, complete, weights, bandwidth, factors)


def _mean_and_deviation(donors):
    """Return those of the observed values; a mean deviation where they do not vary."""
    mean, variance = mean_and_variance_of_observed(
        donors.values, donors.weights, np.zeros(donors.values.shape[1])
    )
    typical = variance.mean() or 1.0
    varies = variance > 1e-12 * typical  # less is rounding
    return mean, np.sqrt(np.where(varies, variance, typical))


def _squared_distances(rows, missing, donors):
    """Return squared distances in what is observed of each row."""
    observed = np.where(missing, 0, np.clip(rows, -_FARTHEST, _FARTHEST))
    observed = observed.astype(donors.dtype)
    donors = np.clip(donors, -_FARTHEST, _FARTHEST)
    squares = (observed**2).sum(axis=1, keepdims=True)
    cross = observed @ donors.T
    is_observed = (~missing).astype(donors.dtype)
    return np.maximum(squares - 2 * cross + is_observed @ (donors**2).T, 0)


def _in_parts(function, rows):
    """Return a function's result for all rows, computed for some at a time."""
    starts = range(0, len(rows), _ROWS_AT_A_TIME)
    parts = [slice(start, start + _ROWS_AT_A_TIME) for start in starts]
    with one_blas_thread():
        return np.concatenate(list(map_in_threads(function, parts)))
