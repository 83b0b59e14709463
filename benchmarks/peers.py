"""The apps that are compared: each that is installed, built over the same directory.

Every peer has its default options, except where a comment here says otherwise. Packages are
imported when a peer is built, so that none has to be installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

from benchmarks.floor import floor_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PREFIX = "/static/"
INNER_MARK = ("X-Inner", "yes")  # tells the answer of the wrapped app from the peer's own


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to serve a directory; a plain value, so that it can be sent to a process."""

    key: str
    name: str
    version: str
    build: Callable[[str], Any]  # directory -> WSGI app
    prefix: str = PREFIX

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


def inner_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a constant: the app that the middlewares wrap."""
    start_response("404 Not Found", [("Content-Type", "text/plain"), INNER_MARK])
    return (b"inner",)


def installed_peers() -> list[Peer]:
    """Give the peers that can be built here, in the order of the tables."""
    wsgistatic = import_module("wsgistatic")
    peers = [Peer("wsgistatic", "wsgistatic", wsgistatic.__version__, _wsgistatic)]
    if _has_stat_ttl(wsgistatic):
        peers.append(
            Peer("wsgistatic-ttl", "wsgistatic stat_ttl=1", wsgistatic.__version__, _wsgistatic_ttl)
        )
    for key, name, distribution, build, prefix in _OTHERS:
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
        peers.append(Peer(key, name, version, build, prefix))
    return [*peers, Peer("floor", "floor (least work)", "", _floor)]


def _has_stat_ttl(wsgistatic: Any) -> bool:
    try:
        wsgistatic.StaticFiles(None, ".", stat_ttl=1.0)
    except TypeError:
        return False
    return True


def _wsgistatic(directory: str) -> Any:
    return import_module("wsgistatic").StaticFiles(inner_app, directory, PREFIX)


def _wsgistatic_ttl(directory: str) -> Any:
    return import_module("wsgistatic").StaticFiles(inner_app, directory, PREFIX, stat_ttl=1.0)


def _whitenoise(directory: str) -> Any:
    app = import_module("whitenoise").WhiteNoise(inner_app)
    app.add_files(directory, prefix=PREFIX)  # scans now, never looks at the disk's stat later
    return app


def _whitenoise_autorefresh(directory: str) -> Any:
    app = import_module("whitenoise").WhiteNoise(inner_app, autorefresh=True)
    app.add_files(directory, prefix=PREFIX)
    return app


def _servestatic(directory: str) -> Any:
    app = import_module("servestatic").ServeStatic(inner_app)
    app.add_files(directory, prefix=PREFIX)
    return app


def _werkzeug(directory: str) -> Any:
    middleware = import_module("werkzeug.middleware.shared_data").SharedDataMiddleware
    return middleware(inner_app, {PREFIX.rstrip("/"): directory})


def _webob(directory: str) -> Any:
    return import_module("webob.static").DirectoryApp(directory)


def _bottle(directory: str) -> Any:
    bottle = import_module("bottle")
    app = bottle.Bottle()
    app.route(
        PREFIX + "<path:path>",
        callback=lambda path: bottle.static_file(path, root=directory),
    )
    return app


def _cherrypy(directory: str) -> Any:
    cherrypy = import_module("cherrypy")
    cherrypy.config.update({"environment": "embedded", "log.screen": False})
    # It formats a line for its access log at every request, even with no log to write to.
    cherrypy.log.access = _no_log
    section = {"tools.staticdir.on": True, "tools.staticdir.dir": directory}
    return cherrypy.Application(None, "", {PREFIX.rstrip("/"): section})


def _no_log() -> None:
    """Log nothing."""


def _django(directory: str) -> Any:
    settings = import_module("django.conf").settings
    route = import_module("django.urls").path
    serve = import_module("django.views.static").serve
    view = route(PREFIX.lstrip("/") + "<path:path>", serve, {"document_root": directory})
    # No middleware of Django's: the view and what no Django app can do without.
    settings.configure(
        ALLOWED_HOSTS=["*"], MIDDLEWARE=[], ROOT_URLCONF=(view,), SECRET_KEY="benchmark"
    )
    return import_module("django.core.wsgi").get_wsgi_application()


def _floor(directory: str) -> Any:
    return floor_app(inner_app, directory, PREFIX)


_OTHERS: tuple[tuple[str, str, str, Callable[[str], Any], str], ...] = (
    ("whitenoise", "WhiteNoise", "whitenoise", _whitenoise, PREFIX),
    ("whitenoise-auto", "WhiteNoise autorefresh", "whitenoise", _whitenoise_autorefresh, PREFIX),
    ("servestatic", "ServeStatic", "servestatic", _servestatic, PREFIX),
    ("werkzeug", "Werkzeug", "werkzeug", _werkzeug, PREFIX),
    ("webob", "WebOb", "WebOb", _webob, "/"),  # an app of its own, not a middleware
    ("bottle", "Bottle", "bottle", _bottle, PREFIX),
    ("cherrypy", "CherryPy", "CherryPy", _cherrypy, PREFIX),
    ("django", "Django's view", "Django", _django, PREFIX),
)
