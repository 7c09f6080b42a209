"""Comparisons of tables with mixed columns: encoded, and scored by column."""

import functools

import numpy as np
import pandas as pd
import polars as pl
from compared import MeanOnly, X
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score
from sklearn.model_selection import ShuffleSplit

import skae
from skae import TableEncoder, compare
from skae.comparison._tables import is_mixed

FRAME = pd.DataFrame(X, columns=list("abcde")).assign(
    a=np.where(X[:, 0] > 3, "high", "low"),
    when=pd.Timestamp("2020-01-01") + pd.to_timedelta(np.rint(X[:, 1] * 9), unit="D"),
)


@functools.cache
def compared():
    how = {"encoding_dims": [1, 2], "n_splits": 2, "tsne": False}
    return compare(FRAME, estimators={"means": MeanOnly()}, **how)


def test_tables_are_told_by_their_types():
    assert is_mixed(FRAME)
    assert is_mixed(pl.from_pandas(FRAME))
    assert not is_mixed(FRAME.drop(columns=["a", "when"]).assign(f=True))
    assert not is_mixed(X)


def test_pca_is_that_of_the_encoded_training_rows():
    train, test = next(ShuffleSplit(1, test_size=0.2, random_state=0).split(X))
    encoder = TableEncoder().fit(FRAME.iloc[train])
    rows = encoder.transform(FRAME.iloc[test])
    pca = PCA(2).fit(encoder.transform(FRAME.iloc[train]))
    again = pca.inverse_transform(pca.transform(rows))
    found = [row for row in compared() if row.estimator == "PCA"][1]
    np.testing.assert_allclose(found.error, np.square(rows - again).mean())
    right = encoder.inverse_transform(again)["a"]
    scores = [s for s in compared().column_scores if s[:4] == ("PCA", 2, 0, "a")]
    (score,) = scores
    assert score.accuracy == accuracy_score(FRAME["a"].iloc[test], right)
    assert (score.kind, np.isnan(score.r2)) == ("category", True)


def test_each_column_has_a_line_for_each_estimator_and_size():
    table = compared().columns()
    assert len(table) == 2 * 2 * FRAME.shape[1]
    assert set(table["column"]) == set(FRAME.columns)
    means = table[table["estimator"] == "means"]
    assert (means["r2"].dropna() < 0.01).all()


def test_what_is_printed_tells_of_the_columns():
    text = str(compared())
    assert "60 rows of 6 columns, encoded as 7 features" in text
    line = next(line for line in text.splitlines() if line.split()[0:1] == ["when"])
    assert line.split()[1] == "date"


def test_a_report_has_the_columns_and_the_encoder(tmp_path):
    page = compared().save(tmp_path / "report")
    assert "<h2>By column</h2>" in page.read_text("utf-8")
    table = pd.read_csv(page.parent / "columns.csv")
    assert len(table) == len(compared().columns())
    encoder = skae.load(page.parent / "estimators" / "TableEncoder.skae")
    assert encoder.kinds_ == compared().encoder.kinds_


def test_an_earlier_report_of_a_table_is_replaced(tmp_path):
    compared().save(tmp_path / "report")
    numbers = compare(X, estimators={}, encoding_dims=1, n_splits=1, tsne=False)
    page = numbers.save(tmp_path / "report")
    assert not (page.parent / "columns.csv").exists()
    assert numbers.columns().empty


def test_missing_and_rare_values_are_no_obstacle():
    frame = FRAME.copy()
    frame.loc[::9, ["a", "b"]] = None
    frame.loc[5, "a"] = "once"
    frame = pl.from_pandas(frame)
    how = {"encoding_dims": 1, "n_splits": 3, "tsne": False}
    table = compare(frame, estimators={}, **how).columns()
    assert table["accuracy"].notna().sum() == 1


def test_columns_that_cannot_be_encoded_are_named():
    frame = FRAME.assign(name=[f"name {number}" for number in range(len(X))])
    ((column, reason),) = compare(
        frame, estimators={}, encoding_dims=1, n_splits=1, tsne=False
    ).conditions.left_out
    assert (column, reason.partition(",")[0]) == ("name", "free text or an identifier")
