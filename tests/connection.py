"""Send HTTP requests over a plain socket, and parse the responses strictly."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import overload

TIMEOUT = 20.0  # seconds without a byte; generous, because the machine may be busy


class NoResponseError(AssertionError):
    """The bytes on the connection are not the start of a response."""


class Headers(dict[str, str]):
    """Header fields by name, in any case."""

    def __init__(self) -> None:
        super().__init__()

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name.lower(), value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    @overload  # type: ignore[override]
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: str) -> str: ...

    def get(self, name: str, default: str | None = None) -> str | None:
        return super().get(name.lower(), default)


@dataclass
class Response:
    """A status, the header fields, and the body as far as it was read."""

    status: int
    headers: Headers
    body: bytes = b""

    @property
    def length(self) -> int:
        return int(self.headers["Content-Length"])


class Connection:
    """A keep-alive connection to a server on the loopback interface.

    Args:
        port: the server's port.
        timeout: seconds without a byte after which a read raises ``TimeoutError``.
        receive_buffer: approximate size in bytes of the kernel's receive buffer, which limits how
            much a server can send before the test reads; None for the system's default.
    """

    def __init__(
        self, port: int, *, timeout: float = TIMEOUT, receive_buffer: int | None = None
    ) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(("127.0.0.1", port))
        except BaseException:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, target: str, method: str = "GET", **headers: str) -> None:
        """Send a request without a body.

        Args:
            target: the request target, sent as it is.
            method: the request method.
            headers: header fields; underscores in names become hyphens.
        """
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def read_head(self) -> Response:
        """Read a status line and the header fields.

        Raises:
            NoResponseError: the next line is not a status line.
        """
        line = self.file.readline()
        status_line = re.fullmatch(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n", line)
        if status_line is None:
            raise NoResponseError(f"not a status line: {line[:200]!r}")
        headers = Headers()
        while line := self.file.readline().rstrip(b"\r\n"):
            name, _, value = (part.strip() for part in line.decode("latin-1").partition(":"))
            assert headers.get(name, value) == value, f"two different values of {name}"
            headers[name] = value
        return Response(int(status_line[1]), headers)

    def request(self, target: str, method: str = "GET", **headers: str) -> Response:
        """Send a request and read the whole response, which must have a Content-Length."""
        self.send(target, method, **headers)
        response = self.read_head()
        if method != "HEAD" and response.status != 304:
            response.body = self.file.read(response.length)
            assert len(response.body) == response.length
        return response
