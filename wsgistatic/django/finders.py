"""Serve static files straight from the app folders, by asking the staticfiles finders.

The finders choose the file at each request. It is served only if it is inside a directory of one
of them. Symbolic links are followed, as by collectstatic.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles import finders
from django.core.exceptions import SuspiciousOperation

from wsgistatic.files.directory import Directory, single_file
from wsgistatic.http.paths import parse_prefix, quote_path, split_path
from wsgistatic.representations.loader import Target
from wsgistatic.wsgi.options import DirectoryOptions
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responder import Responder
from wsgistatic.wsgi.responses import Response, redirect

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class FinderFiles:
    """WSGI middleware that serves what the staticfiles finders find.

    All other requests go to the wrapped app. Of the options of ``StaticFiles`` it follows those for
    single files, and ``index``, ``dotfiles``, ``cache_size`` and ``cache_file_size``.
    """

    def __init__(self, app: WSGIApplication, prefix: str, **kwargs: Any) -> None:
        self._app = app
        self._prefix = parse_prefix(prefix)
        # By default there are no encodings, since source files have no sidecars.
        kwargs = {"encodings": (), **kwargs, "stat_ttl": 0.0, "compress": False}
        options = DirectoryOptions.from_kwargs(kwargs)
        self._index, self._dotfiles = options.index, options.dotfiles
        self._responder = Responder(options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request (PEP 3333)."""
        request = Request(environ)
        response = self._respond(request)
        if response is None:
            return self._app(environ, start_response)
        return response.start(request, start_response)

    def _respond(self, request: Request) -> Response | None:
        path_info = request.path_info
        if not request.is_read or not path_info.startswith(self._prefix):
            return None
        rest = path_info[len(self._prefix) :]
        if rest[:1] not in ("", "/"):
            return None
        if not path_info and request.script_name[-1:] in ("", "/"):
            return None  # the URL ended in "/", and a redirect to it would never end
        path = split_path(rest, dotfiles=self._dotfiles)
        if path is None:
            return None
        file = None if path.is_directory else _find(path.segments)
        if file is None and self._index is not None:
            file = _find((*path.segments, self._index))
            if file is not None and not path.is_directory:
                headers = [("Cache-Control", "no-cache"), *self._responder.policy.common]
                return redirect(request.location_as_directory(), headers)
        if file is None:
            return None
        url = quote_path(request.script_name + path_info)
        key = f"{url}\0{file}"  # the same URL may lead to another file next time
        response = self._responder.respond_from_cache(request, key)
        return response or self._responder.respond(request, Target(single_file(file), url, key))


def _find(segments: tuple[str, ...]) -> str | None:
    """Return the path of a regular file, or None if there is none in a finder's directory."""
    found = None
    with suppress(SuspiciousOperation):
        found = finders.find(os.path.join(*segments)) if segments else None
    if not found or not os.path.isfile(found):
        return None
    path = os.path.abspath(found)
    is_inside = any(map(os.path.normcase(path).startswith, _directories()))
    return path if is_inside and not _has_alias(path, segments) else None


def _has_alias(path: str, segments: tuple[str, ...]) -> bool:
    """Return whether one of the requested names is only an alias (see ``Directory.has_alias``)."""
    root = path
    for _ in segments:
        root = os.path.dirname(root)
    try:
        names = os.path.relpath(path, root).split(os.sep)  # a finder may add names, or remove some
        return Directory(root, "follow").has_alias(tuple(names))
    except OSError:  # such as a directory that cannot be listed
        return True


def _directories() -> Iterator[str]:
    """Yield the directories of all finders, each with a separator at its end."""
    for finder in finders.get_finders():
        storages = [*getattr(finder, "storages", {}).values(), getattr(finder, "storage", None)]
        for storage in storages:
            location = getattr(storage, "location", None)  # remote storages have none
            if location:
                yield os.path.normcase(os.path.join(location, ""))
