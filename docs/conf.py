"""Sphinx configuration."""

import skae

project = "skae"
author = "the skae developers"
copyright = f"2026, {author}"
version = release = skae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
]
exclude_patterns = ["_build"]
autosummary_generate = True
autodoc_inherit_docstrings = True
numpydoc_show_class_members = False
html_theme = "pydata_sphinx_theme"
