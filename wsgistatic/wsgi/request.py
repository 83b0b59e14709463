"""The request: the one reader of environ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgistatic.http.conditional import Preconditions
from wsgistatic.http.paths import directory_location, file_location
from wsgistatic.wsgi.trace import Trace

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Request:
    """What a response depends on (PEP 3333).

    Most values are read from environ when they are needed. Values that are not text count as
    absent, whatever a server or a middleware put there.

    Arguments:
        environ: of the request; never changed.
        trace: records the steps of the decision, or None.
        is_plain: ignore preconditions and Range, and leave the body to no front server: the
            response is an error page.

    Attributes:
        environ: as given, to be passed on to a wrapped app.
        method: the request method.
        is_head: the method is HEAD.
        is_read: the method is GET or HEAD.
        path_info: PATH_INFO, or ``""``.
        range: the value of Range, which is defined for GET only (RFC 9110 14.2), or None.
        trace, is_plain: as given.
    """

    __slots__ = (
        "environ",
        "is_head",
        "is_plain",
        "is_read",
        "method",
        "path_info",
        "range",
        "trace",
    )

    def __init__(
        self, environ: WSGIEnvironment, trace: Trace | None = None, is_plain: bool = False
    ) -> None:
        self.environ = environ
        self.method = method = environ.get("REQUEST_METHOD")
        self.is_head = method == "HEAD"
        self.is_read = method == "GET" or self.is_head
        path_info = environ.get("PATH_INFO")
        self.path_info: str = path_info if isinstance(path_info, str) else ""
        self.range: str | None = None
        if "HTTP_RANGE" in environ and method == "GET" and not is_plain:
            self.range = self.field("HTTP_RANGE")
        self.trace = trace
        self.is_plain = is_plain

    @property
    def script_name(self) -> str:
        """SCRIPT_NAME, or ``""``."""
        return self.field("SCRIPT_NAME") or ""

    @property
    def query_string(self) -> str:
        """QUERY_STRING, or ``""``."""
        return self.field("QUERY_STRING") or ""

    @property
    def accept_encoding(self) -> str | None:
        """The value of Accept-Encoding."""
        return self.field("HTTP_ACCEPT_ENCODING")

    @property
    def if_range(self) -> str | None:
        """The value of If-Range, which matters only together with Range."""
        return self.field("HTTP_IF_RANGE")

    @property
    def preconditions(self) -> Preconditions | None:
        """The preconditions; None if there are none."""
        environ = self.environ
        if self.is_plain or not (
            "HTTP_IF_NONE_MATCH" in environ
            or "HTTP_IF_MODIFIED_SINCE" in environ
            or "HTTP_IF_MATCH" in environ
            or "HTTP_IF_UNMODIFIED_SINCE" in environ
        ):
            return None
        return Preconditions(
            self.field("HTTP_IF_MATCH"),
            self.field("HTTP_IF_UNMODIFIED_SINCE"),
            self.field("HTTP_IF_NONE_MATCH"),
            self.field("HTTP_IF_MODIFIED_SINCE"),
        )

    @property
    def file_wrapper(self) -> Any:
        """The server's ``wsgi.file_wrapper``, or None."""
        return self.environ.get("wsgi.file_wrapper")

    @property
    def gunicorn_socket(self) -> Any:
        """The socket that gunicorn puts into environ, or None."""
        return self.environ.get("gunicorn.socket")

    def field(self, key: str) -> str | None:
        """Return the text under a key of environ; None if there is none.

        Arguments:
            key: such as ``"HTTP_ACCEPT"``.
        """
        value = self.environ.get(key)
        return value if isinstance(value, str) else None

    def directory_location(self, path_info: str | None = None) -> str:
        """Return the Location of a directory; by default that which the request names.

        Arguments:
            path_info: of the directory (PEP 3333).
        """
        path_info = self.path_info if path_info is None else path_info
        return directory_location(self.script_name, path_info, self.query_string)

    def file_location(self, path_info: str) -> str:
        """Return the Location of a file; the argument is as for ``directory_location``."""
        return file_location(self.script_name, path_info, self.query_string)

    def as_plain(self) -> Request:
        """Return the request for an error page: without preconditions, Range and offload."""
        return Request(self.environ, self.trace, True)
