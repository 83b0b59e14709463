"""Handing the body off: the front server sends the file that a header names.

Strategy: preconditions are decided here, ranges there. nginx and lighttpd read the header's value
as a URL path and keep our fields; Apache's module takes it letter by letter and drops
Content-Encoding, so that no coded file may be handed to it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from wsgistatic.http.paths import quote_path
from wsgistatic.representations.representation import Representation
from wsgistatic.wsgi.responses import Answer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class _Front(NamedTuple):
    """How a front server takes a file over.

    Attributes:
        header: the field that names the file.
        is_quoted: the field's value is percent-encoded.
        drops: fields of ours that it would send besides its own.
        keeps_codings: it passes Content-Encoding on.
    """

    header: str
    is_quoted: bool
    drops: tuple[str, ...]
    keeps_codings: bool


_NGINX = _Front("X-Accel-Redirect", True, ("Accept-Ranges", "Content-Length"), True)
# It obeys X-LIGHTTPD-send-file, the option's name for it, from FastCGI only.
_LIGHTTPD = _Front("X-Sendfile", True, ("Content-Length",), True)
_APACHE = _Front("X-Sendfile", False, ("Content-Length",), False)
_FRONTS = {
    "x-accel-redirect": _NGINX,
    "x-lighttpd-send-file": _LIGHTTPD,
    "x-sendfile": _APACHE,
}
_ALLOWED = (
    'a pair of "X-Accel-Redirect" (nginx), "X-LIGHTTPD-send-file" or "X-Sendfile" (Apache) and '
    "the path that the front server knows the directory by, or None"
)
_FRONT_SAYS = ("Content-Length",)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What a value that is not percent-encoded cannot say: mod_xsendfile 1.0 decodes it all the same,
# and blanks at the end of a field do not belong to it (RFC 9110 5.5).
_UNSAYABLE = re.compile(r"[\x00-\x1f\x7f%]| \Z")


class Offload:
    """Names files to the front server.

    Arguments:
        option: header name and the path that stands for the directory; a location of nginx, or a
            folder.
        root: path of the directory.

    Raises:
        TypeError, ValueError: naming the option, the value and what is allowed.
    """

    def __init__(self, option: object, root: str) -> None:
        if not isinstance(option, (tuple, list)) or not all(
            isinstance(part, str) for part in option
        ):
            raise TypeError(f"offload must be {_ALLOWED}, not {option!r}")
        if (
            len(option) != 2
            or option[0].lower() not in _FRONTS
            or not option[1].startswith("/")
            or _CONTROL.search(option[1])
        ):
            raise ValueError(f"offload must be {_ALLOWED}, not {option!r}")
        self._front = _FRONTS[option[0].lower()]
        self._prefix = option[1].rstrip("/") + "/"
        self._skipped = len(os.path.join(root, ""))
        self.keeps_codings = self._front.keeps_codings

    def takes(self, environ: WSGIEnvironment, path: str) -> bool:
        """Tell whether the front server is to send a file.

        nginx compares If-Match with a tag of its own: what passed here would fail there.
        """
        return (
            environ.get("REQUEST_METHOD") == "GET"
            and "HTTP_IF_MATCH" not in environ
            and "HTTP_IF_UNMODIFIED_SINCE" not in environ
            and (self._front.is_quoted or _UNSAYABLE.search(path, self._skipped) is None)
        )

    def answer(self, representation: Representation) -> Answer:
        """Make the answer that names the file, with all its fields and without its bytes."""
        relative = representation.path[self._skipped :].replace(os.sep, "/")
        value = os.fsencode(self._prefix + relative).decode("latin-1")
        if self._front.is_quoted:
            value = quote_path(value)
        fields = [
            field for field in representation.full_headers if field[0] not in self._front.drops
        ]
        headers = [(self._front.header, value), ("Content-Length", "0"), *fields]
        return Answer("200 OK", headers, [b""], representation.path, representation.coding)
