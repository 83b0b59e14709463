"""One version of one file: its validators and the header fields that describe it.

Strategy: all that can be said of a version is made once, from its status; answers only pick.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from wsgistatic.files.digests import ContentDigests, content_etag
from wsgistatic.files.directory import OpenFile, Resource
from wsgistatic.files.versions import (
    _COARSE_TICK,
    _SECOND,
    is_settled,
    is_version_settled,
    modified_ns,
)
from wsgistatic.http.conditional import Validators
from wsgistatic.http.dates import format_http_date
from wsgistatic.http.fields import Headers, add_vary
from wsgistatic.http.media_types import MediaTypes
from wsgistatic.representations.headers import HeaderPolicy
from wsgistatic.representations.sidecars import Selected

# Fields of the policy that a 412 or 416, which has no content, does not carry.
_ABOUT_CONTENT = ("cache-control", "content-disposition", "expires")


def stat_etag(status: os.stat_result) -> str:
    """Make the opaque part of an entity tag from mtime (nanoseconds) and size."""
    return f'"{modified_ns(status):x}-{status.st_size:x}"'


def coded_etag(opaque_tag: str, coding: str) -> str:
    """Put the content coding into an opaque tag.

    RFC 9110 8.8.3.3: "a strong validator ... has to be distinct" for each coding.
    """
    return f'{opaque_tag[:-1]}-{coding}"'


@dataclass(frozen=True, slots=True)
class Representation:
    """One version of one file, as it is described to clients.

    Attributes:
        path: for logs.
        size: bytes.
        content_type: value of Content-Type.
        validators: entity tag and modification date.
        settled: no later version can share its times.
        coding: content coding, or None for the bytes as they are.
        varies: there are other codings of it, so that Accept-Encoding decides (12.5.5).
        digest: SHA-256 of the bytes, where it is known.
        has_ranges: parts of it can be sent.
        policy: fields that do not describe the file: Cache-Control, CORS, security.
        full_headers: of a 200 answer to GET or HEAD.
        partial_headers: of a 206, but for Content-Type, Content-Length and Content-Range.
        not_modified_headers: of a 304.
        refusal_headers: of a 412 or 416, but for Content-Range.
    """

    path: str
    size: int
    content_type: str
    validators: Validators
    settled: bool
    coding: str | None
    varies: bool
    digest: bytes | None
    has_ranges: bool
    policy: Headers
    full_headers: Headers
    partial_headers: Headers
    not_modified_headers: Headers
    refusal_headers: Headers


def is_dated_ahead(representation: Representation, now: float) -> bool:
    """Tell whether the clock, in seconds since the epoch, is behind a Last-Modified that it gave.

    A clock that was set back makes it a date that 8.8.2.1 forbids (see ``make_validators``).
    """
    last_modified = representation.validators.last_modified
    return last_modified is not None and last_modified > now


def make_validators(status: os.stat_result, opaque_tag: str | None, now_ns: int) -> Validators:
    """Make the validators of a file version.

    Arguments:
        status: of the file.
        opaque_tag: an entity tag that is strong once the version is settled, or None.
        now_ns: nanoseconds since the epoch.
    """
    changed = modified_ns(status)
    etag = opaque_tag
    # A time in the future was set by hand, if the clock of the last change is ours.
    told_by = changed if changed <= now_ns else status.st_ctime_ns
    if etag is not None and not is_settled(told_by, now_ns):
        etag = f"W/{etag}"
    # 8.8.2.1: "An origin server with a clock MUST NOT generate a Last-Modified date that is
    # later than the server's time of message origination".
    last_modified = min(changed, now_ns) // _SECOND
    # 8.8.2.2: a date is strong if the file did "not change twice during the second covered";
    # two seconds cover file systems that keep only even ones.
    date_is_strong = now_ns - changed >= _COARSE_TICK
    return Validators(etag, last_modified, date_is_strong)


def describe(
    path: str,
    size: int,
    content_type: str,
    validators: Validators,
    policy: Headers,
    settled: bool,
    *,
    coding: str | None = None,
    varies: bool = False,
    digest: bytes | None = None,
    has_ranges: bool = True,
) -> Representation:
    """Make the representation with all its headers; for the arguments see there."""
    etag, last_modified, _ = validators
    tag = [("ETag", etag)] if etag is not None else []
    date = [("Last-Modified", format_http_date(last_modified))] if last_modified is not None else []
    coded = [("Content-Encoding", coding)] if coding is not None else []
    ranges = [("Accept-Ranges", "bytes")] if has_ranges else []
    fields = add_vary(policy, "Accept-Encoding") if varies else policy
    described = [*ranges, *coded, *tag, *date]
    is_fresh = etag is not None and etag.startswith("W/")
    partial = [*described, *(never_reused(fields) if is_fresh else fields)]
    # A cache that stores a 412 or 416 under the URL would give it to everybody.
    uncached = [field for field in fields if field[0].lower() not in _ABOUT_CONTENT]
    return Representation(
        path=path,
        size=size,
        content_type=content_type,
        validators=validators,
        settled=settled,
        coding=coding,
        varies=varies,
        digest=digest,
        has_ranges=has_ranges,
        policy=policy,
        full_headers=[
            ("Content-Type", content_type),
            ("Content-Length", str(size)),
            *described,
            *fields,
        ],
        partial_headers=partial,
        # 15.4.5: no representation metadata but what the 304 needs; Last-Modified "might be
        # useful if the response does not have an ETag field".
        not_modified_headers=[*(tag or date), *fields],
        refusal_headers=[*ranges, *tag, *uncached],
    )


def never_reused(fields: Headers) -> Headers:
    """Let caches ask again each time: for parts of a version that the next may look like.

    nginx and Varnish then store nothing. nginx's slice module kept such a part with its weak tag,
    refused all others for it, and was told 304 at each revalidation: every download broke.
    """
    return [
        (name, _unless_stricter(value) if name.lower() == "cache-control" else value)
        for name, value in fields
    ]


def _unless_stricter(cache_control: str) -> str:
    directives = cache_control.lower()
    if "no-store" in directives:
        return cache_control
    return "private, no-cache" if "private" in directives else "no-cache"


def compressed(own: Representation, coding: str, content: bytes) -> Representation:
    """Describe what a file was compressed to in memory.

    The tag is weak: another machine, or this one after an update, compresses to other bytes
    (8.8.1: a strong validator "changes value whenever a change occurs to the representation
    data"). So there are no ranges of it either, which bytes of two such could not be joined from.
    """
    etag = own.validators.etag
    if etag is not None:
        etag = f"W/{coded_etag(etag.removeprefix('W/'), coding)}"
    return describe(
        path=own.path,
        size=len(content),
        content_type=own.content_type,
        validators=own.validators._replace(etag=etag),
        policy=own.policy,
        settled=own.settled,
        coding=coding,
        varies=True,
        digest=None if own.digest is None else sha256(content).digest(),
        has_ranges=False,
    )


EtagMode = Literal["stat", "content"] | None

# Of the process: an app that is made in a view lives for one request, its files live longer.
_CONTENT_DIGESTS = ContentDigests()


class Describer:
    """Makes representations.

    Arguments:
        media_types: finds the Content-Type.
        policy: the fields that do not describe the file.
        etag: ``"stat"``, ``"content"`` or None.
    """

    def __init__(self, media_types: MediaTypes, policy: HeaderPolicy, etag: EtagMode) -> None:
        self._media_types = media_types
        self._policy = policy
        self._etag = etag

    def describe(
        self, selected: Selected, url: str, opened: OpenFile | None = None
    ) -> Representation:
        """Describe the selected representation.

        Arguments:
            selected: whose bytes, and what of.
            url: URL path, for the policy.
            opened: the source's open file, where there is one.

        Raises:
            OSError: the file had to be read for its tag, and could not be.
        """
        original, source = selected.original, selected.source
        status = selected.status if opened is None else opened.status
        now_ns = time.time_ns()
        settled = is_version_settled(status, now_ns)
        if source is not original:
            settled = settled and is_version_settled(selected.original_status, now_ns)
        digest = self._digest(source, status, settled, opened)
        tag = self._opaque_tag(status, digest)
        if tag is not None and selected.coding is not None:
            tag = coded_etag(tag, selected.coding)
        content_type = self._media_types.content_type(os.path.basename(original.path))
        content_type, policy = self._policy.for_file(original.path, url, content_type)
        return describe(
            path=source.path,
            size=status.st_size,
            content_type=content_type,
            validators=make_validators(status, tag, now_ns),
            policy=policy,
            settled=settled,
            coding=selected.coding,
            varies=selected.varies,
            digest=digest,
        )

    def _opaque_tag(self, status: os.stat_result, digest: bytes | None) -> str | None:
        if self._etag == "stat":
            return stat_etag(status)
        return None if digest is None else content_etag(digest)

    def _digest(
        self,
        source: Resource,
        status: os.stat_result,
        settled: bool,
        opened: OpenFile | None,
    ) -> bytes | None:
        if self._etag != "content":
            return None
        with ExitStack() as stack:

            def open_file() -> OpenFile:
                return opened or stack.enter_context(source.open())

            return _CONTENT_DIGESTS.digest(status, settled, open_file)
