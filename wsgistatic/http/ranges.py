"""Range requests in bytes: the Range header and Content-Range (RFC 9110 14).

Strategy: the header is split and each range-spec matched whole, so that the work is linear in
the header's length. In code a range is half-open, ``(start, stop)``; only the wire has last
positions. Digits are compared as text before they become numbers: no length is dangerous.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Literal, NamedTuple, TypeAlias

from wsgistatic.http.conditional import Validators, if_range_matches

ByteRange: TypeAlias = "tuple[int, int]"

DEFAULT_MAX_RANGES = 200

# int-range = first-pos "-" [ last-pos ] ; suffix-range = "-" suffix-length (14.1.1). DIGIT is
# ASCII (RFC 5234 B.1): \d would take other scripts' digits.
_RANGE_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
# One range with both ends, as nearly every client asks: 0.6 us in one match, 1.3 by the grammar.
_USUAL = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})")
_OWS = " \t"
_SHORT = 18  # digits that are surely no burden to int()


def get_ranges(
    header: str | None, size: int, max_ranges: int = DEFAULT_MAX_RANGES
) -> list[ByteRange] | None:
    """Parse a Range header against a representation of ``size`` bytes (RFC 9110 14.1, 14.2).

    ``get_ranges("bytes=30000-40000", 50000) == [(30000, 40001)]``

    Arguments:
        header: the field's value, or None where there is none.
        size: bytes of the selected representation.
        max_ranges: how many range-specs are taken seriously.

    Returns:
        The satisfiable ranges in the order asked, half-open, cut at ``size``, not merged;
        ``[]`` where none can be satisfied (answer 416); None where the header is absent or has
        to be ignored (answer as if it were not there): another unit, malformed, too many.
    """
    if header is None:
        return None
    usual = _USUAL.fullmatch(header)
    if usual and max_ranges:
        start, stop = int(usual[1]), int(usual[2]) + 1
        if start < stop:
            return [(start, stop if stop < size else size)] if start < size else []
    unit, equals, range_set = header.strip(_OWS).partition("=")
    # 14.1: "Range units ... are case-insensitive"; 14.2: "An origin server MUST ignore a Range
    # header field that contains a range unit it does not understand."
    if not equals or unit.lower() != "bytes":
        return None
    specs = 0
    ranges: list[ByteRange] = []
    for element in range_set.split(","):
        spec = element.strip(_OWS)
        if not spec:
            continue  # 5.6.1.2: "a recipient MUST parse and ignore ... empty list elements"
        specs += 1
        match = _RANGE_SPEC.fullmatch(spec)
        if match is None or specs > max_ranges:
            return None
        first, last = match.groups()
        found = _resolve(first, last, size)
        if found is None:
            return None
        start, stop = found
        if start < stop:
            ranges.append(found)
    return ranges if specs else None


def _resolve(first: str, last: str, size: int) -> ByteRange | None:
    """Turn one range-spec into a range, empty where unsatisfiable; None where invalid."""
    if first and len(first) <= _SHORT and len(last) <= _SHORT:
        start, stop = int(first), int(last) + 1 if last else size
        return None if last and stop <= start else (min(start, size), min(stop, size))
    if first:
        if last and _is_less(last, first):
            return None  # 14.1.1: "invalid if the last-pos value is present and less than ..."
        return _bounded(first, size), _bounded(last, size - 1) + 1 if last else size
    if not last:
        return None
    suffix = _bounded(last, size + 1)
    # 14.1.2: "When a selected representation has zero length, the byte-range-set is satisfiable
    # if it includes a suffix-range with a non-zero suffix-length." Content-Range cannot say so:
    # the header is ignored, and 200 sends all there is.
    if size == 0 and suffix:
        return None
    return max(size - suffix, 0), size


def _is_less(a: str, b: str) -> bool:
    a, b = a.lstrip("0"), b.lstrip("0")
    return (len(a), a) < (len(b), b)


def _bounded(digits: str, limit: int) -> int:
    """``min(int(digits), limit)`` for any number of digits (int() refuses 4300 of them)."""
    digits = digits.lstrip("0")
    return limit if len(digits) > len(str(limit)) else min(int(digits or "0"), limit)


def merge_ranges(ranges: Iterable[ByteRange]) -> list[ByteRange]:
    """Merge ranges that overlap or touch (RFC 9110 15.3.7.2 allows it); n log n.

    A merged range stands where its first member was asked; the others keep their order.

    Arguments:
        ranges: half-open ``(start, stop)`` pairs, none empty.
    """
    merged: list[tuple[int, int, int]] = []  # place, start, stop
    for start, stop, place in sorted((a, b, i) for i, (a, b) in enumerate(ranges)):
        if merged and start <= merged[-1][2]:
            first, begin, end = merged[-1]
            merged[-1] = (min(first, place), begin, max(end, stop))
        else:
            merged.append((place, start, stop))
    return [(start, stop) for _, start, stop in sorted(merged)]


def content_range(start: int, stop: int, size: int) -> str:
    """Give the Content-Range value of a half-open range: ``bytes 0-499/1234`` (14.4)."""
    return f"bytes {start}-{stop - 1}/{size}"


def unsatisfied_range(size: int) -> str:
    """Give the Content-Range value of a 416: ``bytes */1234`` (14.4)."""
    return f"bytes */{size}"


_BOUNDARY_BYTES = 12  # 96 random bits: no file can hold it by guess


class Multipart:
    """Part heads, closing delimiter and total length of a multipart/byteranges body.

    Arguments:
        ranges: half-open ``(start, stop)`` pairs, in the order of the parts.
        size: bytes of the whole representation.
        part_type: Content-Type of the representation, repeated in each part.
        boundary: RFC 2046 boundary; random where None.

    Attributes:
        heads: for each part, the bytes that come before its content.
        tail: the bytes after the last part's content.
        content_type: the value of the outer Content-Type.
        content_length: bytes of the body, frame and content.
    """

    __slots__ = ("boundary", "content_length", "content_type", "heads", "ranges", "tail")

    def __init__(
        self,
        ranges: Sequence[ByteRange],
        size: int,
        part_type: str,
        boundary: str | None = None,
    ) -> None:
        self.ranges = tuple(ranges)
        self.boundary = boundary or secrets.token_hex(_BOUNDARY_BYTES)
        # GDAL looks for exactly this spelling of the value.
        self.content_type = f"multipart/byteranges; boundary={self.boundary}"
        # The first delimiter begins with CRLF too (an empty preamble, RFC 2046 5.1.1): zsync
        # waits for ever without it.
        before = f"\r\n--{self.boundary}\r\nContent-Type: {part_type}\r\nContent-Range: "
        self.heads = [
            f"{before}{content_range(start, stop, size)}\r\n\r\n".encode("latin-1")
            for start, stop in self.ranges
        ]
        self.tail = f"\r\n--{self.boundary}--\r\n".encode("latin-1")
        self.content_length = (
            sum(map(len, self.heads))
            + sum(stop - start for start, stop in self.ranges)
            + len(self.tail)
        )

    def join(self, contents: Iterable[bytes]) -> bytes:
        """Put the contents of the parts into the frame: the whole body."""
        framed = chain.from_iterable(zip(self.heads, contents, strict=True))
        return b"".join([*framed, self.tail])


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
