"""How much of the variance reconstructions explain."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from skae._data.missing import mean_and_variance_of_observed, zero_where_missing
from skae._data.moments import mean_and_variance, rounding_of
from skae._data.rows import Rows, row_chunks
from skae._model.coordinates import CodeLayers

# Rows times codes, which bounds the time that all numbers of codes take; but fewer rows
# than _FEWEST_ROWS would give noisy numbers for many codes.
_MOST_DECODINGS = 2**17
_FEWEST_ROWS = 500


def fraction_explained(X, errors, known_mean=None):
    """Return 1 - SSE / SST over all features, with SST around the means of X.

    Where X does not vary, which is no more than its rounding, the fraction is one if
    the errors are no more either, and zero otherwise.

    Parameters
    ----------
    X : ndarray or SparseRows of shape (n_rows, n_features)
        Rows, in the user's units.

    errors : float64 array of shape (n_rows,)
        Mean squared error of each row, over its observed values.

    known_mean : float64 array of shape (n_features,) or None, default=None
        Means that stand for those of features without a value. None means that no
        value is missing.
    """
    weights = np.ones(len(X))
    if known_mean is None:
        mean, variance = mean_and_variance(X, weights)
        error, variance = errors.mean(), variance.mean()
    else:
        mean, variance = mean_and_variance_of_observed(X, weights, known_mean)
        observed = ~np.isnan(X)
        error = np.average(errors, weights=observed.sum(axis=1))
        variance = np.average(variance, weights=observed.sum(axis=0))
    return fraction_of(error, variance, mean)


def fraction_of(error, variance, mean):
    """Return the same from a mean squared error, a mean variance, and the means."""
    rounding = rounding_of(mean)
    if np.sqrt(variance) <= rounding:
        return 1.0 if np.sqrt(error) <= rounding else 0.0
    return float(1 - error / variance)


@dataclasses.dataclass(frozen=True)
class FirstCodes:
    """What the first codes of a fit explain, with those after them at their means.

    Parameters
    ----------
    fitted : FittedNetwork
        In the network's scale.

    rows : Rows
        All rows of the fit, in the network's scale.

    variance : float
        Variance of the rows to reconstruct, summed over the features.

    codes : float32 array of shape (n_rows, n_codes)
        Codes of the rows, in the coordinates before `to_codes`.

    to_codes : callable
        Maps these to the codes of `fitted`.

    means : float64 array of shape (n_codes,)
        Of the latter; zeros if codes are nested.
    """

    fitted: Any
    rows: Rows
    variance: float
    codes: np.ndarray
    to_codes: Callable
    means: np.ndarray

    def explain(self, counts):
        """Return the fractions of variance that the first `counts` codes explain.

        Parameters
        ----------
        counts : sequence of int
            Numbers of codes.

        Returns
        -------
        float64 array of shape (n_counts,)
        """
        if self._kernel is None:
            return self._decoded(counts)
        return self._of_linear_decoder[np.asarray(counts) - 1]

    def gains(self):
        """Return what is gained by each added code.

        If the decoder is not linear and there are many rows, a part of them is decoded
        for all numbers of codes, and the gains are scaled to the sum for all rows.

        Returns
        -------
        float64 array of shape (n_codes,)
        """
        n_codes = len(self.means)
        counts, step = range(1, n_codes + 1), self._step
        if self._kernel is not None or step == 1:
            return np.diff(self.explain(counts), prepend=0.0)
        explained = self._decoded(counts, step)
        if explained[-1] > 0:
            explained *= self.explain([n_codes])[0] / explained[-1]
        return np.diff(explained, prepend=0.0)

    @property
    def _step(self):
        """The distance of the rows that are decoded for all numbers of codes."""
        most = max(_MOST_DECODINGS // len(self.means), _FEWEST_ROWS)
        return math.ceil(len(self.codes) / most)

    def fewest(self, fraction):
        """Return the number of codes that explain a fraction; all if too few do."""
        n_codes = len(self.means)
        counts = range(1, n_codes + 1)
        if self._kernel is not None:
            return _fewest(self._of_linear_decoder, fraction)
        found = _fewest(self._decoded(counts, self._step), fraction)
        if self._step == 1:
            return found
        # A part of the rows has guessed; all of them decide.
        if self._decoded([found])[0] < fraction:
            above = (n for n in counts[found:] if self._decoded([n])[0] >= fraction)
            return next(above, n_codes)
        while found > 1 and self._decoded([found - 1])[0] >= fraction:
            found -= 1
        return found

    @functools.cached_property
    def _shares(self):
        return self.rows.weights / self.rows.weights.sum()

    @functools.cached_property
    def _kernel(self):
        """The kernel from codes to rows if the decoder is linear, else None."""
        objective = self.fitted.architecture.objective
        if objective.allows_missing or self.fitted.stand_ins.any():
            return None
        return linear_kernel(self.fitted)

    @functools.cached_property
    def _of_linear_decoder(self):
        """The fractions for all numbers of codes, from one pass over the rows.

        A row r, from what the means decode to, has the error r - d K for the first
        deviations d of its codes and the first rows K of the kernel, and its squared
        length is r r' - 2 d K r' + d K K' d'. Summed over the rows, these need three
        matrices, whose leading parts belong to the first codes: no row is decoded more
        than once.
        """
        kernel, n_codes = self._kernel.astype(np.float64), len(self.means)
        bias = self.fitted.decode(self.means[None].astype(np.float32))[0]
        targets, total, shared = self.rows.targets, 0.0, np.zeros(n_codes)
        moments = np.zeros((n_codes, n_codes))
        for chunk in row_chunks(targets):
            rows, shares = np.asarray(targets[chunk]), self._shares[chunk]
            deviations = self.to_codes(self.codes[chunk].astype(np.float64))
            deviations = deviations - self.means
            rows = rows.astype(np.float64) - bias
            weighted = shares[:, None] * deviations
            total += shares @ np.einsum("ij,ij->i", rows, rows)
            shared += np.einsum("ij,ij->j", weighted, rows @ kernel.T)
            moments += weighted.T @ deviations
        products = moments * (kernel @ kernel.T)
        leading = products.cumsum(axis=0).cumsum(axis=1).diagonal()
        return self._fractions(total - 2 * shared.cumsum() + leading)

    def _decoded(self, counts, step=1):
        """Return the fractions by decoding every step-th row; read once for all."""
        targets, errors, n_rows = self.rows.targets[::step], np.zeros(len(counts)), 0.0
        codes, weights = self.codes[::step], self._shares[::step]
        for piece in row_chunks(targets):
            rows, shares = np.asarray(targets[piece]), weights[piece]
            n_rows += shares.sum()
            mapped = self.to_codes(codes[piece])
            for i, n_codes in enumerate(counts):
                decoded = self.fitted.decode(self._first(n_codes, mapped))
                errors[i] += shares @ self._squared_lengths(rows - decoded)
        return self._fractions(errors / n_rows)

    def _fractions(self, errors):
        # Without variance the decoder's bias explains everything.
        return 1 - errors / self.variance if self.variance else np.ones(len(errors))

    def _first(self, n_codes, codes):
        """Return codes with all after the first `n_codes` at their means.

        Nested codes have stand-ins for them.
        """
        if self.fitted.architecture.objective.learns_stand_ins:
            return self.fitted.filled(codes[:, :n_codes].astype(np.float32))
        held = np.arange(len(self.means)) >= n_codes
        return np.where(held, self.means, codes).astype(np.float32)

    def _squared_lengths(self, errors):
        """Return the squared length of each row, over the observed values."""
        if self.fitted.architecture.objective.allows_missing:
            errors = zero_where_missing(errors)
        return np.einsum("ij,ij->i", errors, errors)


def linear_kernel(fitted):
    """Return the kernel from codes to rows of a `FittedNetwork`, None if it has none.

    It has one if its decoder is linear: without a branch, or with one that is zero.
    """
    architecture, codec = fitted.architecture, fitted.codec
    is_bent = architecture.objective.link != "identity"
    if is_bent or fitted.correction.kernel_decoder is not None:
        return None
    layers = CodeLayers(codec.encoder, codec.decoder)
    kernel = layers.linear_kernel(fitted.weights)
    shape = codec.encoding_dim, codec.n_features
    fits = kernel is not None and kernel.shape == shape
    return kernel if fits and architecture.network.has_linear_map else None


def _fewest(explained, fraction):
    """Return how many first codes explain the fraction; all if too few do."""
    enough = np.flatnonzero(explained >= fraction)
    return int(enough[0]) + 1 if len(enough) else len(explained)
