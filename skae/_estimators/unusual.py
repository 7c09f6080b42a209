"""How unusual rows are: to a plane, and to a network that has not seen them."""

import dataclasses
import numbers
from typing import Any

import numpy as np

from skae import _defaults
from skae._data.lazy import LazyRows
from skae._data.missing import zero_where_missing
from skae._data.moments import moments_of, total_scale
from skae._data.rows import row_chunks
from skae._data.scaling import Scaling
from skae._data.sparse import SparseRows
from skae._pca.axes import PrincipalAxes, principal_axes

# Where no number of codes is given, the plane has this fraction of the variance; the
# rest of tables and images is mostly noise.
_FRACTION_OF_PLANE = 0.99
# Robust deviations of the logarithm of a distance. Leys et al. (2013), Detecting
# outliers: do not use standard deviation around the mean, advise 2.5.
_CUTOFF = 2.5
# Of a normal variable, the standard deviation over the median absolute deviation.
_DEVIATIONS_PER_MAD = 1.4826
# float32 has errors of 1e-7, whose squares are 1e-14; those of sums are larger.
_ROUNDING, _ROUNDING_OF_NETWORKS = 1e-14, 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class Plane:
    """A principal plane, and how far rows are from what is usual in it and around it.

    Parameters
    ----------
    scaling : Scaling
        From the user's units to those of the axes.

    axes : PrincipalAxes
        The axes.
    """

    scaling: Scaling
    axes: PrincipalAxes

    @classmethod
    def of(cls, rows, encoding_dim, generator):
        """Return the plane of as many axes as an autoencoder is to have codes.

        Parameters
        ----------
        rows : ndarray or SparseRows of shape (n_rows, n_features)
            In the user's units; NaN where values are missing.

        encoding_dim : int, float, str or None
            As the autoencoder's parameter.

        generator : numpy.random.RandomState
            Draws the start of iterations.
        """
        moments = moments_of(rows, np.ones(len(rows)))
        scale = total_scale(moments.mean, moments.variance)
        scaling = Scaling(moments.mean, scale)
        values = scaling.scaled_rows(rows, np.arange(len(rows)))
        if moments.has_missing:
            values = zero_where_missing(np.asarray(values))
        is_number = isinstance(encoding_dim, numbers.Integral)
        most = encoding_dim if is_number else _defaults.MOST_CODES
        axes = principal_axes(values, np.ones(len(rows)), int(most), generator)
        if not is_number:
            is_fraction = isinstance(encoding_dim, numbers.Real)
            fraction = float(encoding_dim) if is_fraction else _FRACTION_OF_PLANE
            axes = axes.explaining(fraction)
        return cls(scaling, axes)

    def distances(self, rows):
        """Return the squared Mahalanobis distances under probabilistic PCA.

        Tipping and Bishop (1999), Probabilistic principal component analysis: the
        inverse of W Wᵀ + σ² I gives each score's square over its variance, plus the
        squared distance from the plane over σ², the mean variance of the other axes.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
            In the user's units; NaN where values are missing, which takes them as
            their mean.

        Returns
        -------
        float64 array of shape (n_rows,)
        """
        axes = self.axes
        deviations = (rows - self.scaling.mean) / self.scaling.scale - axes.mean
        deviations = zero_where_missing(deviations)
        scores = deviations @ axes.components.T
        variances = axes.variances
        found = (scores**2 / np.where(variances > 0, variances, 1)).sum(axis=1)
        n_others = deviations.shape[1] - len(variances)
        rest = axes.residual_variances.sum()
        if n_others > 0 and rest > _ROUNDING * axes.total_variance:
            squares = (deviations**2).sum(axis=1) - (scores**2).sum(axis=1)
            found += np.maximum(squares, 0) * (n_others / rest)
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class Fold:
    """What one fold has learnt from the rows outside of it.

    Parameters
    ----------
    plane : Plane
        Of all these rows.

    network : BaseAutoencoder
        Fitted to those of them that are not far from the plane.

    code_mean, code_variance : float64 arrays of shape (n_codes,)
        Of the codes of these rows.

    usual_errors : float64 array of shape (n_features,)
        What a squared error of each feature is divided by.
    """

    plane: Plane
    network: Any
    code_mean: np.ndarray
    code_variance: np.ndarray
    usual_errors: np.ndarray

    @classmethod
    def learnt(cls, estimator, rows, held_out, sample_shape, generator):
        """Return what is learnt from rows; usual errors are those of the held-out ones.

        Parameters
        ----------
        estimator : BaseAutoencoder
            Unfitted; this fits it.

        rows, held_out : ndarray or SparseRows
            Rows in the user's units.

        sample_shape : tuple of int
            Shape of one of them.

        generator : numpy.random.RandomState
            Draws what is random in the plane.
        """
        plane = Plane.of(rows, estimator.encoding_dim, generator)
        logs = np.log(_over_chunks(plane.distances, rows) + _ROUNDING)
        near = rows[standardized(logs, *median_and_deviation(logs)) <= _CUTOFF]
        network = estimator.fit(_as_given(near, sample_shape))
        codes = network.transform(_as_given(near, sample_shape)).astype(np.float64)
        errors = (
            _codes_and_errors(network, dense(held_out[chunk]))[1]
            for chunk in row_chunks(held_out)
        )
        least = _ROUNDING_OF_NETWORKS * plane.scaling.scale**2
        usual_errors = _usual_errors(errors, least)
        return cls(plane, network, codes.mean(axis=0), codes.var(axis=0), usual_errors)

    def scaled_errors(self, rows):
        """Return squared errors of rows, as multiples of each feature's usual one."""
        return _over_chunks(lambda some: self._codes_and_scaled(some)[1].T, rows).T

    def _codes_and_scaled(self, rows):
        codes, errors = _codes_and_errors(self.network, rows)
        return codes, errors / self.usual_errors

    def distances(self, rows):
        """Return the logarithms of rows' distances: to the plane, to the network.

        The second has the form of the first: the codes' squares over their variances,
        plus the mean scaled error times the number of dimensions that the codes leave.

        Parameters
        ----------
        rows : ndarray or SparseRows of shape (n_rows, n_features)
            In the user's units.

        Returns
        -------
        float64 array of shape (2, n_rows)
        """
        return np.log(_over_chunks(self._distances_of_some, rows) + _ROUNDING)

    def _distances_of_some(self, rows):
        codes, errors = self._codes_and_scaled(rows)
        # A code that never varies says nothing.
        variances = np.where(self.code_variance > 0, self.code_variance, np.inf)
        squares = ((codes - self.code_mean) ** 2 / variances).sum(axis=1)
        n_observed = np.maximum((~np.isnan(errors)).sum(axis=1), 1)
        n_others = max(rows.shape[1] - codes.shape[1], 1)
        to_network = squares + n_others * np.nansum(errors, axis=1) / n_observed
        return np.stack([self.plane.distances(rows), to_network])


def _codes_and_errors(network, rows):
    """Return codes of a few rows and squared errors, NaN where values are missing."""
    codes = network.transform(_as_given(rows, network.sample_shape_))
    found = network.inverse_transform(codes).reshape(rows.shape)
    return codes.astype(np.float64), (found - rows.astype(np.float64)) ** 2


def _usual_errors(pieces, least):
    """Return what a squared error of each feature is to be divided by.

    It is the geometric mean of the feature's mean error and of that of all features.
    Divided by its own mean error alone, a feature that hardly ever errs, such as a
    pixel at the border, would rule the score; with one divisor for all, features of
    large errors would. The result is scaled so that errors divided by it have a mean
    of one.

    Parameters
    ----------
    pieces : iterable of float64 arrays of shape (n_rows, n_features)
        Squared errors of some rows; NaN where values are missing.

    least : float
        Mean errors up to it are rounding, and say nothing: any is as good as another.
    """
    sums, counts = 0.0, 0
    for piece in pieces:
        sums = sums + np.nansum(piece, axis=0)
        counts = counts + (~np.isnan(piece)).sum(axis=0)
    means = sums / np.maximum(counts, 1)
    overall = means.mean()
    if overall <= least:
        return np.full_like(means, np.inf)
    usual = np.sqrt(np.maximum(means / overall, _ROUNDING)) * overall
    return usual * np.mean(means / usual)


def median_and_deviation(values):
    """Return the median and the robust deviation of values, 1 if that is zero."""
    median = np.median(values, axis=-1)
    deviations = np.abs(values - np.expand_dims(median, -1))
    deviation = _DEVIATIONS_PER_MAD * np.median(deviations, axis=-1)
    return median, np.where(deviation > 0, deviation, 1.0)


def standardized(values, median, deviation):
    """Return by how many robust deviations values exceed the median."""
    return (values - np.expand_dims(median, -1)) / np.expand_dims(deviation, -1)


def dense(rows):
    """Return a few rows as an array."""
    return np.asarray(rows) if isinstance(rows, LazyRows) else rows


def _as_given(rows, sample_shape):
    """Return checked rows as an estimator's methods take them."""
    if isinstance(rows, SparseRows):
        return rows.matrix[rows.numbers]
    return rows.reshape(len(rows), *sample_shape)


def _over_chunks(function, rows):
    """Return what a function makes of a few rows at a time, along the last axis."""
    found = [function(dense(rows[chunk])) for chunk in row_chunks(rows)]
    return np.concatenate(found, axis=-1)
