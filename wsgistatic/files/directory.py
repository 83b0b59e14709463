"""The files beneath one directory: stat and open, by the policy for links.

Strategy: only regular files that can be read exist here. What a name is, is asked before it is
opened, so that no FIFO blocks and no device is touched, and again of the handle afterwards.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from wsgistatic.files.errors import not_found_error
from wsgistatic.files.symlinks import (
    HAS_DESCRIPTOR_WALK,
    LINK_ERRORS,
    NO_FOLLOW,
    DescriptorWalker,
    FollowingWalker,
    LinkMetError,
    PathWalker,
    Symlinks,
    Walker,
    open_directory,
    reject_link,
)
from wsgistatic.files.versions import FILE_FLAGS

T = TypeVar("T")

_LOOKS = 8  # before a name that comes and goes is taken for one without permission
_HAS_EFFECTIVE_ACCESS = os.access in os.supports_effective_ids
_HAS_DESCRIPTOR_SCAN = HAS_DESCRIPTOR_WALK and os.scandir in os.supports_fd
_SCAN_FLAGS: int = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


class OpenFile(NamedTuple):
    """An open regular file, unbuffered, and what ``fstat`` said of the handle."""

    file: io.FileIO
    status: os.stat_result

    def __enter__(self) -> OpenFile:
        """Give itself: ``with directory.open(segments) as opened``."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class OpenDirectory:
    """A directory that is open to be listed, whatever its name may lead to by now.

    Iterating gives its entries once, in no order, with ``.`` and ``..`` left out. Close it.

    Arguments:
        where: its descriptor, which is owned from here on; a path where there are none.
    """

    def __init__(self, where: int | str) -> None:
        self._where = where
        try:
            self._entries = os.scandir(where)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        """Give the entries that were not given yet."""
        return self._entries

    def stat(self, name: str) -> os.stat_result:
        """Give the status of a regular file in it that can be read; errors as ``Directory.stat``.

        Raises:
            LinkMetError: it is a symbolic link.
        """
        if isinstance(self._where, int):
            return _stat_readable(name, self._where)
        return _stat_readable(os.path.join(self._where, name), None)

    def close(self) -> None:
        """Close it; as often as you like."""
        where, self._where = self._where, ""
        if isinstance(where, int):
            os.close(where)
        if hasattr(self, "_entries"):
            self._entries.close()

    def __del__(self) -> None:
        # Where a server drops a body without closing it.
        self.close()


class Directory:
    """Safe access to the regular files beneath a root.

    Arguments:
        path: the root; it may be a link itself, and is looked up anew at each call.
        symlinks: ``"inside"``, ``"follow"`` or ``"deny"``.

    Attributes:
        path, symlinks: as given.
    """

    def __init__(self, path: str, symlinks: Symlinks = "inside") -> None:
        self.path = path
        self.symlinks = symlinks
        self._walker = _walker(path, symlinks)
        self._walks = symlinks != "follow"

    def stat(self, segments: tuple[str, ...]) -> os.stat_result:
        """Give the status of a regular file that can be read, without opening it.

        Raises:
            IsADirectoryError: it is a directory.
            OSError: it is not there, or not for us (see ``errors.classify``).
        """
        return self._walker.visit(segments, _stat_readable)

    def open(self, segments: tuple[str, ...]) -> OpenFile:
        """Open a regular file for reading, without buffer; errors as ``stat``."""
        return self._walker.visit(segments, _open_regular)

    def open_directory(self, segments: tuple[str, ...]) -> OpenDirectory:
        """Open a directory to be listed.

        Raises:
            NotADirectoryError: it is something else.
            OSError: it is not there, or not for us (see ``errors.classify``).
        """
        return self._walker.visit(segments, _open_to_scan)

    def stat_directory(self, segments: tuple[str, ...]) -> os.stat_result:
        """Give the status of a directory; errors as ``open_directory``."""
        return self._walker.visit(segments, _stat_directory)

    def stat_listable(self, segments: tuple[str, ...]) -> os.stat_result:
        """Give the status of a directory that can be listed; errors as ``open_directory``."""
        return self._walker.visit(segments, _stat_listable)

    def resource(self, segments: tuple[str, ...]) -> Resource:
        """Name a file beneath this directory, whether or not it is there."""
        path = os.path.join(self.path, *segments)

        def look() -> os.stat_result:
            return self.stat(segments)

        def sidecar(suffix: str) -> Resource:
            return self.resource((*segments[:-1], segments[-1] + suffix))

        recheck = look if self._walks and len(segments) > 1 else None
        return Resource(path, look, lambda: self.open(segments), sidecar, recheck)


class Resource(NamedTuple):
    """A file that may be there: its path for logs, and the two ways to look at it.

    Attributes:
        sidecar: names the file beside it whose name has a suffix more.
        recheck: ``stat``, where a directory on the way could be replaced by a link that may not
            be followed, and a plain ``os.stat`` of the path would not show it; else None.
    """

    path: str
    stat: Callable[[], os.stat_result]
    open: Callable[[], OpenFile]
    sidecar: Callable[[str], Resource]
    recheck: Callable[[], os.stat_result] | None = None


def single_file(path: str) -> Resource:
    """Name one file by its path; links are followed, since the caller chose the path."""
    directory, name = os.path.split(path)
    walker = FollowingWalker(directory)
    return Resource(
        path,
        lambda: walker.visit((name,), _stat_readable),
        lambda: walker.visit((name,), _open_regular),
        lambda suffix: single_file(path + suffix),
    )


def _walker(path: str, symlinks: Symlinks) -> Walker:
    if symlinks == "follow":
        return FollowingWalker(path)
    return (DescriptorWalker if HAS_DESCRIPTOR_WALK else PathWalker)(path, symlinks)


def _stat_readable(name: str, dir_fd: int | None) -> os.stat_result:
    status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    _require_regular(status)
    _require_access(name, os.R_OK, dir_fd)
    return status


def _require_access(name: str, mode: int, dir_fd: int | None) -> None:
    for _ in range(_LOOKS):
        if os.access(name, mode, dir_fd=dir_fd, effective_ids=_HAS_EFFECTIVE_ACCESS):
            return
        # It may have gone, have been away for a moment, or have become a link.
        reject_link(os.stat(name, dir_fd=dir_fd, follow_symlinks=False))
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _stat_directory(name: str, dir_fd: int | None) -> os.stat_result:
    status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    reject_link(status)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return status


def _stat_listable(name: str, dir_fd: int | None) -> os.stat_result:
    status = _stat_directory(name, dir_fd)
    _require_access(name, os.R_OK | os.X_OK, dir_fd)
    return status


def _open_to_scan(name: str, dir_fd: int | None) -> OpenDirectory:
    _stat_listable(name, dir_fd)  # what may be read but not searched would look empty
    if not _HAS_DESCRIPTOR_SCAN:
        return OpenDirectory(name)
    return OpenDirectory(open_directory(name, dir_fd, _SCAN_FLAGS))


def _open_regular(name: str, dir_fd: int | None) -> OpenFile:
    _require_regular(os.stat(name, dir_fd=dir_fd, follow_symlinks=False))
    try:
        descriptor = os.open(name, FILE_FLAGS | NO_FOLLOW, dir_fd=dir_fd)
    except OSError as error:
        if error.errno in LINK_ERRORS:  # became a link since
            raise LinkMetError from None
        raise
    try:
        status = os.fstat(descriptor)
        _require_regular(status)
        return OpenFile(io.FileIO(descriptor, "rb"), status)
    except BaseException:
        os.close(descriptor)
        raise


def _require_regular(status: os.stat_result) -> None:
    reject_link(status)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise not_found_error()
