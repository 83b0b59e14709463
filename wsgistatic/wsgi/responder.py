"""How a request meets a file: preconditions, then ranges, then the body (RFC 9110 13.2.2).

Strategy: the decision needs no more than the request and a representation. With one at hand
that is still current (the catalog's) only the bytes asked for are read; else the file is looked
up, described, and what is worth it put into the catalog.
"""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING

from wsgistatic.files.body import BlockIterator, MultipartIterator
from wsgistatic.files.changes import FileChangedError, Watch, read_content
from wsgistatic.files.digests import content_etag
from wsgistatic.files.directory import OpenFile, Resource
from wsgistatic.files.sources import OpenSource, Source
from wsgistatic.files.versions import is_version_settled, open_version, read_version, signature
from wsgistatic.http.conditional import Validators
from wsgistatic.http.ranges import RangePlan
from wsgistatic.representations.cache import Catalog, Entry
from wsgistatic.representations.compression import Compression
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.representations.loader import _TRIES, Keeper, _open_sidecar
from wsgistatic.representations.representation import Representation, describe, make_validators
from wsgistatic.representations.sidecars import Selected, Selector
from wsgistatic.wsgi.file_wrapper import wrap_file
from wsgistatic.wsgi.offload import Offload
from wsgistatic.wsgi.options import FileOptions
from wsgistatic.wsgi.responses import (
    Answer,
    conditional_answer,
    header,
    plan_answer,
    ranged_answer,
    refusal,
    whole_answer,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Responder:
    """Answers GET and HEAD requests for files.

    Arguments:
        options: checked options.
        policy: their header policy.
        catalog: what is ready.
    """

    def __init__(self, options: FileOptions, policy: HeaderPolicy, catalog: Catalog) -> None:
        self._selector = Selector(options.encodings)
        self._keeper = Keeper(catalog, options.describer(policy), self._selector)
        self._compression: Compression | None = None
        self._offload: Offload | None = None
        self._policy = policy
        self._options = options
        self._catalog = catalog

    def compress_text(self) -> None:
        """Compress text in memory from now on."""
        media_types = self._options.media_types_table()
        self._compression = Compression(
            self._options.encodings, media_types, self._catalog, self._keeper
        )
        self._selector.may_compress = self._compression.applies

    def hand_off(self, offload: Offload) -> None:
        """Let the front server send the files from now on."""
        self._offload = offload

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
        if self._offload is not None and self._offload.takes(environ, resource.path):
            look_up = self._head
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
        if not representation.has_ranges and "HTTP_RANGE" in environ:
            return None
        if "HTTP_IF_RANGE" in environ and not representation.validators.date_is_strong:
            return None  # by now it may be
        if monotonic() >= entry.seen_until and not self._catalog.is_as_seen(entry):
            return None
        answer = conditional_answer(environ, representation)
        if answer is None and environ.get("REQUEST_METHOD") == "HEAD":
            answer = whole_answer(environ, representation)
        if answer is None and self._offload is not None:
            answer = self._handed_off(environ, representation)
        if answer is not None:
            return answer if self._catalog.is_current(entry) else None
        plan = plan_answer(environ, representation, self._options.max_ranges)
        body = self._body_from(environ, entry, plan)
        return None if body is None else ranged_answer(environ, plan, representation, body)

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
        accept_encoding = header(environ, "HTTP_ACCEPT_ENCODING")
        selected = self._selector.select(resource, resource.stat(), accept_encoding)
        representation = self._keeper.describe(key, url, selected)
        with ExitStack() as stack:
            answer = self._compressed_answer(
                environ,
                key,
                selected,
                representation,
                lambda: stack.enter_context(resource.open()),
            )
        if answer is not None:
            return answer
        self._keep(environ, key, url, selected, representation, selected.status)
        # 14.2: Range is defined for GET only; the answer is that of a GET without it.
        return (
            conditional_answer(environ, representation)
            or self._handed_off(environ, representation)
            or whole_answer(environ, representation)
        )

    def _handed_off(
        self, environ: WSGIEnvironment, representation: Representation
    ) -> Answer | None:
        """Leave the body to the front server, unless it is one that only we have."""
        if self._offload is None or not self._offload.takes(environ, representation.path):
            return None
        return self._offload.answer(representation) if representation.has_ranges else None

    def _get(self, environ: WSGIEnvironment, resource: Resource, url: str, key: str) -> Answer:
        accept_encoding = header(environ, "HTTP_ACCEPT_ENCODING")
        opened = resource.open()
        try:
            selected = self._selector.select(resource, opened.status, accept_encoding)
            if selected.source is not resource:
                opened.file.close()
                opened = _open_sidecar(selected)
            representation = self._keeper.describe(key, url, selected, opened)
            answer = self._compressed_answer(
                environ, key, selected, representation, lambda: opened
            ) or conditional_answer(environ, representation)
            if answer is None:
                plan = plan_answer(environ, representation, self._options.max_ranges)
                content = self._content(plan, representation, opened)
                self._keep(environ, key, url, selected, representation, opened.status, content)
                if content is None and plan.content_length:
                    body = self._stream(environ, plan, representation, opened)
                    return ranged_answer(environ, plan, representation, body)
                answer = ranged_answer(environ, plan, representation, [content or b""])
        except BaseException:
            opened.file.close()
            raise
        opened.file.close()
        return answer

    def _keep(
        self,
        environ: WSGIEnvironment,
        key: str,
        url: str,
        selected: Selected,
        representation: Representation,
        status: os.stat_result,
        content: bytes | None = None,
    ) -> None:
        undecided = self._compression is not None and selected.varies and selected.coding is None
        if undecided and "HTTP_RANGE" in environ:
            return  # without the Range it may be another coding that is selected
        accept_encoding = header(environ, "HTTP_ACCEPT_ENCODING")
        self._keeper.keep(key, url, accept_encoding, selected, representation, status, content)

    def _compressed_answer(
        self,
        environ: WSGIEnvironment,
        key: str,
        selected: Selected,
        own: Representation,
        open_file: Callable[[], OpenFile],
    ) -> Answer | None:
        """Answer with what the file is compressed to in memory, where that is to be sent."""
        is_head = environ.get("REQUEST_METHOD") == "HEAD"
        if self._compression is None or ("HTTP_RANGE" in environ and not is_head):
            return None  # ranges are of the file's own bytes
        accept_encoding = header(environ, "HTTP_ACCEPT_ENCODING")
        entry = self._compression.entry(key, accept_encoding, selected, own, open_file)
        if entry is None or entry.body is None:
            return None
        return conditional_answer(environ, entry.representation) or whole_answer(
            environ, entry.representation
        )._replace(body=entry.body.copy())

    def _content(
        self, plan: RangePlan, representation: Representation, opened: OpenFile
    ) -> bytes | None:
        """Give the whole file where it is sent and kept."""
        kept = representation.settled and self._catalog.wants_content(representation.size)
        return read_content(opened) if kept and plan.status == 200 else None

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
        self._media_types = options.media_types_table()
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
