"""Record the steps that led to a response, and find out why a file was not served.

Only requests with ``on_answer`` and ``wsgistatic explain`` carry a ``Trace``. A reason is found
after a lookup has failed, by checking the names in the path one by one. It therefore describes the
file system just after the request, not during it.
"""

from __future__ import annotations

import errno
import os
import stat
from enum import Enum
from typing import NamedTuple

from wsgistatic.files.directory import Directory
from wsgistatic.files.errors import Outcome, classify
from wsgistatic.files.sources import FileTree, Source
from wsgistatic.files.symlinks import real_path
from wsgistatic.http.paths import Dotfiles, SplitPath, is_hidden_name


class Reason(Enum):
    """Why a request, or a file, was refused."""

    METHOD = "a method other than GET and HEAD"
    NOT_CANONICAL = "not the canonical spelling of a path"
    DOT_NAME = "a name that begins with a dot"
    IMPOSSIBLE_NAME = "a name that no file here can have"
    NAME_TOO_LONG = "a name that is too long"
    NOT_THERE = "does not exist"
    ALIAS = "a short name that the file system made for another name"
    SPELLING = "a spelling other than that in the directory"
    BELOW_FILE = "below a file, which is not a directory"
    NOT_A_DIRECTORY = "a slash after the name of something other than a directory"
    IS_DIRECTORY = "a directory"
    NO_INDEX = "a directory without an index"
    NOT_REGULAR = "not a regular file"
    LINK_DENIED = "a symbolic link, or behind one"
    LINK_OUTSIDE = "a link that leads outside the directory"
    LINK_LOOP = "a loop of links"
    LINK_TO_NOTHING = "a link that leads to nothing that can be seen"
    NO_PERMISSION = "no permission to read it"
    PRECONDITION = "a precondition that failed"
    RANGE = "a range beyond the end"
    FAULT = "an error, described in the log"
    PASSED = "something that is no longer the case"


class Step(NamedTuple):
    """One step on the way to a response."""

    name: str  # what was tried, such as "file" or "fallback"
    path: str  # in the file system or in the URL
    reason: Reason | None = None  # why it was refused
    source: Source | None = None  # what is sent
    note: str = ""


class Trace:
    """Holds the steps that lead to one response, in their order."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    @property
    def reason(self) -> Reason | None:
        """The reason of the first step that was refused, or None."""
        return next((step.reason for step in self.steps if step.reason is not None), None)


def why_not_split(rest: str, *, dotfiles: Dotfiles) -> Reason:
    """Return why ``split_path`` returned None for the part of PATH_INFO below the prefix."""
    segments = rest.removesuffix("/").split("/")[1:]
    if any(segment in ("", ".", "..") for segment in segments):
        return Reason.NOT_CANONICAL
    if any(is_hidden_name(segment, dotfiles) for segment in segments):
        return Reason.DOT_NAME
    return Reason.IMPOSSIBLE_NAME


def why_missed(tree: FileTree, path: SplitPath, index: str | None) -> Reason:
    """Return why no file was served for a path; ``index`` is the option of that name."""
    if not isinstance(tree, Directory):
        return _why_not_in_package(tree, path)
    find_reason = _why_not_directory if path.is_directory else why_no_file
    reason = find_reason(tree, path.segments)
    if reason is Reason.IS_DIRECTORY:
        reason = Reason.NO_INDEX
        if index is not None:
            reason = why_no_file(tree, (*path.segments, index))
            reason = Reason.NO_INDEX if reason is Reason.NOT_THERE else reason
    return reason or Reason.PASSED


def why_no_file(directory: Directory, segments: tuple[str, ...]) -> Reason | None:
    """Return why a path is not a file that can be served, or None if it is one."""
    try:
        directory.stat(segments)
    except IsADirectoryError:
        return Reason.IS_DIRECTORY
    except OSError as error:
        reason = _why(directory, segments, error)
        if reason is not None:
            return reason
        is_regular = os.path.isfile(os.path.join(directory.path, *segments))
        return Reason.PASSED if is_regular else Reason.NOT_REGULAR
    return None


def _why_not_in_package(tree: FileTree, path: SplitPath) -> Reason:
    try:
        tree.file(path.segments).inspect()
    except IsADirectoryError:
        return Reason.NO_INDEX
    except OSError:
        return Reason.NOT_THERE
    return Reason.NOT_A_DIRECTORY if path.is_directory else Reason.PASSED


def _why_not_directory(directory: Directory, segments: tuple[str, ...]) -> Reason | None:
    try:
        directory.stat_directory(segments)
    except OSError as error:
        return _why(directory, segments, error) or Reason.NOT_A_DIRECTORY
    return Reason.IS_DIRECTORY


def _why(directory: Directory, segments: tuple[str, ...], error: OSError) -> Reason | None:
    """Return why a path is an error; None if its last name has a wrong kind."""
    outcome = classify(error)
    if outcome is Outcome.FORBIDDEN:
        return Reason.NO_PERMISSION
    if outcome is not Outcome.MISS:
        return Reason.FAULT
    path = directory.path
    for name in segments:
        path = os.path.join(path, name)
        try:
            status = os.lstat(path)
        except OSError as absent:
            return _ABSENT.get(absent.errno or 0, Reason.NOT_THERE)
        if stat.S_ISLNK(status.st_mode):
            reason = _why_not_followed(directory, path)
            if reason is not None:
                return reason
    return Reason.SPELLING if directory.has_alias(segments) else None


_ABSENT = {errno.ENOTDIR: Reason.BELOW_FILE, errno.ENAMETOOLONG: Reason.NAME_TOO_LONG}


def _why_not_followed(directory: Directory, path: str) -> Reason | None:
    if directory.symlinks == "deny":
        return Reason.LINK_DENIED
    try:
        real, root = real_path(path), real_path(directory.path)
    except OSError as error:
        return Reason.LINK_LOOP if error.errno == errno.ELOOP else Reason.LINK_TO_NOTHING
    if directory.symlinks == "follow" or os.path.join(real, "").startswith(os.path.join(root, "")):
        return None
    return Reason.LINK_OUTSIDE
