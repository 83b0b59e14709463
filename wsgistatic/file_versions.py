"""One version of a file, read in blocks as often as needed, and the proof that it still is it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from threading import Event

from wsgistatic.directory import OpenFile, Resource
from wsgistatic.representation import is_version_settled
from wsgistatic.version import signature

_BLOCK = 256 * 1024  # bytes; what Brotli compresses at a time, too
_LONGEST_TICK = 2.0  # seconds, of file systems that keep even ones
_NAP = 0.005


class FileChangedError(OSError):
    """The file is another one than when it was opened."""

    def __str__(self) -> str:
        return "it keeps changing"


class StoppedError(Exception):
    """The work was interrupted."""


class FileVersion:
    """An open file.

    Arguments:
        resource: where it came from.
        opened: the file and its status.
        stop: set to end reading.
    """

    def __init__(self, resource: Resource, opened: OpenFile, stop: Event) -> None:
        self.path = resource.path
        self.status = opened.status
        self.size = opened.status.st_size
        self._file = opened.file
        self._look = resource.stat
        self._stop = stop
        self._digest: bytes | None = None

    def blocks(self) -> Iterator[bytes]:
        """Read it from its beginning: exactly ``size`` bytes.

        Raises:
            FileChangedError: it has more or fewer.
            StoppedError: the work was interrupted.
        """
        self._file.seek(0)
        left = self.size
        while block := self._file.read(_BLOCK):
            if self._stop.is_set():
                raise StoppedError
            left -= len(block)
            if left < 0:
                break
            yield block
        if left:
            raise FileChangedError

    def digest(self) -> bytes:
        """Give a hash of its bytes, which is made once."""
        if self._digest is None:
            self._digest = digest_of(self.blocks())
        return self._digest

    def require_unchanged(self) -> None:
        """Wait until any later version must have another mtime, and look at the path.

        Raises:
            FileChangedError: it leads to another version.
        """
        deadline = time.monotonic() + _LONGEST_TICK
        while not is_version_settled(self.status, time.time_ns()) and time.monotonic() < deadline:
            time.sleep(_NAP)
        if signature(self._look()) != signature(self.status):
            raise FileChangedError


def digest_of(blocks: Iterable[bytes]) -> bytes:
    """Hash blocks."""
    hasher = blake2b()
    for block in blocks:
        hasher.update(block)
    return hasher.digest()
