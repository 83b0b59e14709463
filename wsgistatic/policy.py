"""Header fields that do not describe a file: caching, CORS, security.

Strategy: the constant ones are made once. A callable of the user's is asked once per file
version; if it fails, the file is served all the same, with less caching.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from wsgistatic.immutable import IMMUTABLE_CACHE_CONTROL, Immutable, immutable_rule
from wsgistatic.representation import Headers

logger = logging.getLogger("wsgistatic")

CacheControl = str | Callable[[str, str], "str | None"] | None

# RFC 9110 5.5: field-content is visible text, spaces and tabs; CR, LF and NUL end a header.
_FIELD_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff](?:[\t \x21-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
# What scripts of other origins may read besides the safelisted fields (Fetch 3.2.3).
_EXPOSED = "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag"


def check_field_value(option: str, value: object) -> None:
    """Check a configured header value.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a str, not {value!r}")
    if not _FIELD_VALUE.fullmatch(value):
        raise ValueError(
            f"{option} must be a header value of printable Latin-1 characters, not {value!r}"
        )


class HeaderPolicy:
    """The configured header fields of answers.

    Arguments:
        cache_control: a value; a callable (path, url) -> value or None; None for no field.
        nosniff: send ``X-Content-Type-Options: nosniff``.
        allow_origin: value of Access-Control-Allow-Origin, or None.
        immutable: which URLs are cached for good, whatever cache_control says of them; see
            ``immutable_rule``.

    Attributes:
        common: fields that every answer of ours carries.
    """

    def __init__(
        self,
        cache_control: CacheControl,
        nosniff: bool,
        allow_origin: str | None,
        immutable: Immutable = None,
    ) -> None:
        if cache_control is not None and not callable(cache_control):
            check_field_value("cache_control", cache_control)
        if not isinstance(nosniff, bool):
            raise TypeError(f"nosniff must be True or False, not {nosniff!r}")
        self._cache_control = cache_control
        self._is_immutable = immutable_rule(immutable)
        self.common: Headers = [("X-Content-Type-Options", "nosniff")] if nosniff else []
        if allow_origin is not None:
            check_field_value("allow_origin", allow_origin)
            self.common += [
                ("Access-Control-Allow-Origin", allow_origin),
                ("Access-Control-Expose-Headers", _EXPOSED),
            ]

    def for_file(self, path: str, url: str) -> Headers:
        """Give the fields of answers about one file.

        Arguments:
            path: of the file system.
            url: the URL path, prefix included.
        """
        value = self._cache_control
        if self._is_immutable(url):
            value = IMMUTABLE_CACHE_CONTROL
        elif callable(value):
            value = _ask(value, path, url)
        return self.common if value is None else [("Cache-Control", value), *self.common]


def _ask(function: Callable[[str, str], str | None], path: str, url: str) -> str | None:
    try:
        value = function(path, url)
        if value is not None:
            check_field_value("cache_control", value)
    except Exception:
        logger.exception("%a: the cache_control function failed", path)
        return "no-cache"
    return value
