"""Decompressors of the members of zip archives, in bounded memory.

Each returns only as many bytes as it is asked for. Those of ``zipfile`` return all that 4 KB of
bz2 or lzma contain, up to gigabytes.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from importlib import import_module
from typing import Any, Protocol

LZMA_HEAD = 9  # bytes before the data: a version, a length and the properties (APPNOTE.TXT 5.8.8)
_MAX_DICTIONARY = 64 * 1024 * 1024  # bytes of memory that lzma takes, at its highest preset
ZSTANDARD = 93  # since Python 3.14


class Decompressor(Protocol):
    """What the decompressors of bz2, lzma and zstd have in common."""

    @property
    def eof(self) -> bool:
        """Whether the compressed data have ended."""

    @property
    def needs_input(self) -> bool:
        """Whether the next bytes need more compressed data."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take more data, and return up to ``max_length`` bytes."""


class _Stored:
    """Returns the data as they are."""

    eof = False

    def __init__(self) -> None:
        self._rest = b""

    @property
    def needs_input(self) -> bool:
        return not self._rest

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data = self._rest + data
        self._rest = data[max_length:]
        return data[:max_length]


class _Inflater:
    """Decompresses deflate."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


def decompressor(method: int, head: bytes) -> Decompressor:
    """Return a decompressor for a compression method of zip archives.

    Arguments:
        method: number of the method.
        head: the first bytes of the member, which lzma does not decompress.

    Raises:
        ImportError, ValueError: the method is not supported, or takes too much memory.
    """
    if method == zipfile.ZIP_STORED:
        return _Stored()
    if method == zipfile.ZIP_DEFLATED:
        return _Inflater()
    if method == zipfile.ZIP_BZIP2:
        import bz2  # noqa: PLC0415 - some builds of Python lack it

        return bz2.BZ2Decompressor()
    if method == zipfile.ZIP_LZMA:
        return _lzma(head)
    if method == ZSTANDARD:
        zstd: Any = import_module("compression.zstd")
        stream: Decompressor = zstd.ZstdDecompressor()
        return stream
    raise ValueError(f"compression method {method} is not supported")


def _lzma(head: bytes) -> Decompressor:
    import lzma  # noqa: PLC0415 - some builds of Python lack it

    length, properties, dictionary = struct.unpack("<2xHBL", head)
    if length != 5 or dictionary > _MAX_DICTIONARY:
        raise ValueError(f"lzma with a dictionary of {dictionary:,} bytes is not supported")
    rest, lc = divmod(properties, 9)
    pb, lp = divmod(rest, 5)
    filters = [
        {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb},
    ]
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
