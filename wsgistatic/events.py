"""What ``on_answer`` is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from wsgistatic.ranges import ByteRange


class AnswerEvent(NamedTuple):
    """One answer, or one miss below the prefix.

    Attributes:
        path_info: of the request (PEP 3333: bytes as Latin-1).
        method: of the request.
        status: such as 206; None for a miss, which the wrapped app answers.
        bytes_planned: of the body, before the first is sent; None for a miss, and where they are
            not known (a long directory page).
        coding: content coding of the selected representation, or None.
        ranges: half-open (start, stop) pairs in bytes that a 206 has, in order; else ``()``.
        path: of the file that is sent or was refused, in the file system; None where there is
            none.
        refused: why it is a miss or an error, in the words of ``Reason``; else None.
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
