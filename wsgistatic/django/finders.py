"""Static files from where they are written: the staticfiles finders are asked at each request.

Strategy: the finders decide which file a name means, ``FileApp`` how a file is answered. They
are asked for names that ``split_path`` let through, and believed where the file is inside one of
their own directories. Links are followed, as collectstatic does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

from django.contrib.staticfiles import finders
from django.core.exceptions import SuspiciousOperation

from wsgistatic.http.paths import SplitPath, directory_location, parse_prefix, split_path
from wsgistatic.wsgi.file_app import FileApp
from wsgistatic.wsgi.options import FileOptionKwargs, FileOptions
from wsgistatic.wsgi.responses import header, redirect, send

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Unpack


class FinderFiles:
    """WSGI middleware that serves what the staticfiles finders find.

    Arguments:
        app: the WSGI app to wrap; it gets every miss.
        prefix, index, dotfiles, options: as of ``StaticFiles``.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """

    def __init__(
        self,
        app: WSGIApplication,
        prefix: str,
        *,
        index: str | None = "index.html",
        dotfiles: bool = False,
        **options: Unpack[FileOptionKwargs],
    ) -> None:
        self._app = app
        self._prefix = parse_prefix(prefix)
        self._index = index
        self._dotfiles = dotfiles
        self._options = options
        self._common = FileOptions.from_kwargs(options).policy().common

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        path = self._split(environ)
        if path is None:
            return self._app(environ, start_response)
        if not path.is_directory:
            file = _find(path.segments)
            if file is not None:
                return FileApp(file, **self._options)(environ, start_response)
        index = None if self._index is None else _find((*path.segments, self._index))
        if index is None:
            return self._app(environ, start_response)
        if path.is_directory:
            return FileApp(index, **self._options)(environ, start_response)
        return self._redirect(environ, start_response)

    def _split(self, environ: WSGIEnvironment) -> SplitPath | None:
        """Give the path below the prefix; None where the wrapped app is asked."""
        path_info = header(environ, "PATH_INFO") or ""
        rest = path_info[len(self._prefix) :]
        if not path_info.startswith(self._prefix) or rest[:1] not in ("", "/"):
            return None
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return None
        if not path_info and not header(environ, "SCRIPT_NAME"):
            return None  # "/" was meant: a redirect to it would not end
        return split_path(rest, dotfiles=self._dotfiles)

    def _redirect(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        location = directory_location(
            header(environ, "SCRIPT_NAME") or "",
            header(environ, "PATH_INFO") or "",
            header(environ, "QUERY_STRING") or "",
        )
        headers = [("Cache-Control", "no-cache"), *self._common]
        return send(redirect(location, headers), environ, start_response)


def _find(segments: tuple[str, ...]) -> str | None:
    """Ask for a regular file; None where there is none inside a finder's directory."""
    if not segments:
        return None
    try:
        found = finders.find(os.path.join(*segments))
    except SuspiciousOperation:
        return None
    if not found or not os.path.isfile(found):
        return None
    path = PurePath(os.path.abspath(found))
    return str(path) if any(map(path.is_relative_to, _directories())) else None


def _directories() -> Iterator[str]:
    for finder in finders.get_finders():
        storages = [*getattr(finder, "storages", {}).values(), getattr(finder, "storage", None)]
        for storage in storages:
            location = getattr(storage, "location", None)  # a remote one has none
            if location:
                yield location
