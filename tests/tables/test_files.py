"""Encoders as files: of every type of column, and refused if forged."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pandas.testing import assert_frame_equal
from polars.testing import assert_frame_equal as assert_polars_equal

import skae
from skae import TableEncoder
from skae._tables import encoder as encoder_module
from skae.exceptions import SavedFileError

MOMENT = pd.Timestamp("2020-02-29 12:00")
VALUES = {
    "float": [0.5, 1.5],
    "int": [3, 4],
    "bool": [True, False],
    "category": ["a", "b"],
    "text": ["a", "b"],
    "date": [MOMENT, MOMENT + pd.Timedelta("1h")],
    "duration": [pd.Timedelta("1h"), pd.Timedelta("2h")],
}


def pandas_frame():
    """Return columns of types that need a description of their own."""
    dates = pd.Series(VALUES["date"])
    zone = dates.dt.tz_localize("Europe/Berlin")
    pair = pd.interval_range(0, 2)
    return pd.DataFrame(
        {
            "Float64": pd.array(VALUES["float"], "Float64"),
            "double[pyarrow]": pd.array(VALUES["float"], "double[pyarrow]"),
            "Sparse": pd.arrays.SparseArray([0.0, 1.0]),
            "string": pd.array(VALUES["text"], "string"),
            "str": VALUES["text"],
            "string[pyarrow]": pd.Series(VALUES["text"], dtype=arrow_string()),
            "ordered": pd.Categorical(["a", "b"], list("bca"), ordered=True),
            "of dates": pd.Categorical(dates),
            "of zones": pd.Categorical(zone),
            "of durations": pd.Categorical(pd.to_timedelta(VALUES["duration"])),
            "of intervals": pd.Categorical(pair),
            "zone": zone,
            "period": pd.period_range("2020-01", periods=2, freq="M"),
            "dates of pyarrow": zone.astype("timestamp[us, tz=Asia/Tokyo][pyarrow]"),
            "decimals of pyarrow": pd.Series([1.5, 2.5]).astype(decimals()),
            "objects": np.array([1, "a"], object),
            "dates as objects": dates.dt.date.astype(object),
            "with a gap": np.array([pd.NA, 3], object),
        }
    )


def arrow_string():
    import pyarrow

    return pd.ArrowDtype(pyarrow.string())


def decimals():
    import pyarrow

    return pd.ArrowDtype(pyarrow.decimal128(7, 2))


def polars_frame():
    dates = pl.Series([MOMENT.to_pydatetime()] * 2, dtype=pl.Datetime("ms"))
    return pl.DataFrame(
        {
            "u8": pl.Series([1, 2], dtype=pl.UInt8),
            "decimal": pl.Series([1, 2]).cast(pl.Decimal(10, 2)),
            "bool": [True, None],
            "text": ["a", "b"],
            "category": pl.Series(["a", "b"], dtype=pl.Categorical),
            "enum": pl.Series(["a", "b"], dtype=pl.Enum(["b", "c", "a"])),
            "date": dates.cast(pl.Date),
            "zone": dates.dt.replace_time_zone("Asia/Tokyo"),
            "duration": pl.Series([1, 2]).cast(pl.Duration("us")),
            "time": dates.dt.time(),
        }
    )


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_file_has_all_types(name, tmp_path):
    frame = pandas_frame() if name == "pandas" else polars_frame()
    encoder = TableEncoder(missing_values="category").fit(frame)
    encoder.save(tmp_path / "encoder.skae")
    again = skae.load(tmp_path / "encoder.skae")
    rows = again.transform(frame)
    np.testing.assert_array_equal(rows, encoder.transform(frame))
    is_equal = assert_frame_equal if name == "pandas" else assert_polars_equal
    is_equal(again.inverse_transform(rows), frame)


def test_an_encoder_that_is_not_fitted_is_saved(tmp_path):
    TableEncoder(min_frequency=3).save(tmp_path / "encoder.skae")
    assert skae.load(tmp_path / "encoder.skae").min_frequency == 3


def test_values_that_are_no_data_are_not_saved(tmp_path):
    frame = pd.DataFrame({"a": np.array([frozenset("a"), frozenset("b")], object)})
    encoder = TableEncoder().fit(frame)
    with pytest.raises(TypeError, match="a column of the table cannot be saved"):
        encoder.save(tmp_path / "encoder.skae")
    with pytest.raises(TypeError, match="categorical_features cannot be saved"):
        TableEncoder(categorical_features=len).save(tmp_path / "encoder.skae")


FORGED = {
    "library": ("container", "library", "os"),
    "names": ("container", "names", ["a"]),
    "mode": ("missing_values", "drop"),
    "groups": ("columns", 1, "groups", np.array([0, 7])),
    "chosen": ("columns", 1, "chosen", np.array([0.5, 1.5])),
    "frequencies": ("columns", 1, "frequencies", np.array([0.0, 1.0])),
    "weight": ("columns", 1, "weight", 0.0),
    "pooled": ("columns", 1, "pooled", 9),
    "kind": ("columns", 0, "kind", "module"),
    "unit": ("columns", 2, "unit", "Y"),
    "step": ("columns", 2, "step", 0),
    "type": ("columns", 0, "dtype", {"pandas": "os"}),
    "a field": ("columns", 0, "more", 1),
    "scale": ("scaling", "scale", np.zeros(2)),
    "center": ("scaling", "center", np.zeros(9)),
    "quantiles": ("scaling", "mapped", np.array([True, False])),
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_forged_tables_are_refused(change, tmp_path, monkeypatch):
    frame = pd.DataFrame({name: VALUES[name] for name in ("float", "text", "date")})
    encoder = TableEncoder().fit(frame)

    def forged(table, plain=encoder_module.plain_table):
        state = copy.deepcopy(plain(table))
        *path, name, value = change
        part = state
        for step in path:
            part = part[step]
        part[name] = value
        return state

    monkeypatch.setattr(encoder_module, "plain_table", forged)
    encoder.save(tmp_path / "encoder.skae")
    with pytest.raises(SavedFileError, match="is not what skae"):
        skae.load(tmp_path / "encoder.skae")
