"""Members of a zip archive as sources, and a directory of them.

Strategy: an archive is the version that was opened, as the code imported from it is: replaced, it
goes on to be served as it was; rewritten in place, nothing of it is served any more. What tells
versions apart for clients is what the archive says of a member (CRC and size, so that all machines
with the same archive agree) and the time of the archive; members' own times have no zone, and
reproducible builds set them all alike. A stored member is read at its place in the archive; a
compressed one is decompressed up to the place that was asked for.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import zipfile
from threading import Lock
from typing import IO, Any, BinaryIO, Protocol, TypeGuard, cast

from wsgistatic.files.changes import FileChangedError, Watch
from wsgistatic.files.directory import Directory, Resource
from wsgistatic.files.errors import as_oserror, not_found_error
from wsgistatic.files.sources import (
    _DECOMPRESSING,
    LockedReader,
    OpenSource,
    SharedFile,
    Source,
    _size_of,
    raw_file,
)
from wsgistatic.files.symlinks import Symlinks
from wsgistatic.files.versions import read_at

_SKIP = 64 * 1024  # bytes decompressed at a time on the way to a range
_LOCAL_HEADER = 30  # bytes before a member's name, the lengths of name and extra field the last
_ENCRYPTED = 0x1
# ZipFile counts its open members without a lock, and closes itself at 0.
_OPENING = Lock()


class Archive:
    """An open archive and the file that it was opened from."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self.file = file
        self.path = os.path.abspath(file.filename) if file.filename else None
        self._opened = self._status()

    def status(self) -> os.stat_result | None:
        """Give the present status of the file; None where it is none of the system's.

        Raises:
            FileChangedError: it was rewritten since the archive was opened.
        """
        now, opened = self._status(), self._opened
        if now and opened and _written(now) != _written(opened):
            raise FileChangedError("the archive was rewritten in place")
        return now

    def descriptor(self) -> int | None:
        """Give the descriptor of the file, where it has one."""
        raw = raw_file(self.file.fp)
        return None if raw is None else raw.fileno()

    def _status(self) -> os.stat_result | None:
        descriptor = self.descriptor()
        return None if descriptor is None else os.fstat(descriptor)


class ZipMember(Source):
    """One member of an archive, whether or not it is there.

    Arguments:
        archive: to read.
        name: of the member, in the archive.
    """

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive = archive
        self._name = name
        self._digest: bytes | None = None
        self.path = f"{archive.path or '<archive>'}/{name}"

    def open(self) -> OpenSource:
        """Open the member."""
        info, archive = self._info(), self._archive
        status, descriptor = archive.status(), archive.descriptor()
        if _is_plain(info) and descriptor is not None and status is not None:
            start = as_oserror(lambda: _start(descriptor, info))
            file = SharedFile(os.dup(descriptor), start)
            watch = Watch(file, status, doubtful=False)
            return OpenSource(file, info.file_size, status, archive.path, watch=watch)
        reader = cast(BinaryIO, MemberReader(archive, info))
        return OpenSource(reader, info.file_size, status, archive.path, is_sequential=True)

    def stat(self) -> None:
        """Raise what ``open`` would."""
        self._info()

    def tag(self, opened: OpenSource) -> str:
        """Give a tag made of what the archive says of the bytes."""
        info = self._info()
        return f'"{info.CRC:08x}-{info.file_size:x}"'

    def digest(self, opened: OpenSource) -> bytes:
        """Give the digest of the bytes."""
        if self._digest is None:
            self._digest = super().digest(opened)
        return self._digest

    def _info(self) -> zipfile.ZipInfo:
        try:
            info = self._archive.file.getinfo(self._name)
        except KeyError:
            if not self._name or zipfile.Path(self._archive.file, self._name + "/").exists():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
            raise not_found_error() from None
        if info.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if stat.S_ISLNK(info.external_attr >> 16):
            raise not_found_error()
        return info


class MemberReader:
    """Decompresses a member, forwards as far as it goes.

    Arguments:
        archive: is looked at after each read.
        info: of the member.

    Raises:
        OSError: it cannot be decompressed: it is encrypted, or in a way that zipfile has not.
    """

    def __init__(self, archive: Archive, info: zipfile.ZipInfo) -> None:
        self._archive = archive
        self._info = info
        self._position = 0
        self._file = as_oserror(self._open)  # at once: a HEAD is told of an error too

    def seek(self, offset: int) -> None:
        """Move to an offset from the start."""
        self._position = offset

    def read(self, size: int) -> bytes:
        """Read up to so many bytes."""
        block = as_oserror(lambda: self._read(size))
        self._archive.status()
        self._position += len(block)
        return block

    def _read(self, size: int) -> bytes:
        if self._file.tell() > self._position:
            self.close()
            self._file = self._open()
        while (ahead := self._position - self._file.tell()) > 0:
            if not self._file.read(min(ahead, _SKIP)):
                break
        return self._file.read(size)

    def close(self) -> None:
        """Close the member, not the archive."""
        with _OPENING:
            self._file.close()

    def _open(self) -> IO[bytes]:
        with _OPENING:
            return self._archive.file.open(self._info)


def _is_plain(info: zipfile.ZipInfo) -> bool:
    """Tell whether the archive holds the member's bytes as they are."""
    return (
        info.compress_type == zipfile.ZIP_STORED
        and info.compress_size == info.file_size
        and not info.flag_bits & _ENCRYPTED
    )


def _start(descriptor: int, info: zipfile.ZipInfo) -> int:
    """Give the offset of a stored member's bytes, which its local header tells."""
    header = read_at(descriptor, _LOCAL_HEADER, info.header_offset)
    if header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no local header of {info.filename}")
    lengths: tuple[int, int] = struct.unpack("<HH", header[26:])
    return info.header_offset + _LOCAL_HEADER + sum(lengths)


def _written(status: os.stat_result) -> tuple[int, int]:
    """Give what a rewrite changes; a ctime alone changes when the archive is replaced."""
    return status.st_mtime_ns, status.st_size


_ABSENT = (FileNotFoundError, NotADirectoryError)


class ZipDirectory:
    """The members of an archive below a name."""

    def __init__(self, path: zipfile.Path) -> None:
        self._archive = Archive(path.root)
        name = path.at.rstrip("/")
        self._below = name + "/" if name else ""

    def resource(self, segments: tuple[str, ...]) -> ZipMember:
        """Name a file beneath this directory, whether or not it is there."""
        return ZipMember(self._archive, (self._below + "/".join(segments)).rstrip("/"))


class LoaderDirectory:
    """The files of a package that only its loader can open."""

    def __init__(self, root: Traversable) -> None:
        self._root = root

    def resource(self, segments: tuple[str, ...]) -> TraversableSource:
        """Name a file beneath this directory, whether or not it is there."""
        return TraversableSource(self._root, segments)


class Layers:
    """Several directories as one; the first that has a name decides.

    Arguments:
        directories: at least one.
    """

    def __init__(self, directories: list[AnyDirectory]) -> None:
        self._directories = directories

    def resource(self, segments: tuple[str, ...]) -> Resource | Source:
        """Name a file in the first directory that has it."""
        for directory in self._directories:
            resource = directory.resource(segments)
            if self._has(resource):
                break
        if isinstance(resource, Resource):
            return resource._replace(recheck=lambda: self._look_again(segments, resource))
        return resource

    def _has(self, resource: Resource | Source) -> bool:
        try:
            resource.stat()
        except _ABSENT:
            return False
        except OSError:
            pass  # it is there, if not for us
        return True

    def _look_again(self, segments: tuple[str, ...], seen: Resource) -> os.stat_result:
        """Give the status of a file unless an earlier directory has one by now."""
        if self.resource(segments).path != seen.path:
            raise not_found_error()
        return seen.stat()


AnyDirectory = Directory | ZipDirectory | LoaderDirectory | Layers


def is_traversable(value: object) -> TypeGuard[Traversable]:
    """Tell whether a value is a file or directory of a package and no path."""
    methods = ("joinpath", "is_dir", "is_file", "open")
    return not isinstance(value, os.PathLike) and all(hasattr(value, name) for name in methods)


def traversable_directory(root: Any, symlinks: Symlinks) -> AnyDirectory:
    """Give access to the files beneath a directory of a package.

    Arguments:
        root: what ``importlib.resources.files`` gave, or a directory in it.
        symlinks: for those parts that are real directories.
    """
    if isinstance(root, os.PathLike):
        return Directory(os.path.join(os.getcwd(), root), symlinks)
    if isinstance(root, zipfile.Path):
        return ZipDirectory(root)
    # A namespace package may lie in several places, which no public name tells of.
    places = getattr(root, "_paths", None)
    if places:
        return Layers([traversable_directory(place, symlinks) for place in places])
    return LoaderDirectory(root)


def traversable_source(value: Any) -> Source:
    """Give a file of a package that is no path."""
    if isinstance(value, zipfile.Path):
        return ZipMember(Archive(value.root), value.at)
    return TraversableSource(value)


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


class TraversableSource(Source):
    """A file of a package whose loader keeps it, opened anew for each response."""

    def __init__(self, root: Traversable, segments: tuple[str, ...] = ()) -> None:
        self._root = root
        self._segments = segments
        self.path = "/".join((root.name, *segments))

    def open(self) -> OpenSource:
        """Open the file, if it is one."""
        file = as_oserror(self._find_and_open)
        try:
            size = as_oserror(lambda: _size_of(file))
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
                raise not_found_error()
            node = node.joinpath(segment)
        if node.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not node.is_file():
            raise not_found_error()
        file: BinaryIO = node.open("rb")
        return file
