"""Conditional requests: which answer the preconditions of a GET or HEAD force (RFC 9110 13).

Strategy: ``evaluate_preconditions`` is section 13.2.2 step by step; each step is a function
named after its field. A field that is no date is ignored; a list without a match is a list
without a match, whatever else it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from wsgistatic.http.dates import parse_http_date

# entity-tag = [ weak ] opaque-tag ; weak = %s"W/" (case-sensitive)
# etagc = %x21 / %x23-7E / obs-text: no quote, no white space, no escapes.
_OPAQUE_TAG = r'"[\x21\x23-\x7e\x80-\xff]*"'
_ENTITY_TAG = re.compile(f"(?:W/)?{_OPAQUE_TAG}")
# Separators before a tag; empty elements are ignored (5.6.1.2).
_SEPARATORS = re.compile(r"[ \t,]*")
_AFTER_TAG = re.compile(r"[ \t]*(?:,|\Z)")


def is_entity_tag(value: str) -> bool:
    """Tell whether a text is one entity tag, quotes included."""
    return _ENTITY_TAG.fullmatch(value) is not None


def is_weak(tag: str) -> bool:
    """Tell whether an entity tag is weak."""
    return tag.startswith("W/")


def entity_tags(value: str) -> Iterator[str]:
    """Yield the entity tags of an If-Match or If-None-Match list, as they are written."""
    position = 0
    while True:
        position = _SEPARATORS.match(value, position).end()  # type: ignore[union-attr]
        match = _ENTITY_TAG.match(value, position)
        if match is None or _AFTER_TAG.match(value, match.end()) is None:
            return
        yield match[0]
        position = match.end()


def matches_strongly(tag: str, other: str) -> bool:
    """Compare as If-Match and If-Range do: equal, and neither is weak (8.8.3.2)."""
    return tag == other and not is_weak(tag)


def matches_weakly(tag: str, other: str) -> bool:
    """Compare as If-None-Match does: equal opaque tags (8.8.3.2)."""
    return tag.removeprefix("W/") == other.removeprefix("W/")


class Validators(NamedTuple):
    """What tells one version of a representation from the others (RFC 9110 8.8).

    Attributes:
        etag: the entity tag with its quotes, or None.
        last_modified: whole seconds since the epoch, or None.
        date_is_strong: ``last_modified`` is a strong validator (8.8.2.2).
    """

    etag: str | None = None
    last_modified: int | None = None
    date_is_strong: bool = False


class Preconditions(NamedTuple):
    """The values of the conditional fields of a request; None where a field is absent."""

    if_match: str | None = None
    if_unmodified_since: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None


def evaluate_preconditions(
    preconditions: Preconditions, validators: Validators, now: float
) -> Literal[200, 304, 412]:
    """Decide a GET or HEAD of an existing representation in the order of RFC 9110 13.2.2.

    Arguments:
        preconditions: the request's fields.
        validators: those of the selected representation.
        now: seconds since the epoch, to read dates with years of two digits.

    Returns:
        412 or 304, or 200: go on (to Range and If-Range).
    """
    if_match, if_unmodified_since, if_none_match, if_modified_since = preconditions
    # Steps 1 and 2: "When If-Match is not present and If-Unmodified-Since is present".
    if if_match is not None:
        if not _if_match(if_match, validators):
            return 412
    elif if_unmodified_since is not None and not _if_unmodified_since(
        if_unmodified_since, validators, now
    ):
        return 412
    # Steps 3 and 4: with If-None-Match there, If-Modified-Since is not looked at.
    if if_none_match is not None:
        if not _if_none_match(if_none_match, validators):
            return 304
    elif if_modified_since is not None and not _if_modified_since(
        if_modified_since, validators, now
    ):
        return 304
    return 200


def _if_match(value: str, validators: Validators) -> bool:
    # 13.1.1: "*" is true if there is a current representation; a list by strong comparison.
    if _is_star(value):
        return True
    etag = validators.etag
    return etag is not None and any(matches_strongly(etag, tag) for tag in entity_tags(value))


def _if_none_match(value: str, validators: Validators) -> bool:
    # 13.1.2: "*" is false if there is a current representation; a list by weak comparison.
    if _is_star(value):
        return False
    etag = validators.etag
    return etag is None or not any(matches_weakly(etag, tag) for tag in entity_tags(value))


def _if_unmodified_since(value: str, validators: Validators, now: float) -> bool:
    # 13.1.4: "MUST ignore ... if the received field value is not a valid HTTP-date", or if
    # there is no modification date.
    date = parse_http_date(value, now)
    last_modified = validators.last_modified
    return date is None or last_modified is None or last_modified <= date


def _if_modified_since(value: str, validators: Validators, now: float) -> bool:
    # 13.1.3: the same two reasons to ignore the field.
    date = parse_http_date(value, now)
    last_modified = validators.last_modified
    return date is None or last_modified is None or last_modified > date


def if_range_matches(value: str, validators: Validators, now: float) -> bool:
    """Tell whether a Range may be honoured in spite of If-Range (RFC 9110 13.1.5).

    True for an entity tag that matches strongly, or a date that is exactly a Last-Modified
    that is a strong validator. Anything else, garbage included, means the whole representation.
    """
    value = value.strip(" \t")
    if is_entity_tag(value):
        return validators.etag is not None and matches_strongly(validators.etag, value)
    date = parse_http_date(value, now)
    return date is not None and validators.date_is_strong and date == validators.last_modified


def _is_star(value: str) -> bool:
    return value.strip(" \t") == "*"
