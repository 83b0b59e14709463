"""What ``on_answer`` is told."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from wsgistatic.files.directory import Directory, Resource
from wsgistatic.files.errors import Outcome, classify
from wsgistatic.files.symlinks import real_path
from wsgistatic.http.paths import WELL_KNOWN, SplitPath, split_path
from wsgistatic.http.ranges import ByteRange
from wsgistatic.representations.cache import Catalog, Entry
from wsgistatic.wsgi.options import DirectoryOptions
from wsgistatic.wsgi.responses import Answer, header
from wsgistatic.wsgi.site import Finder

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class AnswerEvent(NamedTuple):
    """One answer, or one miss below the prefix.

    Attributes:
        path_info: of the request (PEP 3333: bytes as Latin-1).
        method: of the request.
        status: such as 206; None for a miss, which the wrapped app answers.
        bytes_planned: of the body, before the first is sent; None for a miss, and where they are
            not known (a long directory page).
        coding: content coding of the selected representation, or None.
        ranges: half-open (start, stop) pairs in bytes that a 206 has, in order; else ``()``.
        path: of the file that is sent or was refused, in the file system; None where there is
            none.
        refused: why it is a miss or an error, in the words of ``Reason``; else None.
    """

    path_info: str
    method: str
    status: int | None
    bytes_planned: int | None
    coding: str | None
    ranges: tuple[ByteRange, ...]
    path: str | None
    refused: str | None


OnAnswer = Callable[[AnswerEvent], object]


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


logger = logging.getLogger("wsgistatic")

# What a status says by itself.
_REASONS = {
    403: Reason.NO_PERMISSION,
    405: Reason.METHOD,
    412: Reason.PRECONDITION,
    416: Reason.RANGE,
    500: Reason.FAULT,
    503: Reason.FAULT,
}


class Observer:
    """Answers as a ``Finder`` does, and tells of it.

    Arguments:
        on_answer: is told; what it raises is logged.
        finder: makes the answers.
        options: of the directory.
        catalog: what is ready.
    """

    def __init__(
        self, on_answer: OnAnswer, finder: Finder, options: DirectoryOptions, catalog: Catalog
    ) -> None:
        self._on_answer = on_answer
        self._finder = finder
        self._options = options
        self._catalog = catalog

    def answer(
        self, environ: WSGIEnvironment, path_info: str, entry: Entry | None
    ) -> Answer | None:
        """Give the answer to a request below the prefix; None for a miss of the wrapped app's.

        Arguments:
            environ: the request.
            path_info: below the prefix.
            entry: nothing; the catalog is asked here.
        """
        entry = self._catalog.find(path_info, header(environ, "HTTP_ACCEPT_ENCODING"))
        answer = self._finder.answer(environ, path_info, entry)
        if answer is None and self._finder.alone:
            answer = self._finder.missing(environ)
        event = self._event(environ, path_info, answer)
        try:
            self._on_answer(event)
        except Exception:
            logger.exception("the on_answer function failed")
        return answer

    def _event(
        self, environ: WSGIEnvironment, path_info: str, answer: Answer | None
    ) -> AnswerEvent:
        method = header(environ, "REQUEST_METHOD") or ""
        if answer is None:
            why = self._why_missed(environ, path_info)
            return AnswerEvent(path_info, method, None, None, None, (), None, why.value)
        status = int(answer.status[:3])
        reason = self._why_missed(environ, path_info) if status == 404 else _REASONS.get(status)
        return AnswerEvent(
            path_info,
            method,
            status,
            0 if method == "HEAD" or status == 304 else _content_length(answer),
            answer.coding,
            answer.ranges,
            answer.path,
            reason and reason.value,
        )

    def _why_missed(self, environ: WSGIEnvironment, path_info: str) -> Reason:
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD") and not self._finder.alone:
            return Reason.METHOD
        rest, dotfiles = path_info[len(self._finder.prefix) :], self._options.dotfiles
        if not path_info and not header(environ, "SCRIPT_NAME"):
            return Reason.NOT_CANONICAL
        path = split_path(rest, dotfiles=dotfiles, windows=os.name == "nt")
        if path is None:
            return why_no_path(rest, dotfiles=dotfiles)
        if not isinstance(self._finder.directory, Directory):
            return _why_not_in_package(self._finder.directory.resource(path.segments), path)
        return why_missed(self._finder.directory, path, self._options.index) or Reason.PASSED


def _why_not_in_package(resource: Resource, path: SplitPath) -> Reason:
    try:
        resource.stat()
    except IsADirectoryError:
        return Reason.NO_INDEX
    except OSError:
        return Reason.NOT_THERE
    return Reason.NOT_A_DIRECTORY if path.is_directory else Reason.PASSED


def _content_length(answer: Answer) -> int | None:
    values = [value for name, value in answer.headers if name == "Content-Length"]
    return int(values[0]) if values else None
