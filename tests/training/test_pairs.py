"""Batches of pairs of neighbours, and what their losses count."""

import numpy as np
import pytest

from skae._data.rows import Rows
from skae._neighbors.affinities import Affinities
from skae._objective.neighbor_embedding import NeighborEmbedding
from skae._training.pairs import PairTask

N_ROWS, N_PAIRS = 10, 4


@pytest.fixture
def task():
    """Row i has the neighbours i + 1 and i + 2, of which the second never is drawn."""
    numbers = (np.arange(N_ROWS)[:, None] + [1, 2]) % N_ROWS
    shares = np.tile(np.array([1, 0], np.float32), (N_ROWS, 1))
    return PairTask(
        Rows(np.zeros((N_ROWS, 3), np.float32), np.ones(N_ROWS)),
        Affinities(numbers.astype(np.int32), shares),
        NeighborEmbedding(),
        (2.0, 1.0),
        4.0,
        epochs=5,
        n_pairs=N_PAIRS,
        generator=np.random.RandomState(0),
    )


def test_a_batch_is_pairs_of_a_row_and_its_neighbor(task):
    pairs = task.batches().reshape(-1, 2)
    np.testing.assert_array_equal((pairs[:, 0] + 1) % N_ROWS, pairs[:, 1])


def test_each_row_comes_once_and_the_first_fill_up_the_last_batch(task):
    batches = task.batches()
    assert batches.shape == (3, 2 * N_PAIRS)
    rows = batches.reshape(-1, 2)[:, 0]
    assert sorted(rows[:N_ROWS]) == list(range(N_ROWS))
    np.testing.assert_array_equal(rows[N_ROWS:], rows[: len(rows) - N_ROWS])


def test_attraction_counts_more_in_the_first_tenth_of_the_steps(task):
    weights = task.weights_of_terms(np.arange(15))  # 5 epochs of 3 batches
    np.testing.assert_array_equal(weights[:, 0], [8, 8] + 13 * [2])
    np.testing.assert_array_equal(weights[:, 1], 1)
