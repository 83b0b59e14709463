"""Representations: versions of files, with their validators and their header fields.

These are computed once for each version. Responses only choose from them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import Literal

from wsgistatic.files.versions import COARSE_TICK, SECOND, Recency
from wsgistatic.http.caching import is_caching_field, with_no_cache
from wsgistatic.http.conditional import Validators, is_weak
from wsgistatic.http.dates import format_http_date
from wsgistatic.http.fields import Fields, Headers, add_vary

EtagMode = Literal["stat", "content"] | None


_RANGES = ("Accept-Ranges", "bytes")
_NOT_OF_REFUSALS = (
    "content-disposition", "content-encoding", "last-modified", "use-as-dictionary"
)  # fmt: skip


@dataclass(slots=True)
class Representation:
    """One version of one file, as it is described to clients. Do not change it."""

    path: str  # of the file that holds the bytes
    size: int
    content_type: str
    validated_by: InitVar[Validators]
    policy: Headers  # fields that do not describe the file: Cache-Control, CORS, security
    settled: bool  # no later version can have the same time stamps
    coding: str | None = None  # content coding; None for the bytes of the file itself
    varies: bool = False  # Accept-Encoding selects it from several codings (RFC 9110 12.5.5)
    digest: bytes | None = None  # SHA-256 of the bytes, if it is known
    has_ranges: bool = True  # parts of it can be sent
    use_as_dictionary: str | None = None  # if the file has deltas, the value of that field
    dated_from: float | None = None  # when it gets a Last-Modified; None if it has one, or never
    is_recent: bool = field(init=False)  # its successor may look the same
    # Its validators (RFC 9110 8.8), which take 56 bytes less than an object for them.
    etag: str | None = field(init=False)
    last_modified: int | None = field(init=False)
    date_is_strong: bool = field(init=False)
    date: str | None = field(init=False)  # the value of Last-Modified
    full_headers: Fields = field(init=False)  # 200, for GET and HEAD
    not_modified_at: int = field(init=False)  # where the fields of a 304 begin among them

    def __post_init__(self, validated_by: Validators) -> None:
        etag, last_modified, self.date_is_strong = validated_by
        self.etag, self.last_modified = etag, last_modified
        self.is_recent = not self.settled if etag is None else etag.startswith("W/")
        headers = [_content_type(self.content_type), ("Content-Length", str(self.size))]
        if self.has_ranges:
            headers.append(_RANGES)
        if self.coding is not None:
            headers.append(("Content-Encoding", self.coding))
        # RFC 9110 15.4.5: no representation metadata beyond what the 304 needs; Last-Modified
        # "might be useful if the response does not have an ETag field".
        self.not_modified_at = len(headers)
        self.date = None
        if last_modified is not None:
            dated = _last_modified(last_modified)
            self.date = dated[1]
            headers.append(dated)
        if etag is not None:
            self.not_modified_at = len(headers)
            headers.append(("ETag", etag))
        if self.use_as_dictionary is not None:
            headers += add_vary(self.policy, "Accept-Encoding, Available-Dictionary")
            headers.append(("Use-As-Dictionary", self.use_as_dictionary))
        else:
            headers += add_vary(self.policy, "Accept-Encoding") if self.varies else self.policy
        self.full_headers = tuple(headers)

    @property
    def validators(self) -> Validators:
        """The validators."""
        return Validators(self.etag, self.last_modified, self.date_is_strong)

    @property
    def not_modified_headers(self) -> Headers:
        """Those of a 304."""
        return [*self.full_headers[self.not_modified_at :]]

    @property
    def partial_headers(self) -> Sequence[tuple[str, str]]:
        """Those of a 206, without Content-Type, Content-Length and Content-Range."""
        headers = self.full_headers[2:]
        if self.use_as_dictionary is not None:
            headers = headers[:-1]
        return with_no_cache(headers) if self.is_recent else headers

    @property
    def refusal_headers(self) -> Headers:
        """Those of a 412 and a 416, without Content-Range."""
        # A cache that stored such a response under the URL would send it to everybody.
        return [
            (name, value)
            for name, value in self.full_headers[2:]
            if name.lower() not in _NOT_OF_REFUSALS and not is_caching_field(name)
        ]


# Files of one type share this field, and files of one release the date: 300 bytes less for each.
@lru_cache(maxsize=256)
def _content_type(value: str) -> tuple[str, str]:
    return ("Content-Type", value)


@lru_cache(maxsize=256)
def _one_object(seconds: int) -> int:
    return seconds


@lru_cache(maxsize=256)
def _last_modified(seconds: int) -> tuple[str, str]:
    return ("Last-Modified", format_http_date(seconds))


def describe_compressed(own: Representation, coding: str, content: bytes) -> Representation:
    """Describe the file of a representation as it was compressed in memory.

    The tag is weak, because another machine, or this one after an update, compresses to other bytes
    (RFC 9110 8.8.1: a strong validator "changes value whenever a change occurs to the
    representation data"). For the same reason it has no byte ranges: parts of two different
    compressions cannot be joined.
    """
    etag = own.etag
    if etag is not None:
        # Of a file with deltas, all codings have one tag (see ``weak_etag``).
        if own.use_as_dictionary is None:
            etag = etag_for_coding(etag.removeprefix("W/"), coding)
        etag = weak_etag(etag)
    return replace(
        own,
        size=len(content),
        validated_by=own.validators._replace(etag=etag),
        coding=coding,
        varies=True,
        digest=None if own.digest is None else sha256(content).digest(),
        has_ranges=False,
    )


def etag_for_coding(opaque_tag: str, coding: str) -> str:
    """Return the opaque tag with the content coding in it.

    RFC 9110 8.8.3.3: "a strong validator ... has to be distinct" for each coding.
    """
    return f'{opaque_tag[:-1]}-{coding}"'


def weak_etag(etag: str) -> str:
    """Return an entity tag as a weak one.

    The codings of a file with deltas share the weak form of its tag. A browser that got a delta
    has the file itself as its dictionary later, and no delta from it: with a tag for each coding,
    it would get the whole file instead of a 304.
    """
    return etag if is_weak(etag) else f"W/{etag}"


def content_etag(digest: bytes) -> str:
    """Return the opaque part of an entity tag for bytes with this SHA-256 digest."""
    return f'"{digest[:16].hex()}"'


def make_validators(
    recency: Recency, opaque_tag: str | None, *, of_content: bool = False
) -> Validators:
    """Return the validators of a file version, none of which a later version can have too.

    As long as a later version could have the same mtime and size, the entity tag is random, so that
    no other tag matches it, not even weakly. Otherwise a client that got the bytes before an
    unnoticed change would keep them. The date is missing until ``dated_from``.

    Arguments:
        of_content: Whether the tag is a hash of the bytes. In doubt it becomes weak, since the
            bytes may change before they are sent. There is no date, because such tags are for files
            whose times mean nothing: releases share them, or machines disagree.
    """
    etag = opaque_tag
    if etag is not None and not recency.is_only:
        etag = f"W/{etag}" if of_content else f'W/"{os.urandom(8).hex()}"'
    if of_content or not recency.is_only_dated:
        return Validators(etag)
    return Validators(etag, _one_object(recency.modified_ns // SECOND), True)


def dated_from(recency: Recency) -> float:
    """Return when a version gets its Last-Modified, in seconds since the epoch.

    RFC 9110 8.8.2.2: a date is strong if the file did "not change twice during the second covered".
    Until that is certain no date is sent, since a client that has the first of two such versions
    would get a 304. Two seconds also cover file systems that keep only even seconds. No date is
    later than its response (8.8.2.1).
    """
    return (recency.modified_ns + COARSE_TICK) / SECOND


def is_outdated(representation: Representation, now: float) -> bool:
    """Return whether a version has to be described again, at a time in seconds since the epoch.

    Either it gets its date now, or the clock was set back behind its date. RFC 9110 8.8.2.1 forbids
    sending a date in the future.
    """
    last_modified, dated_from = representation.last_modified, representation.dated_from
    if dated_from is not None:
        return dated_from <= now
    return last_modified is not None and last_modified > now
