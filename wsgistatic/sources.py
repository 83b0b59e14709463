"""Sources: what can be served besides a path, and one version of it open for one response.

Strategy: a source is opened for each response, and all that is said of it (size, validators)
describes what was opened. Memory is shared as it is; the file object of somebody else is read
under a lock, whole, wherever it stands.
"""

from __future__ import annotations

import errno
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from operator import index
from threading import Lock
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar, cast

from wsgistatic.content_digest import content_etag, hash_content
from wsgistatic.directory import Resource
from wsgistatic.watch import Watch

T = TypeVar("T")


class Seekable(Protocol):
    """A binary file object: what is read of it is at the place that was sought."""

    def seek(self, offset: int, whence: int = ..., /) -> Any:
        """Move to an offset."""

    def tell(self) -> int:
        """Give the offset."""

    def read(self, size: int, /) -> bytes:
        """Read up to so many bytes."""


class Traversable(Protocol):
    """A file or directory of a package: what is used of ``importlib.resources.abc.Traversable``."""

    @property
    def name(self) -> str:
        """The last part of its path."""

    def is_dir(self) -> bool:
        """Tell whether it is a directory."""

    def is_file(self) -> bool:
        """Tell whether it is a file."""

    def joinpath(self, child: str, /) -> Any:
        """Give what has a name in this directory."""

    def open(self, mode: Any = "r", /) -> Any:
        """Open the file."""


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
            OSError: it is not there, or cannot be read (see ``faults.outcome_of``).
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
            size = guarded(lambda: _size_of(self._file))
        file = LockedReader(self._file, self._lock)
        return OpenSource(cast(BinaryIO, file), size, is_sequential=self._is_sequential)


class TraversableSource(Source):
    """A file of a package whose loader keeps it, opened anew for each response."""

    def __init__(self, root: Traversable, segments: tuple[str, ...] = ()) -> None:
        self._root = root
        self._segments = segments
        self.path = "/".join((root.name, *segments))

    def open(self) -> OpenSource:
        """Open the file, if it is one."""
        file = guarded(self._find_and_open)
        try:
            size = guarded(lambda: _size_of(file))
        except BaseException:
            file.close()
            raise
        reader = LockedReader(file, Lock(), file.close)
        sequential = type(file).__module__ in _DECOMPRESSING
        return OpenSource(cast(BinaryIO, reader), size, is_sequential=sequential)

    def _find_and_open(self) -> BinaryIO:
        node = self._root
        for segment in self._segments:
            if not node.is_dir():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            node = node.joinpath(segment)
        if node.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not node.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        file: BinaryIO = node.open("rb")
        return file


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
            block = guarded(lambda: self._read(size))
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


def guarded(function: Callable[[], T]) -> T:
    """Call code that is not ours; whatever it raises is an OSError."""
    try:
        return function()
    except OSError:
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"the source cannot be read: {error!r}") from error


def _size_of(file: Seekable) -> int:
    file.seek(0, os.SEEK_END)
    size = index(file.tell())
    if size < 0:
        raise OSError(errno.EIO, f"the source says that its size is {size}")
    return size
