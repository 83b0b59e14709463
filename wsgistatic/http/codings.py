"""Content codings (RFC 9110 8.4.1): gzip, zstd and br, their suffixes and their compressors.

A coding is applied block by block, so a file of any size needs one block of memory and can be
interrupted. Output depends only on the content and the level, not on the time, the file's name or
the size of the blocks.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, NamedTuple


class Coding(NamedTuple):
    """A content coding, with its compression levels and the library that provides it."""

    name: str  # as in Content-Encoding
    suffix: str  # of a sidecar, after the full name of its file
    package: str  # to install, or "" for the standard library
    levels: range
    level: int  # default for sidecars: the highest, as a file is compressed once and sent often
    load: Callable[[], Codec]  # imports the library at first use; may raise ImportError

    def encode(self, blocks: Iterable[bytes], size: int, level: int) -> Iterator[bytes]:
        """Compress blocks of ``size`` bytes in total at one of ``levels``."""
        header, compress, finish = self.load().encoder(level, size)
        yield header
        yield from map(compress, blocks)
        yield finish()

    def decode(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress blocks; raise ValueError unless they are exactly one complete stream."""
        codec = self.load()
        decompress, is_complete = codec.decoder()
        try:
            for block in blocks:
                yield decompress(block)
        except codec.errors as error:
            raise ValueError(f"not {self.name}: {error}") from error
        if not is_complete():
            raise ValueError(f"not one complete stream of {self.name}")


class Codec(NamedTuple):
    """The compressor and decompressor of one library."""

    encoder: Callable[[int, int], Encoder]  # takes the level and the size of the content
    decoder: Callable[[], Decoder]
    errors: tuple[type[Exception], ...]  # that the library raises for malformed input


# The first bytes of a stream, and functions to compress a block and to finish.
Encoder = tuple[bytes, Callable[[bytes], bytes], Callable[[], bytes]]
# To decompress a block, and to ask whether the stream has ended and nothing follows it.
Decoder = tuple[Callable[[bytes], bytes], Callable[[], bool]]


def _zlib_like(stream: Any) -> Decoder:
    return stream.decompress, lambda: stream.eof and not stream.unused_data


def _load_gzip() -> Codec:
    gzip_format = 16 + zlib.MAX_WBITS  # zlib then writes the gzip header, with no name and time 0

    def encoder(level: int, size: int) -> Encoder:
        stream = zlib.compressobj(level, zlib.DEFLATED, gzip_format)
        return b"", stream.compress, stream.flush

    return Codec(encoder, lambda: _zlib_like(zlib.decompressobj(gzip_format)), (zlib.error,))


def _load_brotli() -> Codec:
    brotli: Any = import_module("brotli")

    def encoder(level: int, size: int) -> Encoder:
        stream = brotli.Compressor(quality=level)
        # Flushing ends the header with a whole byte, so that a sidecar's mark can follow it.
        return stream.flush(), stream.process, stream.finish

    def decoder() -> Decoder:
        stream = brotli.Decompressor()
        return stream.process, stream.is_finished

    return Codec(encoder, decoder, (brotli.error,))


def _load_zstd() -> Codec:
    try:
        return _standard_zstd(import_module("compression.zstd"))  # Python 3.14
    except ImportError:
        return _zstandard(import_module("zstandard"))


# Both libraries get the size of the content. It is written into the frame, and gives a small file
# a small window, which takes the client less memory.


def _standard_zstd(zstd: Any) -> Codec:
    def encoder(level: int, size: int) -> Encoder:
        stream = zstd.ZstdCompressor(level=level)
        stream.set_pledged_input_size(size)
        return b"", stream.compress, stream.flush

    errors = (zstd.ZstdError, EOFError)
    return Codec(encoder, lambda: _zlib_like(zstd.ZstdDecompressor()), errors)


def _zstandard(zstandard: Any) -> Codec:
    def encoder(level: int, size: int) -> Encoder:
        stream = zstandard.ZstdCompressor(level=level).compressobj(size=size)

        def finish() -> bytes:
            # Ending the frame holds the GIL (zstandard 0.25) while ending a block releases it. So
            # end the block first: two threads are twice as fast, for three more bytes.
            block: bytes = stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            end: bytes = stream.flush()
            return block + end

        return b"", stream.compress, finish

    def decoder() -> Decoder:
        return _zlib_like(zstandard.ZstdDecompressor().decompressobj())

    return Codec(encoder, decoder, (zstandard.ZstdError,))


# By name, the fastest compressor first. If that one saves too little of a file, the compressor of
# sidecars does not try the others.
CODINGS = {
    "gzip": Coding("gzip", ".gz", "", range(1, 10), 9, _load_gzip),
    # Above level 19 the window would exceed the 8 MB limit of RFC 9659.
    "zstd": Coding("zstd", ".zst", "zstandard", range(1, 20), 19, _load_zstd),
    "br": Coding("br", ".br", "Brotli", range(12), 11, _load_brotli),
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
