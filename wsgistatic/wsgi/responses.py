"""Answers without a file: how they are sent, errors, refusals, redirects."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from webob.exc import status_map

from wsgistatic.files.errors import Outcome, classify
from wsgistatic.http.conditional import Preconditions, evaluate_preconditions
from wsgistatic.http.fields import Headers, repr_digest, wants_sha256
from wsgistatic.http.ranges import ByteRange, RangePlan, plan_ranges
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.representations.representation import Representation

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger("wsgistatic")

_RETRY_AFTER = "2"  # seconds
_CACHING = ("cache-control", "expires")
_PREFLIGHT_AGE = "86400"  # seconds; browsers cap it lower
# Request fields that mean something here; simple requests may have no Range but one "bytes=N-M".
_ALLOWED = (
    *("range", "if-range", "if-match", "if-none-match", "if-modified-since"),
    *("if-unmodified-since", "cache-control", "pragma", "want-repr-digest"),
)
_PLAIN = ("Content-Type", "text/plain; charset=utf-8")
EMPTY = [("Content-Length", "0"), _PLAIN]  # PEP 3333 checkers want a type for every body


class Answer(NamedTuple):
    """What goes to ``start_response``, and the body; and what it was made of, for ``on_answer``.

    Attributes:
        path: of the file whose bytes or fields are sent, or that was refused.
        coding: content coding of the selected representation.
        ranges: of a 206.
    """

    status: str
    headers: Headers
    body: Iterable[bytes]
    path: str | None = None
    coding: str | None = None
    ranges: tuple[ByteRange, ...] = ()


def header(environ: WSGIEnvironment, name: str) -> str | None:
    """Give a request header by its environ key; None where absent or no text."""
    value = environ.get(name)
    return value if isinstance(value, str) else None


def send(
    answer: Answer, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Start the response; if the server refuses, close the body's file."""
    try:
        start_response(answer.status, answer.headers)
    except BaseException:
        close = getattr(answer.body, "close", None)
        if close is not None:
            close()
        raise
    if isinstance(answer.body, list) and environ.get("REQUEST_METHOD") == "HEAD":
        return [b""]
    return answer.body


def no_store_if_missing(app: WSGIApplication) -> WSGIApplication:
    """Wrap an app so that no cache keeps its 404 and 410.

    While machines of a fleet change over to a new release one by one, a file is here and not
    yet there: a cache that kept the miss would go on missing.
    """

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], *exc_info: Any
        ) -> Callable[[bytes], object]:
            if status[:3] in ("404", "410"):
                headers = [field for field in headers if field[0].lower() not in _CACHING]
                headers.append(("Cache-Control", "no-store"))
            return start_response(status, headers, *exc_info)

        return app(environ, start)

    return wrapped


def error_answer(code: int, policy: HeaderPolicy, *headers: tuple[str, str]) -> Answer:
    """Make a short plain answer that says no more than its status does."""
    error = status_map[code]
    body = f"{code} {error.title}\n\n{' '.join(error.explanation.split())}".encode() + b"\n"
    about = [_PLAIN, ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    return Answer(f"{code} {error.title}", [*about, *headers, *policy.common], [body])


def preflight(environ: WSGIEnvironment, policy: HeaderPolicy) -> Answer | None:
    """Answer a CORS preflight for GET or HEAD (Fetch 3.2.2); None where it is none."""
    if not policy.allows_origin or environ.get("REQUEST_METHOD") != "OPTIONS":
        return None
    if header(environ, "HTTP_ACCESS_CONTROL_REQUEST_METHOD") not in ("GET", "HEAD"):
        return None
    headers = [*EMPTY, *policy.common, ("Access-Control-Allow-Methods", "GET, HEAD")]
    asked = header(environ, "HTTP_ACCESS_CONTROL_REQUEST_HEADERS") or ""
    fields = [name for name in asked.lower().replace(" ", "").split(",") if name in _ALLOWED]
    if fields:
        headers.append(("Access-Control-Allow-Headers", ", ".join(fields)))
    return Answer("200 OK", [*headers, ("Access-Control-Max-Age", _PREFLIGHT_AGE)], [b""])


def refusal(error: OSError, path: str, policy: HeaderPolicy) -> Answer | None:
    """Answer for a file that could not be looked at, and log it; None for a miss."""
    outcome = classify(error)
    if outcome is Outcome.MISS:
        return None
    logger.error("%a: %s", path, error.strerror or error)
    if outcome is Outcome.FORBIDDEN:
        answer = error_answer(403, policy)
    elif outcome is Outcome.TEMPORARY:
        answer = error_answer(503, policy, ("Retry-After", _RETRY_AFTER))
    else:
        answer = error_answer(500, policy)
    return answer._replace(path=path)


def redirect(location: str, headers: Headers) -> Answer:
    """Make the 301 to the one URL of a directory or page; the location is quoted already."""
    return Answer("301 Moved Permanently", [("Location", location), *EMPTY, *headers], [b""])


_STATUS = {200: "200 OK", 206: "206 Partial Content", 416: "416 Range Not Satisfiable"}


def conditional_answer(environ: WSGIEnvironment, representation: Representation) -> Answer | None:
    """Give the answer that the preconditions lead to: 412, 304, or None to go on (13.2.2)."""
    if not (
        "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
        or "HTTP_IF_NONE_MATCH" in environ
        or "HTTP_IF_MODIFIED_SINCE" in environ
    ):
        return None
    preconditions = Preconditions(
        header(environ, "HTTP_IF_MATCH"),
        header(environ, "HTTP_IF_UNMODIFIED_SINCE"),
        header(environ, "HTTP_IF_NONE_MATCH"),
        header(environ, "HTTP_IF_MODIFIED_SINCE"),
    )
    verdict = evaluate_preconditions(preconditions, representation.validators, time.time())
    path, coding = representation.path, representation.coding
    if verdict == 304:
        # An iterator without a length, or wsgiref adds Content-Length: 0.
        nothing = iter((b"",))
        headers = list(representation.not_modified_headers)
        return Answer("304 Not Modified", headers, nothing, path, coding)
    if verdict == 412:
        headers = [*EMPTY, *representation.refusal_headers]
        return Answer("412 Precondition Failed", headers, [b""], path, coding)
    return None


def whole_answer(environ: WSGIEnvironment, representation: Representation) -> Answer:
    """Give the answer to HEAD: that to GET without a Range, without a body (9.3.2)."""
    headers = list(representation.full_headers)
    if representation.digest is not None:
        headers += _digest(environ, representation.digest)
    return Answer("200 OK", headers, [b""], representation.path, representation.coding)


def plan_answer(
    environ: WSGIEnvironment, representation: Representation, max_ranges: int
) -> RangePlan:
    """Decide by Range and If-Range what of a representation a GET gets (14.2, 13.1.5)."""
    return plan_ranges(
        header(environ, "HTTP_RANGE"),
        header(environ, "HTTP_IF_RANGE"),
        representation.validators,
        representation.size,
        now=time.time(),
        content_type=representation.content_type,
        max_ranges=max_ranges,
    )


def ranged_answer(
    environ: WSGIEnvironment,
    plan: RangePlan,
    representation: Representation,
    body: Iterable[bytes],
) -> Answer:
    """Give the answer to GET: 200, 206 or 416, as planned."""
    headers = _headers(plan, representation)
    if representation.digest is not None and plan.status != 416:
        headers += _digest(environ, representation.digest)
    return Answer(
        _STATUS[plan.status],
        headers,
        body,
        representation.path,
        representation.coding,
        plan.ranges if plan.status == 206 else (),
    )


def _headers(plan: RangePlan, representation: Representation) -> Headers:
    if plan.status == 200:
        return list(representation.full_headers)
    # 15.3.7.2: no Content-Range in the header section of a multipart answer.
    about_range = [("Content-Range", plan.content_range)] if plan.content_range else []
    if plan.status == 416:
        return [*about_range, *EMPTY, *representation.refusal_headers]
    media_type = (
        representation.content_type if plan.multipart is None else plan.multipart.content_type
    )
    return [
        ("Content-Type", media_type),
        ("Content-Length", str(plan.content_length)),
        *about_range,
        *representation.partial_headers,
    ]


def _digest(environ: WSGIEnvironment, sha256: bytes) -> Headers:
    # RFC 9530 3: of the whole selected representation, in a 206 as well.
    wanted = wants_sha256(header(environ, "HTTP_WANT_REPR_DIGEST"))
    return [("Repr-Digest", repr_digest(sha256))] if wanted else []
