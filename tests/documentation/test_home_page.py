"""The figures of the documentation's first page are those of the benchmark."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "index.rst"
RESULTS = ROOT / "benchmarks" / "results" / "defaults.md"

pytestmark = pytest.mark.skipif(
    not PAGE.exists(), reason="it comes with the repository, not with the wheel"
)


def results():
    """Return the mean error relative to PCA's, by data set and number of codes."""
    lines = [line.split("|")[1:-1] for line in RESULTS.read_text().splitlines()]
    cells = [[cell.strip() for cell in line] for line in lines]
    return {(line[0], line[2]): line[3] for line in cells if line}


def rows():
    """Return the cells of each data set's row."""
    table = PAGE.read_text().partition(".. list-table::")[2].partition("\n\nWhere")[0]
    return [
        re.findall(r"^(?: {6}- )?(.+)$", row, re.MULTILINE)
        for row in table.split("    * - ")[1:]
    ]


def test_the_table_has_the_benchmarks_figures():
    measured = results()
    _, *data_sets = rows()
    assert len(data_sets) == 5
    for name, _, *figures in data_sets:
        data = name.lower().replace(" ", "")
        for codes, figure in zip(("2", "8", "32"), figures, strict=True):
            value = measured[data, codes]
            if "both exact" in value:
                assert figure == "both exact"
            else:
                assert float(figure) == pytest.approx(float(value), abs=0.0051)
