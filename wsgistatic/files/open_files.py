"""An open file of the caller, read by several responses at once and left at its position.

Each response gets a descriptor of its own, so that the caller may close the file at any time.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import Any

from wsgistatic.files.directory import Directory, File, OpenFile
from wsgistatic.files.versions import RegularFile


class HandleFile(File):
    """A regular file known by an open file object rather than by its path."""

    def __init__(self, file: Any) -> None:
        raw: Any = raw_file(file)
        if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            raise ValueError(f"source must be a regular file, not {file!r}")
        path = os.path.abspath(raw.name) if isinstance(raw.name, str) else "<file>"
        directory, name = os.path.split(path)
        super().__init__(Directory(directory, "follow"), (name,))
        self._file = file
        self._raw: io.FileIO = raw

    def open(self) -> OpenFile:
        """Open a duplicate of the descriptor."""
        descriptor = os.dup(self._descriptor())
        try:
            return OpenFile(RegularFile(descriptor, os.fstat(descriptor)), self.path)
        except BaseException:
            os.close(descriptor)
            raise

    def stat(self) -> os.stat_result:
        """Return the status of the open file."""
        return os.fstat(self._descriptor())

    def _descriptor(self) -> int:
        try:
            self._file.flush()  # the caller may have written to the same object
            return self._raw.fileno()
        except ValueError:
            raise OSError(errno.EBADF, "the source was closed") from None


def raw_file(file: object) -> io.FileIO | None:
    """Return the raw file that a file object reads from, as those of ``open`` in binary mode do.

    A ``fileno`` method is not enough: decompressing file objects have that of their input.
    """
    raw = file.raw if isinstance(file, (io.BufferedReader, io.BufferedRandom)) else file
    return raw if isinstance(raw, io.FileIO) else None
