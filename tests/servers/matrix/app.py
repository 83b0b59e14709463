"""The app that every server of the matrix is given: ``StaticFiles`` around a tiny one.

Outside of it one layer writes down the type of each body and one can make a file grow; both pass on
the very same object, so that a server still finds its own file wrapper.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wsgistatic import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/files/"
THE_APP = b"the app"
SITE, RECORD, OPTIONS = "WSGISTATIC_SITE", "WSGISTATIC_RECORD", "WSGISTATIC_OPTIONS"


def the_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer everything that is not a file."""
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(THE_APP)))]
    start_response("200 OK", headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else THE_APP]


class BodyTypes:
    """Middleware that appends ``query type`` of each body to a file."""

    def __init__(self, app: WSGIApplication, path: str) -> None:
        self._app = app
        self._path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self._app(environ, start_response)
        with open(self._path, "a") as file:
            kind = type(body)
            file.write(f"{environ.get('QUERY_STRING', '')} {kind.__module__}.{kind.__qualname__}\n")
        return body


class Growth:
    """Middleware that appends to the file that is asked for with the query ``grow``.

    So the file grows after its length was promised, and before the server sends it.
    """

    def __init__(self, app: WSGIApplication, directory: str) -> None:
        self._app = app
        self._directory = directory

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self._app(environ, start_response)
        if environ.get("QUERY_STRING") == "grow":
            name = os.path.basename(environ["PATH_INFO"])
            with open(os.path.join(self._directory, name), "ab") as file:
                file.write(b"x" * 1000)
        return body


def make_app() -> WSGIApplication:
    """Make the app by what the environment says."""
    options: dict[str, Any] = json.loads(os.environ[OPTIONS])
    directory = os.environ[SITE]
    app = StaticFiles(the_app, directory, PREFIX, **options)
    return BodyTypes(Growth(app, directory), os.environ[RECORD])


def paste_app(global_config: dict[str, str], **local_config: str) -> WSGIApplication:
    """Make the app for ``pserve``."""
    return make_app()
