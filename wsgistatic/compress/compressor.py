"""The compressor, which leaves the sidecars of a file as a first run would, with little work.

A sidecar that holds the file's bytes stays, one that is missing or holds something else is written,
and one that saves too little is removed, because the server would send it. If the file changes
meanwhile, the work on it starts again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext, suppress
from enum import Enum
from threading import Event
from typing import NamedTuple

from wsgistatic.compress.edits import Draft, remove, set_mtime
from wsgistatic.compress.originals import FileVersion, digest_of, find_originals
from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.directory import File, single_file
from wsgistatic.files.versions import FILE_FLAGS
from wsgistatic.http.codings import CODINGS, Coding, available_codings
from wsgistatic.representations.sidecars import is_fresh
from wsgistatic.validation import check_choice, check_integer, check_path

# Below this size, the further header fields of a compressed response (about 50 bytes) and the
# second stat of the file system cost more than is saved.
DEFAULT_MIN_SIZE = 256  # bytes
DEFAULT_MIN_SAVING = 5.0  # percent
_TRIES = 3
# A library may return everything that a piece of its input decompresses to at once, and 455 bytes
# of Brotli can be 300 MB of zeros. So sidecars are read in pieces that make about this many bytes.
_DECODED = 1024 * 1024
_PIECE = range(16, 16 * 1024)  # bytes of a piece, at least and at most


class Action(Enum):
    """What was done with a sidecar."""

    CREATED = "created"
    REPLACED = "replaced"  # it held something else
    REDATED = "redated"  # it held the file's bytes, but was older than the file
    KEPT = "kept"
    REMOVED = "removed"  # it saved too little
    NONE = "none"  # there is none, since it would save too little


# What was done with a sidecar, and the size in bytes of the one that then exists, or None.
_Change = tuple[Action, "int | None"]


class SidecarResult(NamedTuple):
    """One content coding of one file.

    Attributes:
        coding: The name of the coding.
        path: The path of the sidecar, whether it exists or not.
        action: What was done, or would be done without ``dry_run``.
        size: The size of the sidecar in bytes, or None if there is none.
    """

    coding: str
    path: str
    action: Action
    size: int | None


class Result(NamedTuple):
    """One file and its sidecars.

    Attributes:
        path: The path of the file.
        size: Its size in bytes.
        sidecars: One result for each coding. Empty after an error.
        error: The exception that stopped the work on this file, or None.
    """

    path: str
    size: int
    sidecars: tuple[SidecarResult, ...]
    error: Exception | None = None


class Compressor:
    """Writes sidecars.

    Arguments:
        codings: Names of content codings: ``gzip``, ``zstd``, ``br``. None for all whose library is
            installed. Sidecars of other codings are left alone.
        levels: Compression levels by coding. The default is the highest level.
        min_size: Size in bytes of the smallest file that is compressed.
        min_saving: Percentage of the file's size that a sidecar must save.
        force: Whether to write sidecars that are up to date again.
        dry_run: Whether to leave all files as they are, and only return what would be done.

    Raises:
        TypeError, ValueError: A value is not allowed. The message names the option, the value and
            what is allowed.
        ImportError: The library of a coding is not installed. The message names the package.
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
        self._levels = _checked_levels(levels)
        self._min_size, self._force, self._dry_run = min_size, force, dry_run
        self._max_ratio = 1 - _checked_saving(min_saving) / 100

    def compress_file(self, path: str | os.PathLike[str]) -> Result:
        """Bring the sidecars of one file up to date. Symbolic links are followed."""
        return self._compress(single_file(check_path("path", path)), Event())

    def compress_files(
        self, files: Iterable[File], jobs: int | None = None
    ) -> Generator[Result, None, None]:
        """Bring the sidecars of several files up to date.

        Closing the generator ends the work at the next block, and so does an exception in the code
        that consumes it, such as KeyboardInterrupt. The sidecars written so far are complete, and
        no draft is left.

        Arguments:
            files: The files, from ``find_originals`` or ``single_file(path)``.
            jobs: Number of files that are compressed at a time. None for the number of processors.

        Yields:
            The result for each file, as soon as it is done.
        """
        if jobs is not None:
            check_integer("jobs", jobs, 1)
        stop = Event()
        # Threads, because the compression libraries release the GIL. On two of them, Django's own
        # 126 files took 2.2 s (2.6 s in processes) with Brotli, and 0.5 s (0.7 s) with zstd.
        with ThreadPoolExecutor(jobs or _processors(), "wsgistatic-compress") as pool:
            try:
                futures = [pool.submit(self._compress, file, stop) for file in files]
                for future in as_completed(futures):
                    yield future.result()
            finally:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def remove(self, path: str) -> None:
        """Remove a sidecar or a draft, unless this is a dry run."""
        if not self._dry_run:
            remove(path)

    def _compress(self, file: File, stop: Event) -> Result:
        try:
            for _ in range(_TRIES - 1):
                with suppress(FileChangedError):
                    return self._compress_version(file, stop)
            return self._compress_version(file, stop)
        except Exception as error:  # must not stop the work on the other files
            return Result(file.path, 0, (), error)

    def _compress_version(self, file: File, stop: Event) -> Result:
        with file.open() as opened:
            version = FileVersion(file, opened, stop)
            sidecars: list[SidecarResult] = []
            is_worthwhile = version.size >= max(self._min_size, 1)
            for coding in self.codings:
                path = version.path + coding.suffix
                change = self._update(version, coding, path) if is_worthwhile else self._clear(path)
                sidecars.append(SidecarResult(coding.name, path, *change))
                is_worthwhile = sidecars[-1].size is not None
            return Result(version.path, version.size, tuple(sidecars))

    def _update(self, version: FileVersion, coding: Coding, path: str) -> _Change:
        existing = _existing(path)
        if existing is None or self._force or not _holds(version, coding, path, existing):
            action = Action.CREATED if existing is None else Action.REPLACED
            size = self._write(version, coding, path)
            return self._clear(path) if size is None else (action, size)
        if not self._saves_enough(existing.st_size, version.size):
            return self._clear(path)
        if is_fresh(existing, version.status):
            return Action.KEPT, existing.st_size
        version.require_unchanged()
        if not self._dry_run:
            set_mtime(path, version.status)
        return Action.REDATED, existing.st_size

    def _write(self, version: FileVersion, coding: Coding, path: str) -> int | None:
        """Write a sidecar and return its size, or None if it would save too little."""
        level = self._levels.get(coding.name, coding.level)
        with nullcontext() if self._dry_run else Draft(os.path.dirname(path)) as draft:
            size = 0
            for block in coding.encode(version.blocks(), version.size, level):
                size += len(block)
                if not self._saves_enough(size, version.size):
                    break
                if draft is not None:
                    draft.write(block)
            version.require_unchanged()
            if not self._saves_enough(size, version.size):
                return None
            if draft is not None:
                draft.publish(path, version.status)
        return size

    def _clear(self, path: str) -> _Change:
        if _existing(path) is None:
            return Action.NONE, None
        self.remove(path)
        return Action.REMOVED, None

    def _saves_enough(self, size: int, original: int) -> bool:
        return size < original and size <= original * self._max_ratio


def compress_directory(
    directory: str | os.PathLike[str],
    compressor: Compressor | None = None,
    *,
    exclude: Iterable[str] = (),
    jobs: int | None = None,
) -> Generator[Result, None, None]:
    """Bring the sidecars of all files in a directory tree up to date.

    Arguments:
        directory: The path of the directory.
        compressor: A compressor, or None for one with the default options.
        exclude: Globs of files and directories to skip. Each glob is compared with the path below
            the directory and with the name.
        jobs: Number of files that are compressed at a time. None for the number of processors.

    Yields:
        The result for each file, as soon as it is done.

    Raises:
        OSError: The directory cannot be read.
    """
    compressor = compressor or Compressor()
    originals = find_originals(check_path("directory", directory), exclude)
    for path, error in originals.errors:
        yield Result(path, 0, (), error)
    for path in originals.stale_drafts:
        compressor.remove(path)
    yield from compressor.compress_files(originals.files, jobs)


def _existing(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _holds(version: FileVersion, coding: Coding, path: str, existing: os.stat_result) -> bool:
    """Return whether a sidecar decompresses to the file's bytes."""
    if not stat.S_ISREG(existing.st_mode):
        return False
    # Equal mtimes suffice, unless the file changed after the sidecar: a build that gives every
    # file the same mtime cannot hide this from ctime.
    if (
        existing.st_mtime_ns == version.status.st_mtime_ns
        and existing.st_ctime_ns >= version.status.st_ctime_ns
    ):
        return True
    piece = existing.st_size * _DECODED // version.size
    piece = min(max(piece, _PIECE.start), _PIECE.stop)
    try:
        with open(os.open(path, FILE_FLAGS), "rb", buffering=0) as file:
            content = coding.decode(iter(lambda: file.read(piece), b""))
            return digest_of(content) == version.digest
    except (OSError, ValueError):
        return False


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # a container or taskset may allow only some of them
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _checked_codings(names: Iterable[str] | None) -> tuple[Coding, ...]:
    allowed = ", ".join(map(repr, CODINGS))
    if isinstance(names, str):
        raise TypeError(f"codings must be a sequence of {allowed}, not {names!r}")
    chosen = available_codings() if names is None else tuple(names)
    if not chosen:
        raise ValueError(f"codings must contain at least one of {allowed}, not {names!r}")
    for name in chosen:
        check_choice("codings", name, tuple(CODINGS))
        try:
            CODINGS[name].load()
        except ImportError:
            package = CODINGS[name].package
            raise ImportError(f"coding {name} needs {package}: pip install {package}") from None
    return tuple(coding for coding in CODINGS.values() if coding.name in chosen)


def _checked_levels(levels: Mapping[str, int] | None) -> dict[str, int]:
    checked = dict(levels or {})
    for name, level in checked.items():
        check_choice("levels", name, tuple(CODINGS))
        allowed = CODINGS[name].levels
        check_integer(f"levels[{name!r}]", level, allowed[0], allowed[-1])
    return checked


def _checked_saving(percent: float) -> float:
    if not isinstance(percent, (int, float)) or isinstance(percent, bool):
        raise TypeError(f"min_saving must be a percentage, not {percent!r}")
    if not 0 <= percent < 100:
        raise ValueError(f"min_saving must be at least 0 and below 100 percent, not {percent!r}")
    return percent
