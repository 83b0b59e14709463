"""Protect a served directory from DNS rebinding by checking the host of each request.

The owner of a web page can point its domain to 127.0.0.1. Scripts of the page can then read what a
server there serves, since the browser regards both as one origin. Such a request still names the
host of the page.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from wsgistatic.http.targets import host_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_REFUSAL = b"421 Misdirected Request\n\nThis host name must be allowed with --allow-host NAME.\n"


class HostCheck:
    """WSGI middleware that responds with 421 to requests for another host (RFC 9110 15.5.20).

    IP addresses, ``localhost`` and names below it, and the name of this machine are always allowed.

    Arguments:
        app: The app that gets the other requests.
        own: The host that the server listens on.
        allowed: Further names; one with a leading dot stands for its subdomains too, and ``*`` for
            every name.

    Raises:
        ValueError: An allowed name is not a host name.
    """

    def __init__(self, app: WSGIApplication, own: str, allowed: Sequence[str]) -> None:
        self._app = app
        names = [_parse(name) for name in allowed]
        self._allows_all = "*" in names
        self._names = {"localhost", *(own.lower(), socket.gethostname().lower())}
        self._names.update(name.removeprefix(".") for name in names)
        self._suffixes = (".localhost", *(name for name in names if name.startswith(".")))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass a request to the app, or refuse it. Requests without Host are HTTP/1.0."""
        if self._allows_all or "HTTP_HOST" not in environ or self._allows(environ["HTTP_HOST"]):
            return self._app(environ, start_response)
        about = ("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")
        length = ("Content-Length", str(len(_REFUSAL)))
        start_response("421 Misdirected Request", [*about, length])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else _REFUSAL]

    def _allows(self, authority: str) -> bool:
        host = host_of(authority)
        if host is None:
            return False
        return host in self._names or host.endswith(self._suffixes) or _is_address(host)


def _parse(name: str) -> str:
    plain = name.lower().removesuffix(".")
    if plain != "*" and (host_of(plain.removeprefix(".")) != plain.removeprefix(".")):
        raise ValueError(
            "allow_host must be a host name without scheme and port, such as files.example, "
            f"or .example for its subdomains, or *, not {name!r}"
        )
    return plain


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
