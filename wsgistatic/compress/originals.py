"""The files in a directory tree that may have sidecars.

The rules are those of the server. Names that begin with a dot are skipped, except ``.well-known``.
Symbolic links may not lead out of the directory. Links to directories are not followed, because
the walk reaches the directories themselves.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from threading import Event

from wsgistatic.compress.edits import is_stale_draft
from wsgistatic.files.changes import FileChangedError, read_fully
from wsgistatic.files.directory import Directory, File, Folder, OpenFile
from wsgistatic.files.errors import Outcome, classify
from wsgistatic.files.versions import is_version_settled, signature, time_for
from wsgistatic.http.codings import CODINGS
from wsgistatic.http.dictionaries import split_delta_name
from wsgistatic.http.media_types import why_not_compressed
from wsgistatic.http.paths import WELL_KNOWN

_SUFFIXES = {coding.suffix for coding in CODINGS.values()}
_BLOCK = 256 * 1024  # bytes; Brotli compresses as much at a time
_LONGEST_TICK = 2.0  # seconds; FAT stores times in steps of two seconds
_POLL_INTERVAL = 0.005  # seconds
# The compressor tries again a few times before it reports this error.
_CHANGED = "the file kept changing while it was compressed"


class StoppedError(Exception):
    """The work was interrupted."""


class FileVersion:
    """One version of a file, open for reading until ``stop`` is set, and the folder of its name."""

    def __init__(self, file: File, folder: Folder, opened: OpenFile, stop: Event) -> None:
        self.path, self.name, self.folder = file.path, file.segments[-1], folder
        self.status = opened.status
        self.size = opened.status.st_size
        self._file = opened.file
        self._stop = stop
        self._require_current()

    def blocks(self) -> Iterator[bytes]:
        """Read the file from its beginning, exactly ``size`` bytes.

        Raises FileChangedError if it now has more or fewer, and StoppedError after ``stop``.
        """
        offset = 0
        while block := self._file.read_at(offset, _BLOCK):
            self._require_running()
            offset += len(block)
            if offset > self.size:
                break
            yield block
        if offset != self.size:
            raise FileChangedError(_CHANGED)

    def has_content(self, blocks: Iterable[bytes]) -> bool:
        """Return whether blocks are the file's bytes, without reading further than they are."""
        offset = 0
        for block in blocks:
            self._require_running()
            if read_fully(self._file, offset, len(block)) != block:
                return False
            offset += len(block)
        return offset == self.size

    def _require_running(self) -> None:
        """Raise StoppedError after ``stop``."""
        if self._stop.is_set():
            raise StoppedError

    def require_unchanged(self) -> None:
        """Raise FileChangedError unless the name in the folder still leads to this version.

        Waits first, until any later version must have another mtime.
        """
        deadline = time.monotonic() + _LONGEST_TICK
        while time.monotonic() < deadline:
            if is_version_settled(self.status, time_for(self.status, time.time_ns())):
                break
            time.sleep(_POLL_INTERVAL)
        self._require_current()

    def _require_current(self) -> None:
        # The file and its folder were looked up one after the other. If a directory was swapped
        # in between, this is another file, and its sidecars do not belong in that folder.
        now = self.folder.stat(self.name, follow_symlinks=True)
        if signature(now) != signature(self.status):
            raise FileChangedError(_CHANGED)


@dataclass(slots=True)
class Originals:
    """The result of a walk through a directory tree."""

    # Files that are worth compressing, the largest first, so that no large one is left for the
    # end, when the other threads have nothing to do; and their total size in bytes.
    files: list[File] = field(default_factory=list)
    size: int = 0
    skipped: Counter[str] = field(default_factory=Counter)  # numbers of files, by reason
    # Names of sidecars without an original. Those that have no mark of ours may be downloads.
    orphans: list[File] = field(default_factory=list)
    deltas: list[File] = field(default_factory=list)  # those that have their original
    stale_drafts: list[File] = field(default_factory=list)
    errors: list[tuple[str, OSError]] = field(default_factory=list)


def find_originals(directory: str, exclude: Iterable[str] = ()) -> Originals:
    """Find the files in a directory tree that may have sidecars.

    Each glob of ``exclude`` is compared with the path below the directory (``vendor/*.js``, where
    ``*`` also matches slashes) and with the name. Raises OSError if the directory cannot be read.
    """
    walk = _TreeWalk(directory, tuple(exclude))
    walk.visit_tree()
    found = walk.found
    walk.sized.sort(key=lambda sized: (-sized[0], sized[1].path))
    found.files = [file for _, file in walk.sized]
    found.size = sum(size for size, _ in walk.sized)
    found.orphans.sort(key=lambda file: file.path)
    found.errors.sort(key=lambda failed: failed[0])
    return found


class _TreeWalk:
    def __init__(self, directory: str, exclude: tuple[str, ...]) -> None:
        # A directory that is swapped for a link during the walk is not entered.
        self._directory, self._tree = Directory(directory), Directory(directory, "deny")
        self._exclude = exclude
        self._pending: list[tuple[str, ...]] = [()]
        self.found = Originals()
        self.sized: list[tuple[int, File]] = []

    def visit_tree(self) -> None:
        while self._pending:
            segments = self._pending.pop()
            try:
                self._visit_directory(segments)
            except OSError as error:
                error.filename = os.path.join(self._directory.path, *segments)
                if not segments:
                    raise
                self.found.errors.append((error.filename, error))

    def _visit_directory(self, segments: tuple[str, ...]) -> None:
        with closing(self._tree.open_directory(segments)) as directory:
            entries = list(directory)
            files = {entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)}
            for entry in entries:
                file = self._directory.file((*segments, entry.name))
                if entry.name in files and original_of(entry.name) in files:
                    if split_delta_name(entry.name):
                        self.found.deltas.append(file)
                    continue  # a sidecar
                try:
                    self._visit(file, entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    pass  # it has just been removed
                except OSError as error:
                    self.found.errors.append((file.path, error))

    def _visit(self, file: File, status: os.stat_result) -> None:
        name = file.segments[-1]
        if name.startswith(".") and name != WELL_KNOWN:
            if is_stale_draft(name, status):
                self.found.stale_drafts.append(file)
        elif self._is_excluded(file.segments):
            self.found.skipped["excluded"] += 1
        elif stat.S_ISDIR(status.st_mode):
            self._pending.append(file.segments)
        else:
            original = original_of(name)
            # No run of ours writes a sidecar for a file that is compressed already.
            if original is not None and why_not_compressed(original) is None:
                self.found.orphans.append(file)
            if stat.S_ISLNK(status.st_mode):
                self._visit_link(file)
            elif stat.S_ISREG(status.st_mode):
                self._add(file, status.st_size)

    def _visit_link(self, link: File) -> None:
        try:
            self._add(link, link.stat().st_size)
        except IsADirectoryError:
            pass  # reached by its own name
        except OSError as error:
            if classify(error) is not Outcome.MISS:
                raise
            self.found.skipped["broken link, or link out of the directory"] += 1

    def _add(self, file: File, size: int) -> None:
        name = file.segments[-1]
        # The delta of a lost file is compressed, but its suffix has no media type.
        delta = split_delta_name(name)
        reason = why_not_compressed(name) if delta is None else "already compressed"
        if reason is None:
            self.sized.append((size, file))
        else:
            self.found.skipped[reason] += 1

    def _is_excluded(self, segments: tuple[str, ...]) -> bool:
        names = ("/".join(segments), segments[-1])
        return any(fnmatchcase(name, glob) for glob in self._exclude for name in names)


def original_of(name: str) -> str | None:
    """Return the name of the file that a sidecar with this name belongs to, or None."""
    delta = split_delta_name(name)
    if delta is not None:
        return delta[0]
    stem, extension = os.path.splitext(name)
    return stem if extension in _SUFFIXES else None
