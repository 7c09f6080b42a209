"""The house: which rooms there are, and that each uses only those below it."""

import ast
from pathlib import Path

import pytest

import skae

PACKAGE = Path(skae.__file__).parent
ROOMS = [
    "exceptions",
    "_runtime",
    "_serving",
    "_keras",
    "_defaults",
    "_data",
    "_pca",
    "_neighbors",
    "_objective",
    "networks",
    "_model",
    "_training",
    "_saving",
    "_tables",
    "_estimators",
    "onnx",
    "dask",
    "_drawing",
    "comparison",
    "displays",
    "__init__",
    "__main__",
]
"""From the lowest up; CONTRIBUTING.md says what is in each."""

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(parts):
    """Return the room of a module of skae, given by the parts of its name."""
    return parts[0] if parts and parts[0] in ROOMS else "__init__"


def imported(tree):
    """Yield the parts, after skae, of the names of all that a module imports of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports give whole names"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *parts = name.split(".")
            if package == "skae":
                yield parts


def rooms_above(path, source):
    """Return what a module imports from rooms above its own."""
    room = room_of(path.relative_to(PACKAGE).with_suffix("").parts)
    return [
        ".".join(parts)
        for parts in imported(ast.parse(source))
        if ROOMS.index(room_of(parts)) > ROOMS.index(room)
    ]


def test_every_file_is_in_a_room():
    tops = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in FILES}
    assert tops == set(ROOMS)


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_rooms_use_only_those_below(path):
    assert rooms_above(path, path.read_text()) == []


@pytest.mark.parametrize(
    "line", ["import skae", "from skae import load", "import skae._training.fit"]
)
def test_an_import_from_above_is_seen(line):
    path = PACKAGE / "_data" / "rows.py"
    assert rooms_above(path, f"def function():\n    {line}\n")


SPEAK_TO_TENSORFLOW = {
    "_runtime/tensorflow.py",
    "_training/compiled_steps.py",
    "_model/codec.py",
}


def speaks_to_tensorflow(source):
    """Tell whether a module imports TensorFlow, or uses it by its usual name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(alias.name for alias in node.names)]
            names = [name for name in names if name != "skae._runtime.tensorflow"]
        elif isinstance(node, ast.Attribute):
            names = [ast.unparse(node.value)]
        else:
            continue
        if {name.split(".")[0] for name in names} & {"tensorflow", "tf"}:
            return True
        if "load_tensorflow" in names:
            return True
    return False


def test_three_files_speak_to_tensorflow():
    speak = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if speaks_to_tensorflow(path.read_text())
    }
    assert speak == SPEAK_TO_TENSORFLOW


@pytest.mark.parametrize(
    "line",
    [
        "import tensorflow",
        "from tensorflow import function",
        "from skae._runtime.tensorflow import load_tensorflow",
        "tf.function(print)",
    ],
)
def test_tensorflow_elsewhere_is_seen(line):
    assert speaks_to_tensorflow(f"def function():\n    {line}\n")


def test_no_file_is_longer_than_a_reader_likes():
    lengths = {path.name: len(path.read_text().splitlines()) for path in FILES}
    assert {name: n for name, n in lengths.items() if n > 400} == {}
