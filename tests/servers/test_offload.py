"""``offload`` behind front servers that use the documented configurations."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import age
from tests.connection import Connection, Response
from tests.servers.front_servers import INTERNAL, LIGHTTPD, NGINX, FrontServer, serve_behind
from tests.servers.processes import serve_in_thread
from wsgistatic import CROSS_ORIGIN_ISOLATION, StaticFiles, untrusted_uploads

pytestmark = pytest.mark.servers

NAMES = ("plain.txt", "a b.txt", "50%.txt", "%41.txt", "q?x=1.txt", "h#h.txt", "é€.txt", "a+b.txt",
         "a;b&c\".txt", "sub é/deeper %/x.txt", "sub/index.html")  # fmt: skip
BIG = bytes(range(256)) * 4000  # not kept in memory
SCRIPT = b"let answer = 42;\n" * 1000
CODED = gzip.compress(SCRIPT, mtime=0)


class RecordingApp:
    """Middleware that records the responses of the app to the front server."""

    def __init__(self, app: StaticFiles) -> None:
        self.responses: list[tuple[str, dict[str, str]]] = []
        self._app = app

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            self.responses.append((status[:3], dict(headers)))
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
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "page.html": b"<!doctype html>",
    }
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        age(path)


@contextmanager
def run_front(
    front: FrontServer, tmp_path: Path, lines: str = "", **options: Any
) -> Iterator[tuple[Connection, RecordingApp]]:
    directory, folder = tmp_path / "files", tmp_path / "front"
    folder.mkdir()
    site(directory)
    # The options that the documentation recommends.
    header, place = {
        "nginx": ("X-Accel-Redirect", INTERNAL),
        "lighttpd": ("X-LIGHTTPD-send-file", str(directory)),
        "Apache": ("X-Sendfile", str(directory)),
    }[front.name]
    options = {"allow_origin": "*", **options}
    app = RecordingApp(
        StaticFiles(None, directory, prefix="/static/", offload=(header, place), **options)
    )
    with serve_behind(front, app, directory, folder, lines) as port, Connection(port) as connection:
        yield connection, app


def is_offloaded(app: RecordingApp) -> bool:
    """Return whether the last response of the app named a file for the front server."""
    return bool({"X-Accel-Redirect", "X-Sendfile"} & app.responses[-1][1].keys())


def test_file_names(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as (connection, app):
        for name in NAMES:
            for _ in range(2):  # uncached, then cached
                response = connection.request(quote(f"/static/{name}"))
                # An unescaped percent sign could be taken for an escape sequence.
                assert is_offloaded(app) == (front.escapes or "%" not in name)
                assert (response.status, response.body) == (200, b"0123456789 " + name.encode())
                assert not any(key.lower().startswith("x-") and "file" in key.lower()
                               for key in response.headers)  # fmt: skip
        index = connection.request("/static/sub/")
        assert index.body == b"0123456789 sub/index.html"
        empty = connection.request("/static/empty.txt")
        assert (empty.status, empty.headers["Content-Length"]) == (200, "0")


def test_headers_of_the_app_are_kept(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as (connection, app):
        for fields in ({}, {"Range": "bytes=1000-1999"}):
            response = connection.request("/static/big.bin", **fields)
            assert is_offloaded(app)
            headers = app.responses[-1][1]
            for name in ("ETag", "Last-Modified", "Content-Type", "Cache-Control",
                         "X-Content-Type-Options", "Access-Control-Allow-Origin",
                         "Access-Control-Expose-Headers"):  # fmt: skip
                assert response.headers[name] == headers[name], name


PRESETS: dict[str, dict[str, Any]] = {
    "none": {},
    "origins": {"allow_origin": "https://a.example", "etag": "content"},
    "uploads": {"headers": untrusted_uploads(), "encodings": ()},
    "attachments": {"headers": untrusted_uploads(attachment=True), "encodings": ()},
    "isolation": {"headers": CROSS_ORIGIN_ISOLATION},
    "own field": {"headers": {"X-Robots-Tag": "noindex"}},
}
PRESET_FIELDS = ("Content-Security-Policy", *CROSS_ORIGIN_ISOLATION)
OF_CONNECTION = {"connection", "date", "keep-alive", "server", "transfer-encoding", "via"}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("passed", [(), PRESET_FIELDS])
def test_headers_are_those_without_a_front_server(
    front: FrontServer, tmp_path: Path, preset: str, passed: tuple[str, ...]
) -> None:
    options = PRESETS[preset]
    with run_front(front, tmp_path, offload_headers=passed, **options) as (connection, app):
        directory = tmp_path / "files"
        options = {"allow_origin": "*", **options}
        if not front.keeps_coding:
            options["encodings"] = ()
        alone = StaticFiles(None, directory, prefix="/static/", **options)
        with serve_in_thread(alone) as port, Connection(port) as direct:
            for name in ("drawing.svg", "page.html", "app.js", "big.bin"):
                tag = direct.request(f"/static/{name}").headers["ETag"]
                for method, fields in (
                    ("GET", {}),
                    ("GET", {"Accept_Encoding": "gzip", "Want_Repr_Digest": "sha-256=1"}),
                    ("GET", {"Range": "bytes=0-3"}),
                    ("GET", {"Range": "bytes=99999999-"}),
                    ("GET", {"Range": "bytes=0-3", "If_Range": '"other"'}),
                    ("GET", {"If_None_Match": tag}),
                    ("GET", {"If_Match": '"other"'}),
                    ("GET", {"If_Match": tag}),
                    ("HEAD", {}),
                ):
                    expected = direct.request(f"/static/{name}", method, **fields)
                    result = connection.request(f"/static/{name}", method, **fields)
                    assert (result.status, result.body) == (expected.status, expected.body)
                    assert described(result) == described(expected), (name, fields)
            connection.request("/static/page.html")
            dropped = front is NGINX and (
                preset == "own field" or (not passed and preset not in ("none", "origins"))
            )
            assert is_offloaded(app) is not dropped


def described(response: Response) -> dict[str, str]:
    # nginx sends no Accept-Ranges in a 206 response, where Content-Range says the same.
    ignored = OF_CONNECTION | ({"accept-ranges"} if response.status == 206 else set())
    return {k: v for k, v in response.headers.items() if k not in ignored}


def test_headers_are_not_duplicated(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as (connection, _):
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


def test_front_server_handles_ranges_with_our_validators(
    front: FrontServer, tmp_path: Path
) -> None:
    with run_front(front, tmp_path) as (connection, app):
        whole = connection.request("/static/big.bin")
        assert whole.body == BIG
        tag, date = whole.headers["ETag"], whole.headers["Last-Modified"]
        ranged = connection.request("/static/big.bin", Range="bytes=-5")
        assert is_offloaded(app)
        assert (ranged.status, ranged.body) == (206, BIG[-5:])
        assert ranged.headers["Content-Range"] == f"bytes {len(BIG) - 5}-{len(BIG) - 1}/{len(BIG)}"
        parts = connection.request("/static/big.bin", Range="bytes=0-1,50000-50002")
        assert parts.status == 206
        assert b"\r\n\r\n" + BIG[50000:50003] + b"\r\n--" in parts.body
        for condition, status in ((tag, 206), ('"other"', 200), (f"W/{tag}", 200), (date, 206)):
            response = connection.request("/static/big.bin", Range="bytes=2-4", If_Range=condition)
            assert (response.status, response.body) == (status, BIG[2:5] if status == 206 else BIG)
        connection.send("/static/big.bin", Range=f"bytes={len(BIG)}-", Connection="close")
        assert connection.read_head().status == 416


def test_app_handles_preconditions(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as (connection, _):
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
            response = connection.request("/static/big.bin", **fields)
            assert response.status == status, fields
            assert response.headers["ETag"] == tag
            assert response.body == {200: BIG, 206: BIG[7:10]}.get(status, b"")


def test_codings(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as (connection, app):
        own = connection.request("/static/app.js")
        assert own.body == SCRIPT
        coded = connection.request("/static/app.js", Accept_Encoding="gzip")
        assert is_offloaded(app)
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
        if front is LIGHTTPD:  # which ignores Range for responses with a Content-Encoding
            assert (part.status, part.body) == (200, CODED)
        else:
            assert (part.status, part.body) == (206, CODED[3:9])
        again = connection.request(
            "/static/app.js", Accept_Encoding="gzip", If_None_Match=coded.headers["ETag"]
        )
        assert again.status == 304


def test_nginx_does_not_compress_compressed_copies_again(tmp_path: Path) -> None:
    compressing = "gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1;"
    with run_front(NGINX, tmp_path, compressing) as (connection, app):
        coded = connection.request("/static/app.js", Accept_Encoding="gzip")
        assert is_offloaded(app)
        assert (coded.headers["Content-Encoding"], coded.body) == ("gzip", CODED)
        part = connection.request("/static/big.bin", Accept_Encoding="gzip", Range="bytes=0-999")
        assert (part.status, part.body) == (206, BIG[:1000])
        coded = connection.request("/static/app.js", Accept_Encoding="gzip", If_Match="*")
        assert not is_offloaded(app)  # so that nginx only passes the response on
        assert (coded.headers["Content-Encoding"], coded.body) == ("gzip", CODED)


def test_other_responses_are_not_offloaded(front: FrontServer, tmp_path: Path) -> None:
    with run_front(front, tmp_path) as (connection, app):
        head = connection.request("/static/big.bin", "HEAD")
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(BIG)))
        redirect = connection.request("/static/sub?q=1")
        assert (redirect.status, redirect.headers["Location"]) == (301, "sub/?q=1")
        for target in ("/static/none.txt", "/static/.env", "/static/plain.txt/", "/plain.txt"):
            response = connection.request(target)
            assert response.status == 404, target
            assert response.headers["Cache-Control"] == "no-store"
        assert connection.request("/static/big.bin", "POST", Content_Length="0").status == 405
        assert not any(status != "200" and any("file" in name.lower() for name in headers)
                       for status, headers in app.responses)  # fmt: skip


def test_clients_cannot_bypass_the_app(front: FrontServer, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("canary")
    with run_front(front, tmp_path) as (connection, _):
        for target in (
            "/internal/plain.txt", "/internal/.env", "/internal/../secret.txt",
            "/internal/%2e%2e/secret.txt", "/internal../secret.txt",
            "/static/%2e%2e/secret.txt", "/static/..%2fsecret.txt", "/secret.txt",
            "/front/nginx.conf", f"{tmp_path}/secret.txt",
        ):  # fmt: skip
            response = connection.request(target)
            assert response.status in (400, 404), target
            assert b"canary" not in response.body
        if front is NGINX:  # only the app may name files below /internal/
            connection.send("/internal/plain.txt", Connection="close",
                            X_Accel_Redirect="/internal/plain.txt")  # fmt: skip
            assert connection.read_head().status == 404
