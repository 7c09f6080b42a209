"""Sections of numpydoc docstrings."""

import inspect
import re


def section(documented, title):
    """Return a section of a numpydoc docstring, without its title."""
    text = inspect.getdoc(documented)
    parts = re.split(r"^(\w[\w ]*)\n-+\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(title, "")


def entries(documented, title):
    """Return names and texts of a section: of each line at its left, what follows."""
    parts = re.split(r"^(\S.*)\n", section(documented, title), flags=re.MULTILINE)
    texts = {}
    for header, body in zip(parts[1::2], parts[2::2], strict=True):
        for name in header.partition(" : ")[0].split(", "):
            texts[name] = header + "\n" + body
    return texts
