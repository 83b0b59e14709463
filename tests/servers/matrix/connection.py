"""A connection that also checks what comes after a response."""

from __future__ import annotations

import select
from contextlib import suppress

from tests.connection import Connection, NoResponseError
from tests.servers.matrix.app import INNER_BODY

MAX_READ = 1024**2  # bytes


class MatrixConnection(Connection):
    """A keep-alive connection to a server of the matrix."""

    def __enter__(self) -> MatrixConnection:
        return self

    def read(self, size: int) -> bytes:
        """Read that many bytes, or fewer if the connection ends before."""
        return self.file.read(size)

    def read_some(self) -> bytes:
        """Read the bytes that are available, or nothing if the connection has ended."""
        with suppress(ConnectionResetError):
            return self.file.read1(MAX_READ)
        return b""

    def has_bytes(self) -> bool:
        """Return whether there is anything to read."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def set_timeout(self, seconds: float) -> None:
        self.socket.settimeout(seconds)

    def expect_next(self, closed: bool) -> None:
        """Check the connection after a complete response.

        Args:
            closed: whether the server must have closed the connection; otherwise it must answer
                another request.

        Raises:
            NoResponseError: there are extra bytes after the response.
            TimeoutError: the server did not close the connection.
        """
        if closed:
            # Do not send anything: a server that has closed would answer with a reset.
            if rest := self._read_to_end():
                raise NoResponseError(f"after the response: {rest[:200]!r}")
            return
        response = self.request("/app")
        assert (response.status, response.body) == (200, INNER_BODY)

    def _read_to_end(self) -> bytes:
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""
