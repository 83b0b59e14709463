"""Content codings (RFC 9110 8.4.1): gzip, zstd and br, their suffixes and their compressors.

A coding is applied block by block, so a file of any size needs one block of memory, and an
interruption takes effect before the file ends. Output is reproducible: it depends only on the
content and the level, not on the time, the file's name or the size of the blocks.

Third-party libraries are imported on first use.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, NamedTuple


class Coding(NamedTuple):
    """A content coding.

    Attributes:
        name: Its name in Content-Encoding.
        suffix: What a sidecar's name adds to the full name of its file.
        package: The package that provides it, or ``""`` for the standard library.
        levels: The compression levels that may be chosen.
        level: The default for sidecars: the highest, as a file is compressed once and sent often.
        load: Imports the library and returns its codec; raises ImportError if it is missing.
    """

    name: str
    suffix: str
    package: str
    levels: range
    level: int
    load: Callable[[], Codec]

    def encode(self, blocks: Iterable[bytes], size: int, level: int) -> Iterator[bytes]:
        """Compress blocks.

        Arguments:
            blocks: The content.
            size: Its length in bytes.
            level: One of ``levels``.
        """
        encoder = self.load().encoder(level, size)
        for block in blocks:
            yield encoder.compress(block)
        yield encoder.finish()

    def decode(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress blocks.

        Raises:
            ValueError: The blocks are not exactly one complete stream of this coding.
        """
        codec = self.load()
        decoder = codec.decoder()
        try:
            for block in blocks:
                yield decoder.decompress(block)
        except codec.errors as error:
            raise ValueError(f"not {self.name}: {error}") from error
        if not decoder.is_complete():
            raise ValueError(f"not one complete stream of {self.name}")


class Codec(NamedTuple):
    """The compressor and decompressor of one library.

    Attributes:
        encoder: Starts a compression, given the level and the size of the content.
        decoder: Starts a decompression.
        errors: The exceptions that the library raises for malformed input.
    """

    encoder: Callable[[int, int], Encoder]
    decoder: Callable[[], Decoder]
    errors: tuple[type[Exception], ...]


class Encoder(NamedTuple):
    """A compression in progress."""

    compress: Callable[[bytes], bytes]
    finish: Callable[[], bytes]


class Decoder(NamedTuple):
    """A decompression in progress.

    Attributes:
        decompress: Decompresses the next block.
        is_complete: Returns whether the stream has ended and nothing follows it.
    """

    decompress: Callable[[bytes], bytes]
    is_complete: Callable[[], bool]


def _load_gzip() -> Codec:
    gzip_format = 16 + zlib.MAX_WBITS  # zlib then writes the gzip header, with no name and time 0

    def encoder(level: int, size: int) -> Encoder:
        stream = zlib.compressobj(level, zlib.DEFLATED, gzip_format)
        return Encoder(stream.compress, stream.flush)

    def decoder() -> Decoder:
        stream = zlib.decompressobj(gzip_format)
        return Decoder(stream.decompress, lambda: stream.eof and not stream.unused_data)

    return Codec(encoder, decoder, (zlib.error,))


def _load_brotli() -> Codec:
    brotli: Any = import_module("brotli")

    def encoder(level: int, size: int) -> Encoder:
        stream = brotli.Compressor(quality=level)
        return Encoder(stream.process, stream.finish)

    def decoder() -> Decoder:
        stream = brotli.Decompressor()
        return Decoder(stream.process, stream.is_finished)

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
        return Encoder(stream.compress, stream.flush)

    def decoder() -> Decoder:
        return _zstd_decoder(zstd.ZstdDecompressor())

    return Codec(encoder, decoder, (zstd.ZstdError, EOFError))


def _zstandard(zstandard: Any) -> Codec:
    def encoder(level: int, size: int) -> Encoder:
        stream = zstandard.ZstdCompressor(level=level).compressobj(size=size)

        def finish() -> bytes:
            # Ending the frame holds the GIL (zstandard 0.25) while ending a block releases it. So
            # end the block first: two threads are twice as fast, for three more bytes.
            block: bytes = stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            end: bytes = stream.flush()
            return block + end

        return Encoder(stream.compress, finish)

    def decoder() -> Decoder:
        return _zstd_decoder(zstandard.ZstdDecompressor().decompressobj())

    return Codec(encoder, decoder, (zstandard.ZstdError,))


def _zstd_decoder(stream: Any) -> Decoder:
    return Decoder(stream.decompress, lambda: stream.eof and not stream.unused_data)


# By name, the fastest compressor first. If that one saves too little of a file, the compressor of
# sidecars does not try the others.
CODINGS = {
    coding.name: coding
    for coding in (
        Coding("gzip", ".gz", "", range(1, 10), 9, _load_gzip),
        # Above level 19 the window would exceed the 8 MB limit of RFC 9659.
        Coding("zstd", ".zst", "zstandard", range(1, 20), 19, _load_zstd),
        Coding("br", ".br", "Brotli", range(12), 11, _load_brotli),
    )
}

# The server's order of preference between codings of the same weight and size.
PREFERENCE = ("zstd", "br", "gzip")


def available_codings() -> tuple[str, ...]:
    """Return the names of the codings whose library is installed, the fastest first."""
    return tuple(name for name, coding in CODINGS.items() if _is_available(coding))


def _is_available(coding: Coding) -> bool:
    try:
        coding.load()
    except ImportError:
        return False
    return True
