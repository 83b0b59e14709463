"""Entity tags and lists of them (RFC 9110 8.8.3, 13.1.1, 13.1.2).

Strategy: one scan from left to right. Where the text stops being a list of entity tags the list
ends: what was read before counts, what comes after matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
