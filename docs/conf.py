"""Configuration of Sphinx. The README has the command that builds these pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django
from django.conf import settings

import wsgistatic

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Autodoc imports wsgistatic.django, whose storages read the settings.
settings.configure(STATIC_URL="/static/")
django.setup()

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
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False

# The names of the standard library have no targets here, since intersphinx needs the network. Those
# of private modules are in the annotations of public functions.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!wsgistatic\.).*"),
    (r"py:.*", r"wsgistatic\.files\..*"),
    (r"py:.*", r"wsgistatic\.compress\.deltas\..*"),
]

html_theme = "furo"
html_title = "wsgistatic"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]


def setup(app: Sphinx) -> None:
    """Add the directive of Django's system checks, which get anchors and enter the index."""
    app.add_object_type("system-check", "system-check", "%s; system check")
