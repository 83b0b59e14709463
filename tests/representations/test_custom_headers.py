"""The option ``headers``: header fields of the user."""

from __future__ import annotations

import gzip
import logging
import os
import time
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

import pytest

from tests.client import call, call_raw, make_environ
from tests.conftest import age
from wsgistatic import FileApp, StaticFiles
from wsgistatic.representations.headers import apply_headers

TAG = '"17979cfe362a0000-c"'
# Requests for hello.txt, and the status of the response.
KINDS: list[tuple[int, dict[str, str]]] = [
    (200, {}),
    (206, {"HTTP_RANGE": "bytes=0-1"}),
    (206, {"HTTP_RANGE": "bytes=0-1,5-6"}),
    (304, {"HTTP_IF_NONE_MATCH": TAG}),
    (412, {"HTTP_IF_MATCH": '"x"'}),
    (416, {"HTTP_RANGE": "bytes=99-"}),
]


def set_field(headers: Headers, path: str, url: str) -> None:
    headers["X-Own"] = url


@pytest.mark.parametrize(("status", "extra"), KINDS)
def test_sent_with_every_response_for_a_file(
    site: Path, status: int, extra: dict[str, str]
) -> None:
    for option, value in (({"X-Own": "a, b"}, "a, b"), (set_field, "/s/hello.txt")):
        app = StaticFiles(None, site, prefix="/s", headers=option)
        for _ in range(2):
            result = call(app, "/s/hello.txt", **extra)
            assert (result.status, result.headers["X-Own"]) == (status, value)


FOR_CACHES = {
    "Cache-Control": "max-age=60",
    "CDN-Cache-Control": "max-age=3600",
    "Cloudflare-CDN-Cache-Control": "max-age=3600",
    "Surrogate-Control": "max-age=3600",
    "Edge-Control": "max-age=3600",
    "X-Accel-Expires": "3600",
    "Expires": "Thu, 01 Jan 2099 00:00:00 GMT",
}


def set_fields_for_caches(headers: Headers, path: str, url: str) -> None:
    for name, value in FOR_CACHES.items():
        headers[name] = value


@pytest.mark.parametrize("option", [FOR_CACHES, set_fields_for_caches], ids=["mapping", "function"])
def test_fields_for_caches_are_sent_only_with_what_they_may_store(site: Path, option: Any) -> None:
    (site / "404.html").write_bytes(b"missing")
    (site / "new.txt").write_bytes(b"new file")
    app = StaticFiles(None, site, headers=option, not_found="404.html", listing=True)
    for status, extra in KINDS:
        fields = call(app, "/hello.txt", **extra).headers
        expected = FOR_CACHES if status in (200, 206, 304) else {}
        assert {name: fields[name] for name in fields if name in FOR_CACHES} == expected
    for path, method, status, cache_control in (
        ("/nope", "GET", 404, "no-store"),
        ("/hello.txt", "POST", 405, "no-store"),
        ("/bare/", "GET", 200, "no-cache"),
        ("/bare", "GET", 301, "no-cache"),
    ):
        result = call(app, path, method)
        assert result.status == status
        names = {name: result.headers[name] for name in result.headers if name in FOR_CACHES}
        assert names == {"Cache-Control": cache_control}
    now = int(time.time())
    os.utime(site / "new.txt", (now, now))  # it may change unnoticed for two seconds
    for value in ("bytes=0-1", "bytes=0-1,4-5"):
        part = call(app, "/new.txt", HTTP_RANGE=value)
        assert part.status == 206
        assert {part.headers[name] for name in FOR_CACHES} == {"no-cache", "no-store", "0"}
        assert part.headers["Cache-Control"] == "no-cache"


def test_misses_of_the_wrapped_app_lose_all_fields_for_caches(site: Path) -> None:
    def missing(environ: Any, start_response: Any) -> list[bytes]:
        about = [("Content-Length", "0"), ("Content-Type", "text/plain")]
        start_response("404 Not Found", [*FOR_CACHES.items(), *about])
        return [b""]

    headers = call(StaticFiles(missing, site, no_store_misses=True), "/nope").headers
    assert {name for name in headers if name in FOR_CACHES} == {"Cache-Control"}
    assert headers["Cache-Control"] == "no-store"


def test_mapping_is_sent_with_responses_without_a_file_too(site: Path) -> None:
    app = StaticFiles(
        None,
        site,
        headers={
            "X-Own": "1",
            "Cache-Control": "private",
            "Content-Type": "a/b",
            "Content-Disposition": "attachment",
        },
    )
    for path, method, status in (("/nope", "GET", 404), ("/hello.txt", "POST", 405)):
        result = call(app, path, method)
        assert (result.status, result.headers["X-Own"]) == (status, "1")
        assert result.headers["Cache-Control"] == "no-store"
        assert result.headers["Content-Type"].startswith("text/plain")
        assert "Content-Disposition" not in result.headers
    moved = call(app, "/sub")
    assert (moved.status, moved.headers["X-Own"]) == (301, "1")
    assert call(app, "/hello.txt").headers["Content-Type"] == "a/b"


def test_custom_headers_win(site: Path) -> None:
    def own(headers: Headers, path: str, url: str) -> None:
        assert headers["content-type"] == "text/plain; charset=utf-8"
        headers["Content-Type"] = "text/x-own"
        headers["cache-control"] = "no-store"
        del headers["X-Content-Type-Options"]

    for option in (own, {"content-type": "text/x-own", "cache-control": "no-store"}):
        app = StaticFiles(None, site, headers=option, nosniff=option is own)
        result = call(app, "/hello.txt", HTTP_RANGE="bytes=0-1,5-6")
        assert b"Content-Type: text/x-own\r\n" in result.body
        result = call(app, "/hello.txt")
        assert result.headers["Content-Type"] == "text/x-own"
        assert {name.lower(): value for name, value in result.headers.items()}[
            "cache-control"
        ] == "no-store"
        assert "X-Content-Type-Options" not in result.headers


def test_removed_content_type_is_restored(site: Path) -> None:
    def remove(headers: Headers, path: str, url: str) -> None:
        del headers["Content-Type"]

    result = call(StaticFiles(None, site, headers=remove), "/hello.txt")
    assert result.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_last_of_two_content_types_is_sent(site: Path) -> None:
    def add(headers: Headers, path: str, url: str) -> None:
        headers.add_header("Content-Type", "text/x-own")

    result = call(StaticFiles(None, site, headers=add), "/hello.txt")
    assert result.headers["Content-Type"] == "text/x-own"


def test_apply_headers_does_not_modify_its_argument() -> None:
    fields = [("X-Own", "ours")]
    assert apply_headers({"X-Own": "theirs"}, fields, "", "") == [("X-Own", "theirs")]
    assert fields == [("X-Own", "ours")]


def test_vary_is_joined(site: Path) -> None:
    (site / "hello.txt.gz").write_bytes(gzip.compress(b"hello world\n"))
    age(site / "hello.txt.gz")
    time.sleep(0.03)
    app = StaticFiles(None, site, headers={"vary": "Origin"})
    assert call(app, "/hello.txt").headers["Vary"] == "Origin, Accept-Encoding"
    assert call(app, "/empty.bin").headers["vary"] == "Origin"


@pytest.mark.memory_cache
def test_called_once_per_version(site: Path) -> None:
    calls: list[tuple[str, str]] = []

    def record(headers: Headers, path: str, url: str) -> None:
        calls.append((path, url))

    time.sleep(0.03)
    app = StaticFiles(None, site, headers=record)
    call_raw(app, make_environ("/hello.txt", "HEAD"))
    for _, extra in KINDS * 2:
        call_raw(app, make_environ("/hello.txt", **extra))
    assert calls == [(str(site / "hello.txt"), "/hello.txt")]


@pytest.mark.memory_cache
def test_called_once_per_version_and_coding(site: Path) -> None:
    calls: list[str] = []

    def record(headers: Headers, path: str, url: str) -> None:
        calls.append(path)

    (site / "hello.txt.gz").write_bytes(gzip.compress(b"hello world\n"))
    age(site / "hello.txt.gz")
    time.sleep(0.03)
    app = StaticFiles(None, site, headers=record)
    for _ in range(3):
        for accepted in ("gzip", "", "gzip, br", "br"):
            for method in ("HEAD", "GET"):
                call_raw(app, make_environ("/hello.txt", method, HTTP_ACCEPT_ENCODING=accepted))
    assert calls == [str(site / "hello.txt")] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda headers, path, url: 1 / 0,
        lambda headers, path, url: headers.add_header("X", "a\r\nb: c"),
        lambda headers, path, url: headers.add_header("X:", "a"),
        lambda headers, path, url: headers.add_header("X", "\u20ac"),
        lambda headers, path, url: headers.add_header("Content-Length", "5"),
        lambda headers, path, url: headers.add_header("ETag", '"x"'),
    ],
)
def test_failing_function_fails_closed(
    site: Path, wrong: Any, caplog: pytest.LogCaptureFixture, open_descriptors: None
) -> None:
    with caplog.at_level(logging.ERROR, "wsgistatic"):
        for app in (
            StaticFiles(None, site, headers=wrong),
            FileApp(site / "hello.txt", headers=wrong),
        ):
            for method in ("GET", "HEAD"):
                result = call_raw(app, make_environ("/hello.txt", method))
                assert result.status == 500
                assert b"hello" not in result.body
        assert call(StaticFiles(None, site, headers=wrong), "/sub").status == 500
    assert "hello.txt" in caplog.text
    assert "the headers function failed" in caplog.text
