"""Clocks that step back, and file systems that keep no time or whole seconds."""

from __future__ import annotations

import logging
import os
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.calling import Result
from tests.conftest import OLD
from tests.faults.kinds import KINDS, same

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
    """What is new is dated by the clock, with weak tags; what is known stays as it is."""
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
    for replace in (True, False):
        new = site / "new" if replace else path
        new.write_bytes(content)
        os.utime(new, ns=(mtime, mtime))
        new.replace(path)
        result = kind.ask(app)
        assert (result.status, result.body) == (200, content)
        if mtime <= 1_000_000_000:
            assert result.headers["ETag"] != right.headers["ETag"]
        content, right = content.swapcase(), result
        time.sleep(0.03)
