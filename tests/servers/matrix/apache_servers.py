"""The rows of mod_wsgi: pip's module and Debian's, embedded and in daemon mode, and express."""

from __future__ import annotations

from tests.servers.apache import as_somebody
from tests.servers.matrix.rows import OURS, SERVERS, WRAPPED, Limit, Server
from tests.servers.mod_wsgi import SENDFILE

WRAPPER_BODY = "mod_wsgi.FileWrapper"
_USER = tuple(as_somebody())
_SCRIPT = {"app.wsgi": "from tests.servers.matrix.wsgi import application\n"}
_APACHE = "/usr/sbin/apache2"


def _row(build: str, mode: str, *lines: str) -> Server:
    """Give the row of Apache with a module; with the lines for sendfile, of the wrapper too."""
    name = f"mod_wsgi {mode}" if build == "pip" else f"Debian's mod_wsgi {mode}"
    return Server(
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


def _express(*words: str) -> Server:
    return Server(
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
    if not sendfile or mode == "daemon":  # Apache's own sendfile notices that the file has ended
        limits.add(Limit.CUT_LATE)
    return frozenset(limits)


APACHE_SERVERS = (
    _row("pip", "embedded"),
    _row("pip", "daemon"),
    _express(),
    _row("pip", "embedded", *SENDFILE),
    _row("pip", "daemon", *SENDFILE),
    _express("--enable-sendfile"),
    _row("debian", "embedded"),
    _row("debian", "daemon"),
    _row("debian", "embedded", *SENDFILE),
    _row("debian", "daemon", *SENDFILE),
)

ALL_SERVERS = (*SERVERS, *APACHE_SERVERS)
