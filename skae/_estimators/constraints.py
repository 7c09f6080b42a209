"""Which values the parameters may have."""

import numbers
from collections.abc import Callable
from typing import TypeVar

from skae._objective.losses import NAMES
from skae._runtime.scikit_learn import HasMethods, Interval, StrOptions
from skae._runtime.scikit_learn import fit_context as context_of_fit

_Method = TypeVar("_Method", bound=Callable)


AUTO = StrOptions({"auto"})
COUNT = Interval(numbers.Integral, 1, None, closed="left")
# TensorFlow counts the sizes of arrays in 32 bits.
SIZE = Interval(numbers.Integral, 1, 2**31 - 1, closed="both")
NOT_NEGATIVE = Interval(numbers.Real, 0, None, closed="left")

N_CODES = [SIZE, Interval(numbers.Real, 0, 1, closed="neither"), None]

POINT_CONSTRAINTS = {
    "whiten": ["boolean"],
    "nested_dropout": ["boolean"],
    "missing_values": [StrOptions({"error", "allow"})],
}
"""Constraints that all estimators share whose codes are points, not distributions."""

SHARED_CONSTRAINTS = {
    "loss": [StrOptions(set(NAMES)), HasMethods(["call", "get_config"])],
    "init": [StrOptions({"auto", "pca", "random"})],
    "optimizer": [str, HasMethods(["apply", "get_config"])],
    "learning_rate": [AUTO, Interval(numbers.Real, 0, None, closed="neither")],
    "learning_rate_schedule": [StrOptions({"cosine", "constant"})],
    "batch_size": [AUTO, COUNT],
    "epochs": [AUTO, Interval(numbers.Integral, 0, None, closed="left")],
    "validation_fraction": [AUTO, Interval(numbers.Real, 0, 1, closed="left")],
    "early_stopping": ["boolean"],
    "patience": [AUTO, COUNT],
    "callbacks": [list, tuple, None],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
"""Constraints of the parameters that all estimators share, in constructor order."""


def fit_context(fit: _Method) -> _Method:
    """Have a method check the estimator's parameters first; for type checkers too."""
    return context_of_fit(prefer_skip_nested_validation=True)(fit)


def check_parameters(estimator):
    """Check parameters by their constraints, which `fit_context` does at first only."""
    estimator._validate_params()
