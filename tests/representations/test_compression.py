"""The option ``compress``: text compressed in memory."""

from __future__ import annotations

import gzip
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call_raw, make_environ
from tests.conftest import OLD, age
from wsgistatic import StaticFiles
from wsgistatic.files.changes import read_content
from wsgistatic.files.directory import Directory, OpenFile
from wsgistatic.http.codings import BY_NAME, available_codings
from wsgistatic.http.media_types import is_text
from wsgistatic.representations import compression

TEXT = b"let answer = 42;\n" * 1000
CACHE = {"cache_size": 1_000_000, "cache_file_size": 100_000}


@pytest.fixture
def texts(site: Path) -> Path:
    for name, content in (
        ("app.js", TEXT),
        ("photo.png", TEXT),
        ("noise.txt", os.urandom(5000)),
        ("short.txt", b"x" * 199),
        ("enough.txt", b"x" * 200),
        ("hardly.txt", os.urandom(4750) + b"x" * 250),
        ("large.txt", b"0123456789abcdef" * 10_000),
    ):
        (site / name).write_bytes(content)
        age(site / name)
    time.sleep(0.03)
    return site


def app_of(texts: Path, **options: Any) -> StaticFiles:
    return StaticFiles(
        None, texts, **{**CACHE, "compress": True, "encodings": ("gzip",), **options}
    )


def ask(app: StaticFiles, accepted: str = "gzip", path: str = "/app.js", **extra: Any) -> Response:
    first, *others = (
        call_raw(app, make_environ(path, HTTP_ACCEPT_ENCODING=accepted, **extra)) for _ in range(3)
    )
    for other in others:
        assert (other.status, other.headers, other.body) == (
            first.status,
            first.headers,
            first.body,
        )
    return first


def test_text_is_compressed(texts: Path) -> None:
    result = ask(app_of(texts))
    assert gzip.decompress(result.body) == TEXT
    assert len(result.body) < 200
    assert result.headers["Content-Encoding"] == "gzip"
    assert result.headers["Content-Length"] == str(len(result.body))
    assert result.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert result.headers["Vary"] == "Accept-Encoding"
    assert result.headers["ETag"] == f'W/"{OLD * 10**9:x}-{len(TEXT):x}-gzip"'
    assert "Accept-Ranges" not in result.headers
    app = app_of(texts)
    assert ask(app, "gzip, x").body == ask(app, "gzip, y").body == result.body
    own = ask(app_of(texts), "")
    assert own.body == TEXT
    assert own.headers["Vary"] == "Accept-Encoding"
    assert own.headers["ETag"].startswith('"')
    assert own.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("coding", available_codings())
def test_every_coding_that_is_installed(texts: Path, coding: str) -> None:
    result = ask(app_of(texts, encodings=("zstd", "br", "gzip")), coding)
    assert result.headers["Content-Encoding"] == coding
    assert b"".join(BY_NAME[coding].decode([result.body])) == TEXT
    preferred = ask(app_of(texts, encodings=(coding,)), "gzip, br, zstd")
    assert preferred.headers["Content-Encoding"] == coding


def test_head_is_as_get(texts: Path, open_descriptors: None) -> None:
    head = ask(app_of(texts), REQUEST_METHOD="HEAD")
    assert head.headers == ask(app_of(texts)).headers
    assert head.body == b""


def test_revalidation(texts: Path) -> None:
    app = app_of(texts)
    tag, date = (ask(app).headers[name] for name in ("ETag", "Last-Modified"))
    for one in (app, app_of(texts)):
        result = ask(one, HTTP_IF_NONE_MATCH=tag)
        assert (result.status, result.headers["Vary"]) == (304, "Accept-Encoding")
        assert ask(one, HTTP_IF_MODIFIED_SINCE=date).status == 304
        assert ask(one, "", HTTP_IF_NONE_MATCH=tag).status == 200
        assert ask(one, HTTP_IF_MATCH=tag).status == 412  # weak tags never match strongly


def test_a_range_is_of_the_files_own_bytes(texts: Path) -> None:
    app = app_of(texts)
    for _ in range(2):
        part = ask(app, HTTP_RANGE="bytes=5-9")
        assert (part.status, part.body) == (206, TEXT[5:10])
        assert part.headers["Content-Range"] == f"bytes 5-9/{len(TEXT)}"
        assert part.headers["Vary"] == "Accept-Encoding"
        assert "Content-Encoding" not in part.headers
        assert ask(app).headers["Content-Encoding"] == "gzip"
    head = ask(app, HTTP_RANGE="bytes=5-9", REQUEST_METHOD="HEAD")
    assert head.headers == ask(app).headers


def test_a_sidecar_comes_first_and_has_ranges(texts: Path) -> None:
    stored = gzip.compress(TEXT, 1)
    (texts / "app.js.gz").write_bytes(stored)
    age(texts / "app.js.gz")
    time.sleep(0.03)
    app = app_of(texts)
    assert ask(app).body == stored
    assert ask(app, HTTP_RANGE="bytes=5-9").body == stored[5:10]


@pytest.mark.parametrize(
    "path", ["/photo.png", "/noise.txt", "/hardly.txt", "/short.txt", "/large.txt"]
)
def test_what_is_left_as_it_is(texts: Path, path: str) -> None:
    result = ask(app_of(texts), path=path)
    assert result.body == (texts / path[1:]).read_bytes()
    assert "Content-Encoding" not in result.headers


def test_two_hundred_bytes_are_enough(texts: Path) -> None:
    assert ask(app_of(texts), path="/enough.txt").headers["Content-Encoding"] == "gzip"


def test_what_was_written_just_now_is_sent_as_it_is(
    texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (texts / "new.js").write_bytes(TEXT)
    now = (texts / "new.js").stat().st_mtime_ns + 1_000_000
    monkeypatch.setattr(time, "time_ns", lambda: now)
    assert "Content-Encoding" not in ask(app_of(texts), path="/new.js").headers


def test_a_sidecar_is_not_compressed_again(texts: Path) -> None:
    stored = gzip.compress(TEXT, 0)
    (texts / "app.js.gz").write_bytes(stored)
    age(texts / "app.js.gz")
    time.sleep(0.03)
    app = app_of(texts, media_types={".gz": "text/x-gzip"}, encodings=("br", "gzip"))
    for accepted in ("gzip", "gzip, br;q=0.5"):
        assert ask(app, accepted).body == stored


def test_what_was_compressed_just_now_is_handed_out_as_a_copy(texts: Path) -> None:
    app = app_of(texts)
    body: Any = app(make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip"), lambda *arguments: None)  # type: ignore[arg-type]
    body.clear()
    assert gzip.decompress(ask(app).body) == TEXT


def test_a_head_with_a_range_is_as_one_without(texts: Path) -> None:
    whole, part = (
        call_raw(
            app_of(texts), make_environ("/app.js", "HEAD", HTTP_ACCEPT_ENCODING="gzip", **extra)
        )
        for extra in ({}, {"HTTP_RANGE": "bytes=0-1"})
    )
    assert part.headers == whole.headers
    assert part.headers["Content-Encoding"] == "gzip"


def test_what_does_not_shrink_is_opened_once(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, opened = app_of(texts), []
    real = Directory.open

    def count(*arguments: Any) -> OpenFile:
        opened.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(Directory, "open", count)
    assert len(call_raw(app, make_environ("/noise.txt", HTTP_ACCEPT_ENCODING="gzip")).body) == 5000
    assert len(opened) == 1


def test_what_does_not_shrink_is_tried_once(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "_REMEMBERED", 1)
    app = app_of(texts)
    tried: list[str] = []
    real = read_content

    def read(opened: Any) -> bytes:
        tried.append("read")
        return real(opened)

    monkeypatch.setattr("wsgistatic.representations.compression.read_content", read)
    for accepted in ("gzip", "gzip, x", "gzip, y"):
        assert len(ask(app, accepted, "/noise.txt").body) == 5000
    assert tried == ["read"]
    for name in ("second.txt", "third.txt"):
        (texts / name).write_bytes(os.urandom(300))
        age(texts / name)
        time.sleep(0.03)
        ask(app, path=f"/{name}")
    assert app._finder.responder._compression is not None
    assert len(app._finder.responder._compression._stubborn) == 1


def test_first_requests_at_once_compress_once(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of(texts)
    started, tried = threading.Event(), []
    real = read_content

    def read(opened: Any) -> bytes:
        tried.append("read")
        started.wait(10)
        return real(opened)

    monkeypatch.setattr("wsgistatic.representations.compression.read_content", read)
    assert app._finder.responder._compression is not None
    under_way = app._finder.responder._compression._once
    waiting = 0
    real_result = Future.result

    def result(self: Any, *arguments: Any) -> Any:
        nonlocal waiting
        waiting += 1
        if waiting == 7:
            started.set()
        return real_result(self, *arguments)

    monkeypatch.setattr(Future, "result", result)
    with ThreadPoolExecutor(8) as pool:
        environs = [make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip") for _ in range(8)]
        bodies = {answer.body for answer in map(real_result, [
            pool.submit(call_raw, app, environ) for environ in environs
        ])}  # fmt: skip
    assert tried == ["read"]
    assert [gzip.decompress(body) for body in bodies] == [TEXT]
    assert not under_way._under_way


def test_a_fault_while_compressing_reaches_those_who_wait(
    texts: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    def fail(opened: Any) -> bytes:
        somebody_waits.wait(10)
        raise OSError(5, "Input/output error")

    somebody_waits = threading.Event()
    real_result = Future.result

    def result(self: Any, *arguments: Any) -> Any:
        somebody_waits.set()
        return real_result(self, *arguments)

    monkeypatch.setattr("wsgistatic.representations.compression.read_content", fail)
    monkeypatch.setattr(Future, "result", result)
    app = app_of(texts)
    with ThreadPoolExecutor(2) as pool:
        environs = [make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip") for _ in range(2)]
        answers = [pool.submit(call_raw, app, environ) for environ in environs]
        assert [real_result(answer).status for answer in answers] == [500, 500]
    monkeypatch.undo()
    assert ask(app).headers["Content-Encoding"] == "gzip"


def test_who_waits_is_not_stopped_with_who_compresses(
    texts: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    class TimeLimit(BaseException):
        """As gevent's."""

    waiting, tried = threading.Event(), []
    real_result = Future.result

    def read(opened: Any) -> bytes:
        tried.append("read")
        if len(tried) == 1:
            waiting.wait(10)
            raise TimeLimit
        return read_content(opened)

    def result(self: Any, *arguments: Any) -> Any:
        waiting.set()
        return real_result(self, *arguments)

    monkeypatch.setattr("wsgistatic.representations.compression.read_content", read)
    monkeypatch.setattr(Future, "result", result)
    app = app_of(texts)
    outcomes: list[Any] = []

    def request() -> None:
        try:
            answer = call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip"))
            outcomes.append(gzip.decompress(answer.body))
        except TimeLimit as limit:
            outcomes.append(type(limit))

    threads = [threading.Thread(target=request) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(map(str, outcomes)) == sorted(map(str, [TimeLimit, TEXT]))


@pytest.mark.live
def test_a_change_shows_at_the_next_request(texts: Path) -> None:
    app = app_of(texts)
    assert gzip.decompress(ask(app).body) == TEXT
    (texts / "app.js").write_bytes(TEXT * 2)
    result = call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip"))
    if "Content-Encoding" in result.headers:  # not where it is too fresh to be kept
        assert gzip.decompress(result.body) == TEXT * 2
    else:
        assert result.body == TEXT * 2
    time.sleep(0.03)
    assert gzip.decompress(ask(app).body) == TEXT * 2


def test_a_file_replaced_after_the_look_of_a_head(
    texts: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    """Its new bytes do not go under the tag of the old ones, nor does their length."""
    app = app_of(texts)
    selector = app._finder.responder._selector
    real = selector.select

    def select(*arguments: Any) -> Any:
        selected = real(*arguments)
        monkeypatch.setattr(selector, "select", real)
        (texts / "next.js").write_bytes(TEXT * 3)
        os.utime(texts / "next.js", (OLD + 9, OLD + 9))
        time.sleep(0.03)
        (texts / "next.js").rename(texts / "app.js")
        time.sleep(0.03)
        return selected

    monkeypatch.setattr(selector, "select", select)
    environ = make_environ("/app.js", "HEAD", HTTP_ACCEPT_ENCODING="gzip")
    head = call_raw(app, environ)
    assert head.headers["ETag"] == f'W/"{(OLD + 9) * 10**9:x}-{3 * len(TEXT):x}-gzip"'
    assert head.headers == ask(app).headers


@pytest.mark.memory_cache
def test_ranges_of_what_is_never_compressed_are_as_cheap_as_without(
    texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(texts)
    for accepted in ("gzip", ""):
        call_raw(app, make_environ("/photo.png", HTTP_RANGE="bytes=0-1"))
        with monkeypatch.context() as patch:
            patch.setattr(app._finder.responder, "respond", None)  # from the catalog, or not
            environ = make_environ(
                "/photo.png", HTTP_RANGE="bytes=5-9", HTTP_ACCEPT_ENCODING=accepted
            )
            assert call_raw(app, environ).body == TEXT[5:10]


def test_digests_are_of_what_is_sent(texts: Path) -> None:
    app = app_of(texts, etag="content")
    coded = ask(app, HTTP_WANT_REPR_DIGEST="sha-256=1")
    own = ask(app, "", HTTP_WANT_REPR_DIGEST="sha-256=1")
    assert coded.headers["Repr-Digest"] != own.headers["Repr-Digest"]
    assert coded.headers["ETag"].startswith('W/"')
    assert "ETag" not in ask(app_of(texts, etag=None)).headers


def test_off_by_default_and_without_codings(texts: Path) -> None:
    assert "Vary" not in ask(StaticFiles(None, texts)).headers
    assert "Vary" not in ask(app_of(texts, encodings=())).headers


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/html; charset=utf-8", True),
        ("application/json", True),
        ("application/geo+json", True),
        ("image/svg+xml", True),
        ("application/javascript", True),
        ("application/yaml", True),
        ("image/png", False),
        ("application/octet-stream", False),
        ("video/mp4", False),
        ("application/zip", False),
    ],
)
def test_what_is_text(content_type: str, expected: bool) -> None:
    assert is_text(content_type) is expected
