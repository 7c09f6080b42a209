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
from helpers import assert_same_bits, correlated, in_a_fork, run_python
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

from skae import AutoencoderTransformer, _inference, _trainer

X = correlated(48, 6)
Y = X @ np.arange(6)

needs_forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")


class FirstUse(keras.callbacks.Callback):
    """Fails in its second fit, and in a fit that another has begun."""

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
    assert cloned.optimizer.get_config() == estimator.optimizer.get_config()
    assert isinstance(cloned.callbacks[0], FirstUse)
    assert_same_bits(estimator.fit(X), cloned.fit(X))
    assert cloned.learning_rate_ == pytest.approx(0.004)


def test_no_two_fits_share_an_instance_of_a_callback():
    estimator = with_instances()
    clones = [clone(estimator) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda e: e.fit(X).fit(X), [estimator, *clones]))
    assert not estimator.callbacks[0].used


# Other processes: each takes seconds to start TensorFlow, so one script does it all.

OTHERS = """
import json, os, sys, threading
from concurrent.futures import ThreadPoolExecutor
import joblib, numpy as np
from sklearn.model_selection import cross_val_score
from skae import AutoencoderTransformer

def codes(parameters):
    codes = AutoencoderTransformer(2, **parameters).fit(X).transform(X)
    return codes.tobytes().hex()

def in_two_threads():
    together = threading.Barrier(2)
    def fit(parameters):
        together.wait()
        return codes(parameters)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(fit, [A, B]))
    from tensorflow.config import threading as threads
    return *results, threads.get_intra_op_parallelism_threads()

A, B, X = json.load(sys.stdin)
X = np.array(X)
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, json.dumps(in_two_threads()).encode())
    os._exit(0)
os.close(writing)
forked = json.load(open(reading))
with joblib.parallel_config(backend="multiprocessing"):
    scores = cross_val_score(
        AutoencoderTransformer(2, **A), X, cv=2, n_jobs=2, error_score="raise"
    )
print(json.dumps([forked, [score.hex() for score in scores]]))
"""


@needs_forks
def test_fresh_processes_give_the_same_bits_whoever_starts_them():
    """A fork before TensorFlow, threads that start it together, and spawned workers."""
    one = {"hidden_layer_sizes": [5], "epochs": 2, "random_state": 0}
    other = {**one, "hidden_layer_sizes": [7, 4], "init": "random"}
    result = run_python(
        OTHERS,
        json.dumps([one, other, X.tolist()]),
        JOBLIB_START_METHOD="spawn",
        OMP_NUM_THREADS="1",
    )
    assert result.returncode == 0, result.stderr
    forked, scores = json.loads(result.stdout)
    expected = [
        AutoencoderTransformer(2, **parameters).fit(X).transform(X).tobytes().hex()
        for parameters in (one, other)
    ]
    assert forked == [*expected, 1]
    here = cross_val_score(AutoencoderTransformer(2, **one), X, cv=2)
    assert scores == [score.hex() for score in here]


# Forks of this process, in which TensorFlow runs


@pytest.fixture(scope="module")
def fitted():
    return autoencoder().fit(X)


ACTIONS = {
    "fit": lambda fitted: autoencoder().fit(X),
    "transform": lambda fitted: fitted.transform(X),
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
        answer = pool.apply_async(fitted.transform, (X,))
        with pytest.raises(RuntimeError, match="spawn"):
            answer.get(60)


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
    with _trainer._idle_lock.held():
        _trainer._idle_trainers.clear()
    with _inference._codecs_lock.held():
        _inference._codecs.clear()


@pytest.mark.parametrize("first_use", [True, False])
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
