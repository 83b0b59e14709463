"""The mark by which a sidecar of ours is recognised, wherever the tree was copied to.

It stands between the header and the data of the stream, where every decoder skips it:

- gzip has the comment ``wsgistatic`` (FCOMMENT, RFC 1952 2.3.1);
- br has a metadata block with that name (RFC 7932 9.2);
- zstd begins with three empty blocks (RFC 8878 3.1.1.2). A skippable frame could hold a name, but
  some clients stop at the end of the first frame.
"""

from __future__ import annotations

from collections.abc import Iterator

from wsgistatic.http.codings import MAX_HEADER, Coding, zstd_frame

_NAME = b"wsgistatic"
_MARKS = {
    "gzip": _NAME + b"\0",
    # ISLAST 0, MNIBBLES 3 for metadata, a reserved 0, one byte for the length, the length less one.
    "br": (0b01_0_11_0 | (len(_NAME) - 1) << 6).to_bytes(2, "little") + _NAME,
    "zstd": bytes(3 * 3),
}
_GZIP = b"\x1f\x8b\x08"
_FLAGS, _FCOMMENT = 3, b"\x10"
HEAD_SIZE = MAX_HEADER + max(map(len, _MARKS.values()))  # bytes in which a mark ends


def add_mark(coding: Coding, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Insert the mark into a stream from ``Coding.encode``."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= MAX_HEADER:
            break
    size = _header_size(coding, head)
    header, data = head[:size], head[size:]
    if coding.name == "gzip":
        header = header[:_FLAGS] + _FCOMMENT + header[_FLAGS + 1 :]
    yield header + _MARKS[coding.name] + data
    yield from blocks


def has_mark(coding: Coding, head: bytes) -> bool:
    """Return whether a stream is ours, by its first ``HEAD_SIZE`` bytes."""
    if coding.name == "gzip" and not head.startswith(_GZIP + _FCOMMENT):
        return False
    return head.startswith(_MARKS[coding.name], _header_size(coding, head))


def _header_size(coding: Coding, head: bytes) -> int:
    if coding.name == "gzip":
        return 10  # ours has no optional fields
    if coding.name == "br":
        return 2  # the size of the window, and padding
    frame = zstd_frame(head)
    return frame.header_size if frame else len(head) + 1
