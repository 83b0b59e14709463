"""One version of one file: its validators and the header fields that describe it.

Strategy: all that can be said of a version is made once, from its status; answers only pick.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256

from wsgistatic.dates import format_http_date
from wsgistatic.preconditions import Validators

Headers = list[tuple[str, str]]

_SECOND = 1_000_000_000  # nanoseconds
# How long a change may still be followed by one with the same mtime. Kernels stamp files by a
# clock that ticks every 1 to 10 ms; file systems that keep whole seconds, or even ones (FAT),
# show by the zeros in their times.
_TICK = 20_000_000
_COARSE_TICK = 2 * _SECOND
# Fields of the policy that a 412 or 416, which has no content, does not carry.
_ABOUT_CONTENT = ("cache-control", "content-disposition", "expires")


def modified_ns(status: os.stat_result) -> int:
    """Give the time of modification in nanoseconds.

    Where there is none (0, or before 1970, or the 1 that package stores set on every file)
    the time of the last status change stands in, or a replaced file would look like the old.
    """
    return status.st_mtime_ns if status.st_mtime_ns > _SECOND else status.st_ctime_ns


def is_settled(changed_ns: int, now_ns: int) -> bool:
    """Tell whether the clock has ticked since a change, so that the next one will show."""
    tick = _TICK if changed_ns % _SECOND else _COARSE_TICK
    return now_ns - changed_ns >= tick


def is_version_settled(status: os.stat_result, now_ns: int) -> bool:
    """Tell whether no later version can have this one's times.

    A change sets both times to the present; a mtime in the future was set by hand.
    """
    mtime, ctime = status.st_mtime_ns, status.st_ctime_ns
    return is_settled(ctime, now_ns) and (mtime > now_ns or is_settled(mtime, now_ns))


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
    fields = vary(policy) if varies else policy
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


def vary(headers: Headers) -> Headers:
    """Add ``Vary: Accept-Encoding`` to what is there."""
    others = [value for name, value in headers if name.lower() == "vary"]
    rest = [(name, value) for name, value in headers if name.lower() != "vary"]
    return [*rest, ("Vary", ", ".join([*others, "Accept-Encoding"]))]
