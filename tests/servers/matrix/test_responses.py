"""Every kind of response, followed by another request on the connection, on every server."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from tests.conftest import OLD
from tests.servers.matrix.app import INNER_BODY
from tests.servers.matrix.connection import MatrixConnection
from tests.servers.matrix.running_server import RunningServer
from tests.servers.matrix.servers import KINDS, OURS, Limit
from tests.servers.matrix.site import LARGE, MIB, SMALL, SPARSE

pytestmark = pytest.mark.servers


def whole(connection: MatrixConnection) -> None:
    response = connection.request("/files/large.bin")
    assert response.status == 200
    assert response.body == LARGE
    assert response.headers["accept-ranges"] == "bytes"


def small(connection: MatrixConnection) -> None:
    response = connection.request("/files/small.bin")
    assert (response.status, response.body) == (200, SMALL)


def head(connection: MatrixConnection) -> None:
    response = connection.request("/files/large.bin", "HEAD")
    assert (response.status, response.length) == (200, len(LARGE))


def one_range(connection: MatrixConnection) -> None:
    check_range(connection, 1000, 1500)


def long_range(connection: MatrixConnection) -> None:
    check_range(connection, 1000, 2_000_001)


def check_range(connection: MatrixConnection, start: int, stop: int) -> None:
    response = connection.request("/files/large.bin", Range=f"bytes={start}-{stop - 1}")
    assert response.status == 206
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(LARGE)}"
    assert response.body == LARGE[start:stop]


def tail(connection: MatrixConnection) -> None:
    size = SPARSE["huge.bin"]
    response = connection.request("/files/huge.bin", Range="bytes=-100")
    assert (response.status, response.body) == (206, bytes(100))
    assert response.headers["content-range"] == f"bytes {size - 100}-{size - 1}/{size}"


def multipart(connection: MatrixConnection) -> None:
    ranges = [(1000, 1_000_001), (3_000_000, 3_000_010), (1_500_000, 2_000_001)]
    value = ",".join(f"{start}-{stop - 1}" for start, stop in ranges)
    response = connection.request("/files/large.bin", Range=f"bytes={value}")
    assert response.status == 206
    assert "content-range" not in response.headers
    media_type, _, boundary = response.headers["content-type"].partition("; boundary=")
    assert media_type == "multipart/byteranges"
    before, *parts, end = response.body.split(f"\r\n--{boundary}".encode())
    assert (before, end) == (b"", b"--\r\n")
    for part, (start, stop) in zip(parts, ranges, strict=True):
        about, _, content = part.partition(b"\r\n\r\n")
        assert f"Content-Range: bytes {start}-{stop - 1}/{len(LARGE)}".encode() in about
        assert content == LARGE[start:stop]


def not_modified(connection: MatrixConnection) -> None:
    date = formatdate(OLD, usegmt=True)
    response = connection.request("/files/small.bin", If_Modified_Since=date)
    assert (response.status, response.body) == (304, b"")
    assert "etag" in response.headers
    assert "content-length" not in response.headers


def unsatisfiable(connection: MatrixConnection) -> None:
    response = connection.request("/files/large.bin", Range="bytes=9000000-")
    assert (response.status, response.body) == (416, b"")
    assert response.headers["content-range"] == f"bytes */{len(LARGE)}"


def redirect(connection: MatrixConnection) -> None:
    response = connection.request("/files/sub?query")
    assert (response.status, response.body) == (301, b"")
    assert response.headers["location"] == "sub/?query"


def miss(connection: MatrixConnection) -> None:
    response = connection.request("/files/nothing")
    assert (response.status, response.body) == (200, INNER_BODY)


CHECKS: dict[str, Callable[[MatrixConnection], None]] = {
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
def test_response_and_next_request(server: RunningServer, kind: str) -> None:
    for _ in range(2):  # uncached, then cached
        with server.connect() as connection:
            CHECKS[kind](connection)
            connection.expect_next(kind in server.spec.closes)


def test_range_at_the_end_of_a_huge_file_is_cheap(server: RunningServer) -> None:
    memory, started = server.peak_memory(), time.monotonic()
    with server.connect() as connection:
        tail(connection)
    assert time.monotonic() - started < 5
    assert server.peak_memory() - memory < 32 * MIB


def test_head_of_an_empty_file(server: RunningServer) -> None:
    with server.connect() as connection:
        response = connection.request("/files/empty.bin", "HEAD")
        assert response.status == 200
        assert ("content-length" not in response.headers) == (
            Limit.HIDES_ZERO in server.spec.limits
        )
        connection.expect_next("head" in server.spec.closes)


def test_range_header_of_4_kb(server: RunningServer) -> None:
    starts = range(10**9, 10**9 + 200_000, 1000)
    value = ",".join(f"{start}-{start + 5}" for start in starts)
    with server.connect() as connection:
        connection.send("/files/huge.bin", Range=f"bytes={value}")
        if Limit.SHORT_HEADERS in server.spec.limits:
            assert connection.read_some() == b""
        else:
            response = connection.read_head()
            assert response.status == 206
            assert connection.read(response.length).count(b"Content-Range: bytes ") == 200


def test_other_paths_go_to_the_app(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.send("/static/nothing")
        status = connection.read_head().status
    assert status == (404 if Limit.TAKES_STATIC in server.spec.limits else 200)


def test_type_of_the_body(server: RunningServer) -> None:
    def body_type(path: str, query: str, method: str = "GET", **headers: str) -> str:
        with server.connect() as connection:
            connection.request(f"/files/{path}?{query}", method, **headers)
        return server.body_type(query)

    assert body_type("large.bin", "body-whole") == server.spec.body
    of_range = body_type("large.bin", "body-range", Range="bytes=1000-2000000")
    assert of_range == (server.spec.body if server.spec.wraps_ranges else OURS)
    of_parts = body_type("large.bin", "body-parts", Range="bytes=0-999999,2000000-2000009")
    assert of_parts == "wsgistatic.files.body.MultipartIterator"
    assert body_type("large.bin", "body-head", "HEAD") == "builtins.list"
    assert body_type("small.bin", "body-small") == "builtins.list"
