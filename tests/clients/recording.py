"""Serve a directory with cheroot in this process, and record requests and responses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.processes import serve_in_thread
from wsgistatic import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Exchange:
    """A request and the head of the response.

    Attributes:
        method: the request method.
        path: the URL path.
        fields: the header fields of the request, with names in lower case.
        status: the status of the response.
        headers: the header fields of the response, with names as they were sent.
        port: the port of the client, which identifies the connection.
    """

    method: str
    path: str
    fields: dict[str, str]
    status: int
    headers: dict[str, str]
    port: str

    @property
    def range(self) -> str:
        """The requested ranges without ``bytes=``; empty if there were none."""
        return self.fields.get("range", "").removeprefix("bytes=")

    @property
    def length(self) -> int:
        return int(self.headers["Content-Length"])

    @property
    def is_multipart(self) -> bool:
        return self.headers.get("Content-Type", "").startswith("multipart/byteranges; boundary=")


class Recorder:
    """WSGI middleware that records exchanges in the order of the responses."""

    def __init__(self, app: WSGIApplication) -> None:
        self.exchanges: list[Exchange] = []
        self.url = ""
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        fields = {
            name[5:].lower().replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }

        def record(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            request_head = environ["REQUEST_METHOD"], environ["PATH_INFO"], fields
            response_head = int(status[:3]), dict(headers)
            self.exchanges.append(Exchange(*request_head, *response_head, environ["REMOTE_PORT"]))
            return start_response(status, headers, *exc_info)

        return self._app(environ, record)

    def exchanges_for(self, path: str) -> list[Exchange]:
        """Return the exchanges for a path."""
        return [exchange for exchange in self.exchanges if exchange.path == path]

    def requests_for(self, path: str) -> list[tuple[str, int, str]]:
        """Return method, status and ranges of the requests for a path."""
        return [
            (exchange.method, exchange.status, exchange.range)
            for exchange in self.exchanges_for(path)
        ]


@contextmanager
def run_recorded_server(directory: Path, **options: Any) -> Iterator[Recorder]:
    """Serve a directory until the block ends, and record all exchanges.

    Args:
        directory: the directory to serve.
        options: options of ``StaticFiles``.
    """
    recorder = Recorder(StaticFiles(None, directory, **options))
    with serve_in_thread(recorder) as port:
        recorder.url = f"http://127.0.0.1:{port}/"
        yield recorder
