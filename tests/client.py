"""Call a WSGI app as a server does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Environ = dict[str, Any]


@dataclass
class Response:
    """A response; the blocks of the body are those that were read.

    Attributes:
        status: the status code.
        headers: the header fields.
        blocks: the blocks of the body.
        iterable: the body as the app returned it.
    """

    status: int
    headers: dict[str, str]
    blocks: list[bytes]
    iterable: Iterable[bytes]

    @property
    def body(self) -> bytes:
        return b"".join(self.blocks)


def make_environ(path: str, /, method: str = "GET", headers: Any = None, **extra: Any) -> Environ:
    """Return an environ.

    Args:
        path: the decoded path, which may be followed by a query.
        method: the request method.
        headers: the header fields of the request, by name.
        extra: further variables, which override the defaults.
    """
    path, _, query = path.partition("?")
    environ: Environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    for name, value in (headers or {}).items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    setup_testing_defaults(environ)
    environ["SCRIPT_NAME"] = ""
    environ.update(extra)
    return environ


def start(app: WSGIApplication, environ: Environ) -> Response:
    """Call the app, but do not read the body."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        started.append((status, headers))
        return lambda data: None

    iterable = app(environ, start_response)
    status, headers = started[0]
    assert len({name for name, _ in headers}) == len(headers)
    return Response(int(status[:3]), dict(headers), [], iterable)


def call(app: WSGIApplication, path: str, method: str = "GET", **extra: Any) -> Response:
    """Call the app with and without wsgiref's validator, and read the body."""
    checked = _read(start(validator(app), make_environ(path, method, **extra)))
    bare = _read(start(app, make_environ(path, method, **extra)))
    assert bare.status == checked.status
    assert bare.headers.keys() == checked.headers.keys()
    return bare


def call_raw(app: WSGIApplication, environ: Environ) -> Response:
    """Call the app without the validator, which rejects some environs, and read the body."""
    return _read(start(app, environ))


def _read(result: Response) -> Response:
    try:
        result.blocks.extend(result.iterable)
    finally:
        close = getattr(result.iterable, "close", None)
        if close is not None:
            close()
    return result
