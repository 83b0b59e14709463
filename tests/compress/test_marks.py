"""The mark of our sidecars: every decoder skips it, and no other tool writes it."""

from __future__ import annotations

import gzip
import random
import subprocess
import zlib
from collections.abc import Callable
from shutil import which
from typing import Any

import pytest

from wsgistatic.compress.existing import HEAD_SIZE, add_mark, has_mark
from wsgistatic.http.codings import CODINGS

TEXT = b"".join(b"line %d of some text\n" % number for number in range(50_000))
# Their zstd frames have headers of different sizes.
CONTENTS = [b"x" * 10, TEXT[:250], TEXT[:1000], TEXT[:70_000], TEXT, bytes(20_000_000)]


def unmarked(name: str, content: bytes, level: int) -> bytes:
    blocks = (content[start : start + 100_000] for start in range(0, len(content), 100_000))
    return b"".join(CODINGS[name].encode(blocks, len(content), level))


def marked(name: str, content: bytes, level: int, piece: int = 100_000) -> bytes:
    stream = unmarked(name, content, level)
    pieces = (stream[start : start + piece] for start in range(0, len(stream), piece))
    return b"".join(add_mark(CODINGS[name], pieces))


def levels(name: str, content: bytes) -> range | list[int]:
    return CODINGS[name].levels if len(content) <= 1000 else [1, 5]


@pytest.mark.parametrize("content", CONTENTS, ids=len)
@pytest.mark.parametrize("name", CODINGS)
def test_a_marked_stream_is_recognised_and_decoded(name: str, content: bytes) -> None:
    coding = CODINGS[name]
    for level in levels(name, content):
        stream = marked(name, content, level)
        assert has_mark(coding, stream[:HEAD_SIZE])
        assert not has_mark(coding, unmarked(name, content, level)[:HEAD_SIZE])
        assert b"".join(coding.decode([stream])) == content
        assert len(stream) - len(unmarked(name, content, level)) <= 12


@pytest.mark.parametrize("name", CODINGS)
def test_the_first_pieces_of_a_stream_may_be_short_or_empty(name: str) -> None:
    coding, stream = CODINGS[name], unmarked(name, TEXT, 1)
    pieces = iter([b"", stream[:1], b"", stream[1:12], stream[12:15], stream[15:]])
    assert b"".join(add_mark(coding, pieces)) == marked(name, TEXT, 1, 10**6)
    assert has_mark(coding, marked(name, b"", 1, 1))


def decoders(name: str) -> list[Callable[[bytes], bytes]]:
    """Return decoders of a coding other than those that the package uses."""
    found: list[Callable[[bytes], bytes]] = []
    if name == "gzip":
        found += [gzip.decompress, lambda stream: zlib.decompress(stream, 47)]
    elif name == "br":
        found.append(pytest.importorskip("brotli").decompress)
    else:
        for library in ("zstandard", "backports.zstd"):
            module: Any = pytest.importorskip(library)
            found.append(module.decompress)
    program = {"gzip": "gzip", "zstd": "zstd", "br": "brotli"}[name]
    if which(program):

        def run(stream: bytes) -> bytes:
            return subprocess.run(
                [program, "-dc"], input=stream, capture_output=True, check=True
            ).stdout

        found.append(run)
    return found


@pytest.mark.parametrize("content", CONTENTS, ids=len)
@pytest.mark.parametrize("name", CODINGS)
def test_other_decoders_skip_the_mark(name: str, content: bytes) -> None:
    for decode in decoders(name):
        assert decode(marked(name, content, 3)) == content


def bgzip(content: bytes) -> bytes:
    """Return a block of bgzip: a gzip member with an extra field (SAM specification 4.1)."""
    deflated = zlib.compress(content, 9)[2:-4]  # without the header and trailer of zlib
    extra = b"BC\x02\0" + (len(deflated) + 25).to_bytes(2, "little")
    trailer = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return b"\x1f\x8b\x08\x04" + bytes(4) + b"\0\xff\6\0" + extra + deflated + trailer


OTHERS = {
    "gzip": [bgzip(TEXT[:999]), gzip.compress(TEXT), b"\x1f\x8b\x08\x10" + bytes(40)],
    "zstd": [b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\x20", b"\x28\xb5\x2f\xfd\x20\x05" + bytes(8)],
    "br": [b"\x6b\0", b"\x3b", b"\x06"],
}


@pytest.mark.parametrize("name", CODINGS)
def test_streams_of_others_have_no_mark(name: str) -> None:
    for other in (*OTHERS[name], b"", b"wsgistatic", bytes(100), random.Random(1).randbytes(100)):
        assert not has_mark(CODINGS[name], other[:HEAD_SIZE])
    for coding in CODINGS.values():
        if coding.name != name:
            assert not has_mark(coding, marked(name, TEXT[:999], 1)[:HEAD_SIZE])


def test_a_person_can_see_the_mark_of_gzip() -> None:
    assert marked("gzip", TEXT, 9)[10:].startswith(b"wsgistatic\0")  # RFC 1952 2.3: FCOMMENT
