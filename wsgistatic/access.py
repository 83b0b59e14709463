"""An access line for each request, for ``python -m wsgistatic``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wsgistatic.paths import quote_path

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class AccessLog:
    """WSGI middleware that writes ``GET /path 206 1000 bytes=0-999`` when a response ends.

    Arguments:
        app: the app whose answers are logged.
        write: takes a line without its end.
    """

    def __init__(self, app: WSGIApplication, write: Callable[[str], None]) -> None:
        self._app = app
        self._write = write

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, and count what comes back."""
        status = "-"

        def record(code: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal status
            status = code[:3]
            return start_response(code, headers, *exc_info)

        def log(sent: int) -> None:
            fields = [environ["REQUEST_METHOD"], _target(environ), status, str(sent)]
            if "HTTP_RANGE" in environ:
                fields.append(environ["HTTP_RANGE"])
            # A field may hold control characters; a line must stay one line.
            self._write(" ".join(quote(field, safe=_VISIBLE, errors="replace") for field in fields))

        return _Counted(self._app(environ, record), log)


_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


def _target(environ: WSGIEnvironment) -> str:
    path = quote_path(environ.get("PATH_INFO") or "/")
    query = environ.get("QUERY_STRING")
    return f"{path}?{query}" if query else path


class _Counted:
    """Counts the bytes of a body; logs once, when it is closed."""

    def __init__(self, body: Iterable[bytes], log: Callable[[int], None]) -> None:
        self._body = body
        self._log = log
        self._sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._body:
            self._sent += len(block)
            yield block

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._log(self._sent)
