"""Every kind of answer on a raw connection, and a second request on it, on every server."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from tests.conftest import OLD
from tests.servers.matrix.app import THE_APP
from tests.servers.matrix.rows import KINDS, OURS, Limit
from tests.servers.matrix.running import Running
from tests.servers.matrix.site import LARGE, MIB, SMALL, SPARSE
from tests.servers.matrix.wire import Wire

pytestmark = pytest.mark.servers


def whole(wire: Wire) -> None:
    reply = wire.ask("/files/large.bin")
    assert reply.status == 200
    assert reply.body == LARGE
    assert reply.headers["accept-ranges"] == "bytes"


def small(wire: Wire) -> None:
    reply = wire.ask("/files/small.bin")
    assert (reply.status, reply.body) == (200, SMALL)


def head(wire: Wire) -> None:
    reply = wire.ask("/files/large.bin", "HEAD")
    assert (reply.status, reply.length) == (200, len(LARGE))


def one_range(wire: Wire) -> None:
    check_range(wire, 1000, 1500)


def long_range(wire: Wire) -> None:
    check_range(wire, 1000, 2_000_001)


def check_range(wire: Wire, start: int, stop: int) -> None:
    reply = wire.ask("/files/large.bin", Range=f"bytes={start}-{stop - 1}")
    assert reply.status == 206
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(LARGE)}"
    assert reply.body == LARGE[start:stop]


def tail(wire: Wire) -> None:
    size = SPARSE["huge.bin"]
    reply = wire.ask("/files/huge.bin", Range="bytes=-100")
    assert (reply.status, reply.body) == (206, bytes(100))
    assert reply.headers["content-range"] == f"bytes {size - 100}-{size - 1}/{size}"


def multipart(wire: Wire) -> None:
    ranges = [(1000, 1_000_001), (3_000_000, 3_000_010), (1_500_000, 2_000_001)]
    value = ",".join(f"{start}-{stop - 1}" for start, stop in ranges)
    reply = wire.ask("/files/large.bin", Range=f"bytes={value}")
    assert reply.status == 206
    assert "content-range" not in reply.headers
    media_type, _, boundary = reply.headers["content-type"].partition("; boundary=")
    assert media_type == "multipart/byteranges"
    before, *parts, end = reply.body.split(f"\r\n--{boundary}".encode())
    assert (before, end) == (b"", b"--\r\n")
    for part, (start, stop) in zip(parts, ranges, strict=True):
        about, _, content = part.partition(b"\r\n\r\n")
        assert f"Content-Range: bytes {start}-{stop - 1}/{len(LARGE)}".encode() in about
        assert content == LARGE[start:stop]


def not_modified(wire: Wire) -> None:
    date = formatdate(OLD, usegmt=True)
    reply = wire.ask("/files/small.bin", If_Modified_Since=date)
    assert (reply.status, reply.body) == (304, b"")
    assert "etag" in reply.headers
    assert "content-length" not in reply.headers


def unsatisfiable(wire: Wire) -> None:
    reply = wire.ask("/files/large.bin", Range="bytes=9000000-")
    assert (reply.status, reply.body) == (416, b"")
    assert reply.headers["content-range"] == f"bytes */{len(LARGE)}"


def redirect(wire: Wire) -> None:
    reply = wire.ask("/files/sub?query")
    assert (reply.status, reply.body) == (301, b"")
    assert reply.headers["location"] == "/files/sub/?query"


def miss(wire: Wire) -> None:
    reply = wire.ask("/files/nothing")
    assert (reply.status, reply.body) == (200, THE_APP)


CHECKS: dict[str, Callable[[Wire], None]] = {
    "whole": whole,
    "small": small,
    "head": head,
    "range": one_range,
    "long range": long_range,
    "tail": tail,
    "multipart": multipart,
    "304": not_modified,
    "416": unsatisfiable,
    "redirect": redirect,
    "miss": miss,
}


@pytest.mark.parametrize("kind", KINDS)
def test_answer_and_the_next_request(server: Running, kind: str) -> None:
    for _ in range(2):  # the first time it is looked up, then it is known
        with server.connect() as wire:
            CHECKS[kind](wire)
            wire.expect_next(kind in server.row.closes)


def test_the_end_of_a_huge_file_costs_neither_time_nor_memory(server: Running) -> None:
    memory, started = server.peak_memory(), time.monotonic()
    with server.connect() as wire:
        tail(wire)
    assert time.monotonic() - started < 5
    assert server.peak_memory() - memory < 32 * MIB


def test_head_of_an_empty_file(server: Running) -> None:
    with server.connect() as wire:
        reply = wire.ask("/files/empty.bin", "HEAD")
        assert reply.status == 200
        assert ("content-length" not in reply.headers) == (Limit.HIDES_ZERO in server.row.limits)
        wire.expect_next("head" in server.row.closes)


def test_a_range_header_of_4_kb(server: Running) -> None:
    starts = range(10**9, 10**9 + 200_000, 1000)
    value = ",".join(f"{start}-{start + 5}" for start in starts)
    with server.connect() as wire:
        wire.send("/files/huge.bin", Range=f"bytes={value}")
        if Limit.SHORT_HEADERS in server.row.limits:
            assert wire.read_some() == b""
        else:
            reply = wire.head()
            assert reply.status == 206
            assert wire.read(reply.length).count(b"Content-Range: bytes ") == 200


def test_a_path_that_is_not_ours_gets_to_the_app(server: Running) -> None:
    with server.connect() as wire:
        wire.send("/static/nothing")
        status = wire.head().status
    assert status == (404 if Limit.TAKES_STATIC in server.row.limits else 200)


def test_body(server: Running) -> None:
    def body_type(path: str, query: str, method: str = "GET", **headers: str) -> str:
        with server.connect() as wire:
            wire.ask(f"/files/{path}?{query}", method, **headers)
        return server.body_type(query)

    assert body_type("large.bin", "body-whole") == server.row.body
    of_range = body_type("large.bin", "body-range", Range="bytes=1000-2000000")
    assert of_range == (server.row.body if server.row.wraps_ranges else OURS)
    of_parts = body_type("large.bin", "body-parts", Range="bytes=0-999999,2000000-2000009")
    assert of_parts == "wsgistatic.files.body.MultipartIterator"
    assert body_type("large.bin", "body-head", "HEAD") == "builtins.list"
    assert body_type("small.bin", "body-small") == "builtins.list"
