"""The apps that are compared. Those that are installed are built over the same directory.

Every peer has its default options, except where a comment here says otherwise. Packages are
imported when a peer is built, so that none of them has to be installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache, partial
from importlib import import_module, metadata
from importlib.util import find_spec
from mimetypes import guess_type
from pathlib import Path
from typing import Any

import wsgistatic
from benchmarks.harness.wsgi import PREFIX, Environ, call, make_environ

INNER_MARK = ("X-Inner", "yes")  # distinguishes the wrapped app's responses from the peer's own
_BLOCK = 256 * 1024
_SINCE = "HTTP_IF_MODIFIED_SINCE"


@dataclass(frozen=True, eq=False)
class Peer:
    """One way to serve directories; it can be sent to another process."""

    key: str
    name: str
    distribution: str  # whose version is reported, or ""
    make: Callable[..., Any]  # builds the app from directories (the first wins) and options
    prefix: str = PREFIX
    options: dict[str, Any] = field(default_factory=dict)

    def build(self, *directories: Any, **options: Any) -> Any:
        """Return an app over the directories, with further options."""
        return self.make(*directories, **{**self.options, **options})


def installed_peers(*others: Peer) -> dict[str, Peer]:
    """Return the others and the peers that can be built here by key, in the order of the tables."""
    found = [one for one in _PEERS if not one.distribution or find_spec(one.distribution.lower())]
    return {peer.key: peer for peer in (*others, *found)}


def versions_of(peers: Iterable[Peer]) -> dict[str, str]:
    """Return the versions of the peers by distribution; wsgistatic's is that of this checkout."""
    names = dict.fromkeys(peer.distribution for peer in peers if peer.distribution)
    versions = {name: metadata.version(name) for name in names if name != "wsgistatic"}
    return {"wsgistatic": wsgistatic.__version__, **versions}


def variant(name: str, **options: Any) -> Peer:
    """Return wsgistatic with other options."""
    return Peer(name, name, "", _wsgistatic, options=options)


def inner_app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Return a constant; this is the app that the middlewares wrap."""
    start_response("404 Not Found", [("Content-Type", "text/plain"), INNER_MARK])
    return (b"inner",)


def _wsgistatic(*directories: Any, app: Any = inner_app, **options: Any) -> Any:
    for directory in reversed(directories):
        app = wsgistatic.StaticFiles(app, directory, PREFIX, **options)
    return app


def _scanner(module: str, name: str, *directories: Any, **options: Any) -> Any:
    app = getattr(import_module(module), name)(inner_app, **options)
    for directory in reversed(directories):  # the last one wins
        app.add_files(directory, prefix=PREFIX)  # scans the files, unless with autorefresh
    return app


def _werkzeug(*directories: Any, **options: Any) -> Any:
    middleware = import_module("werkzeug.middleware.shared_data").SharedDataMiddleware
    return middleware(inner_app, [(PREFIX.rstrip("/"), one) for one in directories], **options)


def _webob(directory: str, *others: str, **options: Any) -> Any:
    return import_module("webob.static").DirectoryApp(directory, **options)


def _bottle(directory: str) -> Any:
    bottle = import_module("bottle")
    app = bottle.Bottle()
    app.route(f"{PREFIX}<path:path>", callback=lambda path: bottle.static_file(path, directory))
    return app


def _cherrypy(directory: str) -> Any:
    cherrypy = import_module("cherrypy")
    cherrypy.config.update({"environment": "embedded", "log.screen": False})
    # It formats a line of the access log for every request, even without a log to write to.
    cherrypy.log.access = lambda: None
    section = {"tools.staticdir.on": True, "tools.staticdir.dir": directory}
    return cherrypy.Application(None, "", {PREFIX.rstrip("/"): section})


def _django(directory: str) -> Any:
    settings = import_module("django.conf").settings
    serve = import_module("django.views.static").serve
    route = import_module("django.urls").path
    view = route(PREFIX.lstrip("/") + "<path:path>", serve, {"document_root": directory})
    # None of Django's middleware: only the view and what every Django app needs.
    settings.configure(
        ALLOWED_HOSTS=["*"], MIDDLEWARE=[], ROOT_URLCONF=(view,), SECRET_KEY="benchmark"
    )
    return import_module("django.core.wsgi").get_wsgi_application()


def _constant(directory: str, with_stat: bool) -> Any:
    """Return an app that repeats wsgistatic's response for the only file: the least work."""
    path = next(Path(directory).rglob("*.*"))
    url = PREFIX + path.relative_to(directory).as_posix()
    reply = call(_wsgistatic(directory), make_environ(url)).expect(200)
    headers = [*reply.headers.items()]

    def constant(environ: Environ, start_response: Any) -> Iterable[bytes]:
        if with_stat:
            os.stat(path)
        start_response("200 OK", headers.copy())
        return [reply.body]

    return constant


def _floor(directory: str) -> Any:
    """Return an app that does the least that a live static app can do. It is not safe to use."""

    def floor(environ: Environ, start_response: Any) -> Iterable[bytes]:
        # It stats, opens and reads the file in every request, and makes the headers once per
        # version of a file. It supports one plain range, one tag and one date, but no codings.
        url: str = environ["PATH_INFO"]
        if not url.startswith(PREFIX):
            return inner_app(environ, start_response)
        path = f"{directory}/{url[len(PREFIX) :]}"
        try:
            stat = os.stat(path)
        except OSError:
            return inner_app(environ, start_response)
        size = stat.st_size
        tag, date, kept = _floor_headers(path, stat.st_mtime_ns, size)
        if tag == environ.get("HTTP_IF_NONE_MATCH") or date == environ.get(_SINCE):
            start_response("304 Not Modified", [("ETag", tag)])
            return ()
        headers, asked = kept.copy(), environ.get("HTTP_RANGE")
        if environ["REQUEST_METHOD"] == "HEAD":
            start_response("200 OK", headers)
            return ()
        file = os.open(path, os.O_RDONLY)
        if asked is not None and "," not in asked:
            first, _, last = asked[len("bytes=") :].partition("-")
            body = os.pread(file, int(last) + 1 - int(first), int(first))
            headers[1] = ("Content-Length", str(len(body)))
            headers.append(("Content-Range", f"bytes {first}-{last}/{size}"))
            start_response("206 Partial Content", headers)
        else:
            start_response("200 OK", headers)
            if size > _BLOCK:
                return _floor_blocks(file)
            body = os.read(file, size)
        os.close(file)
        return (body,)

    return floor


@lru_cache(maxsize=100)
def _floor_headers(path: str, mtime_ns: int, size: int) -> tuple[str, str, list[tuple[str, str]]]:
    tag, date = f'"{mtime_ns:x}-{size:x}"', formatdate(mtime_ns // 10**9, usegmt=True)
    headers = [("Content-Type", guess_type(path)[0] or "application/octet-stream")]
    headers += [("Content-Length", str(size)), ("Last-Modified", date), ("ETag", tag)]
    return tag, date, [*headers, ("Cache-Control", "max-age=60")]


def _floor_blocks(file: int) -> Iterator[bytes]:
    with open(file, "rb", buffering=0) as blocks:
        yield from iter(partial(blocks.read, _BLOCK), b"")


# These repeat a constant response; they take part only where servers are measured.
CONSTANTS = [
    Peer("constant", "constant", "", _constant, options={"with_stat": False}),
    Peer("constant-stat", "constant + stat", "", _constant, options={"with_stat": True}),
]
_TTL, _AUTO = "wsgistatic stat_ttl=1", "WhiteNoise autorefresh"
_WHITENOISE = partial(_scanner, "whitenoise", "WhiteNoise")
_SERVESTATIC = partial(_scanner, "servestatic", "ServeStatic")
_PEERS = [
    Peer("wsgistatic", "wsgistatic", "wsgistatic", _wsgistatic),
    Peer("wsgistatic-ttl", _TTL, "wsgistatic", _wsgistatic, options={"stat_ttl": 1.0}),
    Peer("whitenoise", "WhiteNoise", "whitenoise", _WHITENOISE),
    Peer("whitenoise-auto", _AUTO, "whitenoise", _WHITENOISE, options={"autorefresh": True}),
    Peer("servestatic", "ServeStatic", "servestatic", _SERVESTATIC),
    Peer("werkzeug", "Werkzeug", "Werkzeug", _werkzeug),
    Peer("webob", "WebOb", "WebOb", _webob, prefix="/"),  # an app of its own, not a middleware
    Peer("bottle", "Bottle", "bottle", _bottle),
    Peer("cherrypy", "CherryPy", "CherryPy", _cherrypy),
    Peer("django", "Django's view", "Django", _django),
    Peer("floor", "floor (least work)", "", _floor),
]
