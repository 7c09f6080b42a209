"""Files of rows and labels: what is read, and what each bad file is told."""

import gzip
import os
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skae.comparison._reading import read

FRAME = pd.DataFrame(
    {
        "length": [5.1, 4.9, 6.3, 5.8],
        "width": [3, 2, 1, 4],
        "species": ["setosa", "setosa", "virginica", "virginica"],
    }
)
NUMBERS = FRAME[["length", "width"]].to_numpy()


def csv_of(folder, text, encoding="utf-8"):
    path = folder / "data.csv"
    path.write_bytes(text.encode(encoding))
    return path


def refused(path, **options):
    """Read a file that cannot be used; return what is said, which is one line."""
    with pytest.raises(ValueError, match=r"\.") as caught:
        read(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize(
    "how",
    [
        {"sep": ","},
        {"sep": ";"},
        {"sep": "\t"},
        {"sep": ";", "decimal": ","},
        {"sep": "\t", "decimal": ","},
        {"encoding": "utf-8-sig"},  # a byte order mark
    ],
    ids=str,
)
def test_csv_gives_rows_and_labels(tmp_path, how):
    FRAME.to_csv(tmp_path / "data.csv", index=False, **how)
    data = read(tmp_path / "data.csv", label="species")
    assert_array_equal(data.X, NUMBERS)
    assert_array_equal(data.y, FRAME["species"])
    assert data.notes == []


def test_compressed_csv_is_read(tmp_path):
    path = tmp_path / "data.CSV.gz"
    path.write_bytes(gzip.compress(FRAME.to_csv(index=False).encode()))
    assert_array_equal(read(path, label="species").X, NUMBERS)
    path.write_bytes(path.read_bytes()[:-12])
    assert "cannot be read" in refused(path)


def test_latin_1_is_read_with_a_note(tmp_path):
    path = csv_of(tmp_path, "Größe,Art\n1,Rübe\n2,Rübe\n", "latin-1")
    data = read(path, label="Art")
    assert_array_equal(data.X, [[1], [2]])
    assert_array_equal(data.y, ["Rübe", "Rübe"])
    assert "was read as Latin-1" in data.notes[0]


@pytest.mark.parametrize(
    ("text", "expected"), [("0,0,1,1", [0, 0, 1, 1]), ("no,no,yes,yes", None)]
)
def test_label_may_be_any_column_of_whole_numbers_or_text(tmp_path, text, expected):
    labels = text.split(",")
    lines = [f"{n},{label},{n + 1}\n" for n, label in enumerate(labels)]
    data = read(csv_of(tmp_path, "a,b,c\n" + "".join(lines)), label="b")
    assert_array_equal(data.X, [[0, 1], [1, 2], [2, 3], [3, 4]])
    assert_array_equal(data.y, expected or labels)
    assert data.y.dtype.kind == ("i" if expected else "U")


def test_index_that_pandas_writes_is_no_feature(tmp_path):
    FRAME[["length", "width"]].to_csv(tmp_path / "data.csv")
    data = read(tmp_path / "data.csv")
    assert_array_equal(data.X, NUMBERS)
    assert "left out as an index" in data.notes[0]


def test_parquet_gives_rows_and_labels(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "data.parquet"
    FRAME.astype({"width": "Int64", "species": "category"}).to_parquet(path)
    data = read(path, label="species")
    assert_array_equal(data.X, NUMBERS)
    assert_array_equal(data.y, FRAME["species"])


def test_npy_of_images_gives_flat_rows(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    np.save(tmp_path / "images.npy", images)
    data = read(tmp_path / "images.npy")
    assert_array_equal(data.X, images.reshape(4, 6))
    assert data.X.dtype == np.uint8
    assert data.y is None


@pytest.mark.parametrize(
    ("names", "key", "expected"),
    [
        (["X", "y"], None, "X"),
        (["x", "y", "other"], None, "x"),
        (["rows", "y"], None, "rows"),
        (["x_train", "x_test", "y"], "x_test", "x_test"),
    ],
)
def test_npz_gives_the_array_of_rows(tmp_path, names, key, expected):
    path = tmp_path / "data.npz"
    arrays = {name: np.full((4, 3), i) for i, name in enumerate(names)}
    np.savez(path, **arrays | {"y": np.array([[b"a"], [b"a"], [b"b"], [b"b"]])})
    data = read(path, label="y", key=key)
    assert_array_equal(data.X, arrays[expected])
    assert_array_equal(data.y, ["a", "a", "b", "b"])


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        ("", None, "cannot be read: No columns"),
        ("a,b\n", None, "has no rows"),
        ("1.5,2\n3,4\n", None, "only numbers in its first line"),
        ("a,b,a\n1,2,3\n", None, "several columns called 'a'"),
        (",,b\n1,2,3\n", None, "Column 2 of .* has no name"),
        ("a,b\n1,2,3\n4,5,6\n", None, "more values"),
        ("a,b\n1,2\n1,2,3\n", None, "cannot be read"),
        ("a,b\n1,2\n", "c", "no column 'c' for --label. Its columns are 'a', 'b'"),
        ("a\n1\n2\n", "a", "no columns but the labels"),
        ("a,b\nx,\n1,inf\n", None, "infinite values in column 'b'"),
        ("a,b,c\n1,,5\n2,3,inf\n", None, "missing or infinite .* 'b', 'c'"),
        ("a,b\n1,2\n3\n", None, "missing or infinite values in columns 'b'"),
        ("a,b\n1,x\n2,\n3,x\n", "b", "'b' of .* missing or infinite in 1 row"),
        ("a,b\n1,1\n2,\n3,1\n", "b", "'b' of .* missing or infinite in 1 row"),
        ("a,b\n1,1\n2,inf\n3,1\n", "b", "'b' of .* missing or infinite in 1 row"),
        ("a,b\n1,.5\n2,.6\n3,.5\n", "b", "2 different values in 3 rows"),
        ("a,b\n1,4\n2,5\n3,6\n4,7\n", "b", "4 different values in 4 rows"),
    ],
)
def test_bad_csv_gets_one_line(tmp_path, text, label, message):
    path = csv_of(tmp_path, text)
    with pytest.raises(ValueError, match=message):
        read(path, label=label)
    assert refused(path, label=label)


def test_many_columns_are_named_by_the_first_few(tmp_path):
    names = [f"c{number}" for number in range(8)]
    path = csv_of(tmp_path, f"{','.join(names)}\n{','.join('x' * 8)}\n")
    notes = read(path).notes
    assert "categories or dates: 'c0', 'c1', 'c2', 'c3', 'c4' and 3 more." in notes[0]


def test_other_columns_than_numbers_make_a_table(tmp_path):
    days = [f"2020-01-{day:02}" for day in range(1, 32)]
    names = [f"name {number}" for number in range(31)]
    frame = pd.DataFrame({"a": 1.5, "b": "x", "day": days, "name": names, "y": "z"})
    frame.loc[3, "b"] = None
    frame.to_csv(tmp_path / "data.csv", index=False)
    data = read(tmp_path / "data.csv", label="y")
    assert list(data.X.columns) == ["a", "b", "day"]
    assert data.X["day"].tolist() == [pd.Timestamp(day) for day in days]
    assert data.y.tolist() == ["z"] * 31
    assert "dropped, as they cannot be encoded: 'name' (free text" in data.notes[0]
    assert "categories or dates: 'b', 'day'." in data.notes[1]


def test_numbers_are_left_where_all_other_columns_are_dropped(tmp_path):
    frame = pd.DataFrame({"a": range(40), "name": [f"n {n}" for n in range(40)]})
    frame.to_csv(tmp_path / "data.csv", index=False)
    data = read(tmp_path / "data.csv")
    assert_array_equal(data.X, np.arange(40.0)[:, np.newaxis])
    frame[["name"]].to_csv(tmp_path / "names.csv", index=False)
    assert "no column that can be encoded: 'name'" in refused(tmp_path / "names.csv")


def test_paths_that_are_no_such_file_get_one_line(tmp_path):
    assert "does not exist" in refused(tmp_path / "none.csv")
    (tmp_path / "folder.npy").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.npy")
    assert ".csv, .csv.gz, .parquet, .npy, .npz" in refused(tmp_path / "data.xlsx")
    assert "--key" in refused(csv_of(tmp_path, "a\n1\n"), key="a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "special file" in refused(tmp_path / "pipe.csv")


def test_parquet_without_pyarrow_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1")
    assert "pip install 'skae[report]'" in refused(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
@pytest.mark.parametrize(
    "content", [b"", b"garbage" * 9, b"\x93NUMPY\x01\x00v\x00{", b"PK\x03\x04"]
)
def test_damaged_files_get_one_line(tmp_path, suffix, content):
    path = tmp_path / f"data{suffix}"
    path.write_bytes(content)
    assert refused(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
def test_files_cut_off_get_one_line(tmp_path, suffix):
    path = tmp_path / f"data{suffix}"
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
        FRAME.to_parquet(path)
    else:
        (np.save if suffix == ".npy" else np.savez)(path, NUMBERS)
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read" in refused(path)


class Bomb:
    """An object whose pickle does something when it is opened."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_pickles_are_not_opened(tmp_path, save):
    path = tmp_path / f"data.{'npy' if save is np.save else 'npz'}"
    save(path, np.array([[Bomb()]], dtype=object))
    assert "Objects could run code" in refused(path)


def test_bare_pickle_under_the_name_of_an_array_is_not_opened(tmp_path):
    path = tmp_path / "data.npy"
    np.array([Bomb()], dtype=object).dump(path)
    assert "Objects could run code" in refused(path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3), r"shape \(3,\). It must have rows and features"),
        (np.ones((0, 3)), "no values"),
        (np.array([["a"]]), "not one of numbers"),
        (np.ones((2, 2), complex), "not one of numbers"),
        (np.array([[1, np.nan, np.inf]]), "infinite values in columns 2, 3"),
    ],
)
def test_arrays_of_no_use_get_one_line(tmp_path, array, message):
    np.save(tmp_path / "data.npy", array)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "data.npy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "does not say which array has the rows. Its arrays are 'a', 'b'"),
        ({"key": "c"}, "no array 'c' for --key. Its arrays are 'a', 'b'"),
        ({"key": "a", "label": "c"}, "no array 'c' for --label"),
        ({"key": "a", "label": "b"}, r"shape \(3, 2\), but 'a' has 4 rows"),
    ],
)
def test_npz_names_what_it_has(tmp_path, options, message):
    np.savez(tmp_path / "data.npz", a=np.ones((4, 2)), b=np.ones((3, 2)))
    assert refused(tmp_path / "data.npz", **options)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "data.npz", **options)


def test_npy_has_no_labels(tmp_path):
    np.save(tmp_path / "data.npy", NUMBERS)
    assert "no array 'y' for --label" in refused(tmp_path / "data.npy", label="y")


def test_npz_whose_bytes_have_changed_gets_one_line(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, X=np.arange(4000.0).reshape(40, 100))
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(zipfile.BadZipFile):
        np.load(path)["X"]
    assert "cannot be read" in refused(path)
