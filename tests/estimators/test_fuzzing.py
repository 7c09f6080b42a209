"""Whatever comes: a right result or a documented error, and an estimator unharmed.

Drawn by Hypothesis, the same examples in every run. The environment variable
SKAE_FUZZ_EXAMPLES draws as many as it says, and others in every run.
"""

import contextlib
import copy
import io
import os
import pickle
import re
import tempfile
import traceback
import warnings
from pathlib import Path

import hypothesis.extra.numpy as hnp
import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import ESTIMATORS, more_codes_than_features
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

import skae
from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae.networks import ConvNetwork, CustomNetwork, DenseNetwork, RecurrentNetwork

WISHED = os.environ.get("SKAE_FUZZ_EXAMPLES")
DOCUMENTED = ValueError, TypeError
# Not by NumPy, whose own errors are those of computing, as LinAlgError.
RAISED_BY = "builtins", "sklearn", "narwhals"
# Where squares leave the range of float64.
SMALLEST, LARGEST = 1e-150, 1e150

pytestmark = [
    more_codes_than_features,
    pytest.mark.filterwarnings("ignore:The loss became:"),
    pytest.mark.filterwarnings("ignore:Some features vary by less:UserWarning"),
    pytest.mark.filterwarnings("ignore:Feature .* holds over 99.9:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*codes have collapsed:UserWarning"),
    # Of scikit-learn, which adds up infinities of both signs to find them.
    pytest.mark.filterwarnings("ignore:invalid value encountered in reduce"),
]


def fuzz(n_examples):
    return settings(
        max_examples=int(WISHED or n_examples),
        deadline=None,
        database=None,
        derandomize=not WISHED,
        print_blob=bool(WISHED),
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],  # to shrink takes minutes
    )


def estimator_of(cls=AutoencoderTransformer, **changes):
    """Return a small estimator; few architectures, since each is compiled."""
    own = {
        AutoencoderTransformer: {"hidden_layer_sizes": (4,)},
        ConvAutoencoder: {"filters": (2,)},
        DenoisingAutoencoder: {"network": DenseNetwork((4,))},
        SequenceAutoencoder: {"units": 2},
        VAETransformer: {"network": DenseNetwork((4,))},
    }
    parameters = {"encoding_dim": 2, "epochs": 1, "random_state": 0, **own[cls]}
    return cls(**{**parameters, **changes})


def assert_is_documented(error, words):
    """Check that an error is raised by a check, and names one of the words."""
    assert type(error).__module__.partition(".")[0] in RAISED_BY, repr(error)
    frames = traceback.walk_tb(error.__traceback__)
    modules = {frame.f_globals["__name__"].partition(".")[0] for frame, _ in frames}
    assert not modules & {"tensorflow", "keras"}, repr(error)
    assert re.search(words, str(error)), repr(error)


def refusal(call, estimator, words):
    """Return the documented error of a call, or None; the estimator is unharmed."""
    before = dict(vars(estimator))
    try:
        call()
    except DOCUMENTED as error:
        assert_is_documented(error, words)
        after = vars(estimator)
        assert after.keys() == before.keys()
        assert all(after[name] is before[name] for name in before)
        return error
    return None


# Data


@st.composite
def numbers(draw, shape=None, most_rows=40):
    """Draw finite float64 arrays of all scales, with offsets and repetitions."""
    if shape is None:
        shape = draw(st.integers(2, most_rows)), draw(st.sampled_from([1, 3, 6]))
    kind = draw(st.sampled_from(["normal", "normal", "few", "drawn", "constant"]))
    generator = np.random.RandomState(draw(st.integers(0, 99)))
    if kind == "drawn":
        elements = st.floats(-9, 9, width=32)
        X = draw(hnp.arrays(np.float64, shape, elements=elements))
    elif kind == "few":
        X = generator.randint(0, 3, shape).astype(float)
    elif kind == "constant":
        X = np.ones(shape) * generator.randn(*shape[1:])
    else:
        X = generator.randn(*shape)
    n_scales = draw(st.sampled_from([1, 1, shape[-1]]))
    exponents = st.one_of(
        st.just(0), st.integers(-30, 30), st.sampled_from([-320, -200, -40, 40, 200])
    )
    scales = draw(st.lists(exponents, min_size=n_scales, max_size=n_scales))
    offset = draw(st.sampled_from([0.0, 0.0, 1.0, -1e3, 1e8, 1e30]))
    return (X + offset) * np.array([float(f"1e{k}") for k in scales])


DTYPES = st.sampled_from(
    [
        *["float64"] * 4,
        *["float32"] * 3,
        "float16",
        "longdouble",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
        "object",
        ">f4",
        ">f8",
    ]
)


def cast(X, dtype):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return X.astype(dtype)


def in_a_file(X):
    with tempfile.TemporaryFile() as file:
        shared = np.memmap(file, X.dtype, "w+", shape=X.shape)
    shared[:] = X
    return shared


def spread_out(X):
    wide = np.zeros((2 * len(X), *X.shape[1:-1], 3 * X.shape[-1]), X.dtype)
    wide[::2, ..., 1::3] = X
    return wide[::2, ..., 1::3]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


LAYOUTS = st.sampled_from(
    [
        np.ascontiguousarray,
        np.asfortranarray,
        spread_out,
        read_only,
        in_a_file,
        lambda X: np.flip(np.flip(X).copy()),
        lambda X: X.tolist(),
    ]
)


def extremes(X):
    values = np.abs(X.astype(np.float64))
    return values.max(), values[values > 0].min(initial=np.inf)


def may_be_refused(*arrays):
    """Tell whether squares of finite numbers leave the range of float64."""
    sizes = [extremes(X) for X in arrays]
    return any(0 < largest < SMALLEST or largest > LARGEST for largest, _ in sizes)


def rounding(X, mean):
    """Return the error that float32 may make in reconstructing rows of X."""
    eps = np.finfo(X.dtype if X.dtype.kind == "f" else np.float64).eps
    X = X.astype(np.float64)
    return 1e-5 * np.abs(X - mean).max() + 8 * max(eps, 2e-16) * np.abs(X).max()


def root_mean_square(errors):
    return np.sqrt((errors.astype(np.float64) ** 2).mean())


def check_fit(estimator, X):
    """Check what a fitted estimator must give for the rows of X."""
    codes = estimator.transform(X)
    back = estimator.reconstruct(X)
    floating = np.float32 if X.dtype == np.float32 else np.float64
    assert codes.shape == (len(X), estimator.encoding_dim_)
    assert back.shape == X.shape
    assert codes.dtype == back.dtype == floating
    assert np.isfinite(codes).all()
    assert np.isfinite(back).all()
    check_scores(estimator, X, back)
    slack = rounding(X, estimator.mean_) + 1e-5 * np.abs(back).max()
    np.testing.assert_allclose(estimator.inverse_transform(codes), back, atol=slack)
    one = len(X) // 2
    alone = estimator.transform(X[one : one + 1])
    if len(X) <= 32:
        np.testing.assert_array_equal(alone[0], codes[one])
    else:
        np.testing.assert_allclose(alone[0], codes[one], atol=slack)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.transform(X), codes)


def check_scores(estimator, X, back):
    scores = estimator.score_samples(X)
    assert scores.shape == (len(X),)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    score = estimator.score(X)
    assert score <= 1
    assert isinstance(score, float)
    if isinstance(estimator, VAETransformer):
        return
    slack = rounding(X, estimator.mean_)
    errors = back.astype(np.float64) - X
    expected = root_mean_square(errors)
    assert abs(np.sqrt(-scores.mean()) - expected) <= slack + 1e-5 * expected
    with np.errstate(over="ignore"):  # of rounding, where huge rows are equal
        variance = X.astype(np.float64).var(axis=0).mean()
        is_known = slack**2 < variance < np.inf
    if is_known:
        np.testing.assert_allclose(1 - score, -scores.mean() / variance, 1e-6, 1e-9)


@pytest.mark.slow
@given(numbers(), DTYPES, LAYOUTS)
@fuzz(60)
def test_any_finite_numbers_are_fitted(values, dtype, layout):
    plain = cast(values, dtype)
    # See test_float32_rows_near_the_smallest_number.
    assume(plain.dtype != np.float32 or not 0 < extremes(plain)[0] < 1e-36)
    estimator = estimator_of()
    error = refusal(
        lambda: estimator.fit(layout(plain)), estimator, r"\bX\b|finite|infinity"
    )
    plain = np.asarray(plain, None if plain.dtype.kind in "biuf" else float)
    if error is not None:
        assert not np.isfinite(plain.astype(float)).all() or may_be_refused(plain)
        return
    check_fit(estimator, plain)
    if isinstance(layout(plain), np.ndarray):
        codes = estimator.transform(plain)
        np.testing.assert_array_equal(estimator.transform(layout(plain)), codes)
        same = estimator_of().fit(plain.astype(np.float64))
        if plain.dtype != np.longdouble:
            np.testing.assert_array_equal(same.mean_, estimator.mean_)


@pytest.mark.slow
@given(numbers(), st.integers(-60, 60))
@fuzz(25)
def test_powers_of_two_change_nothing_but_the_unit(values, exponent):
    assume(not may_be_refused(values, values * 2.0**exponent))
    assume(extremes(values)[1] > 1e-140)
    estimator = estimator_of().fit(values)
    other = estimator_of().fit(values * 2.0**exponent)
    expected = estimator.transform(values) * 2.0**exponent
    codes = other.transform(values * 2.0**exponent)
    slack = rounding(values, estimator.mean_) * 2.0**exponent
    np.testing.assert_allclose(codes, expected, atol=slack, rtol=0)
    for weights, same in zip(
        estimator._fitted.weights, other._fitted.weights, strict=True
    ):
        np.testing.assert_array_equal(weights, same)


@pytest.mark.slow
@given(numbers(), st.integers(0, 9))
@fuzz(25)
def test_no_worse_than_pca_on_the_rows_that_judge(X, seed):
    assume(not may_be_refused(X))
    estimator = estimator_of(epochs=2, random_state=seed).fit(X, X_val=X)
    centred = X - X.mean(axis=0)
    with np.errstate(all="ignore"):  # of rows that are all equal
        pca = PCA(min(2, *X.shape)).fit(centred)
    at_best = root_mean_square(centred - pca.inverse_transform(pca.transform(centred)))
    error = root_mean_square(X - estimator.reconstruct(X))
    assert error <= at_best * (1 + 1e-5) + rounding(X, X.mean(axis=0))
    assert estimator.best_loss_ <= estimator.initial_loss_


@pytest.mark.slow
@given(numbers(most_rows=12), st.data())
@fuzz(25)
def test_weights_are_numbers_of_rows_in_any_order(X, data):
    assume(not may_be_refused(X))
    counts = data.draw(hnp.arrays(int, len(X), elements=st.integers(0, 3)))
    assume(np.count_nonzero(counts) > 1)
    order = np.random.RandomState(0).permutation(counts.sum())
    repeated = np.repeat(X, counts, axis=0)[order]
    weighted = estimator_of().fit(X, sample_weight=counts)
    same = estimator_of().fit(repeated)
    np.testing.assert_array_equal(weighted.transform(X), same.transform(X))


@pytest.mark.slow
@given(
    hnp.arrays(float, 12, elements=st.floats(0, allow_infinity=False)),
    numbers(shape=(5, 3)),
    st.sampled_from(["auto", 1]),
)
@fuzz(25)
def test_any_weights_and_any_rows_that_judge(weights, X_val, batch_size):
    estimator = estimator_of(batch_size=batch_size)
    error = refusal(
        lambda: estimator.fit(USUAL, sample_weight=weights, X_val=X_val),
        estimator,
        "(?i)sample.weight|loss was not finite",
    )
    if error is None:
        check_fit(estimator, USUAL)
    elif "loss" in str(error):
        assert extremes(X_val)[0] > 1e15
    else:
        assert np.count_nonzero(weights) < 2 or weights.max() > 1e306


SPOILERS = [np.nan, np.inf, -np.inf]


@pytest.mark.slow
@given(
    st.sampled_from([AutoencoderTransformer, DenoisingAutoencoder, VAETransformer]),
    st.sampled_from(["X", "X_val", "sample_weight"]),
    st.sampled_from(SPOILERS),
    st.sampled_from(["float16", "float32", "float64", "object", "Float64"]),
    st.integers(0, 29),
    st.integers(0, 2),
)
@fuzz(40)
def test_what_is_not_finite_is_named(cls, where, spoiler, dtype, row, column):
    X = np.random.RandomState(0).randn(30, 3)
    given_ = {"X": X, "X_val": X.copy(), "sample_weight": np.ones((30, 1))}
    spoilt = given_[where].copy()
    spoilt[row, column % spoilt.shape[1]] = spoiler
    given_[where] = pd.DataFrame(spoilt).astype(dtype)
    given_["sample_weight"] = np.asarray(given_["sample_weight"])[:, 0]
    given_ = {name: np.asarray(array) for name, array in given_.items()}
    estimator = estimator_of(cls)
    error = refusal(lambda: estimator.fit(**given_), estimator, where)
    assert error is not None
    assert re.search("NaN|infinity", str(error))


SHAPES = st.one_of(
    hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
    st.tuples(st.integers(0, 40), st.sampled_from([3, 6])),
)


@pytest.mark.slow
@given(st.sampled_from(["fit", "transform", "inverse_transform"]), SHAPES)
@fuzz(60)
def test_any_shape_is_taken_or_explained(method, shape):
    X = np.random.RandomState(0).randn(*shape)
    usual = np.random.RandomState(0).randn(30, 6)
    estimator = estimator_of()
    fits = method == "fit"
    if fits:
        # Three architectures at most are compiled.
        n_features = int(np.prod(shape[1:]))
        assume(len(shape) < 2 or n_features in (0, 1, 3, 6) or shape[0] < 2)
    else:
        estimator.fit(usual)
    call = getattr(estimator, method)
    words = r"\bX\b|array|sample|feature"
    error = refusal(lambda: call(X), estimator, words)
    right = {
        "fit": len(shape) > 1 and len(X) > 1 and X.size > 0,
        "transform": len(shape) == 2 and shape[1] == 6 and len(X) > 0,
        "inverse_transform": len(shape) == 2 and shape[1] == 2 and len(X) > 0,
    }
    assert (error is None) == right[method], error
    if error is None and fits:
        assert estimator.sample_shape_ == shape[1:]
        assert estimator.reconstruct(X).shape == shape
        flat = estimator.transform(X.reshape(len(X), -1))
        np.testing.assert_array_equal(flat, estimator.transform(X))


USUAL = np.random.RandomState(0).randn(12, 3)
ODD = {
    "CSR": csr_array(USUAL),
    "COO": csr_array(USUAL).tocoo(),
    "complex": USUAL + 1j,
    "numbers as text": USUAL.astype(str),
    "numbers as bytes": USUAL.astype(bytes),
    "text": np.array([["a", "b", "c"]] * 12),
    "array of None": np.full((12, 3), None),
    "array of containers": np.array([[{}, set(), ...]] * 12, dtype=object),
    "dates": np.full((12, 3), np.datetime64("2020-01-01")),
    "durations": np.full((12, 3), np.timedelta64(3, "s")),
    "records": np.zeros(12, dtype=[("a", float), ("b", int)]),
    "masked array": np.ma.masked_less(USUAL, 0),
    "frame": pd.DataFrame(USUAL, columns=list("abc")),
    "frame of mixed names": pd.DataFrame(USUAL, columns=[0, "b", "c"]),
    "frame of one name twice": pd.DataFrame(USUAL, columns=list("aab")),
    "nullable floats": pd.DataFrame(USUAL).astype("Float64"),
    "nullable float32": pd.DataFrame(USUAL).astype("Float32"),
    "nullable integers": pd.DataFrame(USUAL).round().astype("Int64"),
    "nullable booleans": pd.DataFrame(USUAL > 0).astype("boolean"),
    "missing values": pd.DataFrame(USUAL).astype("Float64").mask(USUAL > 1),
    "categories": pd.DataFrame(USUAL).astype("category"),
    "frame with text": pd.DataFrame({"a": USUAL[:, 0], "b": ["x"] * 12}),
    "empty frame": pd.DataFrame({"a": [], "b": []}),
    "series": pd.Series(USUAL[:, 0]),
    "polars": pl.DataFrame(USUAL, schema=list("abc"), orient="row"),
    "polars with text": pl.DataFrame({"a": ["x", "y"], "b": [1, 2]}),
    "polars with null": pl.DataFrame({"a": [None, 1.0, 2.0], "b": [1, 2, 3]}),
    "tensor": keras.ops.convert_to_tensor(USUAL),
    "ragged": [[1, 2], [3]],
    "cube": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
    "ragged cube": [[[1, 2], [3, 4]], [[5, 6], [7]]],
    "empty list": [],
    "an empty row": [[]],
    "empty rows": [[], []],
    "empty tuple": (),
    "dict": {},
    "dict of columns": {"a": [1, 2]},
    "set": {1, 2},
    "range": range(3),
    "iterator": iter([[1, 2], [3, 4]]),
    "None": None,
    "number": 3,
    "word": "X",
    "bytes": b"X",
    "class": object,
    "object": object(),
    "ellipsis": ...,
    "NaN": np.nan,
    "memory": memoryview(USUAL),
    "rows of None": [None, None],
    "a None": [[None, 1], [2, 3]],
    "lists of digits": [["1", "2"], ["3", "4"]],
    "lists with text": [[1, 2], [3, "x"]],
    "beyond float64": [[10**400, 1], [1, 2]],
    "beyond int64": [[10**30, 1], [1, 2]],
    "list of arrays": [USUAL[0], USUAL[1]],
    "list of series": [pd.Series(USUAL[0]), pd.Series(USUAL[1])],
}
# What scikit-learn says of things that are no table of numbers.
SAYS_WHAT = (
    r"(?i)\bX\b|X_val|sample.?weight|array|sample|feature|convert|numeric|sparse"
    r"|not fitted|must be real|float|complex|unique|dtype|names|number|too large"
)
ODD_EXAMPLES_WARN = pytest.mark.filterwarnings(
    "ignore:.*(masked|matrix|Creating an ndarray|feature names|too large)"
)


@ODD_EXAMPLES_WARN
@pytest.mark.parametrize("where", ["X", "X_val", "sample_weight"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_odd_objects_are_taken_or_explained(where, odd):
    given_ = {"X": USUAL, where: odd}
    estimator = estimator_of()
    error = refusal(lambda: estimator.fit(**given_), estimator, SAYS_WHAT)
    if error is None:
        origin = np.zeros((1, estimator.n_features_in_))
        assert np.isfinite(estimator._fitted.encode(origin)).all()


@pytest.fixture(scope="module")
def usual_fit():
    return estimator_of().fit(USUAL)


@ODD_EXAMPLES_WARN
@pytest.mark.parametrize(
    "method", ["transform", "reconstruct", "score", "inverse_transform"]
)
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_odd_objects_are_mapped_or_explained(usual_fit, method, odd):
    call = getattr(usual_fit, method)
    refusal(lambda: call(odd), usual_fit, SAYS_WHAT)


NESTED = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@given(st.sampled_from(["fit", "transform", "score", "inverse_transform"]), NESTED)
@fuzz(100)
def test_nested_lists_are_taken_or_explained(method, nested):
    estimator = estimator_of()
    if method != "fit":
        estimator.fit(USUAL)
    call = getattr(estimator, method)
    refusal(lambda: call(nested), estimator, SAYS_WHAT)


# Parameters

HUGE = 2**62
ANYTHING = [
    *[None, True, False, 0, 1, 2, -1, HUGE, 10**30, 0.0, 0.5, 1.0, 1.5, -0.5],
    *[1e-300, 1e300, np.nan, np.inf, -np.inf, np.float32(0.5), np.bool_(True)],
    *[np.int8(2), np.uint64(3), np.array(2), np.array([2, 3]), 2j, b"auto"],
    *["auto", "", "no", np.str_("auto"), "linear", "glu", "threshold", "adam", "mse"],
    *[(), [], (2,), [2], (0,), (-1, -6), (2.5,), ("a",), (True,), (None,), [[2]]],
    *[(HUGE,), (10**30,), (6, 1), (2, 3, 1), (1, 1, 1, 1), {}, {2}, range(2)],
    *[object, len, ..., np.random.RandomState(0), np.random.default_rng(0)],
    *[DenseNetwork, DenseNetwork("wide"), DenseNetwork((2,), activation="glu")],
    *[
        ConvNetwork((2,), bottleneck="spatial"),
        RecurrentNetwork(0),
        CustomNetwork(1, 2),
    ],
    *[keras.optimizers.SGD, keras.layers.Dense(2), keras.activations.relu],
    *[keras.callbacks.Callback(), [3], (keras.callbacks.Callback,), [None]],
]
# With these a fit takes as long as they say, or they are values for any estimator.
LONG = {("epochs", HUGE), ("epochs", 10**30), ("n_layers", HUGE), ("n_layers", 10**30)}
# Checks of a network name its own parameters.
OF_NETWORKS = "hidden_layer_sizes|activation|units|encoder|bottleneck"
UNIT = np.random.RandomState(0).rand(12, 6)


def is_refused_by_constraints(estimator):
    try:
        estimator._validate_params()
    except ValueError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("cls", ESTIMATORS)
@given(st.data())
@fuzz(150)
def test_any_value_of_a_parameter_is_taken_or_named(cls, data):
    name = data.draw(st.sampled_from(sorted(cls._parameter_constraints)))
    value = data.draw(st.sampled_from(ANYTHING))
    estimator = estimator_of(cls, **{name: value})
    refused = is_refused_by_constraints(estimator)
    event("refused by constraints" if refused else "taken by constraints")
    if not refused:
        # What is taken is compiled, which takes a second.
        wrong = isinstance(value, tuple | list | str | int) and name in CHECKED_LATER
        assume(wrong or WISHED)
        assume(not (isinstance(value, int) and (name, value) in LONG))
    words = rf"{name}|loss was not finite|{OF_NETWORKS}"
    with contextlib.redirect_stdout(io.StringIO()):
        error = refusal(lambda: estimator.fit(UNIT), estimator, words)
    assert error is not None or not refused
    if refused:
        assert name in str(error)
    if error is None:
        assert np.isfinite(estimator.transform(UNIT)).all()
        assert np.isfinite(estimator.reconstruct(UNIT)).all()


# Not by constraints alone.
CHECKED_LATER = {"image_shape", "sequence_shape", "optimizer", "callbacks"}
RIGHT = {
    "encoding_dim": [2, 1, np.int64(2), True, 0.5, np.float32(0.9), "auto", None],
    "whiten": [False, True],
    "nested_dropout": [False, True],
    "missing_values": ["error", "allow"],
    "hidden_layer_sizes": [(4,), [4], 4, np.int8(4)],
    "code_activation": ["linear", "relu", "tanh", "sigmoid"],
    "l1_activity": [0.0, 0, 1e-3, 1e-300, 1e30],
    "loss": ["mse", "binary_crossentropy", "poisson", keras.losses.Huber()],
    "init": ["auto", "pca", "random"],
    "optimizer": ["auto", "sgd", keras.optimizers.SGD(0.1)],
    "learning_rate": ["auto", 1e-300, 1e-3, 1, 1e30, 1e300],
    "learning_rate_schedule": ["cosine", "constant"],
    "batch_size": ["auto", 1, 5, 12, HUGE],
    "epochs": [1, 2, np.int64(2), True],
    "validation_fraction": ["auto", 0, 0.0, 1e-300, 0.5, 1 - 1e-16],
    "early_stopping": [True, False, np.bool_(True)],
    "patience": ["auto", 1, HUGE],
    "callbacks": [None, [], ()],
    "warm_start": [False, True],
    "random_state": [0, 2**32 - 1, None, np.int64(3), np.random.RandomState(0)],
    "verbose": [0, False, 1],
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The codes explain")
@given(
    st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) for name, values in RIGHT.items()}
    )
)
@fuzz(15)
def test_right_values_work_in_any_company(parameters):
    estimator = estimator_of(**parameters)
    with contextlib.redirect_stdout(io.StringIO()):
        words = "loss was not finite|needs a dense code|leaves none"
        error = refusal(lambda: estimator.fit(UNIT), estimator, words)
    if error is not None and "needs a dense code" in str(error):
        assert parameters["code_activation"] != "linear"
        return
    if error is not None and "leaves none" in str(error):
        assert parameters["encoding_dim"] == "auto"
        return
    if error is not None:
        # Beyond float32: no start is finite.
        assert parameters["l1_activity"] == 1e30
        return
    check_fit(estimator, UNIT)
    if estimator.best_loss_ is not None:
        assert estimator.best_loss_ <= estimator.initial_loss_


# Sequences of calls

BANK = np.random.RandomState(0).randn(40, 3) @ np.diag([3.0, 2.0, 1.0])
PROBE = BANK[:7]
BAD_ROWS = {
    "NaN": np.where(np.arange(21).reshape(7, 3) == 4, np.nan, PROBE),
    "one feature less": PROBE[:, :2],
    "one feature more": np.hstack([PROBE, PROBE])[:, :4],
    "a cube": np.ones((4, 3, 1)),
    "one axis": PROBE[0],
    "no rows": PROBE[:0],
    "text": PROBE.astype(str),
    "None": None,
}
BAD_PARAMETERS = {
    "encoding_dim": -1,
    "epochs": 0.5,
    "batch_size": "all",
    "learning_rate": np.nan,
    "validation_fraction": 1.0,
    "optimizer": "no",
    "callbacks": [3],
    "loss": "mae",
    "init": None,
}
CALLS_THAT_FIT = st.sampled_from(["fit", "partial_fit"])
METHODS = "transform", "inverse_transform", "reconstruct", "score", "score_samples"


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def answers(estimator):
    """Return what each method says of the same rows."""
    codes = estimator.transform(PROBE)
    return {
        "transform": codes,
        "inverse_transform": estimator.inverse_transform(codes),
        "reconstruct": estimator.reconstruct(PROBE),
        "score": estimator.score(PROBE),
        "score_samples": likelihoods(estimator),
    }


def likelihoods(estimator):
    """Return the scores of rows, or why there are none: squares end in float32."""
    try:
        return estimator.score_samples(PROBE)
    except ValueError as error:
        message = str(error)
    assert "so far beyond those of the fit" in message
    return message


def assert_same_answers(one, other):
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


class Calls(RuleBasedStateMachine):
    """An estimator in the hands of somebody who tries everything, in any order.

    Only a fit that succeeds changes what the methods say.
    """

    @initialize(
        cls=st.sampled_from(
            [AutoencoderTransformer, DenoisingAutoencoder, VAETransformer]
        )
    )
    def begin(self, cls):
        self.estimator = estimator_of(cls)
        self.expected = None
        self.probe = PROBE
        self.interrupted = False

    def teardown(self):
        if hasattr(self, "estimator"):
            self.says_what_it_said()

    def is_fitted(self):
        return self.expected is not None

    @invariant()
    def is_fitted_when_it_was(self):
        if hasattr(self, "estimator"):
            assert hasattr(self.estimator, "n_iter_") == self.is_fitted()

    def says_what_it_said(self):
        if self.is_fitted():
            assert_same_answers(answers(self.estimator), self.expected)
            return
        for method in METHODS:
            with pytest.raises(NotFittedError):
                getattr(self.estimator, method)(PROBE)

    def learned(self):
        self.expected = answers(self.estimator)
        check_fit(self.estimator, self.probe)

    @rule(
        n_rows=st.integers(2, 40),
        scale=st.sampled_from([1.0, 1.0, 1e-20, 1e20]),
        is_weighted=st.booleans(),
    )
    def fit(self, n_rows, scale, is_weighted):
        X = scale * BANK[:n_rows]
        weights = np.arange(1, n_rows + 1) if is_weighted else None
        anew = not self.estimator.warm_start or not self.is_fitted()
        error = refusal(
            lambda: self.estimator.fit(X, sample_weight=weights),
            self.estimator,
            "warm_start|loss was not finite",
        )
        assert error is None or not anew
        if error is None and anew:
            same = clone(self.estimator).fit(X, sample_weight=weights)
            np.testing.assert_array_equal(same.mean_, self.estimator.mean_)
            assert_same_answers(answers(same), answers(self.estimator))
        if error is None:
            self.probe = scale * PROBE
            self.learned()

    @rule(start=st.integers(0, 20), n_rows=st.integers(2, 20))
    def partial_fit(self, start, n_rows):
        X = BANK[start : start + n_rows]
        same = pickle.loads(pickle.dumps(self.estimator))
        units = getattr(self.estimator, "mean_", X.mean(axis=0))
        error = refusal(
            lambda: self.estimator.partial_fit(X), self.estimator, "warm_start|finite"
        )
        assert error is None or self.is_fitted()
        if error is None:
            np.testing.assert_allclose(self.estimator.mean_, units)
            assert_same_answers(answers(same.partial_fit(X)), answers(self.estimator))
            self.learned()

    @rule(
        changes=st.fixed_dictionaries(
            {},
            optional={
                "encoding_dim": st.sampled_from([1, 2]),
                "random_state": st.integers(0, 3),
                "epochs": st.integers(1, 2),
                "batch_size": st.sampled_from(["auto", 1, 7]),
                "validation_fraction": st.sampled_from(["auto", 0, 0.5]),
                "warm_start": st.booleans(),
                "loss": st.sampled_from(["mse", "mse", "binary_crossentropy"]),
            },
        )
    )
    def set_params(self, changes):
        assert self.estimator.set_params(**changes) is self.estimator
        assert changes.items() <= self.estimator.get_params().items()
        self.says_what_it_said()
        # Rows here are not in [0, 1].
        self.estimator.set_params(loss="mse")

    @rule(name=st.sampled_from(sorted(BAD_PARAMETERS)), call=CALLS_THAT_FIT)
    def wrong_parameter(self, name, call):
        if call == "partial_fit" and self.is_fitted():
            return  # see test_a_later_partial_fit_names_a_wrong_parameter
        right = self.estimator.get_params()[name]
        self.estimator.set_params(**{name: BAD_PARAMETERS[name]})
        fit = getattr(self.estimator, call)
        assert refusal(lambda: fit(BANK), self.estimator, name) is not None
        self.says_what_it_said()
        self.estimator.set_params(**{name: right})

    @rule(
        rows=st.sampled_from(sorted(BAD_ROWS)),
        call=st.sampled_from([*METHODS, "fit", "partial_fit"]),
    )
    def wrong_rows(self, rows, call):
        anew = call == "fit" and not (self.estimator.warm_start and self.is_fitted())
        anew = anew or (call == "partial_fit" and not self.is_fitted())
        if anew and rows in ("one feature less", "one feature more", "a cube"):
            return  # right then
        if call == "inverse_transform" and rows == "one feature less":
            return  # has as many columns as there may be codes
        method = getattr(self.estimator, call)
        error = refusal(lambda: method(BAD_ROWS[rows]), self.estimator, SAYS_WHAT)
        assert error is not None
        self.says_what_it_said()

    @rule(call=CALLS_THAT_FIT)
    @precondition(lambda self: not self.interrupted)
    def interrupt(self, call):
        self.interrupted = True  # once, since callbacks have networks compiled anew
        self.estimator.set_params(callbacks=[Interrupt()])
        before = dict(vars(self.estimator))
        with contextlib.suppress(ValueError), pytest.raises(KeyboardInterrupt):
            getattr(self.estimator, call)(BANK)
        assert vars(self.estimator).keys() == before.keys()
        assert all(vars(self.estimator)[name] is before[name] for name in before)
        self.estimator.set_params(callbacks=None)
        self.says_what_it_said()

    @rule()
    def clone(self):
        copied = clone(self.estimator)
        assert repr(copied) == repr(self.estimator)
        assert vars(copied).keys() == copied.get_params(deep=False).keys()

    @rule(how=st.sampled_from(["pickle", "deepcopy", "file"]))
    def go_on_with_a_copy(self, how):
        original = self.estimator
        if how == "pickle":
            self.estimator = pickle.loads(pickle.dumps(original))
        elif how == "deepcopy":
            self.estimator = copy.deepcopy(original)
        else:
            self.estimator = saved_and_loaded(original)
        assert repr(self.estimator) == repr(original)
        assert vars(self.estimator).keys() == vars(original).keys()
        self.says_what_it_said()

    @rule()
    @precondition(lambda self: self.is_fitted())
    def names(self):
        cls = type(self.estimator).__name__.lower()
        n_codes = self.estimator.encoding_dim_
        expected = [f"{cls}{i}" for i in range(n_codes)]
        assert self.estimator.get_feature_names_out().tolist() == expected

    @rule()
    @precondition(lambda self: self.is_fitted())
    def rows_do_not_see_each_other(self):
        codes = [self.estimator.transform(row[None])[0] for row in PROBE]
        np.testing.assert_array_equal(codes, self.expected["transform"])


# At the edges of floats and integers


@pytest.mark.parametrize("scale", [1e-40, 1e-44])
def test_float32_rows_near_the_smallest_number(scale):
    X = (scale * BANK).astype(np.float32)
    assert np.isfinite(estimator_of().fit(X).transform(X)).all()


@pytest.mark.parametrize("scale", [1e-60, 1e60])
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_float32_rows_at_a_scale_beyond_float32(scale):
    estimator = estimator_of().fit(scale * BANK)
    assert np.isfinite(estimator.transform(np.zeros((2, 3), np.float32))).all()


@pytest.mark.parametrize("factor", [1e20, 1e40, 1e140])
def test_rows_far_beyond_those_of_the_fit_are_mapped_or_refused(factor):
    estimator = estimator_of().fit(BANK)
    for method in ("transform", "reconstruct", "score_samples", "score"):
        call = getattr(estimator, method)
        found = []
        error = refusal(lambda: found.append(call(factor * BANK)), estimator, "X")  # noqa: B023
        assert error is not None or np.isfinite(found[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes",
    [
        {"batch_size": np.int8(2)},
        {"batch_size": np.uint64(3)},
        {"batch_size": True},
        {"epochs": np.int8(100), "batch_size": 1},
    ],
)
def test_sizes_of_any_integer_type(sizes):
    given_ = estimator_of(**sizes).fit(np.tile(BANK, (5, 1)) + np.arange(200)[:, None])
    usual = {name: int(size) for name, size in sizes.items()}
    same = estimator_of(**usual).fit(np.tile(BANK, (5, 1)) + np.arange(200)[:, None])
    assert_same_answers(answers(given_), answers(same))


@pytest.mark.parametrize("name", sorted({*BAD_PARAMETERS} - CHECKED_LATER))
def test_a_later_partial_fit_names_a_wrong_parameter(name):
    estimator = estimator_of().partial_fit(BANK)
    estimator.set_params(**{name: BAD_PARAMETERS[name]})
    error = refusal(lambda: estimator.partial_fit(BANK), estimator, name)
    assert error is not None


def saved_and_loaded(estimator):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "estimator.skae"
        estimator.save(path)
        return skae.load(path)


@pytest.mark.slow
def test_any_sequence_of_calls():
    run_state_machine_as_test(
        Calls, settings=settings(fuzz(12), stateful_step_count=15)
    )
