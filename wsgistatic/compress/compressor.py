"""The compressor, which brings the sidecars of files up to date with as little work as possible.

A sidecar that holds the file's bytes stays. One that is missing or holds something else is written,
and one that saves too little is removed, because the server would send it. Sidecars of other tools
are left as they are. If a file changes during the work, the work on it starts again.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext, suppress
from enum import Enum
from functools import partial
from threading import Event
from typing import NamedTuple

from wsgistatic.compress.deltas import MAX_RATIO, Dictionaries, delta_coding, dictionaries_from
from wsgistatic.compress.edits import Draft
from wsgistatic.compress.existing import ExistingSidecar, add_mark
from wsgistatic.compress.originals import FileVersion, find_originals, original_of
from wsgistatic.files.changes import FileChangedError
from wsgistatic.files.directory import File, Folder, single_file
from wsgistatic.http.codings import CODINGS, Coding, available_codings
from wsgistatic.http.dictionaries import split_delta_name
from wsgistatic.representations.sidecars import is_fresh
from wsgistatic.validation import check_choice, check_integer, check_path

# Below this size, the further header fields of a compressed response (about 50 bytes) and the
# second stat of the file system cost more than is saved.
DEFAULT_MIN_SIZE = 256  # bytes
DEFAULT_MIN_SAVING = 5.0  # percent
_TRIES = 3
_STALE = "it is older than its file"


class Action(Enum):
    """What was done with a sidecar."""

    CREATED = "created"
    REPLACED = "replaced"  # it held something else
    REDATED = "redated"  # it held the file's bytes, but was older than the file
    KEPT = "kept"
    REMOVED = "removed"  # it saved too little
    NONE = "none"  # there is none, since it would save too little
    LEFT = "left alone"  # another tool wrote it, and it does not match the file


class SidecarResult(NamedTuple):
    """One content coding of one file.

    Attributes:
        coding: The name of the coding.
        path: The path of the sidecar, whether it exists or not.
        action: What was done, or would be done without ``dry_run``.
        size: The size of the sidecar in bytes, or None if there is none.
        reason: Why the sidecar that existed is replaced, redated or left alone. Empty otherwise.
    """

    coding: str
    path: str
    action: Action
    size: int | None
    reason: str = ""


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
        force: Whether to write sidecars that are up to date again, and to replace those that other
            tools wrote.
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
        self,
        files: Iterable[File],
        jobs: int | None = None,
        dictionaries: Dictionaries | None = None,
    ) -> Generator[Result, None, None]:
        """Bring the sidecars of several files up to date.

        Closing the generator ends the work at the next block, and so does an exception in the code
        that consumes it, such as KeyboardInterrupt. The sidecars written so far are complete, and
        no draft is left.

        Arguments:
            files: The files, from ``find_originals`` or ``single_file(path)``.
            jobs: Number of files that are compressed at a time. None for the number of processors.
            dictionaries: Older versions of the files, against which deltas are written (RFC 9842).

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
                work = partial(self._compress, stop=stop, dictionaries=dictionaries)
                futures = [pool.submit(work, file) for file in files]
                for future in as_completed(futures):
                    yield future.result()
            finally:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def remove_draft(self, draft: File) -> None:
        """Remove the draft of a killed run, unless this is a dry run."""
        with suppress(FileNotFoundError), draft.open_folder() as folder:
            self._remove(folder, draft.segments[-1])

    def remove_orphan(self, orphan: File) -> bool:
        """Remove a sidecar that has lost its file, unless this is a dry run.

        Return whether it is ours and still has no file. Any other may be a download, and stays.
        """
        name = orphan.segments[-1]
        coding = _coding_of(name)
        with suppress(FileNotFoundError), orphan.open_folder() as folder:
            with ExistingSidecar(folder, name, coding) as existing:
                is_ours = existing.is_ours and not folder.has(original_of(name) or "")
            if is_ours:  # it is closed, because Windows does not remove an open file
                self._remove(folder, name)
            return is_ours
        return False  # it has just been removed

    def remove_old_delta(self, delta: File, dictionaries: Dictionaries | None) -> bool:
        """Remove a delta of ours that no client should get, unless this is a dry run.

        Without dictionaries, that is one which is older than its file. With dictionaries, it is
        every one whose dictionary is not among them. Return whether it is removed.
        """
        name = delta.segments[-1]
        original = delta.directory.file((*delta.segments[:-1], original_of(name) or ""))
        with suppress(FileNotFoundError), delta.open_folder() as folder:
            with original.open() as opened, ExistingSidecar(folder, name, _coding_of(name)) as old:
                is_old = not is_fresh(old.status, opened.status)
                if dictionaries is not None:
                    wanted = dictionaries.codings_for(opened, original.segments)
                    is_old = not any(name.endswith(coding.suffix) for coding in wanted)
                is_old = is_old and old.is_ours
            if is_old:
                self._remove(folder, name)
            return is_old
        return False  # it has just been removed

    def _compress(
        self, file: File, stop: Event, dictionaries: Dictionaries | None = None
    ) -> Result:
        try:
            for _ in range(_TRIES - 1):
                with suppress(FileChangedError):
                    return self._compress_version(file, stop, dictionaries)
            return self._compress_version(file, stop, dictionaries)
        except Exception as error:  # must not stop the work on the other files
            return Result(file.path, 0, (), error)

    def _compress_version(
        self, file: File, stop: Event, dictionaries: Dictionaries | None
    ) -> Result:
        with file.open_folder() as folder, file.open() as opened:
            version = FileVersion(file, folder, opened, stop)
            sidecars: list[SidecarResult] = []
            is_worthwhile = version.size >= max(self._min_size, 1)
            limit = self._limit(version.size)
            for coding in self.codings:
                sidecars.append(self._update(version, coding, limit if is_worthwhile else None))
                is_worthwhile &= sidecars[-1].action not in (Action.NONE, Action.REMOVED)
            if dictionaries is not None:
                sizes = [one.size for one in sidecars if one.size is not None]
                limit = int(min(sizes, default=version.size) * MAX_RATIO)
                is_worthwhile = version.size >= max(self._min_size, 1)
                for coding in dictionaries.codings_for(opened, file.segments):
                    sidecars.append(self._update(version, coding, limit if is_worthwhile else None))
            return Result(version.path, version.size, tuple(sidecars))

    def _update(self, version: FileVersion, coding: Coding, limit: int | None) -> SidecarResult:
        """Bring a sidecar up to date that may have ``limit`` bytes; None for none at all."""
        result = partial(SidecarResult, coding.name, version.path + coding.suffix)
        try:
            existing = ExistingSidecar(version.folder, version.name + coding.suffix, coding)
        except FileNotFoundError:
            size = None if limit is None else self._write(version, coding, limit)
            return result(Action.NONE if size is None else Action.CREATED, size)
        return result(*self._update_existing(version, coding, existing, limit))

    def _update_existing(
        self,
        version: FileVersion,
        coding: Coding,
        existing: ExistingSidecar,
        limit: int | None,
    ) -> tuple[Action, int | None, str]:
        size = existing.status.st_size
        with existing:
            fault = "" if self._force else existing.mismatch(version)
            is_stale = not fault and existing.is_stale(version)
            reason = _STALE if is_stale else fault
            if not (existing.is_ours or self._force):
                return (Action.LEFT if reason else Action.KEPT), size, reason
            # A new mtime would show under the other names of a file with several links, too.
            is_rewritten = self._force or fault or (is_stale and existing.has_other_names)
            if limit is not None and not is_rewritten and size <= limit:
                if is_stale:
                    version.require_unchanged()
                    if not self._dry_run:
                        existing.redate(version)
                return (Action.REDATED if is_stale else Action.KEPT), size, reason
        # It is closed now, because Windows neither replaces nor removes an open file.
        written = None
        if limit is not None and is_rewritten:
            written = self._write(version, coding, limit)
        if written is not None:
            return Action.REPLACED, written, reason
        self._require_replaceable(version, coding)
        self._remove(version.folder, version.name + coding.suffix)
        return Action.REMOVED, None, ""

    def _write(self, version: FileVersion, coding: Coding, limit: int) -> int | None:
        """Write a sidecar and return its size, or None if it would exceed ``limit`` bytes."""
        level = self._levels.get(coding.name, coding.level)
        with nullcontext() if self._dry_run else Draft(version.folder) as draft:
            size = 0
            for block in add_mark(coding, coding.encode(version.blocks(), version.size, level)):
                size += len(block)
                if size > limit:
                    break
                if draft is not None:
                    draft.write(block)
            version.require_unchanged()
            if size > limit:
                return None
            if draft is not None:
                self._require_replaceable(version, coding)
                draft.publish(version.name + coding.suffix, version.status)
        return size

    def _require_replaceable(self, version: FileVersion, coding: Coding) -> None:
        """Raise FileChangedError if another tool has written the sidecar in the meantime."""
        with suppress(FileNotFoundError):
            with ExistingSidecar(version.folder, version.name + coding.suffix, coding) as existing:
                pass
            if not (existing.is_ours or self._force):
                raise FileChangedError("another program kept writing the sidecar")

    def _remove(self, folder: Folder, name: str) -> None:
        if not self._dry_run:
            folder.remove(name)

    def _limit(self, original: int) -> int:
        return min(original - 1, int(original * self._max_ratio))


def compress_directory(
    directory: str | os.PathLike[str],
    compressor: Compressor | None = None,
    *,
    exclude: Iterable[str] = (),
    jobs: int | None = None,
    dictionaries: Iterable[str | os.PathLike[str]] = (),
) -> Generator[Result, None, None]:
    """Bring the sidecars of all files in a directory tree up to date.

    Arguments:
        directory: The path of the directory.
        compressor: A compressor, or None for one with the default options.
        exclude: Globs of files and directories to skip. Each glob is compared with the path below
            the directory and with the name.
        jobs: Number of files that are compressed at a time. None for the number of processors.
        dictionaries: Directories of older releases, against whose files deltas are written.

    Yields:
        The result for each file, as soon as it is done.

    Raises:
        OSError: The directory cannot be read.
    """
    compressor = compressor or Compressor()
    originals = find_originals(check_path("directory", directory), exclude)
    for path, error in originals.errors:
        yield Result(path, 0, (), error)
    for draft in originals.stale_drafts:
        try:
            compressor.remove_draft(draft)
        except OSError as error:
            yield Result(draft.path, 0, (), error)
    older = dictionaries_from(check_path("dictionaries", one) for one in dictionaries)
    yield from compressor.compress_files(originals.files, jobs, older)


def _coding_of(name: str) -> Coding:
    """Return the coding of a sidecar by its name."""
    delta = split_delta_name(name)
    if delta is not None:
        return delta_coding(delta[1])
    return next(coding for coding in CODINGS.values() if name.endswith(coding.suffix))


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
