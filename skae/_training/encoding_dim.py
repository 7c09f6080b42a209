"""How many codes: by held-out errors of one nested fit."""

import copy
import dataclasses
import functools
import math

import numpy as np

from skae import _defaults
from skae._data.missing import zero_where_missing
from skae._data.rows import row_chunks
from skae._training.epochs import train
from skae._training.plan import plan_fit, request_for, resolved
from skae._training.principal_coordinates import in_coordinates
from skae._training.start import draw_chance, find_start
from skae._training.task import (
    compiled_steps_for,
    cost_of_training,
    on_standardized,
    resolve,
    settings_for,
    task_for,
)

# Never more codes than PCA needs for it: the rest of the variance is mostly noise.
_FRACTION_OF_PCA = 0.99
# The errors fall fast for few codes and slowly for many, so geometric steps see enough;
# of up to 20 codes they see every number.
_NUMBERS_AT_A_TIME = 40


@dataclasses.dataclass(frozen=True, eq=False)
class EncodingDimSearch:
    """Held-out errors of the first codes of a nested fit, for some numbers of codes.

    Parameters
    ----------
    numbers : int array of shape (n_numbers,)
        Numbers of codes, rising.

    errors : float64 array of shape (n_numbers,)
        Mean squared errors of the held-out rows, in the user's squared unit.

    standard_errors : float64 array of shape (n_numbers,)
        Of these means.
    """

    numbers: np.ndarray
    errors: np.ndarray
    standard_errors: np.ndarray

    @property
    def chosen(self):
        """The fewest codes within one standard error of the best (Breiman, 1984)."""
        best = self.errors.argmin()
        is_good = self.errors <= self.errors[best] + self.standard_errors[best]
        return int(self.numbers[is_good.argmax()])

    @property
    def table(self):
        """The columns of a table, by name."""
        return {
            "encoding_dim": self.numbers,
            "error": self.errors,
            "standard_error": self.standard_errors,
        }

    def joined(self, other):
        """Return this search with what another has found for further numbers."""
        numbers, first = np.unique(
            np.concatenate([self.numbers, other.numbers]), return_index=True
        )
        errors = np.concatenate([self.errors, other.errors])
        deviations = np.concatenate([self.standard_errors, other.standard_errors])
        return EncodingDimSearch(numbers, errors[first], deviations[first])


def search_encoding_dim(request, prepared, rate, weight_decay):
    """Return the `EncodingDimSearch` of a request, None unless it is to choose.

    One network is trained with nested dropout, with as many codes as PCA needs for 99%
    of the variance, for half of the epochs of the fit: the numbers are compared with
    each other, which does not need the last per cent of each.

    Parameters
    ----------
    request : Request
        What the user asks of the fit that follows.

    prepared : Prepared
        The data.

    rate : callable
        See `request_for`.

    weight_decay : callable or None
        See `find_start`.
    """
    wanted = request.estimator.encoding_dim
    if not isinstance(wanted, str) or request.earlier is not None:
        return None
    _check_can_choose(request, prepared)
    nested = _nested(request, rate)
    plan = plan_fit(nested, prepared, searches=True)
    start = find_start(nested, plan, prepared, weight_decay)
    start = in_coordinates(nested, plan, prepared, start, weight_decay)
    chance = draw_chance(nested, plan, prepared)
    n_epochs = _epochs(nested, plan, prepared, start)
    chosen = resolve(nested, plan, prepared, start, epochs=n_epochs)
    settings = settings_for(nested, plan, prepared, chosen, chosen.epochs)
    task = task_for(nested, plan, chance, start, settings, [])
    with compiled_steps_for(nested, plan, task, chosen.epochs) as steps:
        trained = train(task, steps, start.weights)
    network = on_standardized(plan, trained.weights)
    validation, scale = chance.prepared.validation, prepared.scaling.scale
    judge = functools.partial(_judged, network, validation, scale)
    most = plan.architecture.encoding_dim
    found = judge(_numbers_between(1, most))
    before = found.numbers[found.numbers < found.chosen]
    if len(before) and before[-1] + 1 < found.chosen:
        found = found.joined(judge(_numbers_between(before[-1], found.chosen)))
    return found


def _check_can_choose(request, prepared):
    """Raise a ValueError if the number of codes cannot be chosen."""
    estimator = request.estimator
    if estimator._network().sizes_itself:
        raise ValueError(
            f"encoding_dim='auto' cannot choose, as {estimator._network()!r} fixes the "
            "number of codes. Set encoding_dim=None, which takes that number."
        )
    if prepared.validation is None:
        raise ValueError(
            "encoding_dim='auto' chooses by held-out rows, and validation_fraction="
            f"{estimator.validation_fraction!r} leaves none. Set another fraction, "
            "give X_val, or a number of codes."
        )


def _nested(request, rate):
    """Return the request of the nested fit, which nobody watches."""
    estimator = copy.copy(request.estimator)
    estimator.encoding_dim = _FRACTION_OF_PCA
    estimator.callbacks, estimator.verbose = None, 0
    nested = request_for(estimator, request.data, None, request.generator, rate)
    objective = dataclasses.replace(
        nested.objective, nested_dropout=True, learns_stand_ins=True
    )
    return dataclasses.replace(nested, objective=objective)


def _epochs(request, plan, prepared, start):
    """Return half of the epochs that the fit would take."""
    chosen = resolve(request, plan, prepared, start, epochs=1)
    n_rows = len(prepared.training_rows)
    cost = cost_of_training(plan, start)
    automatic = _defaults.epochs(n_rows, chosen.batch_size, cost)
    return math.ceil(int(resolved(request.estimator.epochs, automatic)) / 2)


def _numbers_between(fewest, most):
    """Return numbers of codes, in geometric steps and each only once."""
    steps = np.geomspace(fewest, most, _NUMBERS_AT_A_TIME)
    return np.unique(steps.round().astype(int))


def _judged(network, validation, scale, numbers):
    """Return the `EncodingDimSearch` of some numbers of codes."""
    targets, weights = validation.targets, validation.weights
    errors = np.empty((len(numbers), len(validation)))
    for chunk in row_chunks(targets):
        rows = np.asarray(targets[chunk])
        codes = network.encode(np.asarray(validation.values[chunk]))
        for errors_of_rows, number in zip(errors, numbers, strict=True):
            first = network.filled(codes[:, :number])
            errors_of_rows[chunk] = _mean_squares(network.decode(first) - rows)
    means = np.average(errors, axis=1, weights=weights)
    shares = weights / weights.sum()
    n_rows = max(len(validation) - 1, 1)
    # The variance of a weighted mean of independent rows; n / (n - 1) for equal ones.
    variances = ((errors - means[:, None]) ** 2) @ shares**2 * (n_rows + 1) / n_rows
    return EncodingDimSearch(numbers, means * scale**2, np.sqrt(variances) * scale**2)


def _mean_squares(errors):
    """Return each row's mean square, over the values that are not missing."""
    counts = np.maximum((~np.isnan(errors)).sum(axis=1), 1)
    errors = zero_where_missing(errors).astype(np.float64)
    return np.einsum("ij,ij->i", errors, errors) / counts
