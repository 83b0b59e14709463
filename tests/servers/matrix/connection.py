"""One raw keep-alive connection, on which nothing goes unseen."""

from __future__ import annotations

import re
import select
import socket
from contextlib import suppress
from dataclasses import dataclass

from tests.servers.matrix.app import THE_APP

PATIENCE = 20.0  # seconds; a busy machine is no failure
MOST = 1024**2  # bytes read at a time


class NoResponseError(AssertionError):
    """Bytes where a response should begin, or after the last one."""


@dataclass
class Reply:
    """A response; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def length(self) -> int:
        return int(self.headers["content-length"])


class Wire:
    """A connection.

    Arguments:
        port: of a server on loopback.
        timeout: seconds without a byte after which reading raises ``TimeoutError``.
        unread: bytes that the system takes from the server before they are read, about; None for
            as many as it likes.
    """

    def __init__(self, port: int, timeout: float = PATIENCE, unread: int | None = None) -> None:
        self._socket = socket.socket()
        if unread is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, unread)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(("127.0.0.1", port))
        except BaseException:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, target: str, method: str = "GET", **headers: str) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def head(self) -> Reply:
        """Read a status line and headers."""
        return self._head(self._file.readline())

    def ask(self, target: str, method: str = "GET", **headers: str) -> Reply:
        """Send a request and read a whole response, which says its length."""
        self.send(target, method, **headers)
        return self._reply(self._file.readline(), method)

    def read(self, size: int) -> bytes:
        """Read so many bytes, or fewer where the connection ends before."""
        return self._file.read(size)

    def read_some(self) -> bytes:
        """Read what is there; nothing where the connection has ended."""
        with suppress(ConnectionResetError):
            return self._file.read1(MOST)
        return b""

    def has_bytes(self) -> bool:
        """Say whether there is anything to read."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def set_timeout(self, seconds: float) -> None:
        self._socket.settimeout(seconds)

    def expect_next(self, closed: bool) -> None:
        """Go on after a whole response: see the end of the connection, or ask for the app on it.

        Arguments:
            closed: which of the two.

        Raises:
            NoResponseError: there are bytes that belong to no response, or none where some should.
            TimeoutError: it is not closed.
        """
        if closed:
            # Nothing is sent: a server that has closed would answer with a reset.
            if rest := self.read_to_end():
                raise NoResponseError(f"after the response: {rest[:200]!r}")
            return
        reply = self.ask("/app")
        assert (reply.status, reply.body) == (200, THE_APP)

    def read_to_end(self) -> bytes:
        try:
            return self._file.read()
        except ConnectionResetError:
            return b""

    def _head(self, status_line: bytes) -> Reply:
        found = re.fullmatch(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n", status_line)
        if found is None:
            raise NoResponseError(f"no status line: {status_line[:200]!r}")
        headers: dict[str, str] = {}
        while line := self._file.readline().rstrip(b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            assert headers.setdefault(name.lower(), value.strip()) == value.strip(), line
        return Reply(int(found[1]), headers, b"")

    def _reply(self, status_line: bytes, method: str) -> Reply:
        reply = self._head(status_line)
        if method != "HEAD" and reply.status != 304:
            reply.body = self.read(reply.length)
            assert len(reply.body) == reply.length
        return reply
