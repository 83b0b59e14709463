"""The files below a directory that may have sidecars.

Strategy: the rules are the server's. Names that begin with a dot are left alone (``.well-known``
is not), links may not lead out of the directory, and links to directories are not gone into,
since the directory itself is met on its own way.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import blake2b
from threading import Event

from wsgistatic.compress.edits import is_abandoned
from wsgistatic.files.directory import Directory, File, OpenFile
from wsgistatic.files.errors import Outcome, classify
from wsgistatic.files.versions import is_version_settled, signature
from wsgistatic.http.codings import CODINGS
from wsgistatic.http.media_types import why_not_compressed
from wsgistatic.http.paths import WELL_KNOWN

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

    def __init__(self, resource: File, opened: OpenFile, stop: Event) -> None:
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


Segments = tuple[str, ...]


@dataclass(slots=True)
class Originals:
    """What was found below a directory.

    Attributes:
        files: those to compress, the largest first, so that none of them is begun last.
        size: of all of them, in bytes.
        skipped: how many files were passed over, by reason.
        orphans: paths of sidecars whose original is gone, or of downloads that look like it.
        abandoned: paths of drafts that a killed run left.
        errors: paths that could not be looked at, with the reason.
    """

    files: list[File] = field(default_factory=list)
    size: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    orphans: list[str] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    errors: list[tuple[str, OSError]] = field(default_factory=list)


def find_originals(directory: str, exclude: Iterable[str] = ()) -> Originals:
    """Look through a directory.

    Arguments:
        directory: a path; it may be a link.
        exclude: globs of files and directories to leave alone, each compared with the path below
            the directory (``vendor/*.js``; ``*`` matches slashes too) and with the name.

    Raises:
        OSError: the directory itself cannot be read.
    """
    search = _Search(directory, tuple(exclude))
    search.look_into(())
    return search.result()


class _Search:
    def __init__(self, root: str, exclude: tuple[str, ...]) -> None:
        self._directory = Directory(root)
        self._exclude = exclude
        self._found = Originals()
        self._sized: list[tuple[int, File]] = []

    def result(self) -> Originals:
        self._sized.sort(key=lambda sized: (-sized[0], sized[1].path))
        self._found.files = [resource for _, resource in self._sized]
        self._found.size = sum(size for size, _ in self._sized)
        return self._found

    def look_into(self, above: Segments) -> None:
        path = os.path.join(self._directory.path, *above)
        with os.scandir(path) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
        names = {entry.name for entry in entries}
        self._found.orphans += [os.path.join(path, name) for name in _orphans(names)]
        for entry in entries:
            if _original_of(entry.name) in names:
                continue  # a sidecar
            try:
                self._look_at(entry, (*above, entry.name))
            except OSError as error:
                self._found.errors.append((entry.path, error))

    def _look_at(self, entry: os.DirEntry[str], segments: Segments) -> None:
        if entry.name.startswith(".") and entry.name != WELL_KNOWN:
            if is_abandoned(entry):
                self._found.abandoned.append(entry.path)
        elif self._is_excluded(segments):
            self._found.skipped["excluded"] += 1
        elif entry.is_dir(follow_symlinks=False):
            self.look_into(segments)
        elif entry.is_symlink():
            self._look_behind(segments)
        elif entry.is_file():
            self._consider(segments, entry.stat().st_size)

    def _look_behind(self, segments: Segments) -> None:
        try:
            self._consider(segments, self._directory.stat(segments).st_size)
        except IsADirectoryError:
            pass  # met on its own way
        except OSError as error:
            if classify(error) is not Outcome.MISS:
                raise
            self._found.skipped["links that lead out of the directory or to nothing"] += 1

    def _consider(self, segments: Segments, size: int) -> None:
        reason = why_not_compressed(segments[-1])
        if reason is None:
            self._sized.append((size, self._directory.file(segments)))
        else:
            self._found.skipped[reason] += 1

    def _is_excluded(self, segments: Segments) -> bool:
        names = ("/".join(segments), segments[-1])
        return any(fnmatchcase(name, glob) for glob in self._exclude for name in names)


def _orphans(names: set[str]) -> Iterator[str]:
    for name in sorted(names):
        original = _original_of(name)
        if (
            original is not None
            and original not in names
            and not original.startswith(".")
            and why_not_compressed(original) is None  # else it was never ours
        ):
            yield name


def _original_of(name: str) -> str | None:
    stem, extension = os.path.splitext(name)
    return stem if extension in {coding.suffix for coding in CODINGS.values()} else None
