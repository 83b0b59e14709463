"""The floor: the least that a live static app can do. Not a product: it guards nothing.

It stats the file on every request, opens and reads it, and makes its headers once per file
version. It knows one plain range, one entity tag, one date, and no content codings.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_BLOCK = 256 * 1024
_TYPES = {".css": "text/css", ".js": "text/javascript"}


def floor_app(app: WSGIApplication, directory: str, prefix: str) -> WSGIApplication:
    """Make the app."""

    def floor(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        url: str = environ["PATH_INFO"]
        if not url.startswith(prefix):
            return app(environ, start_response)
        path = f"{directory}/{url[len(prefix) :]}"
        try:
            stat = os.stat(path)
        except OSError:
            return app(environ, start_response)
        size = stat.st_size
        tag, date, headers = _headers(path, stat.st_mtime_ns, size)
        if (
            environ.get("HTTP_IF_NONE_MATCH") == tag
            or environ.get("HTTP_IF_MODIFIED_SINCE") == date
        ):
            start_response("304 Not Modified", [("ETag", tag)])
            return ()
        if environ["REQUEST_METHOD"] == "HEAD":
            start_response("200 OK", headers.copy())
            return ()
        asked = environ.get("HTTP_RANGE")
        file = os.open(path, os.O_RDONLY)
        if asked is not None and "," not in asked:
            return _range(file, asked, size, headers, start_response)
        start_response("200 OK", headers.copy())
        if size > _BLOCK:
            return _blocks(file)
        body = os.read(file, size)
        os.close(file)
        return (body,)

    return floor


@lru_cache(maxsize=100)
def _headers(path: str, mtime_ns: int, size: int) -> tuple[str, str, list[tuple[str, str]]]:
    tag = f'"{mtime_ns:x}-{size:x}"'
    date = formatdate(mtime_ns // 10**9, usegmt=True)
    media_type = _TYPES.get(os.path.splitext(path)[1], "application/octet-stream")
    return (
        tag,
        date,
        [
            ("Content-Type", media_type),
            ("Content-Length", str(size)),
            ("Last-Modified", date),
            ("ETag", tag),
            ("Cache-Control", "max-age=60"),
        ],
    )


def _range(
    file: int,
    asked: str,
    size: int,
    headers: list[tuple[str, str]],
    start_response: StartResponse,
) -> Iterable[bytes]:
    first, _, last = asked[len("bytes=") :].partition("-")
    start = int(first)
    body = os.pread(file, int(last) + 1 - start, start)
    os.close(file)
    ready = headers.copy()
    ready[1] = ("Content-Length", str(len(body)))
    ready.append(("Content-Range", f"bytes {first}-{last}/{size}"))
    start_response("206 Partial Content", ready)
    return (body,)


def _blocks(file: int) -> Iterator[bytes]:
    try:
        while block := os.read(file, _BLOCK):
            yield block
    finally:
        os.close(file)
