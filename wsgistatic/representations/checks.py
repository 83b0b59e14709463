"""What a stat of a cached file does not show, and how long it is taken to be so.

A file may get a sidecar. A directory on its path may be moved out of the root and replaced by a
link to it, and the clock may be set back to before its date. These changes are looked for once a
second. Most files of a folder share one check, since they have no sidecars and no link leads to
them: if the names in the folder are unchanged, and no link leads to it, that is still so.
"""

from __future__ import annotations

import os
import time

from wsgistatic.files.directory import Directory, File
from wsgistatic.representations.sidecars import Sidecars


class Check:
    """The check of one file: until a time on the monotonic clock, its stat suffices."""

    __slots__ = ("until",)

    def __init__(self, until: float) -> None:
        self.until = until


class FolderCheck(Check):
    """A check that files of a folder share.

    Attributes:
        latest: the latest Last-Modified of these files, in seconds since the epoch.
    """

    __slots__ = ("_directory", "_path", "_segments", "_sidecars", "latest")

    def __init__(self, directory: Directory, segments: tuple[str, ...], sidecars: Sidecars) -> None:
        super().__init__(0.0)
        self._directory, self._segments, self._sidecars = directory, segments, sidecars
        self._path = directory.path_of(segments)
        self.latest = 0

    def holds(self, now: float, interval: float) -> bool:
        """Return whether a stat suffices for the files, and for how long; look if it is time."""
        if now < self.until:
            return True
        holds = (
            self.latest <= time.time()
            and self._sidecars.are_absent(self._path)
            and self._directory.leads_straight(self._segments)
        )
        if holds:
            self.until = now + interval
        return holds

    def source(self, path: str) -> File:
        """Return the source of a file in the folder."""
        return self._directory.file((*self._segments, os.path.basename(path)))
