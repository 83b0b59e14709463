"""PasteDeploy: ``use = egg:wsgistatic`` as an app or a filter of an ``.ini`` file.

Strategy: an ``.ini`` file knows text only, so each option of ``StaticFiles`` stands in one table
with what makes its value of text. What a value may be stays the business of ``StaticFiles``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wsgistatic.wsgi.middleware import StaticFiles
from wsgistatic.wsgi.options import CONVERTERS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def make_app(global_conf: Mapping[str, str], /, **options: str) -> StaticFiles:
    """Make a complete app (``paste.app_factory``), which answers 404 and 405 itself.

    Arguments:
        global_conf: what PasteDeploy knows of the file; ``here`` is its folder.
        options: those of ``StaticFiles``, as text; ``directory`` is required, and a relative one
            starts at ``here``.

    Raises:
        ValueError: naming the option, the value and what is allowed.
    """
    return _static_files(None, global_conf, options)


def make_filter_app(
    app: WSGIApplication, global_conf: Mapping[str, str], /, **options: str
) -> StaticFiles:
    """Wrap an app (``paste.filter_app_factory``); arguments and errors are those of ``make_app``.

    Arguments:
        app: the WSGI app that gets every miss.
        global_conf: what PasteDeploy knows of the file.
        options: those of ``StaticFiles``, as text.
    """
    return _static_files(app, global_conf, options)


def _static_files(
    app: WSGIApplication | None, global_conf: Mapping[str, str], options: dict[str, str]
) -> StaticFiles:
    unknown = sorted(options.keys() - CONVERTERS.keys())
    if unknown:
        allowed = ", ".join(sorted(CONVERTERS))
        raise ValueError(f"there is no option {unknown[0]!r}; allowed are {allowed}")
    if not options.get("directory"):
        raise ValueError("directory is required: the path of the folder to serve")
    values = {name: CONVERTERS[name](name, text) for name, text in options.items()}
    values["directory"] = os.path.join(global_conf.get("here", ""), values["directory"])
    return StaticFiles(app, **values)
