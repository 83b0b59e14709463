"""A WSGI request, read from environ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgistatic.http.conditional import Preconditions
from wsgistatic.http.paths import relative_location
from wsgistatic.wsgi.trace import Reason, Step, Trace

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Fields that a server may disregard (RFC 9110 12.1 and 14.2, RFC 9530 4). Beyond this length, which
# most servers refuse anyway, parsing them takes too long.
_DISPENSABLE = {
    *("HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_RANGE", "HTTP_WANT_REPR_DIGEST"),
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
}
_MAX_LENGTH = 64 * 1024


class Request:
    """What a response depends on (PEP 3333).

    Rare values are read from environ when they are needed. Values that are not text count as
    absent, whatever a server or a middleware put there. A plain request is for an error page,
    which ignores preconditions and Range and is not offloaded to a front server.
    """

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
        self.if_range: str | None = None
        # RFC 9110 14.2 defines Range for GET only.
        if "HTTP_RANGE" in environ and method == "GET" and not is_plain:
            self.range = self.field("HTTP_RANGE")
            if "HTTP_IF_RANGE" in environ:
                self.if_range = self.field("HTTP_IF_RANGE")
        self.trace = trace
        self.is_plain = is_plain

    @property
    def script_name(self) -> str:
        """SCRIPT_NAME, or ``""``."""
        return self.field("SCRIPT_NAME") or ""

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
        # Most requests have one of them: 0.3 us less than to read all.
        return Preconditions(
            self.field("HTTP_IF_MATCH") if "HTTP_IF_MATCH" in environ else None,
            self.field("HTTP_IF_UNMODIFIED_SINCE")
            if "HTTP_IF_UNMODIFIED_SINCE" in environ
            else None,
            self.field("HTTP_IF_NONE_MATCH") if "HTTP_IF_NONE_MATCH" in environ else None,
            self.field("HTTP_IF_MODIFIED_SINCE") if "HTTP_IF_MODIFIED_SINCE" in environ else None,
        )

    def field(self, key: str) -> str | None:
        """Return the text under a key of environ, such as ``"HTTP_ACCEPT"``, or None."""
        value = self.environ.get(key)
        if not isinstance(value, str) or (len(value) > _MAX_LENGTH and key in _DISPENSABLE):
            return None
        return value

    def record(self, step: str, path: str, reason: Reason | None = None, note: str = "") -> None:
        """Add a step to the trace, if there is one."""
        if self.trace is not None:
            self.trace.steps.append(Step(step, path, reason, note=note))

    def location_beside(self, name: str, end: str = "") -> str:
        """Return the Location of a name in the requested folder (see ``relative_location``)."""
        return relative_location(name, self.field("QUERY_STRING") or "", end)

    def location_as_directory(self) -> str:
        """Return the Location of the requested path with a slash at its end."""
        # PATH_INFO is empty if the app is mounted at the path.
        _, _, name = (self.script_name + self.path_info).rpartition("/")
        return self.location_beside(name, "/")
