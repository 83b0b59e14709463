"""The connections of the standard library's server, and how those of any server end."""

from __future__ import annotations

import socket
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from time import monotonic
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from wsgistatic.http.targets import is_host_valid, split_target

BLOCK_SIZE = 64 * 1024  # bytes of a request's body that are read and discarded at a time
_IDLE_TIMEOUT, _TIMEOUT = 2.0, 30.0  # seconds without input, and in all


def discard_input(connection: socket.socket) -> None:
    """End a connection's output, and discard its input until the client closes it too.

    If a connection is closed while it has unread input, TCP resets it, and the client may lose the
    end of the response. RFC 9112 9.6 describes this remedy.
    """
    deadline = monotonic() + _TIMEOUT
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(_IDLE_TIMEOUT)
        while monotonic() < deadline and connection.recv(BLOCK_SIZE):
            pass


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """The standard library's server, with a thread for each connection."""

    daemon_threads = True
    block_on_close = False  # Ctrl-C does not wait for a paused download

    def server_bind(self) -> None:
        """Bind without looking up the host's full name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: a disconnected client is not an error, and the app logs its own failures."""

    def shutdown_request(self, request: Any) -> None:
        """Close a connection so that the client gets the whole response."""
        discard_input(request)
        self.close_request(request)


class Handler(WSGIRequestHandler):
    """Reads requests whose target may have any form, and checks Host (RFC 9112 3.2)."""

    def parse_request(self) -> bool:
        """Return whether the request is valid."""
        if not super().parse_request():
            return False
        authority, self.path = split_target(self.path)
        hosts = self.headers.get_all("Host", [])
        is_target = self.path[:1] == "/" or (self.command, self.path) == ("OPTIONS", "*")
        required = self.request_version > "HTTP/1.0"
        if not (is_target and is_host_valid(hosts, authority, required=required)):
            self.send_error(400)
            return False
        if authority is not None:
            del self.headers["Host"]
            self.headers["Host"] = authority
        return True

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet: ``AccessLog`` logs requests."""
