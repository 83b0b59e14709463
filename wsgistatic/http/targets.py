"""Request targets and the hosts that they name (RFC 9112 3.2, RFC 3986 3.2.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence

# RFC 9112 3.2.2: absolute-form = absolute-URI, here of the scheme "http".
_ABSOLUTE = re.compile(r"http://([^/?#]*)(.*)", re.I)
# RFC 9110 7.2: Host = uri-host [ ":" port ]. Names have letters, digits, "-", "." and "_".
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z_-][0-9a-z._-]*)(?::[0-9]*)?", re.I)


def split_target(target: str) -> tuple[str | None, str]:
    """Split the target of a request into its authority, or None, and its origin form.

    A "." segment before a name with a colon is removed. Relative references need one (RFC 3986
    4.2), and rclone forgets to remove it. Everything else stays as it is.
    """
    authority, origin = None, target
    match = _ABSOLUTE.fullmatch(target)
    if match is not None:
        authority, origin = match.groups()
        if not origin.startswith("/"):
            origin = "/" + origin
    path, mark, query = origin.partition("?")
    return authority, re.sub(r"/\./(?=[^/]*:)", "/", path) + mark + query


def host_of(authority: str) -> str | None:
    """Return the host of an authority, or None if it has none that is valid.

    It is in lower case, without port and final dot. An IPv6 address keeps its brackets.
    """
    match = _HOST.fullmatch(authority)
    return None if match is None else match[1].lower().removesuffix(".")


def is_host_valid(hosts: Sequence[str], authority: str | None, *, required: bool) -> bool:
    """Return whether a request names one valid host, or none if none is required.

    Arguments:
        hosts: The values of all Host fields.
        authority: The authority of the target, which takes precedence (RFC 9112 3.2.2), or None.
        required: Whether the request needs a Host field, as those with HTTP/1.1 do.
    """
    if len(hosts) > 1 or (required and not hosts):
        return False
    named = hosts if authority is None else [authority]
    return all(host_of(value) is not None for value in named)
