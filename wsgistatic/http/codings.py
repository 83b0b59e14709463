"""Content codings (RFC 9110 8.4.1) that sidecars are written in: gzip, zstd and br.

Strategy: each is fed block by block, so that a file of any size needs one block of memory and an
interruption does not wait for a whole file. The same bytes at the same level always give the
same output: no time, no name, and the block size makes no difference.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

_GZIP_FORMAT = 16 + zlib.MAX_WBITS  # zlib's own header: mtime 0, no name


class Encoder(NamedTuple):
    """One compression under way."""

    compress: Callable[[bytes], bytes]
    finish: Callable[[], bytes]


class Decoder(NamedTuple):
    """One decompression under way; ``is_whole`` once the stream ended, with nothing after it."""

    decompress: Callable[[bytes], bytes]
    is_whole: Callable[[], bool]


class Library(NamedTuple):
    """What a library offers.

    Attributes:
        encoder: called with the level and the size of what will be compressed.
        decoder: makes a decoder.
        errors: what the library raises on bytes that are not its own.
    """

    encoder: Callable[[int, int], Encoder]
    decoder: Callable[[], Decoder]
    errors: tuple[type[Exception], ...]


class Coding(NamedTuple):
    """A content coding.

    Attributes:
        name: as in Content-Encoding.
        suffix: of the sidecar, added to the file's whole name.
        package: what has to be installed; empty where the standard library has it.
        levels: those that may be chosen.
        level: the default, the highest: a file is compressed once and sent often.
        load: imports the library; ImportError where there is none.
    """

    name: str
    suffix: str
    package: str
    levels: range
    level: int
    load: Callable[[], Library]

    def encode(self, blocks: Iterable[bytes], size: int, level: int) -> Iterator[bytes]:
        """Compress blocks of so many bytes in all."""
        encoder = self.load().encoder(level, size)
        for block in blocks:
            yield encoder.compress(block)
        yield encoder.finish()

    def decode(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress blocks.

        Raises:
            ValueError: they are not one whole stream of this coding.
        """
        library = self.load()
        decoder = library.decoder()
        try:
            for block in blocks:
                yield decoder.decompress(block)
        except library.errors as error:
            raise ValueError(f"not {self.name}: {error}") from error
        if not decoder.is_whole():
            raise ValueError(f"not one whole stream of {self.name}")


def _load_gzip() -> Library:
    def encoder(level: int, size: int) -> Encoder:
        stream = zlib.compressobj(level, zlib.DEFLATED, _GZIP_FORMAT)
        return Encoder(stream.compress, stream.flush)

    def decoder() -> Decoder:
        stream = zlib.decompressobj(_GZIP_FORMAT)
        return Decoder(stream.decompress, lambda: stream.eof and not stream.unused_data)

    return Library(encoder, decoder, (zlib.error,))


def _load_brotli() -> Library:
    brotli: Any = import_module("brotli")

    def encoder(level: int, size: int) -> Encoder:
        stream = brotli.Compressor(quality=level)
        return Encoder(stream.process, stream.finish)

    def decoder() -> Decoder:
        stream = brotli.Decompressor()
        return Decoder(stream.process, stream.is_finished)

    return Library(encoder, decoder, (brotli.error,))


def _load_zstd() -> Library:
    try:
        return _standard_zstd(import_module("compression.zstd"))  # Python 3.14
    except ImportError:
        return _zstandard(import_module("zstandard"))


# Both are told the size: it goes into the frame, and a small file gets a small window. The levels
# end where a window would pass the 8 MiB that RFC 9659 lets a recipient count on.


def _standard_zstd(zstd: Any) -> Library:
    def encoder(level: int, size: int) -> Encoder:
        stream = zstd.ZstdCompressor(level=level)
        stream.set_pledged_input_size(size)
        return Encoder(stream.compress, stream.flush)

    def decoder() -> Decoder:
        return _zstd_decoder(zstd.ZstdDecompressor())

    return Library(encoder, decoder, (zstd.ZstdError, EOFError))


def _zstandard(zstandard: Any) -> Library:
    def encoder(level: int, size: int) -> Encoder:
        stream = zstandard.ZstdCompressor(level=level).compressobj(size=size)

        def finish() -> bytes:
            # Ending the frame keeps the interpreter's lock (zstandard 0.25), ending a block does
            # not: with two threads twice as fast, for three bytes.
            block: bytes = stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            end: bytes = stream.flush()
            return block + end

        return Encoder(stream.compress, finish)

    def decoder() -> Decoder:
        return _zstd_decoder(zstandard.ZstdDecompressor().decompressobj())

    return Library(encoder, decoder, (zstandard.ZstdError,))


def _zstd_decoder(stream: Any) -> Decoder:
    return Decoder(stream.decompress, lambda: stream.eof and not stream.unused_data)


# The fastest first: where it saves nothing, the others are not tried.
CODINGS = {
    coding.name: coding
    for coding in (
        Coding("gzip", ".gz", "", range(1, 10), 9, _load_gzip),
        Coding("zstd", ".zst", "zstandard", range(1, 20), 19, _load_zstd),
        Coding("br", ".br", "Brotli", range(12), 11, _load_brotli),
    )
}
# The order in which the server chooses at equal weight and size.
PREFERENCE = ("zstd", "br", "gzip")


def available_codings() -> tuple[str, ...]:
    """Name the codings whose library is installed."""
    return tuple(coding.name for coding in CODINGS.values() if _is_available(coding))


def _is_available(coding: Coding) -> bool:
    try:
        coding.load()
    except ImportError:
        return False
    return True
