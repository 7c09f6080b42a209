"""Numbers on a common scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

_MOST_QUANTILES = 1000  # scikit-learn's default
# QuantileTransformer takes all values within 1e-7 of an extreme for the extreme. In
# this unit that is 1e-13 standard deviations, which is rounding.
_FINE = 1e-6


@dataclass(frozen=True)
class Scaling:
    """Centres and scales, and then a map to normal quantiles for some columns.

    Attributes
    ----------
    center, scale : float64 ndarray of shape (n_quantities,)
        What is taken from values, and then divides them.

    mapped : bool ndarray of shape (n_quantities,)
        Which columns go through `quantiles`.

    quantiles : float64 ndarray of shape (n_quantiles, n_mapped)
        As `QuantileTransformer.quantiles_`, of standardised values in units of 1e-6.
    """

    center: np.ndarray
    scale: np.ndarray
    mapped: np.ndarray
    quantiles: np.ndarray

    def scaled(self, values):
        """Return values in the common scale."""
        values = (values - self.center) / self.scale
        return self._through_quantiles(values, "transform")

    def unscaled(self, values):
        """Return values of the common scale in their own unit."""
        values = self._through_quantiles(values, "inverse_transform")
        return values * self.scale + self.center

    def _through_quantiles(self, values, method):
        if not self.mapped.any():
            return values
        values = values.copy()
        mapping = _mapping(len(self.quantiles))
        mapping.quantiles_ = self.quantiles
        mapping.references_ = np.linspace(0, 1, len(self.quantiles))
        mapping.n_features_in_ = self.quantiles.shape[1]
        part = values[:, self.mapped]
        if method == "transform":
            values[:, self.mapped] = mapping.transform(part / _FINE)
        else:
            values[:, self.mapped] = mapping.inverse_transform(part) * _FINE
        return values


def _mapping(n_quantiles):
    return QuantileTransformer(
        n_quantiles=n_quantiles, output_distribution="normal", subsample=None
    )


def fit_scaling(values, is_measured, how):
    """Find the `Scaling` of columns.

    Parameters
    ----------
    values : float64 ndarray of shape (n_rows, n_quantities)
        With NaN where values are missing.

    is_measured : bool ndarray of shape (n_quantities,)
        Which are numbers, dates or durations. The others, of zeros and ones, are
        standardised whatever `how` says, as categories are.

    how : {"standard", "robust", "quantile"}
        The parameter `numeric_scaling`.

    Raises
    ------
    ValueError
        When values are so large that their variance overflows.
    """
    center, scale = _standard(values)
    mapped = np.zeros(len(center), bool)
    quantiles = np.empty((0, 0))
    if how == "robust" and is_measured.any():
        center[is_measured], scale[is_measured] = _robust(
            values[:, is_measured], scale[is_measured]
        )
    if how == "quantile" and is_measured.any():
        mapped = is_measured
        standardised = (values[:, mapped] - center[mapped]) / scale[mapped]
        mapping = _mapping(min(_MOST_QUANTILES, len(values)))
        quantiles = mapping.fit(standardised / _FINE).quantiles_
    return Scaling(center, scale, mapped, quantiles)


def _standard(values):
    if not values.shape[1]:
        return np.empty(0), np.empty(0)
    with np.errstate(over="ignore", invalid="ignore"):
        scaler = StandardScaler().fit(values)
    if not np.isfinite(scaler.scale_).all():
        largest = np.nanmax(np.abs(values))
        raise ValueError(
            f"X has numbers of up to {largest:g}, whose variance is beyond the range "
            "of float64. Divide them by a constant."
        )
    return scaler.mean_, scaler.scale_


def _robust(values, deviations):
    """Return medians and interquartile ranges, in units of a normal deviation.

    Where half of the values are equal and the range is zero, the standard deviation
    takes its place: otherwise the column would keep its unit.
    """
    scaler = RobustScaler(unit_variance=True).fit(values)
    lower, upper = np.nanpercentile(values, [25, 75], axis=0)
    return scaler.center_, np.where(upper > lower, scaler.scale_, deviations)
