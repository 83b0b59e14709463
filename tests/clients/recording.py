"""Serve a folder by cheroot in this process, and keep what each request asked and was told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.starting import running
from wsgistatic import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Exchange:
    """A request and the head of its answer.

    Attributes:
        fields: the request's, by names in lower case.
        headers: the answer's, by names as they are spelled on the wire.
        port: the client's, one for each connection.
    """

    method: str
    path: str
    fields: dict[str, str]
    status: int
    headers: dict[str, str]
    port: str

    @property
    def range(self) -> str:
        """What was asked for, ``bytes=`` left off; empty for all."""
        return self.fields.get("range", "").removeprefix("bytes=")

    @property
    def length(self) -> int:
        return int(self.headers["Content-Length"])

    @property
    def is_multipart(self) -> bool:
        return self.headers.get("Content-Type", "").startswith("multipart/byteranges; boundary=")


class Recorder:
    """WSGI middleware that keeps the exchanges, in the order in which they were answered."""

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
            asked = environ["REQUEST_METHOD"], environ["PATH_INFO"], fields
            told = int(status[:3]), dict(headers)
            self.exchanges.append(Exchange(*asked, *told, environ["REMOTE_PORT"]))
            return start_response(status, headers, *exc_info)

        return self._app(environ, record)

    def of(self, path: str) -> list[Exchange]:
        """The exchanges about one path."""
        return [exchange for exchange in self.exchanges if exchange.path == path]

    def asked(self, path: str) -> list[tuple[str, int, str]]:
        """Method, status and ranges of the requests for one path."""
        return [(each.method, each.status, each.range) for each in self.of(path)]


@contextmanager
def recorded(directory: Path, **options: Any) -> Iterator[Recorder]:
    """Serve a directory; what is given but the options is running until the block ends."""
    recorder = Recorder(StaticFiles(None, directory, **options))
    with running(recorder) as port:
        recorder.url = f"http://127.0.0.1:{port}/"
        yield recorder
