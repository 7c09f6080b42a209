import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

import skae
from skae.__main__ import main
from skae.comparison import Comparison, Conditions, Measurement

IRIS = load_iris()


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def iris():
    """The iris table as a file, with the species as text."""
    rows = [
        [*map(str, row), IRIS.target_names[kind]]
        for row, kind in zip(IRIS.data, IRIS.target, strict=True)
    ]
    header = ["sepal length", "sepal width", "petal length", "petal width", "species"]
    with open("data.csv", "w") as file:
        file.write("\n".join(map(",".join, [header, *rows])))
    return "data.csv"


@pytest.fixture
def asked(monkeypatch):
    """What the command gives to `skae.compare`, which is not run."""
    asked = {}
    rows = [
        Measurement("PCA", dim, 0, 1.0, 1.0, 0.5, 0.9, None, None, None, 0.1)
        for dim in (1, 2)
    ]
    conditions = Conditions(9, 4, None, 1, 7, 2, 5, 2, None, 0, 1.0)

    def compare(X, y, **options):
        asked.update(options, X=X, y=y)
        return Comparison(rows, conditions)

    monkeypatch.setattr(skae, "compare", compare)
    return asked


def options_of(asked):
    return {name: value for name, value in asked.items() if name not in "Xy"}


def error_line(capsys, *argv):
    """Run a command that must fail; return what it says, which must be one line."""
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    assert exit_.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("python -m skae")
    assert not os.path.exists("skae-report")
    return said.err


def test_command_compares_on_a_file_and_writes_a_report(iris):
    command = [sys.executable, "-m", "skae", "compare", iris, "--label", "species"]
    command += ["--encoding-dim", "2", "4", "--splits", "2", "--output", "report"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    verdict, table, notes, where = run.stdout.split("\n\n")
    assert "Keep PCA with 4 codes: it is exact there." in verdict.splitlines()
    lines = [line.split() for line in table.splitlines()]
    assert lines[0][:2] == ["codes", "estimator"]
    assert [line[:2] for line in lines[1:]] == [
        ["2", "PCA"],
        ["2", "AutoencoderTransformer"],
        ["4", "PCA"],
        ["4", "AutoencoderTransformer"],
    ]
    assert "150 rows of 4 features; 120 fitted, 30 measured on" in notes
    assert "3 classes" in notes
    assert where == f"Report: {os.path.join('report', 'index.html')}\n"
    assert run.stderr.splitlines()[-1].startswith("8 of 8: split 2, 4 codes")
    assert sorted(os.listdir("report")) == [
        "estimators",
        "index.html",
        "maps.png",
        "measures.png",
        "splits.csv",
        "table.csv",
    ]
    loaded = skae.load("report/estimators/AutoencoderTransformer-2.skae")
    assert loaded.transform(IRIS.data).shape == (150, 2)


def test_without_a_file_the_digits_are_compared(asked, capsys):
    main(["compare"])
    X, y = load_digits(return_X_y=True)
    np.testing.assert_array_equal(asked["X"], X)
    np.testing.assert_array_equal(asked["y"], y)
    assert options_of(asked) == {
        "encoding_dims": [2, 8, 16, 32],
        "n_splits": 3,
        "tsne": True,
        "random_state": 0,
        "verbose": 1,
    }
    assert "Report: skae-report" in capsys.readouterr().out
    with open("skae-report/index.html", encoding="utf-8") as page:
        assert "scikit-learn's digits" in page.read().replace("&#x27;", "'")


def test_options_reach_the_comparison(asked):
    main(["compare", "--encoding-dim", "3", "5", "--seed", "7", "--splits", "1"])
    assert options_of(asked) == {
        "encoding_dims": [3, 5],
        "n_splits": 1,
        "tsne": True,
        "random_state": 7,
        "verbose": 1,
    }
    main(["compare", "--no-tsne", "--output", "out"])
    assert asked["tsne"] is False
    assert os.path.exists("out/index.html")


def test_labels_and_rows_of_a_file_reach_the_comparison(asked, iris):
    main(["compare", iris, "--label", "species"])
    np.testing.assert_array_equal(asked["X"], IRIS.data)
    np.testing.assert_array_equal(asked["y"], IRIS.target_names[IRIS.target])


def test_arrays_of_a_file_are_chosen_by_name(asked):
    np.savez("data.npz", train=IRIS.data, test=IRIS.data[:9], kinds=IRIS.target[:9])
    main(["compare", "data.npz", "--key", "test", "--label", "kinds"])
    np.testing.assert_array_equal(asked["X"], IRIS.data[:9])
    np.testing.assert_array_equal(asked["y"], IRIS.target[:9])


@pytest.mark.parametrize(
    ("shape", "sizes"), [((100, 20), [2, 8, 16]), ((10, 50), [2, 8]), ((90, 1), [1])]
)
def test_usual_numbers_of_codes_end_where_pca_ends(asked, shape, sizes):
    np.save("data.npy", np.random.RandomState(0).rand(*shape))
    main(["compare", "data.npy"])
    assert asked["encoding_dims"] == sizes


def test_notes_on_reading_go_to_standard_error(asked, capsys):
    with open("data.csv", "w") as file:
        file.write(",a\n0,1\n1,2\n2,5\n")
    main(["compare", "data.csv"])
    assert "left out as an index" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-2", "x", "2.5", ""])
def test_encoding_dim_must_be_a_positive_integer(value, capsys):
    said = error_line(capsys, "compare", "--encoding-dim", value)
    assert "--encoding-dim" in said
    assert f"at least 1, got {value!r}" in said


def test_encoding_dim_beyond_pca_is_refused(capsys, iris):
    said = error_line(capsys, "compare", "--encoding-dim", "2", "65")
    assert "from 1 to 64" in said
    command = ["compare", iris, "--label", "species", "--encoding-dim", "5"]
    assert "from 1 to 4" in error_line(capsys, *command)


@pytest.mark.parametrize("value", ["-1", "x", str(2**32)])
def test_seed_must_be_one_that_numpy_takes(value, capsys):
    assert value in error_line(capsys, "compare", "--seed", value)


@pytest.mark.parametrize("value", ["0", "x"])
def test_splits_must_be_a_positive_integer(value, capsys):
    assert "--splits" in error_line(capsys, "compare", "--splits", value)


@pytest.mark.parametrize("argv", [[], ["compete"], ["compare", "--colour"]])
def test_unknown_words_get_one_line(argv, capsys):
    error_line(capsys, *argv)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("none.csv", "none.csv does not exist"),
        (".", "unknown kind"),
        ("data.xlsx", "unknown kind"),
        ("data.csv", "columns that are not numbers: 'species'"),
        ("data.csv --label kind", "no column 'kind' for --label"),
        ("data.csv --label", "expected one argument"),
        ("data.csv --key X", "--key names an array"),
        ("--label species", "--label is for a file"),
        ("--key X", "--key is for a file"),
    ],
)
def test_files_and_columns_of_no_use_get_one_line(argv, message, capsys, iris):
    assert message in error_line(capsys, "compare", *argv.split())


def test_too_few_rows_get_one_line(capsys):
    np.save("data.npy", IRIS.data[:9])
    said = error_line(capsys, "compare", "data.npy")
    assert "2 of the 9 rows of X are held out" in said


def test_rows_that_are_equal_get_one_line(capsys):
    np.save("data.npy", np.ones((50, 3)))
    assert "are equal" in error_line(capsys, "compare", "data.npy")


def test_folders_that_cannot_be_written_are_refused_before_anything_is_fitted(
    capsys, iris, asked
):
    command = ["compare", iris, "--label", "species", "--output"]
    assert "cannot be written" in error_line(capsys, *command, iris)
    assert "cannot be written" in error_line(capsys, *command, f"{iris}/report")
    assert "is not empty and holds no report" in error_line(capsys, *command, ".")
    assert asked == {}


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_folders_without_permission_are_refused(capsys):
    os.mkdir("locked", mode=0o500)
    said = error_line(capsys, "compare", "--output", "locked/report")
    assert "Permission denied" in said


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--version"], f"skae {skae.__version__}"),
        (["--help"], "compare"),
        (["compare", "--help"], "--encoding-dim"),
    ],
)
def test_information_goes_to_stdout_with_exit_code_zero(argv, expected, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    assert exit_.value.code == 0
    assert expected in capsys.readouterr().out
