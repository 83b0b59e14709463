"""Decompress in bounded memory: the methods of zip archives, and a reader for what is decompressed.

The decompressors of ``zipfile`` return all that 4 KB of bz2 or lzma contain, up to gigabytes.
"""

from __future__ import annotations

import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, Protocol

from wsgistatic.files.errors import as_oserror

# Compression methods of zip archives (APPNOTE.TXT 4.4.5). Python has ZSTANDARD since 3.14.
STORED, DEFLATED, BZIP2, LZMA, ZSTANDARD = 0, 8, 12, 14, 93
LZMA_HEAD = 9  # bytes before the data: a version, a length and the properties (APPNOTE.TXT 5.8.8)
_MAX_DICTIONARY = 64 * 1024 * 1024  # bytes of memory that lzma takes, at its highest preset
_PIECE = 64 * 1024  # bytes decompressed at a time


class Decompressor(Protocol):
    """What the decompressors of bz2, lzma and zstd have in common."""

    @property
    def eof(self) -> bool:
        """Whether the compressed data have ended."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take more data, and return up to ``max_length`` bytes; none if it needs more data."""


class _Inflater:
    """Decompresses deflate."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


def decompressor(method: int, head: bytes) -> Decompressor | None:
    """Return a decompressor for a compression method of zip archives; None for stored data.

    Arguments:
        method: number of the method.
        head: the first bytes of the member, which lzma does not decompress.

    Raises:
        ImportError, ValueError: the method is not supported, or takes too much memory.
    """
    if method == STORED:
        return None
    if method == DEFLATED:
        return _Inflater()
    if method == BZIP2:
        import bz2  # noqa: PLC0415 - some builds of Python lack it

        return bz2.BZ2Decompressor()
    if method == LZMA:
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


def decompress(stream: Decompressor | None, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress blocks, in pieces of bounded size."""
    if stream is None:
        yield from blocks
        return
    for block in blocks:
        data = block
        while not stream.eof and (piece := stream.decompress(data, _PIECE)):
            yield piece
            data = b""


class ForwardReader(ABC):
    """Reads content that can only be produced forwards; to go back, it is produced again."""

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._pieces = self.content()
        self._piece, self._offset = b"", 0  # the piece read last

    @abstractmethod
    def content(self) -> Iterator[bytes]:
        """Return the content in pieces; verify it before the last one."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset."""
        if offset < self._offset:
            self._restart()
        with as_oserror():
            while self._offset + len(self._piece) <= offset:
                self._offset, self._piece = self._offset + len(self._piece), b""
                self._piece = next(self._pieces, b"")
                if not self._piece:
                    return b""
        return self._piece[offset - self._offset :][:size]
