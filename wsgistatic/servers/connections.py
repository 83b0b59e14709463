"""The end of a connection."""

from __future__ import annotations

import socket
from contextlib import suppress
from time import monotonic

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
