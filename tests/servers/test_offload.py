"""``offload``: the front sends the files that the app names, by the README's configurations."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import age
from tests.connection import Connection
from tests.servers.fronts import INTERNAL, LIGHTTPD, NGINX, Front, behind
from wsgistatic import StaticFiles

pytestmark = pytest.mark.servers

NAMES = ("plain.txt", "a b.txt", "50%.txt", "%41.txt", "q?x=1.txt", "h#h.txt", "é€.txt", "a+b.txt",
         "a;b&c\".txt", "sub é/deeper %/x.txt", "sub/index.html")  # fmt: skip
BIG = bytes(range(256)) * 4000  # more than is kept in memory
SCRIPT = b"let answer = 42;\n" * 1000
CODED = gzip.compress(SCRIPT, mtime=0)


class Traced:
    """Remembers what the app said to the front server."""

    def __init__(self, app: StaticFiles) -> None:
        self.answers: list[tuple[str, dict[str, str]]] = []
        self._app = app

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            self.answers.append((status[:3], dict(headers)))
            return start_response(status, headers, *exc_info)

        return self._app(environ, start)


def site(directory: Path) -> None:
    contents = {name: b"0123456789 " + name.encode() for name in NAMES}
    contents |= {
        "big.bin": BIG,
        "app.js": SCRIPT,
        "app.js.gz": CODED,
        "empty.txt": b"",
        ".env": b"x",
    }
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        age(path)


@contextmanager
def offloading(front: Front, tmp_path: Path) -> Iterator[tuple[Connection, Traced]]:
    directory, folder = tmp_path / "files", tmp_path / "front"
    folder.mkdir()
    site(directory)
    # What the README says to each.
    header, place = {
        "nginx": ("X-Accel-Redirect", INTERNAL),
        "lighttpd": ("X-LIGHTTPD-send-file", str(directory)),
        "Apache": ("X-Sendfile", str(directory)),
    }[front.name]
    app = Traced(
        StaticFiles(None, directory, prefix="/static/", offload=(header, place), allow_origin="*")
    )
    with behind(front, app, directory, folder) as port, Connection(port) as connection:
        yield connection, app


def handed_over(app: Traced) -> bool:
    """Tell whether the last answer of the app named a file to the front server."""
    return bool({"X-Accel-Redirect", "X-Sendfile"} & app.answers[-1][1].keys())


def test_every_name(front: Front, tmp_path: Path) -> None:
    with offloading(front, tmp_path) as (connection, app):
        for name in NAMES:
            for _ in range(2):  # cold, then from memory
                response = connection.request(quote(f"/static/{name}"))
                # Where nothing is escaped, a percent sign may be read as the start of an escape.
                assert handed_over(app) == (front.escapes or "%" not in name)
                assert (response.status, response.body) == (200, b"0123456789 " + name.encode())
                assert not any(key.lower().startswith("x-") and "file" in key.lower()
                               for key in response.headers)  # fmt: skip
        index = connection.request("/static/sub/")
        assert index.body == b"0123456789 sub/index.html"
        empty = connection.request("/static/empty.txt")
        assert (empty.status, empty.headers["Content-Length"]) == (200, "0")


def test_the_fields_are_ours(front: Front, tmp_path: Path) -> None:
    with offloading(front, tmp_path) as (connection, app):
        for fields in ({}, {"Range": "bytes=1000-1999"}):
            answer = connection.request("/static/big.bin", **fields)
            assert handed_over(app)
            said = app.answers[-1][1]
            for name in ("ETag", "Last-Modified", "Content-Type", "Cache-Control",
                         "X-Content-Type-Options", "Access-Control-Allow-Origin",
                         "Access-Control-Expose-Headers"):  # fmt: skip
                assert answer.headers[name] == said[name], name


def test_accept_ranges_is_said_once(front: Front, tmp_path: Path) -> None:
    with offloading(front, tmp_path) as (connection, _):
        connection.send("/static/big.bin", "HEAD")
        lines = []
        while line := connection.file.readline().strip().lower():
            lines.append(line)
        assert lines.count(b"accept-ranges: bytes") == 1
        connection.send("/static/plain.txt", Connection="close")
        lines = connection.file.read().lower().split(b"\r\n")
        for name in (b"accept-ranges", b"etag", b"last-modified", b"content-length",
                     b"content-type", b"x-content-type-options"):  # fmt: skip
            assert sum(line.startswith(name + b":") for line in lines) == 1, name


def test_ranges_are_the_fronts_by_our_validators(front: Front, tmp_path: Path) -> None:
    with offloading(front, tmp_path) as (connection, app):
        whole = connection.request("/static/big.bin")
        assert whole.body == BIG
        tag, date = whole.headers["ETag"], whole.headers["Last-Modified"]
        ranged = connection.request("/static/big.bin", Range="bytes=-5")
        assert handed_over(app)
        assert (ranged.status, ranged.body) == (206, BIG[-5:])
        assert ranged.headers["Content-Range"] == f"bytes {len(BIG) - 5}-{len(BIG) - 1}/{len(BIG)}"
        parts = connection.request("/static/big.bin", Range="bytes=0-1,50000-50002")
        assert parts.status == 206
        assert b"\r\n\r\n" + BIG[50000:50003] + b"\r\n--" in parts.body
        for condition, status in ((tag, 206), ('"other"', 200), (f"W/{tag}", 200), (date, 206)):
            answer = connection.request("/static/big.bin", Range="bytes=2-4", If_Range=condition)
            assert (answer.status, answer.body) == (status, BIG[2:5] if status == 206 else BIG)
        connection.send("/static/big.bin", Range=f"bytes={len(BIG)}-", Connection="close")
        assert connection.read_head().status == 416


def test_preconditions_are_ours(front: Front, tmp_path: Path) -> None:
    with offloading(front, tmp_path) as (connection, _):
        whole = connection.request("/static/big.bin")
        tag, date = whole.headers["ETag"], whole.headers["Last-Modified"]
        earlier = "Tue, 01 Jan 2019 00:00:00 GMT"
        for fields, status in (
            ({"If_None_Match": tag}, 304),
            ({"If_None_Match": f'W/{tag}, "x"', "Range": "bytes=0-1"}, 304),
            ({"If_None_Match": '"other"'}, 200),
            ({"If_None_Match": '"other"', "If_Modified_Since": date}, 200),
            ({"If_Modified_Since": date}, 304),
            ({"If_Modified_Since": earlier}, 200),
            ({"If_Match": '"other"'}, 412),
            ({"If_Match": tag}, 200),
            ({"If_Match": tag, "Range": "bytes=7-9"}, 206),
            ({"If_Unmodified_Since": earlier}, 412),
            ({"If_Unmodified_Since": date}, 200),
        ):
            answer = connection.request("/static/big.bin", **fields)
            assert answer.status == status, fields
            assert answer.headers["ETag"] == tag
            assert answer.body == {200: BIG, 206: BIG[7:10]}.get(status, b"")


def test_codings(front: Front, tmp_path: Path) -> None:
    with offloading(front, tmp_path) as (connection, app):
        own = connection.request("/static/app.js")
        assert own.body == SCRIPT
        coded = connection.request("/static/app.js", Accept_Encoding="gzip")
        assert handed_over(app)
        assert coded.headers["Content-Type"] == own.headers["Content-Type"]
        if not front.keeps_coding:
            assert (coded.body, coded.headers["ETag"]) == (SCRIPT, own.headers["ETag"])
            assert "Content-Encoding" not in coded.headers
            return
        assert (coded.headers["Content-Encoding"], coded.body) == ("gzip", CODED)
        assert (own.headers["Vary"], coded.headers["Vary"]) == ("Accept-Encoding",) * 2
        assert coded.headers["ETag"] != own.headers["ETag"]
        part = connection.request(
            "/static/app.js", Accept_Encoding="gzip", Range="bytes=3-8",
            If_Range=coded.headers["ETag"],
        )  # fmt: skip
        assert part.headers["Content-Encoding"] == "gzip"
        if front is LIGHTTPD:  # which leaves the ranges of coded files alone
            assert (part.status, part.body) == (200, CODED)
        else:
            assert (part.status, part.body) == (206, CODED[3:9])
        again = connection.request(
            "/static/app.js", Accept_Encoding="gzip", If_None_Match=coded.headers["ETag"]
        )
        assert again.status == 304


def test_what_is_no_file_stays_ours(front: Front, tmp_path: Path) -> None:
    with offloading(front, tmp_path) as (connection, app):
        head = connection.request("/static/big.bin", "HEAD")
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(BIG)))
        moved = connection.request("/static/sub?q=1")
        assert (moved.status, moved.headers["Location"]) == (301, "/static/sub/?q=1")
        for target in ("/static/none.txt", "/static/.env", "/static/plain.txt/", "/plain.txt"):
            answer = connection.request(target)
            assert answer.status == 404, target
            assert answer.headers["Cache-Control"] == "no-store"
        assert connection.request("/static/big.bin", "POST", Content_Length="0").status == 405
        assert not any(status != "200" and any("file" in name.lower() for name in headers)
                       for status, headers in app.answers)  # fmt: skip


def test_no_way_past_the_app(front: Front, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("canary")
    with offloading(front, tmp_path) as (connection, _):
        for target in (
            "/internal/plain.txt", "/internal/.env", "/internal/../secret.txt",
            "/internal/%2e%2e/secret.txt", "/internal../secret.txt",
            "/static/%2e%2e/secret.txt", "/static/..%2fsecret.txt", "/secret.txt",
            "/front/nginx.conf", f"{tmp_path}/secret.txt",
        ):  # fmt: skip
            answer = connection.request(target)
            assert answer.status in (400, 404), target
            assert b"canary" not in answer.body
        if front is NGINX:  # a file below /internal/ is the app's to name, not the client's
            connection.send("/internal/plain.txt", Connection="close",
                            X_Accel_Redirect="/internal/plain.txt")  # fmt: skip
            assert connection.read_head().status == 404
