"""Files that appear whole or not at all, and the edits of sidecars beside a file.

Strategy: a draft is written in the directory of what it will be, under a name that begins with a
dot, which is never served; ``os.replace`` makes it visible in one step. ``Disk`` does this,
``Rehearsal`` has the same methods and leaves everything as it is.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from wsgistatic.representations.sidecars import is_fresh

_PREFIX, _SUFFIX = ".wsgistatic-", ".tmp"
# A run that was killed leaves its draft. One under way changes all the time.
_ABANDONED = 60.0  # seconds
_COARSEST = 2_000_000_000  # nanoseconds: FAT keeps even seconds
# By name, whoever may write to the directory could put a link in the place of root's draft, and
# get the owner and permissions of any file changed.
_HAS_DESCRIPTOR_CALLS = {os.chmod, os.utime} <= os.supports_fd


class Draft(Protocol):
    """A file being written; leaving the context without ``publish`` drops it."""

    def write(self, block: bytes) -> None:
        """Append bytes."""

    def publish(self, path: str, original: os.stat_result) -> None:
        """Put the draft at the path, with the permissions and the mtime of the original."""


class Editor(Protocol):
    """What may be done to the files beside an original."""

    def draft(self, directory: str) -> AbstractContextManager[Draft]:
        """Begin a draft."""

    def redate(self, path: str, original: os.stat_result) -> None:
        """Give a sidecar the mtime of its original."""

    def remove(self, path: str) -> None:
        """Remove a file; no error if it is gone already."""


class Disk:
    """Edits that are done."""

    def draft(self, directory: str) -> AbstractContextManager[Draft]:
        """Begin a draft."""
        return _DiskDraft(directory)

    def redate(self, path: str, original: os.stat_result) -> None:
        """Give a sidecar the mtime of its original."""
        _set_time(path, original)

    def remove(self, path: str) -> None:
        """Remove a file; no error if it is gone already."""
        with suppress(FileNotFoundError):
            os.unlink(path)


class Rehearsal:
    """Edits that would be done."""

    def draft(self, directory: str) -> AbstractContextManager[Draft]:
        """Begin nothing."""
        return _NoDraft()

    def redate(self, path: str, original: os.stat_result) -> None:
        """Leave its mtime."""

    def remove(self, path: str) -> None:
        """Leave it."""


class _DiskDraft:
    def __init__(self, directory: str) -> None:
        descriptor, self._path = tempfile.mkstemp(_SUFFIX, _PREFIX, directory)
        self._file = open(descriptor, "wb", buffering=0)  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> _DiskDraft:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()
        with suppress(FileNotFoundError):  # published
            os.unlink(self._path)

    def write(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:  # a file without buffer may take less than all
            rest = rest[self._file.write(rest) :]

    def publish(self, path: str, original: os.stat_result) -> None:
        if not _HAS_DESCRIPTOR_CALLS:
            self._file.close()  # by name, of a file that nobody has open, as Windows wants it
        draft = self._file.fileno() if _HAS_DESCRIPTOR_CALLS else self._path
        _set_owner(draft, original)
        os.chmod(draft, stat.S_IMODE(original.st_mode) & 0o777)
        _set_time(draft, original)
        self._file.close()
        os.replace(self._path, path)


class _NoDraft:
    def __enter__(self) -> _NoDraft:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def write(self, block: bytes) -> None:
        pass

    def publish(self, path: str, original: os.stat_result) -> None:
        pass


def _set_owner(path: str | int, original: os.stat_result) -> None:
    # Only root may; without it a server that reads 0640 files by their group would lose them.
    if hasattr(os, "chown"):  # not on Windows
        with suppress(PermissionError):
            os.chown(path, original.st_uid, original.st_gid)


def _set_time(path: str | int, original: os.stat_result) -> None:
    times = (original.st_atime_ns, original.st_mtime_ns)
    os.utime(path, ns=times)
    if not is_fresh(os.stat(path), original):
        # Rounded down by the file system: older than its original, it would not be served.
        os.utime(path, ns=(times[0], times[1] + _COARSEST))


def is_abandoned(entry: os.DirEntry[str]) -> bool:
    """Tell whether a directory entry is the draft of a run that was killed."""
    if not (entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX)):
        return False
    changed = entry.stat(follow_symlinks=False).st_ctime
    return time.time() - changed > _ABANDONED
