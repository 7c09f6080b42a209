"""Tables that hypothesis makes come back as they were."""

import datetime

import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from polars.testing import assert_frame_equal as assert_polars_equal

from skae import TableEncoder

# Whole seconds: a float64 column holds those of millennia exactly.
EARLIEST, LATEST = datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)
times = st.datetimes(EARLIEST, LATEST).map(lambda t: t.replace(microsecond=0))
durations = st.integers(-(10**9), 10**9).map(lambda s: datetime.timedelta(seconds=s))
floats = st.integers(-(10**6), 10**6).map(lambda n: n / 1024)
texts = st.text(max_size=3)
letters = st.sampled_from("abcd")
small = st.integers(-128, 127)
whole = st.integers(-(2**50), 2**50)

# The values of a column, whether some may be missing, and its type.
PANDAS = {
    "float64": (floats, True, "float64"),
    "float32": (floats, True, "float32"),
    "Float64": (floats, True, "Float64"),
    "int64": (whole, False, "int64"),
    "uint8": (st.integers(0, 255), False, "uint8"),
    "Int8": (small, True, "Int8"),
    "bool": (st.booleans(), False, "bool"),
    "boolean": (st.booleans(), True, "boolean"),
    "category": (letters, True, pd.CategoricalDtype(list("dcbae"), ordered=True)),
    "category of numbers": (small, True, "category"),
    "category of times": (times, True, "category"),
    "string": (texts, True, "string"),
    "objects": (st.one_of(texts, st.booleans(), small), True, object),
    "integers as objects": (whole, True, object),
    "dates as objects": (times.map(datetime.datetime.date), True, object),
    "datetime64": (times, True, "datetime64[us]"),
    "datetime with zone": (times, True, pd.DatetimeTZDtype("us", "Europe/Berlin")),
    "timedelta64": (durations, True, "timedelta64[us]"),
    "period": (times, True, "period[D]"),
    "double[pyarrow]": (floats, True, "double[pyarrow]"),
    "int64[pyarrow]": (whole, True, "int64[pyarrow]"),
    "bool[pyarrow]": (st.booleans(), True, "bool[pyarrow]"),
    "large_string[pyarrow]": (texts, True, "large_string[pyarrow]"),
    "timestamp[us][pyarrow]": (times, True, "timestamp[us][pyarrow]"),
    "date32[day][pyarrow]": (times, True, "date32[day][pyarrow]"),
    "decimals of pyarrow": (
        st.decimals(-1000, 1000, places=2),
        True,
        pd.ArrowDtype(pa.decimal128(7, 2)),
    ),
    "dictionary of pyarrow": (
        letters,
        True,
        pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())),
    ),
    "intervals": (small.map(lambda n: pd.Interval(n, n + 1)), True, "interval"),
}
POLARS = {
    "Float64": (floats, True, pl.Float64),
    "Float32": (floats, True, pl.Float32),
    "Int64": (whole, True, pl.Int64),
    "Int8": (small, True, pl.Int8),
    "Boolean": (st.booleans(), True, pl.Boolean),
    "String": (texts, True, pl.String),
    "Categorical": (letters, True, pl.Categorical),
    "Enum": (letters, True, pl.Enum(list("dcbae"))),
    "Date": (times.map(datetime.datetime.date), True, pl.Date),
    "Datetime": (times, True, pl.Datetime("us")),
    "Datetime with zone": (times, True, pl.Datetime("ms", "Asia/Tokyo")),
    "Duration": (durations, True, pl.Duration("ms")),
    "Time": (times.map(datetime.datetime.time), True, pl.Time),
}


@st.composite
def columns(draw, kinds):
    """Draw names of kinds, and values for each; one in a column is never missing."""
    names = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, unique=True))
    n_rows = draw(st.integers(1, 8))
    drawn = {}
    for name in names:
        values, may_miss, dtype = kinds[name]
        gap = st.none() if may_miss else values
        rest = st.lists(
            st.one_of(values, gap), min_size=n_rows - 1, max_size=n_rows - 1
        )
        drawn[name] = [draw(values), *draw(rest)], dtype
    return drawn


@st.composite
def options(draw):
    return {
        "missing_values": draw(st.sampled_from(["allow", "category"])),
        "sparse_output": draw(st.booleans()),
        "categorical_scaling": draw(st.sampled_from(["famd", "unit_variance"])),
        "numeric_scaling": draw(st.sampled_from(["standard", "robust", "quantile"])),
    }


def pandas_column(values, dtype):
    if isinstance(dtype, pd.DatetimeTZDtype):
        utc = pd.Series(values, dtype=f"datetime64[{dtype.unit}]").dt.tz_localize("UTC")
        return utc.dt.tz_convert(dtype.tz)
    if str(dtype).startswith("period"):
        return pd.Series(pd.PeriodIndex(values, freq="D"))
    if str(dtype) == "date32[day][pyarrow]":
        values = [value and value.date() for value in values]
    return pd.Series(values, dtype=dtype)


def in_turn(frame, encoder):
    return encoder.inverse_transform(encoder.fit(frame).transform(frame))


drawn_often = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@drawn_often
@given(columns(PANDAS), options())
def test_frames_of_pandas_come_back(drawn, options):
    frame = pd.DataFrame({name: pandas_column(*of) for name, of in drawn.items()})
    again = in_turn(frame, TableEncoder(**options))
    assert_frame_equal(again, frame)


@drawn_often
@given(columns(POLARS), options())
def test_frames_of_polars_come_back(drawn, options):
    series = []
    for name, (values, dtype) in drawn.items():
        zone = getattr(dtype, "time_zone", None)
        column = pl.Series(name, values, pl.Datetime("ms") if zone else dtype)
        if zone:
            column = column.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        series.append(column)
    frame = pl.DataFrame(series)
    again = in_turn(frame, TableEncoder(**options))
    assert_polars_equal(again, frame)
