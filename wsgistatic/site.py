"""What a whole site wants of misses: clean URLs, a page for navigations, a page for 404.

Strategy: asked after the files. So a file of the very name wins from the moment it is there, and
what is remembered here stands in the catalog under names that no request can have.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from wsgistatic.accept import names_type, vary_by
from wsgistatic.answers import Answer, error_answer, header, redirect
from wsgistatic.catalog import Catalog
from wsgistatic.directory import Directory
from wsgistatic.media_types import MediaTypes
from wsgistatic.paths import (
    SplitPath,
    directory_location,
    file_location,
    is_served_name,
    split_path,
    url_path,
)
from wsgistatic.policy import HeaderPolicy
from wsgistatic.responder import Responder

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PAGE = ".html"
# No server makes this of any bytes (PEP 3333: Latin-1; surrogateescape: U+DC80 to U+DCFF).
_NO_PATH_INFO = "\ud800"
_CONDITIONS = (
    "HTTP_RANGE", "HTTP_IF_RANGE", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE",
)  # fmt: skip
# Of a file that is sent as an error there is nothing to validate, to resume or to keep.
_OF_A_FILE = {"cache-control", "etag", "last-modified", "accept-ranges"}
_NAVIGATION_FIELDS = "Accept, Sec-Fetch-Mode"


class Site:
    """Answers for a site's misses.

    Arguments:
        directory: the directory that is served.
        responder: sends files.
        catalog: the responder's.
        policy: of header fields.
        media_types: tells assets by their names.
        prefix: as ``parse_prefix`` gave it.
        index: name of the file that stands for a directory, or None.
        dotfiles: names that begin with a dot are served.
        alone: there is no wrapped app.
        fallback: names of the file sent to navigations, or None.
        not_found: names of the file sent with status 404, or None.
        clean_urls: ``/page`` is ``page.html``.
    """

    def __init__(
        self,
        directory: Directory,
        responder: Responder,
        catalog: Catalog,
        policy: HeaderPolicy,
        media_types: MediaTypes,
        prefix: str,
        *,
        index: str | None,
        dotfiles: bool,
        alone: bool,
        fallback: tuple[str, ...] | None,
        not_found: tuple[str, ...] | None,
        clean_urls: bool,
    ) -> None:
        self._directory = directory
        self._responder = responder
        self._catalog = catalog
        self._policy = policy
        self._media_types = media_types
        self._prefix = prefix
        self._index = index
        self._dotfiles = dotfiles
        self._alone = alone
        self._fallback = fallback
        self._not_found = not_found
        self._clean_urls = clean_urls

    def redirect(
        self,
        environ: WSGIEnvironment,
        path: SplitPath,
        serve: Callable[[WSGIEnvironment, SplitPath], Answer | None],
    ) -> Answer | None:
        """Send ``/page.html`` to ``/page``, and an index to its directory: one file, one URL.

        Not where something else has the short URL, and not where there is no such page.

        Arguments:
            environ: a GET or HEAD request.
            path: its path.
            serve: gives the answer for a path, None for a miss.
        """
        if not self._clean_urls or path.is_directory or not path.segments:
            return None
        *above, name = path.segments
        stem = name.removesuffix(_PAGE)
        if stem == name or stem.endswith(_PAGE):
            return None
        page = self._directory.resource(path.segments)
        try:
            page.stat()
            url = url_path(self._prefix, path)
            fields = self._policy.for_file(page.path, url, "text/html").others
        except OSError:
            return None  # whoever serves it will say why not
        path_info = header(environ, "PATH_INFO") or ""
        if name == self._index:
            make_location, shorter = directory_location, path_info[: -len(os.fsencode(name))]
        else:
            make_location, shorter = file_location, path_info.removesuffix(_PAGE)
            asked = {**environ, "REQUEST_METHOD": "HEAD", "PATH_INFO": shorter}
            if not self._is_served_name(stem) or serve(asked, SplitPath((*above, stem), False)):
                return None
        location = make_location(
            header(environ, "SCRIPT_NAME") or "", shorter, header(environ, "QUERY_STRING") or ""
        )
        return redirect(location, fields)

    def answer_miss(self, environ: WSGIEnvironment, rest: str) -> Answer | None:
        """Answer a request that no file answers; None where it stays a miss.

        Arguments:
            environ: the request.
            rest: what of PATH_INFO is below the prefix.
        """
        path = split_path(rest, dotfiles=self._dotfiles, windows=os.name == "nt")
        if path is None:
            return None
        if environ.get("REQUEST_METHOD") in ("GET", "HEAD"):
            return self._page(environ, path) or self._navigation(environ, path)
        if self._alone and self._page({**environ, "REQUEST_METHOD": "HEAD"}, path):
            return error_answer(405, self._policy, ("Allow", "GET, HEAD"))
        return None

    def not_found(self, environ: WSGIEnvironment) -> Answer | None:
        """Send the 404 page, always whole; None where there is none."""
        if self._not_found is None:
            return None
        plain = {name: value for name, value in environ.items() if name not in _CONDITIONS}
        if plain.get("REQUEST_METHOD") == "GET":
            # A front server is not asked to send it: its status would be 200.
            plain["REQUEST_METHOD"] = "POST"
        answer = self._send(plain, self._not_found, url_path(self._prefix, _file(self._not_found)))
        if answer is None or answer.status != "200 OK":
            return None
        # A file that is missing on one machine of a fleet may just have come to another.
        headers = [field for field in answer.headers if field[0].lower() not in _OF_A_FILE]
        headers.append(("Cache-Control", "no-store"))
        return answer._replace(status="404 Not Found", headers=headers)

    def _page(self, environ: WSGIEnvironment, path: SplitPath) -> Answer | None:
        if not self._clean_urls or path.is_directory or not path.segments:
            return None
        *above, name = path.segments
        page = name + _PAGE
        # An index has the URL of its directory; and ".well-known" may be asked for, not its page.
        if name.endswith(_PAGE) or page == self._index or not self._is_served_name(page):
            return None
        return self._send(environ, (*above, page), url_path(self._prefix, path))

    def _navigation(self, environ: WSGIEnvironment, path: SplitPath) -> Answer | None:
        if self._fallback is None or not _is_navigation(environ):
            return None
        if path.segments and self._media_types.knows(path.segments[-1]):
            return None  # HTML in place of a script or a picture helps nobody
        url = url_path(self._prefix, _file(self._fallback))
        answer = self._send(environ, self._fallback, url)
        return answer and answer._replace(headers=vary_by(answer.headers, _NAVIGATION_FIELDS))

    def _send(self, environ: WSGIEnvironment, segments: tuple[str, ...], url: str) -> Answer | None:
        key = _NO_PATH_INFO.join(("", url, *segments))
        entry = self._catalog.find(key, header(environ, "HTTP_ACCEPT_ENCODING"))
        if entry is not None:
            answer = self._responder.answer_from(environ, entry)
            if answer is not None:
                entry.used = True
                return answer
            self._catalog.review(key, entry)
        try:
            return self._responder.respond(environ, self._directory.resource(segments), url, key)
        except IsADirectoryError:
            return None

    def _is_served_name(self, name: str) -> bool:
        return is_served_name(name, dotfiles=self._dotfiles, windows=os.name == "nt")


def _file(segments: tuple[str, ...]) -> SplitPath:
    return SplitPath(segments, False)


def _is_navigation(environ: WSGIEnvironment) -> bool:
    """Tell whether a person goes to a page; ``*/*`` (scripts, pictures, curl) does not count."""
    mode = header(environ, "HTTP_SEC_FETCH_MODE")
    if mode is not None:
        return mode == "navigate"
    return names_type(header(environ, "HTTP_ACCEPT"), "text/html")
