"""A part of a file that looks like a file, for code that reads files to their end."""

from __future__ import annotations

import io
import os
from typing import Any

from wsgistatic.watch import FileChangedError, raise_if_changed


class RangeFile(io.RawIOBase):
    """One range of an open file, as a read-only raw file without ``fileno``.

    Arguments:
        file: the open file; closed together with this one.
        start, stop: the half-open range, in bytes.
        opened: status of the file when the headers were made.

    Reading raises ``FileChangedError`` once the file is truncated, or rewritten without growing:
    waitress then closes the connection. At an early end it would try to send nothing, on a core
    of its own, until long after the client has gone.
    """

    def __init__(self, file: io.FileIO, start: int, stop: int, opened: os.stat_result) -> None:
        self._file = file
        self._opened = opened
        self._start = start
        self._size = stop - start
        self._position = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Give the position in the range."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position in the range."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Read up to the end of the range."""
        wanted = min(len(buffer), max(self._size - self._position, 0))
        self._file.seek(self._start + self._position)
        count = self._file.readinto(memoryview(buffer)[:wanted]) or 0
        raise_if_changed(self._file, self._opened)
        if wanted and not count:
            raise FileChangedError("the file ended before its length")
        self._position += count
        return count

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()
