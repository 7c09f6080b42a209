"""Settings: the schedules of the learning rate and of the loss's later terms."""

import numpy as np
import pytest
from helpers import cosine_by_hand

from skae._training.schedule import cosine_with_warmup, warmed_up_weights


@pytest.mark.parametrize("n_steps", [1, 2, 9, 10, 20, 200])
def test_the_cosine_schedule_follows_its_formula(n_steps):
    factors = cosine_with_warmup(np.arange(n_steps), n_steps)
    np.testing.assert_allclose(factors, cosine_by_hand(n_steps), rtol=1e-5, atol=1e-6)
    assert factors.max() == 1
    assert factors.min() > 0


def test_the_cosine_schedule_of_some_steps_is_that_part_of_the_whole():
    whole = cosine_with_warmup(np.arange(50), 50)
    part = cosine_with_warmup(np.arange(20, 30), 50)
    np.testing.assert_array_equal(part, whole[20:30])


def test_later_terms_rise_in_equal_parts_to_their_weight():
    weights = warmed_up_weights(np.arange(6), 4, np.array([1.0, 3.0]))
    rising = 3 * np.array([0.25, 0.5, 0.75, 1, 1, 1])
    np.testing.assert_allclose(weights, np.column_stack([np.ones(6), rising]))


def test_the_first_term_counts_from_the_first_step_on():
    weights = warmed_up_weights(np.arange(3), 10, np.array([2.0, 1.0, 1.0]))
    np.testing.assert_array_equal(weights[:, 0], [2, 2, 2])
    np.testing.assert_array_equal(weights[:, 1], weights[:, 2])


def test_without_a_warm_up_terms_have_their_weights_at_once():
    weights = warmed_up_weights(np.arange(3), 0, np.array([1.0, 0.5]))
    np.testing.assert_array_equal(weights, [[1, 0.5]] * 3)


def test_a_warm_up_longer_than_the_training_never_reaches_the_weight():
    weights = warmed_up_weights(np.arange(5), 50, np.array([1.0, 1.0]))
    assert weights[-1, 1] == pytest.approx(0.1)


def test_the_warm_up_goes_on_where_the_last_epoch_ended():
    whole = warmed_up_weights(np.arange(12), 9, np.array([1.0, 2.0]))
    parts = [
        warmed_up_weights(steps, 9, np.array([1.0, 2.0]))
        for steps in np.split(np.arange(12), 3)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_single_term_has_no_warm_up():
    weights = warmed_up_weights(np.arange(3), 9, np.array([1.0]))
    np.testing.assert_array_equal(weights, np.ones((3, 1)))
    assert weights.dtype == np.float32
