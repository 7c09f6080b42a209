"""Partitions of rows: of Dask's arrays and frames, and of what is in memory."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skae.dask._collections import partitions

ROWS = np.random.default_rng(0).normal(size=(10, 3))
X = da.from_array(ROWS, chunks=((4, 0, 5, 1), (3,)))
FRAME = pd.DataFrame(ROWS, columns=["a", "b", "c"], index=np.arange(10) * 2)
POSITIVE = ROWS[:, 0] > 0


@pytest.fixture(autouse=True)
def _no_threads():
    with dask.config.set(scheduler="synchronous"):
        yield


def frame(n_partitions=3):
    return dd.from_pandas(FRAME, npartitions=n_partitions)


def computed(delayed):
    return list(dask.compute(*delayed))


def together(found):
    """Return all rows in order, after a check of each partition's length and type."""
    blocks = computed(found.blocks)
    assert tuple(len(block) for block in blocks) == found.lengths
    assert {block.dtype for block in blocks} == {found.dtype}
    assert all(block.flags.c_contiguous for block in blocks)
    return np.concatenate(blocks)


# Rows


def test_chunks_of_an_array_are_partitions_but_for_empty_ones():
    found = partitions(X)
    assert found.lengths == (4, 5, 1)
    assert (found.n_rows, found.n_features, found.feature_names) == (10, 3, None)
    np.testing.assert_array_equal(together(found), ROWS)


def test_lengths_that_dask_does_not_know_are_computed():
    found = partitions(X[X[:, 0] > 0])
    assert found.lengths == (POSITIVE[:4].sum(), POSITIVE[4:9].sum())
    np.testing.assert_array_equal(together(found), ROWS[POSITIVE])


def test_the_array_given_stays_as_it_was():
    unknown = X[X[:, 0] > 0]
    partitions(unknown)
    assert np.isnan(unknown.shape[0])


def test_a_frame_gives_rows_and_names():
    found = partitions(frame())
    assert list(found.feature_names) == ["a", "b", "c"]
    np.testing.assert_array_equal(together(found), ROWS)


def test_a_frame_whose_filter_leaves_partitions_empty():
    late = frame().map_partitions(lambda part: part[part.index >= 12])
    found = partitions(late)
    assert found.lengths == (1, 3)
    np.testing.assert_array_equal(together(found), ROWS[6:])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.arange(10, dtype=np.int8), np.float32),
        (pd.array([1, None] * 5, dtype="Int64"), np.float64),
        (pd.array([1.5, None] * 5, dtype="Float32"), np.float32),
        (pd.array([1, None] * 5, dtype="int32[pyarrow]"), np.float64),
        (pd.array([1.5, None] * 5, dtype="double[pyarrow]"), np.float64),
        (pd.array([True, None] * 5, dtype="boolean"), np.float64),
        (pd.arrays.SparseArray([0.0, 1.0] * 5), np.float64),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_the_type_of_a_frame_holds_all_columns(column, expected):
    table = FRAME.astype(np.float32).assign(column=column)
    found = partitions(dd.from_pandas(table, npartitions=2))
    assert found.dtype == expected
    truth = table.astype({"column": "float64"}).to_numpy()
    np.testing.assert_array_equal(together(found), truth.astype(expected))


def test_columns_without_text_as_names_have_none():
    table = dd.from_pandas(FRAME.set_axis([0, 1, 2], axis=1), npartitions=1)
    assert partitions(table).feature_names is None


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_blocks_stay_sparse(form):
    found = partitions(X.map_blocks(form))
    blocks = computed(found.blocks)
    assert {block.format for block in blocks} == {"csr"}
    stacked = sparse.vstack(blocks).toarray()
    np.testing.assert_array_equal(stacked, ROWS)


def test_samples_of_several_axes_become_flat_rows():
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    found = partitions(da.from_array(images, chunks=(4, 2, 2)))
    assert found.sample_shape == (2, 2)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(together(found), images.reshape(6, 4))


def test_columns_of_memory_become_contiguous_rows():
    by_columns = da.from_array(np.asfortranarray(ROWS), chunks=(5, 3))
    np.testing.assert_array_equal(together(partitions(by_columns)), ROWS)


def test_masked_values_are_missing():
    found = together(partitions(da.ma.masked_greater(X, 0)))
    np.testing.assert_array_equal(np.isnan(found), ROWS > 0)


def test_types_wider_than_float64_become_float64():
    assert together(partitions(X.astype(np.longdouble))).dtype == np.float64


@pytest.mark.parametrize(
    "given", [ROWS, ROWS.tolist(), FRAME], ids=["array", "list", "frame"]
)
def test_what_is_in_memory_is_one_partition(given):
    found = partitions(given)
    assert found.lengths == (10,)
    np.testing.assert_array_equal(together(found), ROWS)


def test_a_sparse_matrix_in_memory_is_one_partition():
    (block,) = computed(partitions(sparse.coo_matrix(ROWS)).blocks)
    np.testing.assert_array_equal(block.toarray(), ROWS)


def test_the_same_rows_have_the_same_keys():
    keys = [[block.key for block in partitions(X).blocks] for _ in range(2)]
    assert keys[0] == keys[1]


# Weights


WEIGHTS = np.arange(10.0)


@pytest.mark.parametrize(
    "given",
    [
        da.from_array(WEIGHTS, chunks=((4, 0, 5, 1),)),
        da.from_array(WEIGHTS, chunks=3),
        da.from_array(WEIGHTS, chunks=3)[da.arange(10, chunks=3) >= 0],
        dd.from_pandas(pd.Series(WEIGHTS), npartitions=2),
        WEIGHTS,
        WEIGHTS.tolist(),
    ],
    ids=["same chunks", "others", "unknown", "series", "array", "list"],
)
def test_weights_are_divided_as_the_rows_are(given):
    parts = computed(partitions(X, given).weights)
    expected = np.split(WEIGHTS, [4, 9])
    assert [part.tolist() for part in parts] == [part.tolist() for part in expected]


def test_a_number_is_the_weight_of_each_row():
    parts = computed(partitions(X, 2).weights)
    assert [part.tolist() for part in parts] == [[2.0] * 4, [2.0] * 5, [2.0]]


def test_weights_of_a_filtered_frame_are_its_own():
    table = frame()
    table = table[table.a > 0]
    parts = computed(partitions(table, table.a).weights)
    np.testing.assert_array_equal(np.concatenate(parts), ROWS[POSITIVE, 0])


# Errors


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: X.rechunk((4, 1)), ValueError, r"X\.rechunk\(\{1: -1\}\)"),
        (
            lambda: X.reshape((10, 3, 1)).rechunk((4, 1, 1)),
            ValueError,
            r"rechunk\(\{1: -1\}\)",
        ),
        (lambda: X[:, 0], ValueError, r"X\.reshape\(-1, 1\)"),
        (lambda: X[:, :0], ValueError, "without any value"),
        (lambda: X[:0], ValueError, "X has no rows"),
        (lambda: frame()[frame().a > 9], ValueError, "X has no rows"),
        (lambda: frame()[[]], ValueError, "X has no columns"),
        (lambda: frame().a, TypeError, r"X\.to_frame\(\)"),
        (lambda: dask.delayed(ROWS), TypeError, "from_delayed"),
        (lambda: X.astype(complex), ValueError, "Complex data not supported"),
        (lambda: X.astype(object), TypeError, r"dtype object.*X\.astype"),
        (lambda: X.astype("M8[s]"), TypeError, "datetime64"),
        (
            lambda: frame().assign(day=pd.Timestamp("2020"), word="x"),
            TypeError,
            r"'day' \(datetime64.*'word'",
        ),
        (
            lambda: dd.from_pandas(FRAME.set_axis([0, "b", "c"], axis=1)),
            TypeError,
            "columns.astype",
        ),
        (lambda: "rows", ValueError, "2D array"),
    ],
)
def test_what_has_no_rows_of_numbers_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        partitions(make())


def test_messages_use_the_name_of_the_argument():
    with pytest.raises(ValueError, match=r"X_val = X_val\.rechunk"):
        partitions(X.rechunk((4, 1)), name="X_val")


def _told(block, dtype="float64", columns=3):
    """Return an array of one block whose type or width Dask is told as given."""
    return da.from_delayed(dask.delayed(block), (10, columns), dtype)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (_told(ROWS, "int32"), "dtype float64, but Dask was told int32"),
        (_told(ROWS, columns=4), r"shape \(3,\), but Dask was told \(4,\)"),
        (_told(ROWS[:9]), "9 rows, but had 10"),
        (_told(ROWS.tolist()), r"is a builtins\.list"),
    ],
    ids=["type", "width", "length", "list"],
)
def test_blocks_that_are_not_what_dask_says_are_refused(made, message):
    with pytest.raises((TypeError, ValueError), match=message):
        computed(partitions(made).blocks)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (da.ones(9), ValueError, "9 values, but X has 10 rows"),
        (da.ones((10, 1)), ValueError, "2 axes"),
        (da.ones(10).astype(str), TypeError, "dtype <U"),
        (frame(), TypeError, "DataFrame of Dask"),
        (-da.ones(10), ValueError, "Negative values in sample_weight, down to -1"),
        (da.full(10, np.nan), ValueError, "sample_weight contains NaN"),
    ],
    ids=["length", "axes", "text", "frame", "negative", "nan"],
)
def test_weights_that_cannot_be_used_are_refused(weights, error, message):
    with pytest.raises(error, match=message):
        computed(partitions(X, weights).weights)
