"""Files of the file system: those beneath a directory, under its policy for links, and open ones.

Only regular files that can be read exist here. The kind of a name is checked before it is opened,
so that no FIFO blocks and no device is touched, and again on the open descriptor.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from time import monotonic
from typing import Any, cast

from wsgistatic.files import spelling
from wsgistatic.files.digests import DIGESTS, Algorithm
from wsgistatic.files.errors import not_found_error
from wsgistatic.files.sources import Opened, Source, Version, raw_file
from wsgistatic.files.symlinks import (
    DIRECTORY_FLAGS,
    HAS_DESCRIPTOR_WALK,
    DescriptorWalker,
    FollowingWalker,
    PathWalker,
    Symlinks,
    Walker,
    open_no_follow,
    stat_no_follow,
)
from wsgistatic.files.versions import FILE_FLAGS, RegularFile, are_settled, modified_ns
from wsgistatic.files.windows import SYSTEM, replace_open_file
from wsgistatic.http.paths import may_be_alias

_HAS_ACCESS_IN_DIRECTORY = os.access in os.supports_dir_fd
_HAS_EFFECTIVE_ACCESS = os.access in os.supports_effective_ids
_HAS_DESCRIPTOR_SCAN = HAS_DESCRIPTOR_WALK and os.scandir in os.supports_fd
_SCAN_FLAGS: int = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_HAS_DESCRIPTOR_CHANGES = (
    HAS_DESCRIPTOR_WALK
    and {os.unlink, os.rename} <= os.supports_dir_fd
    and {os.chmod, os.utime} <= os.supports_fd
)
_CREATE_FLAGS: int = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Directory:
    """Safe access to the regular files beneath a root.

    The root may be a symbolic link, which is resolved again at each call.

    Attributes:
        has_exact_names: the file system finds a file by one name only, or ``any_spelling`` of it
            will do, since the caller chose the path.
    """

    def __init__(
        self, path: str, symlinks: Symlinks = "inside", *, any_spelling: bool = False
    ) -> None:
        self.path, self.symlinks = path, symlinks
        self._lookup = lookup = None if any_spelling else spelling.LOOKUP
        self._stem = os.path.join(path, "")
        self._walker: Walker = FollowingWalker(path)
        if symlinks != "follow":
            self._walker = (DescriptorWalker if HAS_DESCRIPTOR_WALK else PathWalker)(path, symlinks)
        if lookup is not None:
            self._walker = spelling.SpellingWalker(self._walker, path, lookup)
        # Renaming "a" to "A" there does not show in a stat of "a".
        self.has_exact_names = lookup is None

    def file(self, segments: tuple[str, ...]) -> File:
        """Name a file beneath this directory, whether or not it exists."""
        return File(self, segments)

    def regular_file(self, segments: tuple[str, ...]) -> File:
        """Name a file that a plain stat has just shown to be a regular one."""
        return File(self, segments, is_regular=True)

    def path_of(self, segments: tuple[str, ...]) -> str:
        """Return the path of a file beneath this directory."""
        # Without the checks of os.path.join, since a name is no path: 0.2 us instead of 0.9.
        return self._stem + os.sep.join(segments) if segments else self.path

    def stat(self, segments: tuple[str, ...]) -> os.stat_result:
        """Return the status of a regular file that can be read; errors as for ``Source.open``."""
        return self._walker.visit(segments, _stat_readable)

    def open(self, segments: tuple[str, ...]) -> RegularFile:
        """Open a regular file for reading; errors as for ``stat``."""
        return self._walker.visit(segments, _open_regular)

    def open_at_once(self, path: str) -> RegularFile | None:
        """Open the path of a file that was regular a moment ago; None if ``open`` has to do it."""
        descriptor = self._walker.open_file(path)
        return None if descriptor is None else _regular_file(descriptor)

    def leads_straight(self, segments: tuple[str, ...]) -> bool:
        """Return whether no forbidden link can be on the way to a directory, if it exists."""
        return self._walker.leads_straight(segments)

    def open_directory(self, segments: tuple[str, ...]) -> OpenDirectory:
        """Open a directory to list it; raise NotADirectoryError if it is something else."""
        return self._walker.visit(segments, _open_to_scan)

    def has_alias(self, segments: tuple[str, ...]) -> bool:
        """Return whether a path leads to something by a name that its directory does not list.

        File systems of Windows also open ``.git`` by its alias ``GIT~1``. The directory is read
        only if a name of that form exists. Errors as for ``open_directory``.

        On Windows and macOS, every other spelling of a name is an alias, too.
        """
        if self._lookup is not None:
            exists = os.path.lexists(self.path_of(segments))
            return exists and not spelling.is_listed(self.path, segments, self._lookup)
        for depth, name in enumerate(segments):
            if may_be_alias(name):
                path = os.path.join(self.path, *segments[: depth + 1])
                if os.path.lexists(path) and not self._lists(segments[:depth], name):
                    return True
        return False

    def _lists(self, segments: tuple[str, ...], name: str) -> bool:
        with closing(self.open_directory(segments)) as entries:
            return any(entry.name == name for entry in entries)

    def open_folder(self, segments: tuple[str, ...]) -> Folder:
        """Open a directory to change files in it; errors as for ``open_directory``."""
        if not _HAS_DESCRIPTOR_CHANGES:
            return Folder(os.path.join(self.path, *segments))
        return Folder(self._walker.visit(segments, _open_to_change))

    def stat_directory(self, segments: tuple[str, ...]) -> os.stat_result:
        """Return the status of a directory; errors as for ``open_directory``."""
        return self._walker.visit(segments, _stat_directory)

    def stat_listable(self, segments: tuple[str, ...]) -> os.stat_result:
        """Return the status of a directory that can be listed; errors as for ``open_directory``."""
        return self._walker.visit(segments, _stat_listable)


class File(Source):
    """A file beneath a directory, whether or not it exists.

    Attributes:
        stat_suffices: ``os.stat`` of the path shows whether it still leads to a version. Otherwise
            a directory on the way could be replaced by a link that must not be followed, or a
            name could get another spelling.
        has_siblings: the path is known, so there may be other files beside it.
        is_regular: a plain stat has just shown that, so opening it does not touch a device.
    """

    may_change = True
    has_siblings = True

    def __init__(
        self, directory: Directory, segments: tuple[str, ...], *, is_regular: bool = False
    ) -> None:
        self.directory, self.segments, self.is_regular = directory, segments, is_regular
        self.path = directory.path_of(segments)
        self.stat_suffices = directory.has_exact_names and (
            directory.symlinks == "follow" or len(segments) < 2
        )

    def open(self) -> OpenFile:
        """Open the file."""
        file = self.directory.open_at_once(self.path) if self.is_regular else None
        if file is not None:
            return OpenFile(file, self.path, is_direct=True)
        return OpenFile(self.directory.open(self.segments), self.path)

    def inspect(self) -> Version:
        """Return the current version; errors as for ``open``."""
        status = self.stat()
        return Version(status.st_size, status, self.path)

    def stat(self) -> os.stat_result:
        """Return the status of the file; errors as for ``open``."""
        return self.directory.stat(self.segments)

    def stat_beneath_root(self) -> os.stat_result:
        """Return the status of the file that the path leads to now, without leaving the root."""
        return self.stat()

    def open_folder(self) -> Folder:
        """Open the directory of the file, to change the files beside it."""
        return self.directory.open_folder(self.segments[:-1])

    def with_suffix(self, suffix: str) -> File:
        """Return the file beside this one whose name has an additional suffix."""
        *above, name = self.segments
        return File(self.directory, (*above, name + suffix))

    def fingerprint(self, version: Version) -> str | None:
        """Return the mtime in nanoseconds and the size, both in hexadecimal digits."""
        status = version.status
        return status and f"{modified_ns(status):x}-{status.st_size:x}"

    def digest(self, version: Version, algorithm: Algorithm = "sha256") -> bytes | None:
        """Return the digest of the version, or None if the file has changed."""
        opened = version.file if isinstance(version, OpenFile) else None
        return version.status and DIGESTS.digest(
            version.status,
            are_settled(version.status),
            lambda: nullcontext(opened) if opened else self.open().file,
            algorithm,
        )

    def opened(self, version: Version) -> AbstractContextManager[OpenFile]:
        """Open a version unless it is open; see ``Source.opened``."""
        return cast("AbstractContextManager[OpenFile]", super().opened(version))


class OpenFile(Opened):
    """One version of a file, open."""

    file: RegularFile
    status: os.stat_result

    __slots__ = ()

    def __init__(self, file: RegularFile, path: str, *, is_direct: bool = False) -> None:
        # Bypassing the constructor of the dataclass saves 0.2 us.
        self.file, self.status, self.holder = file, file.status, path
        self.size, self.seen, self.is_direct = file.status.st_size, monotonic(), is_direct
        self.is_sequential = False

    def refresh(self) -> None:
        """Adopt the file's present version, before anything of it is described."""
        self.status = os.fstat(self.file.fileno())
        self.size = self.status.st_size


class OpenDirectory:
    """A directory that is open to be listed, even if its name leads elsewhere in the meantime.

    It takes over a descriptor, or a path on platforms without directory descriptors.
    """

    def __init__(self, where: int | str) -> None:
        self._where = where
        try:
            self._entries = os.scandir(where)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        return self._entries

    def stat(self, name: str) -> os.stat_result:
        """Return the status of a regular file in it; raise LinkMetError if it is a link."""
        if isinstance(self._where, int):
            return _stat_readable(name, self._where)
        return _stat_readable(os.path.join(self._where, name), None)

    def close(self) -> None:
        """Close it; may be called repeatedly."""
        where, self._where = self._where, -1  # a later ``stat`` must not find the current directory
        if isinstance(where, int) and where >= 0:
            os.close(where)
        if hasattr(self, "_entries"):
            self._entries.close()

    __del__ = close  # a server may drop a body without closing it


class Folder:
    """A directory that is open for changes, even if its name leads elsewhere in the meantime.

    It takes over a descriptor, or a path on platforms without directory descriptors. Methods do not
    follow links, except where an argument asks for it.
    """

    def __init__(self, where: int | str) -> None:
        self._where = where

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if isinstance(self._where, int):
            os.close(self._where)

    def stat(self, name: str, *, follow_symlinks: bool = False) -> os.stat_result:
        """Return the status of a name."""
        path, dir_fd = self.at(name)
        return os.stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    def has(self, name: str) -> bool:
        """Return whether a name exists, whatever it is."""
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def open(self, name: str) -> RegularFile:
        """Open a regular file for reading; raise LinkMetError if the name is a link."""
        return _open_regular(*self.at(name))

    def create(self, name: str) -> int:
        """Create a file that only its owner can read, and return a descriptor for writing."""
        path, dir_fd = self.at(name)
        return os.open(path, _CREATE_FLAGS, 0o600, dir_fd=dir_fd)

    def replace(self, name: str, target: str, aside: str) -> None:
        """Rename a file, and replace any file that has the new name.

        Windows does not replace an open file in one step. There the old file first gets the free
        name ``aside``, so that the new name leads to nothing for a moment. Raise PermissionError if
        another program does not let it be renamed.
        """
        (path, dir_fd), new = self.at(name), self.at(target)[0]
        try:
            os.replace(path, new, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        except PermissionError as error:
            if getattr(error, "winerror", None) is None:
                raise
            replace_open_file(path, new, self.at(aside)[0])

    def remove(self, name: str) -> None:
        """Remove a file, unless it has already disappeared."""
        path, dir_fd = self.at(name)
        with suppress(FileNotFoundError):
            os.unlink(path, dir_fd=dir_fd)

    def at(self, name: str) -> tuple[str, int | None]:
        """Return how to reach a name: the name and a descriptor, or a path and None."""
        if isinstance(self._where, int):
            return name, self._where
        return os.path.join(self._where, name), None


def single_file(path: str) -> File:
    """Name one file by its path. Links are followed, since the caller chose the path."""
    directory, name = os.path.split(path)
    return File(Directory(directory, "follow", any_spelling=True), (name,))


class HandleFile(File):
    """A regular file known by an open file object of the caller, which keeps its position.

    Each response gets a descriptor of its own, so that the caller may close the file at any time.
    """

    def __init__(self, file: Any) -> None:
        raw: Any = raw_file(file)
        if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            raise ValueError(f"source must be a regular file, not {file!r}")
        self.has_siblings = isinstance(raw.name, str)  # not a temporary file, or a descriptor
        path = os.path.abspath(raw.name) if self.has_siblings else "<file>"
        directory, name = os.path.split(path)
        super().__init__(Directory(directory, "follow", any_spelling=True), (name,))
        self._file, self._raw = file, raw
        self._descriptor()  # flush now: forked processes would each write what is in the buffer

    def open(self) -> OpenFile:
        """Open a duplicate of the descriptor."""
        return OpenFile(RegularFile(SYSTEM.dup(self._descriptor())), self.path)

    def stat(self) -> os.stat_result:
        """Return the status of the open file."""
        return os.fstat(self._descriptor())

    def _descriptor(self) -> int:
        try:
            self._file.flush()  # the caller may have written to the file
            return cast(int, self._raw.fileno())
        except ValueError:
            raise OSError(errno.EBADF, "the source was closed") from None


def _stat_readable(name: str, dir_fd: int | None) -> os.stat_result:
    status = stat_no_follow(name, dir_fd)
    _require_regular(status)
    if not _is_accessible(name, os.R_OK, dir_fd):
        os.close(open_no_follow(name, dir_fd, FILE_FLAGS))
    return status


def _is_accessible(name: str, mode: int, dir_fd: int | None) -> bool:
    """Return whether access is allowed; False may be wrong, so the caller has to try.

    The platform may not have the system call (Emscripten), or the old seccomp profile of a
    container refuses it. Or the name may be missing for a moment, or may have become a link.
    """
    return (dir_fd is None or _HAS_ACCESS_IN_DIRECTORY) and os.access(
        name, mode, dir_fd=dir_fd, effective_ids=_HAS_EFFECTIVE_ACCESS
    )


def _stat_directory(name: str, dir_fd: int | None) -> os.stat_result:
    status = stat_no_follow(name, dir_fd)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return status


def _stat_listable(name: str, dir_fd: int | None) -> os.stat_result:
    status = _stat_directory(name, dir_fd)
    if not _is_accessible(name, os.R_OK | os.X_OK, dir_fd):
        descriptor = open_no_follow(name, dir_fd, _SCAN_FLAGS)
        try:
            os.stat(".", dir_fd=descriptor)  # needs the permission to search
        finally:
            os.close(descriptor)
    return status


def _open_to_scan(name: str, dir_fd: int | None) -> OpenDirectory:
    _stat_listable(name, dir_fd)  # a directory that can be read but not searched would look empty
    if not _HAS_DESCRIPTOR_SCAN:
        return OpenDirectory(name)
    return OpenDirectory(open_no_follow(name, dir_fd, _SCAN_FLAGS))


def _open_to_change(name: str, dir_fd: int | None) -> int:
    return open_no_follow(name, dir_fd, DIRECTORY_FLAGS)


def _open_regular(name: str, dir_fd: int | None) -> RegularFile:
    _require_regular(stat_no_follow(name, dir_fd))
    return _regular_file(open_no_follow(name, dir_fd, FILE_FLAGS))


def _regular_file(descriptor: int) -> RegularFile:
    file = RegularFile(descriptor)
    try:
        _require_regular(file.status)
    except OSError:
        file.close()
        raise
    return file


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise not_found_error()
