"""``StaticFiles``: the files under one directory at one URL prefix, in front of a WSGI app.

Strategy: what the catalog has ready is answered here, in the fewest steps; all else goes through
``Finder``. A miss is the wrapped app's, which gets environ untouched.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from wsgistatic.files.body import DEFAULT_BLOCK_SIZE
from wsgistatic.files.packages import Traversable, is_traversable
from wsgistatic.files.symlinks import Symlinks
from wsgistatic.files.versions import signature
from wsgistatic.http.codings import PREFERENCE
from wsgistatic.http.paths import parse_prefix
from wsgistatic.http.ranges import DEFAULT_MAX_RANGES
from wsgistatic.representations.cache import UNKNOWN, Catalog, Entry, Key
from wsgistatic.representations.headers import CacheControl, CustomHeaders
from wsgistatic.representations.immutable import Immutable
from wsgistatic.representations.representation import EtagMode
from wsgistatic.validation import check_path
from wsgistatic.wsgi.events import Observer, OnAnswer
from wsgistatic.wsgi.options import (
    DEFAULT_CACHE_CONTROL,
    DEFAULT_CACHE_FILE_SIZE,
    DEFAULT_CACHE_SIZE,
    OPTIONS,
    DirectoryOptions,
)
from wsgistatic.wsgi.responses import no_store_if_missing, send
from wsgistatic.wsgi.site import Finder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Never

_SERVED = ("GET", "HEAD")
_NOT_MODIFIED = "304 Not Modified"
_NOTHING = (b"",)


class StaticFiles:
    """WSGI middleware that serves the files under a directory at a URL prefix.

    ``application = StaticFiles(application, "static", prefix="/static/")``

    Everything that is not a file there, and every method but GET and HEAD, goes to the wrapped
    app. Files are looked at anew at each request.

    Arguments:
        app: WSGI app that gets every request which matches no file. With None the middleware is a
            complete app, which answers 404 and 405 itself.
        directory: Path of the directory, or a directory from ``importlib.resources``.
        prefix: URL path below which the files appear, not percent-encoded. Slashes at its ends do
            not matter.
        index: File that is served for a directory, or None.
        symlinks: ``"inside"`` follows links that stay inside the directory, ``"follow"`` follows
            all links, ``"deny"`` serves nothing behind a link.
        dotfiles: Whether to serve names that begin with a dot. ``.well-known`` always is served.
        listing: Whether to show what is in a directory without an index, as HTML or JSON.
        fallback: File below the directory that is served to page loads which match no file, for
            single-page apps, or None.
        not_found: File below the directory that is sent with status 404, or None.
        clean_urls: Whether to serve ``page.html`` at ``/page`` and redirect ``/page.html`` to it.
        check_dir: Whether to raise ValueError if the directory does not exist.
        stat_ttl: Seconds for which a file is not checked for changes again. 0 checks it at each
            request.
        cache_size: Bytes of memory for header fields and small files. 0 turns the cache off.
        cache_file_size: Bytes of the largest file that is kept in memory.
        compress: Whether to compress text in memory when it is first requested.
        offload: Header field that lets the front server send a file, and the path by which that
            server knows the directory, or None.
        no_store_misses: Whether to send ``Cache-Control: no-store`` with the wrapped app's 404 and
            410 responses below the prefix.
        on_answer: Function that is called with an ``AnswerEvent`` for each response and for each
            request below the prefix that goes to the wrapped app, or None.
        cache_control: Value of Cache-Control; a function (path, url) that returns a value or None;
            or None to send no such field.
        immutable: URLs that browsers may cache for a year: ``"hashed"``, a regular expression that
            is searched in the URL path, a function (url), or None.
        allow_origin: Value of Access-Control-Allow-Origin, or None.
        nosniff: Whether to send ``X-Content-Type-Options: nosniff``.
        media_types: Media types by extension (``".foo"``) or by whole file name. They take
            precedence over the built-in table.
        charset: Charset that is added to text types, or None.
        etag: ``"stat"`` makes ETags of modification time and size, ``"content"`` of the bytes; None
            sends none.
        headers: Further header fields: a mapping; a function (headers, path, url) that changes the
            fields of a file; or None.
        block_size: Bytes that are read and sent at a time.
        max_ranges: Largest number of ranges in a request. A request for more gets the whole file.
        file_wrapper: Whether to send files with the server's ``wsgi.file_wrapper``: True wherever
            it is known to be correct, False never, None only on waitress.
        encodings: Content codings whose compressed copies are looked for beside a file, the
            preferred one first.

    Raises:
        TypeError, ValueError: An option is unknown, or its value is not allowed. The message names
            the option, the value and what is allowed.
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
        listing: bool = False,
        fallback: str | None = None,
        not_found: str | None = None,
        clean_urls: bool = False,
        check_dir: bool = True,
        stat_ttl: float = 0.0,
        cache_size: int = DEFAULT_CACHE_SIZE,
        cache_file_size: int = DEFAULT_CACHE_FILE_SIZE,
        compress: bool = False,
        offload: tuple[str, str] | None = None,
        no_store_misses: bool = False,
        on_answer: OnAnswer | None = None,
        cache_control: CacheControl = DEFAULT_CACHE_CONTROL,
        immutable: Immutable = None,
        allow_origin: str | None = None,
        nosniff: bool = True,
        media_types: Mapping[str, str] | None = None,
        charset: str | None = "utf-8",
        etag: EtagMode = "stat",
        headers: CustomHeaders = None,
        block_size: int = DEFAULT_BLOCK_SIZE,
        max_ranges: int = DEFAULT_MAX_RANGES,
        file_wrapper: bool | None = None,
        encodings: Sequence[str] = PREFERENCE,
        **unknown: Never,
    ) -> None:
        # The signature is for help() and type checkers; the table of options checks the values.
        arguments = locals()
        if app is not None and not callable(app):
            raise TypeError(f"app must be a WSGI app or None, not {app!r}")
        if not_found is not None and app is not None:
            raise ValueError(f"not_found must be None if there is an app, not {not_found!r}")
        options = DirectoryOptions.from_kwargs(
            {**unknown, **{name: arguments[name] for name in OPTIONS}},
            others=("app", "directory", "prefix"),
        )
        root: str | Traversable
        if is_traversable(directory):
            root, exists = directory, directory.is_dir()
        else:
            root = check_path("directory", directory)
            exists = os.path.isdir(root)
        if check_dir and not exists:
            raise ValueError(
                f"directory must be an existing directory, not {root!r} "
                "(check_dir=False allows it to appear later)"
            )
        self._prefix = parse_prefix(prefix)
        self._below = self._prefix + "/"  # /static-notes.txt is not below /static
        self._catalog = Catalog(cache_size, cache_file_size, stat_ttl)
        self._trusts = stat_ttl > 0
        self._entries: Mapping[Key, Entry] = self._catalog.entries
        self._is_current = self._catalog.is_current
        self._finder = Finder(root, self._prefix, options, self._catalog, alone=app is None)
        self._answer = self._finder.answer
        if on_answer is not None:
            self._entries = {}  # nothing is answered here, and all is seen
            self._answer = Observer(on_answer, self._finder, options, self._catalog).answer
        self._inner: WSGIApplication = self._finder.not_found if app is None else app
        self._missed = no_store_if_missing(self._inner) if no_store_misses else self._inner

    def __call__(  # noqa: PLR0912 - a call more costs 0.1 us
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request (PEP 3333).

        The first half is the one abbreviation of ``Finder.answer``: a GET or HEAD that the
        catalog has ready, without a field that wants a parser, and with validators that are
        absent or, letter by letter, those of the entry. 3.2 us, of which one stat is 1.8; in full
        it would be 9.
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
                    entry = self._entries.get(entry.choices.get(accepted, UNKNOWN))
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
            if ready is not None:
                if self._trusts:
                    current = monotonic() < entry.trusted_until or self._is_current(entry)
                else:  # Catalog.is_current in line: 0.2 us less
                    try:
                        current = signature(os.stat(entry.path)) == entry.signature and (
                            entry.shown_by_stat
                            or (entry.original is None and monotonic() < entry.walked_until)
                            or self._catalog.is_in_place(entry)
                        )
                    except OSError:
                        current = False
                if current:
                    entry.used = True
                    start_response(status, headers.copy())
                    return ready
        answer = self._answer(environ, path_info, entry)
        if answer is None:
            return self._missed(environ, start_response)
        return send(answer, environ, start_response)
