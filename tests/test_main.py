"""The command line: what it reads, prints and writes, and its exit codes."""

import functools
import os
import runpy
import sys

import numpy as np
import pandas as pd
import pytest
from compared import X, tiny, y
from sklearn.datasets import load_digits

import skae
from skae.__main__ import main
from skae.comparison import Comparison, Conditions, Measurement, _report

SPECIES = np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table():
    """Five columns of numbers as a file, with the species as text."""
    pd.DataFrame(X).assign(species=SPECIES).to_csv("data.csv", index=False)
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
    monkeypatch.setattr(_report, "_write_plots", lambda *_: {})
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


def test_command_compares_on_a_file_and_writes_a_report(table, monkeypatch, capsys):
    estimators = {"AutoencoderTransformer": tiny()}
    compare = functools.partial(skae.compare, estimators=estimators)
    monkeypatch.setattr(skae, "compare", compare)
    command = ["compare", table, "--label", "species", "--output", "report"]
    main([*command, "--encoding-dim", "2", "--splits", "2", "--no-tsne"])
    out, err = capsys.readouterr()
    first, verdict, printed, notes, where = out.split("\n\n")
    assert first == where.rstrip()
    assert "A fit of AutoencoderTransformer takes" in verdict
    lines = [line.split()[:2] for line in printed.splitlines()]
    assert lines == [
        ["codes", "estimator"],
        ["2", "PCA"],
        ["2", "AutoencoderTransformer"],
    ]
    assert "60 rows of 5 features; 48 fitted, 12 measured on" in notes
    assert "3 classes" in notes
    assert where == f"Report: {os.path.join('report', 'index.html')}\n"
    assert err.splitlines()[-1].startswith("4 of 4: split 2, 2 codes")
    loaded = skae.load("report/estimators/AutoencoderTransformer-2.skae")
    assert loaded.transform(X).shape == (60, 2)


def test_without_a_file_the_digits_are_compared(asked, capsys):
    main(["compare"])
    X, y = load_digits(return_X_y=True)
    np.testing.assert_array_equal(asked["X"], X)
    np.testing.assert_array_equal(asked["y"], y)
    assert options_of(asked) == {
        "encoding_dims": "auto",
        "scale": "auto",
        "columns": None,
        "n_splits": "auto",
        "tsne": True,
        "random_state": 0,
        "verbose": 1,
    }
    assert "Report: skae-report" in capsys.readouterr().out
    with open("skae-report/index.html", encoding="utf-8") as page:
        assert "scikit-learn's digits" in page.read().replace("&#x27;", "'")


def test_options_reach_the_comparison(asked):
    command = ["compare", "--encoding-dim", "3", "5", "--seed", "7", "--splits", "1"]
    main([*command, "--scale", "no"])
    assert options_of(asked) == {
        "encoding_dims": [3, 5],
        "scale": False,
        "columns": None,
        "n_splits": 1,
        "tsne": True,
        "random_state": 7,
        "verbose": 1,
    }
    main(["compare", "--no-tsne", "--output", "out"])
    assert asked["tsne"] is False
    assert os.path.exists("out/index.html")


def test_labels_and_rows_of_a_file_reach_the_comparison(asked, table):
    main(["compare", table, "--label", "species"])
    # Before pandas 3, the last digits may be others.
    np.testing.assert_allclose(asked["X"].to_numpy(), X, rtol=1e-13)
    np.testing.assert_array_equal(asked["y"], SPECIES)


def test_arrays_of_a_file_are_chosen_by_name(asked):
    np.savez("data.npz", train=X, test=X[:9], kinds=y[:9])
    main(["compare", "data.npz", "--key", "test", "--label", "kinds"])
    np.testing.assert_array_equal(asked["X"], X[:9])
    np.testing.assert_array_equal(asked["y"], y[:9])


def test_notes_on_reading_go_to_standard_error(asked, capsys):
    with open("data.csv", "w") as file:
        file.write(",a\n0,1\n1,2\n2,5\n")
    main(["compare", "data.csv"])
    assert "left out as an index" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--encoding-dim", "0", "from 1 to 64"),
        ("--encoding-dim", "65", "from 1 to 64"),
        ("--encoding-dim", "2.5", "--encoding-dim: invalid int value: '2.5'"),
        ("--encoding-dim", "", "--encoding-dim: invalid int value"),
        ("--seed", "-1", "Seed must be between"),
        ("--seed", str(2**32), "Seed must be between"),
        ("--splits", "0", "n_splits == 0, must be >= 1"),
        ("--splits", "x", "--splits: invalid int value: 'x'"),
    ],
)
def test_numbers_of_no_use_get_one_line(option, value, message, capsys):
    assert message in error_line(capsys, "compare", option, value)


@pytest.mark.parametrize("argv", [[], ["compete"], ["compare", "--colour"]])
def test_unknown_words_get_one_line(argv, capsys):
    error_line(capsys, *argv)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("none.csv", "none.csv does not exist"),
        (".", "a folder without .parquet files"),
        ("data.xls", "unknown kind"),
        ("data.csv --label kind", "no column 'kind' for --label"),
        ("data.csv --label", "expected one argument"),
        ("data.csv --key X", "--key is for an array of .npz"),
        ("data.csv --drop a", "no column 'a' for --drop"),
        ("data.csv --columns a", "no column 'a' for --columns"),
        ("data.csv --label species --drop species", "--drop names 'species'"),
        ("data.csv --sep ;;", "--sep must be a single character"),
        ("data.csv --encoding no-such", "unknown encoding"),
        ("data.csv --rows 0", "--rows must be at least 1"),
        ("data.csv --scale maybe", "--scale: invalid choice"),
        ("--sep ;", "--sep is for a file"),
        ("--label species", "--label is for a file"),
        ("--key X", "--key is for a file"),
    ],
)
def test_files_and_columns_of_no_use_get_one_line(argv, message, capsys, table):
    assert message in error_line(capsys, "compare", *argv.split())


def test_a_table_of_mixed_columns_is_compared_as_it_is(asked, table, capsys):
    main(["compare", table, "--output", "report"])
    assert asked["X"]["species"].tolist() == SPECIES.tolist()
    assert "Report" in capsys.readouterr().out


def test_too_few_rows_get_one_line(capsys):
    np.save("data.npy", X[:9])
    said = error_line(capsys, "compare", "data.npy")
    assert "2 of the 9 rows of X are held out" in said


def test_rows_that_are_equal_get_one_line(capsys):
    np.save("data.npy", np.ones((50, 3)))
    assert "are equal" in error_line(capsys, "compare", "data.npy")


def test_folders_that_cannot_be_written_are_refused_before_anything_is_fitted(
    capsys, table, asked
):
    command = ["compare", table, "--label", "species", "--output"]
    assert "cannot be written" in error_line(capsys, *command, table)
    assert "cannot be written" in error_line(capsys, *command, f"{table}/report")
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


def test_the_package_runs_as_a_module(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "skae.__main__")
    monkeypatch.setattr(sys, "argv", ["skae", "--version"])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_module("skae", run_name="__main__")
    assert exit_.value.code == 0
    assert skae.__version__ in capsys.readouterr().out
