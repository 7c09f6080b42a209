"""The check that no page of the built documentation is wider than its screen."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "check_widths.py"

pytestmark = [
    pytest.mark.skipif(
        not SCRIPT.exists(), reason="it comes with the repository, not with the wheel"
    ),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium"),
]


def check(folder, **pages):
    """Write pages into a folder, and return the exit code and the lines printed."""
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<!doctype html><body>{body}")
    done = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_pages_wider_than_the_screen_are_listed_with_what_is_wide(tmp_path):
    long = "x" * 100  # about 900 pixels
    code, lines = check(
        tmp_path,
        fits="words " * 100,
        scrolls=f"<pre style='overflow: auto'>{long}</pre>",
        wide=f"<p>{long}</p>",
        hidden=f"<div style='overflow: hidden'><p>{long}</p></div>",
    )
    assert code == 1
    assert [line.split(":")[0] for line in lines if " of 375 pixels" in line] == [
        "hidden.html",
        "wide.html",
    ]
    assert any("xxx" in line for line in lines)
    assert lines[-1] == "8 pages and widths, 2 too wide"


def test_pages_that_fit_pass(tmp_path):
    assert check(tmp_path, fits="words " * 100)[0] == 0


def test_a_folder_that_was_not_built_says_so(tmp_path):
    assert "build the documentation first" in check(tmp_path)[1][-1]
