"""Containers of other libraries: what they hold beside numbers is seen, or refused."""

import datetime
import types

import ml_dtypes
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import tensorflow as tf
from helpers import correlated
from numpy.testing import assert_array_equal
from sklearn import config_context

from skae import AutoencoderTransformer
from skae._data.containers import checked, shape_of

X = correlated(6, 3)
DAY = datetime.date(2024, 1, 1)
STAMPS = pd.date_range("2024-01-01", periods=6)
FRAME = pd.DataFrame(X, columns=list("abc"))
TABLE = pl.DataFrame(X, schema=list("abc"), orient="row")

COLUMNS_OF_DATES = {
    "pandas": FRAME.assign(day=STAMPS),
    "time zone": FRAME.assign(day=STAMPS.tz_localize("UTC")),
    "durations": FRAME.assign(day=STAMPS - STAMPS[0]),
    "periods": FRAME.assign(day=STAMPS.to_period("D")),
    "objects": FRAME.assign(day=DAY),
    "categories": FRAME.assign(day=pd.Categorical(STAMPS)),
    "of pyarrow in pandas": FRAME.assign(
        day=pd.Series(STAMPS).astype("timestamp[ns][pyarrow]")
    ),
    "polars": TABLE.with_columns(day=pl.lit(DAY)),
    "times in polars": TABLE.with_columns(day=pl.lit(datetime.time(3))),
    "pyarrow": pa.table({"a": X[:, 0], "day": [DAY] * 6}),
    "batch of pyarrow": pa.RecordBatch.from_pydict({"a": X[:, 0], "day": [DAY] * 6}),
}


@pytest.mark.parametrize("frame", COLUMNS_OF_DATES.values(), ids=COLUMNS_OF_DATES)
def test_columns_of_dates_are_named(frame):
    with pytest.raises(TypeError, match="clean has dates or times in 'day', which are"):
        checked(frame, "clean")


VALUES_OF_DATES = {
    "array": X.astype("datetime64[D]"),
    "durations": X.astype("timedelta64[D]"),
    "objects": np.array([[1.0, np.datetime64("2024-01-01")]] * 2, dtype=object),
    "lists": [[1.0, DAY]] * 2,
    "lists of NumPy's": [[1.0, np.timedelta64(1, "D")]] * 2,
    "series": pd.Series(STAMPS),
}


@pytest.mark.parametrize("values", VALUES_OF_DATES.values(), ids=VALUES_OF_DATES)
def test_dates_among_values_are_refused(values):
    message = (
        r"X (holds dates or times|has the dtype (date|time).*), (which are no|not)"
    )
    with pytest.raises(TypeError, match=message):
        checked(values, "X")


NO_DATES = {
    "frame": FRAME,
    "nullable": FRAME.astype("Float64"),
    "objects": FRAME.astype(object),
    "table": TABLE,
    "pyarrow": pa.table({"a": X[:, 0]}),
    "lists": X.tolist(),
    "ragged": [[1], [2, 3]],
    "words": [["a"]],
    "nothing": None,
}


@pytest.mark.parametrize("values", NO_DATES.values(), ids=NO_DATES)
def test_all_else_is_left_as_it_is(values):
    assert checked(values, "X") is values


def test_rows_that_are_not_computed_yet_are_refused():
    with pytest.raises(TypeError, match=r"X_val is a LazyFrame, .* X_val.collect\(\)"):
        checked(TABLE.lazy(), "X_val")


@pytest.mark.parametrize(
    "values",
    [
        X.astype(ml_dtypes.bfloat16),
        X.astype(ml_dtypes.float8_e4m3fn),
        tf.cast(X, tf.bfloat16),
        np.zeros(6, dtype=[("a", float), ("b", int)]),
    ],
    ids=["bfloat16", "float8", "tensor", "records"],
)
def test_types_that_numpy_does_not_have_are_refused(values):
    with pytest.raises(TypeError, match=r"X has the dtype .*, which is none of"):
        checked(values, "X")


def test_tensors_are_read_unless_their_kind_is_asked_for():
    tensor = tf.constant(X)
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(), epochs=1).fit(X)
    assert_array_equal(fitted.transform(tensor), fitted.transform(X))
    # As `config_context` does, without its demand for SciPy's environment variable.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "skae._data.containers.get_config", lambda: {"array_api_dispatch": True}
        )
        for values in tensor, types.SimpleNamespace(shape=(6, 3), dtype="float32"):
            with pytest.raises(TypeError, match=r"X is a .*array_api_dispatch=True"):
                checked(values, "X")
        for values in X, FRAME, FRAME["a"], TABLE, TABLE["a"], X.tolist():
            assert checked(values, "X") is values


def test_masked_rows_in_a_list_keep_their_masks():
    masked = np.ma.masked_greater(X, X.mean())
    assert_array_equal(checked(list(masked), "X", True), masked.filled(np.nan))
    with pytest.raises(ValueError, match="X is a masked array with"):
        checked(list(masked), "X")
    assert_array_equal(checked([masked[0], X[1]], "X", True)[1], X[1])


@pytest.mark.parametrize(
    ("values", "shape"),
    [(X, (6, 3)), (X.tolist(), (6, 3)), (FRAME, (6, 3)), ([[1], [2, 3]], ()), (3, ())],
)
def test_shapes_of_arrays_and_lists(values, shape):
    assert shape_of(values) == shape


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_found_although_assumed_finite(value):
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=(), epochs=1)
    wrong = X.copy()
    wrong[2, 1] = value
    weights = np.where(np.arange(6) == 2, value, 1.0)
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(), epochs=1).fit(X)
    with config_context(assume_finite=True):
        for name, call in {
            "X": lambda: estimator.fit(wrong),
            "X_val": lambda: estimator.fit(X, X_val=wrong),
            "sample_weight": lambda: estimator.fit(X, sample_weight=weights),
        }.items():
            with pytest.raises(ValueError, match=rf"Input {name} contains"):
                call()
        for method in fitted.transform, fitted.score, fitted.inverse_transform:
            rows = wrong if method != fitted.inverse_transform else wrong[:, :2]
            with pytest.raises(ValueError, match="Input X contains"):
                method(rows)
