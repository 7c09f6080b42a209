"""Jobs, threads and forks: the same bits as one fit after the other, and no waiting."""

import json
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_same_bits, correlated, each_of, in_a_fork, run_python
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, VAETransformer
from skae._model import codec
from skae._training import steps_pool
from skae.networks import DenseNetwork

X = correlated(48, 6)
Y = X @ np.arange(6)

needs_forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")


class FirstUse(keras.callbacks.Callback):
    """Fails in its second fit."""

    used = False

    def on_train_begin(self, logs=None):
        assert not self.used
        self.used = True


def autoencoder(**changes):
    parameters = {
        "hidden_layer_sizes": (5,),
        "epochs": 2,
        "batch_size": 16,
        "random_state": 0,
    }
    return AutoencoderTransformer(2, **{**parameters, **changes})


def with_instances():
    """Return an estimator with instances of Keras among its parameters."""
    optimizer = keras.optimizers.Adam(0.004, beta_1=0.8)
    return autoencoder(optimizer=optimizer, callbacks=[FirstUse()])


# Searches


def grid_search(n_jobs):
    pipeline = make_pipeline(StandardScaler(), with_instances())
    grid = {"autoencodertransformer__hidden_layer_sizes": [(), (5,), (6,)]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs, error_score="raise")
    search.fit(X)
    best = search.best_estimator_
    return search.cv_results_["split1_test_score"], best.transform(X)


def halving_search(n_jobs):
    grid = {"hidden_layer_sizes": [(5,), (6,)]}
    search = HalvingGridSearchCV(
        autoencoder(), grid, cv=2, n_jobs=n_jobs, random_state=0, error_score="raise"
    )
    search.fit(X)
    return search.cv_results_["mean_test_score"], search.transform(X)


def cross_validation(n_jobs):
    pipeline = make_pipeline(autoencoder(), LinearRegression())
    scores = cross_val_score(pipeline, X, Y, cv=3, n_jobs=n_jobs, error_score="raise")
    return (scores,)


def bagging(n_jobs):
    pipeline = make_pipeline(autoencoder(random_state=None), LinearRegression())
    bags = BaggingRegressor(pipeline, 3, n_jobs=n_jobs, random_state=0).fit(X, Y)
    return (bags.predict(X),)


@pytest.fixture(scope="module")
def _loky():
    """End the workers after the tests."""
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.mark.slow
@pytest.mark.usefixtures("_loky")
@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize(
    "search", [grid_search, halving_search, cross_validation, bagging]
)
def test_any_number_of_jobs_gives_the_same_bits(search, backend):
    expected = search(1)
    with joblib.parallel_config(backend=backend):
        for one, other in zip(expected, search(2), strict=True):
            np.testing.assert_array_equal(one, other)


def test_instances_survive_cloning():
    estimator = with_instances()
    cloned = clone(estimator)
    assert cloned.optimizer is not estimator.optimizer
    configs = [one.optimizer.get_config() for one in (cloned, estimator)]
    for config in configs:
        del config["name"]  # Keras numbers it
    assert configs[0] == configs[1]
    assert isinstance(cloned.callbacks[0], FirstUse)
    assert_same_bits(estimator.fit(X), cloned.fit(X))
    assert cloned.learning_rate_ == pytest.approx(0.004)


class Note(keras.callbacks.Callback):
    """Notes, in what all copies share, which instances served."""

    def __init__(self, served):
        super().__init__()
        self.served = served

    def __deepcopy__(self, memo):
        return type(self)(self.served)

    def on_train_begin(self, logs=None):
        self.served.append(self)


@pytest.mark.slow
def test_each_fit_of_a_search_has_callbacks_of_its_own():
    served: list = []
    estimator = autoencoder(callbacks=[Note(served)])
    grid = {"hidden_layer_sizes": [(5,), (6,)]}
    GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(X)
    assert len({id(callback) for callback in served}) == len(served) == 2 * 2 + 1
    assert estimator.callbacks[0] not in served


@pytest.mark.slow
def test_threads_do_not_share_an_instance_of_a_callback():
    estimator = with_instances()
    clones = [clone(estimator) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda e: e.fit(X), [estimator, *clones]))
    assert all(e.callbacks[0].used for e in (estimator, *clones))


# Other processes


def codes_and_threads():
    """Return codes, and in how many threads TensorFlow runs an operation here."""
    codes = autoencoder().fit_transform(X).tolist()
    return codes, tf.config.threading.get_intra_op_parallelism_threads()


@pytest.mark.slow
@pytest.mark.usefixtures("_loky")
def test_workers_share_the_cores():
    seen = joblib.Parallel(2, backend="loky")(
        joblib.delayed(codes_and_threads)() for _ in "ab"
    )
    assert [threads for _, threads in seen] == 2 * [max(joblib.cpu_count() // 2, 1)]


def codes_of_several_kinds():
    """Return codes, made by fits that two threads begin at once."""
    fits = (
        autoencoder(init="random"),
        VAETransformer(2, network=DenseNetwork((4,)), epochs=2, random_state=0),
    )
    with ThreadPoolExecutor(2) as pool:
        return [
            codes.tolist() for codes in pool.map(lambda e: e.fit_transform(X), fits)
        ]


# Each process takes seconds to start TensorFlow, so one script does it all.
SCRIPT = """
import json, os, sys
sys.path[:0] = {folders!r}
reading, writing = os.pipe()
if not os.fork():
    from test_parallel import codes_of_several_kinds
    os.write(writing, json.dumps(codes_of_several_kinds()).encode())
    os._exit(0)
os.close(writing)
codes = json.load(open(reading))
import joblib
from test_parallel import codes_and_threads
with joblib.parallel_config(backend="multiprocessing"):
    workers = joblib.Parallel(2)(joblib.delayed(codes_and_threads)() for _ in "ab")
print(json.dumps([codes, workers]))
"""


@pytest.mark.slow
@needs_forks
def test_fresh_processes_give_the_same_bits_whoever_starts_them():
    """A child forked before TensorFlow starts, and workers that are spawned.

    Such workers do not know how many they are, so each has one thread.
    """
    folder = os.path.dirname(__file__)
    script = SCRIPT.format(folders=[folder, os.path.dirname(folder)])
    result = run_python(script, JOBLIB_START_METHOD="spawn")
    assert result.returncode == 0, result.stderr
    codes, workers = json.loads(result.stdout)
    assert codes == codes_of_several_kinds()
    assert workers == 2 * [[autoencoder().fit_transform(X).tolist(), 1]]


# Forks of this process, in which TensorFlow runs


@pytest.fixture(scope="module")
def fitted():
    return autoencoder().fit(X)


ACTIONS = {
    "fit": lambda fitted: autoencoder().fit(X),
    "models": lambda fitted: fitted.encoder_,
}


@needs_forks
@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())
def test_a_fork_of_a_process_that_runs_tensorflow_is_told_what_to_do(fitted, action):
    answer = in_a_fork(lambda: action(fitted))
    assert answer.startswith("RuntimeError")
    assert "JOBLIB_START_METHOD=spawn" in answer
    assert "loky" in answer


@needs_forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_workers_forked_by_multiprocessing_raise_instead_of_waiting(fitted):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        answer = pool.apply_async(fitted.fit, (X,))
        with pytest.raises(RuntimeError, match="spawn"):
            answer.get(60)
        codes = pool.apply_async(fitted.transform, (X,)).get(60)  # NumPy's
    np.testing.assert_array_equal(codes, fitted.transform(X))


# Threads


def together(*functions):
    """Return what functions return that start at the same time, each in a thread."""
    start = threading.Barrier(len(functions))

    def run(function):
        start.wait(60)
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, functions))


def forget_what_is_compiled():
    with steps_pool._idle_lock.held():
        steps_pool._idle.clear()
    with codec._codecs_lock.held():
        codec._codecs.clear()


@pytest.mark.slow
@pytest.mark.parametrize(
    "first_use", each_of({"first use": True, "later use": False}, ["first use"])
)
def test_eight_threads_that_transform_each_get_the_right_answer(first_use):
    parts = [X[i : i + 33 + i] + i for i in range(8)]
    estimator = autoencoder().fit(X)
    expected = [estimator.transform(part) for part in parts]
    if first_use:
        forget_what_is_compiled()
        estimator = pickle.loads(pickle.dumps(estimator))
    for _ in range(1 if first_use else 5):
        answers = together(*(lambda p=p: estimator.transform(p) for p in parts))
        for answer, right in zip(answers, expected, strict=True):
            np.testing.assert_array_equal(answer, right)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{"random_state": 1}, {"hidden_layer_sizes": (4, 3), "init": "random"}],
    ids=["one architecture", "two architectures"],
)
def test_fits_in_two_threads_do_not_disturb_each_other(changes):
    expected = [autoencoder().fit(X), autoencoder(**changes).fit(X)]
    forget_what_is_compiled()
    for _ in range(2):
        fits = together(
            lambda: autoencoder().fit(X), lambda: autoencoder(**changes).fit(X)
        )
        for fit, alone in zip(fits, expected, strict=True):
            assert_same_bits(fit, alone)
