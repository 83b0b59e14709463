"""Offloading: the front server sends the file that a response header names.

Preconditions are evaluated here, ranges by the front server. Apache's module takes the header
literally and drops Content-Encoding, so compressed copies are not used with it.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from wsgistatic.http.conditional import is_entity_tag
from wsgistatic.http.fields import OWS
from wsgistatic.http.paths import quote_path
from wsgistatic.representations.representation import Representation
from wsgistatic.wsgi.request import Request
from wsgistatic.wsgi.responses import Response


class FrontServer(NamedTuple):
    """How a front server is told to send a file."""

    header: str  # that names the file
    is_quoted: bool  # whether the value of the header is percent-encoded
    sets_itself: tuple[str, ...]  # fields that would be sent twice if we sent them too
    passes_content_encoding: bool


_NGINX = FrontServer("X-Accel-Redirect", True, ("Accept-Ranges", "Content-Length"), True)
# lighttpd obeys X-LIGHTTPD-send-file from FastCGI only, so that this is just the option's name.
_LIGHTTPD = FrontServer("X-Sendfile", True, ("Content-Length",), True)
_APACHE = FrontServer("X-Sendfile", False, ("Content-Length",), False)
_FRONT_SERVERS = {
    "x-accel-redirect": _NGINX,
    "x-lighttpd-send-file": _LIGHTTPD,
    "x-sendfile": _APACHE,
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

    The option is a header name, and the front server's path to it: a location or a folder.
    """

    def __init__(self, option: object, root: str) -> None:
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
        self.passes_content_encoding = self._front.passes_content_encoding

    def handles(self, request: Request, path: str) -> bool:
        """Return whether the front server is to send a file.

        It sends no error pages, since their status would be 200. It also gets no requests with
        If-Match: nginx would compare that with an entity tag of its own, and refuse the request.
        Nor does it compare dates, since it has the mtime even of files that get no Last-Modified.
        """
        has_tag = request.field("HTTP_IF_NONE_MATCH") is not None
        if_range = request.field("HTTP_IF_RANGE")
        return (
            request.method == "GET"
            and not request.is_plain
            and request.field("HTTP_IF_MATCH") is None
            and request.field("HTTP_IF_UNMODIFIED_SINCE") is None
            and (has_tag or request.field("HTTP_IF_MODIFIED_SINCE") is None)
            and (if_range is None or is_entity_tag(if_range.strip(OWS)))
            and (self._front.is_quoted or _INEXPRESSIBLE.search(path, self._root_length) is None)
        )

    def respond(self, representation: Representation) -> Response:
        """Return the response that names the file, with its header fields and an empty body."""
        relative = representation.path[self._root_length :].replace(os.sep, "/")
        value = os.fsencode(self._prefix + relative).decode("latin-1")
        if self._front.is_quoted:
            value = quote_path(value)
        omitted = self._front.sets_itself
        fields = [field for field in representation.full_headers if field[0] not in omitted]
        headers = [(self._front.header, value), ("Content-Length", "0"), *fields]
        return Response("200 OK", headers, [b""], representation.path, representation.coding)
