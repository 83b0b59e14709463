"""The servers behind the commands, cheroot and wsgiref, and their access log.

Binding and serving are separate steps, so that a port in use is reported before the command
announces its URL.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.util import find_spec
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote
from wsgiref.simple_server import make_server

from wsgistatic.http.paths import quote_path
from wsgistatic.servers.connections import Handler, ThreadingServer
from wsgistatic.servers.streams import wait_for_output
from wsgistatic.wsgi.responses import close_body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Bytes of a request's header, and of a body that no app reads. By default cheroot limits neither,
# and holds both in memory. wsgiref accepts as much in one line.
_MAX_REQUEST_SIZE = 64 * 1024
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000
# A browser opens six connections, and a download occupies a thread until it ends.
DEFAULT_THREADS = 32
_STOP_TIMEOUT = 2.0  # seconds for downloads in progress after an interrupt
# Windows has Ctrl-Break (SIGBREAK) too, which can also be sent to a process from outside.
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
SIGNALS: tuple[int, ...] = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
_REPEAT_TIME = 0.5  # seconds within which a signal repeats the one before


class BoundServer(NamedTuple):
    """A server that listens on its port."""

    name: str
    port: int  # the one that it got, if any free one was requested
    serve: Callable[[], None]  # answers requests until it is interrupted
    stop: Callable[[], None]  # ends the server and frees the port


def bind_cheroot(
    app: WSGIApplication, host: str, port: int, threads: int = DEFAULT_THREADS, *, largest_body: int
) -> BoundServer:
    """Bind cheroot, which has HTTP/1.1, keep-alive and a pool of threads.

    It refuses requests whose body has more than ``largest_body`` bytes, unless that is 0. Raises
    ImportError if it is not installed, and OSError or ValueError if it cannot listen there.
    """
    from cheroot.wsgi import Server  # noqa: PLC0415 - an optional dependency

    from wsgistatic.servers.cheroot_connections import Connection  # noqa: PLC0415

    address = (host or "0.0.0.0", port)  # noqa: S104
    server = Server(address, _with_server_options(app), numthreads=threads)
    server.ConnectionClass = Connection
    server.max_request_header_size, server.max_request_body_size = _MAX_REQUEST_SIZE, largest_body
    server.prepare()
    bound: Any = server.bind_addr
    return BoundServer("cheroot", bound[1], server.serve, server.stop)


def bind_wsgiref(app: WSGIApplication, host: str, port: int) -> BoundServer:
    """Bind the standard library's server, with a thread for each connection.

    Raises OSError or ValueError if it cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server_class = type("Server", (ThreadingServer,), {"address_family": family})
    server: Any = make_server(host, port, _with_server_options(app), server_class, Handler)
    return BoundServer("wsgiref", server.server_port, server.serve_forever, server.server_close)


def _with_server_options(app: WSGIApplication) -> WSGIApplication:
    """Respond to ``OPTIONS *``, which is about the server as a whole (RFC 9110 9.3.7)."""

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "*":
            return app(environ, start_response)
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]

    return respond


# A server of static files does not read the bodies of requests.
SERVERS: dict[str, Callable[[WSGIApplication, str, int], BoundServer]] = {
    "cheroot": partial(bind_cheroot, largest_body=_MAX_REQUEST_SIZE),
    "wsgiref": bind_wsgiref,
}


def default_server() -> str:
    """Return the name of the best server that is installed."""
    return "cheroot" if find_spec("cheroot") else "wsgiref"


def run(bind: Callable[[], BoundServer], print_line: Callable[[str], None]) -> None:
    """Bind a server and serve until one of ``SIGNALS``, then stop. Call it in the main thread.

    Further signals have no effect, because the process is about to end.
    """
    server: BoundServer | None = None
    last = -_REPEAT_TIME

    def interrupt(*_: object) -> None:
        # Another exception must not disturb the handling of the first. But the first may be lost,
        # because Python ignores exceptions in finalizers.
        nonlocal last
        is_repeated, last = monotonic() - last < _REPEAT_TIME, monotonic()
        if not is_repeated:
            raise KeyboardInterrupt

    before = [(number, signal.signal(number, interrupt)) for number in SIGNALS]
    try:
        server = bind()
        server.serve()
    except KeyboardInterrupt:
        pass
    except BaseException:
        for number, handler in before:
            signal.signal(number, handler)
        raise
    ignore_signals()
    has_threads = True
    if server is not None:
        # cheroot waits for its threads, and so for the slowest client.
        stopping = Thread(target=server.stop, daemon=True)
        stopping.start()
        stopping.join(_STOP_TIMEOUT)
        has_threads = stopping.is_alive()
    wait_for_output()  # of the other stream
    print_line("Stopped.")
    if has_threads:
        wait_for_output()
        os._exit(0)


def ignore_signals() -> None:
    """Ignore ``SIGNALS``, even while the interpreter shuts down."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def port_number(text: str) -> int:
    """Return the port number in a command-line argument."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"a port must be from 0 to 65535, not {text!r}")
    return int(text)


def describe_bind_error(error: OSError | ValueError, host: str, port: int) -> str:
    """Return a message about a server that could not be bound."""
    if getattr(error, "errno", None) == errno.EADDRINUSE or "in use" in str(error):
        return f"port {port} of {host} is in use; choose another with --port (0 finds a free one)"
    return f"cannot listen on {host}, port {port}: {getattr(error, 'strerror', None) or error}"


def announcement(what: str, server: BoundServer, host: str, path: str = "/") -> str:
    """Return the line that tells the user what is served, and at which URL."""
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared with, not bound
        host = "localhost"
    url = f"http://{f'[{host}]' if ':' in host else host}:{server.port}{path}"
    return f"Serving {what} at {url} with {server.name}. Press Ctrl-C to stop."


# Characters of a request that the log shows as they are. CI systems take commands from a log, after
# "##" or after "::" at the beginning of a line.
_SHOWN = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")


class AccessLog:
    """WSGI middleware that logs ``GET /path 206 1000 bytes=0-999`` when a response ends.

    ``write`` is called with each line, without a line end.
    """

    def __init__(self, app: WSGIApplication, write: Callable[[str], None]) -> None:
        self._app, self._write = app, write

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request to the app, and count the bytes of the response."""
        status = "-"

        def record(code: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal status
            status = code[:3]
            return start_response(code, headers, *exc_info)

        def log(sent: int) -> None:
            target = quote_path(environ.get("PATH_INFO") or "/")
            if environ.get("QUERY_STRING"):
                target += "?" + environ["QUERY_STRING"]
            fields = [target, status, str(sent)]
            if "HTTP_RANGE" in environ:
                fields.append(environ["HTTP_RANGE"])
            # Control characters in a field must not break the line.
            method = quote(environ["REQUEST_METHOD"], errors="replace")
            shown = (quote(field, safe=_SHOWN, errors="replace") for field in fields)
            self._write(" ".join((method, *shown)))

        return _CountedBody(self._app(environ, record), log)


class _CountedBody:
    """A body that counts its bytes, and logs their number when it is closed."""

    def __init__(self, body: Iterable[bytes], log: Callable[[int], None]) -> None:
        self._body, self._log, self._sent = body, log, 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._body:
            self._sent += len(block)
            yield block

    def close(self) -> None:
        try:
            close_body(self._body)
        finally:
            self._log(self._sent)
