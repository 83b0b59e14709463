"""Configuration of Sphinx. The README has the command that builds these pages."""

from __future__ import annotations

import wsgistatic

project = "wsgistatic"
author = "The wsgistatic developers"
project_copyright = "2026, The wsgistatic developers"
release = version = wsgistatic.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosectionlabel",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
autosectionlabel_prefix_document = True
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False

# The names of the standard library have no targets here, since intersphinx needs the network.
nitpick_ignore_regex = [(r"py:.*", r"(?!wsgistatic\.).*")]

html_theme = "furo"
html_title = "wsgistatic"
html_copy_source = False
html_show_sphinx = False
