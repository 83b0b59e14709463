"""Response fields that control caches, and the directives of Cache-Control.

Section numbers without an RFC are those of RFC 9111.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wsgistatic.http.fields import TOKEN, Headers, check_field_value
from wsgistatic.validation import check_integer, closest_name

# Fields of particular caches, older than RFC 9213, and their values for "do not store".
_OLDER_FIELDS = {
    "edge-control": "no-store",  # Akamai
    "expires": "0",  # 5.3: an invalid date, "especially including the value "0"", is in the past
    "surrogate-control": "no-store",  # Fastly, Varnish
    "x-accel-expires": "0",  # nginx
}


def is_caching_field(name: str) -> bool:
    """Return whether a field controls whether, or how long, a cache stores the response.

    RFC 9213 2.1: the names of targeted fields are "suffixed with "-Cache-Control"".
    """
    name = name.lower()
    return name == "cache-control" or name.endswith("-cache-control") or name in _OLDER_FIELDS


def without_storing(name: str, value: str) -> str:
    """Return the value of a caching field with which caches do not reuse a response unvalidated.

    For Cache-Control, which all caches obey, it is ``no-cache``; a stricter value is kept. Other
    fields forbid storing.
    """
    name, directives = name.lower(), value.lower()
    if name != "cache-control":
        return _OLDER_FIELDS.get(name, "no-store")
    if "no-store" in directives:
        return value
    return "private, no-cache" if "private" in directives else "no-cache"


def with_no_cache(fields: Sequence[tuple[str, str]]) -> Headers:
    """Return the fields with a Cache-Control that makes caches revalidate each time.

    A part of a recent version needs this, because its successor may look the same. nginx and
    Varnish then store nothing. Otherwise nginx's slice module would keep such a part with its weak
    tag, reject all others because of it, and get a 304 at each revalidation.
    """
    return [
        (name, without_storing(name, value) if is_caching_field(name) else value)
        for name, value in fields
    ]


# 5.2: cache-directive = token [ "=" ( token / quoted-string ) ]
_DIRECTIVE = re.compile(rf'({TOKEN})(?:=({TOKEN}|"(?:[^"\\]|\\.)*"))?[ \t]*(?:,[ \t]*(?!\Z)|\Z)')
# The directives of responses (5.2.2; RFC 5861; RFC 8246).
_WITH_SECONDS = ("max-age", "s-maxage", "stale-if-error", "stale-while-revalidate")
_ALONE = (
    *("immutable", "must-revalidate", "must-understand", "no-store", "no-transform"),
    *("proxy-revalidate", "public"),
)
_WITH_FIELD_NAMES = ("no-cache", "private")  # or alone
_KNOWN = (*_WITH_SECONDS, *_ALONE, *_WITH_FIELD_NAMES)


def cache_control_value(option: str, value: object, alternatives: str = "") -> str:
    """Return the value of Cache-Control for an option; raise TypeError or ValueError.

    Caches ignore unknown directives, so a mistake would go unnoticed. Therefore an unknown name is
    allowed only if it is not similar to that of a response directive (5.2.2).

    Arguments:
        option: Name of the option, for the message.
        value: Directives, or a number of seconds for ``max-age``.
        alternatives: Other values that the option allows, for the message, such as " or None".
    """
    if isinstance(value, int) and not isinstance(value, bool):
        check_integer(option, value, 0)
        return f"max-age={value}"
    text = check_field_value(option, value, f", a number of seconds{alternatives}")
    position = 0
    while position < len(text):
        directive = _DIRECTIVE.match(text, position)
        if directive is None:
            mistake: str | None = f"{text[position:]!r} is not a list of directives"
        else:
            mistake, position = _mistake(directive[1], directive[2]), directive.end()
        if mistake:
            example = "Cache-Control directives such as 'max-age=60'"
            raise ValueError(f"{option} must be {example}, not {value!r}: {mistake}")
    return text


def _mistake(name: str, argument: str | None) -> str | None:
    known = name.lower()
    if known in _WITH_SECONDS:
        # 5.2.2.1: the quoted-string form "MUST NOT" be sent
        is_number = re.fullmatch("[0-9]+", argument or "")
        return None if is_number else f"{name} needs a whole number of seconds"
    if known in _ALONE:
        return None if argument is None else f"{name} has no value"
    if known in _WITH_FIELD_NAMES:
        return None
    close = closest_name(known, _KNOWN, 0.8)
    if close is not None:
        return f"did you mean {close}?"
    return None if known[0].isalpha() else f"{name} is not a directive"
