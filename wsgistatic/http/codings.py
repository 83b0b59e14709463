"""Content codings (RFC 9110 8.4.1): gzip, zstd and br, with their suffixes and libraries.

Content is encoded and decoded block by block, so a file of any size takes little memory. The output
depends only on the content and the level, not on the time, the file's name or the size of the
blocks.

Libraries are imported at first use, by statements that PyInstaller and similar tools find.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

# Decoders return about this much at a time. A few bytes can decode to gigabytes, which some
# libraries would return at once.
_PIECE = 128 * 1024  # bytes
# RFC 9659: the largest window of "zstd" that clients must support.
_MAX_WINDOW = 8 * 1024 * 1024  # bytes
MAX_HEADER = 18  # bytes that ``Coding.fault`` needs from the beginning: a zstd header
MAX_TRAILER = 4  # bytes that it needs from the end


class IncompleteError(ValueError):
    """The input ended before the coding did."""


class Coding(NamedTuple):
    """A content coding, with its compression levels and the library that provides it."""

    name: str  # as in Content-Encoding
    suffix: str  # of a sidecar, after the full name of its file
    package: str  # to install, or "" for the standard library
    levels: range
    level: int  # default for sidecars: the highest, as a file is compressed once and sent often
    load: Callable[[], Codec]  # imports the library at first use; may raise ImportError
    # Returns why the first and the last bytes are not those of ``size`` encoded bytes, or None.
    fault: Callable[[bytes, bytes, int], str | None]

    def encode(self, blocks: Iterable[bytes], size: int, level: int) -> Iterator[bytes]:
        """Compress blocks of ``size`` bytes in total at one of ``levels``."""
        header, compress, finish = self.load().encoder(level, size)
        yield header
        yield from map(compress, blocks)
        yield finish()

    def decode(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress blocks, in bounded memory whatever they expand to.

        Raise ValueError unless they are exactly one complete stream, and IncompleteError if only
        the end is missing.
        """
        codec = self.load()
        try:
            is_complete = yield from codec.decode(blocks)
        except codec.errors as error:
            raise ValueError(f"not {self.name}: {error}") from error
        if not is_complete:
            raise IncompleteError(f"not one complete {self.name} stream")


class Codec(NamedTuple):
    """The compressor and decompressor of one library."""

    encoder: Callable[[int, int], Encoder]  # takes the level and the size of the content
    decode: Callable[[Iterable[bytes]], Decoded]
    errors: tuple[type[Exception], ...]  # that the library raises for malformed input


# The first bytes of a stream, and functions to compress a block and to finish.
Encoder = tuple[bytes, Callable[[bytes], bytes], Callable[[], bytes]]
# The decompressed bytes in pieces, and at the end whether the stream is complete.
Decoded = Generator[bytes, None, bool]


def _load_gzip() -> Codec:
    gzip_format = 16 + zlib.MAX_WBITS  # zlib then writes the gzip header, with no name and time 0

    def encoder(level: int, size: int) -> Encoder:
        stream = zlib.compressobj(level, zlib.DEFLATED, gzip_format)
        return b"", stream.compress, stream.flush

    def decode(blocks: Iterable[bytes]) -> Decoded:
        stream = zlib.decompressobj(gzip_format)
        for block in blocks:
            while block:
                yield stream.decompress(block, _PIECE)
                block = stream.unconsumed_tail  # noqa: PLW2901 - the rest of the block
            _require_end("gzip", stream.unused_data)
        yield stream.flush()
        return stream.eof

    return Codec(encoder, decode, (zlib.error,))


def _require_end(coding: str, unused: bytes) -> None:
    if unused:
        raise ValueError(f"not one {coding} stream: more data follows")


def _load_brotli() -> Codec:
    import brotli  # noqa: PLC0415 - optional

    if not hasattr(brotli.Decompressor, "can_accept_more_data"):
        # CVE-2025-6176: older decompressors have no limit for their output.
        raise ImportError("Brotli is older than 1.2")

    def encoder(level: int, size: int) -> Encoder:
        stream = brotli.Compressor(quality=level)
        # Flushing ends the header with a whole byte, so that a sidecar's mark can follow it.
        return stream.flush(), stream.process, stream.finish

    def decode(blocks: Iterable[bytes]) -> Decoded:
        stream = brotli.Decompressor()
        for block in blocks:
            piece = stream.process(block, output_buffer_limit=_PIECE)
            # It may have more output although it accepts input.
            while piece or not stream.can_accept_more_data():
                yield piece
                piece = stream.process(b"", output_buffer_limit=_PIECE)
        is_finished: bool = stream.is_finished()
        return is_finished

    return Codec(encoder, decode, (brotli.error,))


def _load_zstd() -> Codec:
    return zstd_codec(None)


def zstd_codec(dictionary: bytes | None) -> Codec:
    """Return the codec of zstd, with the bytes that precede the content if there are any."""
    # Before Python 3.14 this would fail at each call. A failing import takes a lock of its own, and
    # a child that is forked meanwhile would wait for it forever.
    if sys.version_info >= (3, 14) or "compression.zstd" in sys.modules:
        with suppress(ImportError):
            import compression.zstd as zstd  # noqa: PLC0415, PLR0402 - as sys.modules has it

            return _standard_zstd(zstd, dictionary)
    import zstandard  # noqa: PLC0415 - optional

    return _zstandard(zstandard, dictionary)


# Both libraries get the size of the content. It is written into the frame, and gives a small file
# a small window, which takes the client less memory.


def _standard_zstd(zstd: Any, dictionary: bytes | None) -> Codec:
    prefix = None if dictionary is None else zstd.ZstdDict(dictionary, is_raw=True).as_prefix

    def encoder(level: int, size: int) -> Encoder:
        stream = zstd.ZstdCompressor(level=level, zstd_dict=prefix)
        stream.set_pledged_input_size(size)
        return b"", stream.compress, stream.flush

    options = {zstd.DecompressionParameter.window_log_max: _MAX_WINDOW.bit_length() - 1}

    def decode(blocks: Iterable[bytes]) -> Decoded:
        return _decode_zstd(zstd.ZstdDecompressor(prefix, options=options), blocks)

    return Codec(encoder, decode, (zstd.ZstdError, EOFError))


def _zstandard(zstandard: Any, dictionary: bytes | None) -> Codec:
    history = None
    if dictionary is not None:
        raw = zstandard.DICT_TYPE_RAWCONTENT
        history = zstandard.ZstdCompressionDict(dictionary, dict_type=raw)

    def encoder(level: int, size: int) -> Encoder:
        stream = zstandard.ZstdCompressor(level=level, dict_data=history).compressobj(size=size)

        def finish() -> bytes:
            # Ending the frame holds the GIL (zstandard 0.25) while ending a block releases it. So
            # end the block first: two threads are twice as fast, for three more bytes.
            block: bytes = stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            end: bytes = stream.flush()
            return block + end

        return b"", stream.compress, finish

    def decode(blocks: Iterable[bytes]) -> Decoded:
        decompressor = zstandard.ZstdDecompressor(history, max_window_size=_MAX_WINDOW)
        return _decode_zstd(decompressor.decompressobj(), blocks)

    return Codec(encoder, decode, (zstandard.ZstdError,))


def _decode_zstd(stream: Any, blocks: Iterable[bytes]) -> Decoded:
    for piece in _zstd_blocks(blocks):
        _require_end("zstd", piece if stream.eof else b"")
        yield stream.decompress(piece)
        _require_end("zstd", stream.unused_data)
    is_complete: bool = stream.eof
    return is_complete


def _zstd_blocks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a frame at its own blocks (RFC 8878 3.1.1), each of which decodes to 128 KiB at most."""
    source = _Input(blocks)
    head = source.take(_MIN_ZSTD_HEADER)
    frame = zstd_frame(head)  # only its header_size is right: the rest may need more bytes
    if frame is None:
        raise IncompleteError("not one complete zstd frame")
    yield head + source.take(frame.header_size - len(head))
    is_last = 0
    while not is_last and (header := source.take(3)):
        fields = int.from_bytes(header, "little")
        is_last, kind, size = fields & 1, fields >> 1 & 3, fields >> 3
        yield header + source.take(1 if kind == _ZSTD_RLE else size)
    yield from iter(lambda: source.take(_PIECE), b"")  # the checksum, if there is one


class _Input:
    """Reads any number of bytes at a time from blocks."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks, self._block = iter(blocks), memoryview(b"")

    def take(self, size: int) -> bytes:
        """Return ``size`` bytes, or those up to the end."""
        pieces = []
        while size and (block := self._block or memoryview(next(self._blocks, b""))):
            pieces.append(block[:size])
            self._block = block[size:]
            size -= len(pieces[-1])
        return b"".join(pieces)


# ---- Faults that show in the first and the last bytes -----------------------------------------


def _gzip_fault(head: bytes, tail: bytes, size: int) -> str | None:
    # RFC 1952 2.3: ID1, ID2, CM = deflate, and FLG with its reserved bits zero.
    if head[:3] != b"\x1f\x8b\x08" or head[3:4] >= b"\x20":
        return "it is not gzip"
    # ISIZE. Of several members the last one counts, so this also shows most files that have more
    # than one, of which browsers decode only the first.
    length = int.from_bytes(tail, "little")
    return None if length == size % 2**32 else f"its trailer gives a length of {length:,} bytes"


class ZstdFrame(NamedTuple):
    """The header of a frame; sizes in bytes."""

    header_size: int
    window: int
    size: int | None  # of the content


_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_RLE = 1  # the type of a block that repeats one byte
_MIN_ZSTD_HEADER = 6  # bytes, which determine the size of the header


def zstd_frame(head: bytes) -> ZstdFrame | None:
    """Parse a frame header (RFC 8878 3.1.1.1); return None if it is not one, or is cut off."""
    if head[:4] != _ZSTD_MAGIC or len(head) < _MIN_ZSTD_HEADER:
        return None
    descriptor = head[4]
    is_single_segment = descriptor >> 5 & 1
    at = 6 - is_single_segment + (0, 1, 2, 4)[descriptor & 3]  # after the dictionary ID
    length = (is_single_segment, 2, 4, 8)[descriptor >> 6]
    size = None
    if length:
        size = int.from_bytes(head[at : at + length], "little") + 256 * (length == 2)
    window = size or 0
    if not is_single_segment:
        window = (8 + (head[5] & 7)) << (7 + (head[5] >> 3))
    return ZstdFrame(at + length, window, size)


def zstd_fault(head: bytes, tail: bytes, size: int) -> str | None:
    """Return why ``Coding.fault`` rejects a zstd frame, or None."""
    frame = zstd_frame(head)
    if frame is None:
        return "it is not a zstd frame"
    if frame.window > _MAX_WINDOW:
        return f"its window of {frame.window:,} bytes exceeds the 8 MiB of RFC 9659"
    # Of several frames the first one counts.
    if frame.size not in (None, size):
        return f"its header gives a length of {frame.size:,} bytes"
    return None


def _brotli_fault(head: bytes, tail: bytes, size: int) -> str | None:
    # RFC 7932 9.1 reserves this WBITS. Large-window Brotli uses it, which browsers do not decode.
    return "it is not br of RFC 7932" if not head or head[0] & 0x7F == 0x11 else None


# By name, the fastest compressor first. If it saves too little of a file, ``wsgistatic compress``
# does not try the others.
CODINGS = {
    "gzip": Coding("gzip", ".gz", "", range(1, 10), 9, _load_gzip, _gzip_fault),
    # Above level 19 the window would exceed the 8 MB limit of RFC 9659.
    "zstd": Coding("zstd", ".zst", "zstandard", range(1, 20), 19, _load_zstd, zstd_fault),
    "br": Coding("br", ".br", "Brotli", range(12), 11, _load_brotli, _brotli_fault),
}

# The server's order of preference between codings of the same weight and size.
PREFERENCE = ("zstd", "br", "gzip")


def available_codings() -> tuple[str, ...]:
    """Return the names of the codings whose library is installed, the fastest first."""
    names = []
    for coding in CODINGS.values():
        try:
            coding.load()
        except ImportError:
            continue
        names.append(coding.name)
    return tuple(names)
