"""Compressed members of archives: each method, memory that stays bounded, and crafted archives."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.client import call
from tests.source_kinds import zip_of
from wsgistatic import FileApp
from wsgistatic.files.decompressors import ZSTANDARD
from wsgistatic.files.packages import Archive, ZipMember

CONTENT = b"".join(b"%07d\n" % number for number in range(20_000))
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
BOMB = 64 * 1024 * 1024  # bytes
HUGE = 512 * 1024 * 1024  # bytes

pytestmark = pytest.mark.usefixtures("open_descriptors")


def member_of(tmp_path: Path, content: bytes, method: int) -> zipfile.Path:
    path = zip_of(tmp_path / "a.zip", {"first.txt": b"first", "x.txt": content}, method)
    return zipfile.Path(zipfile.ZipFile(io.BytesIO(path.read_bytes())), "x.txt")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("content", [CONTENT, b"x", bytes(1_000_000)])
def test_each_method(tmp_path: Path, method: int, content: bytes) -> None:
    app = FileApp(member_of(tmp_path, content, method), block_size=10_000)
    assert call(app, "/").body == content
    part = call(app, "/", HTTP_RANGE="bytes=70000-90000")
    assert part.body == content[70_000:90_001] or part.status == 416
    assert call(app, "/", HTTP_RANGE="bytes=-1").body == content[-1:]


def test_zstandard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.version_info < (3, 14):
        module = pytest.importorskip("backports.zstd")
        monkeypatch.setitem(sys.modules, "compression.zstd", module)
    compressed = sys.modules["compression.zstd"].compress(CONTENT)
    member = member_of(tmp_path, compressed, zipfile.ZIP_STORED)
    info = member.root.getinfo("x.txt")
    info.compress_type, info.file_size, info.CRC = ZSTANDARD, len(CONTENT), zlib.crc32(CONTENT)
    assert call(FileApp(member), "/", HTTP_RANGE="bytes=100000-").body == CONTENT[100_000:]


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("value", ["bytes=0-0", "bytes=-1"])
def test_one_byte_of_a_well_compressed_member_takes_little_memory(
    tmp_path: Path, method: int, value: str
) -> None:
    app = FileApp(member_of(tmp_path, bytes(BOMB), method))
    tracemalloc.start()
    try:
        assert call(app, "/", HTTP_RANGE=value).body == b"\0"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000  # that of lzma has a dictionary of 8 MiB


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("more", [-1, 1])
def test_member_whose_size_is_wrong(tmp_path: Path, method: int, more: int) -> None:
    member = member_of(tmp_path, b"some text", method)
    member.root.getinfo("x.txt").file_size += more
    assert call(FileApp(member), "/").status == 500


def test_lzma_with_a_huge_dictionary_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = zip_of(tmp_path / "a.zip", {"x.txt": CONTENT}, zipfile.ZIP_LZMA)
    content = bytearray(path.read_bytes())
    # After the local header: a version, the length 5, one byte of properties.
    content[30 + 5 + 5 : 30 + 5 + 9] = struct.pack("<L", HUGE)
    for raw in (content, content.replace(b"\x05\x00\x5d", b"\x04\x00\x5d")):
        archive = zipfile.ZipFile(io.BytesIO(raw))
        for method in ("GET", "HEAD"):
            assert call(FileApp(zipfile.Path(archive, "x.txt")), "/", method).status == 500
    assert "lzma with a dictionary of 536,870,912 bytes is not supported" in caplog.text


@pytest.mark.parametrize("names", [["//x"], ["../x"], ["/"], ["a" + "/" * 60_000]])
def test_crafted_names(names: list[str]) -> None:
    # Python's own search for the parents of a name never ends for some of them (CVE-2024-8088).
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in (*names, "dir/file.txt"):
            archive.writestr(name, b"x")
    crafted = Archive(zipfile.ZipFile(stream))
    for name in ("nope", "x", "dir/nope", "di", "dir/file.txt/x"):
        with pytest.raises(FileNotFoundError):
            ZipMember(crafted, name).open()
    with pytest.raises(IsADirectoryError):
        ZipMember(crafted, "dir").open()
    assert ZipMember(crafted, "dir/file.txt").open().size == 1
