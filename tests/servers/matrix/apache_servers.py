"""The mod_wsgi servers: the modules of pip and Debian in both modes, and mod_wsgi-express."""

from __future__ import annotations

from tests.servers.apache import as_nobody
from tests.servers.matrix.servers import OURS, SERVERS, WRAPPED, Limit, ServerSpec
from tests.servers.mod_wsgi import SENDFILE

WRAPPER_BODY = "mod_wsgi.FileWrapper"
_USER = tuple(as_nobody())
_SCRIPT = {"app.wsgi": "from tests.servers.matrix.wsgi import application\n"}
_APACHE = "/usr/sbin/apache2"


def _mod_wsgi_server(build: str, mode: str, *lines: str) -> ServerSpec:
    """Return the server with a build and mode of mod_wsgi.

    Args:
        build: one of ``BUILDS``.
        mode: one of ``MODES``.
        lines: the configuration of sendfile; if present, the file wrapper is used.
    """
    name = f"mod_wsgi {mode}" if build == "pip" else f"Debian's mod_wsgi {mode}"
    return ServerSpec(
        f"{name}, file_wrapper=True" if lines else name,
        "mod_wsgi" if build == "pip" else "",
        ("$python", "-m", "tests.servers.mod_wsgi", build, mode, "$port", *lines),
        version="" if build == "pip" else "4.9.4",
        needs=(_APACHE,) if build == "pip" else (_APACHE, "/usr/lib/apache2/modules/mod_wsgi.so"),
        files=_SCRIPT,
        options=WRAPPED if lines else {},
        body=WRAPPER_BODY if lines else OURS,
        limits=_limits(bool(lines), mode),
        user=_USER,
    )


def _express(*words: str) -> ServerSpec:
    return ServerSpec(
        "mod_wsgi-express, file_wrapper=True" if words else "mod_wsgi-express",
        "mod_wsgi",
        (
            *(*_USER, "$scripts/mod_wsgi-express", "start-server", "$folder/app.wsgi"),
            *("--host", "127.0.0.1", "--port", "$port", "--server-root", "$folder/server"),
            *("--python-path", "$home", *words),
        ),
        needs=(_APACHE,),
        files=_SCRIPT,
        options=WRAPPED if words else {},
        body=WRAPPER_BODY if words else OURS,
        limits=_limits(bool(words), "daemon"),
        user=_USER,
    )


def _limits(sendfile: bool, mode: str) -> frozenset[Limit]:
    limits = {Limit.HIDES_ZERO}
    if sendfile:
        limits.add(Limit.UNWATCHED)
    if not sendfile or mode == "daemon":  # Apache's sendfile notices the truncation
        limits.add(Limit.CUT_LATE)
    return frozenset(limits)


APACHE_SERVERS = (
    _mod_wsgi_server("pip", "embedded"),
    _mod_wsgi_server("pip", "daemon"),
    _express(),
    _mod_wsgi_server("pip", "embedded", *SENDFILE),
    _mod_wsgi_server("pip", "daemon", *SENDFILE),
    _express("--enable-sendfile"),
    _mod_wsgi_server("debian", "embedded"),
    _mod_wsgi_server("debian", "daemon"),
    _mod_wsgi_server("debian", "embedded", *SENDFILE),
    _mod_wsgi_server("debian", "daemon", *SENDFILE),
)

ALL_SERVERS = (*SERVERS, *APACHE_SERVERS)
