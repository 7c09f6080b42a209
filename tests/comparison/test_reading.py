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
        ("a,b\nx,\n1,inf\n", None, "infinite values in columns 'b'"),
        ("a,b,c\n1,inf,5\n2,3,inf\n", None, "infinite values in columns 'b', 'c'"),
        ("a,b\n1,\n2,\n3,\n", "b", "Labels 'b' of .* are all missing"),
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
    said = refused(path, label="d")
    assert "'c0', 'c1', 'c2', 'c3', 'c4' and 3 more." in said


def test_rows_without_a_label_are_left_out(tmp_path):
    path = csv_of(tmp_path, "a,b\n1,x\n2,\n3,x\n4,?\n5,y\n6,y\n")
    data = read(path, label="b")
    assert_array_equal(data.X, [[1], [3], [5], [6]])
    assert_array_equal(data.y, list("xxyy"))
    assert data.notes == ["2 rows without a label are left out."]


def test_marks_of_missing_values_are_known_or_named(tmp_path):
    path = csv_of(tmp_path, "a,b\n1,?\nNA,2.5\n-,-999\n4,n.a.\n")
    nan = np.nan
    assert_array_equal(read(path).X, [[1, nan], [nan, 2.5], [nan, -999], [4, nan]])
    assert_array_equal(read(path, na=["-999"]).X.iloc[2], [nan, nan])


def test_what_pandas_cannot_guess_is_named(tmp_path):
    path = csv_of(tmp_path, "a€:b\n1:2\n2:3\n", "cp1252")
    data = read(path, sep=":", encoding="cp1252", columns=["b"])
    assert list(data.X) == ["b"]
    path = csv_of(tmp_path, "a:b\n1,5:2\n2.000,5:3\n")
    assert_array_equal(read(path, sep=":", decimal=",").X["b"], [2, 3])
    path = csv_of(tmp_path, "a\tb\n1,5\t2\n2,5\t3\n", "utf-16")
    assert_array_equal(read(path, sep="tab").X, [[1.5, 2], [2.5, 3]])


def test_columns_are_chosen_and_dropped(tmp_path):
    path = csv_of(tmp_path, "a,b,c,d\n1,2,3,x\n4,5,6,x\n7,8,9,x\n")
    assert list(read(path, label="d", drop=["b"]).X) == ["a", "c"]
    assert list(read(path, label="d", columns=["c", "a", "d"]).X) == ["c", "a"]


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_rows_are_drawn_at_random(tmp_path, suffix):
    path, values = tmp_path / f"data{suffix}", np.arange(1000.0).reshape(500, 2)
    if suffix == ".csv":
        pd.DataFrame(values, columns=["a", "b"]).to_csv(path, index=False)
    else:
        np.save(path, values)
    data = read(path, rows=50, seed=3)
    assert np.shape(data.X) == (50, 2)
    assert set(np.asarray(data.X)[:, 0]) <= set(values[:, 0])
    assert "50 of 500 rows, drawn at random" in data.notes[0]
    assert_array_equal(read(path, rows=50, seed=3).X, data.X)


def test_excel_gives_rows_labels_and_sheets(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "data.xlsx"
    with pd.ExcelWriter(path) as writer:
        FRAME.to_excel(writer, sheet_name="flowers", index=False)
        FRAME.head(2).to_excel(writer, sheet_name="others")
    data = read(path, label="species")
    assert_array_equal(data.X, NUMBERS)
    assert_array_equal(data.y, FRAME["species"])
    assert "Of 2 sheets the first, 'flowers', is read" in data.notes[0]
    assert_array_equal(read(path, key="others", label="species").X, NUMBERS[:2])
    assert "no sheet 'none' for --key" in refused(path, key="none")


def test_excel_without_openpyxl_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "data.xlsx").write_bytes(b"PK")
    assert "needs openpyxl" in refused(tmp_path / "data.xlsx")


def test_a_folder_of_parquet_is_one_table(tmp_path):
    pytest.importorskip("pyarrow")
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        FRAME.assign(length=FRAME["length"] + year).to_parquet(
            tmp_path / f"year={year}" / "part.parquet"
        )
    data = read(tmp_path, label="species")
    assert list(data.X) == ["length", "width", "year"]
    assert len(data.X) == 8
    assert data.notes == [f"{tmp_path} has 2 files."]
    (tmp_path / "empty").mkdir()
    assert "without .parquet files" in refused(tmp_path / "empty")


def test_a_folder_larger_than_memory_is_sampled(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    from skae.comparison import _parquet

    monkeypatch.setattr(_parquet, "_MOST_VALUES", 1000)
    monkeypatch.setattr(_parquet, "_BATCH", 100)
    values = np.arange(4000.0).reshape(2000, 2)
    for part in range(4):
        frame = pd.DataFrame(values[500 * part :][:500], columns=["a", "b"])
        frame.to_parquet(tmp_path / f"{part}.parquet", row_group_size=70)
    data = read(tmp_path, seed=1)
    assert data.X.shape == (500, 2)
    assert_array_equal(data.X["a"] + 1, data.X["b"])
    assert data.X["a"].is_unique
    assert 800 < data.X["a"].quantile(0.25) < 1200  # of all files alike
    assert "Of its 2,000 rows a random sample of 500 is compared" in data.notes[1]
    assert len(read(tmp_path, rows=30).X) == 30


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "a,b,kind\n1,2.5,x\n3,4.5,y\n5,6.5,x\n7,8.5,y\n"),
        ({"na": ["-9"]}, "a;b;kind\n1;2,5;x\n-9;4,5;y\n5;6,5;\n7;8,5;y\n8;1,5;x\n"),
        ({"columns": ["b", "a"]}, "a,b,c,kind\n1,2,3,x\n3,4,5,y\n5,6,7,x\n7,8,9,y\n"),
        ({"drop": ["c"]}, "\tc\ta\tkind\n0\tx\t1,5\tu\n1\ty\t2,5\tv\n2\ty\t3,5\tv\n"),
    ],
)
def test_code_to_paste_reads_the_same_rows(tmp_path, options, text):
    data = read(csv_of(tmp_path, text), label="kind", **options)
    names = {"pd": pd}
    exec(data.code, names)
    assert_array_equal(names["table"], data.X)
    assert_array_equal(names["y"], data.y)


def test_paths_that_are_no_such_file_get_one_line(tmp_path):
    assert "does not exist" in refused(tmp_path / "none.csv")
    (tmp_path / "folder.npy").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.npy")
    assert ".csv, .csv.gz, .tsv" in refused(tmp_path / "data.xls")
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
    assert "needs pyarrow" in refused(path)


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
        (np.array([[1, np.nan, np.inf]]), "infinite values in columns 3"),
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
