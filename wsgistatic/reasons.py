"""Why nothing is served for a path: found out afterwards, so that serving carries no reasons.

Strategy: ``Directory`` says no, as it did to the request; then the names are looked at one by one.
What is told is what is so now, a moment after the request.
"""

from __future__ import annotations

import errno
import os
import stat
from enum import Enum

from wsgistatic.beneath import real_path
from wsgistatic.directory import Directory
from wsgistatic.faults import Outcome, outcome_of
from wsgistatic.paths import WELL_KNOWN, SplitPath


class Reason(Enum):
    """Why a request, or a file, was refused."""

    METHOD = "a method other than GET and HEAD"
    NOT_CANONICAL = "not the canonical spelling of a path"
    DOT_NAME = "a name that begins with a dot"
    IMPOSSIBLE_NAME = "a name that no file here can have"
    NAME_TOO_LONG = "a name that is too long"
    NOT_THERE = "not there"
    BELOW_FILE = "below a file, which is no directory"
    NOT_A_DIRECTORY = "a slash after the name of what is no directory"
    IS_DIRECTORY = "a directory"
    NO_INDEX = "a directory without an index"
    NOT_REGULAR = "not a regular file"
    LINK_DENIED = "a symbolic link, or behind one"
    LINK_OUTSIDE = "a link that leads outside the directory"
    LINK_LOOP = "a loop of links"
    LINK_TO_NOTHING = "a link that leads to nothing that can be seen"
    NO_PERMISSION = "no permission to read it"
    PRECONDITION = "a precondition that does not hold"
    RANGE = "a range beyond the end"
    FAULT = "an error that the log tells of"
    PASSED = "something that has passed"


def why_no_path(rest: str, *, dotfiles: bool) -> Reason:
    """Tell why ``split_path`` gave None.

    Arguments:
        rest: what of PATH_INFO is below the prefix.
        dotfiles: names that begin with a dot are served.
    """
    segments = rest.removesuffix("/").split("/")[1:]
    if any(segment in ("", ".", "..") for segment in segments):
        return Reason.NOT_CANONICAL
    if not dotfiles and any(s[0] == "." and s != WELL_KNOWN for s in segments):
        return Reason.DOT_NAME
    return Reason.IMPOSSIBLE_NAME


def why_missed(directory: Directory, path: SplitPath, index: str | None) -> Reason | None:
    """Tell why no file is served for a path; None where one is, by now.

    Arguments:
        directory: the directory that is served.
        path: of the request.
        index: name of the file that stands for a directory, or None.
    """
    reason: Reason | None
    if path.is_directory:
        reason = _why_no_directory(directory, path.segments)
    else:
        reason = why_no_file(directory, path.segments)
    if reason is not Reason.IS_DIRECTORY:
        return reason
    if index is None:
        return Reason.NO_INDEX
    reason = why_no_file(directory, (*path.segments, index))
    return Reason.NO_INDEX if reason is Reason.NOT_THERE else reason


def why_no_file(directory: Directory, segments: tuple[str, ...]) -> Reason | None:
    """Tell why a name is no file that is served; None where it is one."""
    try:
        directory.stat(segments)
    except IsADirectoryError:
        return Reason.IS_DIRECTORY
    except OSError as error:
        return _why(directory, segments, error) or _why_no_kind(directory, segments)
    return None


def _why_no_directory(directory: Directory, segments: tuple[str, ...]) -> Reason:
    try:
        directory.stat_directory(segments)
    except OSError as error:
        return _why(directory, segments, error) or Reason.NOT_A_DIRECTORY
    return Reason.IS_DIRECTORY


def _why_no_kind(directory: Directory, segments: tuple[str, ...]) -> Reason:
    is_regular = os.path.isfile(os.path.join(directory.path, *segments))
    return Reason.PASSED if is_regular else Reason.NOT_REGULAR


def _why(directory: Directory, segments: tuple[str, ...], error: OSError) -> Reason | None:
    """Explain an error of the ``Directory``; None where it is about the kind of the last name."""
    outcome = outcome_of(error)
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
    return None


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
