"""Clocks that step back, and file systems that keep no time or whole seconds."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.calling import Result
from tests.conftest import OLD
from tests.faults.kinds import KINDS, Kind, same
from wsgistatic import StaticFiles
from wsgistatic.representations.cache import Variant

# What is refused now is asked again now, and what is compressed has to be kept.
pytestmark = [pytest.mark.live, pytest.mark.catalog]

BACK = [3600.0, 10 * 365 * 86_400.0]  # seconds


def step_back(monkeypatch: pytest.MonkeyPatch, seconds: float) -> float:
    """Set the clock back; give the time that it shows."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - int(seconds * 1e9))
    monkeypatch.setattr(time, "time", lambda: time.time_ns() / 1e9)
    return time.time()


def modified(result: Result) -> float:
    return parsedate_to_datetime(result.headers["Last-Modified"]).timestamp()


@pytest.mark.parametrize("seconds", BACK)
@pytest.mark.parametrize("name", KINDS)
def test_a_clock_that_steps_back(
    site: Path, name: str, seconds: float, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    """What is new is dated by the clock, with weak tags; what is known stays as it is at first."""
    for path in site.rglob("*"):
        os.utime(path)  # after what the clock will show
    caplog.set_level(logging.DEBUG, "wsgistatic")
    time.sleep(0.03)
    kind = KINDS[name]
    warm = kind.app(site)
    right = kind.ask(warm)
    now = step_back(monkeypatch, seconds)
    known = kind.ask(warm)
    assert (known.status, len(known.body)) == (right.status, len(right.body))
    for _ in range(2):
        new = kind.ask(kind.app(site))
        assert new.status == kind.status
        if "Last-Modified" in new.headers:
            assert modified(new) <= now + 60
        assert not new.headers.get("ETag", "").startswith('"')
    assert caplog.records == []


class Seconds:
    """Takes the place of the monotonic clock: over a second passes from one request to the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        for module in ("representations.cache", "wsgi.middleware", "wsgi.responder"):
            monkeypatch.setattr(f"wsgistatic.{module}.monotonic", lambda: self.now)

    def ask(self, kind: Kind, app: StaticFiles) -> Result:
        self.now += 1.1
        return kind.ask(app)


@pytest.mark.parametrize("options", [{}, {"encodings": ()}], ids=["", "no codings"])
@pytest.mark.parametrize(
    ("mtime", "age", "back"),
    [(0, 0, 3600), (0, 7200, 10_800), (100_000, 7200, 3600)],
    ids=["new", "old", "dated ahead by hand"],
)
@pytest.mark.parametrize("name", KINDS)
def test_what_is_known_is_dated_anew_within_a_second(
    site: Path, name: str, mtime: float, age: float, back: float, options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    """8.8.2.1: no Last-Modified "later than the server's time of message origination"."""
    caplog.set_level(logging.DEBUG, "wsgistatic")
    for path in site.rglob("*.*"):
        os.utime(path, (time.time() + mtime,) * 2)
    time.sleep(0.03)
    kind = replace(KINDS[name], options={**KINDS[name].options, **options})
    seconds, app = Seconds(monkeypatch), kind.app(site)
    step_back(monkeypatch, -age)
    right = [kind.ask(app) for _ in range(3)][-1]
    step_back(monkeypatch, back)
    for _ in range(3):
        result = seconds.ask(kind, app)
        assert result.status == right.status
        if "Last-Modified" in result.headers:
            assert modified(result) <= time.time()
    assert caplog.records == []


@pytest.mark.parametrize("name", ["whole", "sidecar", "compressed"])
def test_what_is_dated_by_the_clock_is_described_once(
    site: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in site.rglob("*.*"):
        os.utime(path, (time.time() + 100_000,) * 2)
    time.sleep(0.03)
    kind = KINDS[name]
    seconds, app = Seconds(monkeypatch), kind.app(site)
    step_back(monkeypatch, -7200.0)
    kind.ask(app)
    before = described(app)
    assert before
    for back in (0.0, 3600.0):  # then anew, once
        step_back(monkeypatch, back)
        if back:
            seconds.ask(kind, app)
            assert all(described(app)[key] is not before[key] for key in before)
            before = described(app)
        for _ in range(3):
            seconds.ask(kind, app)
            assert all(described(app)[key] is before[key] for key in before)


def described(app: StaticFiles) -> dict[tuple[str, str | None], Variant]:
    """Return all cached variants by key and coding."""
    return {
        (key, coding): variant
        for key, cached in app._cache.files.items()
        for coding, variant in cached.variants.items()
    }


@pytest.mark.parametrize("mtime", [0, -1, 1, 1_000_000_000, OLD * 10**9, OLD * 10**9 + 1])
def test_another_version_of_the_same_time_and_size_is_seen(
    site: Path, mtime: int, open_descriptors: None
) -> None:
    """On a file system that keeps no mtime, or whole seconds, the inode and ctime tell."""
    kind, path = KINDS["whole"], site / "deep/er/small.txt"
    os.utime(path, ns=(mtime, mtime))
    time.sleep(0.03)
    app = kind.app(site)
    right = kind.ask(app)
    assert same(kind.ask(app), right)
    content = path.read_bytes().swapcase()
    for replaced in (True, False):
        new = site / "new" if replaced else path
        new.write_bytes(content)
        os.utime(new, ns=(mtime, mtime))
        new.replace(path)
        result = kind.ask(app)
        assert (result.status, result.body) == (200, content)
        if mtime <= 1_000_000_000:
            assert result.headers["ETag"] != right.headers["ETag"]
        content, right = content.swapcase(), result
        time.sleep(0.03)
