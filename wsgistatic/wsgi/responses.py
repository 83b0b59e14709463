"""Responses: first those that describe a representation, then those without a file."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from wsgistatic.files.body import FileBody
from wsgistatic.files.errors import Outcome, classify, logger
from wsgistatic.http.conditional import Preconditions, Validators, evaluate_preconditions
from wsgistatic.http.fields import OWS, TOKEN, Headers, repr_digest, wants_sha256
from wsgistatic.http.ranges import ByteRange, RangePlan, plan_ranges
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.representations.representation import Representation
from wsgistatic.wsgi.request import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from webob.exc import WSGIHTTPException

_ALLOW = "Access-Control-Allow-Origin"
# A field that scripts add, such as those for tracing, has no effect here and may be sent. They may
# send no Authorization: a server in front of this one may depend on it, and the "*" of Fetch 3.3.3
# excludes it too. "*" itself would not be understood by older browsers, or with credentials.
_REFUSED_FIELDS = ("authorization", "*")
_FIELD_NAME = re.compile(TOKEN)
_PLAIN_TEXT = ("Content-Type", "text/plain; charset=utf-8")
# PEP 3333 checkers demand a media type for every body, even an empty one.
EMPTY = [("Content-Length", "0"), _PLAIN_TEXT]
_NO_VALIDATORS = Validators()


class Response(NamedTuple):
    """What goes to ``start_response``, the body, and what they were made from."""

    status: str
    headers: Headers
    body: Iterable[bytes]
    path: str | None = None  # of the file that is sent or described, or that could not be served
    coding: str | None = None  # of the selected representation
    ranges: tuple[ByteRange, ...] = ()  # of a 206 response

    def start(self, request: Request, start_response: StartResponse) -> Iterable[bytes]:
        """Start the response and return its body; close the body if the server refuses."""
        try:
            start_response(self.status, self.headers)
        except BaseException:
            self.close()
            raise
        if request.is_head and isinstance(self.body, list):
            return [b""]
        return self.body

    def for_origin(self, request: Request, policy: HeaderPolicy) -> Response:
        """Return the response to the origin of a request, if ``allow_origin`` is a list."""
        origin = request.field("HTTP_ORIGIN") if policy.origins else None
        if origin not in policy.origins or any(name == _ALLOW for name, _ in self.headers):
            return self
        return self._replace(headers=[*self.headers, (_ALLOW, origin)])

    def close(self) -> None:
        """Close the body of a response that is not sent."""
        close_body(self.body)


def close_body(body: Iterable[bytes]) -> None:
    """Close a body that can be closed (PEP 3333)."""
    close = getattr(body, "close", None)
    if close is not None:
        close()


class ClosingBody:
    """A body that also calls ``close`` at its end, on errors and when it is closed."""

    def __init__(
        self, body: FileBody | Generator[bytes, None, None], close: Callable[[], object]
    ) -> None:
        self._body = body
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._body)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close both; may be called repeatedly."""
        try:
            self._body.close()
        finally:
            self._close()


def conditional_response(
    preconditions: Preconditions, representation: Representation
) -> Response | None:
    """Return the 412 or 304 that the preconditions demand; None to go on (RFC 9110 13.2.2)."""
    verdict = evaluate_preconditions(preconditions, representation.validators, time.time())
    path, coding = representation.path, representation.coding
    if verdict == 304:
        # An iterator has no length. For a list, wsgiref would add Content-Length: 0.
        body = iter((b"",))
        headers = representation.not_modified_headers
        return Response("304 Not Modified", headers, body, path, coding)
    if verdict == 412:
        headers = [*EMPTY, *representation.refusal_headers]
        return Response("412 Precondition Failed", headers, [b""], path, coding)
    return None


def head_response(request: Request, representation: Representation) -> Response:
    """Return the response to HEAD: that to GET without a Range and without a body (9.3.2)."""
    headers = headers_of_whole(request, representation)
    return Response("200 OK", headers, [b""], representation.path, representation.coding)


def headers_of_whole(request: Request, representation: Representation) -> Headers:
    """Return the header fields of a 200 response."""
    headers = [*representation.full_headers]
    if representation.digest is not None:
        headers += _digest_fields(representation.digest, request)
    return headers


def plan_for(request: Request, representation: Representation, max_ranges: int) -> RangePlan:
    """Decide by Range and If-Range which parts of a representation are sent (14.2, 13.1.5)."""
    wanted, size = request.range, representation.size
    if wanted is None:
        return RangePlan(200, ((0, size),), size)
    if representation.last_modified is None:
        # 13.1.4: without a date, If-Unmodified-Since must be ignored. But a client that sends it
        # with Range would join the part with those of the version that it has.
        preconditions = request.preconditions
        if preconditions and preconditions.if_unmodified_since and preconditions.if_match is None:
            wanted = None
    return plan_ranges(
        wanted if representation.has_ranges else None,
        request.if_range,
        _NO_VALIDATORS if request.if_range is None else representation.validators,
        size,
        now=time.time(),
        content_type=representation.content_type,
        max_ranges=max_ranges,
    )


def content_response(
    request: Request, plan: RangePlan, representation: Representation, body: Iterable[bytes]
) -> Response:
    """Return the 200, 206 or 416 response that was planned."""
    status, ranges, length, content_range, multipart = plan
    path, coding = representation.path, representation.coding
    if status == 200:
        return Response("200 OK", headers_of_whole(request, representation), body, path, coding)
    if status == 206:
        media_type = representation.content_type if multipart is None else multipart.content_type
        headers = [("Content-Type", media_type), ("Content-Length", str(length))]
    else:
        headers = EMPTY.copy()
    if content_range is not None:
        # 15.3.7.2: not in the header section of a multipart response.
        headers.append(("Content-Range", content_range))
    if status == 416:
        headers += representation.refusal_headers
        return Response("416 Range Not Satisfiable", headers, body, path, coding)
    headers += representation.partial_headers
    if representation.digest is not None:
        headers += _digest_fields(representation.digest, request)
    return Response("206 Partial Content", headers, body, path, coding, ranges)


def _digest_fields(sha256: bytes, request: Request) -> Headers:
    # RFC 9530 3: of the whole selected representation, in a 206 response too.
    if not wants_sha256(request.field("HTTP_WANT_REPR_DIGEST")):
        return []
    return [("Repr-Digest", repr_digest(sha256))]


def error_response(code: int, policy: HeaderPolicy, *headers: tuple[str, str]) -> Response:
    """Return a short text/plain error that reveals nothing beyond its status."""
    status, body = _error(code)
    about = [_PLAIN_TEXT, ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    return Response(status, [*about, *headers, *policy.common], [body])


@cache
def load_errors() -> Mapping[int, type[WSGIHTTPException]]:
    """Import WebOb's errors, and return them by status code.

    Apps call this when they are created, since a request may find no free descriptor for an import.
    """
    # WebOb takes as long to import as this package, and imports cgi, which is deprecated. Warning
    # filters belong to all threads, but this one hides a single message, and only once.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
        from webob.exc import status_map  # noqa: PLC0415
    return status_map


@cache
def _error(code: int) -> tuple[str, bytes]:
    error = load_errors()[code]
    status = f"{code} {error.title}"
    return status, f"{status}\n\n{' '.join(error.explanation.split())}\n".encode()


def method_not_allowed(request: Request, policy: HeaderPolicy) -> Response:
    """Return the response to a method other than GET and HEAD: a preflight's, or 405 (15.5.6)."""
    return preflight(request, policy) or error_response(405, policy, ("Allow", "GET, HEAD"))


def response_to_error(error: OSError, path: str, policy: HeaderPolicy) -> Response | None:
    """Return the 403, 500 or 503 for a file that could not be read, and log it; None for a miss."""
    outcome = classify(error)
    if outcome is Outcome.MISS:
        return None
    logger.error("%a: %s", path, error.strerror or error)
    code = {Outcome.FORBIDDEN: 403, Outcome.TEMPORARY: 503}.get(outcome, 500)
    retry = [("Retry-After", "2")] if code == 503 else []  # seconds
    return error_response(code, policy, *retry)._replace(path=path)


def redirect(location: str, headers: Headers) -> Response:
    """Return the 301 to the one URL of a directory or page; the location is already quoted."""
    return Response("301 Moved Permanently", [("Location", location), *EMPTY, *headers], [b""])


def preflight(request: Request, policy: HeaderPolicy) -> Response | None:
    """Return the response to a CORS preflight for GET or HEAD (Fetch 3.2.2), or None."""
    if not policy.allows_origin or request.method != "OPTIONS":
        return None
    if request.field("HTTP_ACCESS_CONTROL_REQUEST_METHOD") not in ("GET", "HEAD"):
        return None
    headers = [*EMPTY, *policy.common, ("Access-Control-Allow-Methods", "GET, HEAD")]
    requested = request.field("HTTP_ACCESS_CONTROL_REQUEST_HEADERS") or ""
    names = (name.strip(OWS) for name in requested.lower().split(","))
    fields = [
        name
        for name in dict.fromkeys(names)
        if _FIELD_NAME.fullmatch(name) and name not in _REFUSED_FIELDS
    ]
    if fields:
        headers.append(("Access-Control-Allow-Headers", ", ".join(fields)))
    headers.append(("Access-Control-Max-Age", "86400"))  # seconds; browsers cap it at less
    return Response("200 OK", headers, [b""])
