"""From the user's arrays to rows in the network's scale, split and ready."""

import dataclasses

import numpy as np

from skae import _defaults
from skae._data.checks import (
    check_clean_rows,
    check_counts,
    check_finite_rows,
    check_rows,
    check_rows_named,
    check_sample_weight,
    check_unit_interval,
    extremes,
)
from skae._data.corruption import Frame, shares_of
from skae._data.lazy import LazyRows
from skae._data.missing import fill_with_means, mean_of_observed
from skae._data.moments import moments_of, total_scale
from skae._data.rows import Rows, merge_repeated_rows, validation_last
from skae._data.scaling import Scaling
from skae._runtime.randomness import draw_seed

_DONOR_VALUES = 2**24


@dataclasses.dataclass(frozen=True)
class Given:
    """What the user hands to `fit`; see there."""

    X: object
    sample_weight: object = None
    X_val: object = None
    X_clean: object = None
    X_val_clean: object = None
    y: object = None

    @property
    def is_paired(self):
        """Whether rows come with what to reconstruct from them."""
        return self.X_clean is not None


class Intake:
    """Checks data and brings them to the network's scale.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Gets the attributes of scikit-learn's checks.

    objective : Objective
        What the rows are for.

    resumed : bool
        Whether the estimator's earlier fit goes on.

    generator : numpy.random.RandomState
        Chooses the rows held out.

    is_partial : bool
        Whether the data are a part of all, of which none are held out.
    """

    def __init__(self, estimator, objective, resumed, generator, is_partial=False):
        self._estimator = estimator
        self._objective = objective
        self._resumed = resumed
        self._generator = generator
        self._is_partial = is_partial
        self.validation: Rows | None = None

    def take(self, given):
        """Check, merge, scale and split the data.

        Afterwards there are the attributes `mean`, `scaling`, `spread` (root mean
        variance), `range`, `rows` (all, those held out last), `training_rows`,
        `validation`, `validation_fraction` and `has_gaps`.
        """
        fewest = 1 if self._is_partial and self._resumed else 2
        X, clean = self._checked(given, fewest)
        held_out = self._held_out_by_user(given)
        weights = check_sample_weight(given.sample_weight, X, fewest)
        if not weights.all():  # the rows to leave out must be finite too
            check_finite_rows(self._estimator, X)
        arrays = [X] if clean is None else [X, clean]
        weights, X, *others = merge_repeated_rows(weights, *arrays)
        clean = others[0] if others else None
        name, targets = ("X", X) if clean is None else ("X_clean", clean)
        moments = moments_of(targets, weights, self._needs_range)
        if not moments.are_finite:
            check_finite_rows(self._estimator, targets)
        self.range = float(moments.lowest), float(moments.highest)
        self._check_range(name, *self.range)
        self.has_gaps = self._objective.has_gaps and moments.has_missing
        self.mean = self._mean_of(moments)
        self.spread = total_scale(self.mean, moments.variance)
        self.scaling = self._choose_scaling()
        if self.has_gaps or clean is not None:
            X, clean = self._filled(X, clean)
        self._split(X, clean, weights, held_out)

    def _checked(self, given, fewest):
        """Return checked rows, and clean ones if there are; large ones may have NaN."""
        X = check_rows(
            self._estimator,
            given.X,
            reset=not self._resumed,
            fewest=fewest,
            finite_later=not given.is_paired,
        )
        return X, check_clean_rows(self._estimator, "X_clean", given.X_clean, X)

    @property
    def _is_bounded(self):
        """Whether the loss takes values of some range alone."""
        return self._objective.has_logits or self._objective.link == "log"

    @property
    def _needs_range(self):
        corruption = self._objective.corruption
        return self._is_bounded or (corruption is not None and corruption.needs_range)

    def _mean_of(self, moments):
        if not self.has_gaps:
            return moments.mean
        known = self._estimator.mean_.ravel() if self._resumed else None
        return mean_of_observed(moments, known)

    def _filled(self, X, clean):
        """Return rows without gaps to read, and rows to reconstruct, if others."""
        if not self._objective.has_gaps:
            return X, clean
        mean = self._estimator.mean_.ravel() if self._resumed else self.mean
        filled = fill_with_means(X, mean)
        return filled, X if clean is None and filled is not X else clean

    def frame(self, noise_scale):
        """Return what corruption needs to know of the units."""
        mean, scale = self.scaling.mean, self.scaling.scale
        lowest, highest = ((limit - mean) / scale for limit in self.range)
        mean = mean.reshape(self._estimator.sample_shape_)
        shares = shares_of(self.training_rows.weights)
        # Beyond float32 only the user's unit is lost, which only callables see.
        with np.errstate(over="ignore"):
            mean = mean.astype(np.float32)
            float32_scale = float(np.float32(scale))
        return Frame(mean, float32_scale, noise_scale / scale, lowest, highest, shares)

    def corrupt_validation(self, corruption, frame):
        """Corrupt the rows that judge, once, so that epochs can be compared."""
        if self.validation is None:
            return
        noisy = corruption.apply_once(
            self.validation.values,
            *self._donors(frame),
            draw_seed(self._generator),
        )
        self.validation = dataclasses.replace(
            self.validation, values=noisy, clean=self.validation.targets
        )

    def _donors(self, frame):
        """Return where values are swapped from, and the frame; few of lazy rows."""
        rows = self.training_rows
        if not isinstance(rows.values, LazyRows):
            return rows.values, frame
        most = max(1, _DONOR_VALUES // rows.values.shape[1])
        some = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)
        rows = rows[some]
        frame = dataclasses.replace(frame, shares=shares_of(rows.weights))
        return np.asarray(rows.values), frame

    def draw_for_validation(self, n_draws):
        """Draw once what judging by chance needs."""
        if self.validation is None:
            return
        draws = self._generator.standard_normal((len(self.validation), n_draws))
        self.validation = self.validation.drawn(draws.astype(np.float32))

    def _held_out_by_user(self, given):
        """Return values and targets of `X_val`, or None."""
        if (given.X_val_clean is not None) != (
            given.X_val is not None and given.is_paired
        ):
            raise ValueError(
                "X_val_clean holds the clean rows of X_val; give it exactly when both "
                "X_clean and X_val are given."
            )
        if given.X_val is None:
            return None
        X_val = check_rows_named(self._estimator, "X_val", given.X_val)
        clean = check_clean_rows(
            self._estimator, "X_val_clean", given.X_val_clean, X_val
        )
        if self._is_bounded:
            name, targets = (
                ("X_val", X_val) if clean is None else ("X_val_clean", clean)
            )
            self._check_range(name, *extremes(targets))
        return X_val, clean

    def _check_range(self, name, lowest, highest):
        if self._objective.has_logits:
            check_unit_interval(name, lowest, highest)
        if self._objective.link == "log":
            check_counts(name, lowest)

    def _choose_scaling(self):
        if self._resumed:
            return self._estimator._fitted.scaling
        if self._objective.has_logits:
            return Scaling.identity(len(self.mean))
        if self._objective.link == "log":  # rates have a unit, but no other zero
            return Scaling(np.zeros_like(self.mean), self.spread)
        return Scaling(self.mean, self.spread)

    def _split(self, X, clean, weights, held_out):
        """Hold rows out, the last ones, so that all are one array."""
        fraction = 0.0 if self._is_partial else self._estimator.validation_fraction
        if isinstance(fraction, str):
            fraction = _defaults.validation_fraction(len(X))
        self.validation_fraction = fraction if held_out is None else 0.0
        order, n_held_out = validation_last(
            len(X), self.validation_fraction, self._generator
        )
        self.rows = self._scaled(X, clean, weights, order)
        n_kept = len(X) - n_held_out
        self.training_rows = self.rows[:n_kept]
        self.validation = self.rows[n_kept:] if n_held_out else None
        if held_out is not None:
            n_rows = len(held_out[0])
            X_val, X_val_clean = self._filled(*held_out)
            self.validation = self._scaled(
                X_val, X_val_clean, np.ones(n_rows), np.arange(n_rows)
            )

    def _scaled(self, X, clean, weights, order):
        scaling = self.scaling
        scaled = scaling.standardize if self._needs_copy else scaling.scaled_rows
        return Rows(
            scaled(X, order),
            weights[order],
            None if clean is None else scaled(clean, order),
        )

    @property
    def _needs_copy(self):
        """Whether all rows are needed at once, however large they are."""
        corruption = self._objective.corruption
        return self.has_gaps or (corruption is not None and corruption.kind == "swap")
