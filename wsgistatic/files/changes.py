"""Detect that an open file changes while it is sent, by ``fstat`` after each block.

A file that became shorter, or kept its length with a new mtime, was truncated or rewritten, and the
response must break. A longer file may have been appended to (a log), or rewritten. A new ctime
alone may come from a rename, or from a rewrite whose mtime was put back. A rewrite within the same
tick of the clock shows in no time stamp. In doubt the samples of sent blocks are read again and
their checksums compared: before each block while the clock may not have ticked, when a change first
shows, and before the last block goes out. Of a long response that is a selection of blocks, since
reading all of it again would stop an event loop for seconds.
"""

from __future__ import annotations

import os
import time
import zlib
from array import array
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from wsgistatic.files.versions import (
    SECOND,
    RegularFile,
    is_version_settled,
    time_for,
    written,
)

# One byte in 509 is a sample, which makes 515 in a block of 256 KiB. Their checksum takes 1 us, one
# of all bytes 60 us, and the read 12 us. A prime keeps the samples from always being in the same
# field of fixed-length records.
_STRIDE = 509
_MAX_CHECKED = 256  # blocks that are read again at a time, evenly spaced
_PATIENCE = 0.05  # seconds
_CHANGED = "the file changed while it was sent"


class FileChangedError(OSError):
    """The file is no longer the version that was described."""


class Reader(Protocol):
    """An open source of bytes that can be read at any offset."""

    def read_at(self, offset: int, size: int, /) -> bytes:
        """Return up to ``size`` bytes from an offset; none only at the end."""

    def close(self) -> None:
        """Release it."""


def read_fully(file: Reader, offset: int, size: int) -> bytes:
    """Return ``size`` bytes from an offset, or those up to the end of the file."""
    if size <= 0:
        return b""
    piece = file.read_at(offset, size)
    if len(piece) == size:  # nearly always
        return piece
    pieces, end = [piece], offset + size
    offset += len(piece)
    while piece and offset < end:
        piece = file.read_at(offset, end - offset)
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)


def read_content(file: RegularFile, opened: os.stat_result) -> bytes:
    """Return all bytes of a small file; raise FileChangedError if it was rewritten since."""
    return read_unchanged(file, opened, 0, opened.st_size)


def read_unchanged(file: RegularFile, opened: os.stat_result, start: int, stop: int) -> bytes:
    """Return a small range of a file; raise FileChangedError if it was rewritten since."""
    content = read_fully(file, start, stop - start)
    if written(os.fstat(file.fileno())) != written(opened) or len(content) != stop - start:
        raise FileChangedError("the file changed while it was read")
    return content


def is_unchanged(file: RegularFile, opened: os.stat_result) -> bool:
    """Return True if an open file is unchanged or longer, and False if that is not certain yet.

    Check again if it is False, since an append may be in progress. This never waits, so that a
    server's event loop can call it.

    Raises:
        FileChangedError: the file was truncated or rewritten.
    """
    now = os.fstat(file.fileno())
    if written(now) == written(opened) or now.st_size > opened.st_size:
        return True
    if _may_be_growing(now, opened):
        return False
    raise FileChangedError(_CHANGED)


class ChangeDetector:
    """Checks an open file for changes during one response.

    Arguments:
        opened: status of the file when it was opened.
        suspect: whether the file changed so recently that another change may not show in its mtime.
    """

    def __init__(self, file: RegularFile, opened: os.stat_result, suspect: bool) -> None:
        self._file, self._opened, self._suspect = file, opened, suspect
        self._is_recent = suspect
        self._started = self._shows_change = False
        self._samples = array("L")  # a checksum for each block

    def check(
        self, offset: int, block: bytes, sent: Iterable[tuple[int, int]], *, is_last: bool
    ) -> None:
        """Raise FileChangedError if the file was rewritten.

        ``sent`` has the offset and the size of each block before this one.
        """
        opened, now = self._opened, _current_status(self._file, self._opened)
        check_sent = is_last or self._is_recent
        if self._is_recent:
            self._is_recent = not is_version_settled(opened, time_for(opened, time.time_ns()))
        # As long as nothing is sent, nothing tells growth from a rewrite: start again.
        is_growth = now.st_size > opened.st_size and self._started
        if written(now) != written(opened) and not is_growth:
            raise FileChangedError(_CHANGED)
        if now.st_size != opened.st_size or now.st_ctime_ns != opened.st_ctime_ns:
            check_sent = check_sent or not self._shows_change
            self._suspect = self._shows_change = True
        if self._suspect and read_fully(self._file, offset, len(block)) != block:
            raise FileChangedError(_CHANGED)
        if self._suspect and check_sent:
            self._check_sent(sent)
        self._started = True
        self._samples.append(_checksum(block))

    def _check_sent(self, sent: Iterable[tuple[int, int]]) -> None:
        step = len(self._samples) // _MAX_CHECKED + 1
        pairs = zip(sent, self._samples, strict=True)
        for (offset, size), expected in islice(pairs, 0, None, step):
            if _checksum(read_fully(self._file, offset, size)) != expected:
                raise FileChangedError(_CHANGED)


def detector_for(
    file: Reader, opened: os.stat_result | None, suspect: bool
) -> ChangeDetector | None:
    """Return a detector of changes, or None if the source is not a file that can change.

    The arguments are those of ``ChangeDetector``.
    """
    if opened is None or not isinstance(file, RegularFile):
        return None
    return ChangeDetector(file, opened, suspect)


def _checksum(block: bytes) -> int:
    return zlib.crc32(block[::_STRIDE])


def _current_status(file: RegularFile, opened: os.stat_result) -> os.stat_result:
    """Return the status of an open file; wait if an append may be in progress."""
    now = os.fstat(file.fileno())
    end = time.monotonic() + _PATIENCE
    while _may_be_growing(now, opened) and time.monotonic() < end:
        time.sleep(_PATIENCE / 50)
        now = os.fstat(file.fileno())
    return now


def _may_be_growing(now: os.stat_result, opened: os.stat_result) -> bool:
    """Return whether an append may be in progress that has not set the size yet.

    Linux sets the mtime of an append some microseconds before the size, on a busy machine some
    milliseconds. A rewrite of the same length is therefore certain only ``_PATIENCE`` after its
    mtime. That moment is the same for all responses, so they do not wait one after another.
    """
    if now.st_size != opened.st_size or now.st_mtime_ns == opened.st_mtime_ns:
        return False
    return abs(time.time_ns() - now.st_mtime_ns) < _PATIENCE * SECOND
