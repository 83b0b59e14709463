"""What tells one version of a file from another on this machine, and its bytes by that."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from operator import attrgetter
from threading import Lock

from wsgistatic.ranges import ByteRange

Signature = tuple[int, int, int, int, int]

# Links may be followed where the signature proves the file that they lead to. Python itself adds
# what keeps a descriptor from child processes (PEP 446).
FILE_FLAGS: int = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)

# The signature of a version; inode and device tell a file with old times apart. In C: 0.13 us
# with the comparison, against 0.15 in line and 0.25 in a function.
signature: Callable[[os.stat_result], Signature] = attrgetter(
    "st_mtime_ns", "st_size", "st_ino", "st_ctime_ns", "st_dev"
)


def read_version(path: str, expected: Signature, ranges: Sequence[ByteRange]) -> list[bytes] | None:
    """Read ranges of this very version; None where it is not there any more.

    By descriptor and without a file object: 7.6 us against 9.0 for 64 KB.
    """
    try:
        descriptor = os.open(path, FILE_FLAGS)
    except OSError:
        return None
    try:
        contents = []
        for start, stop in ranges:
            content = read_at(descriptor, stop - start, start)
            if len(content) != stop - start:
                return None
            contents.append(content)
        # One look, after the last read, shows both that it was this file and that it still is
        # as it was: only versions are expected whose next change must show.
        return contents if signature(os.fstat(descriptor)) == expected else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


_SEEKING = Lock()  # duplicated descriptors share one position


def _seek_and_read(descriptor: int, size: int, offset: int) -> bytes:
    with _SEEKING:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)


read_at = getattr(os, "pread", _seek_and_read)  # Windows has no pread


def open_version(path: str, expected: Signature) -> io.FileIO | None:
    """Open this very version, unbuffered; None where it is not there any more."""
    try:
        descriptor = os.open(path, FILE_FLAGS)
    except OSError:
        return None
    try:
        if signature(os.fstat(descriptor)) == expected:
            return io.FileIO(descriptor, "rb")
    except OSError:
        pass  # the full way will meet it again, and answer for it
    os.close(descriptor)
    return None
