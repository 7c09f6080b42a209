"""TensorFlow and Keras: imported late, quietly, and only together."""

import pytest
from helpers import run_python

# Writes to file descriptor 2 when TensorFlow is imported, as TensorFlow itself does
# on some machines.
CHATTER = """
import os, sys
class Chatter:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            os.write(2, b"chatter from the import")
sys.meta_path.insert(0, Chatter())
"""

SMALL_FIT = """
import numpy, skae, skae._fitting
X = numpy.random.RandomState(0).randn(40, 4)
skae.AutoencoderTransformer(2, epochs=2, hidden_layer_sizes=(4,)).fit(X).transform(X)
"""


def test_import_loads_neither_tensorflow_nor_keras_nor_matplotlib():
    result = run_python(
        "import sys, skae, skae.networks\n"
        "print(sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize("with_xla", [False, True], ids=["plain", "xla"])
def test_a_first_fit_prints_nothing(with_xla):
    choose = f"import skae._fitting\nskae._fitting.xla_pays = lambda *_: {with_xla}\n"
    result = run_python(CHATTER + choose + SMALL_FIT)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_log_level_set_by_the_user_is_obeyed():
    result = run_python(
        CHATTER + "import skae._backend\n"
        "skae._backend.load()\n"
        "print(os.environ['TF_CPP_MIN_LOG_LEVEL'])",
        TF_CPP_MIN_LOG_LEVEL="1",
    )
    assert result.stdout.strip() == "1"
    assert "chatter from the import" in result.stderr


def test_a_failing_import_shows_what_was_held_back():
    result = run_python(
        CHATTER.replace("from the import", "before the failure")
        + "Chatter.find_spec = lambda self, name, path=None, target=None: (\n"
        "    os.write(2, b'chatter before the failure') and 1 / 0\n"
        "    if name == 'tensorflow' else None)\n"
        "import skae._backend\n"
        "skae._backend.load()"
    )
    assert result.returncode != 0
    assert "chatter before the failure" in result.stderr
    assert "ZeroDivisionError" in result.stderr


def test_another_backend_of_keras_is_refused_with_the_remedy():
    result = run_python(SMALL_FIT, KERAS_BACKEND="numpy")
    assert result.returncode != 0
    error = result.stderr.strip().splitlines()[-1]
    assert error.startswith("RuntimeError")
    assert "'numpy'" in error
    assert "KERAS_BACKEND=tensorflow" in error
