"""An open file of the caller's, read by many responses at once and left where it stands.

Strategy: each response gets a descriptor of its own, so that the caller may close the file as soon
as it likes, and reads at offsets, since duplicated descriptors share one position.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import Any

from wsgistatic.directory import OpenFile, Resource, single_file
from wsgistatic.version import read_at


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
