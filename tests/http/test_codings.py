"""The codings: what goes in comes out, the same bytes each time, and what is not theirs is seen."""

from __future__ import annotations

import gzip
import random
import sys
import zlib
from collections.abc import Iterator
from types import ModuleType

import pytest

from wsgistatic.http.codings import CODINGS, available_codings

TEXT = b"".join(b"line %d of some text\n" % number for number in range(14_000))
LENGTHS = [0, 1, 300, 256 * 1024, len(TEXT)]


@pytest.fixture(params=["gzip", "zstd", "br", "zstd of 3.14"])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a coding; the last time with the standard library's, where it has one."""
    if request.param == "zstd of 3.14":
        if sys.version_info < (3, 14):
            module = pytest.importorskip("backports.zstd")
            monkeypatch.setitem(sys.modules, "compression", ModuleType("compression"))
            monkeypatch.setitem(sys.modules, "compression.zstd", module)
        return "zstd"
    if request.param == "zstd":
        monkeypatch.setitem(sys.modules, "compression.zstd", None)
    return str(request.param)


def encoded(name: str, content: bytes, block: int = 100_000, level: int | None = None) -> bytes:
    coding = CODINGS[name]
    blocks = (content[start : start + block] for start in range(0, len(content), block))
    return b"".join(coding.encode(blocks, len(content), coding.level if level is None else level))


def decoded(name: str, content: bytes, piece: int = 1000) -> bytes:
    pieces = (content[start : start + piece] for start in range(0, len(content), piece))
    return b"".join(CODINGS[name].decode(pieces))


@pytest.mark.parametrize("length", LENGTHS)
def test_what_goes_in_comes_out(name: str, length: int) -> None:
    assert decoded(name, encoded(name, TEXT[:length])) == TEXT[:length]


def test_the_output_depends_on_the_content_and_the_level_alone(name: str) -> None:
    noise = random.Random(1).randbytes(3000) + TEXT[:300_000]
    first = encoded(name, noise)
    assert first == encoded(name, noise, block=4096) == encoded(name, noise)
    assert first != encoded(name, noise, level=1)


def test_every_level_works(name: str) -> None:
    for level in CODINGS[name].levels:
        assert decoded(name, encoded(name, TEXT[:20_000], level=level)) == TEXT[:20_000]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content + b"more",
        lambda content: content + content,
        lambda content: b"\x00garbage" + content,
        lambda content: b"",
    ],
)
@pytest.mark.parametrize("piece", [1000, 10_000_000])
def test_what_is_not_one_whole_stream_is_seen(name: str, spoil: object, piece: int) -> None:
    assert callable(spoil)
    with pytest.raises(ValueError, match=name):
        decoded(name, spoil(encoded(name, TEXT[:5000])), piece)


def test_gzip_has_neither_time_nor_name() -> None:
    content = encoded("gzip", TEXT[:500])
    assert content[3:8] == bytes(5)  # RFC 1952 2.3.1: FLG, then MTIME
    assert gzip.decompress(content) == zlib.decompress(content, 31) == TEXT[:500]


def test_zstd_names_its_size_and_keeps_to_the_window_that_browsers_have() -> None:
    zstandard = pytest.importorskip("zstandard")
    frame = zstandard.get_frame_parameters(encoded("zstd", TEXT[:1000]))
    assert (frame.content_size, frame.window_size, frame.has_checksum) == (1000, 1000, False)
    zeros = bytes(20_000_000)
    assert zstandard.get_frame_parameters(encoded("zstd", zeros)).window_size == 8 * 1024**2


@pytest.fixture
def no_libraries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in ("brotli", "zstandard", "compression.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    return iter(())


def test_gzip_is_always_there(no_libraries: None) -> None:
    assert available_codings() == ("gzip",)


def test_every_coding_is_there_with_its_library() -> None:
    pytest.importorskip("brotli")
    pytest.importorskip("zstandard")
    assert available_codings() == ("gzip", "zstd", "br")
    assert [coding.suffix for coding in CODINGS.values()] == [".gz", ".zst", ".br"]
    assert all(coding.level == coding.levels[-1] for coding in CODINGS.values())
