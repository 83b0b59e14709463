"""The events of the option ``on_answer``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from wsgistatic.http.ranges import ByteRange
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responses import Response
from wsgistatic.wsgi.trace import Reason

# Reasons that follow from the status.
_REASONS = {
    403: Reason.NO_PERMISSION,
    405: Reason.METHOD,
    412: Reason.PRECONDITION,
    416: Reason.RANGE,
    500: Reason.FAULT,
    503: Reason.FAULT,
}


class AnswerEvent(NamedTuple):
    """One response, or one miss below the prefix.

    If the page of ``fallback`` replaces the 404 of the wrapped app, the miss and the page are two
    events.

    Attributes:
        path_info: PATH_INFO of the request, as PEP 3333 text (bytes as Latin-1).
        method: The request method.
        status: The status code, such as 206; None for a miss, which goes to the wrapped app.
        bytes_planned: Size of the body in bytes, before the first one is sent; None for a miss, or
            if it is not known (a long directory page).
        coding: Content coding of the selected representation, or None.
        ranges: The half-open (start, stop) pairs of a 206 response, in bytes and in order;
            otherwise ``()``.
        path: Path of the file that is sent or was refused, in the file system, or None.
        refused: Why it is a miss or an error, as the text of a ``Reason``; otherwise None.
    """

    path_info: str
    method: str
    status: int | None
    bytes_planned: int | None
    coding: str | None
    ranges: tuple[ByteRange, ...]
    path: str | None
    refused: str | None


OnAnswer = Callable[[AnswerEvent], object]


def answer_event(request: Request, response: Response | None) -> AnswerEvent:
    """Return the event for a response to a traced request; a response of None is a miss."""
    reason = request.trace.reason if request.trace is not None else None
    method = request.method if isinstance(request.method, str) else ""
    if response is None:
        refused = reason and reason.value
        return AnswerEvent(request.path_info, method, None, None, None, (), None, refused)
    status = int(response.status[:3])
    if status != 404:
        reason = _REASONS.get(status)
    length = dict(response.headers).get("Content-Length")
    size = None if length is None else int(length)
    size = 0 if request.is_head or status == 304 else size
    path, coding, ranges = response[3:]
    refused = reason and reason.value
    return AnswerEvent(request.path_info, method, status, size, coding, ranges, path, refused)
