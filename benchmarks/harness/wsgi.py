"""The files that every peer serves, WSGI requests for them, and checks of the responses."""

from __future__ import annotations

import gzip
import os
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

Environ = dict[str, Any]
PREFIX = "/static/"
MIB = 1024 * 1024
AGE = 86_400  # seconds; no peer takes a file of this age for one that is still being written
SMALL, MIDDLE, ZIPPED = "css/small.css", "js/middle.js", "css/zipped.css"
MEDIUM, BIG, LARGE, HUGE = (f"media/{size}.bin" for size in ("medium", "big", "large", "huge"))
SIZES = {SMALL: 1024, MIDDLE: 64 * 1024, ZIPPED: 64 * 1024}
SIZES |= {MEDIUM: MIB, BIG: 10 * MIB, LARGE: 16 * MIB, HUGE: 100 * MIB}


class Unable(Exception):  # noqa: N818 - a verdict on a peer, not an error of the benchmark
    """A peer does not do what is measured; the message says what it does instead."""


def need(right: object, reason: str) -> None:
    """Raise Unable with the reason unless the first argument is true."""
    if not right:
        raise Unable(reason)


def reason_of(error: Exception) -> str:
    """Return why a peer cannot be measured, by the exception that it led to."""
    return str(error) if isinstance(error, Unable) else f"raises {error!r}"


@dataclass(frozen=True, slots=True)
class Reply:
    """A response whose body has been read."""

    status: int
    headers: dict[str, str]  # by names in lower case
    body: bytes

    def expect(self, *statuses: int, body: bytes | None = None, length: int | None = None) -> Reply:
        """Return this reply; raise Unable for another status, body or Content-Length."""
        need(self.status in statuses, f"status {self.status}")
        need(body in (None, self.body), "wrong bytes in the body")
        length, found = len(body) if body is not None else length, self.get("Content-Length")
        need(length is None or found == str(length), f"Content-Length {found}, not {length}")
        return self

    def get(self, field: str) -> str:
        """Return the value of a header field, or "" without it."""
        return self.headers.get(field.lower(), "")

    def parts(self) -> list[tuple[bytes, bytes]]:
        """Return the head, in lower case, and the content with its CRLF of each multipart part."""
        media_type, _, boundary = self.get("Content-Type").partition("boundary=")
        need(media_type.startswith("multipart/byteranges"), "one part for several ranges")
        parts = self.body.split(b"--" + boundary.strip('"').encode())[1:-1]
        heads = [part.partition(b"\r\n\r\n") for part in parts]
        return [(head.lower(), content) for head, _, content in heads]


def call(app: Any, environ: Environ) -> Reply:
    """Call a WSGI app as a server does, and read the whole response."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        started[:] = [status, headers]

    blocks: Iterable[bytes] = app(environ.copy(), start_response)
    try:
        body = b"".join(blocks)
    finally:
        if hasattr(blocks, "close"):
            blocks.close()
    status, headers = started
    return Reply(int(status[:3]), {name.lower(): value for name, value in headers}, body)


def ignore_start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
    """Stand for a start_response whose arguments do not matter."""
    return len


def make_environ(path_info: str, method: str = "GET", **fields: str) -> Environ:
    """Return the environ of a browser's request, without a file wrapper; fields are its keys."""
    environ: Environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path_info,
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_HOST": "www.example.com",
        "HTTP_CONNECTION": "keep-alive",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "HTTP_ACCEPT": "text/css,*/*;q=0.1",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.5",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
        "HTTP_REFERER": "http://www.example.com/articles/42",
        "HTTP_COOKIE": "session=0123456789abcdef0123456789abcdef",
        "HTTP_SEC_FETCH_DEST": "style",
        "HTTP_SEC_FETCH_MODE": "no-cors",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        **fields,
    }
    setup_testing_defaults(environ)  # adds the other keys that PEP 3333 requires
    return environ


@lru_cache(maxsize=8)
def content_of(name: str) -> bytes:
    """Return the bytes of one of the files in SIZES, or of the gzip sidecar of one."""
    if name.endswith(".gz"):
        return gzip.compress(content_of(name.removesuffix(".gz")), mtime=0)
    chance = random.Random(name)
    if name.endswith(".bin"):
        # One random MiB, rotated by one more byte each time, so that no two blocks are equal.
        block = chance.randbytes(MIB)
        return b"".join(block[n:] + block[:n] for n in range(SIZES[name] // MIB))
    return chance.randbytes(SIZES[name] // 3 + 1).hex(" ").encode()[: SIZES[name]]


def write_file(path: Path, content: bytes, age: float = AGE) -> Path:
    """Write a file that was last modified so many seconds ago, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    modified = time.time_ns() - int(age * 1e9)
    os.utime(path, ns=(modified, modified))
    return path
