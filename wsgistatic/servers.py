"""The servers that ``python -m wsgistatic`` can start: somebody else's, both of them.

Strategy: a server is bound first (so that a taken port is an error before anything is
promised), then serves until it is stopped.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from wsgistatic.http.paths import quote_path

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Bytes of a request's head, and of a body that nobody reads: cheroot's own limit is none, and it
# holds both in memory. wsgiref takes as much in one line.
_LARGEST = 64 * 1024
DEFAULT_THREADS = 32  # a browser holds six connections; a download one for as long as it takes
_PATIENCE = 2.0  # seconds for downloads under way, once interrupted
_EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class BoundServer:
    """A server that holds its port.

    Attributes:
        name: of the server's package.
        port: the one it got.
        serve: answers requests until it is interrupted.
        stop: ends it and frees the port.
    """

    name: str
    port: int
    serve: Callable[[], None]
    stop: Callable[[], None]


def bind_cheroot(
    app: WSGIApplication,
    host: str,
    port: int,
    threads: int = DEFAULT_THREADS,
    largest_body: int = 0,
) -> BoundServer:
    """Bind cheroot: HTTP/1.1, keep-alive, a pool of threads.

    Arguments:
        app: the app to serve.
        host, port: where to listen.
        threads: how many requests are answered at once.
        largest_body: bytes of a request's content, more is refused; 0 for any.
    """
    from cheroot.wsgi import Server  # noqa: PLC0415 - an extra

    server = Server((host or "0.0.0.0", port), app, numthreads=threads)  # noqa: S104
    server.max_request_header_size, server.max_request_body_size = _LARGEST, largest_body
    server.prepare()
    address: Any = server.bind_addr
    return BoundServer("cheroot", address[1], server.serve, server.stop)


def bind_wsgiref(app: WSGIApplication, host: str, port: int) -> BoundServer:
    """Bind the standard library's server: a thread for each connection, one request each."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server_class = type("Server", (_ThreadingServer,), {"address_family": family})
    server: WSGIServer = make_server(host, port, app, server_class, _QuietHandler)
    return BoundServer("wsgiref", server.server_port, server.serve_forever, server.server_close)


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False  # Ctrl-C does not wait for a paused download

    def server_bind(self) -> None:
        """Bind without WSGIServer's look-up of the host's full name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is no error, and the app logs its own."""


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Leave the access line to the app's."""


# A folder's server has no use for what requests carry.
SERVERS: dict[str, Callable[[WSGIApplication, str, int], BoundServer]] = {
    "cheroot": partial(bind_cheroot, largest_body=_LARGEST),
    "wsgiref": bind_wsgiref,
}


def default_server() -> str:
    """Name the better server that is installed."""
    return "cheroot" if find_spec("cheroot") else "wsgiref"


def run(server: BoundServer, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then stop; to be called in the main thread.

    Arguments:
        server: the server.
        say: writes a line.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    with suppress(KeyboardInterrupt):
        server.serve()
    # cheroot waits for its threads, and so for the slowest client.
    stopping = Thread(target=server.stop, daemon=True)
    stopping.start()
    stopping.join(_PATIENCE)
    say("Stopped.")
    if stopping.is_alive():
        os._exit(0)


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def why_not_bound(error: OSError | ValueError, host: str, port: int) -> str:
    """Say why a server could not be bound; ValueError is a host that no name can be."""
    if getattr(error, "errno", None) == errno.EADDRINUSE or "in use" in str(error):
        return f"port {port} of {host} is taken: choose another with --port (0 finds a free one)"
    return f"cannot listen on {host}, port {port}: {getattr(error, 'strerror', None) or error}"


def shown_host(host: str) -> str:
    """Give the host as it is written in a URL to click on."""
    if host in _EVERY_ADDRESS:
        return "localhost"
    return f"[{host}]" if ":" in host else host


class AccessLog:
    """WSGI middleware that writes ``GET /path 206 1000 bytes=0-999`` when a response ends.

    Arguments:
        app: the app whose answers are logged.
        write: takes a line without its end.
    """

    def __init__(self, app: WSGIApplication, write: Callable[[str], None]) -> None:
        self._app = app
        self._write = write

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, and count what comes back."""
        status = "-"

        def record(code: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal status
            status = code[:3]
            return start_response(code, headers, *exc_info)

        def log(sent: int) -> None:
            fields = [environ["REQUEST_METHOD"], _target(environ), status, str(sent)]
            if "HTTP_RANGE" in environ:
                fields.append(environ["HTTP_RANGE"])
            # A field may hold control characters; a line must stay one line.
            self._write(" ".join(quote(field, safe=_VISIBLE, errors="replace") for field in fields))

        return _Counted(self._app(environ, record), log)


_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


def _target(environ: WSGIEnvironment) -> str:
    path = quote_path(environ.get("PATH_INFO") or "/")
    query = environ.get("QUERY_STRING")
    return f"{path}?{query}" if query else path


class _Counted:
    """Counts the bytes of a body; logs once, when it is closed."""

    def __init__(self, body: Iterable[bytes], log: Callable[[int], None]) -> None:
        self._body = body
        self._log = log
        self._sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._body:
            self._sent += len(block)
            yield block

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._log(self._sent)
