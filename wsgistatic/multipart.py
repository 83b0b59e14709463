"""The frame of a multipart/byteranges body (RFC 9110 14.6, RFC 2046 5.1).

Strategy: everything but the file's bytes is made here, before a byte is read, so that
Content-Length is exact from the start.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from itertools import chain

from wsgistatic.ranges import ByteRange, content_range

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
