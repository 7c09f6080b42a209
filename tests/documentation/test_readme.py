import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"

pytestmark = pytest.mark.skipif(
    not README.exists(), reason="the pages come with the repository, not with the wheel"
)


def rows_with_figures(text):
    """Return the rows of the tables in Markdown that have a figure with a point."""
    rows = re.findall(r"^\|.*\|$", text, re.M)
    return [row for row in rows if re.search(r"\d\.\d", row)]


def test_it_is_short():
    assert len(README.read_text().split()) <= 700


def test_every_figure_is_what_a_benchmark_prints():
    text = README.read_text()
    rows = rows_with_figures(text)
    assert rows
    printed = (RESULTS / "variance_explained.md").read_text().splitlines()
    assert [row for row in rows if row not in printed] == []
    # None stands elsewhere, but for versions of Python.
    rest = re.sub(r"3\.1\d", "", "\n".join(text.split("\n")))
    rest = "\n".join(line for line in rest.splitlines() if line not in rows)
    assert re.findall(r"\d\.\d+", rest) == []


def test_its_benchmarks_and_pages_exist():
    text = README.read_text()
    benchmarks = re.findall(r"python -m benchmarks\.(\w+)", text)
    assert benchmarks
    named = [ROOT / "benchmarks" / f"{name}.py" for name in benchmarks]
    named += [ROOT / path for path in re.findall(r"\]\(([^)#]+)\)", text)]
    named += [ROOT / path for path in re.findall(r"`(docs/[\w/.]+)`", text)]
    assert [str(path) for path in named if not path.exists()] == []
