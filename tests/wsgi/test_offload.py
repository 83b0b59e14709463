"""The option ``offload``: the front server sends the file."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call
from tests.conftest import age, settle
from wsgistatic import StaticFiles

NGINX = ("X-Accel-Redirect", "/internal/")


def ask(site: Path, path: str, option: Any = NGINX, **extra: str) -> Response:
    app = StaticFiles(None, site, prefix="/static", offload=option)
    first = call(app, path, **extra)
    again = call(app, path, **extra)  # from the cache
    assert (again.status, again.headers, again.body) == (first.status, first.headers, first.body)
    return again


def test_the_response_names_and_describes_the_file(site: Path, open_descriptors: None) -> None:
    plain = call(StaticFiles(None, site, prefix="/static"), "/static/sub/page.html")
    for extra in ({}, {"HTTP_RANGE": "bytes=0-1"}, {"HTTP_RANGE": "bytes=1-,0-0"}):
        result = ask(site, "/static/sub/page.html", **extra)
        assert (result.status, result.body) == (200, b"")
        assert result.headers.pop("X-Accel-Redirect") == "/internal/sub/page.html"
        expected = {**plain.headers, "Content-Length": "0"}
        del expected["Accept-Ranges"]
        assert result.headers == expected


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("a b.txt", "a%20b.txt"),
        ("50%.txt", "50%25.txt"),
        pytest.param("q?x#y.txt", "q%3Fx%23y.txt", marks=pytest.mark.free_names),
        ("\u20ac.txt", "%E2%82%AC.txt"),
        pytest.param("line\nfeed.txt", "line%0Afeed.txt", marks=pytest.mark.free_names),
        pytest.param("blank ", "blank%20", marks=pytest.mark.free_names),
        pytest.param("\udcff.txt", "%FF.txt", marks=pytest.mark.byte_names),
    ],
)
def test_names_are_quoted_only_for_front_servers_that_decode_them(
    site: Path, name: str, quoted: str
) -> None:
    (site / name).write_bytes(b"x")
    age(site / name)
    wire = os.fsencode(name).decode("latin-1")
    for option, sent in (
        (NGINX, "X-Accel-Redirect"),
        (("X-LIGHTTPD-send-file", "/internal"), "X-Sendfile"),
    ):
        result = ask(site, "/", option, PATH_INFO=f"/static/{wire}")
        assert result.headers[sent] == f"/internal/{quoted}"
    result = ask(site, "/", ("X-Sendfile", "/srv/files"), PATH_INFO=f"/static/{wire}")
    if name in ("line\nfeed.txt", "50%.txt", "blank "):  # read differently from version to version
        assert (result.body, "X-Sendfile" in result.headers) == (b"x", False)
    else:
        assert result.headers["X-Sendfile"] == f"/srv/files/{wire}"


def test_the_name_of_the_root_does_not_matter(tmp_path: Path) -> None:
    root = tmp_path / "100 %"
    root.mkdir()
    (root / "hello.txt").write_bytes(b"hello")
    app = StaticFiles(None, root, offload=("X-Sendfile", "/srv/files"))
    assert call(app, "/hello.txt").headers["X-Sendfile"] == "/srv/files/hello.txt"


@pytest.mark.parametrize("end", ["", "/", "//", "/sub/..", "/."])
def test_the_spelling_of_the_root_does_not_matter(site: Path, end: str) -> None:
    app = StaticFiles(None, f"{site}{end}", offload=NGINX)
    assert call(app, "/hello.txt").headers["X-Accel-Redirect"] == "/internal/hello.txt"


def test_accept_ranges_is_left_to_nginx(site: Path) -> None:
    # nginx adds the field itself; lighttpd and Apache keep ours.
    for option, offered in ((NGINX, False), (("X-LIGHTTPD-send-file", "/s"), True),
                            (("X-Sendfile", "/s"), True)):  # fmt: skip
        headers = ask(site, "/static/hello.txt", option).headers
        assert ("Accept-Ranges" in headers) is offered


def test_responses_that_are_not_offloaded(site: Path) -> None:
    headers = ask(site, "/static/hello.txt").headers
    tag, date = headers["ETag"], headers["Last-Modified"]
    earlier = "Tue, 01 Jan 2019 00:00:00 GMT"
    for extra, status, body in (
        ({"HTTP_IF_NONE_MATCH": tag}, 304, b""),
        ({"HTTP_IF_MATCH": '"x"'}, 412, b""),
        ({"HTTP_IF_MATCH": tag}, 200, b"hello world\n"),  # nginx would compare its own tag
        ({"HTTP_IF_UNMODIFIED_SINCE": date}, 200, b"hello world\n"),
        ({"HTTP_IF_MODIFIED_SINCE": earlier}, 200, b"hello world\n"),  # nginx would compare its own
        ({"REQUEST_METHOD": "HEAD"}, 200, b""),
    ):
        result = ask(site, "/static/hello.txt", **extra)
        assert (result.status, result.body) == (status, body)
        assert "X-Accel-Redirect" not in result.headers
    assert ask(site, "/static/hello.txt", REQUEST_METHOD="HEAD").headers["Content-Length"] == "12"
    later = "Fri, 31 Dec 2100 00:00:00 GMT"
    for extra, status in (
        # The front server would evaluate these again, and some read the field differently.
        ({"HTTP_IF_MODIFIED_SINCE": "Tue, 01 Jan 2019 00:00:00 GMT"}, 200),
        ({"HTTP_IF_NONE_MATCH": tag, "HTTP_IF_MODIFIED_SINCE": later}, 304),
        ({"HTTP_RANGE": "bytes=99-"}, 416),
        ({"HTTP_RANGE": "bytes=0-1x"}, 200),
        ({"HTTP_RANGE": "bytes=0-1", "HTTP_IF_RANGE": '"other"'}, 200),
    ):
        result = ask(site, "/static/hello.txt", **extra)
        assert (result.status, "X-Accel-Redirect" in result.headers) == (status, False)
    for extra in (
        {"HTTP_IF_NONE_MATCH": '"x"', "HTTP_IF_MODIFIED_SINCE": date},
        {"HTTP_RANGE": "bytes=0-1", "HTTP_IF_RANGE": tag},
    ):
        assert "X-Accel-Redirect" in ask(site, "/static/hello.txt", **extra).headers
    assert ask(site, "/static/nope").status == 404
    assert ask(site, "/static/sub").status == 301


def test_codings_go_only_to_front_servers_that_keep_content_encoding(site: Path) -> None:
    (site / "hello.txt.gz").write_bytes(gzip.compress(b"hello world\n"))
    age(site / "hello.txt.gz")
    result = ask(site, "/static/hello.txt", HTTP_ACCEPT_ENCODING="gzip")
    assert result.headers["X-Accel-Redirect"] == "/internal/hello.txt.gz"
    assert result.headers["Content-Encoding"] == "gzip"
    assert result.headers["Content-Type"] == "text/plain; charset=utf-8"
    apache = ask(site, "/static/hello.txt", ("X-Sendfile", "/s/"), HTTP_ACCEPT_ENCODING="gzip")
    assert apache.headers["X-Sendfile"] == "/s/hello.txt"
    assert "Content-Encoding" not in apache.headers


def test_text_compressed_in_memory_is_not_offloaded(site: Path) -> None:
    (site / "app.js").write_bytes(b"let answer = 42;\n" * 100)
    age(site / "app.js")
    time.sleep(0.03)
    app = StaticFiles(None, site, offload=NGINX, compress=True, cache_size=10**6)
    for _ in range(2):
        result = call(app, "/app.js", HTTP_ACCEPT_ENCODING="gzip")
        assert gzip.decompress(result.body) == b"let answer = 42;\n" * 100
        result = call(app, "/app.js", HTTP_ACCEPT_ENCODING="gzip", HTTP_IF_NONE_MATCH='"no"')
        assert gzip.decompress(result.body) == b"let answer = 42;\n" * 100
        part = call(app, "/app.js", HTTP_ACCEPT_ENCODING="gzip", HTTP_RANGE="bytes=0-1")
        assert part.headers["X-Accel-Redirect"] == "/internal/app.js"


def test_a_slash_at_the_end_of_the_root_does_not_matter(site: Path) -> None:
    app = StaticFiles(None, f"{site}/", offload=NGINX)
    assert call(app, "/hello.txt").headers["X-Accel-Redirect"] == "/internal/hello.txt"


def test_a_range_of_a_recent_version_is_not_offloaded(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its part needs another Cache-Control, and nginx takes an equal weak tag in If-Range.
    os.utime(site / "hello.txt")
    now = (site / "hello.txt").stat().st_ctime_ns + 1
    monkeypatch.setattr(time, "time_ns", lambda: now)
    app = StaticFiles(None, site, offload=NGINX)
    whole = call(app, "/hello.txt")
    assert whole.headers["ETag"].startswith("W/")
    assert "X-Accel-Redirect" in whole.headers
    part = call(app, "/hello.txt", HTTP_RANGE="bytes=0-1")
    assert (part.status, part.headers["Cache-Control"]) == (206, "no-cache")


def test_a_file_with_a_field_that_the_front_server_drops_is_not_offloaded(site: Path) -> None:
    headers = {"Content-Security-Policy": "sandbox", "Expires": "0"}
    for front in (NGINX, ("X-LIGHTTPD-send-file", "/s"), ("X-Sendfile", "/s")):
        app = StaticFiles(None, site, offload=front, headers=headers)
        result = [call(app, "/hello.txt") for _ in range(2)][1]  # from the cache
        assert result.headers["Content-Security-Policy"] == "sandbox"
        assert (result.body == b"hello world\n") is (front == NGINX)
    passed = ["content-security-policy"]
    app = StaticFiles(None, site, offload=NGINX, headers=headers, offload_headers=passed)
    assert "X-Accel-Redirect" in call(app, "/hello.txt").headers


def test_the_field_that_is_dropped_may_differ_between_files(site: Path) -> None:
    def set_headers(headers: Any, path: str, url: str) -> None:
        if url.endswith(".html"):
            headers["Link"] = "</a>; rel=preload"

    app = StaticFiles(None, site, offload=NGINX, headers=set_headers)
    for _ in range(2):
        assert "X-Accel-Redirect" in call(app, "/hello.txt").headers
        assert "X-Accel-Redirect" not in call(app, "/sub/page.html").headers


def test_an_offloaded_file_is_never_sent_from_memory(site: Path) -> None:
    app = StaticFiles(None, site, offload=NGINX)
    settle()
    headers = call(app, "/hello.txt", "HEAD").headers
    for _ in range(2):
        for extra in (
            {"HTTP_IF_MATCH": headers["ETag"]},
            {"HTTP_IF_MODIFIED_SINCE": "Tue, 01 Jan 2019 00:00:00 GMT"},
        ):
            result = call(app, "/hello.txt", **extra)
            assert (result.status, result.body) == (200, b"hello world\n")
            assert "X-Accel-Redirect" in call(app, "/hello.txt").headers


def test_the_digest_is_sent_with_an_offloaded_file(site: Path) -> None:
    app = StaticFiles(None, site, offload=NGINX, etag="content")
    for _ in range(2):
        result = call(app, "/hello.txt", HTTP_WANT_REPR_DIGEST="sha-256=1")
        assert "X-Accel-Redirect" in result.headers
        assert result.headers["Repr-Digest"].startswith("sha-256=:")
