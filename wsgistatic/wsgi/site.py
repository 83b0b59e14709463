"""The order of a request: method, path, file or directory, and what a site wants of misses.

Strategy: each step gives an answer, or None for a miss, which is the wrapped app's; nothing in
environ is changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from wsgistatic.files.directory import Directory
from wsgistatic.files.packages import Traversable, traversable_directory
from wsgistatic.http.fields import add_vary
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.http.negotiation import names_type
from wsgistatic.http.paths import (
    SplitPath,
    directory_location,
    file_location,
    is_served_name,
    split_path,
    url_path,
)
from wsgistatic.representations.cache import Catalog, Entry
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.validation import check_inner_path
from wsgistatic.wsgi.listing import Listing
from wsgistatic.wsgi.offload import Offload
from wsgistatic.wsgi.options import DirectoryOptions
from wsgistatic.wsgi.responder import AnyResponder, Responder
from wsgistatic.wsgi.responses import (
    Answer,
    error_answer,
    header,
    preflight,
    redirect,
    refusal,
    send,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_ABSENT = (FileNotFoundError, NotADirectoryError)


class Finder:
    """Finds what is below a prefix, and answers for it.

    Arguments:
        root: absolute path of the directory, or one of a package.
        prefix: as ``parse_prefix`` gave it.
        options: checked.
        catalog: what is ready.
        alone: there is no wrapped app.

    Attributes:
        answer: gives the answer to a request below the prefix, None for a miss.
        directory: what is served.
        prefix, alone: as given.
        responder: meets requests with files.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """

    def __init__(
        self,
        root: str | Traversable,
        prefix: str,
        options: DirectoryOptions,
        catalog: Catalog,
        *,
        alone: bool,
    ) -> None:
        path = root if isinstance(root, str) else ""
        offload = None if options.offload is None else Offload(options.offload, path)
        if offload is not None and not offload.keeps_codings:
            options = replace(options, encodings=())
        self.alone = alone
        self.prefix = prefix
        self._skipped = len(prefix)
        self._index = options.index
        self._dotfiles = options.dotfiles
        self._catalog = catalog
        self.directory = (
            Directory(root, options.symlinks)
            if isinstance(root, str)
            # Asked for resources only, and giving other sources too, which its responder takes.
            else cast(Directory, traversable_directory(root, options.symlinks))
        )
        # Where names mean what they say, a path can be looked at before it is taken apart.
        self._root = None if os.name == "nt" else path
        self._policy = options.policy()
        make_responder = Responder if path else AnyResponder
        self.responder: Responder = make_responder(options, self._policy, catalog)
        if options.compress:
            self.responder.compress_text()
        if offload is not None and path:
            self.responder.hand_off(offload)
        self._listing = self._make_listing(options) if path else None
        self._site = self._make_site(options)
        self.answer: Callable[[WSGIEnvironment, str, Entry | None], Answer | None] = (
            self._find if self._site is None else partial(self._answer_site, self._site)
        )

    def _make_listing(self, options: DirectoryOptions) -> Listing | None:
        if not options.listing:
            return None
        return Listing(
            self.directory, self._policy, self.prefix, self._index, dotfiles=self._dotfiles
        )

    def _make_site(self, options: DirectoryOptions) -> Site | None:
        fallback, not_found = options.fallback, options.not_found
        if not options.clean_urls and fallback is None and not_found is None:
            return None
        return Site(
            self.directory,
            self.responder,
            self._catalog,
            self._policy,
            options.media_types_table(),
            self.prefix,
            index=self._index,
            dotfiles=self._dotfiles,
            alone=self.alone,
            fallback=None if fallback is None else check_inner_path("fallback", fallback),
            not_found=None if not_found is None else check_inner_path("not_found", not_found),
            clean_urls=options.clean_urls,
        )

    def not_found(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer 404, as a WSGI app where none is wrapped."""
        return send(self.missing(environ), environ, start_response)

    def missing(self, environ: WSGIEnvironment) -> Answer:
        """Make the answer to a miss where no app is wrapped."""
        answer = self._site and self._site.not_found(environ)
        return answer or error_answer(404, self._policy)

    def _answer_site(
        self, site: Site, environ: WSGIEnvironment, path_info: str, entry: Entry | None
    ) -> Answer | None:
        answer = self._find(environ, path_info, entry)
        return answer or site.answer_miss(environ, path_info[self._skipped :])

    def _find(self, environ: WSGIEnvironment, path_info: str, entry: Entry | None) -> Answer | None:
        method = environ.get("REQUEST_METHOD")
        served = method == "GET" or method == "HEAD"  # noqa: PLR1714 - half the time of "in"
        if not served and not self.alone:
            return None
        if entry is not None and served:
            answer = self.responder.answer_from(environ, entry)
            if answer is not None:
                entry.used = True
                return answer
            self._catalog.review(path_info, entry)
        rest = path_info[self._skipped :]
        # One failed stat tells most misses: 2.6 us against 15. What is not there needs no policy.
        if self._root and "/." not in rest and rest.isascii():
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
        shorter = self._site and self._site.redirect(environ, path, self._serve_as_named)
        return shorter or self._serve_as_named(environ, path)

    def _serve_as_named(self, environ: WSGIEnvironment, path: SplitPath) -> Answer | None:
        answer = self._serve_file(environ, path)
        if answer is None and self._listing is not None:
            return self._listing.answer(environ, path)
        return answer

    def _serve_file(self, environ: WSGIEnvironment, path: SplitPath) -> Answer | None:
        url = url_path(self.prefix, path)
        try:
            if not path.is_directory:
                resource = self.directory.resource(path.segments)
            elif self._index is not None:
                resource = self.directory.resource((*path.segments, self._index))
            else:
                return None
            return self.responder.respond(
                environ, resource, url, header(environ, "PATH_INFO") or ""
            )
        except IsADirectoryError:
            return None if path.is_directory else self._redirect(environ, path, url)

    def _redirect(self, environ: WSGIEnvironment, path: SplitPath, url: str) -> Answer | None:
        """Send ``/dir`` to ``/dir/`` where an index is there, or relative links would break."""
        if self._index is None:
            return None
        index = self.directory.resource((*path.segments, self._index))
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

    def _refuse_method(self, environ: WSGIEnvironment, path: SplitPath) -> Answer | None:
        """Answer 405 where GET would find something (RFC 9110 15.5.6), else a miss."""
        if self._serve({**environ, "REQUEST_METHOD": "HEAD"}, path) is None:
            return None
        return preflight(environ, self._policy) or error_answer(
            405, self._policy, ("Allow", "GET, HEAD")
        )


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
        return answer and answer._replace(headers=add_vary(answer.headers, _NAVIGATION_FIELDS))

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
