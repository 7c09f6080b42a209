"""Warnings point at the user's line."""

import contextlib
import inspect
import warnings

import numpy as np
import pytest
from helpers import correlated
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skae import AutoencoderTransformer, VAETransformer
from skae._runtime.threads import one_blas_thread
from skae._runtime.warnings import warn

X = correlated()


def caught(function, category=UserWarning):
    """Return where the one warning of a kind points that a function gives."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        function()
    (warning,) = [w for w in record if issubclass(w.category, category)]
    return warning.filename, warning.lineno


def line():
    """Return where the caller is."""
    frame = inspect.currentframe().f_back
    return frame.f_code.co_filename, frame.f_lineno


def test_a_warning_points_at_the_line_that_calls_skae():
    def function():
        function.line = line()[0], line()[1] + 1
        warn("of something")

    assert caught(function) == function.line


def test_frames_of_decorators_and_of_scikit_learn_are_passed_over():
    @one_blas_thread()
    def decorated(X):
        with contextlib.suppress(ValueError):
            warn("of something")
        return X

    def function():
        pipeline = make_pipeline(FunctionTransformer(warn_of))
        function.line = line()[0], line()[1] + 1
        pipeline.fit_transform(X)

    warn_of = skae_code("def warn_of(X):\n    warn('of something')\n    return X")
    assert caught(function) == function.line
    assert caught(lambda: decorated(X))[0] == __file__


def skae_code(text):
    """Return a function as if skae's own files had it."""
    namespace = {"warn": warn}
    exec(compile(text, inspect.getfile(warn), "exec"), namespace)
    return namespace["warn_of"]


def lost_axes():
    AutoencoderTransformer(5, epochs=1).fit(X * [1, 1, 1, 1, 1e-8])


def too_few_codes():
    AutoencoderTransformer(0.99, epochs=1, init="random", random_state=0).fit(X)


def collapsed_codes():
    VAETransformer(2, epochs=1, random_state=0).fit(np.ones((20, 3)))


def divergence():
    how = {"learning_rate": 1e10, "optimizer": "sgd", "init": "random"}
    AutoencoderTransformer(2, epochs=3, random_state=0, **how).fit(X)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("function", "category"),
    [
        (lost_axes, UserWarning),
        (too_few_codes, UserWarning),
        (collapsed_codes, UserWarning),
        (divergence, ConvergenceWarning),
    ],
)
def test_every_kind_of_warning_points_here(function, category):
    assert caught(function, category)[0] == __file__


def test_a_stack_without_a_line_of_the_users_can_warn(monkeypatch):
    monkeypatch.setattr("skae._runtime.warnings._BETWEEN", ("",))
    assert caught(lambda: warn("of something")) is not None
