"""The servers of the matrix: how each is started, how it sends files, and its known limits.

All servers run the same tests. A limit is an assertion as well: if a new version of a server fixes
it, a test fails until the limit is removed here and from the documented table.
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
UWSGI_BODY = "wsgistatic.files.versions.RegularFile"  # its wrapper returns the file itself


class Limit(Enum):
    """A flaw of a server that no middleware can fix; the value is the documented sentence."""

    BUFFERS = "buffers the whole file in memory, however slow the client is"
    READS_ON = "reads the file to its end after the client has disconnected"
    CUT_LATE = "file truncated while it is sent: the client waits for the keep-alive timeout"
    CUT_WAITS = "file truncated while it is sent: the client waits until it gives up"
    CUT_ADDS_TEXT = "file truncated while it is sent: the server adds an error text, then closes"
    UNWATCHED = "file rewritten in place while it is sent: not noticed (sendfile)"
    OVERRUNS = "file that grows just before it is sent: the body exceeds its Content-Length"
    SHORT_HEADERS = "over 4 KB of request headers: closed without a response (``buffer-size``)"
    HIDES_ZERO = "drops ``Content-Length: 0`` from a response to HEAD"
    TAKES_STATIC = "serves ``/static/`` from its own folder: choose another prefix"


# The kinds of responses that test_responses.py checks.
KINDS = (
    *("whole", "small", "head", "range", "long range", "tail", "multipart"),
    *("304", "416", "redirect", "miss"),
)
ALWAYS = frozenset(KINDS)


@dataclass(frozen=True)
class ServerSpec:
    """A server of the matrix.

    Attributes:
        name: the name in the documentation's table.
        package: the distribution, which the group ``servers`` pins; "" if there is none.
        command: the command line. The variables ``$port``, ``$folder`` (a new directory, which is
            the current one), ``$python``, ``$scripts``, ``$environment`` (the virtual environment)
            and ``$home`` (the checkout) are replaced.
        version: the version, if it is not pinned.
        needs: programs that the server needs.
        files: contents by name of files to create in the folder. The same variables are replaced,
            and those of ``app.py``.
        environment: environment variables.
        options: options of ``StaticFiles``.
        body: the type of the body of a large file.
        closes: the kinds of responses after which the server closes the connection.
        limits: known limits.
        user: words before a command to run it as the server's user, if that is another user.
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
        """Whether single ranges are sent by the server's wrapper, too."""
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
    ServerSpec("wsgiref", "", _call("wsgiref"), version="3.11", closes=ALWAYS),
    ServerSpec(
        "Django runserver",
        "Django",
        _module("django", "runserver", "--noreload", LISTEN),
        environment={"DJANGO_SETTINGS_MODULE": "tests.servers.matrix.django_settings"},
        closes=frozenset({"304"}),
        limits=frozenset({Limit.CUT_WAITS, Limit.HIDES_ZERO}),
    ),
    ServerSpec("cheroot", "cheroot", _module("cheroot", "--bind", LISTEN, APP)),
    ServerSpec("CherryPy", "CherryPy", _call("cherrypy")),
    ServerSpec(
        "waitress",
        "waitress",
        _module("waitress", "--listen", LISTEN, APP),
        body=WAITRESS_BODY,
        closes=frozenset({"304"}),
    ),
    ServerSpec(
        "Pyramid pserve",
        "pyramid",
        _module("pyramid.scripts.pserve", "$folder/app.ini"),
        files={"app.ini": PSERVE_INI},
        body=WAITRESS_BODY,
        closes=frozenset({"304"}),
    ),
    ServerSpec("gunicorn sync", "gunicorn", _gunicorn("sync"), closes=ALWAYS),
    ServerSpec("gunicorn gthread", "gunicorn", _gunicorn("gthread")),
    ServerSpec("gunicorn gevent", "gunicorn", _gunicorn("gevent")),
    ServerSpec(
        "gunicorn sync, file_wrapper=True",
        "gunicorn",
        _gunicorn("sync"),
        options=WRAPPED,
        body=GUNICORN_BODY,
        closes=ALWAYS,
        limits=frozenset({Limit.UNWATCHED}),
    ),
    ServerSpec(
        "gunicorn gthread, file_wrapper=True",
        "gunicorn",
        _gunicorn("gthread"),
        options=WRAPPED,
        body=GUNICORN_BODY,
        limits=frozenset({Limit.CUT_LATE, Limit.UNWATCHED}),
    ),
    ServerSpec(
        "gunicorn gevent, file_wrapper=True",
        "gunicorn",
        _gunicorn("gevent"),
        options=WRAPPED,
    ),
    ServerSpec(
        "uWSGI http-socket",
        "uWSGI",
        _uwsgi("--http-socket"),
        closes=ALWAYS,
        limits=frozenset({Limit.SHORT_HEADERS}),
    ),
    ServerSpec(
        "uWSGI http11-socket",
        "uWSGI",
        _uwsgi("--http11-socket"),
        limits=frozenset({Limit.CUT_LATE, Limit.SHORT_HEADERS}),
    ),
    ServerSpec(
        "uWSGI http-socket, file_wrapper=True",
        "uWSGI",
        _uwsgi("--http-socket"),
        options=WRAPPED,
        body=UWSGI_BODY,
        closes=ALWAYS,
        limits=frozenset({Limit.UNWATCHED, Limit.OVERRUNS, Limit.SHORT_HEADERS}),
    ),
    ServerSpec(
        "uWSGI http11-socket, file_wrapper=True",
        "uWSGI",
        _uwsgi("--http11-socket"),
        options=WRAPPED,
        body=UWSGI_BODY,
        limits=frozenset({Limit.UNWATCHED, Limit.OVERRUNS, Limit.SHORT_HEADERS}),
    ),
    ServerSpec("Werkzeug run_simple", "Werkzeug", _call("werkzeug"), closes=ALWAYS),
    ServerSpec(
        "Twisted web",
        "Twisted",
        _module(
            *("twisted", "web", "--listen", "tcp:$port:interface=127.0.0.1"),
            *("--wsgi", APP.replace(":", ".")),
        ),
        limits=frozenset({Limit.BUFFERS}),
    ),
    ServerSpec("Paste httpserver", "Paste", _call("paste"), closes=ALWAYS),
    ServerSpec(
        "Rocket3",
        "Rocket3",
        _call("rocket3"),
        limits=frozenset({Limit.READS_ON, Limit.CUT_ADDS_TEXT}),
    ),
    ServerSpec("Bottle run", "bottle", _call("bottle"), closes=ALWAYS),
    ServerSpec("web.py", "web.py", _call("web_py"), limits=frozenset({Limit.TAKES_STATIC})),
    ServerSpec("gevent pywsgi", "gevent", _call("gevent")),
    ServerSpec("eventlet", "eventlet", _call("eventlet")),
    ServerSpec("bjoern", "bjoern", _call("bjoern")),
    ServerSpec(
        "Granian",
        "granian",
        _module("granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "$port", APP),
    ),
    ServerSpec(
        "Hypercorn",
        "Hypercorn",
        _module("hypercorn", "--bind", LISTEN, f"wsgi:{APP}"),
        limits=frozenset({Limit.READS_ON}),
    ),
    ServerSpec(
        "Tornado WSGIContainer",
        "tornado",
        _call("tornado"),
        limits=frozenset({Limit.BUFFERS, Limit.CUT_WAITS}),
    ),
    ServerSpec(
        "a2wsgi under uvicorn",
        "a2wsgi",
        _call("a2wsgi"),
        limits=frozenset({Limit.READS_ON}),
    ),
)
