"""Offloading: the front server sends the file that a response header names.

The front server gets a request only if it cannot answer it differently. Preconditions are evaluated
here, and so is a Range that leads to anything but 206. The front server gets a file only if it
passes on every header field of the response. Apache's module takes the header literally and drops
Content-Encoding, so compressed copies are not used with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from wsgistatic.http.conditional import is_weak
from wsgistatic.http.paths import quote_path
from wsgistatic.http.ranges import RangePlan
from wsgistatic.representations.representation import Representation
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responses import Response, headers_of_whole


class FrontServer(NamedTuple):
    """How a front server is told to send a file."""

    header: str  # that names the file
    is_quoted: bool  # whether the value of the header is percent-encoded
    sets_itself: tuple[str, ...]  # fields that would be sent twice if we sent them too
    drops: Callable[[str], bool]  # whether a field, in lower case, does not reach the client


# The fields that nginx keeps of a response with X-Accel-Redirect, and those that the documented
# configuration adds because nearly every file has them. Fields that only some sites use are not
# taken for granted, since a missing Content-Security-Policy would go unnoticed.
_PASSED_BY_NGINX = {
    *("accept-ranges", "cache-control", "content-disposition", "content-length", "content-type"),
    *("expires", "access-control-allow-origin", "access-control-expose-headers"),
    *("content-encoding", "etag", "last-modified", "repr-digest", "vary"),
    "x-content-type-options",
}
# lighttpd obeys X-LIGHTTPD-send-file from FastCGI only, so this is only the name of the option.
_FRONT_SERVERS = {
    "x-accel-redirect": FrontServer(
        *("X-Accel-Redirect", True, ("Accept-Ranges", "Content-Length")),
        lambda name: name not in _PASSED_BY_NGINX,
    ),
    "x-lighttpd-send-file": FrontServer(
        "X-Sendfile", True, ("Content-Length",), lambda name: False
    ),
    "x-sendfile": FrontServer(
        "X-Sendfile", False, ("Content-Length",), lambda name: name == "content-encoding"
    ),
}
_ALLOWED = (
    'a pair of "X-Accel-Redirect" (nginx), "X-LIGHTTPD-send-file" or "X-Sendfile" (Apache) and '
    "the path by which the front server knows the directory, or None"
)
# Names that a value without percent-encoding cannot express. mod_xsendfile 1.0 decodes it anyway,
# and trailing spaces are not part of a field value (RFC 9110 5.5).
_INEXPRESSIBLE = re.compile(r"[\x00-\x1f\x7f%]| \Z")


class Offload:
    """Names files below ``root`` to the front server.

    The option is a header name, and the front server's path to it: a location or a folder. The
    front server is configured to pass on the fields in ``passed`` besides those that it passes on
    anyway.
    """

    def __init__(self, option: object, root: str, passed: Iterable[str] = ()) -> None:
        if not isinstance(option, (tuple, list)) or not all(isinstance(p, str) for p in option):
            raise TypeError(f"offload must be {_ALLOWED}, not {option!r}")
        if (
            len(option) != 2
            or option[0].lower() not in _FRONT_SERVERS
            or not option[1].startswith("/")
            or re.search(r"[\x00-\x1f\x7f]", option[1])
        ):
            raise ValueError(f"offload must be {_ALLOWED}, not {option!r}")
        self._front = _FRONT_SERVERS[option[0].lower()]
        self._prefix = option[1].rstrip("/") + "/"
        self._root_length = len(os.path.join(root, ""))
        self._passed = frozenset(name.lower() for name in passed)

    def passes(self, name: str) -> bool:
        """Return whether a header field reaches the client."""
        name = name.lower()
        return name in self._passed or not self._front.drops(name)

    def can_send(self, representation: Representation) -> bool:
        """Return whether the front server can send a representation with all its header fields."""
        # It does not have what was compressed or decoded here, which has no ranges.
        if not representation.has_ranges:
            return False
        path = representation.path
        if not self._front.is_quoted and _INEXPRESSIBLE.search(path, self._root_length):
            return False
        return all(self.passes(name) for name, _ in representation.full_headers)

    def handles(self, request: Request, plan: RangePlan, representation: Representation) -> bool:
        """Return whether the front server is to send what was planned.

        The front server sends no error pages, since their status would be 200. It gets no requests
        with preconditions, which it would evaluate again: nginx compares If-Match with an entity
        tag of its own, and If-Modified-Since with dates that are not validators (RFC 9110 8.8.2.2).
        An If-None-Match that does not match our tag is harmless. Of the requests with a Range it
        gets only those that we would answer with 206. It may accept a weak tag in If-Range or read
        a malformed Range differently, and its 416 would have the Cache-Control of the file.
        """
        etag = representation.etag
        return (
            not request.is_plain
            and (request.range is None or (plan.status == 206 and not is_weak(etag or "")))
            and request.field("HTTP_IF_MATCH") is None
            and request.field("HTTP_IF_UNMODIFIED_SINCE") is None
            and (
                request.field("HTTP_IF_MODIFIED_SINCE") is None
                or request.field("HTTP_IF_NONE_MATCH") is not None
            )
            and self.can_send(representation)
        )

    def respond(self, request: Request, representation: Representation) -> Response:
        """Return the response that names the file, with its header fields and an empty body."""
        relative = representation.path[self._root_length :].replace(os.sep, "/")
        value = os.fsencode(self._prefix + relative).decode("latin-1")
        if self._front.is_quoted:
            value = quote_path(value)
        omitted = self._front.sets_itself
        fields = headers_of_whole(request, representation)
        fields = [field for field in fields if field[0] not in omitted]
        headers = [(self._front.header, value), ("Content-Length", "0"), *fields]
        return Response("200 OK", headers, [b""], representation.path, representation.coding)
