"""The report of a comparison: a folder that a browser opens."""

import csv
import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA

import skae
from skae import AutoencoderTransformer

X, y = load_iris(return_X_y=True)
NAMES = load_iris().target_names


class Page(HTMLParser):
    """What a page is made of: its text, and all that it refers to."""

    def __init__(self, text):
        super().__init__()
        self.text, self.resources, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.resources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def comparison():
    estimators = {
        "<b>Ours/1": AutoencoderTransformer(epochs=1, random_state=0),
        "foreign": PCA(),
    }
    how = {"encoding_dims": [2, 3], "n_splits": 2}
    return skae.compare(X, NAMES[y], estimators=estimators, **how)


@pytest.fixture(scope="module")
def folder(comparison, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "new" / "report"
    assert comparison.save(folder, "iris & <co>") == folder / "index.html"
    return folder


@pytest.fixture
def page(folder):
    return Page((folder / "index.html").read_text("utf-8"))


def test_page_has_verdict_table_plots_and_how_it_was_measured(comparison, page):
    text = "".join(page.text)
    for line in comparison.verdict.splitlines():
        assert line in text
    for line in comparison.table().itertuples():
        assert f"{line.relative_error:.3f}±{line.relative_error_std:.3f}" in text
    assert "iris & <co>" in text
    assert "120 fitted, 30 measured on" in text
    assert "standard deviation over the splits" in text


def test_page_is_whole_and_needs_nothing_from_elsewhere(folder, page):
    assert page.open == []
    assert page.resources == ["measures.png", "maps.png"]
    for name in page.resources:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    text = (folder / "index.html").read_text("utf-8")
    assert not re.search(r"//|@import|<script", text)


def test_tables_have_means_and_every_measurement(comparison, folder):
    with (folder / "splits.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["error"]) for row in rows] == [row.error for row in comparison]
    with (folder / "table.csv").open(newline="", encoding="utf-8") as file:
        means = [float(row["accuracy"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(means, comparison.table()["accuracy"])


def test_own_estimators_of_the_first_split_can_be_loaded(comparison, folder, page):
    saved = sorted(path.name for path in (folder / "estimators").iterdir())
    assert saved == ["_b_Ours_1-2.skae", "_b_Ours_1-3.skae"]
    loaded = skae.load(folder / "estimators" / saved[1])
    fitted = comparison.estimators["<b>Ours/1", 3]
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))
    assert f"estimators/{saved[0]}" in "".join(page.text)


def test_an_earlier_report_is_replaced_and_the_rest_of_the_folder_stays(tmp_path):
    how = {"encoding_dims": 1, "n_splits": 1}
    ours = AutoencoderTransformer(epochs=1, random_state=0)
    skae.compare(X, estimators=ours, **how).save(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    skae.compare(X, estimators={}, tsne=False, **how).save(tmp_path, "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "estimators",
        "index.html",
        "measures.png",
        "notes.txt",
        "splits.csv",
        "table.csv",
    ]
    assert list((tmp_path / "estimators").iterdir()) == []
    assert "again" in (tmp_path / "index.html").read_text("utf-8")


def test_a_folder_of_something_else_is_left_alone(comparison, tmp_path):
    (tmp_path / "index.html").write_text("<p>my home page")
    with pytest.raises(ValueError, match="is not empty and holds no report"):
        comparison.save(tmp_path)
    assert (tmp_path / "index.html").read_text() == "<p>my home page"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_an_error(comparison, tmp_path):
    (tmp_path / "file").touch()
    for path in tmp_path / "file", tmp_path / "file" / "report":
        with pytest.raises(ValueError, match="cannot be written: Not a directory"):
            comparison.save(path)


def test_names_are_escaped(folder):
    text = (folder / "index.html").read_text("utf-8")
    assert "<b>" not in text
    assert html.escape("<b>Ours/1") in text
