"""The header fields that the user configures: caching, security, CORS, and any other.

The user's functions are called once per file version. If one fails, the error is logged and the
file is still sent, but cached less. If the ``headers`` function fails, the file is not sent, since
it may need the missing fields.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple
from wsgiref.headers import Headers as HeaderMapping

from wsgistatic.files.errors import logger
from wsgistatic.http.caching import (
    cache_control_value,
    is_caching_field,
    with_no_cache,
    without_storing,
)
from wsgistatic.http.fields import Headers, check_field, check_field_value, content_disposition
from wsgistatic.representations.immutable import IMMUTABLE_CACHE_CONTROL, Immutable, immutable_rule
from wsgistatic.validation import check_bool, check_parameters

AllowOrigin = str | Sequence[str] | None
CacheControl = str | int | Callable[[str, str], "str | int | None"] | None
CustomHeaders = Mapping[str, str] | Callable[[HeaderMapping, str, str], object] | None

# Fields that describe a file, as those for caches do. Responses without a file have their own.
_OF_FILES = ("content-disposition", "content-type")
# Scripts of other origins may read these and the CORS-safelisted response headers (Fetch 3.2.3).
_EXPOSED = "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag, Repr-Digest"


class FileFields(NamedTuple):
    """The header fields for one file: its Content-Type, and all others."""

    content_type: str
    others: Headers


# For a fingerprint it does not matter how long the user lets caches keep the file, but who may.
_IMMUTABLE = {
    "no-cache": IMMUTABLE_CACHE_CONTROL,
    "private, no-cache": f"private, {IMMUTABLE_CACHE_CONTROL}",
}


class HeaderPolicy:
    """The header fields of all responses (``common``), and those for each file.

    The arguments are the options of the same names. ``immutable`` overrides ``cache_control``, and
    ``headers`` overrides all others. ``allows_origin`` is whether scripts of other origins may read
    the responses. ``is_immutable`` is the option ``immutable`` as a function (path, url) that
    returns a bool. If ``allow_origin`` is a list, ``origins`` holds it, and each response to one of
    these origins needs its own Access-Control-Allow-Origin. ``shares_fields`` is whether files of
    one type share their fields.
    """

    def __init__(
        self,
        cache_control: CacheControl,
        nosniff: bool,
        allow_origin: AllowOrigin,
        immutable: Immutable = None,
        headers: CustomHeaders = None,
    ) -> None:
        if callable(cache_control):
            check_parameters("cache_control", cache_control, "path", "url")
        elif cache_control is not None:
            alternatives = ", a callable (path, url) or None"
            cache_control = cache_control_value("cache_control", cache_control, alternatives)
        check_bool("nosniff", nosniff)
        check_headers(headers)
        self._cache_control, self._headers = cache_control, headers
        # Files of one type have the same fields, unless a function decides on each one.
        self.shares_fields = not (callable(cache_control) or callable(headers))
        self._known: dict[tuple[str, bool, bool | None], FileFields] = {}
        self.is_immutable = immutable_rule(immutable)
        self.allows_origin = allow_origin is not None
        fields: Headers = [("X-Content-Type-Options", "nosniff")] if nosniff else []
        self.origins = _origins(allow_origin)
        if isinstance(allow_origin, str):
            fields.append(("Access-Control-Allow-Origin", allow_origin))
        elif self.allows_origin:
            # Fetch 3.2.6: also without the other field, or a cache would send it to other origins.
            fields.append(("Vary", "Origin"))
        if self.allows_origin:
            fields.append(("Access-Control-Expose-Headers", _EXPOSED))
        self._fields = self.common = fields
        if isinstance(headers, Mapping):
            everywhere = {
                name: value
                for name, value in headers.items()
                if name.lower() not in _OF_FILES and not is_caching_field(name)
            }
            self.common = apply_headers(everywhere, fields, "", "")

    def for_file(
        self,
        path: str,
        url: str,
        content_type: str,
        *,
        is_immutable: bool = False,
        is_current: bool | None = None,
    ) -> FileFields:
        """Return the fields of the responses for one file.

        Files share the result, so do not change it.

        Arguments:
            url: the URL path with the prefix, and without a fingerprint.
            is_immutable: whether the content at this URL never changes.
            is_current: whether the fingerprint in the URL is that of the content; None without one.

        Raises:
            CustomHeadersError: the function ``headers`` fails.
        """
        if not self.shares_fields:
            return self._make(path, url, content_type, is_immutable, is_current)
        key = content_type, is_immutable, is_current
        known = self._known.get(key)
        if known is None:
            known = self._make(path, url, content_type, is_immutable, is_current)
            self._known[key] = known
        return known

    def _make(
        self, path: str, url: str, content_type: str, is_immutable: bool, is_current: bool | None
    ) -> FileFields:
        value: str | None
        if is_immutable:
            value = IMMUTABLE_CACHE_CONTROL
        elif callable(self._cache_control):
            value = _call_cache_control(self._cache_control, path, url)
        else:
            value = self._cache_control
        if is_current is not None:
            value = without_storing("Cache-Control", value or "")
        if is_current and value is not None:
            value = _IMMUTABLE.get(value, value)
        cache_control = [("Cache-Control", value)] if value is not None else []
        fields = [("Content-Type", content_type), *cache_control, *self._fields]
        fields = apply_headers(self._headers, fields, path, url)
        if is_current is False:
            fields = with_no_cache(fields)
        others = [field for field in fields if field[0].lower() != "content-type"]
        types = [value for name, value in fields if name.lower() == "content-type"]
        return FileFields(types[-1] if types else content_type, others)


_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[^A-Z\s/?#@,]+")  # as browsers send it


def _origins(allow_origin: object) -> frozenset[str]:
    """Check the option ``allow_origin``, and return the origins if it is a list."""
    if allow_origin is None:
        return frozenset()
    if isinstance(allow_origin, str) or not isinstance(allow_origin, Sequence):
        check_field_value("allow_origin", allow_origin, ", a list of origins or None")
        return frozenset()
    is_origin = (isinstance(one, str) and _ORIGIN.fullmatch(one) for one in allow_origin)
    if not allow_origin or not all(is_origin):
        raise ValueError(
            "allow_origin must list origins such as 'https://example.com', in lower case and "
            f"without a path, not {allow_origin!r}"
        )
    return frozenset(allow_origin)


def _call_cache_control(
    function: Callable[[str, str], str | int | None], path: str, url: str
) -> str | None:
    try:
        value = function(path, url)
        return None if value is None else cache_control_value("cache_control", value, " or None")
    except Exception:
        logger.exception("%a: the cache_control function failed", path)
        return "no-cache"


class CustomHeadersError(OSError):
    """The ``headers`` function failed. It is an OSError, since the file cannot be sent then."""


def check_headers(value: object) -> None:
    """Check the value of the option ``headers``; raise TypeError or ValueError."""
    if isinstance(value, Mapping):
        for name, content in value.items():
            check_field(name, content)
            if name.lower() == "cache-control":
                cache_control_value(f"headers[{name!r}]", content)
    elif callable(value):
        check_parameters("headers", value, "headers", "path", "url")
    elif value is not None:
        raise TypeError(
            "headers must be a mapping of field names to values, a callable (headers, path, url) "
            f"or None, not {value!r}"
        )


def apply_headers(option: CustomHeaders, fields: Headers, path: str, url: str) -> Headers:
    """Return a copy of a file's header fields, with the checked option ``headers`` applied.

    Raise CustomHeadersError if the function fails or sets an invalid field. This is logged.
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
        raise CustomHeadersError(errno.EIO, "the headers function failed") from None
    return headers.items()


# These make a page "cross-origin isolated" (HTML Standard), with its own subresources. Browsers
# require that for SharedArrayBuffer (WebAssembly threads) and precise timers.
CROSS_ORIGIN_ISOLATION: Mapping[str, str] = MappingProxyType(
    {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)

# An opaque origin without scripts and external resources, so that a document can only be viewed.
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
# Browsers show, play or save these, but never run them. In a sandbox they would not play a video or
# display a PDF. All other types get the sandbox, including new kinds of documents.
_PASSIVE = re.compile(
    r"(?:audio|font|image|video)/(?!.*xml$).*|application/(?:octet-stream|ogg|pdf)|text/plain"
)
# A page of the site would run or apply these, and WebAssembly, if its policy allows its own origin
# ('self'). With nosniff, browsers load scripts, workers and style sheets of no other type.
_RUN_BY_PAGES = re.compile(r"(?:application|text)/(?:x-)?(?:java|ecma|j|live)script.*|text/css")


def untrusted_uploads(*, attachment: bool = False) -> Callable[[HeaderMapping, str, str], None]:
    """Return a ``headers`` function for a directory of user uploads.

    No upload can run scripts with your site's origin. A Content-Security-Policy puts HTML, SVG, XML
    and unknown documents into a sandbox. Scripts and style sheets are sent as plain text, and
    WebAssembly as a download, so that no page of the site can load them. Images, audio, video and
    PDF files display as usual; scripts in a PDF have no access to the site.

    Turn ``encodings`` off, because an upload may look like the sidecar of another one.

    Arguments:
        attachment: Whether browsers should download the files instead of displaying them.

    Raises:
        TypeError: ``attachment`` is not a bool.
    """
    check_bool("attachment", attachment)
    return partial(_set_upload_headers, attachment)  # unlike a nested function, it can be pickled


def _set_upload_headers(attachment: bool, headers: HeaderMapping, path: str, url: str) -> None:
    media_type, *parameters = (headers["Content-Type"] or "").split(";", 1)
    media_type = media_type.strip().lower()
    if media_type == "application/wasm":
        headers["Content-Type"] = "application/octet-stream"
    elif _RUN_BY_PAGES.fullmatch(media_type):
        headers["Content-Type"] = ";".join(["text/plain", *parameters])
    elif not _PASSIVE.fullmatch(media_type):
        headers["Content-Security-Policy"] = _SANDBOX
    headers["X-Content-Type-Options"] = "nosniff"
    if attachment:
        name = os.path.basename(path)
        headers["Content-Disposition"] = content_disposition("attachment", name)
