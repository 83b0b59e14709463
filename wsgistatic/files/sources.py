"""Sources, which can be served, and their versions, each opened for one response.

The response's size and validators describe the version that was opened. This module has the sources
for bytes in memory and for the caller's file objects. ``directory`` has those for files of the file
system, and ``packages`` those for members of archives.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from operator import index
from time import monotonic
from typing import Any, ClassVar, Protocol, TypeGuard, cast

from wsgistatic.files.changes import FileChangedError, Reader
from wsgistatic.files.digests import Algorithm, hash_content
from wsgistatic.files.errors import as_oserror
from wsgistatic.files.forks import Locked
from wsgistatic.files.versions import Signature, signature
from wsgistatic.files.windows import SYSTEM


class Traversable(Protocol):
    """A file or directory of a package; a part of ``importlib.resources.abc.Traversable``."""

    @property
    def name(self) -> str:
        """The last part of its path."""

    def is_dir(self) -> bool:
        """Return whether it is a directory."""

    def is_file(self) -> bool:
        """Return whether it is a file."""

    def joinpath(self, child: str, /) -> Any:
        """Return the entry of that name in this directory."""

    def open(self, mode: Any = "r", /) -> Any:
        """Open the file."""


def is_traversable(value: object) -> TypeGuard[Traversable]:
    """Return whether a value is a file or directory of a package, and not a path."""
    methods = ("joinpath", "is_dir", "is_file", "open")
    return not isinstance(value, os.PathLike) and all(hasattr(value, name) for name in methods)


@dataclass(eq=False, slots=True)
class Version:
    """One version of a source, as far as it is known without reading it."""

    size: int  # in bytes
    status: os.stat_result | None = None  # of the file that holds the bytes, if there is one
    holder: str | None = None  # path of that file, if its stat shows whether the version is current
    seen: float = field(default_factory=monotonic)  # when it was current, on the monotonic clock
    is_direct: bool = False  # no link that the policy forbids can be on the way to it

    def close(self) -> None:
        """Release the version; there is nothing to do unless it is open."""


@dataclass(eq=False, slots=True, kw_only=True)
class Opened(Version):
    """One version of a source, opened for one response."""

    file: Reader  # closed with the response
    is_sequential: bool = False  # to read at a lower offset, it starts from the beginning

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; may be called repeatedly."""
        self.file.close()


_MAX_HASHED = 1024 * 1024  # bytes; 1 to 2 ms


class Source(ABC):
    """Something that can be served.

    Attributes:
        path: for log messages and the callables of options. Its last part determines the media
            type.
        may_change: if a version disappears while it is read, it is worth looking for a new one.
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
        """Return a short text that differs between versions and is cheap to get, or None."""
        return None

    def digest(self, version: Version, algorithm: Algorithm = "sha256") -> bytes | None:
        """Return the digest of a version, or None if the source has changed.

        This default also returns None if the source is too large to be hashed for each response:
        it may have changed since the last one, and nothing shows that.
        """
        return self.hash(version, algorithm) if version.size <= _MAX_HASHED else None

    def hash(self, version: Version, algorithm: Algorithm) -> bytes:
        """Read a version, and return its digest."""
        with self.opened(version) as opened:
            return hash_content(opened.file, opened.size, algorithm)

    def opened(self, version: Version) -> AbstractContextManager[Opened]:
        """Return a context with a version open; it stays open if it was.

        Raise FileChangedError if the version is no longer current.
        """
        if isinstance(version, Opened):
            return nullcontext(version)
        opened = self.open()
        before, now = version.status, opened.status
        if before and now and signature(before) != signature(now):
            opened.close()
            raise FileChangedError("the file was replaced before it was read")
        return opened


class FileTree(Protocol):
    """The files of a site, by their names."""

    def file(self, segments: tuple[str, ...], /) -> Source:
        """Name a file, whether or not it exists."""


class MemorySource(Source):
    """Bytes in memory."""

    path = "<bytes>"

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._digests: dict[Algorithm, bytes] = {}

    def open(self) -> Opened:
        """Open the bytes, which are not copied."""
        return Opened(len(self.content), file=MemoryReader(self.content))

    def fingerprint(self, version: Version) -> str:
        """Return the beginning of the digest."""
        return self.digest(version)[:16].hex()

    def digest(self, version: Version, algorithm: Algorithm = "sha256") -> bytes:
        """Return the digest of the bytes."""
        if algorithm not in self._digests:
            self._digests[algorithm] = hashlib.new(algorithm, self.content).digest()
        return self._digests[algorithm]


class ObjectSource(Source):
    """A file object of the caller. It is served from its start, and stays open."""

    def __init__(self, file: Seekable) -> None:
        self._file, self._shared = file, SharedFile(file)
        self._size: int | None = None
        name, module = getattr(file, "name", None), type(file).__module__
        self.path = name if isinstance(name, str) and module not in _DECOMPRESSORS else "<file>"

    def open(self) -> Opened:
        """Open the object, which responses share, and find its size."""
        # A SpooledTemporaryFile may have moved from memory to the disk.
        if hasattr(self._file, "rollover") and (raw := hidden_raw(self._file)):
            with as_oserror():
                cast(Any, self._file).flush()
                return Opened(os.fstat(raw.fileno()).st_size, file=OffsetReader(raw))
        opened = self._shared.open()
        self._size = opened.size
        return opened

    def inspect(self) -> Version:
        """Return the size; do not wait for a response that is reading if the size is known."""
        if self._size is not None and self._shared.is_busy():
            return Version(self._size)
        return super().inspect()


class DecompressedSource(Source):
    """A file object that decompresses a file, such as that of ``gzip.open``.

    Each response decompresses the file itself. One object could follow only one response, and
    processes that share its file would move each other's position.
    """

    path = "<file>"

    def __init__(self, file: Any, raw: io.FileIO) -> None:
        self._file, self._raw = file, raw
        self._measured: tuple[Signature, int] | None = None

    def open(self) -> Opened:
        """Open the file at its start, and find the size, once for each version."""
        with as_oserror():
            version = signature(os.fstat(self._raw.fileno()))
            if self._file.closed:
                raise OSError(errno.EBADF, "the source was closed")
            file = self._decompress(OffsetReader(self._raw))
            if self._measured is None or self._measured[0] != version:
                self._measured = version, file.seek(0, os.SEEK_END)
        return SharedFile(file, close=file.close).open(self._measured[1])

    def _decompress(self, raw: OffsetReader) -> Any:
        kind = type(self._file)
        if kind.__module__ == "gzip":
            return kind(fileobj=raw)
        # For lzma these are the caller's ``format`` and ``filters``.
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
    """Reads a file from a position of its own, which no other process moves."""

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
        return cast(bytes, SYSTEM.pread(self._raw.fileno(), size, offset))


class SharedFile(Locked):
    """Reads a file object that responses share: each read seeks, under a lock."""

    def __init__(
        self, file: Seekable, lock: Any = None, close: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self._file, self._lock, self.close = file, lock or self._lock, close
        self._process, self._is_on_disk = os.getpid(), hidden_raw(file) is not None

    def open(self, size: int | None = None) -> Opened:
        """Return the current version; find its size in bytes unless it is given."""
        if size is None:
            with self._reading():
                self._file.seek(0, os.SEEK_END)
                size = index(self._file.tell())
        if size < 0:
            raise OSError(errno.EIO, f"the source reports a size of {size}")
        is_sequential = type(self._file).__module__ in _DECOMPRESSING
        return Opened(size, file=self, is_sequential=is_sequential)

    def is_busy(self) -> bool:
        """Return whether another response reads from the file now."""
        return bool(self._lock.locked())

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset."""
        with self._reading():
            self._file.seek(offset)
            block = self._file.read(size)
            if not isinstance(block, bytes):
                # PEP 3333 accepts bytes only. Without the view, bytes() would turn a number into
                # zeros.
                block = bytes(memoryview(block))
        if len(block) > size:
            raise OSError(errno.EIO, "the source returned more bytes than were requested")
        return block

    @contextmanager
    def _reading(self) -> Iterator[None]:
        # Forked processes share the file's position, but not the lock.
        if self._is_on_disk and os.getpid() != self._process:
            raise OSError(errno.EIO, "the source was opened before the process was forked")
        with self._lock, as_oserror():
            yield


def raw_file(file: object) -> io.FileIO | None:
    """Return the raw file of a file object that ``open`` returned in binary mode, or None.

    A ``fileno`` method is not enough, since file objects that decompress have that of their input.
    """
    raw = file.raw if isinstance(file, (io.BufferedReader, io.BufferedRandom)) else file
    return raw if isinstance(raw, io.FileIO) else None


def hidden_raw(file: object) -> io.FileIO | None:
    """Return the raw file that a file object reads, directly or through others, or None."""
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

# Modules whose file objects decompress, and seek back by starting again. The ``name`` of those of
# the first three is that of their compressed input.
_DECOMPRESSORS = ("bz2", "gzip", "lzma")
_DECOMPRESSING = (*_DECOMPRESSORS, "zipfile")


def file_object_source(file: Any) -> Source:
    """Return the source for a file object that is not a plain file."""
    # It may decompress a plain file, as opposed to one inside another file.
    inner = getattr(file, "fileobj", None) or getattr(file, "_fp", None)
    if type(file).__module__ in _DECOMPRESSORS and (raw := raw_file(inner)) is not None:
        return DecompressedSource(file, raw)
    return ObjectSource(file)
