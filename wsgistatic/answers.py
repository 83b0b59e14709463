"""Answers, and how one about a file is made from a request (RFC 9110 13.2.2, 14.2).

Strategy: ``Responder.respond`` is the one place where a request meets a representation:
preconditions, then ranges, then the body.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from webob.exc import status_map

from wsgistatic.body import BlockIterator, MultipartIterator
from wsgistatic.describer import Describer
from wsgistatic.directory import OpenFile, Resource
from wsgistatic.faults import Outcome, outcome_of
from wsgistatic.file_wrapper import usable_file_wrapper
from wsgistatic.options import FileOptions
from wsgistatic.plan import RangePlan, plan_ranges
from wsgistatic.policy import HeaderPolicy
from wsgistatic.preconditions import Preconditions, evaluate_preconditions
from wsgistatic.representation import Headers, Representation
from wsgistatic.watch import FileChangedError, Watch

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger("wsgistatic")

_RETRY_AFTER = "2"  # seconds
_TRIES = 8  # a file that is rewritten just now is looked at anew so often
_PLAIN = ("Content-Type", "text/plain; charset=utf-8")
_EMPTY = [("Content-Length", "0"), _PLAIN]


class Answer(NamedTuple):
    """What goes to ``start_response``, and the body."""

    status: str
    headers: Headers
    body: Iterable[bytes]


def header(environ: WSGIEnvironment, name: str) -> str | None:
    """Give a request header by its environ key; None where absent or no text."""
    value = environ.get(name)
    return value if isinstance(value, str) else None


def send(
    answer: Answer, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Start the response; if the server refuses, close the body's file."""
    try:
        start_response(answer.status, answer.headers)
    except BaseException:
        close = getattr(answer.body, "close", None)
        if close is not None:
            close()
        raise
    if isinstance(answer.body, list) and environ.get("REQUEST_METHOD") == "HEAD":
        return [b""]
    return answer.body


class Responder:
    """Answers GET and HEAD requests for files.

    Arguments:
        options: checked options.
        policy: their header policy.
    """

    def __init__(self, options: FileOptions, policy: HeaderPolicy) -> None:
        self._describer: Describer = options.describer(policy)
        self._policy = policy
        self._options = options

    def respond(self, environ: WSGIEnvironment, resource: Resource, url: str) -> Answer | None:
        """Answer a request for a file; None where there is no such file.

        Raises:
            IsADirectoryError: it is a directory.
        """
        answer = self._head if environ.get("REQUEST_METHOD") == "HEAD" else self._get
        try:
            for _ in range(_TRIES):
                with suppress(FileChangedError):
                    return answer(environ, resource, url)
            return self._refusal(Outcome.BUSY, resource.path, "it changes all the time")
        except IsADirectoryError:
            raise
        except OSError as error:
            return self.refuse(error, resource.path)

    def refuse(self, error: OSError, path: str) -> Answer | None:
        """Answer for a file that could not be looked at, and log it; None for a miss."""
        outcome = outcome_of(error)
        if outcome is Outcome.MISS:
            return None
        return self._refusal(outcome, path, error.strerror or str(error))

    def _refusal(self, outcome: Outcome, path: str, reason: str) -> Answer:
        logger.error("%s: %s", path, reason)
        if outcome is Outcome.FORBIDDEN:
            return self.error(403)
        if outcome is Outcome.BUSY:
            return self.error(503, ("Retry-After", _RETRY_AFTER))
        return self.error(500)

    def error(self, code: int, *headers: tuple[str, str]) -> Answer:
        """Make a short plain answer that says no more than its status does."""
        error = status_map[code]
        body = f"{code} {error.title}\n\n{' '.join(error.explanation.split())}".encode() + b"\n"
        about = [_PLAIN, ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        return Answer(f"{code} {error.title}", [*about, *headers, *self._policy.common], [body])

    def redirect(self, location: str, index_path: str, url: str) -> Answer:
        """Make the 301 that adds the slash to a directory's URL."""
        policy = self._policy.for_file(index_path, url)
        return Answer("301 Moved Permanently", [("Location", location), *_EMPTY, *policy], [b""])

    def _head(self, environ: WSGIEnvironment, resource: Resource, url: str) -> Answer:
        representation = self._describer.describe(resource, resource.stat(), url)
        # 14.2: Range is defined for GET only; the answer is that of a GET without it.
        return _conditional_answer(environ, representation) or Answer(
            "200 OK", list(representation.full_headers), [b""]
        )

    def _get(self, environ: WSGIEnvironment, resource: Resource, url: str) -> Answer:
        opened = resource.open()
        try:
            representation = self._describer.describe(resource, opened.status, url, opened)
            answer = _conditional_answer(environ, representation)
            if answer is None:
                return self._ranged_answer(environ, representation, opened)
        except BaseException:
            opened.file.close()
            raise
        opened.file.close()
        return answer

    def _ranged_answer(
        self, environ: WSGIEnvironment, representation: Representation, opened: OpenFile
    ) -> Answer:
        plan = plan_ranges(
            header(environ, "HTTP_RANGE"),
            header(environ, "HTTP_IF_RANGE"),
            representation.validators,
            representation.size,
            now=time.time(),
            content_type=representation.content_type,
            max_ranges=self._options.max_ranges,
        )
        if plan.content_length == 0:  # 416, or an empty file
            opened.file.close()
            body: Iterable[bytes] = [b""]
        else:
            body = self._body(environ, plan, representation, opened)
        return Answer(_STATUS[plan.status], _headers(plan, representation), body)

    def _body(
        self,
        environ: WSGIEnvironment,
        plan: RangePlan,
        representation: Representation,
        opened: OpenFile,
    ) -> Iterable[bytes]:
        file, block_size = opened.file, self._options.block_size
        watch = Watch(file, opened.status, doubtful=not representation.settled)
        if plan.multipart is not None:
            return MultipartIterator(file, plan.multipart, block_size, watch, representation.path)
        start, stop = plan.ranges[0]
        whole_file = stop - start == representation.size
        wrapper = usable_file_wrapper(environ, self._options.file_wrapper, whole_file)
        if wrapper is not None:
            file.seek(start)
            return wrapper(file, block_size)
        return BlockIterator(file, start, stop, block_size, watch, representation.path)


_STATUS = {200: "200 OK", 206: "206 Partial Content", 416: "416 Range Not Satisfiable"}


def _conditional_answer(environ: WSGIEnvironment, representation: Representation) -> Answer | None:
    preconditions = Preconditions(
        header(environ, "HTTP_IF_MATCH"),
        header(environ, "HTTP_IF_UNMODIFIED_SINCE"),
        header(environ, "HTTP_IF_NONE_MATCH"),
        header(environ, "HTTP_IF_MODIFIED_SINCE"),
    )
    verdict = evaluate_preconditions(preconditions, representation.validators, time.time())
    if verdict == 304:
        # An iterator without a length, or wsgiref adds Content-Length: 0.
        return Answer("304 Not Modified", list(representation.not_modified_headers), iter((b"",)))
    if verdict == 412:
        headers = [*_EMPTY, *representation.refusal_headers]
        return Answer("412 Precondition Failed", headers, [b""])
    return None


def _headers(plan: RangePlan, representation: Representation) -> Headers:
    if plan.status == 200:
        return list(representation.full_headers)
    # 15.3.7.2: no Content-Range in the header section of a multipart answer.
    about_range = [("Content-Range", plan.content_range)] if plan.content_range else []
    if plan.status == 416:
        return [*about_range, *_EMPTY, *representation.refusal_headers]
    media_type = (
        representation.content_type if plan.multipart is None else plan.multipart.content_type
    )
    return [
        ("Content-Type", media_type),
        ("Content-Length", str(plan.content_length)),
        *about_range,
        *representation.partial_headers,
    ]
