"""Misses and the 404 responses of the wrapped app: ``fallback`` and ``no_store_misses``.

Only page loads get the page of ``fallback``, because other code would take it for the script or the
data that it requested. Browsers state what they load in Sec-Fetch-Dest and Sec-Fetch-Mode
(Fetch Metadata). They send these fields only over HTTPS and to localhost, so otherwise Accept and
the name in the path decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from wsgistatic.http.caching import is_caching_field
from wsgistatic.http.fields import Headers, add_vary
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.http.negotiation import names_type
from wsgistatic.http.paths import SplitPath
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responses import Response, close_body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# What decides between the page and a 404. Both need it in Vary (RFC 9111 4.1), since a stored
# response without Vary would be reused for every request.
VARY = "Accept, Sec-Fetch-Dest, Sec-Fetch-Mode"
# An <object> or <embed> is left out: it shows its alternative content on a 404.
_PAGES = ("document", "iframe", "frame")


def is_page_load(
    request: Request, path: SplitPath | None, media_types: MediaTypes, *, standalone: bool
) -> bool:
    """Return whether a request loads a page.

    Arguments:
        path: The path below the prefix, or None if it is not the path of any file.
        standalone: Whether there is no wrapped app.
    """
    destination = request.field("HTTP_SEC_FETCH_DEST")
    mode = request.field("HTTP_SEC_FETCH_MODE")
    if destination is not None:
        # A service worker that forwards a page load sends "empty" and "navigate".
        return destination in _PAGES or (destination == "empty" and mode == "navigate")
    if path is None:
        return False
    # A script or an image that is missing must not be answered with HTML.
    name = path.segments[-1] if path.segments else ""
    if "." in name and media_types.knows(name):
        return False
    if mode is not None:  # Chrome 76 to 79
        return mode == "navigate"
    accept = request.field("HTTP_ACCEPT")
    if names_type(accept, "text/html"):
        return True
    # Link previews and monitors accept anything, but so do the clients of an app's API.
    accepts_anything = (accept or "").strip() in ("", "*/*")
    return standalone and "." not in name and accepts_anything


def call_before_page(
    app: WSGIApplication,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    respond: Callable[[], Response | None],
) -> Iterable[bytes] | Response:
    """Call an app, and return its body, or the page that replaces its 404.

    Every other response is passed on as it is, block by block. PEP 3333 lets an app set its status
    with its first block, and lets an error handler replace the status until then. So the app's body
    is returned itself if it comes after the status; otherwise its first block is read here.

    Arguments:
        respond: returns the page, or None if the app's 404 is to be sent.
    """
    page: Response | None = None
    is_started = False

    def start(status: str, headers: Headers, *exc_info: Any) -> Callable[[bytes], object]:
        nonlocal page, is_started
        if page is not None:
            page.close()
            page = None
        if status[:3] == "404":
            page = None if is_started else respond()
            if page is not None:
                return _discard
            headers = add_vary(headers, VARY)
        is_started = True
        return start_response(status, headers, *exc_info)

    try:
        body = app(environ, start)
        if is_started:
            return body
        try:
            resumed = _ResumedBody(body)
        except BaseException:
            close_body(body)
            raise
        if page is None:
            return resumed
        resumed.close()
    except BaseException:
        if page is not None:
            page.close()
        raise
    return page


class _ResumedBody:
    """A body whose first block was read already."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body, self._blocks = body, iter(body)
        self._first = list(islice(self._blocks, 1))

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._first.pop() if self._first else next(self._blocks)

    def close(self) -> None:
        """Close the app's body."""
        close_body(self._body)


def _discard(data: bytes) -> None:
    """Stand for ``write`` while nothing of the app's body is sent."""


def no_store_if_missing(app: WSGIApplication) -> WSGIApplication:
    """Wrap an app so that no cache stores its 404 and 410 responses.

    During a rolling release, a new file exists on some machines and not yet on others. A cache that
    stored the miss would keep sending it.
    """

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: Headers, *exc_info: Any) -> Callable[[bytes], object]:
            if status[:3] in ("404", "410"):
                headers = [field for field in headers if not is_caching_field(field[0])]
                headers.append(("Cache-Control", "no-store"))
            return start_response(status, headers, *exc_info)

        return app(environ, start)

    return wrapped
