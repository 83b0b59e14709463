"""Map a URL to a file, and respond if there is none.

``Site.respond`` tries the cache, splits PATH_INFO into names, and looks for a file, an index, or a
directory to list. If there is none, ``_after_miss`` tries the page of a clean URL and the fallback
of a single-page app. The ``Responder`` responds with the file that is found. None stands for a
miss, which goes to the wrapped app.
"""

from __future__ import annotations

import os
from contextlib import suppress

from wsgistatic.files.directory import Directory
from wsgistatic.files.packages import FileTree
from wsgistatic.files.sources import Source
from wsgistatic.http.caching import is_caching_field
from wsgistatic.http.fields import add_vary
from wsgistatic.http.negotiation import names_type
from wsgistatic.http.paths import SplitPath, is_served_name, path_name, split_path, url_path
from wsgistatic.representations.cache import page_key
from wsgistatic.representations.loader import Target
from wsgistatic.validation import check_inner_path
from wsgistatic.wsgi import responses
from wsgistatic.wsgi.listing import Listing, is_found
from wsgistatic.wsgi.options import DirectoryOptions
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responder import Responder
from wsgistatic.wsgi.trace import Reason, Step, why_missed, why_not_split

_PAGE = ".html"
# Fields that an error page does not have, because it is not validated or resumed.
_OF_A_FILE = {"etag", "last-modified", "accept-ranges"}


class Site:
    """Responds to requests below a prefix; to every method if it is ``standalone``."""

    def __init__(
        self,
        tree: FileTree,
        prefix: str,
        options: DirectoryOptions,
        responder: Responder,
        *,
        standalone: bool,
    ) -> None:
        self._tree, self._prefix, self._standalone = tree, prefix, standalone
        self._index, self._dotfiles = options.index, options.dotfiles
        self._clean_urls = options.clean_urls
        fallback, not_found = options.fallback, options.not_found
        self._fallback = None if fallback is None else check_inner_path("fallback", fallback)
        self._not_found = None if not_found is None else check_inner_path("not_found", not_found)
        self._responder, self._policy = responder, responder.policy
        self._listing: Listing | None = None
        self._root: str | None = None
        if isinstance(tree, Directory):
            # On Windows a path must be split and checked before the file system sees it.
            self._root = None if os.name == "nt" else tree.path
            if options.listing:
                self._listing = Listing(tree, self._policy, prefix, options)

    def respond(self, request: Request) -> responses.Response | None:
        """Respond to a request below the prefix; None for a miss."""
        if not request.is_read and not self._standalone:
            request.record("method", str(request.method), Reason.METHOD)
            return None
        response = None
        if request.is_read:
            response = self._responder.respond_from_cache(request, request.path_info)
            if response is not None:
                return response
        rest = request.path_info[len(self._prefix) :]
        path = None
        if not self._is_absent(request, rest):
            path = self._split(request, rest)
            if path is None:
                return None
            response = self._respond_to_path(request, path)
        if response is None and (self._clean_urls or self._fallback is not None):
            path = path or self._split(request, rest)
            response = path and self._after_miss(request, path)
        return response

    def not_found(self, request: Request) -> responses.Response:
        """Return the 404 response to a miss if there is no wrapped app."""
        if self._not_found is not None:
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

    def _is_absent(self, request: Request, rest: str) -> bool:
        """Return whether a single stat proves a miss: 2.6 us, where the full way takes 15."""
        if self._root is None or request.trace is not None or "/." in rest or not rest.isascii():
            return False
        try:
            os.stat(self._root + rest)
        except (OSError, ValueError) as error:  # the full way handles the others
            return isinstance(error, (FileNotFoundError, NotADirectoryError))
        return False

    def _split(self, request: Request, rest: str) -> SplitPath | None:
        path = split_path(rest, dotfiles=self._dotfiles)
        if path is None and request.trace is not None:
            reason = why_not_split(rest, dotfiles=self._dotfiles)
            request.record("path", path_name(rest), reason)
        return path

    def _respond_to_path(self, request: Request, path: SplitPath) -> responses.Response | None:
        if not request.path_info and not request.script_name:
            # The URL was "/", and a redirect to "/" would never end.
            request.record("path", "", Reason.NOT_CANONICAL)
            return None
        if not request.is_read:
            if self._exists(path):  # RFC 9110 15.5.6: 405 only for what GET would find
                return responses.method_not_allowed(request, self._policy)
            self._record(request, path, None, None)
            return None
        response = self._redirect_to_clean_url(request, path)
        if response is not None:
            self._record(request, path, self._tree.file(path.segments), response)
            return response
        response = self._respond_to_file(request, path)
        if response is None and self._listing is not None:
            response = self._listing.respond(request, path)
            if response is not None:
                request.record("listing", "", note="a page that lists the directory")
        return response

    def _respond_to_file(self, request: Request, path: SplitPath) -> responses.Response | None:
        source = self._source(path)
        if source is None:
            self._record(request, path, None, None)
            return None
        target = Target(source, url_path(self._prefix, path), request.path_info)
        response = None
        try:
            response = self._responder.respond(request, target)
        except IsADirectoryError:
            if not path.is_directory and self._index is not None:
                source = self._tree.file((*path.segments, self._index))
                response = self._redirect_to_directory(request, source, target.url + "/")
        self._record(request, path, source, response)
        return response

    def _source(self, path: SplitPath) -> Source | None:
        if not path.is_directory:
            return self._tree.file(path.segments)
        return None if self._index is None else self._tree.file((*path.segments, self._index))

    def _redirect_to_directory(
        self, request: Request, index: Source, url: str
    ) -> responses.Response | None:
        """Redirect ``/dir`` to ``/dir/`` if it has an index; its relative links need the slash."""
        try:
            index.inspect()
            fields = self._policy.for_file(index.path, url, "text/html").others
        except OSError as error:
            return responses.response_to_error(error, index.path, self._policy)
        return responses.redirect(request.location(request.path_info, "/"), fields)

    def _redirect_to_clean_url(
        self, request: Request, path: SplitPath
    ) -> responses.Response | None:
        """Redirect ``/page.html`` to ``/page`` unless that is taken, an index to its directory."""
        if not self._clean_urls or path.is_directory or not path.segments:
            return None
        *above, name = path.segments
        stem = name.removesuffix(_PAGE)
        if stem == name or stem.endswith(_PAGE):
            return None
        page = self._tree.file(path.segments)
        try:
            page.inspect()
            url = url_path(self._prefix, path)
            fields = self._policy.for_file(page.path, url, "text/html").others
        except OSError:
            return None  # the code that serves it reports the error
        if name == self._index:
            directory = request.path_info[: -len(os.fsencode(name))]
            return responses.redirect(request.location(directory, "/"), fields)
        is_name = is_served_name(stem, dotfiles=self._dotfiles)
        if not is_name or self._exists(SplitPath((*above, stem), False)):
            return None
        return responses.redirect(request.location(request.path_info.removesuffix(_PAGE)), fields)

    def _exists(self, path: SplitPath) -> bool:
        """Return whether GET would find something at a path, even if it cannot be read."""
        source = self._source(path)
        if source is not None and is_found(source.inspect):
            return True
        if not path.is_directory:
            return self._exists(SplitPath(path.segments, True))
        return self._listing is not None and self._listing.exists(path)

    def _after_miss(self, request: Request, path: SplitPath) -> responses.Response | None:
        page = self._page_of(path)
        if not request.is_read:
            if page is None or not is_found(self._tree.file(page).inspect):
                return None
            return responses.method_not_allowed(request, self._policy)
        response = page and self._respond_with(request, "clean URL", page, path)
        return response or self._respond_to_navigation(request, path)

    def _page_of(self, path: SplitPath) -> tuple[str, ...] | None:
        if not self._clean_urls or path.is_directory or not path.segments:
            return None
        *above, name = path.segments
        page = name + _PAGE
        # An index has the URL of its directory. And ".well-known" may be requested, not its page.
        if name.endswith(_PAGE) or page == self._index:
            return None
        return (*above, page) if is_served_name(page, dotfiles=self._dotfiles) else None

    def _respond_to_navigation(
        self, request: Request, path: SplitPath
    ) -> responses.Response | None:
        if self._fallback is None:
            return None
        # A script or an image that is missing must not be answered with HTML.
        is_asset = bool(path.segments) and self._responder.media_types.knows(path.segments[-1])
        if is_asset or not _is_navigation(request):
            request.record("fallback", "", note="for navigations that do not name an asset")
            return None
        response = self._respond_with(request, "fallback", self._fallback)
        if response is None:
            return None
        return response._replace(headers=add_vary(response.headers, "Accept, Sec-Fetch-Mode"))

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


def _is_navigation(request: Request) -> bool:
    """Return whether a browser loads a page; ``*/*`` (scripts, images, curl) does not count."""
    mode = request.field("HTTP_SEC_FETCH_MODE")
    if mode is not None:
        return mode == "navigate"
    return names_type(request.field("HTTP_ACCEPT"), "text/html")
