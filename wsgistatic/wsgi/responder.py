"""Respond with a representation: evaluate preconditions, then Range, then choose the body.

The order is that of RFC 9110 13.2.2. If the cache holds a valid representation, only the requested
bytes are read. Otherwise the loader opens and describes the source.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from time import monotonic

from wsgistatic.files.body import BlockIterator, MultipartIterator
from wsgistatic.files.changes import FileChangedError, detector_for, read_unchanged
from wsgistatic.files.directory import OpenFile
from wsgistatic.files.sources import Opened
from wsgistatic.files.versions import open_version, read_version
from wsgistatic.http.conditional import Validators
from wsgistatic.http.dictionaries import offered_dictionary
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.http.negotiation import IDENTITY
from wsgistatic.http.ranges import RangePlan
from wsgistatic.representations.cache import Cache
from wsgistatic.representations.cached_file import SMALL_BODY, CachedFile, Variant
from wsgistatic.representations.compression import Compression
from wsgistatic.representations.deltas import has_delta
from wsgistatic.representations.loader import Loader, Target
from wsgistatic.representations.representation import Representation
from wsgistatic.representations.sidecars import Sidecars
from wsgistatic.wsgi import responses
from wsgistatic.wsgi.file_wrapper import prefers_file, wrap_file
from wsgistatic.wsgi.offload import Offload
from wsgistatic.wsgi.options import DirectoryOptions, FileOptions
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responses import Response, conditional_response, content_response, plan_for

_AT_ONCE = 64 * 1024  # bytes; as a stream of one block they would take 7 us more
_TRIES = 8  # for a file that keeps changing while it is read


class Responder:
    """Responds to requests with representations, from the cache or from the loader."""

    def __init__(
        self,
        options: FileOptions,
        offload: Offload | None = None,
        validators: Validators | None = None,
    ) -> None:
        responses.load_errors()
        self._options = options
        self._offload = offload
        self.policy = options.policy()
        self.media_types = types = MediaTypes(options.media_types, options.charset)
        sidecars = Sidecars(options.encodings)
        size, file_size, ttl, compression = 0, 0, 0.0, None  # a view creates an app per request
        if isinstance(options, DirectoryOptions):
            size, file_size, ttl = options.cache_size, options.cache_file_size, options.stat_ttl
            if options.compress:
                compression = Compression(options.encodings, types, size)
        self._dictionaries = isinstance(options, DirectoryOptions) and options.dictionaries
        self.cache = cache = Cache(
            *(size, file_size, ttl, sidecars), shares_fields=self.policy.shares_fields
        )
        self._loader = Loader(
            *(cache, sidecars, self.policy, types, options.etag, compression, validators),
            dictionaries=self._dictionaries,
        )

    def respond(self, request: Request, target: Target) -> Response | None:
        """Respond to GET or HEAD with a target; None if it is absent. Directories are raised."""
        try:
            if not target.source.may_change:
                return self._respond(request, target)
            for _ in range(_TRIES):
                try:  # without an object for contextlib.suppress, 0.3 us less
                    return self._respond(request, target)
                except FileChangedError:
                    pass
            raise OSError(errno.ESTALE, "the file keeps changing")
        except IsADirectoryError:
            raise
        except OSError as error:
            return responses.response_to_error(error, target.source.path, self.policy)

    def respond_from_cache(self, request: Request, key: str) -> Response | None:
        """Respond with what the cache has under a key; None if it is stale or does not fit."""
        cached = self.cache.files.get(key)
        if cached is None:
            return None
        cached.used = True
        accept_encoding = request.field("HTTP_ACCEPT_ENCODING")
        if self._dictionaries and cached.has_deltas:
            if request.range is not None:
                accept_encoding = IDENTITY
            elif "HTTP_AVAILABLE_DICTIONARY" in request.environ:
                dictionary = self._dictionary_of(request)
                if dictionary is not None and has_delta(cached.path, dictionary):
                    return None
        variant = cached.only or cached.variant_for(accept_encoding)
        if variant is None:
            return None
        response = self._respond_with_variant(request, cached, variant)
        if response is None:
            self.cache.drop_if_stale(key, variant)
        return response

    def _dictionary_of(self, request: Request) -> str | None:
        """Return the SHA-256 of the dictionary whose delta the request may get, or None."""
        if not self._dictionaries or request.range is not None:
            return None
        return offered_dictionary(
            request.field("HTTP_AVAILABLE_DICTIONARY"), request.field("HTTP_ACCEPT_ENCODING")
        )

    def _respond_with_variant(
        self, request: Request, cached: CachedFile, variant: Variant
    ) -> Response | None:
        representation = variant.representation
        if request.range is not None and not representation.has_ranges:
            return None  # ranges refer to the file's own bytes
        if monotonic() >= cached.check.until and not self.cache.recheck(cached):
            return None
        plan = self._plan(request, representation)
        if isinstance(plan, Response):
            return plan if self.cache.is_fresh(variant) else None
        body = self._body_from_cache(request, plan, variant)
        return None if body is None else content_response(request, plan, representation, body)

    def _respond(self, request: Request, target: Target) -> Response:
        loaded = self._loader.load(
            target,
            request.field("HTTP_ACCEPT_ENCODING"),
            want_body=not request.is_head,
            want_range=request.range is not None,
            dictionary=self._dictionary_of(request),
        )
        representation, is_final = loaded.representation, request.range is None
        is_open = True
        try:
            plan = self._plan(request, representation)
            if isinstance(plan, Response):
                self._loader.remember(loaded, loaded.content, final=is_final)
                return plan
            # A range of a file can be read without the rest, so a 206 need not fill the cache. And
            # the short path would send a cached body instead of the front server.
            opened = loaded.opened
            keep = plan.status == 200 or not isinstance(opened, OpenFile)
            keep = keep and not (self._offload and self._offload.can_send(representation))
            if isinstance(opened, OpenFile):
                keep = keep and self._keeps_body(request, representation.size)
            content = self._loader.content_to_keep(loaded) if keep else None
            if content is None and opened.is_sequential:
                plan = _without_backward_ranges(plan, representation.size)
            self._loader.remember(loaded, content, final=is_final)
            if content is not None or plan.content_length == 0:
                body = [b""] if content is None else _parts(plan, content)
                return content_response(request, plan, representation, body)
            stream = self._stream(request, plan, representation, opened)
            response = content_response(request, plan, representation, stream)
            is_open = False  # the body closes the file
            return response
        finally:
            if is_open:
                loaded.close()

    def _plan(self, request: Request, representation: Representation) -> Response | RangePlan:
        """Return the response if none of the body is sent from here, otherwise what to send."""
        preconditions = request.preconditions
        if preconditions is not None:
            response = conditional_response(preconditions, representation)
            if response is not None:
                return response
        if request.is_head:
            return responses.head_response(request, representation)
        plan = plan_for(request, representation, self._options.max_ranges)
        if self._offload is not None and self._offload.handles(request, plan, representation):
            return self._offload.respond(request, representation)
        return plan

    def _body_from_cache(
        self, request: Request, plan: RangePlan, variant: Variant
    ) -> Iterable[bytes] | None:
        if variant.content is not None or plan.content_length == 0:
            return _parts(plan, variant.content or b"") if self.cache.is_fresh(variant) else None
        if variant.blocks is not None and plan.status == 200:
            return variant.blocks.copy() if self.cache.is_fresh(variant) else None
        if not variant.is_readable:
            return None
        if not variant.stat_suffices and not variant.still_leads_here():
            return None
        if plan.status == 206 and plan.content_length <= self._options.block_size:
            parts = read_version(variant.path, variant.signature, plan.ranges)
            return None if parts is None else _framed(plan, parts)
        if plan.status == 200 and self._keeps_body(request, plan.content_length):
            return None  # the loader reads the whole file, and adds it to the cache
        file = open_version(variant.path, variant.signature)
        if file is None:
            return None
        try:
            opened = OpenFile(file, variant.path)
            return self._stream(request, plan, variant.representation, opened)
        except BaseException as error:
            file.close()
            if isinstance(error, OSError):
                return None
            raise

    def _keeps_body(self, request: Request, size: int) -> bool:
        """Return whether a file is kept in memory, at least from its second request on."""
        is_small = size <= SMALL_BODY or not prefers_file(request, self._options.file_wrapper)
        return is_small and self.cache.keeps_body(size, again=True)

    def _stream(
        self, request: Request, plan: RangePlan, representation: Representation, opened: Opened
    ) -> Iterable[bytes]:
        """Return a body that reads the file and closes it, or its bytes if they are few."""
        file, block_size, path = opened.file, self._options.block_size, representation.path
        # Only our own iterator notices that a version which is not settled is overwritten.
        if representation.settled and isinstance(opened, OpenFile) and plan.multipart is None:
            wrapped = wrap_file(
                request, self._options.file_wrapper, opened, plan.ranges[0], block_size
            )
            if wrapped is not None:
                return wrapped
            if plan.content_length <= min(_AT_ONCE, block_size):
                content = read_unchanged(opened.file, opened.status, *plan.ranges[0])
                opened.close()
                return [content]
        detector = detector_for(file, opened.status, suspect=not representation.settled)
        if plan.multipart is not None:
            return MultipartIterator(file, plan.multipart, block_size, detector, path)
        return BlockIterator(file, *plan.ranges[0], block_size, detector, path)


def _without_backward_ranges(plan: RangePlan, size: int) -> RangePlan:
    """Return a plan for the whole representation if its ranges are not in ascending order.

    RFC 9110 14.2: "A server MAY ignore the Range header field". In a sequential source each step
    back would cost as much as reading the whole.
    """
    if list(plan.ranges) == sorted(plan.ranges):
        return plan
    return RangePlan(200, ((0, size),), size)


def _parts(plan: RangePlan, content: bytes) -> list[bytes]:
    if plan.status == 200:
        return [content]
    return _framed(plan, [content[start:stop] for start, stop in plan.ranges])


def _framed(plan: RangePlan, parts: list[bytes]) -> list[bytes]:
    return (parts or [b""]) if plan.multipart is None else [plan.multipart.join(parts)]
