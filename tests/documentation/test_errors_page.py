"""The documentation's page of errors: complete, and of messages that exist."""

import ast
import re
from pathlib import Path

import pytest

import skae

PACKAGE = Path(skae.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "errors.rst"
GAP = "…"
BY_OTHERS = "By scikit-learn"

pytestmark = pytest.mark.skipif(
    not PAGE.exists(), reason="the page comes with the repository, not with the wheel"
)

# What nobody sees by itself: (module, part of the message), with the reason.
WITHIN_OTHERS = {
    ("_keras/allowed", ""): "in 'cannot be saved' or 'is not what skae ... writes'",
    ("_model/graphs", ""): "nobody sees it: Keras computes what NumPy does not know",
    ("_serving/graph", ""): "in 'is not what skae ... writes'",
    ("_serving/operations", ""): "the same",
    ("_saving/objects", "is no class that"): "the same",
    ("_saving/atomic", ""): "errors of the system, with the path that was given",
    ("_keras/objects", "is no setting"): "in 'is not what skae ... writes'",
    ("_keras/objects", "is no optimizer"): "the same",
    ("_keras/models", "is no Keras model"): "the same",
    ("_keras/models", "Keras cannot make this"): "the same",
    ("_saving/fitted", "is no part of a fit"): "the same",
    ("_saving/reading", ""): "words of other checks, after the name of the file",
    ("_saving/reading", "is the estimator's own"): "in 'is not what skae ... writes'",
    ("_saving/reading", ", not "): "the same",
    ("_saving/reading", "takes no metadata"): "the same",
    ("_saving/reading", "is no estimator of"): "the same",
    ("_saving/reading", "is no network of"): "the same",
    ("_saving/reading", "has other parameters"): "the same",
    ("_saving/reading", "a random state has"): "the same",
    ("_saving/archive", ""): "words of other checks, in '... is damaged'",
    ("_saving/archive", "it holds two members"): "in '... is damaged'",
    ("_saving/archive", "it is compressed"): "the same",
    ("_saving/archive", "its members are larger"): "the same",
    ("_saving/archive", "the format is no number"): "the same",
    ("_saving/archive", "two objects"): "the same",
    ("_saving/archive", "bytes make no"): "the same",
    ("comparison/_reading", "a row has more values"): "in '... cannot be read'",
    ("comparison/_reading", "it holds a single array"): "the same",
    ("comparison/_report", ""): "in '... cannot be written'",
    ("comparison/_reading", f"{GAP}: {GAP}"): "words of checks, after a file's name",
    ("_tables/pandas_columns", ""): "in '... cannot hold missing values'",
    ("_tables/pandas_columns", "complex numbers"): "in '... cannot be encoded'",
    ("_tables/pandas_columns", "of the type"): "the same",
    ("_tables/polars_columns", "of the type"): "the same",
    ("_tables/reading", "without a value"): "the same",
    ("_tables/reading", "lists, dicts or other"): "the same",
    ("_tables/reading", "free text or an"): "the same",
    ("_tables/table", "either both have"): "in '... held values of the kind ...'",
    ("_tables/plain", "is no part of a table"): "in 'is not what skae ... writes'",
    ("_data/checks", ""): "words of other checks, with X_val or the like for X",
    (
        "_training/optimizers",
        "it is no instance of Keras",
    ): "in 'is not the name of a Keras optimizer'",
}

# Modules whose messages are all within others.
WHOLE = {"_keras/allowed", "_model/graphs", "_serving/graph", "_serving/operations"}


class Messages(ast.NodeVisitor):
    """Finds the class and the text of all that a module raises and warns of."""

    def __init__(self, module):
        tree = ast.parse(module.read_text())
        self.found = []
        self._texts = {}
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
        for function in functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    self._texts[function.name] = self._text(node.value)
        self.visit(tree)

    def visit_FunctionDef(self, function):
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._texts[node.targets[0].id] = self._text(node.value)
        self.generic_visit(function)

    def visit_Raise(self, node):
        if isinstance(node.exc, ast.Call):
            self._add(node.exc.func, node.exc.args)

    def visit_Call(self, node):
        if ast.unparse(node.func) == "warn":
            self._add((*node.args, ast.Name("UserWarning"))[1], node.args)
        self.generic_visit(node)

    def _add(self, cls, arguments):
        name = ast.unparse(cls).rpartition(".")[-1]
        self.found.append((name, self._text(arguments[0]) if arguments else GAP))

    def _text(self, node):
        """Return constant text, with gaps for what is put in."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.JoinedStr):
            return "".join(map(self._text, node.values))
        if isinstance(node, ast.FormattedValue):
            return self._text(node.value)
        if isinstance(node, ast.BinOp):
            return self._text(node.left) + self._text(node.right)
        if isinstance(node, ast.Call):
            return self._text(node.func)
        if isinstance(node, ast.Name):
            return self._texts.get(node.id, GAP)
        return GAP


def messages():
    """Return (module, class, text) of all messages that users see by themselves."""
    return [
        (name_of(module), cls, text)
        for module in sorted(PACKAGE.rglob("*.py"))
        for cls, text in Messages(module).found
        if not is_within_another(name_of(module), text)
    ]


def name_of(module):
    return module.relative_to(PACKAGE).with_suffix("").as_posix()


def is_within_another(module, text):
    is_put_together = not text.replace(GAP, "").strip()
    return any(
        module == where
        and (part in text if part else where in WHOLE or is_put_together)
        for where, part in WITHIN_OTHERS
    )


def entries():
    """Return (section, message, class) of each entry of the page."""
    page = PAGE.read_text()
    found = re.findall(
        r"^(?P<title>.+)\n-+\n|^``(?P<message>.+)``\n    ``(?P<cls>[\w.]+)``",
        page,
        re.MULTILINE,
    )
    section, listed = "", []
    for title, message, cls in found:
        section = title or section
        if message:
            listed.append((section, message, cls.rpartition(".")[-1]))
    return listed


def says(entry, text):
    """Tell whether a message is what an entry has, with "..." for anything."""
    pattern = ".*".join(map(re.escape, entry.split("...")))
    # Some messages come after the name of a file.
    return re.search(pattern, f"{GAP} {text}") is not None


ENTRIES = entries()
OWN = [(message, cls) for section, message, cls in ENTRIES if section != BY_OTHERS]


def test_the_page_has_every_message():
    missing = [
        (module, cls, text)
        for module, cls, text in messages()
        if not any(of == cls and says(message, text) for message, of in OWN)
    ]
    assert not missing, f"{PAGE} lacks {missing}"


def test_every_message_of_the_page_exists():
    existing = messages()
    invented = [
        (message, cls)
        for message, cls in OWN
        if not any(of == cls and says(message, text) for _, of, text in existing)
    ]
    assert not invented, f"nothing in {PACKAGE} says {invented}"


def test_every_entry_is_of_a_section_and_is_listed_once():
    listed = [message for _, message, _ in ENTRIES]
    assert len(set(listed)) == len(listed) == PAGE.read_text().count("\n``")
    assert all(section for section, _, _ in ENTRIES)


def test_every_entry_says_what_to_do():
    for part in re.split(r"\n(?=``)", PAGE.read_text())[1:]:
        assert "Cure: " in re.sub(r"\s+", " ", part), part
