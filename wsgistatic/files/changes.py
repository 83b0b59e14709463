"""Notice that an open file changes while it is sent.

Strategy: ``fstat`` after each block. Shorter, or as long with another mtime: truncated or
rewritten in place, and the response must break. Longer may be an append (a log), which does no
harm, or a rewrite with something longer; a new ctime alone may be a rename, or a rewrite whose
mtime was put back. So samples of every block sent are kept in one checksum, and read again when
such a change is first seen and before the last block goes out.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterable
from io import FileIO
from typing import BinaryIO

from wsgistatic.files.directory import OpenFile

# One byte in so many goes into the checksum, 515 of a block of 256 KiB: 1 us beside the 12 of the
# read, where a checksum of all bytes takes 60. A prime, so as not to hit upon fields of records.
_STRIDE = 509
_PATIENCE = 0.05  # seconds


class FileChangedError(OSError):
    """The file is no longer the version whose headers were sent."""


def read_fully(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes, or up to the end of the file; one raw read may give fewer."""
    block = file.read(size)
    if len(block) == size:
        return block
    pieces = [block]
    while pieces[-1] and (size := size - len(pieces[-1])):
        pieces.append(file.read(size))
    return b"".join(pieces)


def raise_if_changed(file: FileIO, opened: os.stat_result) -> None:
    """Raise where an open file was truncated, or rewritten without growing.

    Arguments:
        file: the open file.
        opened: its status when the headers were made.

    Raises:
        FileChangedError: it is no longer that version.
    """
    now = _look(file, opened)
    same = (now.st_mtime_ns, now.st_size) == (opened.st_mtime_ns, opened.st_size)
    if not same and now.st_size <= opened.st_size:
        raise _changed()


class Watch:
    """Watches one open file through one response; moves its position.

    Arguments:
        file: the open file.
        opened: its status when the headers were made.
        doubtful: it changed so shortly before that the next change may not show in its mtime.
    """

    def __init__(self, file: FileIO, opened: os.stat_result, doubtful: bool) -> None:
        self._file = file
        self._opened = opened
        self._doubtful = doubtful
        self._started = False
        self._samples = 0

    def note(self, offset: int, block: bytes, sent: Iterable[tuple[int, int]]) -> None:
        """Take note of a block that was read and is about to be sent; more will follow.

        Arguments:
            offset: where it was read.
            block: its bytes.
            sent: offset and size of each block before it.

        Raises:
            FileChangedError: the file was truncated or rewritten.
        """
        trusted = not self._doubtful
        self._check(offset, block)
        if trusted and self._doubtful:
            self._check_sent(sent)
        self._started = True
        self._samples = zlib.crc32(block[::_STRIDE], self._samples)

    def note_last(self, offset: int, block: bytes, sent: Iterable[tuple[int, int]]) -> None:
        """Take note of the last block; arguments and errors as ``note``."""
        self._check(offset, block)
        if self._doubtful:
            self._check_sent(sent)

    def _check(self, offset: int, block: bytes) -> None:
        opened, now = self._opened, _look(self._file, self._opened)
        if (now.st_mtime_ns, now.st_size) != (opened.st_mtime_ns, opened.st_size):
            # With nothing sent there is nothing to compare growth with: look at the file anew.
            if now.st_size <= opened.st_size or not self._started:
                raise _changed()
            self._doubtful = True
        elif now.st_ctime_ns != opened.st_ctime_ns:
            self._doubtful = True
        if self._doubtful and self._read(offset, len(block)) != block:
            raise _changed()

    def _check_sent(self, sent: Iterable[tuple[int, int]]) -> None:
        samples = 0
        for earlier, size in sent:
            samples = zlib.crc32(self._read(earlier, size)[::_STRIDE], samples)
        if samples != self._samples:
            raise _changed()

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return read_fully(self._file, size)


def _look(file: FileIO, opened: os.stat_result) -> os.stat_result:
    """Look at a file; where it may be growing just now, until it has grown.

    Linux sets the mtime of an append before the size: a few microseconds, on a busy machine
    milliseconds. So a rewrite of the same length is known only after ``_PATIENCE``.
    """
    now = os.fstat(file.fileno())
    if now.st_mtime_ns != opened.st_mtime_ns:
        end = time.monotonic() + _PATIENCE
        while now.st_size == opened.st_size and time.monotonic() < end:
            time.sleep(_PATIENCE / 50)
            now = os.fstat(file.fileno())
    return now


def _changed() -> FileChangedError:
    return FileChangedError("the file changed while it was sent")


def read_content(opened: OpenFile) -> bytes:
    """Read a small file whole.

    Raises:
        FileChangedError: it changed meanwhile. (A new ctime alone is most often a file that was
            replaced; the entry is not good then, but what was read is.)
    """
    file, status = opened
    content = read_fully(file, status.st_size)
    now = os.fstat(file.fileno())
    unchanged = (now.st_mtime_ns, now.st_size) == (status.st_mtime_ns, status.st_size)
    if not unchanged or len(content) != status.st_size:
        raise FileChangedError("the file changed while it was read")
    return content
