"""Answers without a file: how they are sent, errors, refusals, redirects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from webob.exc import status_map

from wsgistatic.faults import Outcome, outcome_of
from wsgistatic.policy import HeaderPolicy
from wsgistatic.ranges import ByteRange
from wsgistatic.representation import Headers

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
    outcome = outcome_of(error)
    if outcome is Outcome.MISS:
        return None
    logger.error("%a: %s", path, error.strerror or error)
    if outcome is Outcome.FORBIDDEN:
        answer = error_answer(403, policy)
    elif outcome is Outcome.BUSY:
        answer = error_answer(503, policy, ("Retry-After", _RETRY_AFTER))
    else:
        answer = error_answer(500, policy)
    return answer._replace(path=path)


def redirect(location: str, headers: Headers) -> Answer:
    """Make the 301 to the one URL of a directory or page; the location is quoted already."""
    return Answer("301 Moved Permanently", [("Location", location), *EMPTY, *headers], [b""])
