"""Look at a name beneath a root directory without being led out of it.

Strategy: two walkers with one method, ``visit(segments, action)``, which calls
``action(name, dir_fd)`` where the name can be used without following a link.
``DescriptorWalker`` opens every component relative to the one above it and follows no link at
all; a link is first resolved by name, and the resolved path walked in the same way, so that a
swap between check and open leads to a miss, never outside. ``PathWalker`` is for platforms
without directory descriptors: it resolves and compares, before and after.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, Protocol, TypeVar

from wsgistatic.files.errors import not_found_error

T = TypeVar("T")
Action = Callable[[str, "int | None"], T]
Symlinks = Literal["inside", "follow", "deny"]

HAS_DESCRIPTOR_WALK = (
    {os.open, os.stat} <= os.supports_dir_fd
    and hasattr(os, "O_NOFOLLOW")
    and hasattr(os, "O_DIRECTORY")
)
# O_PATH or O_SEARCH want search permission only: a directory of mode 0711 is as good as any.
_SEARCH_ONLY: int = getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))
_DIRECTORY_FLAGS: int = _SEARCH_ONLY | getattr(os, "O_DIRECTORY", 0)
NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
LINK_ERRORS = (errno.ELOOP, errno.EMLINK)  # what it says of a link; EMLINK: FreeBSD
# A link that is swapped just when it is looked at (a deploy) is looked at anew so often.
_TRIES = 8


class LinkMetError(Exception):
    """The name is a symbolic link: raised by actions and walkers, never out of ``visit``."""


class Walker(Protocol):
    """What ``Directory`` needs of a way to go down."""

    def visit(self, segments: tuple[str, ...], action: Action[T]) -> T:
        """Call the action on the last name, in its directory."""


def reject_link(status: os.stat_result) -> None:
    """Raise LinkMetError where a status is that of a symbolic link."""
    if stat.S_ISLNK(status.st_mode):
        raise LinkMetError


class DescriptorWalker:
    """Walks by directory descriptors, following no link (``symlinks`` inside or deny)."""

    def __init__(self, root: str, symlinks: Symlinks) -> None:
        self._root = root
        self._resolves = symlinks == "inside"

    def visit(self, segments: tuple[str, ...], action: Action[T]) -> T:
        """Call the action on the last name, in its directory."""
        root, names = self._root, segments
        for _ in range(_TRIES):
            with suppress(LinkMetError):
                return self._walk(root, names, action)
            if not self._resolves:
                break
            root, names = resolve_inside(self._root, segments)
        raise not_found_error()

    def _walk(self, root: str, names: tuple[str, ...], action: Action[T]) -> T:
        directory = os.open(root, _DIRECTORY_FLAGS)
        try:
            for name in names[:-1]:
                parent, directory = directory, open_directory(name, directory, _DIRECTORY_FLAGS)
                os.close(parent)
            return action(names[-1] if names else ".", directory)
        finally:
            os.close(directory)


def open_directory(name: str, parent: int | None, flags: int) -> int:
    """Open a directory without following a link; LinkMetError where its name is one.

    Arguments:
        name: relative to the parent.
        parent: descriptor of a directory; None: the name is a path.
        flags: of ``os.open``, beside O_NOFOLLOW.
    """
    try:
        return os.open(name, flags | NO_FOLLOW, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, *LINK_ERRORS):  # a link, or a file
            reject_link(os.stat(name, dir_fd=parent, follow_symlinks=False))
        raise


class PathWalker:
    """Walks by names where there are no directory descriptors.

    A swap within microseconds between the two comparisons can mislead it; nothing better can
    be had there.
    """

    def __init__(self, root: str, symlinks: Symlinks) -> None:
        self._root = root
        self._denies = symlinks == "deny"

    def visit(self, segments: tuple[str, ...], action: Action[T]) -> T:
        """Call the action on the resolved path."""
        for _ in range(_TRIES):
            where = resolve_inside(self._root, segments)
            if self._denies and where[1] != segments:
                break
            with suppress(LinkMetError):
                result = action(os.path.join(where[0], *where[1]), None)
                if self._still_leads(segments, where):
                    return result
                if hasattr(result, "close"):
                    result.close()
        raise not_found_error()

    def _still_leads(self, segments: tuple[str, ...], where: tuple[str, tuple[str, ...]]) -> bool:
        with suppress(OSError):
            return resolve_inside(self._root, segments) == where
        return False


class FollowingWalker:
    """Goes wherever links lead (``symlinks="follow"``)."""

    def __init__(self, root: str) -> None:
        self._root = root

    def visit(self, segments: tuple[str, ...], action: Action[T]) -> T:
        """Call the action on the path with its links resolved."""
        path = os.path.join(self._root, *segments)
        for _ in range(_TRIES):
            with suppress(LinkMetError):
                return action(real_path(path), None)
        raise not_found_error()


def resolve_inside(root: str, segments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Resolve all links; give the real root and the names below it.

    Raises:
        FileNotFoundError: where the target is not there, or not beneath the root.
        OSError: whatever else the file system says.
    """
    real_root = os.path.realpath(root, strict=True)
    try:
        real = real_path(os.path.join(real_root, *segments))
    except PermissionError:
        # Whether it leads outside cannot be seen, and nobody shall learn what is there.
        raise not_found_error() from None
    if real == real_root:
        return real_root, ()
    stem = real_root.rstrip(os.sep) + os.sep
    if not real.startswith(stem):
        raise not_found_error()
    return real_root, tuple(real[len(stem) :].split(os.sep))


def real_path(path: str) -> str:
    """Resolve all links of a path; an OSError where that leads to nothing."""
    try:
        return os.path.realpath(path, strict=True)
    except RecursionError:  # a chain of a thousand links, before Python 3.13
        raise not_found_error() from None
