"""Sources: what can be served, and one version of it, opened for one response.

The response's size and validators describe what was opened. Bytes in memory and file objects of the
caller are here, files of the file system in ``directory``, members of archives in ``packages``.
"""

from __future__ import annotations

import errno
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from operator import index
from tempfile import SpooledTemporaryFile
from threading import Lock
from time import monotonic
from typing import Any, ClassVar, Protocol

from wsgistatic.files.changes import ChangeDetector, Reader
from wsgistatic.files.digests import hash_content
from wsgistatic.files.errors import as_oserror
from wsgistatic.files.forks import call_after_fork
from wsgistatic.files.versions import RegularFile, Signature, read_at, signature


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


_MAX_HASHED = 1024 * 1024  # bytes; 1 to 2 ms


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

        Here None is also returned if the source is too large to be hashed for each response: it may
        have changed since the last one, and nothing shows that.

        ``settled``: no later version can share the time stamps of this one.
        """
        return self.hash(version) if version.size <= _MAX_HASHED else None

    def hash(self, version: Version) -> bytes:
        """Return the SHA-256 digest of a version, which is read."""
        with nullcontext(version) if isinstance(version, Opened) else self.open() as opened:
            return hash_content(opened.file, opened.size)


class MemorySource(Source):
    """Bytes in memory."""

    path = "<bytes>"

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._digest: bytes | None = None

    def open(self) -> Opened:
        """Open the bytes, which are not copied."""
        return Opened(len(self.content), file=MemoryReader(self.content))

    def fingerprint(self, version: Version) -> str:
        """Return the beginning of the digest."""
        return self.digest(version, settled=True)[:16].hex()

    def digest(self, version: Version, settled: bool) -> bytes:
        """Return the digest of the bytes."""
        if self._digest is None:
            self._digest = sha256(self.content).digest()
        return self._digest


class ObjectSource(Source):
    """A file object of the caller, which stays open and is served from its start."""

    def __init__(self, file: Seekable) -> None:
        self._file, self._shared = file, SharedFile(file)
        self._size: int | None = None
        name, module = getattr(file, "name", None), type(file).__module__
        self.path = name if isinstance(name, str) and module not in _DECOMPRESSORS else "<file>"

    def open(self) -> Opened:
        """Find the size, and share the object with other responses."""
        # A temporary file may have moved from memory to the disk.
        if isinstance(self._file, SpooledTemporaryFile) and (raw := hidden_raw(self._file)):
            with as_oserror():
                self._file.flush()
                return Opened(os.fstat(raw.fileno()).st_size, file=OffsetReader(raw))
        opened = self._shared.open()
        self._size = opened.size
        return opened

    def inspect(self) -> Version:
        """Return the size, if possible without waiting for another response to read."""
        if self._size is not None and self._shared.is_busy():
            return Version(self._size)
        return super().inspect()


class DecompressedSource(Source):
    """A file object that decompresses a file, such as that of ``gzip.open``.

    Each response decompresses by itself: one object could follow only one of them, and processes
    that share its file would move each other's position.
    """

    path = "<file>"

    def __init__(self, file: Any, raw: io.FileIO) -> None:
        self._file, self._raw = file, raw
        self._measured: tuple[Signature, int] | None = None

    def open(self) -> Opened:
        """Open the file from its start, and find its size, once for each version."""
        with as_oserror():
            version = signature(os.fstat(self._raw.fileno()))
            if self._file.closed:
                raise OSError(errno.EBADF, "the source was closed")
            file = self._decompress(OffsetReader(self._raw))
            if self._measured is None or self._measured[0] != version:
                self._measured = version, file.seek(0, os.SEEK_END)
        return SharedFile(file).open(file.close, self._measured[1])

    def _decompress(self, raw: OffsetReader) -> Any:
        kind = type(self._file)
        if kind.__module__ == "gzip":
            return kind(fileobj=raw)
        # What the caller gave as ``format`` and ``filters``, in the case of lzma.
        return kind(raw, **self._file._buffer.raw._decomp_args)


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


class OffsetReader(io.RawIOBase):
    """A file that is read from a position of its own, which no other process moves."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw, self._position = raw, 0

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to an offset from the start."""
        self._position = offset
        return offset

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes from the position, and move it."""
        block = self.read_at(self._position, size)
        self._position += len(block)
        return block

    @as_oserror()
    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset."""
        return read_at(self._raw.fileno(), size, offset)


class SharedFile:
    """A file object that responses share: each read seeks, under a lock."""

    def __init__(self, file: Seekable, lock: Any = None) -> None:
        self._file, self._lock = file, lock or Lock()
        self._process, self._is_on_disk = os.getpid(), hidden_raw(file) is not None
        call_after_fork(self)

    def after_fork(self) -> None:
        """Drop the lock, which another thread of the parent may have held."""
        self._lock = Lock()

    def open(self, close: Callable[[], object] = lambda: None, size: int | None = None) -> Opened:
        """Return the present version; ``close`` is called when it is closed."""
        if size is None:
            with self._reading():
                self._file.seek(0, os.SEEK_END)
                size = index(self._file.tell())
        if size < 0:
            raise OSError(errno.EIO, f"the source reports a size of {size}")
        is_sequential = type(self._file).__module__ in _DECOMPRESSING
        return Opened(size, file=_SharedReader(self, close), is_sequential=is_sequential)

    def is_busy(self) -> bool:
        """Return whether another response reads from the file now."""
        return bool(self._lock.locked())

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset."""
        with self._reading():
            self._file.seek(offset)
            block = self._file.read(size)
            if not isinstance(block, bytes):
                # PEP 3333 accepts bytes only. Not bytes(block): for a number that makes zeros.
                block = bytes(memoryview(block))
        if len(block) > size:
            raise OSError(errno.EIO, "the source returned more than it was asked for")
        return block

    @contextmanager
    def _reading(self) -> Iterator[None]:
        # Processes share the position in a file that was opened before they forked, not the lock.
        if self._is_on_disk and os.getpid() != self._process:
            raise OSError(errno.EIO, "the source was opened before the process was forked")
        with self._lock, as_oserror():
            yield


class _SharedReader:
    """Reads a shared file for one response."""

    def __init__(self, shared: SharedFile, close: Callable[[], object]) -> None:
        self.read_at, self._close = shared.read_at, close

    def close(self) -> None:
        self._close()


def raw_file(file: object) -> io.FileIO | None:
    """Return the raw file that a file object reads from, as those of ``open`` in binary mode do.

    A ``fileno`` method is not enough: decompressing file objects have that of their input.
    """
    raw = file.raw if isinstance(file, (io.BufferedReader, io.BufferedRandom)) else file
    return raw if isinstance(raw, io.FileIO) else None


def hidden_raw(file: object) -> io.FileIO | None:
    """Return the raw file beneath a file object that reads from another one, or None."""
    for _ in range(_MAX_DEPTH):
        if (raw := raw_file(file)) is not None:
            return raw
        inner = [getattr(file, name, None) for name in _INNER_NAMES]
        inner += getattr(file, "__dict__", {}).values()
        file = next((each for each in inner if hasattr(each, "read")), None)
    return None


# The attributes in which the objects of gzip, tarfile, bz2, lzma, zipfile, tempfile and io keep the
# file that they read. Wrappers in Python keep it in their ``__dict__``, under any name.
_INNER_NAMES = ("fileobj", "_fp", "_fileobj", "_file", "raw", "file")
_MAX_DEPTH = 8

# Modules whose file objects decompress: seeking back means starting from the beginning. Those of
# the first three have the name of their compressed input.
_DECOMPRESSORS = ("bz2", "gzip", "lzma")
_DECOMPRESSING = (*_DECOMPRESSORS, "zipfile")


def file_object_source(file: Any) -> Source:
    """Return the source for a file object that is not a plain file."""
    # One that decompresses a plain file, not a file inside another.
    inner = getattr(file, "fileobj", None) or getattr(file, "_fp", None)
    if type(file).__module__ in _DECOMPRESSORS and (raw := raw_file(inner)) is not None:
        return DecompressedSource(file, raw)
    return ObjectSource(file)
