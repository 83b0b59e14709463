"""The option ``headers``: fields of the user's own, the same for all files or made for each.

Strategy: what can be checked at construction is; what a callable sets is checked as it comes.
If one fails, its file is not served: what it would have set may be what keeps the file harmless.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable, Mapping
from wsgiref.headers import Headers as HeaderMapping

from wsgistatic.representation import Headers

logger = logging.getLogger("wsgistatic")

CustomHeaders = Mapping[str, str] | Callable[[HeaderMapping, str, str], object] | None

_ALLOWED = "a mapping of field names to values, a callable (headers, path, url), or None"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110 5.5: field-content is visible text, spaces and tabs; CR, LF and NUL end a header.
_FIELD_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff](?:[\t \x21-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
# They tell what is sent (ours to say) or belong to the connection (PEP 3333: the server's).
_RESERVED = (
    *("accept-ranges", "content-encoding", "content-length", "content-range", "etag"),
    *("last-modified", "connection", "keep-alive", "proxy-authenticate", "te", "trailer"),
    *("transfer-encoding", "upgrade"),
)


def check_field_value(option: str, value: object, alternatives: str = "") -> None:
    """Check a configured header value.

    Arguments:
        alternatives: what else is allowed, such as ``" or None"``.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a str{alternatives}, not {value!r}")
    if not _FIELD_VALUE.fullmatch(value):
        raise ValueError(
            f"{option} must be a header value of printable Latin-1 characters, not {value!r}"
        )


def check_headers(value: object) -> None:
    """Check the option.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """
    if isinstance(value, Mapping):
        for name, content in value.items():
            _check_field(name, content)
    elif value is not None and not callable(value):
        raise TypeError(f"headers must be {_ALLOWED}, not {value!r}")


def _check_field(name: object, value: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"headers must have field names of str, not {name!r}")
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"headers must have field names that are tokens, not {name!r}")
    if name.lower() in _RESERVED:
        raise ValueError(f"headers must not set {name}, which is not for an option to say")
    check_field_value(f"headers[{name!r}]", value)


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
            _check_field(name, value)
    except Exception:
        logger.exception("%a: the headers function failed", path)
        raise CustomHeadersError from None
    return headers.items()
