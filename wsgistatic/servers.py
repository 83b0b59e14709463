"""The servers that ``python -m wsgistatic`` can start: somebody else's, both of them.

Strategy: a server is bound first (so that a taken port is an error before anything is
promised), then serves until it is stopped.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Bytes of a request's head, and of a body that nobody reads: cheroot's own limit is none, and it
# holds both in memory. wsgiref takes as much in one line.
_LARGEST = 64 * 1024
_THREADS = 32  # a browser holds six connections; a download one for as long as it takes


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


def bind_cheroot(app: WSGIApplication, host: str, port: int) -> BoundServer:
    """Bind cheroot: HTTP/1.1, keep-alive, a pool of threads."""
    from cheroot.wsgi import Server  # noqa: PLC0415 - an extra

    server = Server((host or "0.0.0.0", port), app, numthreads=_THREADS)  # noqa: S104
    server.max_request_header_size = server.max_request_body_size = _LARGEST
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


SERVERS = {"cheroot": bind_cheroot, "wsgiref": bind_wsgiref}


def default_server() -> str:
    """Name the better server that is installed."""
    return "cheroot" if find_spec("cheroot") else "wsgiref"
