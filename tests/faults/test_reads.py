"""Reads that return too little, fail, or are interrupted."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.client import call_raw, make_environ, start
from tests.conftest import settle
from tests.faults.cases import (
    BLOCK,
    BYTES,
    CASES,
    OPTIONS,
    Case,
    assert_error_response,
    is_equivalent,
)
from tests.faults.disk import FaultyDisk
from wsgistatic import StaticFiles

# Errors must be retried at the next request, and compression needs the memory cache.
pytestmark = [pytest.mark.system_calls, pytest.mark.live, pytest.mark.memory_cache]


@pytest.mark.parametrize("max_read_size", [1, 7, BLOCK - 1])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("name", CASES)
def test_short_reads(
    site: Path, name: str, warm: bool, max_read_size: int, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    case = CASES[name]
    expected = case.send(case.app(site))
    app = case.app(site)
    for _ in range(2 * warm):
        case.send(app)
    FaultyDisk(monkeypatch).max_read_size = max_read_size
    assert is_equivalent(case.send(app), expected)
    assert is_equivalent(case.send(app), expected)
    assert caplog.records == []


@pytest.mark.parametrize("fields", [{}, {"HTTP_RANGE": "bytes=0-9,2000-3400"}])
def test_short_reads_of_a_file_that_grows(
    site: Path, fields: dict[str, str], monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    """The bytes already sent are read again and compared."""
    FaultyDisk(monkeypatch).max_read_size = 7
    expected = call_raw(StaticFiles(None, site, **OPTIONS), make_environ("/link.bin", **fields))
    result = start(StaticFiles(None, site, **OPTIONS), make_environ("/link.bin", **fields))
    body = iter(result.iterable)
    blocks = [next(body)]
    with (site / "link.bin").open("ab") as file:
        file.write(b"more")
    blocks += body
    assert len(b"".join(blocks)) == len(expected.body)


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE], ids=errno.errorcode.get)
@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_disk_fails_during_a_response(
    site: Path, after: int, code: int, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    """The response breaks off, and all requests fail until the disk works again."""
    disk, case = FaultyDisk(monkeypatch), Case("/deep/er/large.bin")
    app = case.app(site)
    body = iter(start(app, make_environ(case.path)).iterable)
    sent = [next(body) for _ in range(after)]
    disk.fail_from(0, code)
    with pytest.raises(OSError, match=os.strerror(code)):
        sent.extend(body)
    assert b"".join(sent) == BYTES[: BLOCK * max(after, 1)]
    assert [str(site / "deep/er/large.bin") in line for line in caplog.messages] == [True]
    disk.reset()
    others = [(other, other.app(site)) for other in CASES.values()]
    disk.fail_from(0, code)
    status = {errno.EIO: 500, errno.ESTALE: 503}[code]
    for other, other_app in others:
        caplog.clear()
        assert_error_response(other.send(other_app), status, caplog.records, site)
    disk.reset()
    assert case.send(app).body == BYTES


class StoppedError(BaseException):
    """Raised by a signal handler, like KeyboardInterrupt or the timeout of a worker."""


@pytest.fixture
def alarms() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_signals_during_a_response(tmp_path: Path, alarms: None, open_descriptors: None) -> None:
    """Signals do not interrupt reads of regular files, and Python retries interrupted calls."""
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
        assert sum(map(len, start(app, make_environ("/zeros.bin")).iterable)) == size


def test_file_is_closed_after_an_exception_in_a_read(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    disk, case = FaultyDisk(monkeypatch), Case("/deep/er/large.bin")
    body = iter(start(case.app(site), make_environ(case.path)).iterable)
    next(body)

    def stop() -> None:
        raise StoppedError

    with monkeypatch.context() as stopping:
        stopping.setattr(disk, "before_call", stop)
        with pytest.raises(StoppedError):
            list(body)
