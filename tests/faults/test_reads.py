"""Reads that give less than was asked for, break off, or are interrupted."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.calling import call_bare, environ_of, start
from tests.conftest import settle
from tests.faults.disk import Disk
from tests.faults.kinds import BLOCK, BYTES, KINDS, OPTIONS, Kind, assert_refused, same
from wsgistatic import StaticFiles

# What is refused now is asked again now, and what is compressed has to be kept.
pytestmark = [pytest.mark.live, pytest.mark.catalog]


@pytest.mark.parametrize("most", [1, 7, BLOCK - 1])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", KINDS)
def test_short_reads(
    site: Path, name: str, warm: bool, most: int, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    kind = KINDS[name]
    right = kind.ask(kind.app(site))
    app = kind.app(site)
    for _ in range(2 * warm):
        kind.ask(app)
    Disk(monkeypatch).most = most
    assert same(kind.ask(app), right)
    assert same(kind.ask(app), right)
    assert caplog.records == []


@pytest.mark.parametrize("fields", [{}, {"HTTP_RANGE": "bytes=0-9,2000-3400"}])
def test_short_reads_of_a_file_that_grows_under_way(
    site: Path, fields: dict[str, str], monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    """What was sent is read again, and compared."""
    Disk(monkeypatch).most = 7
    right = call_bare(StaticFiles(None, site, **OPTIONS), environ_of("/link.bin", **fields))
    result = start(StaticFiles(None, site, **OPTIONS), environ_of("/link.bin", **fields))
    body = iter(result.iterable)
    blocks = [next(body)]
    with (site / "link.bin").open("ab") as file:
        file.write(b"more")
    blocks += body
    assert len(b"".join(blocks)) == len(right.body)


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE], ids=errno.errorcode.get)
@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_disk_that_vanishes_under_way(
    site: Path, after: int, code: int, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    """A response that has begun breaks, and all of the disk is gone until it is back."""
    disk, kind = Disk(monkeypatch), Kind("/deep/er/large.bin")
    app = kind.app(site)
    body = iter(start(app, environ_of(kind.path)).iterable)
    sent = [next(body) for _ in range(after)]
    disk.fail_from(0, code)
    with pytest.raises(OSError, match=os.strerror(code)):
        sent.extend(body)
    assert b"".join(sent) == BYTES[: BLOCK * max(after, 1)]
    assert [str(site / "deep/er/large.bin") in line for line in caplog.messages] == [True]
    disk.count()
    others = [(other, other.app(site)) for other in KINDS.values()]
    disk.fail_from(0, code)
    status = {errno.EIO: 500, errno.ESTALE: 503}[code]
    for other, other_app in others:
        caplog.clear()
        assert_refused(other.ask(other_app), status, caplog.records, site)
    disk.count()
    assert kind.ask(app).body == BYTES


class StoppedError(BaseException):
    """Raised by a signal handler, as KeyboardInterrupt or a worker's timeout."""


@pytest.fixture
def alarms() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_signals_under_way(tmp_path: Path, alarms: None, open_descriptors: None) -> None:
    """Reads of regular files do not end with EINTR, and Python would go on; looks and waits too."""
    size, count = 64 * 1024 * 1024, 0
    with (tmp_path / "zeros.bin").open("wb") as file:
        file.truncate(size)
    settle()

    def tick(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1

    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    app = StaticFiles(None, tmp_path)
    while count < 50:
        assert sum(map(len, start(app, environ_of("/zeros.bin")).iterable)) == size


def test_an_exception_out_of_a_read_closes_the_file(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    disk, kind = Disk(monkeypatch), Kind("/deep/er/large.bin")
    body = iter(start(kind.app(site), environ_of(kind.path)).iterable)
    next(body)

    def stop() -> None:
        raise StoppedError

    with monkeypatch.context() as stopping:
        stopping.setattr(disk, "step", stop)
        with pytest.raises(StoppedError):
            list(body)
