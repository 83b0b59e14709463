"""The option ``compress``: text is compressed in memory."""

from __future__ import annotations

import gzip
import os
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call_raw, make_environ
from tests.conftest import OLD, age, settle
from wsgistatic import StaticFiles
from wsgistatic.files import digests
from wsgistatic.files.directory import File, OpenFile
from wsgistatic.http.codings import CODINGS, available_codings
from wsgistatic.http.media_types import is_compressible
from wsgistatic.representations import compression as compression_module
from wsgistatic.representations.compression import Compression
from wsgistatic.representations.loader import Loader, _read_version

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


def loader_of(app: StaticFiles) -> Loader:
    return app.site._responder._loader


def compression_of(app: StaticFiles) -> Compression:
    compression = loader_of(app).compression
    assert compression is not None
    return compression


def fetch(
    app: StaticFiles, accepted: str = "gzip", path: str = "/app.js", **extra: Any
) -> Response:
    """Send a request three times, and return the responses, which must be equal."""
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
    result = fetch(app_of(texts))
    assert gzip.decompress(result.body) == TEXT
    assert len(result.body) < 200
    assert result.headers["Content-Encoding"] == "gzip"
    assert result.headers["Content-Length"] == str(len(result.body))
    assert result.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert result.headers["Vary"] == "Accept-Encoding"
    assert result.headers["ETag"] == f'W/"{OLD * 10**9:x}-{len(TEXT):x}-gzip"'
    assert "Accept-Ranges" not in result.headers
    app = app_of(texts)
    assert fetch(app, "gzip, x").body == fetch(app, "gzip, y").body == result.body
    own = fetch(app_of(texts), "")
    assert own.body == TEXT
    assert own.headers["Vary"] == "Accept-Encoding"
    assert own.headers["ETag"].startswith('"')
    assert own.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("coding", available_codings())
def test_every_installed_coding(texts: Path, coding: str) -> None:
    result = fetch(app_of(texts, encodings=("zstd", "br", "gzip")), coding)
    assert result.headers["Content-Encoding"] == coding
    assert b"".join(CODINGS[coding].decode([result.body])) == TEXT
    preferred = fetch(app_of(texts, encodings=(coding,)), "gzip, br, zstd")
    assert preferred.headers["Content-Encoding"] == coding


def test_head_has_the_headers_of_get(texts: Path, open_descriptors: None) -> None:
    head = fetch(app_of(texts), REQUEST_METHOD="HEAD")
    assert head.headers == fetch(app_of(texts)).headers
    assert head.body == b""


def test_revalidation(texts: Path) -> None:
    app = app_of(texts)
    tag, date = (fetch(app).headers[name] for name in ("ETag", "Last-Modified"))
    for one in (app, app_of(texts)):
        result = fetch(one, HTTP_IF_NONE_MATCH=tag)
        assert (result.status, result.headers["Vary"]) == (304, "Accept-Encoding")
        assert fetch(one, HTTP_IF_MODIFIED_SINCE=date).status == 304
        assert fetch(one, "", HTTP_IF_NONE_MATCH=tag).status == 200
        assert fetch(one, HTTP_IF_MATCH=tag).status == 412  # weak tags never match strongly


def test_range_requests_get_the_own_bytes_of_the_file(texts: Path) -> None:
    app = app_of(texts)
    for _ in range(2):
        part = fetch(app, HTTP_RANGE="bytes=5-9")
        assert (part.status, part.body) == (206, TEXT[5:10])
        assert part.headers["Content-Range"] == f"bytes 5-9/{len(TEXT)}"
        assert part.headers["Vary"] == "Accept-Encoding"
        assert "Content-Encoding" not in part.headers
        assert fetch(app).headers["Content-Encoding"] == "gzip"
    head = fetch(app, HTTP_RANGE="bytes=5-9", REQUEST_METHOD="HEAD")
    assert head.headers == fetch(app).headers


def test_sidecar_takes_precedence_and_has_ranges(texts: Path) -> None:
    stored = gzip.compress(TEXT, 1)
    (texts / "app.js.gz").write_bytes(stored)
    age(texts / "app.js.gz")
    time.sleep(0.03)
    app = app_of(texts)
    assert fetch(app).body == stored
    assert fetch(app, HTTP_RANGE="bytes=5-9").body == stored[5:10]


@pytest.mark.parametrize(
    "path", ["/photo.png", "/noise.txt", "/hardly.txt", "/short.txt", "/large.txt"]
)
def test_files_that_are_not_compressed(texts: Path, path: str) -> None:
    result = fetch(app_of(texts), path=path)
    assert result.body == (texts / path[1:]).read_bytes()
    assert "Content-Encoding" not in result.headers


def test_two_hundred_bytes_are_compressed(texts: Path) -> None:
    assert fetch(app_of(texts), path="/enough.txt").headers["Content-Encoding"] == "gzip"


def test_recent_file_is_not_compressed(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (texts / "new.js").write_bytes(TEXT)
    now = (texts / "new.js").stat().st_mtime_ns + 1_000_000
    monkeypatch.setattr(time, "time_ns", lambda: now)
    app = app_of(texts)
    for _ in range(2):
        environ = make_environ("/new.js", HTTP_ACCEPT_ENCODING="gzip")
        assert "Content-Encoding" not in call_raw(app, environ).headers


def test_sidecar_is_not_compressed_again(texts: Path) -> None:
    stored = gzip.compress(TEXT, 0)
    (texts / "app.js.gz").write_bytes(stored)
    age(texts / "app.js.gz")
    time.sleep(0.03)
    app = app_of(texts, media_types={".gz": "text/x-gzip"}, encodings=("br", "gzip"))
    for accepted in ("gzip", "gzip, br;q=0.5"):
        assert fetch(app, accepted).body == stored


def test_body_that_was_just_compressed_is_copied(texts: Path) -> None:
    app = app_of(texts)
    body: Any = app(make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip"), lambda *arguments: None)  # type: ignore[arg-type]
    body.clear()
    assert gzip.decompress(fetch(app).body) == TEXT


def test_head_ignores_range(texts: Path) -> None:
    whole, part = (
        call_raw(
            app_of(texts), make_environ("/app.js", "HEAD", HTTP_ACCEPT_ENCODING="gzip", **extra)
        )
        for extra in ({}, {"HTTP_RANGE": "bytes=0-1"})
    )
    assert part.headers == whole.headers
    assert part.headers["Content-Encoding"] == "gzip"


def test_incompressible_file_is_opened_once(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, opened = app_of(texts), []
    real = File.open

    def count(file: File) -> OpenFile:
        opened.append(file)
        return real(file)

    monkeypatch.setattr(File, "open", count)
    assert len(call_raw(app, make_environ("/noise.txt", HTTP_ACCEPT_ENCODING="gzip")).body) == 5000
    assert len(opened) == 1


def test_incompressible_file_is_compressed_once(
    texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression_module, "_MAX_RESULTS", 1)
    app = app_of(texts)
    tried: list[str] = []
    real = _read_version

    def read(*arguments: Any) -> bytes:
        tried.append("read")
        return real(*arguments)

    monkeypatch.setattr("wsgistatic.representations.loader._read_version", read)
    for accepted in ("gzip", "gzip, x", "gzip, y"):
        assert len(fetch(app, accepted, "/noise.txt").body) == 5000
    assert tried == ["read"]
    for name in ("second.txt", "third.txt"):
        (texts / name).write_bytes(os.urandom(300))
        age(texts / name)
        time.sleep(0.03)
        fetch(app, path=f"/{name}")
    assert list(compression_of(app)._results.values()) == [False]


def test_simultaneous_first_requests_compress_once(
    texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(texts)
    started, tried = threading.Event(), []
    real = _read_version

    def read(*arguments: Any) -> bytes:
        tried.append("read")
        started.wait(10)
        return real(*arguments)

    monkeypatch.setattr("wsgistatic.representations.loader._read_version", read)
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
        responses = [pool.submit(call_raw, app, environ) for environ in environs]
        bodies = {response.body for response in map(real_result, responses)}
    assert tried == ["read"]
    assert [gzip.decompress(body) for body in bodies] == [TEXT]
    assert not compression_of(app)._once._in_progress


def test_error_while_compressing_reaches_every_request(
    texts: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    def fail(*arguments: Any) -> bytes:
        is_waiting.wait(10)
        raise OSError(5, "Input/output error")

    is_waiting = threading.Event()
    real_result = Future.result

    def result(self: Any, *arguments: Any) -> Any:
        is_waiting.set()
        return real_result(self, *arguments)

    monkeypatch.setattr("wsgistatic.representations.loader._read_version", fail)
    monkeypatch.setattr(Future, "result", result)
    app = app_of(texts)
    with ThreadPoolExecutor(2) as pool:
        environs = [make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip") for _ in range(2)]
        responses = [pool.submit(call_raw, app, environ) for environ in environs]
        assert [real_result(response).status for response in responses] == [500, 500]
    monkeypatch.undo()
    assert fetch(app).headers["Content-Encoding"] == "gzip"


def test_interrupt_of_one_thread_does_not_stop_those_that_wait_for_it(
    texts: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    class TimeLimit(BaseException):
        """An interrupt of one thread, like gevent.Timeout."""

    waiting, tried = threading.Event(), []
    real_result = Future.result

    def read(*arguments: Any) -> bytes:
        tried.append("read")
        if len(tried) == 1:
            waiting.wait(10)
            raise TimeLimit
        return _read_version(*arguments)

    def result(self: Any, *arguments: Any) -> Any:
        waiting.set()
        return real_result(self, *arguments)

    monkeypatch.setattr("wsgistatic.representations.loader._read_version", read)
    monkeypatch.setattr(Future, "result", result)
    app = app_of(texts)
    outcomes: list[Any] = []

    def request() -> None:
        try:
            response = call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip"))
            outcomes.append(gzip.decompress(response.body))
        except TimeLimit as limit:
            outcomes.append(type(limit))

    threads = [threading.Thread(target=request) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(map(str, outcomes)) == sorted(map(str, [TimeLimit, TEXT]))


@pytest.mark.live
def test_change_shows_at_the_next_request(texts: Path) -> None:
    app = app_of(texts)
    assert gzip.decompress(fetch(app).body) == TEXT
    (texts / "app.js").write_bytes(TEXT * 2)
    result = call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip"))
    if "Content-Encoding" in result.headers:  # unless it is too recent to be compressed
        assert gzip.decompress(result.body) == TEXT * 2
    else:
        assert result.body == TEXT * 2
    time.sleep(0.03)
    assert gzip.decompress(fetch(app).body) == TEXT * 2


def test_file_that_is_replaced_during_a_head_request(
    texts: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    """Neither its new bytes nor their length are sent with the tag of the old ones."""
    app = app_of(texts)
    loader = loader_of(app)
    real = loader._choose

    def choose(*arguments: Any) -> Any:
        choice = real(*arguments)
        monkeypatch.setattr(loader, "_choose", real)
        (texts / "next.js").write_bytes(TEXT * 3)
        os.utime(texts / "next.js", (OLD + 9, OLD + 9))
        time.sleep(0.03)
        (texts / "next.js").replace(texts / "app.js")
        time.sleep(0.03)
        return choice

    monkeypatch.setattr(loader, "_choose", choose)
    environ = make_environ("/app.js", "HEAD", HTTP_ACCEPT_ENCODING="gzip")
    head = call_raw(app, environ)
    assert head.headers["ETag"] == f'W/"{(OLD + 9) * 10**9:x}-{3 * len(TEXT):x}-gzip"'
    assert head.headers == fetch(app).headers


@pytest.mark.memory_cache
def test_ranges_of_files_that_are_never_compressed_come_from_the_cache(
    texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(texts)
    for accepted in ("gzip", ""):
        call_raw(app, make_environ("/photo.png", HTTP_RANGE="bytes=0-1"))
        with monkeypatch.context() as patch:
            patch.setattr(app.site._responder, "respond", None)  # from the cache, or not at all
            environ = make_environ(
                "/photo.png", HTTP_RANGE="bytes=5-9", HTTP_ACCEPT_ENCODING=accepted
            )
            assert call_raw(app, environ).body == TEXT[5:10]


def test_digest_is_that_of_the_compressed_bytes(texts: Path) -> None:
    app = app_of(texts, etag="content")
    coded = fetch(app, HTTP_WANT_REPR_DIGEST="sha-256=1")
    own = fetch(app, "", HTTP_WANT_REPR_DIGEST="sha-256=1")
    assert coded.headers["Repr-Digest"] != own.headers["Repr-Digest"]
    assert coded.headers["ETag"].startswith('W/"')
    assert "ETag" not in fetch(app_of(texts, etag=None)).headers


def test_nothing_is_compressed_by_default_or_without_encodings(texts: Path) -> None:
    assert "Vary" not in fetch(StaticFiles(None, texts)).headers
    assert "Vary" not in fetch(app_of(texts, encodings=())).headers


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
def test_is_compressible(content_type: str, expected: bool) -> None:
    assert is_compressible(content_type) is expected


class Clock:
    """A clock that only moves when it is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(digests, "monotonic", lambda: self.now)


def count_compressed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which the size of each file that is compressed is added."""
    sizes: list[int] = []
    encode = type(CODINGS["gzip"]).encode

    def counting(coding: Any, blocks: Any, size: int, level: int) -> Any:
        sizes.append(size)
        return encode(coding, blocks, size, level)

    monkeypatch.setattr(type(CODINGS["gzip"]), "encode", counting)
    return sizes


def test_files_that_do_not_fit_the_cache_are_compressed_at_a_bounded_rate(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, sizes = Clock(monkeypatch), count_compressed(monkeypatch)
    rng = random.Random(1)
    names = [f"{number}.txt" for number in range(20)]
    for name in names:
        (site / name).write_bytes(rng.randbytes(50_000).hex().encode())
        age(site / name)
    settle()
    app = StaticFiles(None, site, compress=True, encodings=("gzip",), cache_size=900_000)
    encodings = []
    for _ in range(30):
        for name in names:
            environ = make_environ(f"/{name}", HTTP_ACCEPT_ENCODING="gzip")
            result = call_raw(app, environ)
            assert result.headers["Vary"] == "Accept-Encoding"
            content = (site / name).read_bytes()
            encodings.append(result.headers.get("Content-Encoding"))
            assert (gzip.decompress(result.body) if encodings[-1] else result.body) == content
    assert encodings[: len(names)] == ["gzip"] * len(names)  # the first time is free
    assert {"gzip", None} == set(encodings[-len(names) :])
    assert 20 * 100_000 < sum(sizes) <= 20 * 100_000 + 1024**2 + 100_000
    clock.now += 10.0
    environ = make_environ("/0.txt", HTTP_ACCEPT_ENCODING="gzip")
    assert call_raw(app, environ).headers["Content-Encoding"] == "gzip"


@pytest.mark.live
@pytest.mark.memory_cache
def test_file_that_keeps_changing_is_compressed_at_a_bounded_rate(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    sizes = count_compressed(monkeypatch)
    app = StaticFiles(None, site, compress=True, encodings=("gzip",))
    (site / "log.txt").write_bytes(b"line\n" * 100_000)
    for seconds in range(100):
        os.utime(site / "log.txt", (OLD, OLD + seconds))
        settle()
        environ = make_environ("/log.txt", HTTP_ACCEPT_ENCODING="gzip")
        assert call_raw(app, environ).status == 200
    assert 1 <= len(sizes) <= 4
