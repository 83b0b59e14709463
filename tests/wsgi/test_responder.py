"""The body of a response, and files that change before or while it is sent."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ, start
from tests.conftest import age, settle
from tests.waiting import eventually
from wsgistatic import BlockIterator, MultipartIterator, StaticFiles
from wsgistatic.files.versions import open_version
from wsgistatic.wsgi import responder
from wsgistatic.wsgi.responses import plan_for


class Wrapper:
    """Stands for the wrapper of waitress."""

    __module__ = "waitress.buffers"

    def __init__(self, file: Any, block_size: int) -> None:
        self.file, self.block_size, self.position = file, block_size, file.tell()

    def __iter__(self) -> Any:
        yield self.file.read()

    def close(self) -> None:
        self.file.close()


@pytest.mark.change_times
def test_the_types_of_bodies(site: Path) -> None:
    # Up to 64 KiB of a file that has not just changed are a list.
    (site / "digits.bin").write_bytes(b"0123456789" * 10_000)
    app = StaticFiles(None, site, cache_size=0)
    kinds = {
        "": BlockIterator,
        "bytes=0-69999": BlockIterator,
        "bytes=0-1,5-6": MultipartIterator,
        "bytes=500000-": list,
    }
    for value, kind in kinds.items():
        extra: dict[str, Any] = {"HTTP_RANGE": value} if value else {}
        body: Any = start(app, make_environ("/digits.bin", **extra)).iterable
        assert type(body) is kind
        getattr(body, "close", list)()
    assert start(app, make_environ("/digits.bin", "HEAD")).iterable == [b""]
    not_modified = start(app, make_environ("/digits.bin", HTTP_IF_NONE_MATCH="*")).iterable
    assert not hasattr(not_modified, "__len__")


WRAPPED: dict[str, Any] = {"wsgi.file_wrapper": Wrapper}


@pytest.mark.parametrize(
    ("value", "content", "length"), [("", b"0123456789" * 100, "1000"), ("bytes=-2", b"89", "2")]
)
def test_the_file_wrapper_gets_a_file_with_exactly_the_bytes_to_send(
    site: Path, value: str, content: bytes, length: str
) -> None:
    settle()
    extra: dict[str, Any] = {"HTTP_RANGE": value} if value else {}
    environ = make_environ("/digits.bin", **extra, **WRAPPED)
    result = start(StaticFiles(None, site, block_size=512, cache_size=0), environ)
    body = result.iterable
    assert isinstance(body, Wrapper)
    assert (body.position, body.block_size) == (0, 512)
    assert result.headers["Content-Length"] == length
    assert b"".join(body) == content
    body.close()


def test_a_file_that_has_just_changed_is_not_passed_to_the_file_wrapper(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The next version may have the same time stamps. Only our own iterator compares the bytes.
    path = site / "digits.bin"
    path.write_bytes(b"x" * 1000)
    now_ns = path.stat().st_ctime_ns + 1
    monkeypatch.setattr(time, "time_ns", lambda: now_ns)
    for file_wrapper in (None, True):
        app = StaticFiles(None, site, file_wrapper=file_wrapper, cache_size=0)
        body: Any = start(app, make_environ("/digits.bin", **WRAPPED)).iterable
        body.close()
        assert isinstance(body, BlockIterator)


def test_a_rewrite_within_one_tick_of_the_clock_breaks_the_response(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site / "digits.bin"
    path.write_bytes(b"0" * 1000)
    opened = path.stat()
    monkeypatch.setattr(time, "time_ns", lambda: opened.st_ctime_ns + 1)
    result = start(StaticFiles(None, site, block_size=100), make_environ("/digits.bin"))
    body = iter(result.iterable)
    next(body)
    path.write_bytes(b"1" * 1000)
    monkeypatch.setattr(os, "fstat", lambda descriptor: opened)  # as if the clock had not ticked
    with pytest.raises(OSError, match="changed"):
        list(body)


def test_several_ranges_are_not_passed_to_the_file_wrapper(site: Path) -> None:
    settle()
    extra: dict[str, Any] = {"HTTP_RANGE": "bytes=0-1,5-6", "wsgi.file_wrapper": Wrapper}
    body = start(
        StaticFiles(None, site, file_wrapper=True, cache_size=0),
        make_environ("/digits.bin", **extra),
    )
    assert isinstance(body.iterable, MultipartIterator)
    body.iterable.close()
    refused = start(
        StaticFiles(None, site, file_wrapper=False, cache_size=0),
        make_environ("/digits.bin", **WRAPPED),
    )
    assert refused.iterable == [b"0123456789" * 100]


class Rewriter:
    """Rewrites a file between opening and reading it, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, times: int) -> None:
        self.path, self.times, self.count = path, times, 0
        monkeypatch.setattr(responder, "plan_for", self.rewrite_and_plan)

    def rewrite_and_plan(self, request: Any, representation: Any, max_ranges: int) -> Any:
        if self.count < self.times:
            self.count += 1
            self.path.write_bytes(b"1" * (1500 + self.count))
            os.utime(self.path, (1_600_000_000 + self.count,) * 2)
        return plan_for(request, representation, max_ranges)


def test_a_file_rewritten_before_it_is_read_is_sent_in_its_new_version(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    app = StaticFiles(None, site)
    Rewriter(monkeypatch, site / "digits.bin", times=1)
    result = start(app, make_environ("/digits.bin"))
    body = b"".join(result.iterable)
    assert (result.status, body) == (200, b"1" * 1501)
    assert result.headers["Content-Length"] == "1501"


@pytest.fixture
def large(site: Path) -> Path:
    """A file that is too large to be kept in memory."""
    path = site / "large.bin"
    path.write_bytes(b"0" * 300_000)
    age(path)
    settle()
    return path


@pytest.mark.memory_cache
@pytest.mark.live
def test_a_cached_file_replaced_before_it_is_opened_is_sent_in_its_new_version(
    large: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    app = StaticFiles(None, large.parent, cache_file_size=100_000)
    call(app, "/large.bin")

    def replace_and_open(*arguments: Any) -> Any:
        large.unlink()
        large.write_bytes(b"1" * 200_000)
        return open_version(*arguments)

    monkeypatch.setattr(responder, "open_version", replace_and_open)
    result = start(app, make_environ("/large.bin"))
    assert (result.status, result.headers["Content-Length"]) == (200, "200000")
    assert b"".join(result.iterable) == b"1" * 200_000


@pytest.mark.system_calls
@pytest.mark.memory_cache
def test_a_cached_file_that_cannot_be_read_is_looked_up_again(
    large: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    app = StaticFiles(None, large.parent, cache_file_size=100_000)
    call(app, "/large.bin")
    failures = [OSError(errno.EIO, "failed")]

    def fail_once(*arguments: int) -> bytes:
        if failures:
            raise failures.pop()
        return os.pread(*arguments)

    monkeypatch.setattr("wsgistatic.files.versions.read_at", fail_once)
    result = start(app, make_environ("/large.bin"))
    assert failures == []
    assert result.status == 200
    assert b"".join(result.iterable) == b"0" * 300_000


@pytest.mark.memory_cache
def test_a_cached_file_is_closed_if_the_file_wrapper_raises(
    large: Path, open_descriptors: None
) -> None:
    class Failing(Wrapper):
        __module__ = Wrapper.__module__

        def __init__(self, file: Any, block_size: int) -> None:
            raise RuntimeError("no")

    app = StaticFiles(None, large.parent, cache_file_size=100_000)
    call(app, "/large.bin")
    environ = make_environ("/large.bin")
    environ["wsgi.file_wrapper"] = Failing
    with pytest.raises(RuntimeError):
        start(app, environ)


def test_a_file_that_keeps_changing_is_503(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    app = StaticFiles(None, site)
    rewriter = Rewriter(monkeypatch, site / "digits.bin", times=1000)
    result = start(app, make_environ("/digits.bin"))
    assert result.status == 503
    assert rewriter.count < 20


def test_the_date_is_sent_two_seconds_after_the_modification(site: Path) -> None:
    """RFC 9110 8.8.2.2: before that, it would not be a strong validator."""
    changed = time.time_ns() - 1_200_000_000
    os.utime(site / "digits.bin", ns=(changed, changed))
    settle()
    app = StaticFiles(None, site)
    first = call_raw(app, make_environ("/digits.bin")).headers
    if time.time_ns() - changed < 1_900_000_000:
        assert "Last-Modified" not in first
    assert eventually(lambda: "Last-Modified" in call_raw(app, make_environ("/digits.bin")).headers)
    date = call(app, "/digits.bin").headers["Last-Modified"]
    fields = {"HTTP_RANGE": "bytes=0-1", "HTTP_IF_RANGE": date}
    assert call(app, "/digits.bin", **fields).status == 206


def test_the_etag_of_the_content_does_not_depend_on_the_time(
    site: Path, open_descriptors: None
) -> None:
    app = StaticFiles(None, site, etag="content")
    (site / "copy.txt").write_bytes((site / "hello.txt").read_bytes())
    os.utime(site / "copy.txt", (1_500_000_000, 1_500_000_000))
    tags = {
        call(app, path, method).headers["ETag"]
        for path in ("/hello.txt", "/copy.txt")
        for method in ("GET", "HEAD")
    }
    assert len(tags) == 1
    assert call(app, "/copy.txt", HTTP_IF_NONE_MATCH=tags.pop()).status == 304
    ranged = call(app, "/digits.bin", HTTP_RANGE="bytes=5-6")
    assert ranged.body == b"56"


def test_without_etags_the_date_is_the_validator(site: Path) -> None:
    app = StaticFiles(None, site, etag=None)
    result = call(app, "/hello.txt")
    assert "ETag" not in result.headers
    date = result.headers["Last-Modified"]
    unchanged = call(app, "/hello.txt", HTTP_IF_MODIFIED_SINCE=date)
    assert unchanged.status == 304
    assert unchanged.headers["Last-Modified"] == date
    ranged = call(app, "/hello.txt", HTTP_RANGE="bytes=0-1", HTTP_IF_RANGE=date)
    assert ranged.status == 206
    age(site / "hello.txt")
    assert call(app, "/hello.txt", HTTP_IF_MATCH="*").status == 200
    assert call(app, "/hello.txt", HTTP_IF_MATCH='"x"').status == 412


def test_the_option_max_ranges(site: Path) -> None:
    app = StaticFiles(None, site, max_ranges=1)
    assert call(app, "/digits.bin", HTTP_RANGE="bytes=0-1").status == 206
    assert call(app, "/digits.bin", HTTP_RANGE="bytes=0-1,5-6").status == 200
    none = StaticFiles(None, site, max_ranges=0)
    assert call(none, "/digits.bin", HTTP_RANGE="bytes=0-1").status == 200


def test_the_options_media_types_and_charset(site: Path) -> None:
    app = StaticFiles(None, site, media_types={".bin": "text/x-digits"}, charset="latin-1")
    assert call(app, "/digits.bin").headers["Content-Type"] == "text/x-digits; charset=latin-1"


def test_a_file_that_grows_while_it_is_hashed_is_sent_without_an_etag(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    from wsgistatic.files import digests as content_digest

    real, path = content_digest.hash_content, site / "digits.bin"

    def append_and_digest(*arguments: Any) -> bytes:
        with path.open("ab") as file:
            file.write(b"more")
        return real(*arguments)

    monkeypatch.setattr(content_digest, "hash_content", append_and_digest)
    result = start(StaticFiles(None, site, etag="content"), make_environ("/digits.bin"))
    assert result.status == 200
    assert "ETag" not in result.headers
    # On a slow machine the file is looked up again, and grows again.
    length = int(result.headers["Content-Length"])
    assert b"".join(result.iterable) == (b"0123456789" * 100 + b"more")[:length]
