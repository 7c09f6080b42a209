"""Faults beside those of files: bad input, interruptions, forks and threads.

Each section yields rows of (fault, tried, outcome), for `benchmarks.faults`.
"""

import collections
import os
import pickle
import signal
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.sparse import csr_array

from skae import AutoencoderTransformer, VAETransformer
from skae.networks import DenseNetwork

EPOCHS = 6
SMALL = {"epochs": EPOCHS, "random_state": 0}
X = np.random.RandomState(0).normal(size=(60, 5)) @ np.diag([5.0, 3, 2, 1, 0.5])
AS_IT_WAS = "estimator as it was"


def estimators():
    """Return small estimators, not fitted."""
    return [
        AutoencoderTransformer(2, hidden_layer_sizes=(4,), **SMALL),
        VAETransformer(2, network=DenseNetwork((4,)), **SMALL),
    ]


def _with(value):
    """Return a fault that puts a value anywhere into the rows."""

    def spoil(generator):
        spoilt = X.copy()
        spoilt[generator.randint(len(X)), generator.randint(X.shape[1])] = value
        return spoilt

    return spoil


BAD_INPUT = {
    "NaN among the rows": _with(np.nan),
    "infinity among the rows": _with(np.inf),
    "values beyond what squares can hold": _with(1e200),
    "other features than in fit": lambda generator: X[:, : generator.randint(1, 5)],
    "no rows": lambda generator: X[:0],
    "one axis": lambda generator: X[generator.randint(len(X))],
    "text": lambda generator: X.astype(str).astype(object) + "m",
    "dates": lambda generator: X.astype("datetime64[s]"),
    "complex numbers": lambda generator: X + 1j,
    "NaN in a sparse matrix": lambda generator: csr_array(_with(np.nan)(generator)),
    "ragged lists": lambda generator: [[1.0, 2.0], [3.0]],
    "None": lambda generator: None,
}

BAD_PARAMETERS = {
    "encoding_dim": [0, -1, 2.5, "two", 2**40],
    "loss": ["mae", None, 3],
    "optimizer": ["adamant", None, 0.1],
    "learning_rate": [0, -1.0, np.nan, "fast"],
    "batch_size": [0, -3, "all", 1.5],
    "epochs": [0, "many", 2.5],
    "validation_fraction": [1.0, -0.1, "half"],
    "patience": [0, "short"],
    "callbacks": ["stop", [print], 3],
    "random_state": ["zero", -1],
}


def bad_input(n_tries):
    """Call methods with rows, and fit with parameters, that cannot be used."""
    generator = np.random.RandomState(0)
    fitted = [estimator.fit(X) for estimator in estimators()]
    methods = "fit", "partial_fit", "transform", "reconstruct", "score", "score_samples"
    n_each = n_tries // 100
    for name, spoil in BAD_INPUT.items():
        if name == "other features than in fit":
            calls = [(method, spoil(generator)) for method in methods[1:]]
        else:
            calls = [(method, spoil(generator)) for method in methods]
        counts = collections.Counter()
        for i in range(n_each):
            method, bad = calls[i % len(calls)]
            estimator = fitted[generator.randint(len(fitted))]
            counts[
                _outcome(estimator, lambda e, m=method, b=bad: getattr(e, m)(b))
            ] += 1
        yield name, n_each, _text(counts)
    for name, values in BAD_PARAMETERS.items():
        counts = collections.Counter()
        for i in range(n_each):
            estimator = fitted[generator.randint(len(fitted))]
            good = getattr(estimator, name)
            estimator.set_params(**{name: values[i % len(values)]})
            counts[_outcome(estimator, lambda e: e.fit(X))] += 1
            estimator.set_params(**{name: good})
        yield f"wrong {name}", n_each, _text(counts)


def _outcome(estimator, call):
    """Return what a call raises, and whether it has changed anything."""
    before = dict(vars(estimator))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            returned = call(estimator)
    except (TypeError, ValueError) as error:
        changed = any(vars(estimator).get(k) is not v for k, v in before.items())
        state = "CHANGED" if changed else AS_IT_WAS
        kind = "ValueError" if isinstance(error, ValueError) else "TypeError"
        return f"{kind}, {state}"
    except Exception as error:
        return f"{type(error).__name__}: {error!s:.60}"
    finite = returned is estimator or np.isfinite(returned).all()
    return "mapped to finite numbers" if finite else "NOT FINITE"


def interruptions(n_tries):
    """Press Ctrl-C at any time of a fit."""
    n_now = n_tries // 100
    yield "Ctrl-C at a random time of fit", n_now, _text(_press_keys(n_now))


def _press_keys(n_tries):
    # Where the benchmark itself runs in the background, the key is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    generator = np.random.RandomState(0)
    counts = collections.Counter()
    for _ in range(n_tries):
        estimator = estimators()[generator.randint(2)].set_params(epochs=300)
        bits = _bits(estimator.fit(X))
        before = dict(vars(estimator))
        # The alarm's signal does what the key's does.
        signal.signal(
            signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT)
        )
        signal.setitimer(signal.ITIMER_REAL, generator.uniform(0, 0.5))
        try:
            estimator.fit(X)
            signal.setitimer(signal.ITIMER_REAL, 0)
            outcome = "finished before"
        except KeyboardInterrupt:
            changed = any(vars(estimator).get(k) is not v for k, v in before.items())
            outcome = "CHANGED" if changed else AS_IT_WAS
        except Exception as error:
            outcome = f"{type(error).__name__} in its place"
        same = _bits(estimator.fit(X)) == bits
        counts[f"{outcome}, next fit {'the same bits' if same else 'DIFFERS'}"] += 1
    return counts


def _bits(estimator):
    return [values.tobytes() for values in estimator._fitted.weights]


def others_at_work(n_tries):
    """Use estimators from threads and from forked processes."""
    n_now = n_tries // 100
    yield "transform from eight threads at once", n_now, _text(_from_threads(n_now))
    yield "fits of two threads at once", n_now, _text(_fits_in_threads(n_now))
    n_now = max(n_tries // 1000, 1)
    yield "use in a forked process", n_now, _text(_fork(n_now))


def _from_threads(n_tries):
    counts = collections.Counter()
    estimator = estimators()[0].fit(X)
    parts = [X[i::8] for i in range(8)]
    expected = [estimator.transform(part) for part in parts]
    for _ in range(n_tries):
        fresh = pickle.loads(pickle.dumps(estimator))
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(fresh.transform, parts))
        same = all(map(np.array_equal, found, expected))
        counts["the same bits" if same else "DIFFERS"] += 1
    return counts


def _fits_in_threads(n_tries):
    counts = collections.Counter()
    expected = [_bits(estimator.fit(X)) for estimator in estimators()]
    for _ in range(n_tries):
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda e: _bits(e.fit(X)), estimators()))
        counts["the same bits" if found == expected else "DIFFERS"] += 1
    return counts


def _fork(n_tries):
    estimator = estimators()[0].fit(X)
    counts = collections.Counter()
    for _ in range(n_tries):
        child = os.fork()
        if not child:
            signal.alarm(60)
            try:
                estimator.transform(X)
            except RuntimeError:
                os._exit(3)
            os._exit(4)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        hung = "HUNG" if status < 0 else "used"
        counts["RuntimeError at once" if status == 3 else hung] += 1
    return counts


def _text(counts):
    return ", ".join(f"{number} {outcome}" for outcome, number in counts.most_common())


SECTIONS = {
    "Bad input": bad_input,
    "Interruptions": interruptions,
    "Threads and processes": others_at_work,
}
"""Titles, and functions of the number of tries that yield (fault, tried, outcome)."""
