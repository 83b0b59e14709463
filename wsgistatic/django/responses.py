"""Convert requests of Django to environs, and WSGI responses to responses of Django.

Large bodies are streamed. Under ASGI, they are read in threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from http.cookies import SimpleCookie
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.core.files import File
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase, ResponseHeaders

from wsgistatic.http.fields import Headers
from wsgistatic.wsgi.file_app import AnySource, serve_file
from wsgistatic.wsgi.responses import close_body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def file_response(request: HttpRequest, source: AnySource, **options: Any) -> HttpResponseBase:
    """Respond to a request with a file or other source, from a view that has checked the user.

    ``return file_response(request, report.file, download_name="report.pdf")``

    It supports ranges, preconditions and HEAD, under WSGI and ASGI. In an async view, call it with
    ``await asyncio.to_thread(file_response, request, source)``, because it opens the file.

    Arguments:
        request: The view's request.
        source: A source as for ``FileApp``, or a file of a model.
        options: The arguments of ``FileApp``. The default of ``cache_control`` is
            ``"private, no-cache"``: only browsers store the file, and ask the view again each time.

    Returns:
        The response.

    Raises:
        Http404: The file does not exist.
        TypeError, ValueError: As for ``FileApp``.
    """
    if isinstance(source, File):
        with suppress(AttributeError, NotImplementedError):  # it is not in a local storage
            source = getattr(source, "path")  # noqa: B009 - only files of models have it
    options = {"cache_control": "private, no-cache", **options, "file_wrapper": False}
    status, headers, body = serve_file(environ_of(request), source, **options)
    if status[:3] == "404":
        raise Http404("The file does not exist.")
    return django_response(request, status, headers, body)


def environ_of(request: HttpRequest) -> WSGIEnvironment:
    """Return environ as in PEP 3333. Django decodes paths, and under ASGI the query too."""
    environ: WSGIEnvironment = request.META
    path, script_name = request.path_info, environ.get("SCRIPT_NAME")
    is_asgi = isinstance(request, ASGIRequest)
    if not is_asgi and not script_name and path.isascii() and environ.get("PATH_INFO") == path:
        return environ
    texts = {"PATH_INFO": path, "SCRIPT_NAME": (script_name or "").rstrip("/")}
    if is_asgi:
        texts["QUERY_STRING"] = environ["QUERY_STRING"]
    return {**environ, **{name: text.encode().decode("latin-1") for name, text in texts.items()}}


def django_response(
    request: HttpRequest, status: str, headers: Headers, body: Iterable[bytes]
) -> HttpResponseBase:
    """Return a WSGI response as one of Django's. It streams the body unless that is a list."""
    if status.startswith("206"):
        # GZipMiddleware would compress a part of a file as if it were the whole.
        request.META.pop("HTTP_ACCEPT_ENCODING", None)
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
        self._store = {field[0].lower(): field for field in headers}
        if len(self._store) < len(headers):  # the user's function repeats a field
            self._store = {}
            for name, value in headers:
                self[name] = f"{self[name]}, {value}" if name in self else value


class _ReadyResponse(HttpResponse):
    """A response whose content is ready.

    It sets the same attributes as Django's constructor, which converts and checks each value. That
    would take a third as long as the rest of a hit in Django.
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
        if "Location" not in self.headers:
            raise AttributeError("only redirects have a url")
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
            close_body(self._body)
