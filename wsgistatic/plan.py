"""What to send for a Range request: the decision between 200, 206 and 416 (RFC 9110 14.2).

Strategy: one call turns the request's fields and the representation's into a ``RangePlan``
that says all: status, ranges to read, lengths and header values. It is what the middleware
itself uses, and what a view for content of its own (a blob, a database row) can use.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from wsgistatic.multipart import Multipart
from wsgistatic.preconditions import Validators, if_range_matches
from wsgistatic.ranges import (
    DEFAULT_MAX_RANGES,
    ByteRange,
    content_range,
    get_ranges,
    merge_ranges,
    unsatisfied_range,
)

# A multipart answer that is larger than the whole by more than this many bytes helps nobody.
_MULTIPART_ALLOWANCE = 4096


class RangePlan(NamedTuple):
    """The answer to a Range request, before a byte is read.

    Attributes:
        status: 200 (send all), 206 or 416.
        ranges: the half-open ranges to send, in order; none with 416.
        content_length: bytes of the body (0 with 416).
        content_range: the Content-Range value of a single-range 206 or a 416, else None.
        multipart: the frame around several ranges, else None. Its ``content_type`` replaces
            the representation's own.
    """

    status: Literal[200, 206, 416]
    ranges: tuple[ByteRange, ...]
    content_length: int
    content_range: str | None = None
    multipart: Multipart | None = None


def plan_ranges(
    range_header: str | None,
    if_range: str | None,
    validators: Validators,
    size: int,
    *,
    now: float,
    content_type: str = "application/octet-stream",
    max_ranges: int = DEFAULT_MAX_RANGES,
) -> RangePlan:
    """Decide what a GET with these fields gets; preconditions come before (13.2.2).

    Arguments:
        range_header: value of Range, or None.
        if_range: value of If-Range, or None.
        validators: those of the selected representation.
        size: its length in bytes.
        now: seconds since the epoch (see ``parse_http_date``).
        content_type: its media type, repeated in the parts of a multipart body.
        max_ranges: a header with more ranges is ignored.
    """
    ranges = get_ranges(range_header, size, max_ranges)
    if ranges is None:
        return RangePlan(200, ((0, size),), size)
    # 13.2.2 step 5: If-Range is looked at only when Range is there.
    if if_range is not None and not if_range_matches(if_range, validators, now):
        return RangePlan(200, ((0, size),), size)
    if not ranges:
        return RangePlan(416, (), 0, unsatisfied_range(size))
    merged = ranges if len(ranges) == 1 else merge_ranges(ranges)
    if len(merged) == 1:
        # 15.3.7.2: "A server MUST NOT generate a multipart response to a request for a single
        # range", and what merged into one is sent as one.
        start, stop = merged[0]
        return RangePlan(206, (merged[0],), stop - start, content_range(start, stop, size))
    multipart = Multipart(merged, size, content_type)
    if multipart.content_length > size + _MULTIPART_ALLOWANCE:
        return RangePlan(200, ((0, size),), size)
    return RangePlan(206, multipart.ranges, multipart.content_length, multipart=multipart)
