"""Sources: what can be served, and one version of it, opened for one response.

The response's size and validators describe what was opened. Bytes in memory and file objects of the
caller are here, files of the file system in ``directory``, members of archives in ``packages``.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from operator import index
from threading import Lock
from time import monotonic
from typing import Any, ClassVar, Protocol

from wsgistatic.files.changes import ChangeDetector, Reader
from wsgistatic.files.digests import hash_content
from wsgistatic.files.errors import as_oserror
from wsgistatic.files.versions import RegularFile


@dataclass(eq=False, slots=True)
class Version:
    """One version of a source, as far as it is known without reading it."""

    size: int  # in bytes
    # Of the file that holds the bytes, if one does: its time stamps are those of the version.
    status: os.stat_result | None = None
    # Path of that file, if ``os.stat`` of it shows whether the version is still current.
    holder: str | None = None
    seen: float = field(default_factory=monotonic)  # when, on the monotonic clock

    def close(self) -> None:
        """Release what the version holds; nothing, as long as it is not opened."""


@dataclass(eq=False, slots=True, kw_only=True)
class Opened(Version):
    """One version of a source, opened for one response."""

    file: Reader  # closed with the response
    is_sequential: bool = False  # reading at a lower offset means starting from the beginning

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; may be called repeatedly."""
        self.file.close()

    def detector(self, suspect: bool) -> ChangeDetector | None:
        """Return a detector of changes while the file is sent, if it can change."""
        if self.status is None or not isinstance(self.file, RegularFile):
            return None
        return ChangeDetector(self.file, self.status, suspect)


class Source(ABC):
    """Something that can be served.

    Attributes:
        path: for log messages and the callables of options; its last part decides the media type.
        may_change: a version that disappears while it is read has a successor: look again.
    """

    path: str
    may_change: ClassVar[bool] = False

    @abstractmethod
    def open(self) -> Opened:
        """Open the current version.

        Raises:
            IsADirectoryError: it is a directory.
            OSError: it does not exist or cannot be read (see ``errors.classify``).
        """

    def inspect(self) -> Version:
        """Return the current version without opening it for reading; errors as for ``open``."""
        with self.open() as opened:
            return Version(opened.size, opened.status, opened.holder)

    def fingerprint(self, version: Version) -> str | None:
        """Return a short text that is cheap to get and differs from version to version, or None."""
        return None

    def digest(self, version: Version, settled: bool) -> bytes | None:
        """Return the SHA-256 digest of a version, or None if the source has changed.

        ``settled``: no later version can share the time stamps of this one.
        """
        with nullcontext(version) if isinstance(version, Opened) else self.open() as opened:
            return hash_content(opened.file, opened.size)


class MemorySource(Source):
    """Bytes in memory."""

    path = "<bytes>"

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._digest: bytes | None = None

    def open(self) -> Opened:
        """Open the bytes, which are not copied."""
        return Opened(len(self._content), file=MemoryReader(self._content))

    def fingerprint(self, version: Version) -> str:
        """Return the beginning of the digest."""
        return self.digest(version, settled=True)[:16].hex()

    def digest(self, version: Version, settled: bool) -> bytes:
        """Return the digest of the bytes."""
        if self._digest is None:
            self._digest = sha256(self._content).digest()
        return self._digest


class ObjectSource(Source):
    """A file object of the caller, which stays open and is served from its start."""

    def __init__(self, file: Seekable) -> None:
        self._file, self._lock = file, Lock()
        name, module = getattr(file, "name", None), type(file).__module__
        self.path = name if isinstance(name, str) and module not in _NAMED_FOR_INPUT else "<file>"

    def open(self) -> Opened:
        """Find the size, and share the object with other responses."""
        return open_shared(self._file, self._lock)


class Seekable(Protocol):
    """A binary file object that can seek."""

    def seek(self, offset: int, whence: int = ..., /) -> Any:
        """Move to an offset."""

    def tell(self) -> int:
        """Return the offset."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""


class MemoryReader:
    """Reads bytes in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset."""
        return self._content[offset : offset + size]

    def close(self) -> None:
        """Drop the bytes."""
        self._content = b""


class _SharedReader:
    """Reads a file object at offsets, under a lock that all its readers share."""

    def __init__(
        self, file: Seekable, lock: Lock, close: Callable[[], object] = lambda: None
    ) -> None:
        self._file, self._lock, self._close = file, lock, close

    def close(self) -> None:
        self._close()

    def read_at(self, offset: int, size: int) -> bytes:
        with self._lock, as_oserror():
            self._file.seek(offset)
            block = self._file.read(size)
            if not isinstance(block, bytes):
                # PEP 3333 accepts bytes only. Not bytes(block): for a number that makes zeros.
                block = bytes(memoryview(block))
        if len(block) > size:
            raise OSError(errno.EIO, "the source returned more than it was asked for")
        return block


# Modules whose file objects decompress: seeking back means starting from the beginning. Some of
# them have the name of their compressed input.
_DECOMPRESSING = ("bz2", "gzip", "lzma", "zipfile")
_NAMED_FOR_INPUT = ("bz2", "gzip", "lzma")


def open_shared(file: Seekable, lock: Lock, close: Callable[[], object] = lambda: None) -> Opened:
    """Return the present version of a file object; ``close`` is called when it is closed."""
    with lock, as_oserror():
        file.seek(0, os.SEEK_END)
        size = index(file.tell())
    if size < 0:
        raise OSError(errno.EIO, f"the source reports a size of {size}")
    is_sequential = type(file).__module__ in _DECOMPRESSING
    return Opened(size, file=_SharedReader(file, lock, close), is_sequential=is_sequential)
