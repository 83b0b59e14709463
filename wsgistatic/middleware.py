"""``StaticFiles``: the files under one directory at one URL prefix, in front of a WSGI app.

Strategy: ``_answer`` is the order of a request: prefix, method, path, file or directory. It
gives an answer, or None for a miss, which is the wrapped app's; nothing in environ is changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from wsgistatic.answers import Answer, error_answer, header, preflight, redirect, refusal, send
from wsgistatic.beneath import Symlinks
from wsgistatic.catalog import Catalog, Entry
from wsgistatic.directory import Directory
from wsgistatic.offload import Offload
from wsgistatic.options import (
    FileOptions,
    FileOptionValues,
    check_bool,
    check_choice,
    check_file_name,
    check_integer,
    check_path,
    check_seconds,
)
from wsgistatic.paths import (
    SplitPath,
    directory_location,
    parse_prefix,
    split_path,
    url_path,
)
from wsgistatic.responder import Responder
from wsgistatic.source_responder import AnyResponder
from wsgistatic.sources import Traversable
from wsgistatic.traversables import AnyDirectory, is_traversable, traversable_directory

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Unpack

DEFAULT_CACHE_SIZE = 32 * 1024 * 1024  # bytes
DEFAULT_CACHE_FILE_SIZE = 128 * 1024  # bytes


_SERVED = ("GET", "HEAD")
_NOT_MODIFIED = "304 Not Modified"
_ABSENT = (FileNotFoundError, NotADirectoryError)
_NOTHING = (b"",)
_UNKNOWN = ("", "")  # no key of the catalog


class StaticFiles:
    """WSGI middleware that serves the files under a directory at a URL prefix.

    ``application = StaticFiles(application, "static", prefix="/static/")``

    Everything that is not a file there, and every method but GET and HEAD, goes to the wrapped
    app. Files are looked at anew at each request.

    Arguments:
        app: the WSGI app to wrap; None makes a complete app that answers 404 and 405 itself.
        directory: path of the directory, or one that ``importlib.resources`` gave.
        prefix: URL path, decoded; slashes at its ends do not matter.
        index: name of the file served for a directory; None for none.
        symlinks: ``"inside"`` (links may not lead out of the directory), ``"follow"``, ``"deny"``.
        dotfiles: serve names that begin with a dot (``.well-known`` always is).
        check_dir: raise ValueError where the directory does not exist yet.
        stat_ttl: seconds for which the last look at a file is trusted; 0: a look at each request.
        cache_size: bytes of memory for what is ready to be sent; 0 keeps nothing.
        cache_file_size: bytes of the largest file that is kept whole.
        compress: compress text in memory when it is first asked for.
        offload: header and path by which the front server is told to send a file.
        options: those of ``FileOptions``, which the README tells about.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """

    def __init__(
        self,
        app: WSGIApplication | None,
        directory: str | os.PathLike[str] | Traversable,
        prefix: str = "/",
        *,
        index: str | None = "index.html",
        symlinks: Symlinks = "inside",
        dotfiles: bool = False,
        check_dir: bool = True,
        stat_ttl: float = 0.0,
        cache_size: int = DEFAULT_CACHE_SIZE,
        cache_file_size: int = DEFAULT_CACHE_FILE_SIZE,
        compress: bool = False,
        offload: tuple[str, str] | None = None,
        **options: Unpack[FileOptionValues],
    ) -> None:
        if app is not None and not callable(app):
            raise TypeError(f"app must be a WSGI app or None, not {app!r}")
        check_choice("symlinks", symlinks, ("inside", "follow", "deny"))
        check_bool("dotfiles", dotfiles)
        check_bool("check_dir", check_dir)
        if index is not None:
            check_file_name("index", index)
        check_seconds("stat_ttl", stat_ttl)
        check_integer("cache_size", cache_size, 0)
        check_integer("cache_file_size", cache_file_size, 0)
        check_bool("compress", compress)
        if compress and cache_size == 0:
            raise ValueError("compress must be False where cache_size is 0, not True")
        if is_traversable(directory):
            root, exists = "", directory.is_dir()  # no root that can be asked for names
        else:
            root = check_path("directory", directory)
            exists = os.path.isdir(root)
        if check_dir and not exists:
            raise ValueError(
                f"directory must be an existing directory, not {root or directory!r} "
                "(check_dir=False allows it to appear later)"
            )
        handing = None if offload is None else Offload(offload, root)
        if handing is not None and not handing.keeps_codings:
            options["encodings"] = ()
        file_options = FileOptions(**options)
        self._app = app
        self._inner: WSGIApplication = self._not_found if app is None else app
        self._prefix = parse_prefix(prefix)
        self._below = self._prefix + "/"  # /static-notes.txt is not below /static
        self._skipped = len(self._prefix)
        self._index = index
        self._dotfiles = dotfiles
        self._directory: AnyDirectory = (
            Directory(root, symlinks) if root else traversable_directory(directory, symlinks)
        )
        # Where names mean what they say, a path can be looked at before it is taken apart.
        self._root = None if os.name == "nt" else root
        self._policy = file_options.policy()
        self._catalog = Catalog(cache_size, cache_file_size, stat_ttl)
        self._entries, self._is_current = self._catalog.entries, self._catalog.is_current
        make_responder = Responder if root else AnyResponder
        self._responder: Responder = make_responder(file_options, self._policy, self._catalog)
        if compress:
            self._responder.compress_text()
        if handing is not None and root:
            self._responder.hand_off(handing)

    def __call__(  # noqa: PLR0912 - unfolded: a call more costs 0.1 us
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request (PEP 3333).

        The first half is the one abbreviation of ``_answer``: a GET or HEAD that the catalog has
        ready, without a field that wants a parser, and with validators that are absent or, letter
        by letter, those of the entry. 3.2 us, of which one stat is 1.8; in full it would be 9.
        """
        try:
            path_info = environ["PATH_INFO"]
            entry = self._entries.get(path_info)
            if entry is None:
                elsewhere = not path_info.startswith(self._below) and path_info != self._prefix
            else:
                elsewhere = False
                if entry.choices is not None:
                    entry.used = True
                    accepted = environ.get("HTTP_ACCEPT_ENCODING")
                    entry = self._entries.get(entry.choices.get(accepted, _UNKNOWN))
        except (AttributeError, KeyError, TypeError):  # not there, or no text
            path_info, entry, elsewhere = "", None, bool(self._prefix)
        if elsewhere:
            return self._inner(environ, start_response)
        if entry and not ("HTTP_IF_MATCH" in environ or "HTTP_IF_UNMODIFIED_SINCE" in environ):
            ready: Iterable[bytes] | None = None
            method = environ.get("REQUEST_METHOD")
            # RFC 9110 13.2.2: If-Modified-Since counts only where If-None-Match is absent.
            if "HTTP_IF_NONE_MATCH" in environ:
                if environ["HTTP_IF_NONE_MATCH"] == entry.etag and method in _SERVED:
                    ready, status = iter(_NOTHING), _NOT_MODIFIED
                    headers = entry.not_modified_headers
            elif "HTTP_IF_MODIFIED_SINCE" in environ:
                if environ["HTTP_IF_MODIFIED_SINCE"] == entry.last_modified and method in _SERVED:
                    ready, status = iter(_NOTHING), _NOT_MODIFIED
                    headers = entry.not_modified_headers
            elif monotonic() < entry.seen_until and "HTTP_WANT_REPR_DIGEST" not in environ:
                if method == "HEAD":
                    ready, status, headers = [b""], "200 OK", entry.full_headers
                elif method == "GET" and entry.body and "HTTP_RANGE" not in environ:
                    ready, status, headers = entry.body.copy(), "200 OK", entry.full_headers
            if ready is not None and (
                (entry.trusted_until and monotonic() < entry.trusted_until)
                or self._is_current(entry)
            ):
                entry.used = True
                start_response(status, headers.copy())
                return ready
        answer = self._answer(environ, path_info, entry)
        if answer is None:
            return self._inner(environ, start_response)
        return send(answer, environ, start_response)

    def _answer(
        self, environ: WSGIEnvironment, path_info: str, entry: Entry | None
    ) -> Answer | None:
        method = environ.get("REQUEST_METHOD")
        served = method == "GET" or method == "HEAD"  # noqa: PLR1714 - half the time of "in"
        if not served and self._app is not None:
            return None
        if entry is not None and served:
            answer = self._responder.answer_from(environ, entry)
            if answer is not None:
                entry.used = True
                return answer
            self._catalog.review(path_info, entry)
        rest = path_info[self._skipped :]
        # One failed stat tells most misses: 2.6 us against 15. What is not there needs no policy.
        if self._root and "/." not in rest and "//" not in rest and rest.isascii():
            try:
                os.stat(self._root + rest)
            except _ABSENT:
                return None
            except (OSError, ValueError):
                pass  # there may be more to say
        if not path_info and not header(environ, "SCRIPT_NAME"):
            return None  # "/" was meant: a redirect to it would not end
        path = split_path(rest, dotfiles=self._dotfiles, windows=self._root is None)
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
            return self._responder.respond(
                environ,
                resource,  # type: ignore[arg-type] # where not all are files it takes others too
                url,
                header(environ, "PATH_INFO") or "",
            )
        except IsADirectoryError:
            return None if path.is_directory else self._redirect(environ, path, url)

    def _redirect(self, environ: WSGIEnvironment, path: SplitPath, url: str) -> Answer | None:
        """Send ``/dir`` to ``/dir/`` where an index is there, or relative links would break."""
        if self._index is None:
            return None
        index = self._directory.resource((*path.segments, self._index))
        try:
            index.stat()
            fields = self._policy.for_file(index.path, url + "/", "text/html")
        except OSError as error:
            return refusal(error, index.path, self._policy)
        location = directory_location(
            header(environ, "SCRIPT_NAME") or "",
            header(environ, "PATH_INFO") or "",
            header(environ, "QUERY_STRING") or "",
        )
        return redirect(location, fields.others)

    def _not_found(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        return send(error_answer(404, self._policy), environ, start_response)

    def _refuse_method(self, environ: WSGIEnvironment, path: SplitPath) -> Answer | None:
        """Answer 405 where GET would find something (RFC 9110 15.5.6), else a miss."""
        if self._serve({**environ, "REQUEST_METHOD": "HEAD"}, path) is None:
            return None
        return preflight(environ, self._policy) or error_answer(
            405, self._policy, ("Allow", "GET, HEAD")
        )
