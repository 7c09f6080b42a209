import subprocess
import sys

import pytest

import skae
from skae.__main__ import main


@pytest.fixture
def asked(monkeypatch):
    """The arguments that the command gives to `skae.compare`, which is not run."""
    arguments = {}
    monkeypatch.setattr(skae, "compare", lambda **given: arguments.update(given))
    return arguments


def error_line(capsys, *argv):
    """Run a command that must fail; return what it says, which must be one line."""
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    assert exit_.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_command_prints_the_table_of_the_digits():
    command = [sys.executable, "-m", "skae", "compare", "--encoding-dim", "2"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    _, heading, pca, autoencoder, *notes = run.stdout.splitlines()
    assert heading.split()[:2] == ["codes", "estimator"]
    assert pca.split()[:2] == ["2", "PCA"]
    assert autoencoder.split()[:2] == ["2", "AutoencoderTransformer"]
    assert float(autoencoder.split()[3]) <= 0.75
    assert len(notes) == 2


def test_options_reach_the_comparison(asked):
    main(["compare", "--encoding-dim", "3", "5", "--seed", "7"])
    assert asked == {"encoding_dims": [3, 5], "random_state": 7, "verbose": 1}


def test_defaults_are_four_numbers_of_codes_and_seed_zero(asked):
    main(["compare"])
    assert asked == {"encoding_dims": [2, 8, 16, 32], "random_state": 0, "verbose": 1}


@pytest.mark.parametrize("value", ["0", "-2", "x", "2.5", ""])
def test_encoding_dim_must_be_a_positive_integer(value, capsys):
    said = error_line(capsys, "compare", "--encoding-dim", value)
    assert "--encoding-dim" in said
    assert f"at least 1, got {value!r}" in said


def test_encoding_dim_beyond_pca_is_refused(capsys):
    said = error_line(capsys, "compare", "--encoding-dim", "2", "65")
    assert "from 1 to 64" in said


@pytest.mark.parametrize("value", ["-1", "x", str(2**32)])
def test_seed_must_be_one_that_numpy_takes(value, capsys):
    assert value in error_line(capsys, "compare", "--seed", value)


@pytest.mark.parametrize("argv", [[], ["compete"], ["compare", "--colour"]])
def test_unknown_words_get_one_line(argv, capsys):
    assert error_line(capsys, *argv).startswith("python -m skae")


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
