"""Changes to sidecars on disk: atomic writes, modification times, removal.

A sidecar is first written as a draft in the same directory. The draft's name begins with a dot, so
that it is never served, and ``os.replace`` then gives it its real name in one step.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from contextlib import suppress

from wsgistatic.representations.sidecars import is_fresh

_PREFIX, _SUFFIX = ".wsgistatic-", ".tmp"
# A draft that was not written to for so long belongs to a run that was killed.
_STALE_AFTER = 60.0  # seconds
_COARSEST = 2_000_000_000  # nanoseconds; FAT stores times in steps of two seconds
# Going by name would let anyone who can write to the directory swap root's draft for a link and
# change the owner and mode of any file.
_HAS_DESCRIPTOR_CALLS = {os.chmod, os.utime} <= os.supports_fd


class Draft:
    """A file that is being written. Leaving the context without ``publish`` deletes it."""

    def __init__(self, directory: str) -> None:
        descriptor, self._path = tempfile.mkstemp(_SUFFIX, _PREFIX, directory)
        self._file = open(descriptor, "wb", buffering=0)  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()
        remove(self._path)

    def write(self, block: bytes) -> None:
        """Append bytes."""
        rest = memoryview(block)
        while rest:  # an unbuffered file may write less than it was given
            rest = rest[self._file.write(rest) :]

    def publish(self, path: str, original: os.stat_result) -> None:
        """Move the draft to a path, with the owner, permissions and mtime of the original."""
        if not _HAS_DESCRIPTOR_CALLS:
            self._file.close()  # Windows changes neither times nor mode of an open file
        draft = self._file.fileno() if _HAS_DESCRIPTOR_CALLS else self._path
        # Only root may change the owner. If root did not, a server that reads files of mode 0640
        # through their group could not read the sidecars.
        if hasattr(os, "chown"):  # not on Windows
            with suppress(PermissionError):
                os.chown(draft, original.st_uid, original.st_gid)
        os.chmod(draft, stat.S_IMODE(original.st_mode) & 0o777)
        set_mtime(draft, original)
        self._file.close()
        os.replace(self._path, path)


def set_mtime(file: str | int, original: os.stat_result) -> None:
    """Give a sidecar, by path or descriptor, the modification time of its original."""
    times = (original.st_atime_ns, original.st_mtime_ns)
    os.utime(file, ns=times)
    if not is_fresh(os.stat(file), original):
        # The file system rounded the time down. The sidecar would count as older than its
        # original, and would not be served.
        os.utime(file, ns=(times[0], times[1] + _COARSEST))


def remove(path: str) -> None:
    """Remove a file, unless it has already disappeared."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def is_stale_draft(entry: os.DirEntry[str]) -> bool:
    """Return whether a directory entry is a draft that a killed run left behind."""
    if not (entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX)):
        return False
    return time.time() - entry.stat(follow_symlinks=False).st_ctime > _STALE_AFTER
