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
from typing import IO, BinaryIO, cast

from wsgistatic.beneath import missing
from wsgistatic.shared_file import SharedFile, raw_file
from wsgistatic.sources import OpenSource, Source, guarded
from wsgistatic.version import read_at
from wsgistatic.watch import FileChangedError, Watch

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
            start = guarded(lambda: _start(descriptor, info))
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
            raise missing() from None
        if info.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if stat.S_ISLNK(info.external_attr >> 16):
            raise missing()
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
        self._file = guarded(self._open)  # at once: a HEAD is told of an error too

    def seek(self, offset: int) -> None:
        """Move to an offset from the start."""
        self._position = offset

    def read(self, size: int) -> bytes:
        """Read up to so many bytes."""
        block = guarded(lambda: self._read(size))
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
