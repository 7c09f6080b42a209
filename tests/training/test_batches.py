"""What training reads: all rows at once, or some batches of lazy ones at a time."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skae._data import scaling
from skae._data.lazy import LazyRows
from skae._data.rows import Rows
from skae._data.scaling import Scaling
from skae._training import batches
from skae._training.batches import BatchReader, rows_to_read
from skae.networks._build import Cost

X = np.random.RandomState(0).rand(50, 4)
NUMBERS = np.resize(np.random.RandomState(1).permutation(50), (13, 4)).astype(np.int32)
COUNTS = np.ones(NUMBERS.shape, np.float32)
COUNTS[-1, 2:] = 0
PULLS = np.float32(0.5) * COUNTS


@pytest.fixture
def lazy(monkeypatch):
    """Rows that are scaled as they are read, five batches of four at a time."""
    monkeypatch.setattr(scaling, "_MOST_BYTES_ALWAYS_COPIED", 0)
    monkeypatch.setattr(batches, "_BYTES_AT_A_TIME", 5 * 4 * 4 * 4)
    scaled = Scaling(np.zeros(4), 1.0).scaled_rows(X, np.arange(50))
    assert isinstance(scaled, LazyRows)
    return Rows(scaled, np.ones(50))


@pytest.fixture
def copied(lazy):
    """The same rows as an array."""
    return lazy.copied()


def read_by(fed):
    """Return the rows that the batches read."""
    return np.asarray(fed.data[0])[fed.numbers[: fed.n_batches]]


def test_a_copy_is_fed_at_once(copied):
    (fed,) = BatchReader(copied, ()).groups(NUMBERS, COUNTS, PULLS)
    assert_array_equal(read_by(fed), copied.values[NUMBERS])
    assert_array_equal(fed.counts, COUNTS)
    assert_array_equal(fed.pulls, PULLS)


def test_lazy_rows_are_fed_in_groups_that_make_up_all_batches(lazy, copied):
    groups, counts = [], []
    for fed in BatchReader(lazy, ()).groups(NUMBERS, COUNTS, PULLS):
        groups.append(read_by(fed))
        counts.append(fed.counts[: fed.n_batches])
    assert len(groups) == 3
    assert_array_equal(np.concatenate(groups), copied.values[NUMBERS])
    assert_array_equal(np.concatenate(counts), COUNTS)


def test_all_groups_are_of_one_shape_the_rest_of_which_counts_nothing(lazy):
    shapes = set()
    for fed in BatchReader(lazy, ()).groups(NUMBERS, COUNTS, PULLS):
        shapes.add((fed.data[0].shape, fed.numbers.shape, fed.counts.shape))
        assert not fed.counts[fed.n_batches :].any()
    assert len(shapes) == 1


@pytest.mark.parametrize("number", [0, 12])
def test_one_batch_can_be_taken(lazy, copied, number):
    fed = BatchReader(lazy, ()).take(NUMBERS, COUNTS, PULLS, slice(number, number + 1))
    assert_array_equal(read_by(fed), copied.values[NUMBERS[[number]]])


def test_values_and_what_to_reconstruct_belong_together(lazy):
    pairs = Rows(lazy.values, lazy.weights, clean=lazy.values[::-1])
    for fed in BatchReader(pairs, ()).groups(NUMBERS, COUNTS, PULLS):
        noisy, clean = (np.asarray(part) for part in fed.data)
        numbers = NUMBERS[fed.batches].ravel()
        assert_array_equal(noisy[: len(numbers)], X.astype(np.float32)[numbers])
        assert_array_equal(clean[: len(numbers)], X.astype(np.float32)[49 - numbers])


@pytest.mark.parametrize(
    ("products_per_value", "most_bytes", "is_copied"),
    [(10, 2**30, True), (10_000, 2**30, False), (10, 100, False)],
    ids=["small network", "large network", "small network, much data"],
)
def test_a_small_network_reads_a_copy_unless_that_is_large(
    lazy, monkeypatch, products_per_value, most_bytes, is_copied
):
    monkeypatch.setattr(batches, "MOST_BYTES_TO_COPY", most_bytes)
    cost = Cost(n_products=4 * products_per_value, is_dense=True)
    fed = rows_to_read(lazy, cost)
    assert isinstance(fed.values, np.ndarray) == is_copied
    assert_array_equal(np.asarray(fed.values), X.astype(np.float32))
