"""The path of a request from its URL to a file, and the responses if there is none.

``StaticFiles`` answers most cache hits itself. Every other request below the prefix takes these
steps in ``Site.respond``:

1. The cache is searched for PATH_INFO. A cached file is sent if it has not changed.
2. A single stat finds out whether the path exists. Most misses end here.
3. PATH_INFO is split into names. Names that are hidden, impossible or not canonical are misses.
4. Then come, in this order: the redirect to a clean URL, a file or the index of a directory, the
   page of a clean URL, the file whose name with a fingerprint was requested, and the listing of a
   directory. A method other than GET and HEAD gets a 405
   if GET would find one of them.

The ``Responder`` sends what was found. It evaluates the preconditions and Range, and may leave the
file to the front server (``Offload``).

A miss is None, and ``StaticFiles`` calls the wrapped app. If ``fallback`` is set and the app
responds with 404, ``Site.fallback`` replaces that response for page loads. Without an app, a miss
gets the page of ``fallback`` or a 404 here. Hosts are not checked here: the command and the Django
integration refuse unknown ones in a middleware of their own, before the request gets here.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from wsgistatic.files.directory import Directory
from wsgistatic.files.errors import is_found
from wsgistatic.files.sources import FileTree, Source
from wsgistatic.http.caching import is_caching_field
from wsgistatic.http.fields import Headers, add_vary
from wsgistatic.http.fingerprints import has_fingerprint, split_fingerprint
from wsgistatic.http.paths import (
    SplitPath,
    is_served_name,
    path_name,
    quote_path,
    split_path,
    url_path,
)
from wsgistatic.representations.cache import page_key
from wsgistatic.representations.fingerprints import Fingerprints
from wsgistatic.representations.loader import Target
from wsgistatic.wsgi import responses
from wsgistatic.wsgi.misses import VARY, is_page_load
from wsgistatic.wsgi.options import DirectoryOptions
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responder import Responder
from wsgistatic.wsgi.trace import Reason, Step, why_missed, why_not_split

if TYPE_CHECKING:
    from wsgistatic.wsgi.listing import Listing

_PAGE = ".html"
_ABSENT = 0  # in place of a type: nothing has the name
# Fields that an error page does not have, because it is not validated or resumed.
_OF_A_FILE = {"etag", "last-modified", "accept-ranges"}


class Site:
    """Responds to requests below a prefix, and to misses too if it is ``standalone``."""

    def __init__(
        self,
        tree: FileTree,
        prefix: str,
        options: DirectoryOptions,
        responder: Responder,
        fingerprints: Fingerprints,
        below: Site | None = None,
        *,
        standalone: bool,
    ) -> None:
        self._tree, self._prefix, self._standalone = tree, prefix, standalone
        self._index, self._dotfiles = options.index, options.dotfiles
        self._clean_urls = options.clean_urls
        self._fallback = options.fallback and tuple(options.fallback.split("/"))
        self._not_found = options.not_found and tuple(options.not_found.split("/"))
        self._responder, self._policy = responder, responder.policy
        self._fingerprints = fingerprints
        self._below = below  # which gets the misses, and has the same prefix
        self._listing: Listing | None = None
        self._directory: Directory | None = None
        if isinstance(tree, Directory):
            # On Windows a path must be split and checked before the file system sees it.
            self._directory = None if os.name == "nt" else tree
            if options.listing:
                from wsgistatic.wsgi.listing import Listing  # noqa: PLC0415 - few sites have one

                self._listing = Listing(tree, self._policy, prefix, options)

    def respond(self, request: Request) -> responses.Response | None:
        """Respond to a request below the prefix; None for a miss, if there is a wrapped app."""
        response = self._find(request)
        if response is None and self._standalone:
            return self.fallback(request) or self.not_found(request)
        return response

    def _find(self, request: Request) -> responses.Response | None:
        if not request.is_read and not self._standalone:
            request.record("method", str(request.method), Reason.METHOD)
            return None
        if request.is_read:
            response = self._responder.respond_from_cache(request, request.path_info)
            if response is not None:
                return response
        rest = request.path_info[len(self._prefix) :]
        kind = self._kind(request, rest)
        if kind == _ABSENT and not self._clean_urls and not has_fingerprint(rest):
            return None
        path = self._split(request, rest)
        if path is None:
            return None
        if "~" in rest and isinstance(self._tree, Directory):
            plain, _ = split_fingerprint(path) or (path, "")
            has_alias = self._tree.has_alias
            try:
                is_alias = has_alias(path.segments) or has_alias(plain.segments)
            except OSError as error:
                label = os.path.join(self._tree.path, *path.segments)
                return responses.response_to_error(error, label, self._policy)
            if is_alias:
                request.record("path", path_name(rest), Reason.ALIAS)
                return None
        if kind != _ABSENT:
            return self._respond_to_path(request, path, is_regular=kind == stat.S_IFREG)
        page = self._respond_to_page(request, path)
        return page or self._respond_to_fingerprint(request, path)

    def fallback(self, request: Request) -> responses.Response | None:
        """Respond to a miss with the page of a single-page app, if it is a page load."""
        if not self._fallback or not request.is_read:
            return None
        path = split_path(request.path_info[len(self._prefix) :], dotfiles=self._dotfiles)
        types = self._responder.media_types
        if not is_page_load(request, path, types, standalone=self._standalone):
            request.record("fallback", "", note="for navigations that do not name an asset")
            return None
        environ = request.environ
        if "HTTP_IF_MODIFIED_SINCE" in environ and "HTTP_IF_NONE_MATCH" not in environ:
            # The date may be that of another resource, which was here before.
            request = Request(environ, request.trace, is_plain=True)
        response = self._respond_with(request, "fallback", self._fallback)
        if response is None:
            return None
        return response._replace(headers=add_vary(response.headers, VARY))

    def not_found(self, request: Request) -> responses.Response:
        """Return the 404 response to a miss if there is no wrapped app."""
        if self._not_found:
            plain = Request(request.environ, request.trace, is_plain=True)
            page = self._respond_with(plain, "404 page", self._not_found)
            if page is not None and page.status == "200 OK":
                # A file that is missing on one machine of a fleet may just have reached another.
                headers = [
                    (name, value)
                    for name, value in page.headers
                    if name.lower() not in _OF_A_FILE and not is_caching_field(name)
                ]
                headers.append(("Cache-Control", "no-store"))
                return page._replace(status="404 Not Found", headers=headers)
        return responses.error_response(404, self._policy)

    def _kind(self, request: Request, rest: str) -> int | None:
        """Return the type of what a single stat finds (S_IFREG and so on); None if it is not known.

        It proves a miss in 2.6 us, where the full way takes 15. It also shows that a file can be
        opened without another look, since it is no device.
        """
        directory = self._directory
        if directory is None or "/." in rest or not rest.isascii():
            return None
        try:
            return stat.S_IFMT(os.stat(directory.path + rest).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return _ABSENT if request.trace is None else None
        except (OSError, ValueError):  # the full way handles these
            return None

    def _split(self, request: Request, rest: str) -> SplitPath | None:
        path = split_path(rest, dotfiles=self._dotfiles)
        if path is None and request.trace is not None:
            reason = why_not_split(rest, dotfiles=self._dotfiles)
            request.record("path", path_name(rest), reason)
        return path

    def _respond_to_path(
        self, request: Request, path: SplitPath, *, is_regular: bool
    ) -> responses.Response | None:
        if not request.path_info and request.script_name[-1:] in ("", "/"):
            # The URL ended in "/", and a redirect to it would never end.
            request.record("path", "", Reason.NOT_CANONICAL)
            return None
        if not request.is_read:
            if self._exists(path):  # RFC 9110 15.5.6: 405 only for what GET would find
                return responses.method_not_allowed(request, self._policy)
            self._record(request, path, None, None)
            page = self._respond_to_page(request, path)
            return page or self._respond_to_fingerprint(request, path)
        if self._clean_urls:
            response = self._redirect_to_clean_url(request, path)
            if response is not None:
                self._record(request, path, self._tree.file(path.segments), response)
                return response
        response = (
            self._respond_to_file(request, path, is_regular=is_regular)
            or self._respond_to_page(request, path)
            or self._respond_to_fingerprint(request, path)
        )
        if response is None and self._listing is not None:
            response = self._listing.respond(request, path)
            if response is not None:
                request.record("listing", "", note="a page that lists the directory")
        return response

    def _respond_to_file(
        self, request: Request, path: SplitPath, *, is_regular: bool
    ) -> responses.Response | None:
        source = self._source(path, is_regular=is_regular)
        if source is None:
            self._record(request, path, None, None)
            return None
        url = quote_path(request.path_info)
        # A page is redirected as soon as its clean URL is free, so the short path must not send it.
        is_page = self._clean_urls and self._stem_of(path) is not None
        key = page_key(url, path.segments) if is_page else request.path_info
        target = Target(source, url, key)
        response = None
        try:
            response = self._responder.respond(request, target)
        except IsADirectoryError:
            page = self._page_of(path)
            if page is not None and is_found(self._tree.file(page).inspect):
                return None  # "/blog" is blog.html, and "/blog/" the folder beside it
            if not path.is_directory and self._index is not None:
                source = self._tree.file((*path.segments, self._index))
                response = self._redirect_to_directory(request, source, target.url + "/")
        self._record(request, path, source, response)
        return response

    def _source(self, path: SplitPath, *, is_regular: bool = False) -> Source | None:
        if is_regular and self._directory is not None:
            return self._directory.regular_file(path.segments)
        if not path.is_directory:
            return self._tree.file(path.segments)
        return None if self._index is None else self._tree.file((*path.segments, self._index))

    def _redirect_to_directory(
        self, request: Request, index: Source, url: str
    ) -> responses.Response | None:
        """Redirect ``/dir`` to ``/dir/`` if it has an index; its relative links need the slash."""
        try:
            fields = self._page_fields(index, url)
        except OSError as error:
            return responses.response_to_error(error, index.path, self._policy)
        return responses.redirect(request.location_as_directory(), fields)

    def _redirect_to_clean_url(
        self, request: Request, path: SplitPath
    ) -> responses.Response | None:
        """Redirect ``/page.html`` to ``/page`` unless that is taken, an index to its directory."""
        stem = self._stem_of(path)
        if stem is None:
            return None
        *above, name = path.segments
        try:
            page = self._tree.file(path.segments)
            fields = self._page_fields(page, quote_path(request.path_info))
        except OSError:
            return None  # the code that serves it reports the error
        if name == self._index:
            return responses.redirect(request.location_beside(""), fields)
        is_name = is_served_name(stem, dotfiles=self._dotfiles)
        if not is_name or is_found(self._tree.file((*above, stem)).inspect):
            return None
        _, _, stem = request.path_info.removesuffix(_PAGE).rpartition("/")
        return responses.redirect(request.location_beside(stem), fields)

    def _page_fields(self, page: Source, url: str) -> Headers:
        """Return the fields of a redirect to a page; raise OSError if it cannot be read."""
        page.inspect()
        is_immutable = self._policy.is_immutable(page.path, url)
        return self._policy.for_file(page.path, url, "text/html", is_immutable=is_immutable).others

    def _stem_of(self, path: SplitPath) -> str | None:
        """Return the name of a page without its extension, if clean URLs leave that out."""
        if not self._clean_urls or path.is_directory or not path.segments:
            return None
        name = path.segments[-1]
        stem = name.removesuffix(_PAGE)
        return None if stem == name or stem.endswith(_PAGE) else stem

    def _exists(self, path: SplitPath) -> bool:
        """Return whether GET would find something at a path, even if it cannot be read."""
        source = self._source(path)
        if source is not None and is_found(source.inspect):
            return True
        if not path.is_directory:
            return self._exists(SplitPath(path.segments, True))
        return self._listing is not None and self._listing.exists(path)

    def _respond_to_page(self, request: Request, path: SplitPath) -> responses.Response | None:
        """Respond with the page of a clean URL, if no file has that URL."""
        page = self._page_of(path)
        if page is None:
            return None
        if not request.is_read:
            is_page = is_found(self._tree.file(page).inspect)
            return responses.method_not_allowed(request, self._policy) if is_page else None
        return self._respond_with(request, "clean URL", page, path)

    def _page_of(self, path: SplitPath) -> tuple[str, ...] | None:
        if not self._clean_urls or path.is_directory or not path.segments:
            return None
        *above, name = path.segments
        page = name + _PAGE
        # An index has the URL of its directory. And ".well-known" may be requested, not its page.
        if name.endswith(_PAGE) or page == self._index:
            return None
        return (*above, page) if is_served_name(page, dotfiles=self._dotfiles) else None

    def _respond_to_fingerprint(
        self, request: Request, path: SplitPath
    ) -> responses.Response | None:
        """Respond with the file whose name was requested with a fingerprint.

        An old page may name a former version, and during a release a page from another machine may
        name a later one. They get the current version, which caches have to revalidate.
        """
        plain, fingerprint = split_fingerprint(path) or (path, "")
        if not fingerprint or not is_served_name(plain.segments[-1], dotfiles=self._dotfiles):
            return None
        if self._below is not None and self._below.has_file(path):
            return None
        source, url = self._tree.file(plain.segments), url_path(self._prefix, plain)
        if not request.is_read:
            is_file = is_found(source.inspect)
            return responses.method_not_allowed(request, self._policy) if is_file else None
        key = page_key(url, (fingerprint, ""))  # the response may be that to another name
        response = self._responder.respond_from_cache(request, key)
        if response is None:
            current = None
            with suppress(OSError):  # the code that serves the file reports the error
                current = self._fingerprints.find("/".join(plain.segments)).text
            if current != fingerprint:
                # One key for all, so that nobody can fill the cache with copies of a file.
                fingerprint, key = "", page_key(url, ("", ""))
                response = self._responder.respond_from_cache(request, key)
        if response is None:
            with suppress(IsADirectoryError):
                response = self._responder.respond(request, Target(source, url, key, fingerprint))
        self._record(request, plain, source, response, "current")
        return response

    def has_file(self, path: SplitPath) -> bool:
        """Return whether a path leads to a file here, or in a directory that gets the misses."""
        if is_found(self._tree.file(path.segments).inspect):
            return True
        return self._below is not None and self._below.has_file(path)

    def _respond_with(
        self, request: Request, step: str, segments: tuple[str, ...], path: SplitPath | None = None
    ) -> responses.Response | None:
        """Respond with a file at the URL of another path; header fields depend on that URL."""
        own = SplitPath(segments, False)
        url = url_path(self._prefix, path or own)
        key = page_key(url, segments)
        response = self._responder.respond_from_cache(request, key)
        if response is None:
            source = self._tree.file(segments)
            with suppress(IsADirectoryError):
                response = self._responder.respond(request, Target(source, url, key))
            self._record(request, own, source, response, step)
        return response

    def _record(
        self,
        request: Request,
        path: SplitPath,
        source: Source | None,
        response: responses.Response | None,
        step: str = "file",
    ) -> None:
        if request.trace is None:
            return
        is_error = response is None or response.status[:3] in ("403", "500", "503")
        if source is not None and not is_error:
            request.trace.steps.append(Step(step, source.path, source=source))
            return
        label = os.path.join(getattr(self._tree, "path", ""), *path.segments)
        request.record(step, label, why_missed(self._tree, path, self._index))
