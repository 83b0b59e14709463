"""How front servers treat a response that names a file in a header field.

These tests use a minimal app, to check the behaviour of the servers that ``offload`` relies on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import age
from tests.connection import Connection
from tests.servers.front_servers import NGINX, FrontServer, serve_behind

pytestmark = pytest.mark.servers

NAMES = ("plain.txt", "a b.txt", "50%.txt", "%41.txt", "q?x=1.txt", "h#h.txt", "é€.txt", "a+b.txt",
         'a;b&c".txt', "sub é/x.txt")  # fmt: skip
BIG = bytes(range(256)) * 400
HEADERS = [
    ("ETag", '"ours"'),
    ("Last-Modified", "Tue, 01 Jan 2019 00:00:00 GMT"),
    ("Content-Type", "text/x-ours"),
    ("Cache-Control", "max-age=7"),
    ("Vary", "Accept-Encoding"),
    ("X-Content-Type-Options", "nosniff"),
    ("Access-Control-Allow-Origin", "*"),
]


class OffloadingApp:
    """An app that names the requested file, or responds with 304 or 404."""

    def __init__(self, front: FrontServer, directory: Path, coding: str = "") -> None:
        self._front = front
        self._directory = directory
        self._headers = HEADERS + ([("Content-Encoding", coding)] if coding else [])

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        name = environ["PATH_INFO"].encode("latin-1").decode().removeprefix("/")
        if environ.get("HTTP_IF_NONE_MATCH") == '"ours"':
            start_response("304 Not Modified", HEADERS[:1])
        elif not (self._directory / name).is_file():
            start_response("404 Not Found", [("Content-Length", "0")])
        else:
            value = self._front.value(self._directory, name)
            headers = [(self._front.header, value), ("Content-Length", "0"), *self._headers]
            start_response("200 OK", headers)
        return [b""]


@contextmanager
def run_front(front: FrontServer, tmp_path: Path, coding: str = "") -> Iterator[Connection]:
    directory, folder = tmp_path / "files", tmp_path / "front"
    folder.mkdir()
    for name in NAMES:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"0123456789 " + name.encode())
        age(path)
    (directory / "big.bin").write_bytes(BIG)
    age(directory / "big.bin")
    app = OffloadingApp(front, directory, coding)
    with serve_behind(front, app, directory, folder) as port, Connection(port) as connection:
        yield connection


def test_file_names(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as connection:
        for name in NAMES:
            response = connection.request(quote(f"/{name}"))
            assert (response.status, response.body) == (200, b"0123456789 " + name.encode()), name
        assert connection.request("/none.txt").status == 404


def test_header_is_removed(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as connection:
        assert front.header not in connection.request("/plain.txt").headers
        # Clients cannot bypass the app either.
        assert connection.request("/internal/plain.txt").status == 404


def test_headers_of_the_app_are_kept(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as connection:
        for fields in ({}, {"Range": "bytes=2-4"}):
            response = connection.request("/plain.txt", **fields)
            assert {name: response.headers.get(name) for name, _ in HEADERS} == dict(HEADERS)


def test_front_server_handles_ranges(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as connection:
        single = connection.request("/big.bin", Range="bytes=-5")
        assert (single.status, single.body) == (206, BIG[-5:])
        assert single.headers["Content-Range"] == f"bytes {len(BIG) - 5}-{len(BIG) - 1}/{len(BIG)}"
        parts = connection.request("/big.bin", Range="bytes=0-1,50000-50002")
        assert parts.status == 206
        assert parts.headers["Content-Type"].startswith("multipart/byteranges")
        for start, stop in ((0, 2), (50000, 50003)):
            assert b"\r\n\r\n" + BIG[start:stop] + b"\r\n--" in parts.body
        for tag, status in (('"ours"', 206), ('"other"', 200)):
            response = connection.request("/big.bin", Range="bytes=2-4", If_Range=tag)
            assert response.status == status, tag
        connection.send("/big.bin", Range="bytes=200000-", Connection="close")
        assert connection.read_head().status == 416


def test_app_handles_if_none_match(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as connection:
        response = connection.request("/plain.txt", If_None_Match='"ours"')
        assert (response.status, response.headers["ETag"]) == (304, '"ours"')
        assert connection.request("/plain.txt", If_None_Match='"other"').status == 200


def test_head(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as connection:
        response = connection.request("/plain.txt", "HEAD")
        assert (response.status, response.headers["Content-Length"]) == (200, "20")
        assert connection.request("/plain.txt").body == b"0123456789 plain.txt"


def test_if_match(front: FrontServer, tmp_path: Path) -> None:
    # nginx compares with its own ETag, so offload must not leave If-Match to it.
    with run_front(front, tmp_path) as connection:
        response = connection.request("/plain.txt", If_Match='"ours"')
        assert response.status == (412 if front is NGINX else 200)


def test_content_coding(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path, coding="gzip") as connection:
        response = connection.request("/plain.txt")
        assert (response.headers.get("Content-Encoding") == "gzip") is front.keeps_coding
