"""From the user's arrays to rows in the network's scale, split and ready."""

import dataclasses
from typing import Any

import numpy as np
from sklearn import config_context

from skae import _defaults
from skae._data.checks import (
    check_clean_rows,
    check_finite_rows,
    check_range,
    check_rows,
    check_rows_named,
    check_sample_weight,
    extremes,
    is_bounded,
    needs_range,
)
from skae._data.corruption import CorruptionUnits, shares_of
from skae._data.lazy import LazyRows
from skae._data.missing import fill_with_means, mean_of_observed
from skae._data.moments import Moments, moments_of, total_scale, without_rounding
from skae._data.rows import Rows, merge_repeated_rows, validation_last
from skae._data.scaling import Scaling, scaling_for

# 64 MB in float32, as what is always copied. From so many values of lazy rows at most
# swap noise draws for validation rows; fewer would be a coarser sample of the data.
_DONOR_VALUES = 2**24


@dataclasses.dataclass(frozen=True)
class UserData:
    """The user's arguments of `fit` or `partial_fit`; see there."""

    X: object
    sample_weight: object = None
    X_val: object = None
    X_clean: object = None
    X_val_clean: object = None
    y: object = None

    @property
    def is_paired(self):
        """Whether noisy rows come with their clean versions."""
        return self.X_clean is not None

    @property
    def are_judges_noisy(self):
        """Whether the rows that judge epochs have noise of the user's."""
        return self.X_val_clean is not None


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Data in the network's scale.

    Parameters
    ----------
    sample_shape : tuple of int
        Shape of one sample.

    dtype : numpy.dtype
        Of what is in the user's units: float32 for such rows, otherwise float64.

    mean : float64 array of shape (n_features,)
        Weighted means of the features, in the user's units.

    moments : Moments
        Of the rows to reconstruct, in the user's units. Squares that are only rounding
        are zero.

    spread : float
        Root of the features' mean variance.

    range : (float, float)
        Lowest and highest value to reconstruct; infinite if nothing needs them.

    range_to_read : (float, float)
        The same of the values to read: noisy ones, where rows come in pairs.

    scaling : Scaling
        From the user's units to the network's.

    rows : Rows
        All rows, those held out for validation last.

    training_rows : Rows
        The rows to train on.

    validation : Rows or None
        The rows that judge each epoch: held-out rows, or the user's `X_val`.

    validation_fraction : float
        Fraction of the rows that was held out.

    has_missing : bool
        Whether values are missing.
    """

    sample_shape: tuple
    dtype: np.dtype
    mean: np.ndarray
    moments: Moments
    spread: float
    range: tuple
    range_to_read: tuple
    scaling: Scaling
    rows: Rows
    training_rows: Rows
    validation: Rows | None
    validation_fraction: float
    has_missing: bool

    @property
    def n_features(self):
        """Number of values of a sample."""
        return self.rows.values.shape[1]

    @property
    def total_weight(self):
        """Sum of the weights of all rows of the fit."""
        return float(self.rows.weights.sum())


def prepare(
    estimator,
    data,
    objective,
    generator,
    earlier=None,
    fewest=2,
    validation_fraction="auto",
    merges=True,
):
    """Check, merge, scale and split the user's data.

    Parameters
    ----------
    estimator : BaseAutoencoder
        A copy of the user's estimator. It gets the attributes of scikit-learn's
        checks, unless there is an earlier fit; then they are compared with these.

    data : UserData
        Checked here.

    objective : Objective
        Objective that the rows are for.

    generator : numpy.random.RandomState
        Chooses the rows to hold out.

    earlier : Earlier or None, default=None
        The fit to continue. Its units stay.

    fewest : int, default=2
        Least number of rows.

    validation_fraction : float or "auto", default="auto"
        Fraction of the rows to hold out, unless there is `X_val`.

    merges : bool, default=True
        Whether repeated rows of small data become one, of their weight together.

    Returns
    -------
    Prepared
    """
    # Whatever the user has set: a fit takes far longer than these checks.
    with config_context(assume_finite=False):
        X = check_rows(
            estimator,
            data.X,
            reset=earlier is None,
            fewest=fewest,
            finite_later=not data.is_paired,
        )
        dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
        clean = check_clean_rows(estimator, "X_clean", data.X_clean, X)
        given_validation = _check_validation(estimator, data, objective)
        weights = check_sample_weight(data.sample_weight, X, fewest)
    if not weights.all():  # the rows to leave out must be finite too
        check_finite_rows(estimator, X)
    arrays = [X] if clean is None else [X, clean]
    if merges:
        weights, X, *others = merge_repeated_rows(weights, *arrays)
        clean = others[0] if others else None

    name, targets = ("X", X) if clean is None else ("X_clean", clean)
    moments = moments_of(targets, weights, needs_range(objective))
    if not moments.are_finite:
        check_finite_rows(estimator, targets, name)
    limits = float(moments.lowest), float(moments.highest)
    check_range(objective, name, *limits)
    has_missing = objective.allows_missing and moments.has_missing
    known = None if earlier is None else earlier.mean
    mean = mean_of_observed(moments, known) if has_missing else moments.mean
    spread = total_scale(mean, moments.variance)
    scaling = (
        scaling_for(objective, mean, spread) if earlier is None else earlier.scaling
    )
    fill = mean if known is None else known

    fraction = 0.0 if given_validation is not None else validation_fraction
    if isinstance(fraction, str):
        fraction = _defaults.validation_fraction(len(X))
    order, n_held_out = validation_last(len(X), fraction, generator)
    scaled = scaling.scaled_rows
    if has_missing or _swaps(objective):  # all rows are needed at once
        scaled = scaling.standardize
    if has_missing or clean is not None:
        X, clean = _without_missing(objective, X, clean, fill)
    rows = _rows(scaled, X, clean, weights, order)
    n_training = len(rows) - n_held_out
    validation = rows[n_training:] if n_held_out else None
    if given_validation is not None:
        X_val, X_val_clean = given_validation
        X_val, X_val_clean = _without_missing(objective, X_val, X_val_clean, fill)
        order = np.arange(len(X_val))
        validation = _rows(scaled, X_val, X_val_clean, np.ones(len(X_val)), order)
    return Prepared(
        sample_shape=estimator.sample_shape_,
        dtype=dtype,
        mean=mean,
        moments=without_rounding(moments, mean),
        spread=spread,
        range=limits,
        range_to_read=tuple(map(float, extremes(X))) if data.is_paired else limits,
        scaling=scaling,
        rows=rows,
        training_rows=rows[:n_training],
        validation=validation,
        validation_fraction=fraction,
        has_missing=has_missing,
    )


@dataclasses.dataclass(frozen=True)
class Earlier:
    """The earlier fit that a new one continues.

    Parameters
    ----------
    fitted : FittedNetwork
        Its weights, in the user's units.

    mean : float64 array of shape (n_features,)
        Means of its training rows.
    """

    fitted: Any
    mean: np.ndarray

    @property
    def scaling(self):
        """The user's units."""
        return self.fitted.scaling


def _check_validation(estimator, data, objective):
    """Return checked values and targets of `X_val`, or None."""
    has_clean = data.X_val_clean is not None
    if has_clean if data.X_val is None else data.is_paired and not has_clean:
        raise ValueError(
            "X_val_clean holds the clean rows of X_val. Give it only with X_val, and "
            "always with X_val where X_clean is given."
        )
    if data.X_val is None:
        return None
    X_val = check_rows_named(estimator, "X_val", data.X_val)
    clean = check_clean_rows(estimator, "X_val_clean", data.X_val_clean, X_val)
    if is_bounded(objective):
        name, targets = ("X_val", X_val) if clean is None else ("X_val_clean", clean)
        check_range(objective, name, *extremes(targets))
    return X_val, clean


def _swaps(objective):
    corruption = objective.corruption
    return corruption is not None and corruption.kind == "swap"


def _without_missing(objective, X, clean, mean):
    """Return rows to read, with missing values filled in, and rows to reconstruct.

    The latter are None if both are the same. They keep their missing values, over
    which no loss is taken.
    """
    if not objective.allows_missing:
        return X, clean
    filled = fill_with_means(X, mean)
    return filled, X if clean is None and filled is not X else clean


def _rows(scaled, X, clean, weights, order):
    clean = None if clean is None else scaled(clean, order)
    return Rows(scaled(X, order), weights[order], clean)


# What random objectives need


def limits_of(prepared):
    """Return each feature's limits, those of all data, in the network's scale."""
    mean, scale = prepared.scaling.mean, prepared.scaling.scale
    return tuple((limit - mean) / scale for limit in prepared.range)


def corruption_units(prepared, noise):
    """Return the user's units as corruption needs them.

    Parameters
    ----------
    prepared : Prepared
        The data.

    noise : Noise
        Size of Gaussian noise, in the user's units.
    """
    mean, scale = prepared.scaling.mean, prepared.scaling.scale
    lowest, highest = limits_of(prepared)
    mean = mean.reshape(prepared.sample_shape)
    shares = shares_of(prepared.training_rows.weights)
    # If mean or scale overflow in float32, only the user's units are lost, which only
    # corruption by a user's function sees.
    with np.errstate(over="ignore"):
        mean = mean.astype(np.float32)
        float32_scale = float(np.float32(scale))
    return CorruptionUnits(
        mean=mean,
        scale=float32_scale,
        noise=noise.scale / scale,
        lowest=lowest,
        highest=highest,
        clipped=noise.clipped,
        shares=shares,
    )


def corrupted_once(validation, training_rows, corruption, units, seed):
    """Corrupt the validation rows, once, so that epochs can be compared.

    Parameters
    ----------
    validation, training_rows : Rows
        The rows to corrupt, and the rows from which swap noise takes its values; if
        they are lazy, from a sample of them.

    corruption : Corruption
        Kind of corruption.

    units : CorruptionUnits
        Units of the training rows.

    seed : int
        Seed of the noise.

    Returns
    -------
    Rows
    """
    donors = training_rows
    if isinstance(donors.values, LazyRows):
        most = max(1, _DONOR_VALUES // donors.values.shape[1])
        n_donors = min(most, len(donors))
        donors = donors[np.linspace(0, len(donors) - 1, n_donors).astype(int)]
        units = dataclasses.replace(units, shares=shares_of(donors.weights))
    values = np.asarray(donors.values)
    noisy = corruption.apply_once(validation.values, values, units, seed)
    return dataclasses.replace(validation, values=noisy, clean=validation.targets)


def with_draws(validation, n_draws, generator):
    """Return validation rows with fixed normal draws, for a loss that is random."""
    draws = generator.standard_normal((len(validation), n_draws))
    return validation.drawn(draws.astype(np.float32))
