"""Changes to sidecars on disk: atomic writes, modification times, drafts of killed runs.

All are made in an open ``Folder`` and on open files, never by path. Otherwise anyone who can write
to the tree could swap a directory for a link, and have root write or delete files elsewhere.

A sidecar is first written as a draft in the same directory. The draft's name begins with a dot, so
that it is never served, and a rename then gives it its real name in one step.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from typing import IO

from wsgistatic.files.directory import Folder
from wsgistatic.representations.sidecars import is_fresh

_PREFIX, _SUFFIX = ".wsgistatic-", ".tmp"
# A draft that has not changed for this long belongs to a run that was killed.
_STALE_AFTER = 60.0  # seconds
_COARSEST = 2_000_000_000  # nanoseconds; FAT stores times in steps of two seconds
# Windows changes neither times nor mode of an open file.
_HAS_DESCRIPTOR_CALLS = {os.chmod, os.utime} <= os.supports_fd


class Draft:
    """A file that is being written. Leaving the context without ``publish`` deletes it."""

    def __init__(self, folder: Folder) -> None:
        self._folder, self._name = folder, _draft_name()
        # Nobody else can read it before it has the permissions of the original.
        self._file = open(folder.create(self._name), "wb", buffering=0)  # noqa: SIM115 - see __exit__

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()
        self._folder.remove(self._name)

    def write(self, block: bytes) -> None:
        """Append bytes."""
        rest = memoryview(block)
        while rest:  # an unbuffered file may write less than it was given
            rest = rest[self._file.write(rest) :]

    def publish(self, name: str, original: os.stat_result) -> None:
        """Rename the draft, and give it the owner, permissions and mtime of the original."""
        draft = _changeable(self._folder, self._name, self._file)
        # Only root may change the owner. If root did not, a server that reads files of mode 0640
        # through their group could not read the sidecars.
        # Windows has no owner here, and its one mode, read-only, would prevent a replacement.
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(draft, original.st_uid, original.st_gid)
            os.chmod(draft, stat.S_IMODE(original.st_mode) & 0o777)
        _set_mtime(draft, original)
        self._file.close()
        self._folder.replace(self._name, name, _draft_name())


def _draft_name() -> str:
    return f"{_PREFIX}{os.urandom(8).hex()}{_SUFFIX}"


def redate(folder: Folder, name: str, file: IO[bytes], original: os.stat_result) -> None:
    """Give a sidecar, which is open, the modification time of its original."""
    _set_mtime(_changeable(folder, name, file), original)


def _changeable(folder: Folder, name: str, file: IO[bytes]) -> int | str:
    """Return the descriptor of an open file; on Windows close the file and return its path."""
    if _HAS_DESCRIPTOR_CALLS:
        return file.fileno()
    file.close()
    return folder.at(name)[0]


def _set_mtime(file: int | str, original: os.stat_result) -> None:
    times = (original.st_atime_ns, original.st_mtime_ns)
    os.utime(file, ns=times)
    if not is_fresh(os.stat(file), original):
        # The file system rounded the time down. The sidecar would count as older than its
        # original, and would not be served.
        os.utime(file, ns=(times[0], times[1] + _COARSEST))


def is_stale_draft(name: str, status: os.stat_result) -> bool:
    """Return whether a name is that of a draft that a killed run left behind."""
    if not (name.startswith(_PREFIX) and name.endswith(_SUFFIX) and stat.S_ISREG(status.st_mode)):
        return False
    # On Windows ``st_ctime`` is the time of the creation.
    return time.time() - max(status.st_ctime, status.st_mtime) > _STALE_AFTER
