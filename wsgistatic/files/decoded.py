"""Decode a file that is stored in a content coding, in bounded memory.

The decoded length is known only once all of the file is decoded. Without it a client could take a
broken response for a complete one, so the first request for a version decodes it twice.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.decompressors import ForwardReader
from wsgistatic.files.digests import VersionResults
from wsgistatic.files.sources import Opened, Source, Version
from wsgistatic.files.versions import RegularFile, Signature, are_settled, signature, written
from wsgistatic.http.codings import CODINGS

# A few kilobytes can decode to gigabytes. This takes about a second, once for each version.
_MAX_DECODED = 256 * 1024 * 1024  # bytes
# Without a version, the length has to be found for each response.
_MAX_UNVERSIONED = 1024 * 1024  # bytes of the source
_BLOCK = 64 * 1024  # bytes
_TOO_LARGE = -1

# A length in bytes, ``_TOO_LARGE``, or the message of an error.
_LENGTHS: VersionResults[tuple[Signature, str, str], int | str] = VersionResults()


def decoded_size(source: Source, version: Version, coding: str) -> int | None:
    """Return the number of bytes that a version in the named content coding decodes to.

    Return None if that would take too long, or if the library of the coding is not installed.
    Raise OSError if it cannot be decoded, or cannot be read.
    """

    def measure() -> int | str:
        size = 0
        with source.opened(version) as opened:
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
        found = measure() if version.size <= _MAX_UNVERSIONED else None
    else:
        key = (signature(status), source.path, coding)
        found = _LENGTHS.find(key, status, are_settled(status), version.size, measure)
    if isinstance(found, str):
        raise OSError(errno.EIO, found)
    return None if found == _TOO_LARGE else found


def decoded_version(version: Version, coding: str, size: int) -> Version:
    """Return a version as it decodes; if the version is open, so is the result, which closes it."""
    if not isinstance(version, Opened):
        return Version(size, version.status, version.holder, version.seen)
    reader = DecodingReader(version, coding, size)
    of_source = (version.status, version.holder, version.seen)
    return Opened(size, *of_source, file=reader, is_sequential=True)


class DecodingReader(ForwardReader):
    """Decodes an open source, and verifies it before it returns the last bytes."""

    def __init__(self, opened: Opened, coding: str, size: int) -> None:
        self._opened, self._coding, self._size = opened, coding, size
        super().__init__()

    def content(self) -> Iterator[bytes]:
        """Return the content in pieces."""
        left, decoded = self._size, _decode(self._opened, self._coding)
        for block in decoded:
            left -= len(block)
            if left < 0 or (left == 0 and any(decoded)):
                raise ValueError("it decodes to more than it did before")
            if left == 0 and self._has_changed():
                raise FileChangedError("the file changed while it was decoded")
            yield block

    def close(self) -> None:
        """Close the source."""
        self._opened.close()

    def _has_changed(self) -> bool:
        status, file = self._opened.status, self._opened.file
        if status is None or not isinstance(file, RegularFile):
            return False
        return written(os.fstat(file.fileno())) != written(status)


def _decode(opened: Opened, coding: str) -> Iterator[bytes]:
    file, offsets = opened.file, range(0, opened.size, _BLOCK)
    blocks = (file.read_at(at, min(_BLOCK, opened.size - at)) for at in offsets)
    return filter(None, CODINGS[coding].decode(blocks))
