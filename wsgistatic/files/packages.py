"""Directories and files of packages, as ``importlib.resources`` returns them, and zip archives.

An archive is served as it was opened, like the code imported from it: if it is replaced, the old
one is served on; if it is rewritten in place, requests fail. No name leads upwards, since
``split_path`` has checked it.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import struct
import zipfile
from threading import Lock
from typing import IO, Any, BinaryIO, NamedTuple, Protocol, TypeGuard, cast

from wsgistatic.files.directory import Directory, File, raw_file
from wsgistatic.files.errors import as_oserror, not_found_error
from wsgistatic.files.sources import Opened, Source, Version, open_shared
from wsgistatic.files.symlinks import Symlinks
from wsgistatic.files.versions import RegularFile, read_at, written

_SKIP = 64 * 1024  # bytes decompressed at a time on the way to a range
_LOCAL_HEADER = 30  # bytes before a member's name; the last four are the lengths of what follows
_ENCRYPTED = 0x1
# ZipFile counts its open members without a lock, and closes itself when the count is 0.
_OPENING = Lock()


class Traversable(Protocol):
    """A file or directory of a package: what we use of ``importlib.resources.abc.Traversable``."""

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


class FileTree(Protocol):
    """What a site is served from: files by their names."""

    def file(self, segments: tuple[str, ...], /) -> Source:
        """Name a file, whether or not it exists."""


def is_traversable(value: object) -> TypeGuard[Traversable]:
    """Return whether a value is a file or directory of a package, and not a path."""
    methods = ("joinpath", "is_dir", "is_file", "open")
    return not isinstance(value, os.PathLike) and all(hasattr(value, name) for name in methods)


def tree_of(root: Any, symlinks: Symlinks) -> FileTree:
    """Return the files beneath a directory that ``importlib.resources.files`` led to."""
    if isinstance(root, os.PathLike):
        return Directory(os.path.join(os.getcwd(), root), symlinks)
    # A namespace package may lie in several places, which have no public name.
    if places := getattr(root, "_paths", None):
        return Layers([tree_of(place, symlinks) for place in places])
    return traversable_source(root)


def traversable_source(value: Any) -> ZipMember | TraversableSource:
    """Return the source for a file of a package that is not a path."""
    if isinstance(value, zipfile.Path):
        return ZipMember(Archive(value.root), value.at)
    return TraversableSource(value)


class Layers(NamedTuple):
    """One or more directories as one. The first that has a name decides."""

    trees: list[FileTree]

    def file(self, segments: tuple[str, ...]) -> Source:
        """Name a file in the first directory that has it."""
        for tree in self.trees:
            source = tree.file(segments)
            try:
                source.inspect()
                break
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                break  # it exists, even if it may not be served
        if isinstance(source, File):
            return LayeredFile(self, source.directory, segments)
        return source


class LayeredFile(File):
    """A file that an earlier layer may come to hide."""

    def __init__(self, layers: Layers, directory: Directory, segments: tuple[str, ...]) -> None:
        super().__init__(directory, segments)
        self._layers, self.stat_suffices = layers, False

    def stat_beneath_root(self) -> os.stat_result:
        """Return the status of the file, unless an earlier layer has one now."""
        if self._layers.file(self.segments).path != self.path:
            raise not_found_error()
        return self.stat()


class TraversableSource(Source):
    """A file or directory of a package; the loader opens a file again for each response."""

    def __init__(self, root: Traversable, segments: tuple[str, ...] = ()) -> None:
        self._root, self._segments = root, segments
        self.path = "/".join((root.name, *segments))

    def file(self, segments: tuple[str, ...]) -> TraversableSource:
        """Name a file beneath this directory, whether or not it exists."""
        return TraversableSource(self._root, segments)

    def open(self) -> Opened:
        """Open the file, if it is one."""
        file = self._find_and_open()
        try:
            return open_shared(file, Lock(), file.close)
        except BaseException:
            file.close()
            raise

    @as_oserror()
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
        return cast(BinaryIO, node.open("rb"))


class Archive:
    """An open zip archive, and the file that it was opened from."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self.file = file
        self.members = file
        # Processes share one position in an archive that was opened before a fork, and ZipFile
        # seeks. So its members are read at offsets. Without fork it may as well seek.
        if hasattr(os, "fork") and file.mode == "r" and (raw := raw_file(file.fp)):
            # Not copy(): the subclass that zipfile.Path uses refuses it on Python 3.12.
            self.members = zipfile.ZipFile.__new__(zipfile.ZipFile)
            vars(self.members).update(vars(file))
            self.members.fp = cast(IO[bytes], _OffsetReader(raw))
        self.path = os.path.abspath(file.filename) if file.filename else None
        self._opened: os.stat_result | None = None
        self._opened = self.status()

    def status(self) -> os.stat_result | None:
        """Return the status of the open file, if it has one; raise OSError if it was rewritten."""
        descriptor, opened = self.descriptor(), self._opened
        now = None if descriptor is None else os.fstat(descriptor)
        if now and opened and written(now) != written(opened):
            raise OSError(errno.EIO, "the archive was rewritten in place")
        return now

    def descriptor(self) -> int | None:
        """Return the descriptor of the file, if it has one."""
        raw = raw_file(self.file.fp)
        return None if raw is None else raw.fileno()


class _OffsetReader(io.RawIOBase):
    """A file that is read from a position of its own, which no other process moves."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw, self._position = raw, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        block = read_at(self._raw.fileno(), size, self._position)
        self._position += len(block)
        return block


class ZipMember(Source):
    """A member or directory of an archive, whether or not it exists.

    Its validators are its CRC and size, so that all machines with the same archive agree, and the
    time of the archive. The member's own time has no zone, and reproducible builds set it to a
    constant.
    """

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive, self._name = archive, name
        self._digest: bytes | None = None
        self.path = f"{archive.path or '<archive>'}/{name}"

    def file(self, segments: tuple[str, ...]) -> ZipMember:
        """Name a member beneath this directory, whether or not it exists."""
        names = (*filter(None, self._name.split("/")), *segments)
        return ZipMember(self._archive, "/".join(names))

    def open(self) -> Opened:
        """Open the member."""
        info, archive = self._info(), self._archive
        status, descriptor = archive.status(), archive.descriptor()
        is_plain = (
            info.compress_type == zipfile.ZIP_STORED
            and info.compress_size == info.file_size
            and not info.flag_bits & _ENCRYPTED
        )
        if is_plain and descriptor is not None and status is not None:
            start = _start(descriptor, info)
            member = StoredMember(os.dup(descriptor), status, start)
            return Opened(info.file_size, status, archive.path, file=member)
        reader = MemberReader(archive, info)
        return Opened(info.file_size, status, archive.path, file=reader, is_sequential=True)

    def fingerprint(self, version: Version) -> str:
        """Return the CRC and the size, both in hexadecimal digits."""
        info = self._info()
        return f"{info.CRC:08x}-{info.file_size:x}"

    def digest(self, version: Version, settled: bool) -> bytes | None:
        """Return the digest of the bytes."""
        if self._digest is None:
            self._digest = self.hash(version)
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


class StoredMember(RegularFile):
    """A member that the archive holds uncompressed, from its first byte at ``start``."""

    def __init__(self, descriptor: int, status: os.stat_result, start: int) -> None:
        super().__init__(descriptor, status)
        self._start = start

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset in the member."""
        return super().read_at(self._start + offset, size)


class MemberReader:
    """Decompresses a member, forwards as far as possible, and checks the archive for changes."""

    def __init__(self, archive: Archive, info: zipfile.ZipInfo) -> None:
        self._archive, self._info = archive, info
        # Opened now, so that HEAD too reports encryption or an unknown method as an error.
        self._file = self._open()

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset."""
        with as_oserror():
            if self._file.tell() > offset:
                self.close()
                self._file = self._open()
            while (ahead := offset - self._file.tell()) > 0:
                if not self._file.read(min(ahead, _SKIP)):
                    break
            block = self._file.read(size)
        self._archive.status()
        return block

    def close(self) -> None:
        """Close the member, not the archive."""
        with _OPENING:
            self._file.close()

    def _open(self) -> IO[bytes]:
        with _OPENING, as_oserror():
            return self._archive.members.open(self._info)


@as_oserror()
def _start(descriptor: int, info: zipfile.ZipInfo) -> int:
    """Return the offset of the bytes of a stored member, which its local header determines."""
    header = read_at(descriptor, _LOCAL_HEADER, info.header_offset)
    if header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no local header of {info.filename}")
    lengths: tuple[int, int] = struct.unpack("<HH", header[26:])
    return info.header_offset + _LOCAL_HEADER + sum(lengths)
