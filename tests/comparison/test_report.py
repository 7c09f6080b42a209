"""The report of a comparison: a folder that a browser opens."""

import html
import os
import re
import shutil
import stat
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from compared import NAME, X, of_pca, with_ours

import skae
from skae import AutoencoderTransformer
from skae.comparison._report import check_folder
from skae.displays import EncodingDimDisplay


class Page(HTMLParser):
    """What a page is made of: its text, and all that it refers to."""

    def __init__(self, text):
        super().__init__()
        self.text, self.resources, self.narrow, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.resources += [value for name, value in attrs if name in ("src", "href")]
        self.narrow += [value for name, value in attrs if name == "srcset"]
        if tag not in ("meta", "img", "br", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "new" / "report"
    assert with_ours().save(folder, "iris & <co>") == folder / "index.html"
    return folder


@pytest.fixture
def page(folder):
    return Page((folder / "index.html").read_text("utf-8"))


def test_page_has_verdict_table_plots_and_how_it_was_measured(page):
    text = "".join(page.text)
    for line in with_ours().verdict.splitlines():
        assert line in text
    for line in with_ours().table().itertuples():
        assert f"{line.relative_error:.3f}±{line.relative_error_std:.3f}" in text
    assert "iris & <co>" in text
    assert "48 fitted, 12 measured on" in text
    assert "standard deviation over the splits" in text


def test_page_is_whole_and_needs_nothing_from_elsewhere(folder, page):
    assert page.open == []
    assert page.resources == ["measures.png", "maps.png"]
    for name in (*page.resources, *page.narrow):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    text = (folder / "index.html").read_text("utf-8")
    assert not re.search(r"//|@import|<script", text)


def test_names_are_escaped(folder):
    text = (folder / "index.html").read_text("utf-8")
    assert "<b>" not in text
    assert html.escape(NAME) in text


def test_tables_have_means_and_every_measurement(folder):
    splits = pd.read_csv(folder / "splits.csv")
    errors = [row.error for row in with_ours()]
    # Before pandas 3, the last digits may be others.
    np.testing.assert_allclose(splits["error"], errors, rtol=1e-13)
    table = pd.read_csv(folder / "table.csv")
    pd.testing.assert_frame_equal(table, with_ours().table())


def test_own_estimators_of_the_first_split_can_be_loaded(folder, page):
    (saved,) = (folder / "estimators").iterdir()
    assert saved.name == "_b_Ours_1-2.skae"
    codes = with_ours().estimators[NAME, 2].transform(X)
    np.testing.assert_array_equal(skae.load(saved).transform(X), codes)
    assert f"estimators/{saved.name}" in "".join(page.text)


def code_of(folder):
    text = (folder / "index.html").read_text("utf-8")
    return html.unescape(re.search(r"<pre><code>(.*)</code></pre>", text, re.S)[1])


def test_next_steps_can_be_pasted(tmp_path):
    """A table with an identifier, gaps, a category and dates as text."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(X, columns=list("abcde")).assign(
        id=range(60),
        kind=np.where(X[:, 1] > 3, "high", "low"),
        day=pd.date_range("2024-01-01", periods=60).strftime("%d.%m.%Y"),
    )
    frame.loc[rng.permutation(60)[:9], "b"] = np.nan
    how = {"encoding_dims": 2, "n_splits": 1, "tsne": False}
    tiny = {"hidden_layer_sizes": (8,), "epochs": 1, "missing_values": "allow"}
    estimators = AutoencoderTransformer(**tiny)
    skae.compare(frame, estimators=estimators, **how).save(tmp_path)
    names = {"table": frame}
    exec(code_of(tmp_path), names)
    assert names["codes"].shape == (60, 2)
    assert {"StandardScaler", "TableEncoder"} & set(names) == {"TableEncoder"}
    numbers = X * [1, 1, 1, 1, 1e5]
    skae.compare(numbers, estimators={}, **how).save(tmp_path)
    names = {"X": numbers}
    exec(code_of(tmp_path), names)
    np.testing.assert_allclose(names["again"].mean(axis=0), numbers.mean(axis=0))
    assert [name for name, _ in names["pipeline"].steps] == ["standardscaler", "pca"]
    scaling = pd.read_csv(tmp_path / "scaling.csv")
    assert scaling["scale"].iloc[4] > 1e4


def test_both_units_are_on_the_page(tmp_path):
    how = {"estimators": {}, "encoding_dims": 2, "n_splits": 1, "tsne": False}
    comparison = skae.compare(X, scale="both", **how)
    text = comparison.save(tmp_path).read_text("utf-8")
    assert "In the units of the columns" in text
    assert text.count('class="bars"') == 2


def test_an_earlier_report_is_replaced_and_the_rest_stays(tmp_path, folder):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "notes.txt").write_text("mine")
    how = {"encoding_dims": 1, "n_splits": 1, "tsne": False}
    skae.compare(X, estimators={}, **how).save(tmp_path, "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "estimators",
        "index.html",
        "measures-narrow.png",
        "measures.png",
        "notes.txt",
        "splits.csv",
        "table.csv",
    ]
    assert list((tmp_path / "estimators").iterdir()) == []
    assert "again" in (tmp_path / "index.html").read_text("utf-8")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "index.html").write_text("<p>my home page")
    with pytest.raises(ValueError, match="is not empty and holds no report"):
        of_pca().save(tmp_path)
    assert (tmp_path / "index.html").read_text() == "<p>my home page"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "name", ["index.html", "table.csv", "maps.png", "estimators", "estimators/a.skae"]
)
@pytest.mark.parametrize("kind", ["pipe", "link to nothing", "link to a pipe"])
def test_special_files_are_not_replaced(tmp_path, folder, name, kind):
    report, other = tmp_path / "report", tmp_path / "other"
    (report / "estimators").mkdir(parents=True)
    shutil.copy(folder / "index.html", report)
    path = report / name
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    if kind.startswith("link"):
        path.symlink_to(other)
    if kind.endswith("pipe"):
        os.mkfifo(other if path.is_symlink() else path)
    with pytest.raises(ValueError, match=r"is of another kind|holds no report"):
        of_pca().save(report)
    assert os.path.lexists(path)
    assert kind.endswith("pipe") or not other.exists()


def test_files_are_written_through_links_and_keep_their_modes(tmp_path, folder):
    report, elsewhere = tmp_path / "report", tmp_path / "elsewhere"
    shutil.copytree(folder, report)
    elsewhere.mkdir()
    names = [
        "index.html",
        "measures-narrow.png",
        "measures.png",
        "splits.csv",
        "table.csv",
    ]
    for name in names:
        (report / name).rename(elsewhere / name)
        (elsewhere / name).chmod(0o600)
        (report / name).symlink_to(elsewhere / name)
    (tmp_path / "other name").hardlink_to(elsewhere / "table.csv")
    of_pca().save(report, "again")
    for name in names:
        assert (report / name).is_symlink()
        assert stat.S_IMODE((elsewhere / name).stat().st_mode) == 0o600
        assert (elsewhere / name).read_bytes() != (folder / name).read_bytes()
    assert sorted(path.name for path in elsewhere.iterdir()) == names
    table = (elsewhere / "table.csv").read_bytes()
    assert (tmp_path / "other name").read_bytes() == table


def test_a_file_that_may_not_be_written_is_named(tmp_path, folder):
    report = tmp_path / "report"
    shutil.copytree(folder, report)
    (report / "table.csv").chmod(0o400)
    with pytest.raises(ValueError, match=r"table.csv cannot be written: Permission"):
        of_pca().save(report)
    assert (report / "table.csv").read_bytes() == (folder / "table.csv").read_bytes()


def test_without_matplotlib_nothing_is_fitted(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="A report has plots, which Matplotlib draws"):
        check_folder(tmp_path / "report")
    estimator = AutoencoderTransformer(2)
    monkeypatch.setattr(AutoencoderTransformer, "fit", None)
    with pytest.raises(ImportError, match="An EncodingDimDisplay has plots"):
        EncodingDimDisplay.from_estimator(estimator, X)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    for path in tmp_path / "file", tmp_path / "file" / "report":
        with pytest.raises(ValueError, match="cannot be written: Not a directory"):
            of_pca().save(path)
