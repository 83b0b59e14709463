"""``StaticFiles``: the files under one directory at one URL prefix, in front of a WSGI app.

Strategy: ``_answer`` is the order of a request: prefix, method, path, file or directory. It
gives an answer, or None for a miss, which is the wrapped app's; nothing in environ is changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wsgistatic.answers import Answer, Responder, header, send
from wsgistatic.beneath import Symlinks
from wsgistatic.directory import Directory
from wsgistatic.options import FileOptions, check_bool, check_choice, check_file_name, check_path
from wsgistatic.paths import (
    SplitPath,
    below_prefix,
    directory_location,
    parse_prefix,
    split_path,
    url_path,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ON_WINDOWS = os.name == "nt"


class StaticFiles:
    """WSGI middleware that serves the files under a directory at a URL prefix.

    ``application = StaticFiles(application, "static", prefix="/static/")``

    Everything that is not a file there, and every method but GET and HEAD, goes to the wrapped
    app. Files are looked at anew at each request.

    Arguments:
        app: the WSGI app to wrap; None makes a complete app that answers 404 and 405 itself.
        directory: path of the directory.
        prefix: URL path, decoded; slashes at its ends do not matter.
        index: name of the file served for a directory; None for none.
        symlinks: ``"inside"`` (links may not lead out of the directory), ``"follow"``, ``"deny"``.
        dotfiles: serve names that begin with a dot (``.well-known`` always is).
        check_dir: raise ValueError where the directory does not exist yet.
        options: those of ``FileOptions``: cache_control, allow_origin, nosniff, media_types,
            charset, etag, block_size, max_ranges, file_wrapper.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """

    def __init__(
        self,
        app: WSGIApplication | None,
        directory: str | os.PathLike[str],
        prefix: str = "/",
        *,
        index: str | None = "index.html",
        symlinks: Symlinks = "inside",
        dotfiles: bool = False,
        check_dir: bool = True,
        **options: Any,
    ) -> None:
        if app is not None and not callable(app):
            raise TypeError(f"app must be a WSGI app or None, not {app!r}")
        check_choice("symlinks", symlinks, ("inside", "follow", "deny"))
        check_bool("dotfiles", dotfiles)
        check_bool("check_dir", check_dir)
        if index is not None:
            check_file_name("index", index)
        root = check_path("directory", directory)
        if check_dir and not os.path.isdir(root):
            raise ValueError(
                f"directory must be an existing directory, not {root!r} "
                "(check_dir=False allows it to appear later)"
            )
        file_options = FileOptions(**options)
        self._app = app
        self._prefix = parse_prefix(prefix)
        self._index = index
        self._dotfiles = dotfiles
        self._directory = Directory(root, symlinks)
        self._responder = Responder(file_options, file_options.policy())

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        answer = self._answer(environ)
        if answer is None:
            if self._app is not None:
                return self._app(environ, start_response)
            answer = self._responder.error(404)
        return send(answer, environ, start_response)

    def _answer(self, environ: WSGIEnvironment) -> Answer | None:
        path_info = header(environ, "PATH_INFO") or ""
        rest = below_prefix(path_info, self._prefix)
        if rest is None or not (path_info or header(environ, "SCRIPT_NAME")):
            return None
        served = environ.get("REQUEST_METHOD") in ("GET", "HEAD")
        if not served and self._app is not None:
            return None
        path = split_path(rest, dotfiles=self._dotfiles, windows=_ON_WINDOWS)
        if path is None:
            return None
        if not served:
            return self._refuse_method(environ, path)
        return self._serve(environ, path)

    def _serve(self, environ: WSGIEnvironment, path: SplitPath) -> Answer | None:
        url = url_path(self._prefix, path)
        try:
            if not path.is_directory:
                resource = self._directory.resource(path.segments)
            elif self._index is not None:
                resource = self._directory.resource((*path.segments, self._index))
            else:
                return None
            return self._responder.respond(environ, resource, url)
        except IsADirectoryError:
            return None if path.is_directory else self._redirect(environ, path, url)

    def _redirect(self, environ: WSGIEnvironment, path: SplitPath, url: str) -> Answer | None:
        """Send ``/dir`` to ``/dir/`` where an index is there, or relative links would break."""
        if self._index is None:
            return None
        index = self._directory.resource((*path.segments, self._index))
        try:
            index.stat()
        except OSError as error:
            return self._responder.refuse(error, index.path)
        location = directory_location(
            header(environ, "SCRIPT_NAME") or "",
            header(environ, "PATH_INFO") or "",
            header(environ, "QUERY_STRING") or "",
        )
        return self._responder.redirect(location, index.path, url + "/")

    def _refuse_method(self, environ: WSGIEnvironment, path: SplitPath) -> Answer | None:
        """Answer 405 where GET would find something (RFC 9110 15.5.6), else a miss."""
        found = self._serve({**environ, "REQUEST_METHOD": "HEAD"}, path)
        return found and self._responder.error(405, ("Allow", "GET, HEAD"))
