"""ALLOWED_HOSTS for files, which are served before Django checks the host."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_MAX_KNOWN = 1000  # a wildcard in ALLOWED_HOSTS accepts any number of hosts

logger = logging.getLogger("django.security.DisallowedHost")  # where Django logs such requests


class KnownHosts:
    """Django's check of the host, which runs once for each value that passes.

    Attributes:
        field: The key in environ of the field that names the host.
        values: The values of that field that have passed.
    """

    def __init__(self) -> None:
        self.field = "HTTP_X_FORWARDED_HOST" if settings.USE_X_FORWARDED_HOST else "HTTP_HOST"
        self.values: set[str | None] = set()

    def check(self, request: HttpRequest) -> None:
        """Raise DisallowedHost as Django does."""
        request.get_host()
        # Without the field, the host depends on other fields.
        if self.field in request.META and len(self.values) < _MAX_KNOWN:
            self.values.add(request.META[self.field])


class AllowedHosts:
    """WSGI middleware that refuses files to requests whose host Django would refuse.

    Arguments:
        files: The files in front of the app.
        app: The app, which gets every request that is not below a prefix.
        prefixes: The prefixes of the files, from ``parse_prefix``.
    """

    def __init__(
        self, files: WSGIApplication, app: WSGIApplication, prefixes: Sequence[str]
    ) -> None:
        self._files, self._app = files, app
        # The app has paths of its own at the root, so it decides about hosts there.
        self._has_root = "" in prefixes
        named = [prefix for prefix in prefixes if prefix]
        self._exact, self._below = set(named), tuple(prefix + "/" for prefix in named)
        self._hosts = KnownHosts()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond with 400 if the host is not allowed, or pass the request to the app."""
        hosts = self._hosts
        if environ.get(hosts.field) in hosts.values:
            return self._files(environ, start_response)
        path_info = environ.get("PATH_INFO", "")
        is_named = path_info in self._exact or path_info.startswith(self._below)
        if not is_named and not self._has_root:
            return self._app(environ, start_response)
        request = HttpRequest()
        request.META = environ
        try:
            hosts.check(request)
        except DisallowedHost as error:
            if not is_named:
                return self._app(environ, start_response)
            logger.error("%s", error, extra={"status_code": 400, "request": request})
            return _refuse(environ, start_response)
        return self._files(environ, start_response)


def _refuse(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = b"400 Bad Request\n"
    about = ("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")
    start_response("400 Bad Request", [*about, ("Content-Length", str(len(body)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]
