"""Content codings: round trips, reproducible output, and rejection of malformed streams."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from modulefinder import ModuleFinder
from types import ModuleType, SimpleNamespace

import pytest

from wsgistatic.http import codings
from wsgistatic.http.codings import CODINGS, PREFERENCE, IncompleteError, available_codings

TEXT = b"".join(b"line %d of some text\n" % number for number in range(7_000))
LENGTHS = [0, 1, 300, 128 * 1024, len(TEXT)]


@pytest.fixture(params=["gzip", "zstd", "br", "zstd of 3.14"])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a coding; the last one uses the standard library's zstd."""
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
def test_round_trip(name: str, length: int) -> None:
    assert decoded(name, encoded(name, TEXT[:length])) == TEXT[:length]


def test_output_depends_only_on_content_and_level(name: str) -> None:
    # More than the 128 KiB of a block of zstd
    noise = random.Random(1).randbytes(3000) + TEXT[:140_000]
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
def test_anything_but_one_complete_stream_is_rejected(name: str, spoil: object, piece: int) -> None:
    assert callable(spoil)
    with pytest.raises(ValueError, match=name):
        decoded(name, spoil(encoded(name, TEXT[:5000])), piece)


def test_decoding_takes_bounded_memory_whatever_the_input_expands_to(name: str) -> None:
    zeros = [bytes(1_000_000)] * 50
    coded = b"".join(CODINGS[name].encode(zeros, 50_000_000, 1))
    assert len(coded) < 300_000
    sizes = list(map(len, CODINGS[name].decode([coded])))
    assert sum(sizes) == 50_000_000
    assert max(sizes) < 1_000_000


def test_window_above_8_mib_is_refused(name: str) -> None:
    if name == "zstd":
        frame = b"\x28\xb5\x2f\xfd\x00\x70" + b"\x01\x00\x00"  # 16 MiB; an empty last block
        with pytest.raises(ValueError, match="not zstd"):
            decoded(name, frame)
        assert decoded(name, frame.replace(b"\x70", b"\x68")) == b""  # 8 MiB


@pytest.mark.parametrize("content", [b"", b"\x28\xb5\x2f\xfd", b"not a frame"])
def test_what_is_not_a_zstd_frame(content: bytes) -> None:
    with pytest.raises(IncompleteError):
        decoded("zstd", content)
    assert CODINGS["zstd"].fault(content, b"", 0) == "it is not a zstd frame"


def test_old_brotli_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    # Before version 1.2 its decompressor had no limit.
    monkeypatch.setitem(sys.modules, "brotli", SimpleNamespace(Decompressor=object))
    assert available_codings() == ("gzip", "zstd")


def test_gzip_output_has_neither_time_nor_name() -> None:
    content = encoded("gzip", TEXT[:500])
    assert content[3:8] == bytes(5)  # RFC 1952 2.3.1: FLG, then MTIME
    assert gzip.decompress(content) == zlib.decompress(content, 31) == TEXT[:500]


def test_zstd_frame_states_its_size_and_respects_the_window_limit() -> None:
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


def test_gzip_is_always_available(no_libraries: None) -> None:
    assert available_codings() == ("gzip",)


def test_every_coding_is_available_with_its_library() -> None:
    pytest.importorskip("brotli")
    pytest.importorskip("zstandard")
    assert available_codings() == ("gzip", "zstd", "br")
    assert [coding.suffix for coding in CODINGS.values()] == [".gz", ".zst", ".br"]
    assert sorted(PREFERENCE) == sorted(CODINGS)
    assert all(coding.level == coding.levels[-1] for coding in CODINGS.values())


def test_tools_that_bundle_programs_find_the_libraries() -> None:
    finder = ModuleFinder(path=[])  # so that it finds none of the modules that are imported
    finder.run_script(codings.__file__)
    assert {"brotli", "compression.zstd", "zstandard"} <= finder.badmodules.keys()


def test_import_loads_no_third_party_library() -> None:
    code = (
        "import sys, wsgistatic.http.codings\nprint(*{'brotli', 'zstandard'} & sys.modules.keys())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert printed == "\n"
