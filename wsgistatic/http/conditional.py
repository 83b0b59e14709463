"""Conditional requests: validators, preconditions and If-Range (RFC 9110 8.8 and 13).

In a malformed list, the entity tags before the error count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from wsgistatic.http.dates import parse_http_date
from wsgistatic.http.fields import OWS


class Validators(NamedTuple):
    """The validators of one version of a representation (RFC 9110 8.8).

    Attributes:
        etag: Entity tag, including its quotes, or None.
        last_modified: Modification date in whole seconds since the epoch, or None.
        date_is_strong: Whether ``last_modified`` is a strong validator (8.8.2.2).
    """

    etag: str | None = None
    last_modified: int | None = None
    date_is_strong: bool = False


class Preconditions(NamedTuple):
    """The values of a request's conditional fields; None if a field is absent."""

    if_match: str | None = None
    if_unmodified_since: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None


def evaluate_preconditions(
    preconditions: Preconditions, validators: Validators, now: float
) -> Literal[200, 304, 412]:
    """Evaluate the preconditions of a GET or HEAD request in the order of RFC 9110 13.2.2.

    Arguments:
        preconditions: The request's conditional fields.
        validators: Those of the selected representation, which must exist.
        now: Current time in seconds since the epoch. It resolves years of two digits.

    Returns:
        The status of the response, 412 or 304, or 200 to continue with Range and If-Range.
    """
    if_match, if_unmodified_since, if_none_match, if_modified_since = preconditions
    # Steps 1 and 2: "When ... If-Match is not present, and If-Unmodified-Since is present".
    if if_match is not None:
        if not _matches(if_match, validators.etag, matches_strongly):
            return 412
    elif if_unmodified_since and _is_modified_since(if_unmodified_since, validators, now):
        return 412
    # Steps 3 and 4: "When ... If-None-Match is not present, and If-Modified-Since is present".
    if if_none_match is not None:
        if _matches(if_none_match, validators.etag, matches_weakly):
            return 304
    elif if_modified_since and _is_modified_since(if_modified_since, validators, now) is False:
        return 304
    return 200


def _matches(value: str, etag: str | None, compare: Callable[[str, str], bool]) -> bool:
    # 13.1.1, 13.1.2: "*" stands for any current representation, even one without an entity tag.
    if value.strip(OWS) == "*":
        return True
    return etag is not None and any(compare(etag, tag) for tag in entity_tags(value))


def _is_modified_since(value: str, validators: Validators, now: float) -> bool | None:
    """Return whether the representation is newer than a date; None means to ignore the field."""
    # 13.1.4: "A recipient MUST ignore the If-Unmodified-Since header field if the received field
    # value is not a valid HTTP-date", or if the resource has no modification date. 13.1.3 says
    # the same of If-Modified-Since.
    date, last_modified = parse_http_date(value, now), validators.last_modified
    return None if date is None or last_modified is None else last_modified > date


def if_range_matches(if_range: str, validators: Validators, now: float) -> bool:
    """Return whether If-Range permits a partial response (RFC 9110 13.1.5).

    An entity tag must match by strong comparison. A date must equal Last-Modified exactly, and
    Last-Modified must be a strong validator. For any other value, even a malformed one, the
    whole representation is sent.
    """
    value = if_range.strip(OWS)
    if is_entity_tag(value):
        return validators.etag is not None and matches_strongly(validators.etag, value)
    # 13.1.5: "If the HTTP-date validator provided is not a strong validator in the sense defined
    # by Section 8.8.2.2, the condition is false."
    date = parse_http_date(value, now)
    return date is not None and validators.date_is_strong and date == validators.last_modified


# 8.8.3: entity-tag = [ weak ] opaque-tag ; weak = %s"W/" (case-sensitive)
# etagc = %x21 / %x23-7E / obs-text: no quotes and no spaces. A backslash escapes nothing.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
# 5.6.1.2: a recipient ignores empty elements of a list.
_LISTED_TAG = re.compile(rf"[ \t,]*({_ENTITY_TAG.pattern})[ \t]*(?:,|\Z)")


def is_entity_tag(value: str) -> bool:
    """Return whether a string is exactly one entity tag, including its quotes."""
    return _ENTITY_TAG.fullmatch(value) is not None


def is_weak(tag: str) -> bool:
    """Return whether an entity tag is weak (8.8.3)."""
    return tag.startswith("W/")


def entity_tags(value: str) -> Iterator[str]:
    """Yield the entity tags of an If-Match or If-None-Match list, up to the first error."""
    position = 0
    while match := _LISTED_TAG.match(value, position):
        yield match[1]
        position = match.end()


def matches_strongly(tag: str, other: str) -> bool:
    """Compare entity tags strongly (8.8.3.2): they are equal and not weak."""
    return tag == other and not is_weak(tag)


def matches_weakly(tag: str, other: str) -> bool:
    """Compare entity tags weakly (8.8.3.2): their opaque tags are equal."""
    return tag.removeprefix("W/") == other.removeprefix("W/")
