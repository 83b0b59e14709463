"""The app that every server of the matrix runs: ``StaticFiles`` around a tiny app.

Two layers of middleware record the type of each body and make a file grow. Both return the original
body object, so that a server still recognises its own file wrapper.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wsgistatic import StaticFiles
from wsgistatic.files.versions import RegularFile

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/files/"
INNER_BODY = b"the app"
SITE, RECORD, OPTIONS = "WSGISTATIC_SITE", "WSGISTATIC_RECORD", "WSGISTATIC_OPTIONS"
MOVE_POSITION = "WSGISTATIC_MOVE_POSITION"


def inner_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Respond to every request that is not for a file."""
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(INNER_BODY)))]
    start_response("200 OK", headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else INNER_BODY]


class BodyTypes:
    """Middleware that appends the query and the type of each body to a file."""

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
    """Middleware that appends to the requested file if the query is ``grow``.

    The file then grows after Content-Length was set, and before the server sends the file.
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


def move_position_when_reading() -> None:
    """Make the position of a descriptor show how far wsgistatic has read the file."""
    patched: Any = RegularFile
    read_at = RegularFile.read_at

    def read_and_move(file: RegularFile, offset: int, size: int) -> bytes:
        content = read_at(file, offset, size)
        file.seek(offset + len(content))
        return content

    patched.read_at = read_and_move


def make_app() -> WSGIApplication:
    """Return the app, configured by environment variables."""
    options: dict[str, Any] = json.loads(os.environ[OPTIONS])
    if MOVE_POSITION in os.environ:
        move_position_when_reading()
    directory = os.environ[SITE]
    app = StaticFiles(inner_app, directory, PREFIX, **options)
    return BodyTypes(Growth(app, directory), os.environ[RECORD])


def paste_app(global_config: dict[str, str], **local_config: str) -> WSGIApplication:
    """Return the app, as a PasteDeploy app factory for ``pserve``."""
    return make_app()
