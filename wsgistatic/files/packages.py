"""Directories and files of packages, as ``importlib.resources`` returns them, and zip archives.

An archive is served as it was opened, like the code imported from it. If it is replaced, the old
one is still served. If it is rewritten in place, requests fail. No name leads upwards, since
``split_path`` has checked it.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import zipfile
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, cast

from wsgistatic.files.decompressors import (
    LZMA,
    LZMA_HEAD,
    STORED,
    ForwardReader,
    decompress,
    decompressor,
)
from wsgistatic.files.digests import Algorithm
from wsgistatic.files.directory import Directory, File
from wsgistatic.files.errors import as_oserror, not_found_error
from wsgistatic.files.sources import (
    FileTree,
    Opened,
    SharedFile,
    Source,
    Traversable,
    Version,
    raw_file,
)
from wsgistatic.files.symlinks import Symlinks
from wsgistatic.files.versions import RegularFile, written
from wsgistatic.files.windows import SYSTEM

_PIECE = 16 * 1024  # bytes read at a time to be decompressed
_LOCAL_HEADER = 30  # bytes before a member's name; the last four are the lengths of what follows
_UNSUPPORTED = 0x61  # flags of encrypted, patched and strongly encrypted members


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
    """Directories that appear as one. The first that has a name provides it."""

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
                break  # it exists, although it cannot be served
        if isinstance(source, File):
            return LayeredFile(self, source.directory, segments)
        return source


class LayeredFile(File):
    """A file that a new one in an earlier layer could hide."""

    def __init__(self, layers: Layers, directory: Directory, segments: tuple[str, ...]) -> None:
        super().__init__(directory, segments)
        self._layers, self.stat_suffices = layers, False

    def stat_beneath_root(self) -> os.stat_result:
        """Return the status of the file, unless an earlier layer hides it now."""
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
            return SharedFile(file, close=file.close).open()
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
    """An open zip archive, and the file that it was opened from.

    It is read at offsets. ZipFile itself seeks, under one lock for all members, and so moves the
    position that forked processes share.
    """

    def __init__(self, file: zipfile.ZipFile) -> None:
        self.file = file
        self.path = os.path.abspath(file.filename) if file.filename else None
        self._raw = raw_file(file.fp)
        descriptor = self.descriptor()
        self._opened = None if descriptor is None else os.fstat(descriptor)
        self._shared = SharedFile(cast(Any, file.fp), cast(Any, file)._lock)
        self._names: list[str] = []

    def status(self) -> os.stat_result | None:
        """Return the status of the file, if there is one; raise OSError if it was rewritten."""
        descriptor = self.descriptor()
        if descriptor is None or self._opened is None:
            return None
        now = os.fstat(descriptor)
        if written(now) != written(self._opened):
            raise OSError(errno.EIO, "the archive was rewritten in place")
        return now

    @as_oserror()
    def descriptor(self) -> int | None:
        """Return the descriptor of the file, if there is one."""
        return None if self._raw is None else self._raw.fileno()

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset in the archive."""
        descriptor = self.descriptor()
        # Appended members may still be in a buffer.
        if descriptor is None or self.file.mode != "r":
            return self._shared.read_at(offset, size)
        return cast(bytes, SYSTEM.pread(descriptor, size, offset))

    @as_oserror()
    def locate(self, info: zipfile.ZipInfo) -> int:
        """Return the offset of a member's bytes, which its local header determines."""
        header = self.read_at(info.header_offset, _LOCAL_HEADER)
        if header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile(f"no local header of {info.filename!r}")
        lengths: tuple[int, int] = struct.unpack("<HH", header[26:])
        return info.header_offset + _LOCAL_HEADER + sum(lengths)

    def has_directory(self, name: str) -> bool:
        """Return whether a directory has members.

        ``zipfile.Path`` computes the parents of all names, which takes space quadratic in their
        lengths, and never ends for some names (CVE-2024-8088).
        """
        if not self._names:
            self._names = sorted(info.filename for info in self.file.infolist())
        name += "/"
        position = bisect_left(self._names, name)
        return any(found.startswith(name) for found in self._names[position : position + 1])


class ZipMember(Source):
    """A member or directory of an archive, whether or not it exists.

    Its fingerprint is its CRC and size, so that all machines with the same archive agree. Its time
    is that of the archive, since the member's own time has no zone, and is a constant in
    reproducible builds.
    """

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive, self._name = archive, name
        self._digests: dict[Algorithm, bytes] = {}
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
            info.compress_type == STORED
            and info.compress_size == info.file_size
            and not info.flag_bits & _UNSUPPORTED
        )
        if is_plain and descriptor is not None:
            start = archive.locate(info)
            member = StoredMember(SYSTEM.dup(descriptor), start)
            return Opened(info.file_size, status, archive.path, file=member)
        reader = MemberReader(archive, info)
        return Opened(info.file_size, status, archive.path, file=reader, is_sequential=True)

    def fingerprint(self, version: Version) -> str:
        """Return the CRC and the size, both in hexadecimal digits."""
        info = self._info()
        return f"{info.CRC:08x}-{info.file_size:x}"

    def digest(self, version: Version, algorithm: Algorithm = "sha256") -> bytes | None:
        """Return the digest of the bytes."""
        if algorithm not in self._digests:
            self._digests[algorithm] = self.hash(version, algorithm)
        return self._digests[algorithm]

    def _info(self) -> zipfile.ZipInfo:
        try:
            info = self._archive.file.getinfo(self._name)
        except KeyError:
            if not self._name or self._archive.has_directory(self._name):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
            raise not_found_error() from None
        if info.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if stat.S_ISLNK(info.external_attr >> 16):
            raise not_found_error()
        return info


class StoredMember(RegularFile):
    """A member that is stored uncompressed, ``start`` bytes into the archive."""

    def __init__(self, descriptor: int, start: int) -> None:
        super().__init__(descriptor)
        self._start = start

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset in the member."""
        return super().read_at(self._start + offset, size)


class MemberReader(ForwardReader):
    """Decompresses a member, and checks the archive for changes."""

    def __init__(self, archive: Archive, info: zipfile.ZipInfo) -> None:
        self._archive, self._info = archive, info
        # Checked now, so that HEAD fails too for encryption or an unknown method.
        if info.flag_bits & _UNSUPPORTED:
            raise OSError(errno.EIO, f"{info.filename!r} is encrypted or patched")
        self._start = archive.locate(info)
        super().__init__()

    @as_oserror()
    def content(self) -> Iterator[bytes]:
        """Return the content in pieces; raise OSError if it cannot be decompressed."""
        archive, info, start, head = self._archive, self._info, self._start, b""
        if info.compress_type == LZMA:
            head = archive.read_at(start, LZMA_HEAD)
        stream = decompressor(info.compress_type, head)
        offsets = range(len(head), info.compress_size, _PIECE)
        blocks = (
            archive.read_at(start + at, min(_PIECE, info.compress_size - at)) for at in offsets
        )
        return self._verified(decompress(stream, blocks))

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from an offset."""
        block = super().read_at(offset, size)
        self._archive.status()
        return block

    def close(self) -> None:
        """Do nothing: the archive stays open."""

    def _verified(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        left, crc = self._info.file_size, 0
        for piece in pieces:
            block = piece[:left]
            left, crc = left - len(block), zlib.crc32(block, crc)
            if not left and crc != self._info.CRC:
                raise zipfile.BadZipFile(f"wrong CRC of {self._info.filename!r}")
            yield block
