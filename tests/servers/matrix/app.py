"""The app that every server of the matrix is given: ``StaticFiles`` around a tiny one.

Outside of it a layer writes down the type of each body, and passes on the very same object, so
that a server still finds its own file wrapper.
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


def make_app() -> WSGIApplication:
    """Make the app by what the environment says."""
    options: dict[str, Any] = json.loads(os.environ[OPTIONS])
    return BodyTypes(StaticFiles(the_app, os.environ[SITE], PREFIX, **options), os.environ[RECORD])


def paste_app(global_config: dict[str, str], **local_config: str) -> WSGIApplication:
    """Make the app for ``pserve``."""
    return make_app()
