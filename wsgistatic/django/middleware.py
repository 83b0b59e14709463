"""``StaticFilesMiddleware``: serve a project's files from MIDDLEWARE, under WSGI and ASGI.

It calls the same WSGI app as ``wrap``, with a stand-in for the rest of the project. Under ASGI it
calls that app, and reads the files, in threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from wsgistatic.django.hosts import KnownHosts
from wsgistatic.django.responses import django_response, environ_of
from wsgistatic.django.wsgi import Files, files_in_front_of
from wsgistatic.wsgi.responses import close_body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_MISS: list[bytes] = []  # the body of a miss, recognised by its identity
# A key of environ: the status line and the header fields with which the project responded.
_RESPONSE = "wsgistatic.django.response"
_MISSING = (404, 410)


class StaticFilesMiddleware:
    """Serves static files and, if WSGISTATIC has them, uploads and a root. All else passes through.

    Put it into MIDDLEWARE after SecurityMiddleware. The settings are read when Django loads the
    middleware, and again after ``override_settings``.

    Raises:
        ImproperlyConfigured: A setting is wrong. The message is that of ``manage.py check``.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        self._files  # noqa: B018 - a wrong setting fails now
        setting_changed.connect(self._forget_settings)

    @cached_property
    def _files(self) -> Files:
        # Django iterates over the bodies itself, so a file wrapper would not reach the server.
        return files_in_front_of(_rest_of_project, {"file_wrapper": False})

    @cached_property
    def _hosts(self) -> KnownHosts:
        return KnownHosts()

    def _forget_settings(self, **change: object) -> None:
        for name in ("_files", "_hosts"):
            vars(self).pop(name, None)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Respond to a request; return a coroutine if Django calls the middleware that way."""
        environ = environ_of(request)
        if self._is_async:
            return self._respond_async(request, environ)
        response: Any = self._respond(request, environ)
        if response is None:
            response = self.get_response(request)
            if response.status_code in _MISSING:
                response = self._respond_after(request, environ, response)
        return cast(HttpResponseBase, response)

    async def _respond_async(
        self, request: HttpRequest, environ: WSGIEnvironment
    ) -> HttpResponseBase:
        is_ours = environ["PATH_INFO"].startswith(self._files.prefixes)
        response = await asyncio.to_thread(self._respond, request, environ) if is_ours else None
        if response is None:
            response = await self.get_response(request)
            if is_ours and response.status_code in _MISSING:
                respond_after = self._respond_after
                response = await asyncio.to_thread(respond_after, request, environ, response)
        return cast(HttpResponseBase, response)

    def _respond(
        self,
        request: HttpRequest,
        environ: WSGIEnvironment,
        missing: HttpResponseBase | None = None,
    ) -> HttpResponseBase | None:
        """Return the response to a request for a file; otherwise ``missing`` with added fields."""
        started: list[Any] = []
        body = self._files.app(environ, lambda *response: started.extend(response))  # type: ignore[arg-type]
        status, headers = started
        if body is _MISS:
            if missing is not None:
                for name, value in headers:
                    missing[name] = value
            return missing
        hosts = self._hosts
        if environ.get(hosts.field) not in hosts.values:
            try:
                hosts.check(request)
            except BaseException:
                close_body(body)
                raise
        return django_response(request, status, headers, body)

    def _respond_after(
        self, request: HttpRequest, environ: WSGIEnvironment, missing: HttpResponseBase
    ) -> HttpResponseBase | None:
        """Return the response to a miss for which the project has no page either."""
        line = f"{missing.status_code} {missing.reason_phrase}"
        environ = {**environ, _RESPONSE: (line, [*missing.items()])}
        return self._respond(request, environ, missing)


def _rest_of_project(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response(*environ.get(_RESPONSE, ("200 OK", [])))
    return _MISS
