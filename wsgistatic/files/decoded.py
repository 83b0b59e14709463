"""What a file that is stored in a content coding decodes to, read in bounded memory.

The length is not known before the whole is decoded, and without it a client could take a broken
response for a complete one. So the first request of a version decodes it twice.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.digests import VersionResults
from wsgistatic.files.sources import Opened, Source, Version
from wsgistatic.files.versions import RegularFile, Signature, signature, written
from wsgistatic.http.codings import CODINGS

# A few kilobytes can decode to gigabytes. This takes about a second, once for each version.
_MAX_DECODED = 256 * 1024 * 1024  # bytes
# Of a source without a version, whose length has to be found for each response.
_MAX_UNKNOWN = 1024 * 1024  # bytes
_BLOCK = 64 * 1024  # bytes
_TOO_LARGE = -1

# The length in bytes, ``_TOO_LARGE``, or an error.
_LENGTHS: VersionResults[tuple[Signature, str, str], int | str] = VersionResults()


def decoded_size(source: Source, version: Version, coding: str, *, settled: bool) -> int | None:
    """Return the number of bytes that a version decodes to.

    Return None if that would take too long, or if the library of the coding is not installed.
    Raise OSError if it cannot be decoded, or cannot be read.

    Arguments:
        coding: name of the content coding.
        settled: no later version can share the time stamps of this one.
    """

    def measure() -> int | str:
        opening: AbstractContextManager[Opened]
        opening = nullcontext(version) if isinstance(version, Opened) else source.open()
        size = 0
        with opening as opened:
            try:
                for block in _decode(opened, coding):
                    size += len(block)
                    if size > _MAX_DECODED:
                        return _TOO_LARGE
            except ImportError:
                return _TOO_LARGE
            except ValueError as error:
                return str(error)
        return size

    status = version.status
    if status is None:
        found = measure() if version.size <= _MAX_UNKNOWN else None
    else:
        key = (signature(status), source.path, coding)
        found = _LENGTHS.find(key, status, settled, version.size, measure)
    if isinstance(found, str):
        raise OSError(errno.EIO, found)
    return None if found == _TOO_LARGE else found


def decoded_version(version: Version, coding: str, size: int) -> Version:
    """Return the version that another one decodes to; it is open if that is, and closes it."""
    if not isinstance(version, Opened):
        return Version(size, version.status, version.holder, version.seen)
    reader = DecodingReader(version, coding, size)
    of_source = (version.status, version.holder, version.seen)
    return Opened(size, *of_source, file=reader, is_sequential=True)


class DecodingReader:
    """Decodes an open source forwards, and verifies it before it returns the last bytes."""

    def __init__(self, opened: Opened, coding: str, size: int) -> None:
        self._opened, self._coding, self._size = opened, coding, size
        self._decoded = _decode(opened, coding)
        self._start, self._block = 0, b""  # the block that was decoded last, and its offset

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset; fewer at the end of a block too."""
        try:
            return self._read_at(offset, size)
        except ValueError as error:
            raise OSError(errno.EIO, str(error)) from None

    def close(self) -> None:
        """Close the source."""
        self._opened.close()

    def _read_at(self, offset: int, size: int) -> bytes:
        if offset < self._start:
            self._decoded = _decode(self._opened, self._coding)
            self._start, self._block = 0, b""
        while self._start + len(self._block) <= offset:
            self._start += len(self._block)
            self._block = next(self._decoded, b"")
            if not self._block:
                return b""
        piece = self._block[offset - self._start :][:size]
        if offset + len(piece) == self._size:
            self._require_end()
        return piece

    def _require_end(self) -> None:
        if any(self._decoded):
            raise ValueError("it decodes to more than it did before")
        opened = self._opened
        if opened.status is not None and isinstance(opened.file, RegularFile):
            now = os.fstat(opened.file.fileno())
            if written(now) != written(opened.status):
                raise FileChangedError("the file changed while it was decoded")


def _decode(opened: Opened, coding: str) -> Iterator[bytes]:
    file, offsets = opened.file, range(0, opened.size, _BLOCK)
    blocks = (file.read_at(at, min(_BLOCK, opened.size - at)) for at in offsets)
    return filter(None, CODINGS[coding].decode(blocks))
