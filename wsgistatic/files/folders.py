"""Learn from one look at a folder that no name in it has certain suffixes.

A change of the names in a folder changes its time stamps, so that one stat then shows that this is
still true. That holds only for some file systems of Linux: a FUSE driver, for example one for an
object store, may return any time. Times in whole seconds are not enough, since they would repeat
after the clock is set back.

A look reads all names. It must pay, whatever the folder is like: it is taken after a number of
requests, reads so many names for each of them, and then waits four times as long for the next one.
So it costs at most what it saves, and less and less in a folder that is too large, changes all the
time, or has such a name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing

from wsgistatic.files.linux import LINUX
from wsgistatic.files.versions import SECOND, Signature, are_settled, changed_ns, signature

_EXACT_FILE_SYSTEMS = frozenset({
    0xEF53,  # ext2, ext3, ext4
    0x58465342,  # XFS
    0x9123683E,  # Btrfs
    0xCA451A4E,  # bcachefs
    0xF2F52010,  # F2FS
    0x2FC12FC1,  # ZFS
    0x01021994,  # tmpfs
    0x794C7630,  # overlayfs
})  # fmt: skip
_FIRST_WAIT = 8  # requests
_NAMES_PER_REQUEST = 8  # 2.5 us, where the stats of three names that do not exist take 4
_MAX_NAMES = 4096  # 1.5 ms
_MAX_FOLDERS = 1024  # about 500 bytes each


class _Folder:
    """What is known about the names in a folder."""

    __slots__ = ("bare", "due", "wait")

    def __init__(self) -> None:
        self.bare: Signature | None = None  # the version that has no such name
        self.wait = self.due = _FIRST_WAIT  # requests between two looks, and up to the next one


class Folders:
    """Knows which folders have no name with one of the suffixes, in any case."""

    def __init__(self, suffixes: Sequence[str]) -> None:
        self._suffixes = tuple(suffixes)
        self._folders: dict[str, _Folder] = {}

    def is_known_bare(self, path: str) -> bool:
        """Return what ``is_bare`` does, but False if it is not known; never look."""
        known = self._folders.get(path)
        return known is not None and known.bare is not None and self.is_bare(path)

    def is_bare(self, path: str) -> bool:
        """Return whether it is certain that no name in a folder has one of the suffixes now."""
        known = self._folders.get(path)
        if known is None:
            if len(self._folders) >= _MAX_FOLDERS:
                self._folders.clear()
            known = self._folders[path] = _Folder()
        if known.bare is None:
            known.due -= 1
            if known.due > 0:
                return False
            limit = min(known.wait * _NAMES_PER_REQUEST, _MAX_NAMES)
            known.wait = known.due = 4 * known.wait
            known.bare = self._look(path, limit)
            return known.bare is not None
        try:
            is_bare: bool = signature(os.stat(path)) == known.bare
        except OSError:
            is_bare = False
        if not is_bare:
            self._folders[path] = _Folder()
        return is_bare

    def _look(self, path: str, limit: int) -> Signature | None:
        """Return the version of a folder if it has no such name among at most ``limit``."""
        try:
            status = os.stat(path)
            if not _shows_changes(path, status):
                return None
            with closing(os.scandir(path)) as entries:
                for number, entry in enumerate(entries):
                    if number >= limit or entry.name.casefold().endswith(self._suffixes):
                        return None
        except OSError:
            return None
        return signature(status)


def _shows_changes(path: str, status: os.stat_result) -> bool:
    """Return whether each later change of the names in a folder will change its time stamps."""
    return (
        changed_ns(status) % SECOND != 0
        and are_settled(status)
        and LINUX.file_system_type(path) in _EXACT_FILE_SYSTEMS
    )
