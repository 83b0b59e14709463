"""Turn WSGI responses into Django's, which stream large bodies: in threads under ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http.cookies import SimpleCookie
from threading import Lock

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase, ResponseHeaders

from wsgistatic.http.fields import Headers


def django_response(
    request: HttpRequest, status: str, headers: Headers, body: Iterable[bytes]
) -> HttpResponseBase:
    """Return a WSGI response as one of Django's. It streams the body unless that is a list."""
    if isinstance(body, list):
        return _ReadyResponse(status, headers, body)
    if status[:3] == "304":
        return _ReadyResponse(status, headers, [])
    response = StreamingHttpResponse(
        AsyncBody(body) if isinstance(request, ASGIRequest) else body,
        status=int(status[:3]),
        reason=status[4:],
    )
    response.headers = _CheckedHeaders(headers)
    return response


class _CheckedHeaders(ResponseHeaders):
    """Header fields that are known to be valid."""

    def __init__(self, headers: Headers) -> None:
        self._store = {name.lower(): (name, value) for name, value in headers}
        if len(self._store) < len(headers):  # a function of the user's repeats a field
            self._store = {}
            for name, value in headers:
                self[name] = f"{self[name]}, {value}" if name in self else value


class _ReadyResponse(HttpResponse):
    """A response whose content is ready.

    It sets the same attributes as Django's constructor, which converts and checks each value. That
    would take a third as long as all the rest of a hit in Django.
    """

    def __init__(self, status: str, headers: Headers, body: list[bytes]) -> None:
        self.__dict__ = {
            **_BLANK,
            "status_code": int(status[:3]),
            "_reason_phrase": status[4:],
            "headers": _CheckedHeaders(headers),
            "cookies": SimpleCookie(),
            "_container": body,
            "_resource_closers": [],
        }

    @property
    def url(self) -> str:
        """The Location of a redirect, by which Django's test client follows it."""
        return self["Location"]


_BLANK = vars(HttpResponse(content_type="text/plain"))


class AsyncBody:
    """An async iterator over a body, whose blocks are read in threads."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body, self._blocks, self._lock = body, iter(body), Lock()

    def __aiter__(self) -> AsyncBody:
        return self

    async def __anext__(self) -> bytes:
        block = await asyncio.to_thread(self._read)
        if block is None:
            raise StopAsyncIteration
        return block

    def _read(self) -> bytes | None:
        with self._lock:
            return next(self._blocks, None)

    def close(self) -> None:
        """Close the body, but not while a block is read. Django calls this in a thread."""
        with self._lock:
            getattr(self._body, "close", int)()
