"""``StaticFiles``: the files under one directory at one URL prefix, in front of a WSGI app.

Cache hits are answered here on a short path; everything else goes through ``Site``. A miss goes to
the wrapped app with an unchanged environ.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from wsgistatic.files.body import DEFAULT_BLOCK_SIZE
from wsgistatic.files.directory import Directory
from wsgistatic.files.errors import logger
from wsgistatic.files.sources import FileTree, Traversable, is_traversable
from wsgistatic.files.symlinks import Symlinks
from wsgistatic.files.versions import signature
from wsgistatic.http.codings import PREFERENCE
from wsgistatic.http.media_types import MediaType
from wsgistatic.http.paths import Dotfiles, parse_prefix
from wsgistatic.http.ranges import DEFAULT_MAX_RANGES
from wsgistatic.representations.cached_file import NO_FILE
from wsgistatic.representations.fingerprints import Fingerprints
from wsgistatic.representations.headers import AllowOrigin, CacheControl, CustomHeaders
from wsgistatic.representations.immutable import Immutable
from wsgistatic.representations.representation import EtagMode
from wsgistatic.representations.vite import ViteManifest
from wsgistatic.validation import check_app, check_path
from wsgistatic.wsgi import options as table
from wsgistatic.wsgi.copying import Copyable
from wsgistatic.wsgi.events import OnAnswer, answer_event
from wsgistatic.wsgi.misses import call_before_page, no_store_if_missing
from wsgistatic.wsgi.offload import Offload
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responder import Responder
from wsgistatic.wsgi.responses import Response
from wsgistatic.wsgi.site import Site
from wsgistatic.wsgi.trace import Trace
from wsgistatic.wsgi.urls import Urls

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from typing_extensions import Never

_SERVED = ("GET", "HEAD")


class StaticFiles(Copyable):
    """WSGI middleware that serves the files under a directory at a URL prefix.

    ``application = StaticFiles(application, "static", prefix="/static/")``

    Everything that is not a file there, and every method but GET and HEAD, goes to the wrapped
    app. Changed files are noticed at the next request.

    Arguments:
        app: WSGI app that gets every request which matches no file. With None the middleware is a
            complete app, which answers 404 and 405 itself.
        directory: Path of the directory, or a directory from ``importlib.resources``.
        prefix: URL path below which the files appear, not percent-encoded. Slashes at its ends do
            not matter.
        index: File that is served for a directory, or None.
        symlinks: ``"inside"`` follows links that stay inside the directory, ``"follow"`` follows
            all links, ``"deny"`` serves nothing behind a link.
        dotfiles: Whether to serve names that begin with a dot; or a sequence of those that are
            served, as names and patterns of ``fnmatch``. ``.well-known`` always is served.
        listing: Whether to show what is in a directory without an index, as HTML or JSON.
        fallback: File below the directory that is served to page loads which match no file and
            for which the app responds with 404, for single-page apps, or None.
        not_found: File below the directory that is sent with status 404, or None.
        clean_urls: Whether to serve ``page.html`` at ``/page`` and redirect ``/page.html`` to it.
        strict_urls: Whether ``url``, ``integrity`` and ``preload`` raise FileNotFoundError for a
            file that does not exist. Otherwise they log it. Turn it on in development.
        check_dir: Whether to raise ValueError if the directory does not exist.
        stat_ttl: Seconds for which a file is not checked for changes again. 0 checks it at each
            request.
        cache_size: Bytes of memory for header fields and small files. 0 turns the cache off.
        cache_file_size: Bytes of the largest file that is kept in memory. Files of more than 128
            KiB are kept from the second request on.
        compress: Whether to compress text, and formats such as WebAssembly, in memory when it is
            first requested.
        dictionaries: Whether browsers may use a script or style sheet as the dictionary for its
            next version (RFC 9842), and get the deltas that ``wsgistatic compress
            --dictionaries-from`` writes.
        offload: Header field that lets the front server send a file, and the path by which that
            server knows the directory, or None.
        offload_headers: Names of header fields that the front server is configured to pass on. If
            it would drop another field of a file, the file is sent by the app itself.
        no_store_misses: Whether to send ``Cache-Control: no-store`` with the wrapped app's 404 and
            410 responses below the prefix.
        on_answer: Function that is called with an ``AnswerEvent`` for each response and for each
            request below the prefix that goes to the wrapped app, or None.
        cache_control: Value of Cache-Control, or seconds for its ``max-age``; a function
            (path, url) that returns either or None; or None to send no such field.
        immutable: URLs that browsers may cache for a year: ``"hashed"``, a regular expression that
            is searched in the URL path, a function (path, url), or None.
        allow_origin: Value of Access-Control-Allow-Origin, a list of origins, or None.
        nosniff: Whether to send ``X-Content-Type-Options: nosniff``.
        media_types: Media types by extension (``".foo"``) or by whole file name. They take
            precedence over the built-in table. A pair of a media type and a content coding is for
            files that are stored in that coding: ``{".js.gz": ("text/javascript", "gzip")}``.
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
        dotfiles: Dotfiles = False,
        listing: bool = False,
        fallback: str | None = None,
        not_found: str | None = None,
        clean_urls: bool = False,
        strict_urls: bool = False,
        check_dir: bool = True,
        stat_ttl: float = 0.0,
        cache_size: int = table.DEFAULT_CACHE_SIZE,
        cache_file_size: int = table.DEFAULT_CACHE_FILE_SIZE,
        compress: bool = False,
        dictionaries: bool = False,
        offload: tuple[str, str] | None = None,
        offload_headers: Sequence[str] = (),
        no_store_misses: bool = False,
        on_answer: OnAnswer | None = None,
        cache_control: CacheControl = table.DEFAULT_CACHE_CONTROL,
        immutable: Immutable = None,
        allow_origin: AllowOrigin = None,
        nosniff: bool = True,
        media_types: Mapping[str, MediaType] | None = None,
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
        if app is not None:
            check_app("app", app, "a WSGI app or None")
        if not_found is not None and app is not None:
            raise ValueError(f"not_found must be None if there is an app, not {not_found!r}")
        given = {**unknown, **{name: arguments[name] for name in table.OPTIONS}}
        options = table.DirectoryOptions.from_kwargs(given, ("app", "directory", "prefix"))
        root = directory if is_traversable(directory) else check_path("directory", directory)
        exists = os.path.isdir(root) if isinstance(root, str) else root.is_dir()
        if check_dir and not exists:
            raise ValueError(
                f"directory must be an existing directory, not {root!r} "
                "(check_dir=False allows it to appear later)"
            )
        self._prefix = parse_prefix(prefix)
        self._below = self._prefix + "/"  # /static-notes.txt is not below /static
        self._on_answer = on_answer
        self._trusts_stats = stat_ttl > 0
        front = None
        if options.offload is not None and isinstance(root, str):
            front = Offload(options.offload, root, options.offload_headers)
            if not front.passes("Content-Encoding"):
                options = replace(options, encodings=(), dictionaries=False)
        self.encodings = options.encodings
        tree: FileTree
        if isinstance(root, str):
            tree = Directory(root, symlinks)
        else:
            from wsgistatic.files.packages import tree_of  # noqa: PLC0415 - needs zipfile

            tree = tree_of(root, symlinks)
        manifest = ViteManifest(tree, self._prefix)
        if immutable in (None, "hashed") and not callable(cache_control):
            options = replace(options, immutable=manifest.rule(immutable))
        responder = Responder(options, front)
        self._cache = responder.cache
        self._policy = policy = responder.policy
        # The files that may take the short path. on_answer has to see every request, and a list of
        # origins decides on each one.
        takes_short_path = on_answer is None and not policy.origins
        self._files = responder.cache.files if takes_short_path else {}
        below: tuple[Urls, Site] | tuple[None, None] = (None, None)
        if isinstance(app, StaticFiles) and app._prefix == self._prefix:
            below = app._urls, app.site  # of another directory, which gets the misses
        types = responder.media_types
        fingerprints = Fingerprints(tree, self._prefix, options.dotfiles, types, stat_ttl)
        self._urls: Urls = Urls(fingerprints, manifest, types, self._prefix, strict_urls, below[0])
        self.site: Site = Site(
            tree,
            self._prefix,
            options,
            responder,
            fingerprints,
            below[1],
            standalone=app is None,
        )
        self._app = self._app_after_miss = self._respond_not_found if app is None else app
        if app is not None and no_store_misses:
            self._app_after_miss = no_store_if_missing(app)
        self._has_fallback = fallback is not None
        self._remember((app, directory, prefix), (app, root, prefix), given)

    def __call__(  # noqa: PLR0912, PLR0915 - another call would cost 0.1 us
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Respond to a request (PEP 3333).

        The first half abbreviates ``Site.respond`` for the most frequent requests: GET or HEAD of a
        cached file, without a field that needs a parser, and with validators that are absent or
        equal, character by character, to those of the file. It takes 3.2 us, of which one stat is
        1.8; the full way would take 9.
        """
        try:
            path_info = environ["PATH_INFO"]
            cached = self._files.get(path_info, NO_FILE)
            variant = cached.only
            if variant is None:
                if cached is not NO_FILE:
                    coding = cached.by_accept_encoding.get(environ.get("HTTP_ACCEPT_ENCODING"))
                    variant = cached.by_coding.get(coding)
                elif not path_info.startswith(self._below) and path_info != self._prefix:
                    return self._app(environ, start_response)
        except (AttributeError, KeyError, TypeError):  # PATH_INFO is missing, or not text
            if self._prefix:
                return self._app(environ, start_response)
            cached, variant = NO_FILE, None
        if (
            variant is not None
            and (now := monotonic()) < cached.check.until
            and "HTTP_IF_MATCH" not in environ
            and "HTTP_IF_UNMODIFIED_SINCE" not in environ
        ):
            body: Iterable[bytes] | None = None
            method = environ.get("REQUEST_METHOD")
            # RFC 9110 13.2.2: If-Modified-Since counts only if If-None-Match is absent.
            if "HTTP_IF_NONE_MATCH" in environ:
                if environ["HTTP_IF_NONE_MATCH"] == variant.etag and method in _SERVED:
                    body, status = iter((b"",)), "304 Not Modified"
                    shown = variant.representation
                    headers = shown.full_headers[shown.not_modified_at :]
            elif "HTTP_IF_MODIFIED_SINCE" in environ:
                if environ["HTTP_IF_MODIFIED_SINCE"] == variant.last_modified and method in _SERVED:
                    body, status = iter((b"",)), "304 Not Modified"
                    shown = variant.representation
                    headers = shown.full_headers[shown.not_modified_at :]
            elif "HTTP_WANT_REPR_DIGEST" not in environ:
                if method == "HEAD":
                    body, status, headers = [b""], "200 OK", variant.representation.full_headers
                elif method == "GET" and variant.content and "HTTP_RANGE" not in environ:
                    body, status = [variant.content], "200 OK"
                    headers = variant.representation.full_headers
            if body is not None:
                if self._trusts_stats:
                    is_fresh = now < variant.trusted_until or self._cache.is_fresh(variant)
                else:  # Cache.is_fresh in line: 0.2 us less
                    try:
                        is_fresh = signature(os.stat(variant.path)) == variant.signature and (
                            variant.stat_suffices
                            or (variant.original is None and now < variant.path_checked_until)
                            or variant.still_leads_here()
                        )
                    except OSError:
                        is_fresh = False
                if is_fresh:
                    cached.used = True
                    start_response(status, [*headers])
                    return body
        request = Request(environ, None if self._on_answer is None else Trace())
        response = self.site.respond(request)
        if self._on_answer is not None:
            self._report(self._on_answer, request, response)
        if response is not None:
            if self._policy.origins:
                response = response.for_origin(request, self._policy)
            return response.start(request, start_response)
        if self._has_fallback and request.is_read:
            return self._call_before_fallback(request, start_response)
        return self._app_after_miss(environ, start_response)

    def url(self, name: str, environ: WSGIEnvironment | None = None) -> str:
        """Return the URL of a file, with a fingerprint of its content in the name.

        ``static.url("css/app.css")`` is, for example, ``"/static/css/app.3f2a9c01d4e7.css"``.
        Browsers keep such a file for a year, and a changed file has a new URL. Names that begin
        with a dot get no fingerprint.

        Arguments:
            name: Path of the file below the directory, with slashes.
            environ: The WSGI environ of the request, whose SCRIPT_NAME comes before the prefix if
                the app is mounted at a sub-path. It must be as this middleware got it.

        Returns:
            The percent-encoded URL path. It needs no escaping in a double-quoted HTML attribute,
            apart from ``&``.

        Raises:
            FileNotFoundError: There is no such file, and ``strict_urls`` is set.
        """
        return self._urls.url(name, environ)

    def integrity(self, name: str) -> str:
        """Return the ``integrity`` of a file for ``<script>`` and ``<link>``.

        Browsers then refuse a file with other bytes (W3C Subresource Integrity).

        Arguments:
            name: Path of the file below the directory, with slashes.

        Returns:
            ``sha384-`` and the hash in base64. It is ``""`` for a file that does not exist, that
            changes too often to be hashed, or that is stored in a content coding.

        Raises:
            FileNotFoundError: There is no such file, and ``strict_urls`` is set.
        """
        return self._urls.integrity(name)

    def preload(self, entry: str, environ: WSGIEnvironment | None = None) -> str:
        """Return the value of the field Link for an entry of a Vite build and what it imports.

        Browsers then load the script, the modules that it imports and their style sheets at the
        same time (RFC 8288; HTML Standard). Send the field with the page or, where the server has
        ``environ["wsgi.early_hints"]``, before it (RFC 8297).

        Arguments:
            entry: Key in ``.vite/manifest.json``, such as ``"src/main.js"``.
            environ: The WSGI environ of the request, as for ``url``.

        Returns:
            The value, with at most 3,000 characters. It is ``""`` for an unknown entry.

        Raises:
            FileNotFoundError: The manifest has no such entry, and ``strict_urls`` is set.
        """
        return self._urls.preload(entry, environ)

    def _call_before_fallback(
        self, request: Request, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Call the wrapped app after a miss; the page of ``fallback`` may replace its 404."""
        environ = request.environ
        request = Request(environ.copy(), request.trace)  # the app may change its environ
        answer = call_before_page(
            self._app_after_miss, environ, start_response, lambda: self.site.fallback(request)
        )
        if not isinstance(answer, Response):
            return answer
        if self._on_answer is not None:
            self._report(self._on_answer, request, answer)
        return answer.for_origin(request, self._policy).start(request, start_response)

    @staticmethod
    def _report(on_answer: OnAnswer, request: Request, response: Response | None) -> None:
        try:
            on_answer(answer_event(request, response))
        except Exception:
            logger.exception("the on_answer function failed")

    def _respond_not_found(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        request = Request(environ)
        response = self.site.not_found(request).for_origin(request, self._policy)
        return response.start(request, start_response)
