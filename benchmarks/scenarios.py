"""The requests that are timed, each with the proof that a peer answers it rightly.

Strategy: a scenario is a function that asks the peer as often as it needs to, raises Unable
with the reason where an answer is wrong, and gives the environ of the request to be timed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from benchmarks.peers import INNER_MARK, Peer
from benchmarks.tree import ABSENT, BIG, HUGE, MIDDLE, SIZES, SMALL, ZIPPED, Tree

Environ = dict[str, Any]
_KEPT = 1024 * 1024  # bytes of a body that a reply keeps to be looked at
_RANGE = (5_000_001, 5_000_001 + 64 * 1024)
_RANGES = [(start, start + 16 * 1024) for start in (1_000_001, 3_000_001, 5_000_001, 7_000_001)]


class Unable(Exception):  # noqa: N818 - a verdict, not an error
    """What a peer does instead of the right thing."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of request; ``base`` is what to compare with where WhiteNoise cannot do it."""

    key: str
    column: str
    title: str
    file: str
    prepare: Callable[[Client], Environ]
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, drained: the start of its body is kept."""

    status: str
    headers: dict[str, str]
    body: bytes
    size: int
    digest: bytes


class Client:
    """Asks one peer, as a server would."""

    def __init__(self, peer: Peer, app: Any, tree: Tree) -> None:
        self.tree = tree
        self._prefix = peer.prefix
        self._app = app

    def environ(self, name: str, method: str = "GET", **fields: str) -> Environ:
        """Make the environ of a browser's request for a file."""
        return request_environ(self._prefix + name, method, **fields)

    def ask(self, environ: Environ) -> Reply:
        """Send a request and drain the answer."""
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            started[:] = [status, headers]

        body = self._app(environ.copy(), start_response)
        digest, kept, size = hashlib.sha256(), b"", 0
        try:
            for block in body:
                digest.update(block)
                size += len(block)
                kept += block[: max(0, _KEPT - len(kept))]
        finally:
            if hasattr(body, "close"):
                body.close()
        status, headers = started
        fields = {name.lower(): value for name, value in headers}
        return Reply(status, fields, kept, size, digest.digest())

    def hit(self, name: str, **fields: str) -> tuple[Environ, Reply]:
        """Ask for a whole file, which must come."""
        environ = self.environ(name, **fields)
        reply = self.ask(environ)
        _need(reply.status[:3] == "200", f"status {reply.status[:3]}")
        _need(reply.digest == self.tree.digests[name], "other bytes than the file's")
        _need_length(reply, SIZES[name])
        return environ, reply


def request_environ(path_info: str, method: str, **fields: str) -> Environ:
    """Make an environ as a server makes it of what a browser sends; without a file wrapper."""
    environ: Environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path_info,
        "RAW_URI": quote(path_info),
        "QUERY_STRING": "",
        "SERVER_NAME": "www.example.com",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "benchmark/1",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "51234",
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
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    environ.update(fields)
    return environ


def _hit(name: str) -> Callable[[Client], Environ]:
    return lambda client: client.hit(name)[0]


def _same_tag(client: Client) -> Environ:
    return _unchanged(client, "ETag", "HTTP_IF_NONE_MATCH")


def _same_date(client: Client) -> Environ:
    return _unchanged(client, "Last-Modified", "HTTP_IF_MODIFIED_SINCE")


def _unchanged(client: Client, validator: str, field: str) -> Environ:
    whole = client.hit(SMALL)[1].headers
    value = whole.get(validator.lower())
    if value is None:
        raise Unable(f"sends no {validator}")
    environ = client.environ(SMALL, **{field: value})
    reply = client.ask(environ)
    _need(reply.status[:3] == "304", f"status {reply.status[:3]}")
    _need(not reply.size, "sends a body with a 304")
    length = reply.headers.get("content-length")
    _need(length in (None, whole["content-length"]), f"Content-Length {length} with a 304")
    _need(reply.headers.get("etag") == whole.get("etag"), "304 without its ETag")
    return environ


def _one_range(client: Client) -> Environ:
    start, stop = _RANGE
    environ = client.environ(BIG, HTTP_RANGE=f"bytes={start}-{stop - 1}")
    reply = client.ask(environ)
    _need(reply.status[:3] == "206", f"status {reply.status[:3]} to a Range")
    _need(reply.body == client.tree.read(BIG, start, stop), "other bytes than the range's")
    where = f"bytes {start}-{stop - 1}/{SIZES[BIG]}"
    _need(reply.headers.get("content-range") == where, "wrong Content-Range")
    _need_length(reply, stop - start)
    return environ


def _four_ranges(client: Client) -> Environ:
    value = ",".join(f"{start}-{stop - 1}" for start, stop in _RANGES)
    environ = client.environ(BIG, HTTP_RANGE=f"bytes={value}")
    reply = client.ask(environ)
    _need(reply.status[:3] == "206", f"status {reply.status[:3]} to four ranges")
    media_type, _, boundary = reply.headers.get("content-type", "").partition("boundary=")
    _need(media_type.startswith("multipart/byteranges"), "one part for four ranges")
    parts = reply.body.split(b"--" + boundary.strip('"').encode())[1:-1]
    _need(len(parts) == len(_RANGES), f"{len(parts)} parts for four ranges")
    for part, (start, stop) in zip(parts, _RANGES, strict=True):
        head, _, body = part.partition(b"\r\n\r\n")
        _need(body == client.tree.read(BIG, start, stop) + b"\r\n", "other bytes than the range's")
        where = f"content-range: bytes {start}-{stop - 1}/{SIZES[BIG]}"
        _need(where.encode() in head.lower(), "wrong Content-Range in a part")
    _need_length(reply, reply.size)
    return environ


def _miss(client: Client) -> Environ:
    return _inner(client, client.environ(ABSENT))


def _outside(client: Client) -> Environ:
    return _inner(client, request_environ("/articles/42", "GET"))


def _inner(client: Client, environ: Environ) -> Environ:
    reply = client.ask(environ)
    name, value = INNER_MARK
    _need(reply.headers.get(name.lower()) == value, "wraps no app: its own 404")
    return environ


def _head(client: Client) -> Environ:
    environ = client.environ(SMALL, "HEAD")
    reply = client.ask(environ)
    _need(reply.status[:3] == "200", f"status {reply.status[:3]} to HEAD")
    _need(not reply.size, "sends a body to HEAD")
    _need_length(reply, SIZES[SMALL])
    return environ


def _sidecar(client: Client) -> Environ:
    environ = client.environ(ZIPPED, HTTP_ACCEPT_ENCODING="gzip")
    reply = client.ask(environ)
    _need(reply.status[:3] == "200", f"status {reply.status[:3]}")
    coding = reply.headers.get("content-encoding")
    _need(coding == "gzip", "sends the file without content coding")
    _need(reply.body == client.tree.read(ZIPPED + ".gz"), "other bytes than the sidecar's")
    _need("accept-encoding" in reply.headers.get("vary", "").lower(), "no Vary: Accept-Encoding")
    _need_length(reply, reply.size)
    return environ


def _need(right: bool, reason: str) -> None:
    if not right:
        raise Unable(reason)


def _need_length(reply: Reply, length: int) -> None:
    got = reply.headers.get("content-length")
    _need(got == str(length), f"Content-Length {got}, not {length}")


def scenarios() -> Iterable[Scenario]:
    """Give all scenarios, in the order of the tables."""
    date = "304 by If-Modified-Since"
    ranges = "Four 16 KiB ranges, 10 MiB file"
    return (
        Scenario("1k", "1 KiB", "1 KiB file", SMALL, _hit(SMALL)),
        Scenario("64k", "64 KiB", "64 KiB file", MIDDLE, _hit(MIDDLE)),
        Scenario("etag", "304 tag", "304 by If-None-Match", SMALL, _same_tag),
        Scenario("date", "304 date", date, SMALL, _same_date),
        Scenario("range", "range", "64 KiB range, 10 MiB file", BIG, _one_range),
        Scenario("ranges", "ranges", ranges, BIG, _four_ranges, base="range"),
        Scenario("miss", "miss", "Miss under the prefix", SMALL, _miss),
        Scenario("outside", "outside", "Outside the prefix", SMALL, _outside),
        Scenario("head", "HEAD", "HEAD", SMALL, _head),
        Scenario("gzip", "gzip", "Stored gzip sidecar", ZIPPED, _sidecar),
        Scenario("100m", "100 MiB", "100 MiB file, drained", HUGE, _hit(HUGE)),
    )
