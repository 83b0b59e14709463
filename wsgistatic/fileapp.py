"""``FileApp``: one file as a WSGI app, to mount somewhere or to call from a view."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from wsgistatic.answers import error_answer, header, preflight, send
from wsgistatic.catalog import Catalog
from wsgistatic.directory import single_file
from wsgistatic.options import FileOptions, FileOptionValues, check_path
from wsgistatic.paths import quote_path
from wsgistatic.responder import Responder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from typing_extensions import Unpack


class FileApp:
    """A WSGI app that serves one file, whatever the URL.

    ``return FileApp(path, cache_control="private")(environ, start_response)``

    The file is looked at anew at each request; a missing one is 404. Links are followed: the
    path is yours, not the client's. Sidecars are used only where ``encodings`` names them: beside
    an upload may lie somebody else's.

    Arguments:
        path: of the file.
        options: those of ``FileOptions``, which the README tells about.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """

    def __init__(self, path: str | os.PathLike[str], **options: Unpack[FileOptionValues]) -> None:
        self._resource = single_file(check_path("path", path))
        options.setdefault("encodings", ())
        file_options = FileOptions(**options)
        self._policy = file_options.policy()
        # Nothing is kept: an app made in a view lives for one request.
        self._responder = Responder(file_options, self._policy, Catalog(0, 0, 0.0))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            answer = preflight(environ, self._policy) or error_answer(
                405, self._policy, ("Allow", "GET, HEAD")
            )
        else:
            url = (header(environ, "SCRIPT_NAME") or "") + (header(environ, "PATH_INFO") or "")
            found = None
            with suppress(IsADirectoryError):
                found = self._responder.respond(environ, self._resource, quote_path(url), "")
            answer = found or error_answer(404, self._policy)
        return send(answer, environ, start_response)
