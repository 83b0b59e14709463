"""The files in a directory tree that may have sidecars.

The rules are those of the server. Names that begin with a dot are skipped, except ``.well-known``.
Symbolic links may not lead out of the directory. Links to directories are not followed, because
the walk reaches the directories themselves.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import blake2b
from threading import Event

from wsgistatic.compress.edits import is_stale_draft
from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.directory import Directory, File, OpenFile
from wsgistatic.files.errors import Outcome, classify
from wsgistatic.files.versions import is_version_settled, signature, time_for
from wsgistatic.http.codings import CODINGS
from wsgistatic.http.media_types import why_not_compressed
from wsgistatic.http.paths import WELL_KNOWN

_SUFFIXES = {coding.suffix for coding in CODINGS.values()}
_BLOCK = 256 * 1024  # bytes; Brotli compresses as much at a time
_LONGEST_TICK = 2.0  # seconds; FAT stores times in steps of two seconds
_POLL_INTERVAL = 0.005  # seconds
# The compressor tries again a few times before anybody sees this error.
_CHANGED = "the file kept changing while it was compressed"


class StoppedError(Exception):
    """The work was interrupted."""


class FileVersion:
    """One version of a file, which is open for reading until ``stop`` is set."""

    def __init__(self, file: File, opened: OpenFile, stop: Event) -> None:
        self.path = file.path
        self.status = opened.status
        self.size = opened.status.st_size
        self._file = opened.file
        self._stat = file.stat
        self._stop = stop

    def blocks(self) -> Iterator[bytes]:
        """Read the file from its beginning, exactly ``size`` bytes.

        Raises FileChangedError if it now has more or fewer, and StoppedError after ``stop``.
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
            raise FileChangedError(_CHANGED)

    @cached_property
    def digest(self) -> bytes:
        """A hash of the file's bytes."""
        return digest_of(self.blocks())

    def require_unchanged(self) -> None:
        """Raise FileChangedError unless the path still leads to this version.

        Waits first, until any later version must have another mtime.
        """
        deadline = time.monotonic() + _LONGEST_TICK
        while time.monotonic() < deadline:
            if is_version_settled(self.status, time_for(self.status, time.time_ns())):
                break
            time.sleep(_POLL_INTERVAL)
        if signature(self._stat()) != signature(self.status):
            raise FileChangedError(_CHANGED)


def digest_of(blocks: Iterable[bytes]) -> bytes:
    """Return a hash of blocks of bytes."""
    hasher = blake2b()
    for block in blocks:
        hasher.update(block)
    return hasher.digest()


@dataclass(slots=True)
class Originals:
    """The result of a walk through a directory tree."""

    # Files that are worth compressing, the largest first, so that no large one is left for the
    # end, when the other threads have nothing to do; and their total size in bytes.
    files: list[File] = field(default_factory=list)
    size: int = 0
    skipped: Counter[str] = field(default_factory=Counter)  # numbers of files, by reason
    # Paths that look like sidecars but have no original. Some may be downloads.
    orphans: list[str] = field(default_factory=list)
    stale_drafts: list[str] = field(default_factory=list)
    errors: list[tuple[str, OSError]] = field(default_factory=list)


def find_originals(directory: str, exclude: Iterable[str] = ()) -> Originals:
    """Find the files in a directory tree that may have sidecars.

    Each glob of ``exclude`` is compared with the path below the directory (``vendor/*.js``, where
    ``*`` also matches slashes) and with the name. Raises OSError if the directory cannot be read.
    """
    walk = _TreeWalk(Directory(directory), tuple(exclude))
    walk.visit_directory(())
    walk.sized.sort(key=lambda sized: (-sized[0], sized[1].path))
    walk.found.files = [file for _, file in walk.sized]
    walk.found.size = sum(size for size, _ in walk.sized)
    return walk.found


class _TreeWalk:
    def __init__(self, directory: Directory, exclude: tuple[str, ...]) -> None:
        self._directory = directory
        self._exclude = exclude
        self.found = Originals()
        self.sized: list[tuple[int, File]] = []

    def visit_directory(self, segments: tuple[str, ...]) -> None:
        path = os.path.join(self._directory.path, *segments)
        with os.scandir(path) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
        names = {entry.name for entry in entries}
        for entry in entries:
            if _original_of(entry.name) in names:
                continue  # a sidecar
            try:
                self._visit(entry, (*segments, entry.name))
            except OSError as error:
                self.found.errors.append((entry.path, error))

    def _visit(self, entry: os.DirEntry[str], segments: tuple[str, ...]) -> None:
        if entry.name.startswith(".") and entry.name != WELL_KNOWN:
            if is_stale_draft(entry):
                self.found.stale_drafts.append(entry.path)
        elif self._is_excluded(segments):
            self.found.skipped["excluded"] += 1
        elif entry.is_dir(follow_symlinks=False):
            self.visit_directory(segments)
        else:
            original = _original_of(entry.name)
            # No run of ours writes a sidecar for a file that is compressed already.
            if original is not None and why_not_compressed(original) is None:
                self.found.orphans.append(entry.path)
            if entry.is_symlink():
                self._visit_link(segments)
            elif entry.is_file():
                self._add(segments, entry.stat().st_size)

    def _visit_link(self, segments: tuple[str, ...]) -> None:
        try:
            self._add(segments, self._directory.stat(segments).st_size)
        except IsADirectoryError:
            pass  # reached by its own name
        except OSError as error:
            if classify(error) is not Outcome.MISS:
                raise
            self.found.skipped["broken link, or link out of the directory"] += 1

    def _add(self, segments: tuple[str, ...], size: int) -> None:
        reason = why_not_compressed(segments[-1])
        if reason is None:
            self.sized.append((size, self._directory.file(segments)))
        else:
            self.found.skipped[reason] += 1

    def _is_excluded(self, segments: tuple[str, ...]) -> bool:
        names = ("/".join(segments), segments[-1])
        return any(fnmatchcase(name, glob) for glob in self._exclude for name in names)


def _original_of(name: str) -> str | None:
    stem, extension = os.path.splitext(name)
    return stem if extension in _SUFFIXES else None
