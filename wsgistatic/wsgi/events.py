"""The option ``on_answer``: one event for each response, and for each miss below the prefix."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from wsgistatic.http.ranges import ByteRange
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responses import Response
from wsgistatic.wsgi.trace import Reason

# Reasons that a status states by itself.
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

    Attributes:
        path_info: of the request (PEP 3333: bytes as Latin-1).
        method: of the request.
        status: such as 206; None for a miss, which goes to the wrapped app.
        bytes_planned: size of the body, before the first byte is sent; None for a miss, and if it
            is not known (a long directory page).
        coding: content coding of the selected representation, or None.
        ranges: half-open (start, stop) pairs in bytes that a 206 response has, in order; otherwise
            ``()``.
        path: of the file that is sent or was refused, in the file system; None if there is none.
        refused: why it is a miss or an error, as the text of a ``Reason``; otherwise None.
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
    """Return the event for a response to a traced request.

    Arguments:
        request: with a trace.
        response: None for a miss, which goes to the wrapped app.
    """
    reason = request.trace.reason if request.trace is not None else None
    method = request.method if isinstance(request.method, str) else ""
    if response is None:
        refused = reason and reason.value
        return AnswerEvent(request.path_info, method, None, None, None, (), None, refused)
    status = int(response.status[:3])
    if status != 404:
        reason = _REASONS.get(status)
    return AnswerEvent(
        request.path_info,
        method,
        status,
        0 if request.is_head or status == 304 else _content_length(response),
        response.coding,
        response.ranges,
        response.path,
        reason and reason.value,
    )


def _content_length(response: Response) -> int | None:
    values = [value for name, value in response.headers if name == "Content-Length"]
    return int(values[0]) if values else None
