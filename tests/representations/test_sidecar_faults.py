"""Sidecars that are not a coding of their file, or not one that every client decodes."""

from __future__ import annotations

import gzip
import logging
import os
import random
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call_raw, make_environ
from tests.conftest import OLD, age, encoded, gzip_of_size, record_reads, settle
from wsgistatic import FileApp, StaticFiles
from wsgistatic.files.directory import File, single_file
from wsgistatic.http.codings import CODINGS
from wsgistatic.representations import sidecars
from wsgistatic.representations.sidecars import sidecar_fault

pytestmark = pytest.mark.usefixtures("open_descriptors")

OLDER = b"let answer = 41;\n" * 100
NEWER = b"let answer = 42;\n" * 100
MIB = 1024 * 1024


def text(size: int) -> bytes:
    """Return text that compresses to half its size."""
    return random.Random(size).randbytes(size // 2 + 1).hex().encode()[:size]


def fault_of(folder: Path, coding: str, coded: bytes, content: bytes) -> str | None:
    for name, data in (("app.js", content), ("app.js.coded", coded)):
        (folder / name).write_bytes(data)
    original, sidecar = (single_file(str(folder / name)) for name in ("app.js", "app.js.coded"))
    with original.open() as opened, sidecar.open() as coded_file:
        return sidecar_fault(coding, coded_file.file, opened.file)


def gzip_of(data: bytes) -> bytes:
    """Compress data without a time, because the workers of pytest-xdist compare names of tests."""
    return gzip.compress(data, mtime=0)


def zstd_of(content: bytes, window_log: int = 0, *, size: bool = True, level: int = 1) -> bytes:
    zstandard = import_module("zstandard")
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, window_log=window_log, write_content_size=size
    )
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj(
        size=len(content) if size else -1
    )
    return bytes(stream.compress(content) + stream.flush())


def large_window_brotli(content: bytes) -> bytes:
    """Return a stream that begins as one made with ``brotli --large_window=30``."""
    # The extension of RFC 7932 in the reference implementation: 0x11, then six bits of the window.
    return b"\x11\x1e" + encoded("br", content)[1:]


BGZIP_END = gzip.compress(b"", mtime=0)  # bgzip ends each file with an empty member


@pytest.mark.parametrize(
    ("coding", "coded", "content", "fault"),
    [
        *((coding, encoded(coding, NEWER), NEWER, None) for coding in CODINGS),
        *((coding, encoded(coding, b""), b"", None) for coding in CODINGS),
        # a rollback
        *((coding, encoded(coding, NEWER), OLDER, "it holds other bytes") for coding in CODINGS),
        ("gzip", encoded("gzip", NEWER[1:]), NEWER, "its trailer gives a length of 1,699 bytes"),
        ("zstd", encoded("zstd", NEWER + b"\n"), NEWER, "its header gives a length of 1,701 bytes"),
        ("br", encoded("br", NEWER + b"\n"), NEWER, "it holds other bytes"),
        ("br", encoded("br", NEWER[:-1]), NEWER, "it holds other bytes"),
        ("zstd", zstd_of(NEWER[:-1], size=False), NEWER, "it holds other bytes"),
        ("zstd", zstd_of(NEWER, size=False), NEWER, None),
        # several members or frames, of which browsers decode the first
        ("gzip", gzip_of(NEWER[:900]) + gzip_of(NEWER[900:]), NEWER,
         "its trailer gives a length of 800 bytes"),
        ("gzip", gzip_of(NEWER) + BGZIP_END, NEWER,
         "its trailer gives a length of 0 bytes"),
        ("gzip", BGZIP_END + gzip_of(NEWER), NEWER,
         "it is not one gzip stream: more data follows"),
        ("zstd", zstd_of(NEWER[:900]) + zstd_of(NEWER[900:]), NEWER,
         "its header gives a length of 900 bytes"),
        ("zstd", zstd_of(NEWER[:900], size=False) + zstd_of(NEWER[900:], size=False), NEWER,
         "it is not one zstd stream: more data follows"),
        ("zstd", b"\x50\x2a\x4d\x18\x04\0\0\0skip" + zstd_of(NEWER), NEWER,
         "it is not a zstd frame"),  # as pzstd writes it
        # another format
        ("gzip", zlib.compress(NEWER), NEWER, "it is not gzip"),
        ("gzip", b"", NEWER, "it is not gzip"),
        ("gzip", b"\x1f\x8b\x08\xe0" + bytes(20), NEWER, "it is not gzip"),
        ("zstd", gzip_of(NEWER), NEWER, "it is not a zstd frame"),
        ("zstd", b"\x28\xb5\x2f\xfd", NEWER, "it is not a zstd frame"),
        ("br", b"", NEWER, "it is not br of RFC 7932"),
        ("br", large_window_brotli(NEWER), NEWER, "it is not br of RFC 7932"),
        ("br", gzip_of(NEWER), NEWER, "it is not br: brotli: decoder failed"),
        # a window that clients need not support
        ("zstd", zstd_of(text(1000), 24, size=False), text(1000),
         "its window of 16,777,216 bytes exceeds the 8 MiB of RFC 9659"),
        ("zstd", zstd_of(text(1000), 23, size=False), text(1000), None),
        # broken
        ("gzip", encoded("gzip", NEWER)[:-8] + bytes(4) + encoded("gzip", NEWER)[-4:], NEWER,
         "it is not gzip: Error -3 while decompressing data: incorrect data check"),
        ("gzip", encoded("gzip", b"")[:10] + bytes(4), b"",
         "it is not one complete gzip stream"),
        ("zstd", encoded("zstd", NEWER)[:-1], NEWER, "it is not one complete zstd stream"),
        ("br", encoded("br", NEWER)[:-1], NEWER, "it is not one complete br stream"),
        ("gzip", gzip_of_size(encoded("gzip", NEWER), 200_000), NEWER,
         "it is much larger than its file"),
    ],
)  # fmt: skip
def test_fault(tmp_path: Path, coding: str, coded: bytes, content: bytes, fault: str) -> None:
    assert fault_of(tmp_path, coding, coded, content) == fault


def test_single_segment_has_a_window_of_its_content(tmp_path: Path) -> None:
    content = bytes(9 * MIB)
    assert fault_of(tmp_path, "zstd", encoded("zstd", content), content) is None
    coded = bytes(import_module("zstandard").ZstdCompressor(level=22).compress(content))
    assert coded[4] & 0x20  # Single_Segment_flag
    fault = "its window of 9,437,184 bytes exceeds the 8 MiB of RFC 9659"
    assert fault_of(tmp_path, "zstd", coded, content) == fault


@pytest.mark.parametrize("coding", CODINGS)
def test_only_the_beginning_of_a_large_file_is_read(
    tmp_path: Path, coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = text(6 * MIB)
    coded = b"".join(CODINGS[coding].encode([content], len(content), 1))
    reads = record_reads(monkeypatch)
    assert fault_of(tmp_path, coding, coded, content) is None
    assert MIB <= sum(read.size for read in reads) < 3 * MIB
    assert fault_of(tmp_path, coding, coded, b"x" + content[1:]) == "it holds other bytes"


def test_coding_with_little_output_is_not_read_whole(tmp_path: Path) -> None:
    # An empty stored block of deflate takes five bytes (RFC 1951 3.2.4).
    coded = b"\x1f\x8b\x08" + bytes(7) + b"\0\0\0\xff\xff" * MIB
    content = bytes(5 * MIB)
    assert fault_of(tmp_path, "gzip", coded + len(content).to_bytes(8, "little"), content)
    tail = (len(content)).to_bytes(4, "little")
    assert fault_of(tmp_path, "gzip", coded[: 4 * MIB] + tail, content) is None


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_without_the_library_header_and_trailer_count(
    tmp_path: Path, coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    coded, shorter = encoded(coding, NEWER), encoded(coding, NEWER[1:])
    for module in ("brotli", "zstandard", "compression.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    assert fault_of(tmp_path, coding, coded, OLDER) is None
    assert bool(fault_of(tmp_path, coding, shorter, NEWER)) is (coding == "zstd")


@pytest.fixture(params=CODINGS)
def rolled_back(request: pytest.FixtureRequest, site: Path) -> Path:
    """A directory in which a rollback restored an older ``app.js`` beside a newer sidecar."""
    coding = str(request.param)
    (site / "app.js").write_bytes(OLDER)
    age(site / "app.js")
    sidecar = site / f"app.js{CODINGS[coding].suffix}"
    sidecar.write_bytes(encoded(coding, NEWER))
    os.utime(sidecar, (OLD + 60, OLD + 60))
    settle()
    return site


def get(app: Any, method: str = "GET", **extra: Any) -> Response:
    extra = {"HTTP_ACCEPT_ENCODING": "gzip, br, zstd", **extra}
    return call_raw(app, make_environ("/app.js", method, **extra))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ["directory", "uncached", "file"])
def test_file_itself_is_sent_after_a_rollback(
    rolled_back: Path, kind: str, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "wsgistatic")
    apps: dict[str, Callable[[], Any]] = {
        "directory": lambda: StaticFiles(None, rolled_back),
        "uncached": lambda: StaticFiles(None, rolled_back, cache_size=0),
        "file": lambda: FileApp(rolled_back / "app.js", encodings=("gzip", "br", "zstd")),
    }
    app = apps[kind]()
    for _ in range(3):
        result = get(app, method)
        assert result.status == 200
        assert "Content-Encoding" not in result.headers
        assert result.headers["Content-Length"] == str(len(OLDER))
        assert result.headers["Vary"] == "Accept-Encoding"
        assert result.body == (OLDER if method == "GET" else b"")
    assert [" not sent, since " in message for message in caplog.messages] == [True]


@pytest.mark.change_times
@pytest.mark.live
def test_sidecar_is_sent_once_it_belongs_to_the_file(rolled_back: Path) -> None:
    app = StaticFiles(None, rolled_back)
    assert get(app).body == OLDER
    (rolled_back / "app.js").write_bytes(NEWER)
    age(rolled_back / "app.js")
    settle()
    assert get(app).headers["Content-Encoding"] in CODINGS


def test_another_sidecar_takes_the_place_of_a_faulty_one(rolled_back: Path) -> None:
    for coding in CODINGS:
        sidecar = rolled_back / f"app.js{CODINGS[coding].suffix}"
        if not sidecar.exists():
            sidecar.write_bytes(encoded(coding, OLDER))
    settle()
    assert len(get(StaticFiles(None, rolled_back)).headers["Content-Encoding"]) > 1


@pytest.mark.parametrize("cache_size", [0, 1_000_000])
def test_each_version_is_compared_once(
    site: Path, cache_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "app.js").write_bytes(NEWER)
    (site / "app.js.gz").write_bytes(encoded("gzip", NEWER))
    settle()
    calls: list[str] = []
    real = CODINGS["gzip"].fault

    def fault(*arguments: Any) -> str | None:
        calls.append("gzip")
        return real(*arguments)

    monkeypatch.setitem(CODINGS, "gzip", CODINGS["gzip"]._replace(fault=fault))
    for _ in range(2):
        app = StaticFiles(None, site, cache_size=cache_size)
        for accepted in ("gzip", "gzip;q=0.5", "x, gzip"):
            assert get(app, HTTP_ACCEPT_ENCODING=accepted).headers["Content-Encoding"] == "gzip"
    assert calls == ["gzip"]
    (site / "app.js.gz").write_bytes(gzip.compress(NEWER, 1))
    settle()
    assert get(StaticFiles(None, site)).headers["Content-Encoding"] == "gzip"
    assert len(calls) == 2


def test_sidecar_that_never_settles_is_read_at_a_bounded_rate(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = text(2 * MIB)
    (site / "app.js").write_bytes(content)
    age(site / "app.js")
    (site / "app.js.gz").write_bytes(gzip.compress(content, 1))
    monkeypatch.setattr(sidecars, "are_settled", lambda *statuses: False)
    reads = record_reads(monkeypatch)
    app = StaticFiles(None, site, cache_size=0)
    start = time.monotonic()
    codings = [get(app, "HEAD").headers.get("Content-Encoding") for _ in range(100)]
    assert codings[0] == "gzip"
    assert codings[-1] is None
    assert sum(read.size for read in reads) < (2 + time.monotonic() - start) * 16 * MIB


@pytest.mark.parametrize("want_body", [True, False])
def test_sidecar_that_changes_before_it_is_compared_is_looked_up_again(
    site: Path, want_body: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "app.js").write_bytes(OLDER)
    (site / "app.js.gz").write_bytes(gzip_of(OLDER))
    settle()
    changes: Iterator[Callable[[], object]] = iter(
        [lambda: (site / "app.js").write_bytes(NEWER), *[lambda: None] * 9]
    )
    real = File.opened

    def change_then_open(*arguments: Any) -> Any:
        next(changes)()
        return real(*arguments)

    monkeypatch.setattr(File, "opened", change_then_open)
    result = get(StaticFiles(None, site), "GET" if want_body else "HEAD")
    assert result.status == 200
    assert "Content-Encoding" not in result.headers
    assert result.body == (NEWER if want_body else b"")
