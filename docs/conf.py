"""Sphinx configuration: sphinx-build -W docs docs/_build."""

import os
import re
import sys
from pathlib import Path

from docutils import nodes

sys.path.insert(0, str(Path(__file__).parent))  # for the modules beside this one

import inventories
import pictures

# The examples draw into files, and TensorFlow starts in silence.
os.environ["MPLBACKEND"] = "agg"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import skae

project = "skae"
author = "the skae developers"
copyright = f"2026, {author}"
version = release = skae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "myst_parser",  # for the tables that benchmarks write
    "numpydoc",
    "parameter_groups",
    "sphinx_gallery.gen_gallery",
]
intersphinx_mapping = inventories.mapping(
    Path(__file__).parent / "generated" / "inventories"
)
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples", "**sg_execution_times.rst"]
autosummary_generate = True
autodoc_inherit_docstrings = True
autodoc_typehints = "none"  # docstrings have the types
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 60  # longer ones have a line a parameter
numpydoc_show_class_members = False
numpydoc_xref_param_type = True  # links in the types of parameters
numpydoc_xref_aliases = inventories.types()
numpydoc_xref_ignore = "all"  # other words are no names

html_theme = "pydata_sphinx_theme"
html_title = "skae"
html_static_path = ["_static"]
html_css_files = ["skae.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skae"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
html_sidebars = {"start": [], "errors": []}

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": [
        "examples/reduce",
        "examples/understand",
        "examples/clean",
        "examples/unusual",
        "examples/generate",
        "examples/networks",
        "examples/limits",
        "*",
    ],
    "within_subsection_order": "FileNameSortKey",
    "thumbnail_size": (640, 400),  # sharp also where a pixel of the page is two
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skae",),
    "reset_modules": ("matplotlib", "gallery.save_without_margins"),
    "capture_repr": (),
    "image_srcset": ["2x"],
    "min_reported_time": 1,
    "write_computation_times": False,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
}


def setup(app):
    pictures.draw(Path(__file__).parent / "generated" / "pictures")
    app.connect("doctree-read", link_to_entries)
    # Before numpydoc, which reads docstrings at the usual 500.
    app.connect("autodoc-process-docstring", escape_stars, priority=400)


def link_to_entries(app, page):
    """Give each entry of the page of errors an address, and a sign that links there."""
    if app.env.docname != "errors":
        return
    for entry in page.findall(nodes.definition_list_item):
        term = entry[0]
        name = nodes.make_id(term.astext())
        if name in page.ids:
            raise ValueError(f"Two entries have the address {name}.")
        page.ids[name] = term
        term["ids"].append(name)
        sign = {
            "refid": name,
            "classes": ["headerlink"],
            "reftitle": "Link to this entry",
        }
        term += nodes.reference("", "#", **sign)


def escape_stars(app, what, name, obj, options, lines):
    """Keep the star of a type, as in (n_samples, *sample_shape), from emphasis."""
    lines[:] = [re.sub(r"( : .*)\*(?=\w)", r"\1\\*", line) for line in lines]
