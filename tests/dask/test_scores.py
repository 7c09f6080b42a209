"""The score of Dask's collections, without bringing their rows together."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from helpers import correlated, untrained
from scipy import sparse

from skae.dask._scores import scored

ROWS = correlated(n_features=4)
X = da.from_array(ROWS, chunks=((9, 0, *[5] * 10, 1), (4,)))


@pytest.fixture(autouse=True)
def _no_threads():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def plain():
    return untrained().fit(ROWS)


@pytest.mark.parametrize(
    "make",
    [
        lambda: X,
        lambda: X.map_blocks(sparse.csr_matrix),
        lambda: X[X[:, 0] > -99],
        lambda: da.from_array(ROWS.reshape(-1, 2, 2), chunks=(20, 2, 2)),
    ],
    ids=["array", "sparse", "unknown", "images"],
)
def test_it_is_that_of_all_rows(plain, make):
    given = make()
    estimator = untrained().fit(ROWS.reshape(-1, 2, 2)) if given.ndim > 2 else plain
    expected = plain.score(ROWS)
    np.testing.assert_allclose(scored(estimator, given), expected, rtol=1e-12)


def test_of_a_frame():
    table = pd.DataFrame(ROWS, columns=["a", "b", "c", "d"])
    estimator = untrained().fit(table)
    found = scored(estimator, dd.from_pandas(table, npartitions=3))
    np.testing.assert_allclose(found, estimator.score(table), rtol=1e-12)


def test_of_missing_values():
    incomplete = np.where(ROWS > 5, np.nan, ROWS)
    estimator = untrained(missing_values="allow").fit(ROWS)
    found = scored(estimator, da.from_array(incomplete, chunks=(25, 4)))
    np.testing.assert_allclose(found, estimator.score(incomplete), rtol=1e-12)


def test_of_constant_rows(plain):
    mean = np.broadcast_to(plain.mean_, (8, 4))
    assert scored(plain, da.from_array(mean, chunks=(4, 4))) == plain.score(mean)


def test_without_rows(plain):
    with pytest.raises(ValueError, match="X has no rows"):
        scored(plain, X[X[:, 0] > 99])


def test_other_columns_are_refused_before_rows_are_computed(plain):
    with pytest.raises(ValueError, match="3 features, but"):
        scored(plain, X[:, :3])
