"""The rows of the matrix: how each server is started, what it makes of us, and its limits.

Every row is tested with the same battery. A limit is an assertion like any other: where it goes
away, its row fails until it is taken out here and in the README's table, which is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

APP = "tests.servers.matrix.wsgi:application"
LISTEN = "127.0.0.1:$port"
OURS = "wsgistatic.files.body.BlockIterator"
WAITRESS_BODY = "waitress.buffers.ReadOnlyFileBasedBuffer"
GUNICORN_BODY = "gunicorn.http.wsgi.FileWrapper"
UWSGI_BODY = "_io.FileIO"  # the built-in wrapper gives the file itself back


class Limit(Enum):
    """What a server does that no middleware can change; the value is the README's sentence."""

    BUFFERS = "takes a file into memory as fast as it can be read, however slow the client"
    READS_ON = "reads a file to its end after the client has gone"
    CUT_LATE = "a file cut while it is sent: the client waits for the keep-alive timeout"
    CUT_WAITS = "a file cut while it is sent: the client waits until it gives up"
    CUT_ADDS_TEXT = "a file cut while it is sent: a text is added, then it closes"
    UNWATCHED = "a file rewritten in place while it is sent is not noticed (sendfile)"
    OVERRUNS = "a file that grows just before it is sent: sent past its Content-Length"
    SHORT_HEADERS = "more than 4 KB of request headers: closed without an answer (``buffer-size``)"
    HIDES_ZERO = "drops ``Content-Length: 0`` from an answer to HEAD"
    TAKES_STATIC = "serves ``/static/`` from a folder of its own: choose another prefix"


# The answers of the battery, see test_answers.py.
KINDS = (
    *("whole", "small", "head", "range", "long range", "tail", "multipart"),
    *("304", "416", "redirect", "miss"),
)
ALWAYS = frozenset(KINDS)


@dataclass(frozen=True)
class Server:
    """One row.

    Attributes:
        name: as in the README's table.
        package: the distribution, pinned in the extra ``servers``; "" for one that is none.
        command: words, in which ``$port``, ``$folder`` (a new one, the current directory),
            ``$python``, ``$scripts`` (of the environment), ``$environment`` and ``$home`` (of the
            checkout) are filled in.
        version: of one that is not pinned.
        needs: programs without which it cannot be started.
        files: by name, what is written into the folder first, filled in likewise (and with the
            variables of ``app.py``).
        environment: variables.
        options: of ``StaticFiles``.
        body: type of the body of a large file.
        closes: after which answers of the battery it closes the connection.
        limits: known limits.
        user: words before a command that run it as the server's user, where that is not ours.
    """

    name: str
    package: str
    command: tuple[str, ...]
    version: str = ""
    needs: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    body: str = OURS
    closes: frozenset[str] = frozenset()
    limits: frozenset[Limit] = frozenset()
    user: tuple[str, ...] = ()

    @property
    def wraps_ranges(self) -> bool:
        """Say whether a single range goes to the server's wrapper too."""
        return self.body == WAITRESS_BODY

    def __str__(self) -> str:
        return self.name


def _module(*words: str) -> tuple[str, ...]:
    return ("$python", "-m", *words)


def _call(name: str) -> tuple[str, ...]:
    return _module("tests.servers.matrix.launch", name, "$port")


def _gunicorn(worker: str) -> tuple[str, ...]:
    threads = ("--threads", "8") if worker == "gthread" else ()
    return _module("gunicorn", "--no-control-socket", "-k", worker, *threads, "-b", LISTEN, APP)


def _uwsgi(socket: str) -> tuple[str, ...]:
    return (
        *("$scripts/uwsgi", socket, LISTEN, "--module", APP, "--virtualenv", "$environment"),
        *("--enable-threads", "--threads", "8", "--need-app", "--die-on-term"),
    )


PSERVE_INI = """
[app:main]
use = call:tests.servers.matrix.app:paste_app

[server:main]
use = egg:waitress#main
listen = 127.0.0.1:$port
"""

WRAPPED = {"file_wrapper": True}

SERVERS = (
    Server("wsgiref", "", _call("wsgiref"), version="3.11", closes=ALWAYS),
    Server(
        "Django runserver",
        "Django",
        _module("django", "runserver", "--noreload", LISTEN),
        environment={"DJANGO_SETTINGS_MODULE": "tests.servers.matrix.django_settings"},
        closes=frozenset({"304"}),
        limits=frozenset({Limit.CUT_WAITS, Limit.HIDES_ZERO}),
    ),
    Server("cheroot", "cheroot", _module("cheroot", "--bind", LISTEN, APP)),
    Server("CherryPy", "CherryPy", _call("cherrypy")),
    Server(
        "waitress",
        "waitress",
        _module("waitress", "--listen", LISTEN, APP),
        body=WAITRESS_BODY,
        closes=frozenset({"304"}),
    ),
    Server(
        "Pyramid pserve",
        "pyramid",
        _module("pyramid.scripts.pserve", "$folder/app.ini"),
        files={"app.ini": PSERVE_INI},
        body=WAITRESS_BODY,
        closes=frozenset({"304"}),
    ),
    Server("gunicorn sync", "gunicorn", _gunicorn("sync"), closes=ALWAYS),
    Server("gunicorn gthread", "gunicorn", _gunicorn("gthread")),
    Server("gunicorn gevent", "gunicorn", _gunicorn("gevent")),
    Server(
        "gunicorn sync, file_wrapper=True",
        "gunicorn",
        _gunicorn("sync"),
        options=WRAPPED,
        body=GUNICORN_BODY,
        closes=ALWAYS,
        limits=frozenset({Limit.UNWATCHED}),
    ),
    Server(
        "gunicorn gthread, file_wrapper=True",
        "gunicorn",
        _gunicorn("gthread"),
        options=WRAPPED,
        body=GUNICORN_BODY,
        limits=frozenset({Limit.CUT_LATE, Limit.UNWATCHED}),
    ),
    Server(
        "gunicorn gevent, file_wrapper=True",
        "gunicorn",
        _gunicorn("gevent"),
        options=WRAPPED,
    ),
    Server(
        "uWSGI http-socket",
        "uWSGI",
        _uwsgi("--http-socket"),
        closes=ALWAYS,
        limits=frozenset({Limit.SHORT_HEADERS}),
    ),
    Server(
        "uWSGI http11-socket",
        "uWSGI",
        _uwsgi("--http11-socket"),
        limits=frozenset({Limit.CUT_LATE, Limit.SHORT_HEADERS}),
    ),
    Server(
        "uWSGI http-socket, file_wrapper=True",
        "uWSGI",
        _uwsgi("--http-socket"),
        options=WRAPPED,
        body=UWSGI_BODY,
        closes=ALWAYS,
        limits=frozenset({Limit.UNWATCHED, Limit.OVERRUNS, Limit.SHORT_HEADERS}),
    ),
    Server(
        "uWSGI http11-socket, file_wrapper=True",
        "uWSGI",
        _uwsgi("--http11-socket"),
        options=WRAPPED,
        body=UWSGI_BODY,
        limits=frozenset({Limit.UNWATCHED, Limit.OVERRUNS, Limit.SHORT_HEADERS}),
    ),
    Server("Werkzeug run_simple", "Werkzeug", _call("werkzeug"), closes=ALWAYS),
    Server(
        "Twisted web",
        "Twisted",
        _module(
            *("twisted", "web", "--listen", "tcp:$port:interface=127.0.0.1"),
            *("--wsgi", APP.replace(":", ".")),
        ),
        limits=frozenset({Limit.BUFFERS}),
    ),
    Server("Paste httpserver", "Paste", _call("paste"), closes=ALWAYS),
    Server(
        "Rocket3",
        "Rocket3",
        _call("rocket3"),
        limits=frozenset({Limit.READS_ON, Limit.CUT_ADDS_TEXT}),
    ),
    Server("Bottle run", "bottle", _call("bottle"), closes=ALWAYS),
    Server("web.py", "web.py", _call("web_py"), limits=frozenset({Limit.TAKES_STATIC})),
    Server("gevent pywsgi", "gevent", _call("gevent")),
    Server("eventlet", "eventlet", _call("eventlet")),
    Server("bjoern", "bjoern", _call("bjoern")),
    Server(
        "Granian",
        "granian",
        _module("granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "$port", APP),
    ),
    Server(
        "Hypercorn",
        "Hypercorn",
        _module("hypercorn", "--bind", LISTEN, f"wsgi:{APP}"),
        limits=frozenset({Limit.READS_ON}),
    ),
    Server(
        "Tornado WSGIContainer",
        "tornado",
        _call("tornado"),
        limits=frozenset({Limit.BUFFERS, Limit.CUT_WAITS}),
    ),
    Server(
        "a2wsgi under uvicorn",
        "a2wsgi",
        _call("a2wsgi"),
        limits=frozenset({Limit.READS_ON}),
    ),
)
