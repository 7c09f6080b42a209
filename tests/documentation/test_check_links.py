"""The check of links between the pages of the built documentation."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "check_links.py"

pytestmark = pytest.mark.skipif(
    not SCRIPT.exists(), reason="it comes with the repository, not with the wheel"
)


def check(folder, **pages):
    """Write pages into a folder, and return the exit code and the lines printed."""
    (folder / "part").mkdir(parents=True)
    (folder / "picture.png").touch()
    (folder / "part" / "index.html").write_text('<h1 id="title">Title</h1>')
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    done = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize(
    "body",
    [
        '<img src="picture.png">',
        '<a href="part/index.html#title">a page</a>',
        '<a href="part/">its folder</a>',
        '<p id="here"></p><a href="#here">this page</a><a href="#">its top</a>',
        '<a href="picture.png?shown=1">a question is no part of the file</a>',
        '<a href="https://example.org/no/page">another site</a>',
        '<a href="mailto:someone@example.org">mail</a>',
        '<img src="data:image/png;base64,AA">',
    ],
)
def test_links_that_lead_somewhere_pass(tmp_path, body):
    assert check(tmp_path / "html", page=body) == (0, ["0 broken links"])


@pytest.mark.parametrize(
    ("tag", "address"),
    [
        ('<a href="{}">', "none.html"),
        ('<a href="{}">', "part/index.html#none"),
        ('<a href="{}">', "#none"),
        ('<img src="{}">', "part/picture.png"),
        ('<script src="{}"></script>', "https://example.org/script.js"),
        ('<link rel="stylesheet" href="{}">', "//example.org/style.css"),
    ],
)
def test_links_to_nowhere_and_loads_from_elsewhere_are_listed(tmp_path, tag, address):
    listed = [f"page.html: {address}", "1 broken links"]
    assert check(tmp_path / "html", page=tag.format(address)) == (1, listed)


def test_a_folder_that_was_not_built_says_so(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "build the documentation first" in done.stderr
