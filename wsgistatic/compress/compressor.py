"""Sidecars: compressed copies beside a file, which the server sends instead of it.

Strategy: for one version of a file, each sidecar is made what a first run would have left, with
as little work as that takes. One that holds the file's bytes stays; one that is missing or holds
something else is written; one that saves too little is removed, since the server would send it.
What is beside a version that changed meanwhile is never kept: the file is begun anew.

Threads, not processes: the libraries let go of the interpreter's lock, and with two threads
Django's own 126 files took 2.2 s against 2.6 s in processes (br), 0.5 against 0.7 (zstd).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from enum import Enum
from threading import Event
from typing import NamedTuple

from wsgistatic.compress.edits import Disk, Editor, Rehearsal
from wsgistatic.compress.originals import FileChangedError, FileVersion, digest_of, find_originals
from wsgistatic.files.directory import File, single_file
from wsgistatic.files.versions import FILE_FLAGS
from wsgistatic.http.codings import CODINGS, Coding, available_codings
from wsgistatic.representations.sidecars import is_fresh
from wsgistatic.validation import check_integer, check_path

# Below this the header fields that a compressed answer has more (some 50 bytes) and the second
# look at the file system eat what is saved.
DEFAULT_MIN_SIZE = 256  # bytes
DEFAULT_MIN_SAVING = 5.0  # percent
_TRIES = 3
_DECODED = 1024 * 1024  # bytes that a piece of a sidecar shall make, about
_PIECE = range(16, 16 * 1024)  # bytes of it, at least and at most


class Action(Enum):
    """What became of a sidecar."""

    CREATED = "created"
    REPLACED = "replaced"  # it held something else
    REDATED = "redated"  # it held the file's bytes, but was older than the file
    KEPT = "kept"
    REMOVED = "removed"  # it did not save enough
    NONE = "none"  # there is none, and none is worth it


class Sidecar(NamedTuple):
    """One coding of one file.

    Attributes:
        coding: its name.
        path: where it is, or would be.
        action: what was done, or would be.
        size: in bytes; None where there is none.
    """

    coding: str
    path: str
    action: Action
    size: int | None


class Result(NamedTuple):
    """One file and its sidecars.

    Attributes:
        path: of the file.
        size: in bytes.
        sidecars: one for each coding, empty after an error.
        error: what went wrong, or None.
    """

    path: str
    size: int
    sidecars: tuple[Sidecar, ...]
    error: Exception | None = None


class Compressor:
    """Writes sidecars.

    Arguments:
        codings: names, of ``gzip``, ``zstd`` and ``br``; None for all whose library is installed.
            Sidecars of other codings are left alone.
        levels: by coding, instead of the highest.
        min_size: bytes of the smallest file that is compressed.
        min_saving: percent of the file's size that a sidecar has to save.
        force: write all anew, also those that hold the file's bytes.
        dry_run: compress, but change nothing.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
        ImportError: naming the package that has to be installed.
    """

    def __init__(
        self,
        codings: Iterable[str] | None = None,
        *,
        levels: Mapping[str, int] | None = None,
        min_size: int = DEFAULT_MIN_SIZE,
        min_saving: float = DEFAULT_MIN_SAVING,
        force: bool = False,
        dry_run: bool = False,
    ) -> None:
        check_integer("min_size", min_size, 0)
        self.codings = _checked_codings(codings)
        self.edit: Editor = Rehearsal() if dry_run else Disk()
        self._levels = _checked_levels(levels)
        self._min_size = min_size
        self._most = 1 - _checked_saving(min_saving) / 100
        self._force = force

    def compress_file(self, path: str | os.PathLike[str]) -> Result:
        """Bring the sidecars of one file up to date; links are followed."""
        return self._compress(single_file(check_path("path", path)), Event())

    def compress_files(
        self, files: Iterable[File], jobs: int | None = None
    ) -> Generator[Result, None, None]:
        """Bring the sidecars of many files up to date, and give each result as it is there.

        Closing the iterator, or an exception where it is consumed (KeyboardInterrupt), ends the
        work at the next block; sidecars that are there are whole, and no draft is left.

        Arguments:
            files: from ``find_originals``, or ``single_file(path)`` of each.
            jobs: how many at a time; None for the number of processors.
        """
        if jobs is not None:
            check_integer("jobs", jobs, 1)
        stop = Event()
        with ThreadPoolExecutor(jobs or _processors(), "wsgistatic-compress") as pool:
            try:
                futures = [pool.submit(self._compress, resource, stop) for resource in files]
                for future in as_completed(futures):
                    yield future.result()
            finally:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _compress(self, resource: File, stop: Event) -> Result:
        try:
            for _ in range(_TRIES - 1):
                with suppress(FileChangedError):
                    return self._compress_version(resource, stop)
            return self._compress_version(resource, stop)
        except Exception as error:  # whatever it is, the other files are none the worse
            return Result(resource.path, 0, (), error)

    def _compress_version(self, resource: File, stop: Event) -> Result:
        with resource.open() as opened:
            version = FileVersion(resource, opened, stop)
            sidecars: list[Sidecar] = []
            is_worth_a_try = version.size >= max(self._min_size, 1)
            for coding in self.codings:
                update = self._update if is_worth_a_try else self._clear
                sidecars.append(update(version, coding, version.path + coding.suffix))
                is_worth_a_try = sidecars[-1].size is not None
            return Result(version.path, version.size, tuple(sidecars))

    def _update(self, version: FileVersion, coding: Coding, path: str) -> Sidecar:
        existing = _existing(path)
        if existing is None or self._force or not _holds(version, coding, path, existing):
            return self._write(version, coding, path, existing)
        if not self._saves_enough(existing.st_size, version.size):
            return self._clear(version, coding, path)
        if is_fresh(existing, version.status):
            return Sidecar(coding.name, path, Action.KEPT, existing.st_size)
        version.require_unchanged()
        self.edit.redate(path, version.status)
        return Sidecar(coding.name, path, Action.REDATED, existing.st_size)

    def _write(
        self, version: FileVersion, coding: Coding, path: str, existing: os.stat_result | None
    ) -> Sidecar:
        level = self._levels.get(coding.name, coding.level)
        with self.edit.draft(os.path.dirname(path)) as draft:
            size = 0
            for block in coding.encode(version.blocks(), version.size, level):
                draft.write(block)
                size += len(block)
                if not self._saves_enough(size, version.size):
                    break
            version.require_unchanged()
            if not self._saves_enough(size, version.size):
                return self._clear(version, coding, path)
            draft.publish(path, version.status)
        action = Action.CREATED if existing is None else Action.REPLACED
        return Sidecar(coding.name, path, action, size)

    def _clear(self, version: FileVersion, coding: Coding, path: str) -> Sidecar:
        if _existing(path) is None:
            return Sidecar(coding.name, path, Action.NONE, None)
        self.edit.remove(path)
        return Sidecar(coding.name, path, Action.REMOVED, None)

    def _saves_enough(self, size: int, original: int) -> bool:
        return size < original and size <= original * self._most


def compress_directory(
    directory: str | os.PathLike[str],
    compressor: Compressor | None = None,
    *,
    exclude: Iterable[str] = (),
    jobs: int | None = None,
) -> Generator[Result, None, None]:
    """Bring the sidecars of all files below a directory up to date.

    Arguments:
        directory: a path.
        compressor: None for one with the defaults.
        exclude: see ``find_originals``.
        jobs: how many files at a time; None for the number of processors.

    Raises:
        OSError: the directory cannot be read.
    """
    compressor = compressor or Compressor()
    originals = find_originals(check_path("directory", directory), exclude)
    for path, error in originals.errors:
        yield Result(path, 0, (), error)
    for path in originals.abandoned:
        compressor.edit.remove(path)
    yield from compressor.compress_files(originals.files, jobs)


def _existing(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _holds(version: FileVersion, coding: Coding, path: str, existing: os.stat_result) -> bool:
    # Equal mtimes are enough, unless the file was touched later: a build that gives all files
    # one mtime cannot hide that from ctime.
    if not stat.S_ISREG(existing.st_mode):
        return False
    if (
        existing.st_mtime_ns == version.status.st_mtime_ns
        and existing.st_ctime_ns >= version.status.st_ctime_ns
    ):
        return True
    # Libraries give all that a piece makes at once: 455 bytes of Brotli may be 300 MB of zeros.
    piece = existing.st_size * _DECODED // version.size
    piece = min(max(piece, _PIECE.start), _PIECE.stop)
    try:
        with open(os.open(path, FILE_FLAGS), "rb", buffering=0) as file:
            content = coding.decode(iter(lambda: file.read(piece), b""))
            return digest_of(content) == version.digest()
    except (OSError, ValueError):
        return False


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # fewer than there are in a container, or by taskset
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _checked_codings(names: Iterable[str] | None) -> tuple[Coding, ...]:
    allowed = ", ".join(map(repr, CODINGS))
    if isinstance(names, str):
        raise TypeError(f"codings must be several names of {allowed}, not {names!r}")
    chosen = available_codings() if names is None else tuple(names)
    if not chosen:
        raise ValueError(f"codings must have at least one of {allowed}")
    for name in chosen:
        if name not in CODINGS:
            raise ValueError(f"codings must be of {allowed}, not {name!r}")
        try:
            CODINGS[name].load()
        except ImportError:
            package = CODINGS[name].package
            raise ImportError(f"the coding {name} wants {package}: pip install {package}") from None
    return tuple(coding for coding in CODINGS.values() if coding.name in chosen)


def _checked_levels(levels: Mapping[str, int] | None) -> dict[str, int]:
    for name, level in (levels or {}).items():
        if name not in CODINGS:
            raise ValueError(f"levels must be of {', '.join(map(repr, CODINGS))}, not of {name!r}")
        allowed = CODINGS[name].levels
        check_integer(f"levels[{name!r}]", level, allowed[0])
        if level not in allowed:
            raise ValueError(f"levels[{name!r}] must be at most {allowed[-1]}, not {level!r}")
    return dict(levels or {})


def _checked_saving(percent: float) -> float:
    if not isinstance(percent, (int, float)) or isinstance(percent, bool):
        raise TypeError(f"min_saving must be a number of percent, not {percent!r}")
    if not 0 <= percent < 100:
        raise ValueError(f"min_saving must be at least 0 and below 100 percent, not {percent!r}")
    return percent
