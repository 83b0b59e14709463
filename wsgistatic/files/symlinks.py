"""Reach a name below a root directory, under each policy for symbolic links."""

from __future__ import annotations

import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, TypeVar

from wsgistatic.files.errors import not_found_error
from wsgistatic.files.linux import LINUX
from wsgistatic.files.versions import FILE_FLAGS
from wsgistatic.files.windows import SYSTEM

T = TypeVar("T")
Action = Callable[[str, "int | None"], T]
Symlinks = Literal["inside", "follow", "deny"]

HAS_DESCRIPTOR_WALK = {os.open, os.stat} <= os.supports_dir_fd and (
    hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")
)
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)

# O_PATH and O_SEARCH need only search permission, so that a directory of mode 0711 works.
_SEARCH_ONLY: int = getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))
DIRECTORY_FLAGS: int = _SEARCH_ONLY | getattr(os, "O_DIRECTORY", 0)

_MAX_ATTEMPTS = 8  # of a visit, when links are swapped meanwhile, for example by a deployment


class LinkMetError(Exception):
    """A name is a symbolic link. Actions and walkers raise it; it never leaves ``visit``."""


class Walker(ABC):
    """Finds the way from a root directory to the names below it."""

    def __init__(self, root: str, symlinks: Symlinks = "follow") -> None:
        self._root, self._symlinks = root, symlinks

    @abstractmethod
    def visit(self, segments: tuple[str, ...], action: Action[T]) -> T:
        """Call an action with the last name and its directory, and return the result.

        The action gets a name and the descriptor of its directory, or a full path and None. It must
        not follow a link, but raise LinkMetError. Raise FileNotFoundError if the policy forbids the
        path, or its links keep changing.
        """

    def open_file(self, path: str) -> int | None:
        """Open the path of a regular file below the root by a single system call.

        Return its descriptor, or None if only ``visit`` can open it, or find out why not.
        """
        return None

    def leads_straight(self, segments: tuple[str, ...]) -> bool:
        """Return whether no link that the policy forbids can be on the way to a directory."""
        return True


class DescriptorWalker(Walker):
    """Walks by directory descriptors and follows no link; for the policies "inside" and "deny".

    Each name is opened relative to the one above it. If one is a link, the whole path is resolved
    by name, its target must be inside the root, and the resolved path is walked in the same way. A
    link that is swapped in between leads to another attempt or a miss, never outside. Where Linux
    can open a path without following links, that replaces the steps.
    """

    def open_file(self, path: str) -> int | None:
        """Open a file without following links; see ``Walker.open_file``."""
        return LINUX.open(path, LINUX.to_read)

    def leads_straight(self, segments: tuple[str, ...]) -> bool:
        """Return whether a directory is reached without a link; see ``Walker.leads_straight``."""
        if not segments:
            return True  # the root itself may be a link
        try:
            os.close(self._open_directory(self._root, segments))
        except (LinkMetError, OSError):
            return False
        return True

    def visit(self, segments: tuple[str, ...], action: Action[T]) -> T:
        """Call the action on the last name, in its directory; see ``Walker.visit``."""
        root, names = self._root, segments
        for _ in range(_MAX_ATTEMPTS):
            with suppress(LinkMetError):
                return self._walk(root, names, action)
            if self._symlinks == "deny":
                break
            root, names = resolve_inside(self._root, segments)
        raise not_found_error()

    def _walk(self, root: str, names: tuple[str, ...], action: Action[T]) -> T:
        directory = self._open_directory(root, names[:-1])
        try:
            return action(names[-1] if names else ".", directory)
        finally:
            os.close(directory)

    @staticmethod
    def _open_directory(root: str, names: tuple[str, ...]) -> int:
        """Open a directory below the root for searching; raise LinkMetError if it is a link."""
        directory = LINUX.open(os.path.join(root, *names), LINUX.to_search) if names else None
        return _walk_to(root, names) if directory is None else directory


class PathWalker(Walker):
    """Walks by path on platforms without directory descriptors, for "inside" and "deny".

    It resolves the path before and after the action, and compares. A swap in between can go
    undetected if it is undone in time. These platforms offer no better primitive.
    """

    def leads_straight(self, segments: tuple[str, ...]) -> bool:
        """Return whether a directory is reached without a link; see ``Walker.leads_straight``."""
        try:
            return resolve_inside(self._root, segments)[1] == segments
        except OSError:
            return False

    def visit(self, segments: tuple[str, ...], action: Action[T]) -> T:
        """Call the action on the resolved path; see ``Walker.visit``."""
        for _ in range(_MAX_ATTEMPTS):
            target = resolve_inside(self._root, segments)
            if self._symlinks == "deny" and target[1] != segments:
                break
            with suppress(LinkMetError):
                result = action(os.path.join(target[0], *target[1]), None)
                with suppress(OSError):
                    if resolve_inside(self._root, segments) == target:
                        return result
                if hasattr(result, "close"):
                    result.close()
        raise not_found_error()


class FollowingWalker(Walker):
    """Follows every link, wherever it leads; for the policy "follow"."""

    def visit(self, segments: tuple[str, ...], action: Action[T]) -> T:
        """Call the action on the path with its links resolved; see ``Walker.visit``."""
        path = os.path.join(self._root, *segments)
        for _ in range(_MAX_ATTEMPTS):
            with suppress(LinkMetError):
                return action(real_path(path), None)
        raise not_found_error()

    def open_file(self, path: str) -> int | None:
        """Open a file, and follow all links; see ``Walker.open_file``."""
        try:
            descriptor: int = SYSTEM.open(path, FILE_FLAGS)
        except OSError:
            return None
        return descriptor


def _walk_to(root: str, names: tuple[str, ...]) -> int:
    """Open a directory below the root, one name after another, for searching."""
    directory = os.open(root, DIRECTORY_FLAGS)
    try:
        for name in names:
            parent, directory = directory, open_no_follow(name, directory, DIRECTORY_FLAGS)
            os.close(parent)
    except BaseException:
        os.close(directory)
        raise
    return directory


def open_no_follow(name: str, dir_fd: int | None, flags: int) -> int:
    """Open a name, and return its descriptor; raise LinkMetError if it is a link."""
    try:
        descriptor: int = SYSTEM.open(name, flags | _NO_FOLLOW, dir_fd=dir_fd)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):  # EMLINK on FreeBSD
            raise LinkMetError from None
        if error.errno == errno.ENOTDIR:  # with O_DIRECTORY a link can fail like a file
            stat_no_follow(name, dir_fd)
        raise
    return descriptor


def stat_no_follow(name: str, dir_fd: int | None) -> os.stat_result:
    """Return the status of a name; raise LinkMetError if it is a link."""
    status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        raise LinkMetError
    return status


def resolve_inside(root: str, segments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the real path of the root, and the names below it to which the segments lead.

    Raise FileNotFoundError if that is outside the root, or does not exist.
    """
    real_root = os.path.realpath(root, strict=True)
    try:
        real = real_path(os.path.join(real_root, *segments))
    except PermissionError:
        # The path may lead outside, where clients must not learn what exists.
        raise not_found_error() from None
    if real == real_root:
        return real_root, ()
    stem = real_root.rstrip(os.sep) + os.sep
    if not real.startswith(stem):
        raise not_found_error()
    return real_root, tuple(real[len(stem) :].split(os.sep))


def real_path(path: str) -> str:
    """Resolve all links of a path; raise OSError if it does not lead to a file."""
    try:
        return os.path.realpath(path, strict=True)
    except RecursionError:  # a chain of a thousand links, before Python 3.13
        raise not_found_error() from None
