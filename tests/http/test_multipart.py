"""multipart/byteranges (RFC 9110 14.6, RFC 2046 5.1), read back by a strict parser."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import examples
from wsgistatic.http.ranges import ByteRange, Multipart, merge_ranges

Part = tuple[dict[str, str], bytes]

# RFC 2046 5.1.1: the bchars that need no quotes in a parameter (RFC 9110 5.6.6).
UNQUOTED = "'+_-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def body_of(multipart: Multipart, data: bytes) -> bytes:
    """Join framing and content as a server would send them."""
    parts = zip(multipart.heads, multipart.ranges, strict=True)
    return b"".join(head + data[start:stop] for head, (start, stop) in parts) + multipart.tail


def parse(content_type: str, body: bytes) -> list[Part]:
    """Parse a multipart body line by line, and reject any deviation.

    multipart-body = [preamble CRLF] dash-boundary CRLF body-part *encapsulation close-delimiter
    [CRLF epilogue]. Here preamble and epilogue are empty.
    """
    media_type, semicolon, parameter = content_type.partition("; ")
    assert (media_type, semicolon) == ("multipart/byteranges", "; ")
    name, equals, boundary = parameter.partition("=")
    assert (name, equals) == ("boundary", "=")
    assert 1 <= len(boundary) <= 70
    assert set(boundary) <= set(UNQUOTED)
    delimiter = b"\r\n--" + boundary.encode("ascii")
    assert body.startswith(delimiter + b"\r\n")
    parts: list[Part] = []
    at = len(delimiter)
    while body[at : at + 2] != b"--":
        assert body[at : at + 2] == b"\r\n"
        at += 2
        fields: dict[str, str] = {}
        while body[at : at + 2] != b"\r\n":
            end = body.index(b"\r\n", at)
            field, colon, value = body[at:end].decode("latin-1").partition(": ")
            assert colon
            assert re.fullmatch("[A-Za-z-]+", field)
            assert "\n" not in value
            assert field.lower() not in fields
            fields[field.lower()] = value
            at = end + 2
        at += 2
        end = body.index(delimiter, at)
        parts.append((fields, body[at:end]))
        at = end + len(delimiter)
    assert body[at:] == b"--\r\n"
    return parts


# ---- examples ----------------------------------------------------------------------------------


def test_example_of_the_rfc() -> None:
    """14.6 and 15.3.7.2: two parts of a representation of 8000 bytes."""
    data = bytes(range(250)) * 32
    ranges = [(500, 1000), (7000, 8000)]
    multipart = Multipart(ranges, 8000, "application/pdf", boundary="THIS_STRING_SEPARATES")
    assert multipart.boundary == "THIS_STRING_SEPARATES"
    assert multipart.content_type == "multipart/byteranges; boundary=THIS_STRING_SEPARATES"
    assert multipart.ranges == ((500, 1000), (7000, 8000))
    body = (
        b"\r\n--THIS_STRING_SEPARATES\r\n"
        b"Content-Type: application/pdf\r\n"
        b"Content-Range: bytes 500-999/8000\r\n"
        b"\r\n" + data[500:1000] + b"\r\n--THIS_STRING_SEPARATES\r\n"
        b"Content-Type: application/pdf\r\n"
        b"Content-Range: bytes 7000-7999/8000\r\n"
        b"\r\n" + data[7000:] + b"\r\n--THIS_STRING_SEPARATES--\r\n"
    )
    assert body_of(multipart, data) == body
    assert multipart.content_length == len(body)


@pytest.mark.parametrize(
    ("ranges", "limit"),
    [
        ([(6626812, 6627961), (6785258, 6786140)], 2305),
        ([(6636108, 6636168), (194633, 202576)], 8392),
    ],
)
def test_historical_lengths(ranges: list[ByteRange], limit: int) -> None:
    """The responses to ``HISTORICAL`` in test_ranges.py had these lengths; ours are no longer."""
    multipart = Multipart(ranges, 6786140, "application/pdf")
    content = sum(stop - start for start, stop in ranges)
    assert content < multipart.content_length <= limit


def test_spelling_that_clients_expect() -> None:
    """GDAL expects exactly this Content-Type, zsync a CRLF before the first boundary."""
    multipart = Multipart([(0, 1), (2, 3)], 9, "text/plain; charset=utf-8")
    assert multipart.content_type == f"multipart/byteranges; boundary={multipart.boundary}"
    assert multipart.heads[0].startswith(b"\r\n--")
    for head in multipart.heads:
        assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in head
        assert b"\r\nContent-Range: bytes " in head


@pytest.mark.parametrize("boundary", [None, ""])
def test_random_boundary(boundary: str | None) -> None:
    """Boundaries are unique, have at least 96 random bits, and need no quotes."""
    boundaries = [Multipart([], 0, "text/plain", boundary).boundary for _ in range(500)]
    assert len(set(boundaries)) == 500
    for text in boundaries:
        assert re.fullmatch("[0-9a-f]{24,70}", text)


@pytest.mark.parametrize("ranges", [[], [(0, 1)]])
def test_fewer_than_two_parts(ranges: list[ByteRange]) -> None:
    """``plan_ranges`` does not create them, but the arithmetic holds."""
    multipart = Multipart(ranges, 5, "text/plain", "b")
    assert multipart.content_length == len(body_of(multipart, b"abcde"))


def test_sizes_beyond_64_bits() -> None:
    ranges = [(0, 2**64), (2**65, 2**70)]
    multipart = Multipart(ranges, 2**70, "video/mp4", "b")
    frame = sum(map(len, multipart.heads)) + len(multipart.tail)
    assert multipart.content_length == frame + 2**64 + 2**70 - 2**65
    assert f"bytes {2**65}-{2**70 - 1}/{2**70}\r\n\r\n".encode() in multipart.heads[1]


def test_many_parts() -> None:
    ranges = [(2 * n, 2 * n + 1) for n in range(100_000)]
    multipart = Multipart(ranges, 200_000, "text/plain", "b")
    assert len(multipart.heads) == 100_000
    assert multipart.content_length == len(body_of(multipart, bytes(200_000)))


def test_content_may_resemble_the_delimiter() -> None:
    """Content that nearly equals the delimiter is content (RFC 2046 5.1.1)."""
    data = b"\r\n--bound\r\n--\r\n\r\n--boundar\r\n\r\n--"
    multipart = Multipart([(0, 10), (12, len(data))], len(data), "text/plain", "boundary")
    contents = [content for _, content in parse(multipart.content_type, body_of(multipart, data))]
    assert contents == [data[:10], data[12:]]


# ---- any ranges of any content -----------------------------------------------------------------

CONTENT = st.lists(st.sampled_from([b"\r\n", b"--", b"-", b"\n", b"\0", b"\xff", b"text: "]))
TYPES = st.sampled_from(
    ["text/html; charset=utf-8", "application/pdf", 'text/x; a="b c"', "image/svg+xml"]
)


@given(CONTENT.map(b"".join), st.data(), TYPES, st.none() | st.text(UNQUOTED, min_size=20))
@settings(deadline=None, max_examples=examples(300))
def test_any_body_is_read_back(
    data: bytes, draw: st.DataObject, kind: str, boundary: str | None
) -> None:
    size = len(data)
    positions = st.integers(0, max(size - 1, 0))
    requested = draw.draw(st.lists(st.tuples(positions, positions), max_size=8 if size else 0))
    ranges = merge_ranges((min(pair), max(pair) + 1) for pair in requested)
    multipart = Multipart(ranges, size, kind, boundary and boundary[:70])
    body = body_of(multipart, data)
    assert len(body) == multipart.content_length
    if not ranges:
        return
    assert parse(multipart.content_type, body) == [
        (
            {"content-type": kind, "content-range": f"bytes {start}-{stop - 1}/{size}"},
            data[start:stop],
        )
        for start, stop in ranges
    ]
