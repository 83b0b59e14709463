"""PasteDeploy: ``use = egg:wsgistatic`` as an app or a filter in an ``.ini`` file.

An ``.ini`` file contains only text, which the table of options converts to values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wsgistatic.wsgi.middleware import StaticFiles
from wsgistatic.wsgi.options import ARGUMENTS, OPTIONS, unknown_option

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_TABLE = ARGUMENTS | OPTIONS
_CONVERTERS = {name: option.from_text for name, option in _TABLE.items() if option.from_text}


def make_app(global_conf: Mapping[str, str], /, **options: str) -> StaticFiles:
    """Return a complete app, which answers 404 and 405 itself (``paste.app_factory``).

    Arguments:
        global_conf: PasteDeploy's settings for the whole file. ``here`` is the file's directory.
        options: The options of ``StaticFiles`` as text. ``directory`` is required, and a relative
            one starts at ``here``.

    Raises:
        ValueError: An option is missing or unknown, or its value is not allowed. The message names
            the option, the value and what is allowed.
    """
    return make_filter_app(None, global_conf, **options)


def make_filter_app(
    app: WSGIApplication | None, global_conf: Mapping[str, str], /, **options: str
) -> StaticFiles:
    """Return middleware around an app (``paste.filter_app_factory``).

    Arguments:
        app: The WSGI app that gets every request that matches no file, or None.
        global_conf, options: As for ``make_app``, with the same errors.
    """
    for name in options:
        if name not in _CONVERTERS:
            raise ValueError(unknown_option(name, _CONVERTERS))
    if not options.get("directory"):
        raise ValueError("directory is required: the path of the directory to serve")
    values: dict[str, Any] = {name: _CONVERTERS[name](name, text) for name, text in options.items()}
    values["directory"] = os.path.join(global_conf.get("here", ""), values["directory"])
    return StaticFiles(app, **values)
