"""Serve static files straight from the app folders, by asking the staticfiles finders.

The finders choose the file at each request, as in Django's own view. Symbolic links are followed,
as by collectstatic.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
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

    All other requests go to the wrapped app. The options are those of ``StaticFiles`` for single
    files, and ``index``, ``dotfiles``, ``cache_size`` and ``cache_file_size``.

    With ``linked_from``, the path of STATIC_ROOT, a file is served only if the same name below that
    path is a link to it, as after ``collectstatic --link``. So write access to STATIC_ROOT is not
    enough to have other files served.
    """

    def __init__(
        self, app: WSGIApplication, prefix: str, *, linked_from: str | None = None, **kwargs: Any
    ) -> None:
        self._app = app
        self._linked_from = linked_from
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
        return response.for_origin(request, self._responder.policy).start(request, start_response)

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
        file = None if path.is_directory else self._find(path.segments)
        if file is None and self._index is not None:
            file = self._find((*path.segments, self._index))
            if file is not None and not path.is_directory:
                headers = [("Cache-Control", "no-cache"), *self._responder.policy.common]
                return redirect(request.location_as_directory(), headers)
        if file is None:
            return None
        url = quote_path(path_info)  # as for StaticFiles
        key = f"{url}\0{file}"  # the same URL may lead to another file next time
        response = self._responder.respond_from_cache(request, key)
        return response or self._responder.respond(request, Target(single_file(file), url, key))

    def _find(self, segments: tuple[str, ...]) -> str | None:
        """Return the path of a regular file, or None if no finder finds one."""
        if not segments:
            return None
        name = os.path.join(*segments)
        link = None if self._linked_from is None else os.path.join(self._linked_from, name)
        try:
            if link is not None and not os.path.islink(link):
                return None
            found = first_found(name)
            if found is None or not os.path.isfile(found) or _has_alias(found, segments):
                return None
            return found if link is None or os.path.samefile(found, link) else None
        except (OSError, SuspiciousOperation, ValueError):
            return None


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


def first_found(name: str) -> str | None:
    """Return the absolute path that the first finder returns which finds a name, or None."""
    for finder in finders.get_finders():
        try:
            # Django 5.2 renamed the second parameter; without it finders return a single path.
            found = finder.find(name)
        except NotImplementedError:  # a remote storage has no path
            continue
        if isinstance(found, (list, tuple)):
            found = found[0] if found else None
        if found:
            # collectstatic would not collect the files of a finder that cannot list them.
            can_list = type(finder).list is not finders.BaseFinder.list
            return os.path.abspath(found) if can_list else None
    return None
