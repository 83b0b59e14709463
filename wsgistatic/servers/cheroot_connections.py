"""cheroot's connections, made to conform to RFC 9112, and to bound memory for unread bodies.

Import this module only where cheroot may be required, since it is an optional dependency.
"""

from __future__ import annotations

from io import BytesIO

from cheroot.server import HTTPConnection, HTTPRequest

from wsgistatic.http.targets import is_host_valid, split_target
from wsgistatic.servers.connections import BLOCK_SIZE, discard_input


class _Fields(dict[bytes, bytes]):
    """The fields of a request, among which cheroot would keep the last of several Host fields."""

    def __setitem__(self, name: bytes, value: bytes) -> None:
        if name == b"Host" and name in self:
            raise ValueError("Several Host fields")  # cheroot responds with 400
        super().__setitem__(name, value)


class _Request(HTTPRequest):
    def read_request_line(self) -> bool:
        """Read the request line; a target may have any form (RFC 9112 3.2)."""
        lines = self.rfile
        line = lines.readline()
        if line == b"\r\n":  # cheroot ignores an empty line before a request (RFC 9112 2.2)
            line += lines.readline()
        words = line.split(b" ")
        self._authority: str | None = None
        if len(words) == 3:
            self._authority, origin = split_target(words[1].decode("latin-1"))
            words[1] = origin.encode("latin-1")
        self.rfile = BytesIO(b" ".join(words))
        succeeded: bool = super().read_request_line()  # type: ignore[no-untyped-call]
        self.rfile = lines
        if succeeded and self.method == b"OPTIONS" and self.uri == b"*":
            self.path = self.uri  # cheroot makes it "/*", which is the path of a file
        return succeeded

    def read_request_headers(self) -> bool:
        """Read the header section, and check Host (RFC 9112 3.2)."""
        self.inheaders = _Fields()
        if not super().read_request_headers():  # type: ignore[no-untyped-call]
            return False
        hosts = [self.inheaders[b"Host"].decode("latin-1")] if b"Host" in self.inheaders else []
        required = self.request_protocol == b"HTTP/1.1"
        if not is_host_valid(hosts, self._authority, required=required):
            self.simple_response("400 Bad Request", "Missing or malformed Host")
            return False
        if self._authority is not None:
            self.inheaders = {**self.inheaders, b"Host": self._authority.encode("latin-1")}
        return True

    def send_headers(self) -> None:
        """Send the header section of the response, after what is left of the request's body.

        cheroot would read the rest of a body at once, and would take the rest of a chunked body for
        the next request.
        """
        if self.chunked_read:
            self.close_connection = self.conn.has_unread_input = True
        else:
            while self.rfile.read(BLOCK_SIZE):
                pass
        super().send_headers()

    def simple_response(self, status: str, msg: str = "") -> None:
        """Send an error and close the connection, whose input may be unread."""
        self.conn.has_unread_input = True
        super().simple_response(status, msg)


class Connection(HTTPConnection):
    """A connection of a cheroot server, to be set as its ``ConnectionClass``."""

    RequestHandlerClass = _Request
    has_unread_input = False

    def close(self) -> None:
        """Close the connection so that the client gets the whole response."""
        if self.has_unread_input:
            discard_input(self.socket)
        super().close()
