"""The decoder in closed form: kernel ridge regression, and its leave-one-out errors."""

import dataclasses

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression

from skae._data.rows import Rows
from skae._model.correction import decoded
from skae._runtime.threads import one_blas_thread
from skae._training.closed_form import (
    _PENALTIES,
    _left_out,
    _regression,
    _scales,
    _solved,
    closed_form,
)


def curved(n_rows=90, n_features=5, seed=0):
    """Return codes, and rows that are no linear map of them."""
    rng = np.random.RandomState(seed)
    codes = rng.randn(n_rows, 2)
    features = np.column_stack([codes, codes**2, np.prod(codes, axis=1)])
    rows = features @ rng.randn(5, n_features) + 0.05 * rng.randn(n_rows, n_features)
    return codes, rows - rows.mean(axis=0)


def regression_on(codes, rows, weights=None):
    """Return the regression of rows; their numbers stand for them."""
    numbers = np.arange(len(rows))[:, None]
    weights = np.ones(len(rows)) if weights is None else weights
    with one_blas_thread():
        return _regression(
            lambda some: codes[some[:, 0]], Rows(numbers, weights, clean=rows)
        )


def form_of(codes, rows):
    numbers = np.arange(len(rows))[:, None]
    given = Rows(numbers, np.ones(len(rows)), clean=rows)
    return closed_form(lambda some: codes[some[:, 0]], given, np.random.RandomState(0))


@pytest.fixture
def regression():
    return regression_on(*curved())


def test_the_linear_map_is_least_squares():
    codes, rows = curved()
    weights = np.random.RandomState(0).uniform(0.5, 2, len(codes))
    found = regression_on(codes + 3, rows, weights)
    wanted = LinearRegression().fit(codes + 3, rows, weights)
    np.testing.assert_allclose(found.linear, wanted.coef_.T, atol=1e-8)
    bias = found.mean - found.centre @ found.linear
    np.testing.assert_allclose(bias, wanted.intercept_, atol=1e-8)


def test_equal_codes_have_a_linear_map():
    codes, rows = curved()
    found = regression_on(codes[:, [0, 0]], rows)
    wanted = LinearRegression().fit(codes[:, :1], rows)
    np.testing.assert_allclose(found.linear.sum(axis=0), wanted.coef_[:, 0], atol=1e-8)


def test_with_all_rows_as_centers_it_is_scikit_learns_kernel_ridge(regression):
    rows = np.arange(len(regression.codes))
    scale, penalty = np.array([0.7, 0.4]), 1e-3
    with one_blas_thread():
        coefficients, _ = _solved(regression, scale, rows, penalty)
    scaled = regression.codes * scale
    ridge = KernelRidge(alpha=penalty * len(rows), kernel="rbf", gamma=1.0)
    ridge.fit(scaled, regression.residuals(slice(None))[0])
    distances = ((scaled[:, None] - scaled[None]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(
        np.exp(-distances) @ coefficients, ridge.predict(scaled), atol=1e-6
    )


def test_leave_one_out_errors_are_those_of_fits_without_the_row():
    weights = np.random.RandomState(0).uniform(0.5, 1.5, 90)
    regression = dataclasses.replace(regression_on(*curved(), weights), limit=0.5)
    scale, penalty, centers = np.array([0.7, 0.4]), 1e-3, np.arange(0, 90, 3)
    judged = np.array([0, 7, 50])
    with one_blas_thread():
        solved = _solved(regression, scale, centers, penalty)
        losses, _ = _left_out(regression, scale, centers, *solved, judged)
    scaled = regression.codes * scale
    distances = ((scaled[:, None] - scaled[centers]) ** 2).sum(axis=-1)
    kernel, (residuals, pulls) = np.exp(-distances), regression.residuals(slice(None))
    assert (pulls < regression.weights).any()
    for row, loss in zip(judged, losses, strict=True):
        left = np.arange(len(scaled)) != row
        weighted = kernel[left].T * pulls[left]
        ridge = penalty * len(scaled) * kernel[centers]
        without = np.linalg.solve(
            weighted @ kernel[left] + ridge, weighted @ residuals[left]
        )
        error = residuals[row] - kernel[row] @ without
        np.testing.assert_allclose(loss, np.mean(error**2), rtol=5e-3)


def test_what_is_left_out_is_predicted():
    codes, rows = curved(140)
    found = form_of(codes[:90], rows[:90])
    new = decoded(np, found.decoder, codes[90:], 0.0)
    linear = codes[90:] @ found.decoder.linear + found.decoder.bias
    error, of_linear = (np.mean((rows[90:] - r) ** 2) for r in (new, linear))
    assert error < 0.2 * of_linear
    # The errors of rows left out tell the error of new rows.
    assert found.losses.mean() == pytest.approx(error, rel=0.8)
    assert found.linear_losses.mean() == pytest.approx(of_linear, rel=0.5)


@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize("width", [0, 1e-9])
def test_codes_far_from_zero_and_such_that_hardly_vary_do_no_harm(offset, width):
    codes, rows = curved(140)
    more = width * np.random.RandomState(0).randn(140) + 5
    found = form_of(np.column_stack([codes + offset, more]), rows)
    alone = form_of(codes, rows)
    assert found.losses.mean() == pytest.approx(alone.losses.mean(), rel=0.2)


def test_far_from_the_codes_only_the_linear_map_is_left():
    found = form_of(*curved())
    far = np.array([[1e3, -1e3]], np.float32)
    np.testing.assert_allclose(
        decoded(np, found.decoder, far, 0.0),
        far @ found.decoder.linear + found.decoder.bias,
        rtol=1e-6,
    )


def test_scaled_codes_have_the_lengths_to_try():
    codes, _ = curved()
    lengths = [
        np.sqrt(np.mean(((codes - codes.mean(axis=0)) * scale) ** 2) * 2)
        for scale in _scales(codes, np.ones(len(codes)))
    ]
    np.testing.assert_allclose(lengths, np.tile([2, 1, 0.5, 0.25], 3))
    assert np.all(np.diff(_PENALTIES) > 0)
