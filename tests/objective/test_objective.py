"""Objectives: the terms of the loss equal NumPy formulas and SciPy's densities."""

import math

import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.integrate import quad
from scipy.special import expit

from skae._objective import objective as objective_module
from skae._objective.objective import NegativeELBO, Objective

LOSSES = ("mse", "binary_crossentropy")
LOG_NOISE_VARIANCE = -0.7

rng = np.random.RandomState(0)
targets, outputs = rng.rand(2, 9, 4).astype(np.float32)
outputs = 3 * outputs - 1
binary = (targets > 0.5).astype(np.float32)
encoded = rng.randn(9, 6).astype(np.float32)
means, log_variances = encoded[:, ::2], encoded[:, 1::2]
deviations = np.exp(log_variances / 2)
draws = rng.randn(9, 3).astype(np.float32)


def row_terms(objective, targets=targets):
    own = [ops.array(LOG_NOISE_VARIANCE, "float32")] if objective.build(3) else []
    return np.asarray(objective.row_terms(targets, encoded, outputs, own))


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


# Reconstruction


def test_the_squared_error_is_a_mean_over_the_features():
    expected = ((targets - outputs) ** 2).mean(axis=1, keepdims=True)
    assert_close(row_terms(Objective()), expected)


def test_the_cross_entropy_is_that_of_probabilities_in_nats():
    p = expit(outputs)
    nats = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    terms = row_terms(Objective("binary_crossentropy"))
    assert_close(terms, nats.mean(axis=1, keepdims=True))


def test_the_cross_entropy_of_large_logits_does_not_overflow():
    """A value of 1 at a logit of -1000 costs 1000 nats."""
    wrong = np.array([[-1000.0, 1000.0]], np.float32)
    objective = Objective("binary_crossentropy")
    terms = objective.row_terms(np.array([[1.0, 0.0]], np.float32), None, wrong, [])
    assert_close(terms, [[1000.0]])


@pytest.mark.parametrize("loss", LOSSES)
def test_l1_activity_adds_the_sum_of_absolute_codes(loss):
    added = row_terms(Objective(loss, l1_activity=0.3)) - row_terms(Objective(loss))
    assert_close(added, 0.3 * np.abs(encoded).sum(axis=1, keepdims=True))


def test_reconstructions_are_outputs_or_probabilities():
    assert_close(Objective().reconstructions(outputs), outputs)
    logits = Objective("binary_crossentropy")
    assert_close(logits.reconstructions(outputs), expit(outputs))


@pytest.mark.parametrize("kind", [Objective, NegativeELBO])
@pytest.mark.parametrize("loss", LOSSES)
def test_squared_errors_are_those_of_reconstructions_with_every_loss(kind, loss):
    reconstructions = expit(outputs) if loss == "binary_crossentropy" else outputs
    expected = ((targets - reconstructions) ** 2).mean(axis=1)
    assert_close(kind(loss).squared_errors(targets, outputs), expected)


# Units


def test_squared_errors_are_multiplied_by_the_squared_scale():
    assert Objective().unit(3.0) == 9
    assert Objective().offset(3.0, 4) == 0


@pytest.mark.parametrize(
    "objective", [Objective("binary_crossentropy"), NegativeELBO("binary_crossentropy")]
)
def test_probabilities_have_no_unit(objective):
    assert objective.unit(3.0) == 1
    assert objective.offset(3.0, 4) == 0


def test_a_density_changes_with_the_unit_as_a_normal_density_does():
    """Of the same rows in a unit where all numbers are ``scale`` times as large."""
    scale, rows = 3.0, np.random.RandomState(1).randn(9, 4)
    usual = stats.norm.logpdf(rows).sum(axis=1)
    large = stats.norm.logpdf(scale * rows, scale=scale).sum(axis=1)
    objective = NegativeELBO()
    assert objective.unit(scale) == 1
    assert_close(-usual + objective.offset(scale, 4), -large)


# The evidence lower bound


def test_the_surprise_is_a_normal_density_of_the_learnt_variance():
    deviation = math.exp(LOG_NOISE_VARIANCE / 2)
    expected = -stats.norm.logpdf(targets, outputs, deviation).sum(axis=1)
    assert_close(row_terms(NegativeELBO())[:, 0], expected)


def test_the_surprise_of_binary_rows_is_a_bernoulli_probability():
    expected = -stats.bernoulli.logpmf(binary, expit(outputs)).sum(axis=1)
    terms = row_terms(NegativeELBO("binary_crossentropy"), binary)
    assert_close(terms[:, 0], expected)


def kl_by_integration(mean, log_variance):
    posterior = stats.norm(mean, math.exp(log_variance / 2))

    def integrand(code):
        ratio = posterior.logpdf(code) - stats.norm.logpdf(code)
        return posterior.pdf(code) * ratio

    reach = 12 * posterior.std()
    return quad(integrand, mean - reach, mean + reach, points=[mean])[0]


def test_the_kl_divergence_is_its_integral():
    kl = np.asarray(NegativeELBO().kl_divergences(encoded))
    expected = np.vectorize(kl_by_integration)(means, log_variances)
    assert_close(kl, expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_second_term_is_the_kl_divergence_of_all_codes(loss):
    objective = NegativeELBO(loss)
    expected = np.asarray(objective.kl_divergences(encoded)).sum(axis=1)
    assert_close(row_terms(objective)[:, 1], expected)


def test_beta_weighs_the_kl_divergence_alone():
    assert NegativeELBO(beta=4.0).term_weights == (1.0, 4.0)
    np.testing.assert_array_equal(
        row_terms(NegativeELBO(beta=4.0)), row_terms(NegativeELBO())
    )


def test_a_posterior_that_is_the_prior_has_no_divergence():
    zeros = np.zeros((2, 6), np.float32)
    assert_close(NegativeELBO().kl_divergences(zeros), np.zeros((2, 3)))


def test_codes_are_the_means():
    np.testing.assert_array_equal(NegativeELBO().codes(encoded), means)
    assert NegativeELBO().outputs_per_code == 2


def test_sampled_codes_have_the_posterior_s_mean_and_deviation():
    sampled = NegativeELBO().sampled(encoded, draws)
    assert_close(sampled, means + deviations * draws)
    assert NegativeELBO().n_draws(3) == 3


def test_other_objectives_read_the_codes_as_they_are():
    assert Objective().codes(encoded) is encoded
    assert Objective().sampled(encoded, None) is encoded
    assert Objective().n_draws(3) == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_an_importance_weight_is_the_ratio_of_joint_and_posterior(loss):
    objective = NegativeELBO(loss)
    own = [ops.array(LOG_NOISE_VARIANCE, "float32")]
    actual = objective.log_importance(binary, encoded, outputs, draws, own)
    codes = means + deviations * draws
    if loss == "mse":
        deviation = math.exp(LOG_NOISE_VARIANCE / 2)
        likelihood = stats.norm.logpdf(binary, outputs, deviation)
    else:
        likelihood = stats.bernoulli.logpmf(binary, expit(outputs))
    ratio = stats.norm.logpdf(codes) - stats.norm.logpdf(codes, means, deviations)
    assert_close(actual, likelihood.sum(axis=1) + ratio.sum(axis=1))


def test_a_normal_likelihood_has_one_variance_to_learn():
    (variable,) = NegativeELBO().build(3)
    assert variable.shape == ()
    assert variable.trainable
    assert NegativeELBO("binary_crossentropy").build(3) == []


def test_the_decoder_reads_stand_ins_for_the_codes_that_are_not_kept():
    objective = Objective(nested_dropout=True, learns_stand_ins=True)
    (shape,) = objective.variable_shapes(3).values()
    stand_ins = np.arange(9, dtype=np.float32).reshape(shape) - 20
    codes, draws = encoded[:, :3], np.linspace(-2, 2, 9, dtype=np.float32)[:, None]
    n_kept = objective.sampled(np.ones((9, 3)), draws, [np.zeros(shape)]).sum(axis=1)
    assert {*n_kept} == {1, 2, 3}
    is_kept = np.arange(3) < n_kept[:, None]
    expected = np.where(is_kept, codes, stand_ins[n_kept.astype(int) - 1])
    np.testing.assert_array_equal(
        objective.sampled(codes, draws, [stand_ins]), expected
    )
    of_tensors = objective.sampled(
        ops.array(codes), ops.array(draws), [ops.array(stand_ins)]
    )
    assert_close(of_tensors, expected)


def test_only_squared_errors_alone_are_zero_where_reconstruction_is_exact():
    assert Objective().is_plain_error
    assert not Objective(l1_activity=0.1).is_plain_error
    assert not Objective("binary_crossentropy").is_plain_error
    assert not NegativeELBO().is_plain_error


# Bounds of log-variances

LIMIT = objective_module._HIGHEST_LOG_VARIANCE


def bounded(values):
    return np.asarray(objective_module._bounded(np.asarray(values, np.float32)))


def test_log_variances_in_the_middle_are_as_the_network_gives_them():
    values = np.linspace(-0.4, 0.4, 9)
    np.testing.assert_allclose(bounded(values), values, atol=1e-5)


def test_log_variances_bend_by_no_more_than_the_softplus_does():
    """softplus(d) exceeds d by log(1 + exp(-d)), which is at most exp(-d)."""
    values = np.linspace(-LIMIT, LIMIT, 201)
    allowed = np.exp(np.abs(values) - LIMIT) + 1e-5
    assert (np.abs(bounded(values) - values) <= allowed).all()


@pytest.mark.parametrize("value", [12.0, 13.0, 100.0, 1e6, 1e30])
def test_log_variances_never_pass_their_limits(value):
    low, high = bounded([-value, value])
    assert -LIMIT <= low <= -LIMIT + 1
    assert LIMIT - 1 <= high <= LIMIT


def test_log_variances_keep_their_order():
    assert (np.diff(bounded(np.linspace(-15, 15, 61))) > 0).all()


def test_log_variances_a_little_beyond_the_limits_still_have_a_slope():
    ahead, behind = bounded([14.0, 13.0]), bounded([-13.0, -14.0])
    assert ahead[0] - ahead[1] > 0.05
    assert behind[0] - behind[1] > 0.05


@pytest.mark.parametrize("loss", LOSSES)
def test_extreme_log_variances_leave_the_terms_finite(loss):
    extreme = np.array([[0, 1e30, 0, -1e30, 0, 1e5]], np.float32)
    objective = NegativeELBO(loss)
    sampled = objective.sampled(extreme, np.full((1, 3), 6.0, np.float32))
    assert np.isfinite(np.asarray(sampled)).all()
    for own in (-1e30, 1e30):
        terms = objective.row_terms(targets[:1], extreme, outputs[:1], [ops.array(own)])
        assert np.isfinite(np.asarray(terms)).all()
