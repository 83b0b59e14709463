"""How a request meets a file: preconditions, then ranges, then the body (RFC 9110 13.2.2).

Strategy: the decision needs no more than the request and a representation. With one at hand
that is still current (the catalog's) only the bytes asked for are read; else the file is looked
up, described, and what is worth it put into the catalog.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from wsgistatic.answers import EMPTY, Answer, header, refusal
from wsgistatic.body import BlockIterator, MultipartIterator
from wsgistatic.catalog import Catalog, Entry, read_content
from wsgistatic.describer import Describer
from wsgistatic.directory import OpenFile, Resource
from wsgistatic.file_wrapper import wrap_file
from wsgistatic.options import FileOptions
from wsgistatic.plan import RangePlan, plan_ranges
from wsgistatic.policy import HeaderPolicy
from wsgistatic.preconditions import Preconditions, evaluate_preconditions
from wsgistatic.representation import Headers, Representation
from wsgistatic.version import open_version, read_version
from wsgistatic.watch import FileChangedError, Watch

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TRIES = 8  # a file that is rewritten just now is looked at anew so often
_STATUS = {200: "200 OK", 206: "206 Partial Content", 416: "416 Range Not Satisfiable"}


class Responder:
    """Answers GET and HEAD requests for files.

    Arguments:
        options: checked options.
        policy: their header policy.
        catalog: what is ready.
    """

    def __init__(self, options: FileOptions, policy: HeaderPolicy, catalog: Catalog) -> None:
        self._describer: Describer = options.describer(policy)
        self._policy = policy
        self._options = options
        self._catalog = catalog

    def respond(
        self, environ: WSGIEnvironment, resource: Resource, url: str, key: str
    ) -> Answer | None:
        """Answer a request for a file; None where there is no such file.

        Arguments:
            environ: the request.
            resource: the file.
            url: its URL path, for the policy.
            key: its name in the catalog.

        Raises:
            IsADirectoryError: it is a directory.
        """
        look_up = self._head if environ.get("REQUEST_METHOD") == "HEAD" else self._get
        try:
            for _ in range(_TRIES):
                with suppress(FileChangedError):
                    return look_up(environ, resource, url, key)
            raise OSError(errno.ESTALE, "it changes all the time")
        except IsADirectoryError:
            raise
        except OSError as error:
            return refusal(error, resource.path, self._policy)

    def answer_from(self, environ: WSGIEnvironment, entry: Entry) -> Answer | None:
        """Answer a GET or HEAD from the catalog; None in any doubt."""
        representation = entry.representation
        if "HTTP_IF_RANGE" in environ and not representation.validators.date_is_strong:
            return None  # by now it may be
        answer = _conditional_answer(environ, representation)
        if answer is None and environ.get("REQUEST_METHOD") == "HEAD":
            answer = _whole_answer(representation)
        if answer is not None:
            return answer if self._catalog.is_current(entry) else None
        plan = self._plan(environ, representation)
        body = self._body_from(environ, entry, plan)
        return None if body is None else _ranged_answer(plan, representation, body)

    def _body_from(
        self, environ: WSGIEnvironment, entry: Entry, plan: RangePlan
    ) -> Iterable[bytes] | None:
        ready = [b""] if plan.content_length == 0 else entry.body if plan.status == 200 else None
        if ready is not None:
            return ready.copy() if self._catalog.is_current(entry) else None
        if not self._catalog.is_in_place(entry):
            return None
        if plan.status == 206 and plan.content_length <= self._options.block_size:
            contents = read_version(entry.path, entry.signature, plan.ranges)
            if contents is None or plan.multipart is None:
                return contents
            return [plan.multipart.join(contents)]
        if plan.status == 200 and self._catalog.wants_content(plan.content_length):
            return None  # read it whole, and keep it
        file = open_version(entry.path, entry.signature)
        if file is None:
            return None
        try:
            return self._stream(environ, plan, entry.representation, OpenFile(file, entry.status))
        except BaseException as error:
            file.close()
            if isinstance(error, OSError):
                return None
            raise

    def _head(self, environ: WSGIEnvironment, resource: Resource, url: str, key: str) -> Answer:
        status = resource.stat()
        representation = self._describer.describe(resource, status, url)
        self._catalog.keep(key, Entry(representation, status, resource.recheck))
        # 14.2: Range is defined for GET only; the answer is that of a GET without it.
        return _conditional_answer(environ, representation) or _whole_answer(representation)

    def _get(self, environ: WSGIEnvironment, resource: Resource, url: str, key: str) -> Answer:
        opened = resource.open()
        try:
            representation = self._describer.describe(resource, opened.status, url, opened)
            answer = _conditional_answer(environ, representation)
            if answer is None:
                plan = self._plan(environ, representation)
                content = self._content(plan, representation, opened)
                self._catalog.keep(
                    key, Entry(representation, opened.status, resource.recheck, content)
                )
                if content is None and plan.content_length:
                    body = self._stream(environ, plan, representation, opened)
                    return _ranged_answer(plan, representation, body)
                answer = _ranged_answer(plan, representation, [content or b""])
        except BaseException:
            opened.file.close()
            raise
        opened.file.close()
        return answer

    def _content(
        self, plan: RangePlan, representation: Representation, opened: OpenFile
    ) -> bytes | None:
        """Give the whole file where it is sent and kept."""
        kept = representation.settled and self._catalog.wants_content(representation.size)
        return read_content(opened) if kept and plan.status == 200 else None

    def _plan(self, environ: WSGIEnvironment, representation: Representation) -> RangePlan:
        return plan_ranges(
            header(environ, "HTTP_RANGE"),
            header(environ, "HTTP_IF_RANGE"),
            representation.validators,
            representation.size,
            now=time.time(),
            content_type=representation.content_type,
            max_ranges=self._options.max_ranges,
        )

    def _stream(
        self,
        environ: WSGIEnvironment,
        plan: RangePlan,
        representation: Representation,
        opened: OpenFile,
    ) -> Iterable[bytes]:
        file, block_size, path = opened.file, self._options.block_size, representation.path
        status = opened.status
        if self._options.etag == "content" and representation.validators.etag is None:
            status = os.fstat(file.fileno())  # it has grown while its tag was made
        watch = Watch(file, status, doubtful=not representation.settled)
        if plan.multipart is not None:
            return MultipartIterator(file, plan.multipart, block_size, watch, path)
        wrapped = None
        if representation.settled:  # else only our own iterator can tell the next version
            option = self._options.file_wrapper
            wrapped = wrap_file(environ, option, file, plan.ranges[0], status, block_size)
        return wrapped or BlockIterator(file, *plan.ranges[0], block_size, watch, path)


def _conditional_answer(environ: WSGIEnvironment, representation: Representation) -> Answer | None:
    if not (
        "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
        or "HTTP_IF_NONE_MATCH" in environ
        or "HTTP_IF_MODIFIED_SINCE" in environ
    ):
        return None
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
        headers = [*EMPTY, *representation.refusal_headers]
        return Answer("412 Precondition Failed", headers, [b""])
    return None


def _whole_answer(representation: Representation) -> Answer:
    return Answer("200 OK", list(representation.full_headers), [b""])


def _ranged_answer(
    plan: RangePlan, representation: Representation, body: Iterable[bytes]
) -> Answer:
    return Answer(_STATUS[plan.status], _headers(plan, representation), body)


def _headers(plan: RangePlan, representation: Representation) -> Headers:
    if plan.status == 200:
        return list(representation.full_headers)
    # 15.3.7.2: no Content-Range in the header section of a multipart answer.
    about_range = [("Content-Range", plan.content_range)] if plan.content_range else []
    if plan.status == 416:
        return [*about_range, *EMPTY, *representation.refusal_headers]
    media_type = (
        representation.content_type if plan.multipart is None else plan.multipart.content_type
    )
    return [
        ("Content-Type", media_type),
        ("Content-Length", str(plan.content_length)),
        *about_range,
        *representation.partial_headers,
    ]
