"""Sources: what can be served besides a path, and one version of it open for one response.

Strategy: a source is opened for each response, and all that is said of it (size, validators)
describes what was opened. Memory is shared as it is; the file object of somebody else is read
under a lock, whole, wherever it stands.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable
from operator import index
from threading import Lock
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

from wsgistatic.files.changes import Watch
from wsgistatic.files.digests import content_etag, hash_content
from wsgistatic.files.directory import OpenFile, Resource, single_file
from wsgistatic.files.errors import as_oserror
from wsgistatic.files.versions import read_at


class Seekable(Protocol):
    """A binary file object: what is read of it is at the place that was sought."""

    def seek(self, offset: int, whence: int = ..., /) -> Any:
        """Move to an offset."""

    def tell(self) -> int:
        """Give the offset."""

    def read(self, size: int, /) -> bytes:
        """Read up to so many bytes."""


class OpenSource(NamedTuple):
    """One version of a source, open for one response.

    Attributes:
        file: seekable; closed with the response.
        size: bytes.
        status: of the file that holds it, whose times are those of the version; None where
            there is no such file.
        holder: path of that file, where a ``stat`` of it shows that the version is current.
        is_sequential: seeking back means reading all from the start.
        watch: looks for changes of the file under way.
    """

    file: BinaryIO
    size: int
    status: os.stat_result | None = None
    holder: str | None = None
    is_sequential: bool = False
    watch: Watch | None = None


class Source(ABC):
    """Something to serve.

    Attributes:
        path: for logs and for the options' callables; its last part decides the media type.
    """

    path: str

    @abstractmethod
    def open(self) -> OpenSource:
        """Open the present version.

        Raises:
            IsADirectoryError: it is a directory.
            OSError: it is not there, or cannot be read (see ``errors.classify``).
        """

    def stat(self) -> None:
        """Raise what ``open`` would."""
        self.open().file.close()

    def tag(self, opened: OpenSource) -> str | None:
        """Give the opaque part of a strong entity tag that costs little, or None."""
        return None

    def digest(self, opened: OpenSource) -> bytes:
        """Give the SHA-256 digest of the bytes."""
        return hash_content(opened.file, opened.size)


class MemorySource(Source):
    """Bytes, hashed when they are first described."""

    path = "<bytes>"

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._digest: bytes | None = None

    def open(self) -> OpenSource:
        """Open the bytes, which are not copied."""
        return OpenSource(io.BytesIO(self._content), len(self._content))

    def tag(self, opened: OpenSource) -> str:
        """Give a tag made of the bytes."""
        return content_etag(self.digest(opened))

    def digest(self, opened: OpenSource) -> bytes:
        """Give the digest of the bytes."""
        if self._digest is None:
            self._digest = super().digest(opened)
        return self._digest


class ResourceSource(Source):
    """A file whose validators the caller gives, not the file system."""

    def __init__(self, resource: Resource) -> None:
        self.path = resource.path
        self._open = resource.open

    def open(self) -> OpenSource:
        """Open the file."""
        file, status = self._open()
        return OpenSource(file, status.st_size, watch=Watch(file, status, doubtful=True))


class ObjectSource(Source):
    """A seekable file object of the caller's, which stays open."""

    def __init__(self, file: Seekable) -> None:
        self._file = file
        self._lock = Lock()
        module = type(file).__module__
        self._is_sequential = module in _DECOMPRESSING
        name = getattr(file, "name", None)
        self.path = name if isinstance(name, str) and module not in _NAMED_FOR_INPUT else "<file>"

    def open(self) -> OpenSource:
        """Find the size, and share the object with other responses."""
        with self._lock:
            size = as_oserror(lambda: _size_of(self._file))
        file = LockedReader(self._file, self._lock)
        return OpenSource(cast(BinaryIO, file), size, is_sequential=self._is_sequential)


# Where seeking back means decompressing from the start; and what has its input's name.
_DECOMPRESSING = ("bz2", "gzip", "lzma", "zipfile")
_NAMED_FOR_INPUT = ("bz2", "gzip", "lzma")


class LockedReader:
    """A view of a file object with a position of its own.

    Arguments:
        file: is moved to that position for each read.
        lock: held meanwhile.
        close: called at the end.
    """

    def __init__(self, file: Seekable, lock: Lock, close: Callable[[], object] = tuple) -> None:
        self._file = file
        self._lock = lock
        self._position = 0
        self.close = close

    def seek(self, offset: int) -> None:
        """Move to an offset from the start."""
        self._position = offset

    def read(self, size: int) -> bytes:
        """Read up to so many bytes."""
        with self._lock:
            block = as_oserror(lambda: self._read(size))
        self._position += len(block)
        return block

    def _read(self, size: int) -> bytes:
        self._file.seek(self._position)
        block = self._file.read(size)
        if not isinstance(block, bytes):
            # PEP 3333 takes nothing that is only like bytes; of a number bytes() makes zeros.
            block = bytes(memoryview(block))
        if len(block) > size:
            raise OSError(errno.EIO, "the source gives more than it is asked for")
        return block


def _size_of(file: Seekable) -> int:
    file.seek(0, os.SEEK_END)
    size = index(file.tell())
    if size < 0:
        raise OSError(errno.EIO, f"the source says that its size is {size}")
    return size


class SharedFile(io.FileIO):
    """A raw file with a position of its own on a descriptor that others use too.

    Arguments:
        descriptor: is closed with it.
        start: offset in bytes of what is position 0 here.
    """

    def __init__(self, descriptor: int, start: int = 0) -> None:
        super().__init__(descriptor, "rb")
        self._start = start
        self._position = 0

    def tell(self) -> int:
        """Give the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to an offset from the start; others are not asked for."""
        if whence != os.SEEK_SET:
            raise io.UnsupportedOperation("only an offset from the start")
        self._position = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to so many bytes, in one call of the system."""
        if size is None or size < 0:
            raise io.UnsupportedOperation("only so many bytes")
        content: bytes = read_at(self.fileno(), size, self._start + self._position)
        self._position += len(content)
        return content

    def readinto(self, buffer: Any, /) -> int:
        """Read up to the size of the buffer, in one call of the system."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def raw_file(file: object) -> io.FileIO | None:
    """Give what reads plainly from a descriptor, as files of ``open`` in binary mode do.

    Having a ``fileno`` is not enough: decompressing files have that of their input.
    """
    raw = file.raw if isinstance(file, (io.BufferedReader, io.BufferedRandom)) else file
    return raw if isinstance(raw, io.FileIO) else None


def open_file_resource(file: Any) -> Resource | None:
    """Name an open file of the operating system by its handle; None where it is no such file.

    Arguments:
        file: open for reading.

    Raises:
        ValueError: it is a pipe, a device or another file without a size.
    """
    raw = raw_file(file)
    if raw is None:
        return None
    if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        raise ValueError(f"source must be a regular file, not {file!r}")
    path = os.path.abspath(raw.name) if isinstance(raw.name, str) else "<file>"

    def descriptor() -> int:
        try:
            file.flush()  # what was written by the same object shall be there
            return raw.fileno()
        except ValueError:
            raise OSError(errno.EBADF, "the source was closed") from None

    def open_again() -> OpenFile:
        shared = SharedFile(os.dup(descriptor()))
        return OpenFile(shared, os.fstat(shared.fileno()))

    return Resource(
        path,
        lambda: os.fstat(descriptor()),
        open_again,
        lambda suffix: single_file(path + suffix),
    )
