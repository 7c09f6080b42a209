"""Methods of a fitted estimator on Dask's arrays and frames, computed later."""

import pickle
import threading

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from helpers import correlated, run_python, untrained
from scipy import sparse

from skae import AutoencoderTransformer
from skae.dask._lazy import mapped

ROWS = correlated(n_features=4)
X = da.from_array(ROWS, chunks=((20, 0, 30, 10), (4,)))
FRAME = pd.DataFrame(
    ROWS, columns=["a", "b", "c", "d"], index=pd.Index(np.arange(60) * 2, name="id")
)
OF_ROWS = ["transform", "reconstruct", "score_samples"]


def assert_close(found, expected):
    """Products of fewer rows at a time may round their last bits otherwise."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.fixture(autouse=True)
def _no_threads():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def plain():
    return untrained().fit(ROWS)


@pytest.fixture(scope="module")
def named():
    return untrained().fit(FRAME)


@pytest.fixture(scope="module")
def of_images():
    return untrained().fit(ROWS.reshape(-1, 2, 2))


def frame():
    return dd.from_pandas(FRAME, npartitions=3)


# Arrays


@pytest.mark.parametrize("method", OF_ROWS)
def test_an_array_gives_an_array_of_the_same_values(plain, method):
    lazy = mapped(plain, method, X)
    expected = getattr(plain, method)(ROWS)
    assert isinstance(lazy, da.Array)
    assert lazy.chunks[0] == X.chunks[0]
    assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
    assert_close(lazy.compute(), expected)


def test_codes_come_back_as_rows(plain):
    rows = mapped(plain, "inverse_transform", mapped(plain, "transform", X))
    expected = plain.inverse_transform(plain.transform(ROWS))
    assert_close(rows.compute(), expected)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int16", "uint8", "bool"])
def test_the_type_is_known_before_values_are(plain, dtype):
    lazy = mapped(plain, "transform", X.astype(dtype))
    expected = plain.transform(ROWS.astype(dtype))
    assert lazy.dtype == lazy.compute().dtype == expected.dtype
    assert_close(lazy.compute(), expected)


def test_lengths_of_chunks_may_be_unknown(plain):
    lazy = mapped(plain, "transform", X[X[:, 0] > 3])
    expected = plain.transform(ROWS[ROWS[:, 0] > 3])
    assert_close(lazy.compute(), expected)


def test_sparse_blocks_give_dense_codes(plain):
    lazy = mapped(plain, "transform", X.map_blocks(sparse.csr_matrix))
    assert_close(lazy.compute(), plain.transform(ROWS))


@pytest.mark.parametrize("method", OF_ROWS)
def test_samples_of_several_axes(of_images, method):
    images = ROWS.reshape(-1, 2, 2)
    lazy = mapped(of_images, method, X.reshape(-1, 2, 2))
    expected = getattr(of_images, method)(images)
    assert lazy.shape == expected.shape
    assert_close(lazy.compute(), expected)


def test_flat_rows_of_images_come_back_as_images(of_images):
    lazy = mapped(of_images, "reconstruct", X)
    assert lazy.shape == (60, 2, 2)
    assert_close(lazy.compute(), of_images.reconstruct(ROWS))


def test_missing_values_are_imputed():
    estimator = untrained(missing_values="allow").fit(ROWS)
    incomplete = np.where(ROWS > 5, np.nan, ROWS)
    lazy = mapped(estimator, "impute", da.from_array(incomplete, chunks=(25, 4)))
    assert_close(lazy.compute(), estimator.impute(incomplete))


# Frames


@pytest.mark.parametrize("method", [*OF_ROWS, "inverse_transform"])
def test_a_frame_keeps_index_divisions_and_names(named, method):
    given, truth = frame(), FRAME
    if method == "inverse_transform":
        given = mapped(named, "transform", given)
        truth = named.transform(FRAME)
    lazy = mapped(named, method, given)
    found = lazy.compute()
    assert lazy.divisions == frame().divisions
    pd.testing.assert_index_equal(found.index, FRAME.index)
    assert_close(found, getattr(named, method)(truth))
    dd.utils.assert_eq(lazy, found)  # what Dask was told beforehand
    if found.ndim == 1:
        assert found.name == "score_samples"
    else:
        codes = list(named.get_feature_names_out())
        expected = codes if method == "transform" else list(FRAME)
        assert list(found) == expected


def test_names_are_those_of_scikit_learn_where_the_fit_had_none(plain):
    codes = dd.from_pandas(pd.DataFrame(plain.transform(ROWS)), npartitions=2)
    lazy = mapped(plain, "inverse_transform", codes)
    assert list(lazy.columns) == ["x0", "x1", "x2", "x3"]


def test_an_empty_partition_of_a_frame_stays_empty(named):
    none = mapped(named, "transform", frame()[frame().a > 99])
    assert none.compute().shape == (0, 2)


def test_set_output_of_the_estimator_changes_nothing():
    estimator = untrained().fit(ROWS).set_output(transform="pandas")
    expected = estimator.transform(ROWS)
    found = mapped(estimator, "transform", X).compute()
    assert_close(found, expected.to_numpy())
    assert isinstance(estimator.transform(ROWS), pd.DataFrame)


# Tasks


@pytest.mark.parametrize("make", [lambda: X, frame], ids=["array", "frame"])
def test_one_task_a_partition_and_one_for_the_network(plain, named, make):
    given = make()
    n_partitions = given.npartitions
    estimator = plain if given is X else named
    (before,), (after,) = (
        dask.optimize(one) for one in (given, mapped(estimator, "transform", given))
    )
    added = len(dict(after.dask)) - len(dict(before.dask))
    assert added <= n_partitions + 1


def test_two_results_share_the_network(plain):
    both = dask.optimize(mapped(plain, "transform", X), mapped(plain, "reconstruct", X))
    networks = [
        {key for key in dict(one.dask) if "AutoencoderTransformer" in str(key)}
        for one in both
    ]
    assert networks[0] == networks[1]
    assert len(networks[0]) == 1


def test_what_cannot_be_pickled_stays_behind():
    from keras.callbacks import Callback

    class Locked(Callback):
        lock = threading.Lock()

        def __init__(self):
            super().__init__()
            self.own = threading.Lock()

    estimator = untrained(callbacks=[Locked()]).fit(ROWS)
    pickle.dumps(mapped(estimator, "transform", X).dask)
    assert estimator.callbacks  # and the estimator keeps them


def test_a_worker_needs_no_tensorflow(tmp_path):
    from keras.optimizers import Adam

    estimator = untrained(optimizer=Adam()).fit(ROWS)
    path = tmp_path / "lazy.pickle"
    path.write_bytes(pickle.dumps(mapped(estimator, "transform", X)))
    code = (
        "import pickle, sys\n"
        f"lazy = pickle.load(open({str(path)!r}, 'rb'))\n"
        "print(lazy.compute(scheduler='synchronous').shape)\n"
        "print('tensorflow' in sys.modules)\n"
    )
    assert run_python(code).stdout.split() == ["(60,", "2)", "False"]


# Errors


@pytest.mark.parametrize(
    ("method", "make", "error", "message"),
    [
        ("transform", lambda: X[:, :3], ValueError, "3 features, but .* 4 features"),
        ("transform", lambda: X.rechunk((20, 2)), ValueError, r"rechunk\(\{1: -1\}\)"),
        ("transform", lambda: frame().a, TypeError, "Series of Dask"),
        ("inverse_transform", lambda: X, ValueError, "4 columns, but .* encoding_dim"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_computed(
    plain, method, make, error, message
):
    with pytest.raises(error, match=message):
        mapped(plain, method, make())


def test_other_shapes_of_samples_are_refused(of_images):
    with pytest.raises(ValueError, match=r"shape \(4, 1\).* shape \(2, 2\)"):
        mapped(of_images, "transform", X.reshape(-1, 4, 1))


def test_other_names_are_refused(named):
    with pytest.raises(ValueError, match="feature names should match"):
        mapped(named, "transform", frame()[["d", "c", "b", "a"]])


def test_an_estimator_that_is_not_fitted_is_refused():
    with pytest.raises(ValueError, match="not fitted yet"):
        mapped(AutoencoderTransformer(), "transform", X)


def test_missing_values_are_an_error_when_they_are_computed(plain):
    lazy = mapped(plain, "transform", X.map_blocks(lambda block: block * np.nan))
    with pytest.raises(ValueError, match="contains NaN"):
        lazy.compute()
