"""What an index page shows, and what the source distribution holds."""

import re
import tomllib
from pathlib import Path

import pytest

import skae

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(), reason="comes with the repository"
)


def test_the_page_of_an_index_has_no_relative_address(monkeypatch):
    pytest.importorskip("hatchling")
    monkeypatch.syspath_prepend(ROOT)
    import hatch_build

    shown = hatch_build.for_index((ROOT / "README.md").read_text("utf-8"))
    addresses = re.findall(r"\]\(([^)]*)\)", shown)
    assert all(address.startswith("https://") for address in addresses)
    assert "badge" not in shown
    assert "(picture: `benchmarks/results/picture.png`" in shown
    assert hatch_build.for_index("[a](https://b) [c\nd](e/f.md) ![g](h.png)\n") == (
        "[a](https://b) c\nd (`e/f.md`, in the source distribution) "
        "*g (picture: `h.png`, in the source distribution).*\n"
    )


def test_the_source_distribution_has_what_its_tests_read():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = settings["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    read = {"benchmarks", "docs", "skae", "tests", "README.md", "hatch_build.py"}
    assert read <= {name.removeprefix("/") for name in included}


def test_the_citation_and_the_changelog_name_the_version():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {skae.__version__}\n" in citation
    assert f"## [{skae.__version__}]\n" in (ROOT / "CHANGELOG.md").read_text()
