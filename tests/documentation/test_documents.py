"""The code in README.md and in the documentation: it runs, and prints what they say."""

import contextlib
import doctest
import io
import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import pytest
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.rst"))]
# What Sphinx makes, and what it makes it from.
NOT_WRITTEN = {"_build", "_templates", "auto_examples", "generated"}

pytestmark = pytest.mark.skipif(
    not DOCS.exists(), reason="the pages come with the repository, not with the wheel"
)

MARKDOWN = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```", re.M | re.S)
RESTRUCTURED = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<kind>\w+)\n"
    r"(?P<body>(?:[ ]*\n|(?P=indent) +.*\n?)*)",
    re.M,
)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


class Block(NamedTuple):
    """A block of code: Python, a session of it (pycon), or what was printed (none)."""

    kind: str
    text: str
    line: int


def written_pages():
    return [page for page in PAGES if not NOT_WRITTEN & set(page.parts)]


def blocks(page):
    text = page.read_text()
    pattern = MARKDOWN if page.suffix == ".md" else RESTRUCTURED
    return [
        Block(
            found["kind"],
            textwrap.dedent(found["body"]),
            text.count("\n", 0, found.start("body")),
        )
        for found in pattern.finditer(text)
    ]


def run(block, page, namespace):
    """Run a block and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if block.kind == "pycon":
            run_session(block, page, namespace)
        elif block.kind == "python":
            # As many lines as before it, so that errors name the line of the page.
            code = compile("\n" * block.line + block.text, page, "exec")
            exec(code, namespace)
    return printed.getvalue()


def run_session(block, page, namespace):
    session = doctest.DocTestParser().get_doctest(
        block.text, namespace, page.name, str(page), block.line
    )
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    report = []
    runner.run(session, out=report.append, clear_globs=False)
    namespace.update(session.globs)
    assert not runner.failures, "".join(report)


def numbers(text):
    return [float(number) for number in NUMBER.findall(text)]


@pytest.fixture
def _as_in_a_script(tmp_path, monkeypatch):
    """Work in an empty folder, and draw without a window."""
    monkeypatch.chdir(tmp_path)
    backend = plt.get_backend()
    plt.switch_backend("agg")
    # On a busy machine t-SNE's threads spend most of their time waiting for each other.
    with threadpool_limits(1, user_api="openmp"):
        yield
    plt.close("all")
    plt.switch_backend(backend)


@pytest.mark.docs
@pytest.mark.usefixtures("_as_in_a_script")
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@pytest.mark.filterwarnings("ignore:In the future:FutureWarning")  # of NumPy, to Keras
@pytest.mark.parametrize(
    "page", written_pages(), ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_code_of_a_page_runs_in_order_and_prints_what_it_says(page):
    """In figures, 10% are left to other versions and machines."""
    namespace = {"__name__": "page"}
    printed = ""
    for block in blocks(page):
        if block.kind == "none":
            where = f"{page.name}, line {block.line}"
            assert NUMBER.sub("", printed) == NUMBER.sub("", block.text.strip()), where
            assert numbers(printed) == pytest.approx(numbers(block.text), rel=0.1), (
                where
            )
        printed = run(block, page, namespace).strip()


def test_code_is_found_with_its_language_and_line(tmp_path):
    page = tmp_path / "page.rst"
    page.write_text(
        "Text\n\n.. code-block:: python\n\n    if 1:\n        print(2)\n\n"
        "- item\n\n  .. code-block:: none\n\n    2\n\n  text\n"
    )
    assert blocks(page) == [
        ("python", "\nif 1:\n    print(2)\n\n", 3),
        ("none", "\n2\n\n", 10),
    ]
    page = tmp_path / "page.md"
    page.write_text("Text\n\n```python\nprint(2)\n```\n\n```\nmore\n```\n")
    assert blocks(page) == [("python", "print(2)\n", 3)]
