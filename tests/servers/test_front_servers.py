"""What the front servers make of the header that hands a file to them.

A hand-written app says what they do by themselves; it is the ground that ``offload`` stands on.
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
from tests.servers.fronts import NGINX, Front, behind

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


class HandsOver:
    """An app that names the file of each request, and knows 304 and 404."""

    def __init__(self, front: Front, directory: Path, coding: str = "") -> None:
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
def handing_over(front: Front, tmp_path: Path, coding: str = "") -> Iterator[Connection]:
    directory, folder = tmp_path / "files", tmp_path / "front"
    folder.mkdir()
    for name in NAMES:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"0123456789 " + name.encode())
        age(path)
    (directory / "big.bin").write_bytes(BIG)
    age(directory / "big.bin")
    app = HandsOver(front, directory, coding)
    with behind(front, app, directory, folder) as port, Connection(port) as connection:
        yield connection


def test_every_name_arrives(front: Front, tmp_path: Path) -> None:
    with handing_over(front, tmp_path) as connection:
        for name in NAMES:
            response = connection.request(quote(f"/{name}"))
            assert (response.status, response.body) == (200, b"0123456789 " + name.encode()), name
        assert connection.request("/none.txt").status == 404


def test_the_header_itself_stays_inside(front: Front, tmp_path: Path) -> None:
    with handing_over(front, tmp_path) as connection:
        assert front.header not in connection.request("/plain.txt").headers
        # Nor is there a way to the files past the app.
        assert connection.request("/internal/plain.txt").status == 404


def test_our_headers_arrive(front: Front, tmp_path: Path) -> None:
    with handing_over(front, tmp_path) as connection:
        for fields in ({}, {"Range": "bytes=2-4"}):
            answer = connection.request("/plain.txt", **fields)
            assert {name: answer.headers.get(name) for name, _ in HEADERS} == dict(HEADERS)


def test_the_front_does_the_ranges(front: Front, tmp_path: Path) -> None:
    with handing_over(front, tmp_path) as connection:
        single = connection.request("/big.bin", Range="bytes=-5")
        assert (single.status, single.body) == (206, BIG[-5:])
        assert single.headers["Content-Range"] == f"bytes {len(BIG) - 5}-{len(BIG) - 1}/{len(BIG)}"
        parts = connection.request("/big.bin", Range="bytes=0-1,50000-50002")
        assert parts.status == 206
        assert parts.headers["Content-Type"].startswith("multipart/byteranges")
        for start, stop in ((0, 2), (50000, 50003)):
            assert b"\r\n\r\n" + BIG[start:stop] + b"\r\n--" in parts.body
        for tag, status in (('"ours"', 206), ('"other"', 200)):
            answer = connection.request("/big.bin", Range="bytes=2-4", If_Range=tag)
            assert answer.status == status, tag
        connection.send("/big.bin", Range="bytes=200000-", Connection="close")
        assert connection.read_head().status == 416


def test_not_modified_is_ours(front: Front, tmp_path: Path) -> None:
    with handing_over(front, tmp_path) as connection:
        answer = connection.request("/plain.txt", If_None_Match='"ours"')
        assert (answer.status, answer.headers["ETag"]) == (304, '"ours"')
        assert connection.request("/plain.txt", If_None_Match='"other"').status == 200


def test_head(front: Front, tmp_path: Path) -> None:
    with handing_over(front, tmp_path) as connection:
        answer = connection.request("/plain.txt", "HEAD")
        assert (answer.status, answer.headers["Content-Length"]) == (200, "20")
        assert connection.request("/plain.txt").body == b"0123456789 plain.txt"


def test_if_match(front: Front, tmp_path: Path) -> None:
    # nginx compares with a tag of its own, or with none: what passed us must not go to it.
    with handing_over(front, tmp_path) as connection:
        answer = connection.request("/plain.txt", If_Match='"ours"')
        assert answer.status == (412 if front is NGINX else 200)


def test_content_coding(front: Front, tmp_path: Path) -> None:
    with handing_over(front, tmp_path, coding="gzip") as connection:
        answer = connection.request("/plain.txt")
        assert (answer.headers.get("Content-Encoding") == "gzip") is front.keeps_coding
