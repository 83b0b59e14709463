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

from wsgistatic.files.directory import single_file
from wsgistatic.http.paths import SplitPath, parse_prefix, quote_path, split_path
from wsgistatic.representations.cache import Cache
from wsgistatic.representations.loader import Target
from wsgistatic.representations.sidecars import Sidecars
from wsgistatic.wsgi.options import FileOptionKwargs, FileOptions
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responder import make_responder
from wsgistatic.wsgi.responses import Response, redirect

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Unpack


class FinderFiles:
    """WSGI middleware that serves what the staticfiles finders find.

    Arguments:
        app: the WSGI app to wrap, which gets every miss.
        prefix, index, dotfiles, options: as for ``StaticFiles``.

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
        options.setdefault("encodings", ())  # what is edited has no sidecars yet
        checked = FileOptions.from_kwargs(options)
        policy, sidecars = checked.policy(), Sidecars(checked.encodings)
        self._common = policy.common
        self._responder = make_responder(
            checked, policy, checked.media_types_table(), Cache(0, 0, 0.0, sidecars), sidecars
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request (PEP 3333)."""
        request = Request(environ)
        response = self._respond(request)
        if response is None:
            return self._app(environ, start_response)
        return response.start(request, start_response)

    def _respond(self, request: Request) -> Response | None:
        path = self._split(request)
        if path is None:
            return None
        file = None if path.is_directory else _find(path.segments)
        if file is None and self._index is not None:
            file = _find((*path.segments, self._index))
            if file is not None and not path.is_directory:
                headers = [("Cache-Control", "no-cache"), *self._common]
                return redirect(request.directory_location(), headers)
        if file is None:
            return None
        url = quote_path(request.script_name + request.path_info)
        return self._responder.respond(request, Target(single_file(file), url, ""))

    def _split(self, request: Request) -> SplitPath | None:
        """Return the path below the prefix; None if the wrapped app gets the request."""
        rest = request.path_info[len(self._prefix) :]
        if not request.path_info.startswith(self._prefix) or rest[:1] not in ("", "/"):
            return None
        if not request.is_read:
            return None
        if not request.path_info and not request.script_name:
            return None  # the URL was "/", and a redirect to "/" would never end
        return split_path(rest, dotfiles=self._dotfiles)


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
