"""Header fields that do not describe a file: caching, CORS, security.

Strategy: the constant ones are made once. A callable of the user's is asked once per file
version; if it fails, the file is served all the same, with less caching.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from wsgiref.headers import Headers as HeaderMapping

from wsgistatic.files.errors import logger
from wsgistatic.http.fields import Headers, check_field, check_field_value, content_disposition
from wsgistatic.representations.immutable import IMMUTABLE_CACHE_CONTROL, Immutable, immutable_rule

CustomHeaders = Mapping[str, str] | Callable[[HeaderMapping, str, str], object] | None

_ALLOWED = "a mapping of field names to values, a callable (headers, path, url), or None"


def check_headers(value: object) -> None:
    """Check the option.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """
    if isinstance(value, Mapping):
        for name, content in value.items():
            check_field(name, content)
    elif value is not None and not callable(value):
        raise TypeError(f"headers must be {_ALLOWED}, not {value!r}")


class CustomHeadersError(OSError):
    """The callable failed; an OSError, since its file cannot be had then."""

    def __init__(self) -> None:
        super().__init__(errno.EIO, "the headers function failed")


def apply_headers(option: CustomHeaders, fields: Headers, path: str, url: str) -> Headers:
    """Give the fields with those of the user's, which win.

    Arguments:
        option: checked.
        fields: those of a file.
        path: of the file.
        url: its URL path, prefix included.

    Raises:
        CustomHeadersError: the callable failed, which is logged.
    """
    if option is None:
        return fields
    headers = HeaderMapping(list(fields))
    if isinstance(option, Mapping):
        for name, value in option.items():
            headers[name] = value
        return headers.items()
    try:
        option(headers, path, url)
        for name, value in headers.items():
            check_field(name, value)
    except Exception:
        logger.exception("%a: the headers function failed", path)
        raise CustomHeadersError from None
    return headers.items()


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


# What a page needs for SharedArrayBuffer and precise timers (WebAssembly threads), and its own
# subresources with it: HTML Standard, "cross-origin isolated".
CROSS_ORIGIN_ISOLATION: Mapping[str, str] = MappingProxyType(
    {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)

# Opaque origin, no script, nothing loaded: what is left is a document to look at.
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def untrusted_uploads(*, attachment: bool = False) -> Callable[[HeaderMapping, str, str], None]:
    """Give a ``headers`` function for a directory of uploads.

    Every file but a PDF gets a Content-Security-Policy that turns off what an HTML, SVG or XML
    file could do in the name of the site; browsers apply it to documents only, so images, sound
    and film are shown as ever. (In a sandbox browsers show no PDF; its scripts reach no site.)
    Leave ``nosniff`` on, and turn ``encodings`` off: beside one upload may lie another that looks
    like its sidecar.

    Arguments:
        attachment: download instead of showing.

    Raises:
        TypeError: attachment is not a bool.
    """
    if not isinstance(attachment, bool):
        raise TypeError(f"attachment must be True or False, not {attachment!r}")

    def set_headers(headers: HeaderMapping, path: str, url: str) -> None:
        if headers["Content-Type"] != "application/pdf":
            headers["Content-Security-Policy"] = _SANDBOX
        if attachment:
            headers["Content-Disposition"] = content_disposition(
                "attachment", os.path.basename(path)
            )

    return set_headers
