"""The option ``on_answer``: tells a callable of each answer.

Strategy: stands in place of ``Finder.answer`` and asks it, so that nothing is spent without the
option. Why something was refused is found out after the answer is made, and only then.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from wsgistatic.answers import Answer, header
from wsgistatic.catalog import Catalog, Entry
from wsgistatic.directory import Directory, Resource
from wsgistatic.events import AnswerEvent, OnAnswer
from wsgistatic.finder import Finder
from wsgistatic.options import DirectoryOptions
from wsgistatic.paths import SplitPath, split_path
from wsgistatic.reasons import Reason, why_missed, why_no_path

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

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
