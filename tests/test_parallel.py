"""Searches in several processes and threads: the same bits, and no hanging."""

import json
import os
import threading

import joblib
import keras
import numpy as np
import pytest
from helpers import assert_same_bits, correlated, run_python
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer, ConvAutoencoder, VAETransformer
from skae.networks import DenseNetwork

X = correlated(90, 6)
y = X @ np.arange(6.0)
SMALL = {"hidden_layer_sizes": (4,), "epochs": 2, "random_state": 0}
CODES = {"encoding_dim": [1, 2, 3]}

# In a fresh process that no test has touched; prints what the parent compares.
FRESH = """
import json, os, sys
sys.path.insert(0, {folder!r})
if __name__ == "__main__":
    import joblib
    import tensorflow as tf
    from sklearn.model_selection import GridSearchCV
    from test_parallel import CODES, SMALL, X, codes_of_all, n_threads
    from skae import AutoencoderTransformer
    results = {{"codes": codes_of_all()}}
    search = GridSearchCV(AutoencoderTransformer(**SMALL), CODES, cv=2, n_jobs=2)
    with joblib.parallel_backend("multiprocessing"):
        results["scores"] = search.fit(X).cv_results_["mean_test_score"].tolist()
        seen = joblib.Parallel(n_jobs=2)(joblib.delayed(n_threads)() for _ in range(2))
    results["threads"] = seen
    print(json.dumps(results))
"""

FORKED = """
import os, signal
import numpy as np
from skae import AutoencoderTransformer
X = np.random.RandomState(0).rand(30, 4)
estimator = AutoencoderTransformer(2, hidden_layer_sizes=(), epochs=1)
if not os.fork():
    estimator.fit(X)
    os._exit(7)
before = os.waitstatus_to_exitcode(os.wait()[1])
estimator.fit(X)
if not os.fork():
    signal.alarm(60)
    try:
        estimator.transform(X)
    except RuntimeError as error:
        os._exit(8 if "spawn" in str(error) else 9)
    os._exit(10)
print(before, os.waitstatus_to_exitcode(os.wait()[1]))
"""


def codes_of_all():
    """Return codes of small fits of several kinds."""
    fits = (
        AutoencoderTransformer(2, **SMALL),
        AutoencoderTransformer(2, init="random", **SMALL),
        ConvAutoencoder(2, filters=(3,), epochs=2, random_state=0),
        VAETransformer(2, network=DenseNetwork((4,)), epochs=2, random_state=0),
    )
    return [fit.fit_transform(X).tolist() for fit in fits]


def n_threads():
    """Return how many threads TensorFlow runs operations with."""
    import tensorflow as tf

    AutoencoderTransformer(2, **SMALL).fit(X)
    return tf.config.threading.get_intra_op_parallelism_threads()


def scores(search):
    return search.fit(X).cv_results_["mean_test_score"]


@pytest.fixture(scope="module")
def serial():
    """Scores of a search in one process and thread."""
    return scores(GridSearchCV(AutoencoderTransformer(**SMALL), CODES, cv=2))


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("n_jobs", [2, -1])
def test_a_search_gives_the_same_bits_however_it_runs(backend, n_jobs, serial):
    search = GridSearchCV(
        AutoencoderTransformer(**SMALL), CODES, cv=2, n_jobs=n_jobs, error_score="raise"
    )
    with joblib.parallel_backend(backend):
        np.testing.assert_array_equal(scores(search), serial)


def test_a_fresh_process_and_its_workers_give_the_same_bits(serial):
    """Workers of multiprocessing are started afresh, not forked."""
    folder = os.path.dirname(__file__)
    result = run_python(FRESH.format(folder=folder), JOBLIB_START_METHOD="spawn")
    assert result.returncode == 0, result.stderr
    results = json.loads(result.stdout.splitlines()[-1])
    assert results["codes"] == codes_of_all()
    np.testing.assert_array_equal(results["scores"], serial)
    assert results["threads"] == [1, 1]


def test_workers_share_the_cores():
    with joblib.parallel_backend("loky", inner_max_num_threads=1):
        seen = joblib.Parallel(n_jobs=2)(joblib.delayed(n_threads)() for _ in range(2))
    assert seen == [1, 1]


def test_scores_of_cross_validation_are_the_same_bits_in_parallel():
    pipeline = make_pipeline(AutoencoderTransformer(2, **SMALL), Ridge())
    alone, parallel = (
        cross_val_score(pipeline, X, y, cv=3, n_jobs=n_jobs) for n_jobs in (None, 2)
    )
    np.testing.assert_array_equal(alone, parallel)


def test_halving_gives_the_same_bits_in_parallel():
    alone, parallel = (
        HalvingGridSearchCV(
            AutoencoderTransformer(**SMALL), CODES, cv=2, n_jobs=n_jobs, random_state=0
        )
        .fit(X)
        .cv_results_["mean_test_score"]
        for n_jobs in (None, 2)
    )
    np.testing.assert_array_equal(alone, parallel)


def test_bagging_clones_and_gives_the_same_bits_in_parallel():
    pipeline = make_pipeline(AutoencoderTransformer(2, **SMALL), Ridge())
    alone, parallel = (
        BaggingRegressor(pipeline, 3, n_jobs=n_jobs, random_state=0).fit(X, y)
        for n_jobs in (None, 2)
    )
    np.testing.assert_array_equal(alone.predict(X), parallel.predict(X))


class Fits(keras.callbacks.Callback):
    """Notes, in what all copies share, which instance served which fit."""

    def __init__(self, served):
        super().__init__()
        self.served = served

    def __deepcopy__(self, memo):
        return type(self)(self.served)

    def on_train_begin(self, logs=None):
        self.served.append(id(self))
        self.served.append(self)  # alive, so that no id comes again


def test_callbacks_and_optimizers_serve_every_fit_of_a_search_but_are_not_shared():
    served: list = []
    estimator = AutoencoderTransformer(
        **SMALL, callbacks=[Fits(served)], optimizer=keras.optimizers.SGD(0.01)
    )
    search = GridSearchCV(estimator, CODES, cv=2, refit=False, error_score="raise")
    search.fit(X)
    ids = served[::2]
    assert len(ids) == len(set(ids)) == 6
    assert id(estimator.callbacks[0]) not in ids
    assert not estimator.optimizer.built


def test_a_clone_has_the_settings_of_its_callbacks_and_optimizer():
    estimator = AutoencoderTransformer(
        callbacks=[keras.callbacks.EarlyStopping(patience=7)],
        optimizer=keras.optimizers.SGD(0.01, momentum=0.5),
    )
    copied = clone(estimator)
    assert copied.callbacks[0].patience == 7
    assert float(copied.optimizer.learning_rate) == pytest.approx(0.01)
    assert copied.optimizer.momentum == 0.5


def in_threads(function, arguments):
    """Call a function with each of the arguments at once; return what it returns."""
    together = threading.Barrier(len(arguments))
    results = [None] * len(arguments)

    def call(i):
        together.wait()
        results[i] = function(arguments[i])

    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(arguments))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_eight_threads_get_their_own_answers_from_one_estimator():
    fitted = AutoencoderTransformer(5, **SMALL).fit(X)
    parts = [X[i::8] for i in range(8)]
    expected = [clone(fitted).fit(X).transform(part) for part in parts]
    for one, other in zip(in_threads(fitted.transform, parts), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("sizes", [[(4,), (4,)], [(4,), (7,)]], ids=["same", "other"])
def test_fits_in_two_threads_do_not_disturb_one_another(sizes):
    estimators = [
        AutoencoderTransformer(2, hidden_layer_sizes=size, epochs=5, random_state=i)
        for i, size in enumerate(sizes)
    ]
    alone = [clone(estimator).fit(X) for estimator in estimators]
    together = in_threads(lambda estimator: clone(estimator).fit(X), estimators)
    for one, other in zip(alone, together, strict=True):
        assert_same_bits(one, other)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_works_before_tensorflow_starts_and_is_an_error_after():
    result = run_python(FORKED)
    assert result.stdout.split() == ["7", "8"], result.stdout + result.stderr
