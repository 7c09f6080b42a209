"""Threads: their number, and linear algebra whose bits do not depend on it."""

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from helpers import in_a_fork
from threadpoolctl import threadpool_info, threadpool_limits

from skae._data.moments import mean_and_variance
from skae._pca.axes import principal_axes
from skae._runtime.threads import Lock, map_in_threads, one_blas_thread, share_of_cores


def blas_threads():
    return {
        lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"
    }


@pytest.fixture
def _two_blas_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.mark.parametrize(
    ("wanted", "share"),
    [("3", 3), ("4,2", 4), (" 2 ", 2), ("", None), ("0", None), ("many", None)],
)
def test_share_of_cores_is_what_openmp_was_given(monkeypatch, wanted, share):
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert share_of_cores() == share


def test_without_a_wish_all_cores_may_be_used(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert share_of_cores() is None


def test_a_worker_of_a_multiprocessing_pool_uses_one_core(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    worker = multiprocessing.Process(daemon=True)
    monkeypatch.setattr(multiprocessing, "current_process", lambda: worker)
    assert share_of_cores() == 1


@pytest.mark.usefixtures("_two_blas_threads")
def test_linear_algebra_gets_one_thread_and_then_what_it_had():
    before = blas_threads()
    with one_blas_thread():
        assert blas_threads() == {1}
    assert blas_threads() == before


def test_threads_that_limit_linear_algebra_do_not_lift_each_others_limit():
    before = blas_threads()

    def work(_):
        with one_blas_thread():
            return blas_threads()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(40))) == 40 * [{1}]
    assert blas_threads() == before


def test_a_thread_may_limit_what_it_has_limited_already():
    with one_blas_thread(), one_blas_thread():
        assert blas_threads() == {1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
def test_a_lock_held_by_another_thread_is_open_in_a_forked_child():
    lock = Lock()
    held, release = threading.Event(), threading.Event()

    def hold():
        with lock.held():
            held.set()
            release.wait(60)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        assert held.wait(60)

        def take():
            with lock.held():
                return "taken"

        assert in_a_fork(take) == "taken"
        release.set()


def test_a_map_keeps_the_order():
    assert list(map_in_threads(lambda x: x * x, range(50))) == [
        x * x for x in range(50)
    ]


def test_a_map_reads_few_items_ahead_of_its_reader(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    read = []

    def items():
        for i in range(50):
            read.append(i)
            yield i

    results = map_in_threads(lambda x: x, items())
    next(results)
    assert len(read) <= 4
    assert list(results) == list(range(1, 50))


def test_a_map_runs_in_threads_whatever_backend_is_chosen_for_searches(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with joblib.parallel_config(backend="loky", n_jobs=2):
        pids = set(map_in_threads(lambda _: os.getpid(), range(4)))
    assert pids == {os.getpid()}


def test_a_map_within_a_body_multiplies_in_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    before = blas_threads()
    with one_blas_thread():
        assert list(map_in_threads(lambda _: blas_threads(), range(6))) == (6 * [{1}])
    assert blas_threads() == before


def test_no_lock_is_held_between_the_results_of_a_map(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    results = map_in_threads(lambda x: x, range(6))
    assert next(results) == 0

    def body():
        with one_blas_thread():
            return "ran"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(body).result(60) == "ran"
    assert list(results) == [1, 2, 3, 4, 5]


def test_a_map_raises_what_the_function_raises():
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda x: 1 / x, [1, 0]))


# 500 features: NumPy and SciPy by themselves give other bits with two threads.
SHAPES = {"covariance": (1500, 500), "Gram matrix": (100, 900)}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_start_does_not_depend_on_the_number_of_threads(shape, monkeypatch):
    rows = np.random.RandomState(0).randn(*shape).astype(np.float32)
    weights = np.random.RandomState(1).rand(len(rows))

    def start(n_threads):
        monkeypatch.setenv("OMP_NUM_THREADS", str(n_threads))
        with threadpool_limits(n_threads, user_api="blas"):
            mean, variance = mean_and_variance(rows, weights)
            axes = principal_axes(rows, weights, 5, np.random.RandomState(0))
        return mean, variance, axes.components, axes.variances, axes.residual_variances

    for one, two in zip(start(1), start(2), strict=True):
        np.testing.assert_array_equal(one, two)
