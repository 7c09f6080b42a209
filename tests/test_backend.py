"""TensorFlow and Keras: imported late, quietly, and only together."""

import os

import pytest
from helpers import run_python

from skae import _backend

# Stand-ins that print on import, as TensorFlow itself does on some machines only.
FAKE_KERAS = """
import os
import tensorflow
class backend:
    backend = staticmethod(lambda: os.environ["FAKE_BACKEND"])
"""
FAKE_TENSORFLOW = """
import os
os.write(2, b"chatter")
if "FAKE_FAILURE" in os.environ:
    raise ImportError(os.environ["FAKE_FAILURE"])
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *args, **kwargs: None
"""
# The module by its path: the whole package takes a second longer to import.
LOAD = f"import os, runpy; runpy.run_path({_backend.__file__!r})['load'](); "

FIRST_FIT = """
import numpy, skae, skae._fitting
X = numpy.random.RandomState(0).randn(40, 4)
for with_xla in (False, True):
    skae._fitting.xla_pays = lambda *_: with_xla
    skae.AutoencoderTransformer(2, epochs=2, hidden_layer_sizes=(4,)).fit_transform(X)
"""


@pytest.fixture
def fakes(tmp_path):
    """Environment in which the stand-ins hide Keras and TensorFlow."""
    for name, code in {"keras": FAKE_KERAS, "tensorflow": FAKE_TENSORFLOW}.items():
        (tmp_path / f"{name}.py").write_text(code)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "FAKE_BACKEND": "tensorflow",
    }


def test_import_loads_neither_tensorflow_nor_keras_nor_matplotlib():
    result = run_python(
        "import sys, skae, skae.networks\n"
        "print(sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_first_fits_print_nothing():
    result = run_python(FIRST_FIT)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_chatter_of_the_import_is_held_back(fakes):
    result = run_python(LOAD, **fakes)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_log_level_set_by_the_user_is_obeyed(fakes):
    level = "os.environ['TF_CPP_MIN_LOG_LEVEL']"
    result = run_python(f"{LOAD}print({level})", TF_CPP_MIN_LOG_LEVEL="1", **fakes)
    assert (result.stdout.strip(), result.stderr) == ("1", "chatter")


def test_what_is_written_after_the_import_is_shown(fakes):
    result = run_python(f"{LOAD}os.write(2, b'later')", **fakes)
    assert result.stderr == "later"


def test_a_failing_import_shows_what_was_held_back(fakes):
    result = run_python(LOAD, FAKE_FAILURE="broken installation", **fakes)
    assert result.returncode != 0
    assert "chatter" in result.stderr
    assert "ImportError: broken installation" in result.stderr


def test_another_backend_is_refused_with_the_remedy(fakes):
    assert_refused(run_python(LOAD, **{**fakes, "FAKE_BACKEND": "jax"}), "jax")


def test_a_backend_that_is_not_even_installed_is_refused_with_the_remedy():
    assert_refused(run_python(LOAD, KERAS_BACKEND="numpy"), "numpy")


def assert_refused(result, backend):
    assert result.returncode != 0
    error = result.stderr.strip().splitlines()[-1]
    assert error.startswith("RuntimeError")
    assert repr(backend) in error
    assert "KERAS_BACKEND=tensorflow" in error


def test_the_log_level_is_not_left_to_child_processes(fakes):
    result = run_python(f"{LOAD}print('TF_CPP_MIN_LOG_LEVEL' in os.environ)", **fakes)
    assert result.stdout.strip() == "False"
