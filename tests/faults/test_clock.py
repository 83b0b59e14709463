"""Clocks that are set back, and file systems with no or coarse time stamps."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call_raw, make_environ
from tests.conftest import OLD
from tests.faults.cases import CASES, NAMES, Case, is_equivalent
from tests.waiting import eventually
from wsgistatic import StaticFiles
from wsgistatic.files import digests
from wsgistatic.files.changes import Reader
from wsgistatic.files.digests import Algorithm
from wsgistatic.files.versions import signature
from wsgistatic.representations.cached_file import Variant

# Errors must be retried at the next request, and compression needs the memory cache.
pytestmark = [pytest.mark.live, pytest.mark.memory_cache]

BACK = [3600.0, 10 * 365 * 86_400.0]  # seconds


def step_back(monkeypatch: pytest.MonkeyPatch, seconds: float) -> float:
    """Set the clock back; return the new time."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - int(seconds * 1e9))
    monkeypatch.setattr(time, "time", lambda: time.time_ns() / 1e9)
    return time.time()


def modified(result: Response) -> float:
    return parsedate_to_datetime(result.headers["Last-Modified"]).timestamp()


@pytest.mark.parametrize("seconds", BACK)
@pytest.mark.parametrize("name", NAMES)
def test_clock_is_set_back(
    site: Path, name: str, seconds: float, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    """Files newer than the clock get no Last-Modified, and a weak ETag.

    Responses that are already cached stay the same at first.
    """
    for path in site.rglob("*"):
        os.utime(path)  # later than the time that the clock will show
    caplog.set_level(logging.DEBUG, "wsgistatic")
    time.sleep(0.03)
    case = CASES[name]
    warm = case.app(site)
    expected = case.send(warm)
    now = step_back(monkeypatch, seconds)
    cached = case.send(warm)
    assert (cached.status, len(cached.body)) == (expected.status, len(expected.body))
    for _ in range(2):
        new = case.send(case.app(site))
        assert new.status == case.status
        if "Last-Modified" in new.headers:
            assert modified(new) <= now + 60
        assert not new.headers.get("ETag", "").startswith('"')
    assert caplog.records == []


def keep_whole_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file system keep its time stamps in whole seconds, like ext4 with small inodes."""

    def truncated(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> os.stat_result:
            status = function(*arguments, **options)
            times = {
                name: getattr(status, name) // 10**9 * 10**9
                for name in ("st_mtime_ns", "st_ctime_ns")
            }
            return os.stat_result(tuple(status), times)

        return call

    for name in ("stat", "fstat"):
        monkeypatch.setattr(os, name, truncated(getattr(os, name)))


@pytest.mark.change_times
@pytest.mark.parametrize("etag", ["stat", "content"])
def test_clock_of_the_file_system_is_behind(
    tmp_path: Path, etag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is edited again in the same second of its clock has looked old at once."""
    step_back(monkeypatch, -30.0)
    keep_whole_seconds(monkeypatch)
    app, path = StaticFiles(None, tmp_path, etag=etag), tmp_path / "a.txt"
    for _ in range(50):
        path.write_bytes(b"one")
        before, first = os.stat(path), call_raw(app, make_environ("/a.txt"))
        path.write_bytes(b"two")
        if signature(os.stat(path)) == signature(before):
            break
    fields = {"HTTP_IF_NONE_MATCH": first.headers["ETag"]}
    for extra in ({}, fields):
        second = call_raw(app, make_environ("/a.txt", **extra))
        assert (second.status, second.body) == (200, b"two")

    def is_cached() -> bool:
        assert call_raw(app, make_environ("/a.txt")).body == b"two"
        return "/a.txt" in app._files

    assert eventually(is_cached)


@pytest.mark.change_times
def test_clock_of_the_file_system_is_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file is soon compressed and kept, although its time is not reached for an hour."""
    (tmp_path / "app.js").write_bytes(b"let answer = 42;\n" * 100)
    step_back(monkeypatch, 3600.0)
    hashed: list[int] = []
    real = digests.hash_content

    def count_and_hash(file: Reader, size: int, algorithm: Algorithm) -> bytes:
        hashed.append(size)
        return real(file, size, algorithm)

    monkeypatch.setattr(digests, "hash_content", count_and_hash)
    app = StaticFiles(None, tmp_path, etag="content", compress=True)
    environ = make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip")
    assert eventually(lambda: "Content-Encoding" in call_raw(app, environ).headers)
    hashed.clear()
    response = call_raw(app, environ)
    assert call_raw(app, environ).headers == response.headers
    environ["HTTP_IF_NONE_MATCH"] = response.headers["ETag"]
    assert call_raw(app, environ).status == 304
    assert hashed == []


class MonotonicClock:
    """Replaces the monotonic clock, which advances by 1.1 seconds before each request."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        for module in (
            "representations.cache",
            "representations.cached_file",
            "wsgi.middleware",
            "wsgi.responder",
        ):
            monkeypatch.setattr(f"wsgistatic.{module}.monotonic", lambda: self.now)

    def send(self, case: Case, app: StaticFiles) -> Response:
        self.now = max(self.now, time.monotonic()) + 1.1  # sources use the real clock
        return case.send(app)


@pytest.mark.parametrize("options", [{}, {"encodings": ()}], ids=["", "no codings"])
@pytest.mark.parametrize(
    ("mtime", "age", "back"),
    [(0, 0, 3600), (0, 7200, 10_800), (100_000, 7200, 3600)],
    ids=["new", "old", "in the future"],
)
@pytest.mark.parametrize("name", CASES)
def test_cached_last_modified_follows_the_clock_within_a_second(
    site: Path, name: str, mtime: float, age: float, back: float, options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    """RFC 9110, 8.8.2.1: Last-Modified must not be later than the time of the response."""
    caplog.set_level(logging.DEBUG, "wsgistatic")
    for path in site.rglob("*.*"):
        os.utime(path, (time.time() + mtime,) * 2)
    time.sleep(0.03)
    case = replace(CASES[name], options={**CASES[name].options, **options})
    seconds, app = MonotonicClock(monkeypatch), case.app(site)
    step_back(monkeypatch, -age)
    expected = [case.send(app) for _ in range(3)][-1]
    step_back(monkeypatch, back)
    for _ in range(3):
        result = seconds.send(case, app)
        assert result.status == expected.status
        if "Last-Modified" in result.headers:
            assert modified(result) <= time.time()
    assert caplog.records == []


@pytest.mark.change_times
@pytest.mark.parametrize("name", ["whole", "sidecar", "compressed"])
def test_files_in_the_future_are_described_once(
    site: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in site.rglob("*.*"):
        os.utime(path, (time.time() + 100_000,) * 2)
    time.sleep(0.03)
    case = CASES[name]
    seconds, app = MonotonicClock(monkeypatch), case.app(site)
    step_back(monkeypatch, -7200.0)
    case.send(app)
    before = described(app)
    assert before
    for back in (0.0, 3600.0):  # they have no date that could lie ahead of the clock
        step_back(monkeypatch, back)
        for _ in range(3):
            seconds.send(case, app)
            assert all(described(app)[key] is before[key] for key in before)


def described(app: StaticFiles) -> dict[tuple[str, str | None], Variant]:
    """Return all cached variants by key and coding."""
    return {
        (key, coding): variant
        for key, cached in app._cache.files.items()
        for coding, variant in cached.variants.items()
    }


BUILDPACKS = 315_532_801 * 10**9  # 1980-01-01 00:00:01


@pytest.mark.change_times
@pytest.mark.parametrize(
    "mtime", [0, -1, 1, 1_000_000_000, BUILDPACKS, OLD * 10**9, OLD * 10**9 + 1]
)
def test_new_version_with_the_same_time_and_size(
    site: Path, mtime: int, open_descriptors: None
) -> None:
    """The inode and ctime reveal it on file systems that keep no mtime, or only whole seconds."""
    case, path = CASES["whole"], site / "deep/er/small.txt"
    os.utime(path, ns=(mtime, mtime))
    time.sleep(0.03)
    app = case.app(site)
    expected = case.send(app)
    assert is_equivalent(case.send(app), expected)
    content = path.read_bytes().swapcase()
    for replaced in (True, False):
        new = site / "new" if replaced else path
        new.write_bytes(content)
        os.utime(new, ns=(mtime, mtime))
        new.replace(path)
        result = case.send(app)
        assert (result.status, result.body) == (200, content)
        if mtime <= BUILDPACKS:
            held = {"HTTP_IF_NONE_MATCH": expected.headers["ETag"]}
            assert call_raw(app, make_environ("/deep/er/small.txt", **held)).status == 200
            assert "1980" not in result.headers.get("Last-Modified", "")
        content, expected = content.swapcase(), result
        time.sleep(0.03)
