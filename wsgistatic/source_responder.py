"""How a request meets a source that is no file of the file system.

Strategy: the same decisions as for files (``responses``, ``plan``), about what the source says of
itself. A member of an archive is kept ready under the status of its archive, so that the
middleware answers plain requests for it as for a file.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wsgistatic.answers import Answer, refusal
from wsgistatic.body import BlockIterator, MultipartIterator
from wsgistatic.catalog import Catalog, Entry
from wsgistatic.content_digest import content_etag
from wsgistatic.directory import Resource
from wsgistatic.options import FileOptions
from wsgistatic.policy import HeaderPolicy
from wsgistatic.preconditions import Validators
from wsgistatic.representation import (
    Representation,
    describe,
    is_version_settled,
    make_validators,
)
from wsgistatic.responder import Responder
from wsgistatic.responses import conditional_answer, plan_answer, ranged_answer, whole_answer
from wsgistatic.sources import OpenSource, Source
from wsgistatic.version import signature
from wsgistatic.watch import FileChangedError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class MemberEntry(Entry):
    """A member of an archive; path, status and signature are those of the archive."""

    __slots__ = ()


class SourceResponder:
    """Answers GET and HEAD requests for sources.

    Arguments:
        options: checked options.
        policy: their header policy.
        catalog: what is ready.
        validators: the caller's, instead of the source's own.
    """

    def __init__(
        self,
        options: FileOptions,
        policy: HeaderPolicy,
        catalog: Catalog,
        validators: Validators | None = None,
    ) -> None:
        self._options = options
        self._media_types = options.find_media_types()
        self._policy = policy
        self._catalog = catalog
        self._validators = validators

    def respond(
        self, environ: WSGIEnvironment, source: Source, url: str, key: str
    ) -> Answer | None:
        """Answer a request for a source; None where there is none.

        Arguments:
            environ: the request.
            source: what was asked for.
            url: its URL path, for the policy.
            key: its name in the catalog.

        Raises:
            IsADirectoryError: it is a directory.
        """
        try:
            opened = source.open()
            try:
                answer = self._answer(environ, source, opened, url, key)
            except BaseException:
                opened.file.close()
                raise
            if not isinstance(answer.body, (BlockIterator, MultipartIterator)):
                opened.file.close()
        except IsADirectoryError:
            raise
        except OSError as error:
            return refusal(error, source.path, self._policy)
        return answer

    def answer_from(self, environ: WSGIEnvironment, entry: Entry) -> Answer | None:
        """Answer a GET or HEAD from the catalog; None in any doubt."""
        representation = entry.representation
        if "HTTP_IF_RANGE" in environ and not representation.validators.date_is_strong:
            return None  # by now it may be
        answer = _answer_without_body(environ, representation)
        if answer is None and entry.body is not None:
            opened = OpenSource(io.BytesIO(entry.body[0]), representation.size)
            answer = self._ranged(environ, representation, opened, representation.path)
        return answer if answer is not None and self._catalog.is_current(entry) else None

    def _answer(
        self, environ: WSGIEnvironment, source: Source, opened: OpenSource, url: str, key: str
    ) -> Answer:
        known = self._known(opened, key)
        representation = known or self._describe(source, opened, url)
        answer = _answer_without_body(environ, representation)
        content = None
        if answer is None and opened.holder and self._catalog.wants_content(opened.size):
            content = _read(opened)
            opened.file.close()
            opened = OpenSource(io.BytesIO(content), opened.size, opened.status, opened.holder)
        if opened.holder and opened.status and (content is not None or known is None):
            self._catalog.keep(key, MemberEntry(representation, opened.status, content=content))
        return answer or self._ranged(environ, representation, opened, source.path)

    def _known(self, opened: OpenSource, key: str) -> Representation | None:
        entry = self._catalog.entries.get(key)
        if (
            entry is not None
            and opened.status is not None
            and entry.signature == signature(opened.status)
            and entry.representation.validators.date_is_strong  # else it may be by now
        ):
            return entry.representation
        return None

    def _describe(self, source: Source, opened: OpenSource, url: str) -> Representation:
        mode = self._options.etag
        digest = source.digest(opened) if mode == "content" and not self._validators else None
        tag = source.tag(opened) if mode == "stat" and not self._validators else None
        if digest is not None:
            tag = content_etag(digest)
        now_ns = time.time_ns()
        own = Validators(tag)
        if opened.status is not None:
            own = make_validators(opened.status, tag, now_ns)
        content_type, policy = self._policy.for_file(
            source.path, url, self._media_types.content_type(os.path.basename(source.path))
        )
        return describe(
            path=opened.holder or source.path,
            size=opened.size,
            content_type=content_type,
            validators=self._validators or own,
            policy=policy,
            settled=opened.status is None or is_version_settled(opened.status, now_ns),
            digest=digest,
        )

    def _ranged(
        self,
        environ: WSGIEnvironment,
        representation: Representation,
        opened: OpenSource,
        label: str,
    ) -> Answer:
        plan = plan_answer(environ, representation, self._options.max_ranges)
        if opened.is_sequential and list(plan.ranges) != sorted(plan.ranges):
            # RFC 9110 14.2: "A server MAY ignore the Range header field": each step back would
            # cost as much as the whole.
            plan = plan_answer({}, representation, self._options.max_ranges)
        body: Iterable[bytes] = [b""]
        block_size, watch = self._options.block_size, opened.watch
        if plan.multipart is not None:
            body = MultipartIterator(opened.file, plan.multipart, block_size, watch, label)
        elif plan.content_length:
            body = BlockIterator(opened.file, *plan.ranges[0], block_size, watch, label)
        return ranged_answer(environ, plan, representation, body)


class AnyResponder(Responder):
    """Answers GET and HEAD requests for files and for other sources.

    Arguments are those of ``Responder`` and ``SourceResponder``.
    """

    def __init__(
        self,
        options: FileOptions,
        policy: HeaderPolicy,
        catalog: Catalog,
        validators: Validators | None = None,
    ) -> None:
        super().__init__(options, policy, catalog)
        self._sources = SourceResponder(options, policy, catalog, validators)

    def respond(
        self, environ: WSGIEnvironment, resource: Resource | Source, url: str, key: str
    ) -> Answer | None:
        """Answer as the responder for its kind."""
        if isinstance(resource, Source):
            return self._sources.respond(environ, resource, url, key)
        return super().respond(environ, resource, url, key)

    def answer_from(self, environ: WSGIEnvironment, entry: Entry) -> Answer | None:
        """Answer as the responder for its kind."""
        if isinstance(entry, MemberEntry):
            return self._sources.answer_from(environ, entry)
        return super().answer_from(environ, entry)


def _answer_without_body(environ: WSGIEnvironment, representation: Representation) -> Answer | None:
    answer = conditional_answer(environ, representation)
    if answer is None and environ.get("REQUEST_METHOD") == "HEAD":
        answer = whole_answer(environ, representation)
    return answer


def _read(opened: OpenSource) -> bytes:
    opened.file.seek(0)
    content = opened.file.read(opened.size)
    if len(content) != opened.size:
        raise FileChangedError("the source ended before its length")
    return content
