"""Header fields that do not describe a file: caching, CORS, security.

Strategy: the constant ones are made once. A callable of the user's is asked once per file
version; if it fails, the file is served all the same, with less caching.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from wsgistatic.custom_headers import (
    CustomHeaders,
    apply_headers,
    check_field_value,
    check_headers,
)
from wsgistatic.immutable import IMMUTABLE_CACHE_CONTROL, Immutable, immutable_rule
from wsgistatic.representation import Headers

logger = logging.getLogger("wsgistatic")

CacheControl = str | Callable[[str, str], "str | None"] | None

# Fields that have no place in an answer without a file: errors have their own.
_OF_FILES = ("cache-control", "content-disposition", "content-type")
# What scripts of other origins may read besides the safelisted fields (Fetch 3.2.3).
_EXPOSED = "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag"


class FileFields(NamedTuple):
    """What is sent about one file: its Content-Type, and the other fields."""

    content_type: str
    others: Headers


class HeaderPolicy:
    """The configured header fields of answers.

    Arguments:
        cache_control: a value; a callable (path, url) -> value or None; None for no field.
        nosniff: send ``X-Content-Type-Options: nosniff``.
        allow_origin: value of Access-Control-Allow-Origin, or None.
        immutable: which URLs are cached for good, whatever cache_control says of them; see
            ``immutable_rule``.
        headers: fields of the user's own: see ``custom_headers``.

    Attributes:
        common: fields that every answer of ours carries.
        allows_origin: scripts of other origins may read.
    """

    def __init__(
        self,
        cache_control: CacheControl,
        nosniff: bool,
        allow_origin: str | None,
        immutable: Immutable = None,
        headers: CustomHeaders = None,
    ) -> None:
        if cache_control is not None and not callable(cache_control):
            check_field_value("cache_control", cache_control, ", a callable (path, url) or None")
        if not isinstance(nosniff, bool):
            raise TypeError(f"nosniff must be True or False, not {nosniff!r}")
        check_headers(headers)
        self._cache_control = cache_control
        self._headers = headers
        self._is_immutable = immutable_rule(immutable)
        self.allows_origin = allow_origin is not None
        fields: Headers = [("X-Content-Type-Options", "nosniff")] if nosniff else []
        if allow_origin is not None:
            check_field_value("allow_origin", allow_origin, " or None")
            fields += [
                ("Access-Control-Allow-Origin", allow_origin),
                ("Access-Control-Expose-Headers", _EXPOSED),
            ]
        self._fields = fields
        self.common = fields
        if isinstance(headers, Mapping):
            everywhere = {name: headers[name] for name in headers if name.lower() not in _OF_FILES}
            self.common = apply_headers(everywhere, fields, "", "")

    def for_file(self, path: str, url: str, content_type: str) -> FileFields:
        """Give the fields of answers about one file.

        Arguments:
            path: of the file system.
            url: the URL path, prefix included.
            content_type: of the file, by its name.

        Raises:
            CustomHeadersError: the user's callable failed.
        """
        value = self._cache_control
        if self._is_immutable(url):
            value = IMMUTABLE_CACHE_CONTROL
        elif callable(value):
            value = _ask(value, path, url)
        cache_control = [("Cache-Control", value)] if value is not None else []
        fields = [("Content-Type", content_type), *cache_control, *self._fields]
        fields = apply_headers(self._headers, fields, path, url)
        others = [field for field in fields if field[0].lower() != "content-type"]
        types = [value for name, value in fields if name.lower() == "content-type"]
        return FileFields(types[-1] if types else content_type, others)


def _ask(function: Callable[[str, str], str | None], path: str, url: str) -> str | None:
    try:
        value = function(path, url)
        if value is not None:
            check_field_value("cache_control", value)
    except Exception:
        logger.exception("%a: the cache_control function failed", path)
        return "no-cache"
    return value
