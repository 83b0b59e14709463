"""Requests for files whose digests cannot be kept: how many bytes are read for them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from tests.client import call_raw, make_environ
from tests.conftest import OLD, Read, record_reads, settle
from wsgistatic import FileApp, StaticFiles
from wsgistatic.files import digests

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("open_descriptors")]

MIB = 1024 * 1024


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Read]:
    """All reads, while the clock of the allowance stands still."""
    monkeypatch.setattr(digests, "monotonic", lambda: 1000.0)
    return record_reads(monkeypatch)


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize(
    ("method", "extra"),
    [("HEAD", {}), ("HEAD", {"HTTP_IF_MODIFIED_SINCE": "Tue, 14 Nov 2023 22:13:20 GMT"})],
)
def test_growing_log_is_not_hashed_for_each_request(
    site: Path, method: str, extra: dict[str, str], settled: bool, reads: list[Read]
) -> None:
    app = StaticFiles(None, site, etag="content")
    with (site / "log.txt").open("wb") as log:
        log.write(bytes(8 * MIB))
    tags = []
    for second in range(50):
        with (site / "log.txt").open("ab") as log:
            log.write(b"line\n")
        if settled:
            os.utime(site / "log.txt", (OLD, OLD + second))
            settle()
        result = call_raw(app, make_environ("/log.txt", method, **extra))
        assert result.status in (200, 304)
        tags.append(result.headers.get("ETag"))
    assert tags[0] is not None
    assert tags[-1] is None
    assert sum(read.size for read in reads) <= 3 * 8 * MIB + MIB


def test_version_without_a_tag_gets_one_later(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(digests, "monotonic", lambda: now)
    app = StaticFiles(None, site, etag="content")
    (site / "log.txt").write_bytes(bytes(40 * MIB))
    tags = []
    for second in range(3):
        os.utime(site / "log.txt", (OLD, OLD + second))
        settle()
        for method in ("HEAD", "HEAD"):
            result = call_raw(app, make_environ("/log.txt", method))
            tags.append(result.headers.get("ETag"))
    assert [tag is None for tag in tags] == [False, False, True, True, True, True]
    now += 2.0
    assert call_raw(app, make_environ("/log.txt", "HEAD")).headers["ETag"] == tags[0]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_large_file_object_is_not_hashed(method: str) -> None:
    class Counting(io.RawIOBase):
        """An object that is not a file of the operating system."""

        def __init__(self, size: int) -> None:
            self.size, self.position, self.count = size, 0, 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.position = offset + (self.size if whence == 2 else 0)
            return self.position

        def tell(self) -> int:
            return self.position

        def read(self, size: int = -1) -> bytes:
            size = min(size, self.size - self.position)
            self.position += size
            self.count += size
            return bytes(size)

    for size, has_tag in ((MIB, True), (MIB + 1, False)):
        source: Any = Counting(size)
        app = FileApp(source, etag="content")
        result = call_raw(app, make_environ("/", method))
        assert result.status == 200
        assert ("ETag" in result.headers) is has_tag
        assert source.count == size * (has_tag + (method == "GET"))
