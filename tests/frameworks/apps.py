"""The same small app in each framework.

``GET /`` says so, ``/static/made`` is made by the app below the prefix of the files, a POST to
``/static/hello.txt`` is taken, and ``/view`` is a view that hands out a file by ``FileApp``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from webob import Request
from webob.dec import wsgify
from webob.exc import HTTPNotFound

from wsgistatic import FileApp

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOME, MADE, POSTED = "the app", "made by the app", "posted to the app"


def bottle_app(path: Path) -> WSGIApplication:
    bottle = pytest.importorskip("bottle")
    app = bottle.Bottle()
    app.get("/", callback=lambda: HOME)
    app.get("/static/made", callback=lambda: MADE)
    app.post("/static/hello.txt", callback=lambda: POSTED)

    @app.get("/view")  # type: ignore[untyped-decorator]
    def view() -> Any:
        answer = Request(bottle.request.environ).get_response(FileApp(path))
        return bottle.HTTPResponse(answer.app_iter, answer.status, answer.headerlist)

    return app  # type: ignore[no-any-return]


def cherrypy_app(path: Path) -> WSGIApplication:
    cherrypy = pytest.importorskip("cherrypy")
    cherrypy.config.update({"environment": "embedded"})  # no log lines, no tracebacks to clients

    class Below:
        @cherrypy.expose  # type: ignore[untyped-decorator]
        def made(self) -> str:
            return MADE

        @cherrypy.expose("hello.txt")  # type: ignore[untyped-decorator]
        @cherrypy.tools.allow(methods=["POST"])  # type: ignore[untyped-decorator]
        def hello_txt(self) -> str:
            return POSTED

    class Root:
        static = Below()

        @cherrypy.expose  # type: ignore[untyped-decorator]
        def index(self) -> str:
            return HOME

        @cherrypy.expose  # type: ignore[untyped-decorator]
        # Streamed, or close() is not passed on; not encoded, or the body of a HEAD is counted.
        @cherrypy.config(**{"response.stream": True, "tools.encode.on": False})  # type: ignore[untyped-decorator]
        def view(self) -> Any:
            answer = Request(cherrypy.request.wsgi_environ).get_response(FileApp(path))
            response = cherrypy.response
            response.status = answer.status
            response.headers.clear()  # or a 304 gets a Content-Type
            response.headers.update(answer.headers)
            return answer.app_iter

    Below.hello_txt.exposed = True
    return cherrypy.Application(Root(), None)  # type: ignore[no-any-return]


def falcon_app(path: Path) -> WSGIApplication:
    falcon = pytest.importorskip("falcon")

    class Text:
        def __init__(self, text: str) -> None:
            self.text = text

        def on_get(self, req: Any, resp: Any) -> None:
            resp.text = self.text

    class Posts:
        def on_post(self, req: Any, resp: Any) -> None:
            resp.text = POSTED

    class View:
        def on_get(self, req: Any, resp: Any) -> None:
            answer = Request(req.env).get_response(FileApp(path))
            resp.status = answer.status
            resp.set_headers(answer.headerlist)
            resp.stream = answer.app_iter

        on_head = on_get

    app = falcon.App()
    app.add_route("/", Text(HOME))
    app.add_route("/static/made", Text(MADE))
    app.add_route("/static/hello.txt", Posts())
    app.add_route("/view", View())
    return app  # type: ignore[no-any-return]


def flask_app(path: Path) -> WSGIApplication:
    pytest.importorskip("flask")
    from flask import Flask, Response, request

    app = Flask("small", static_folder=None)
    app.get("/")(lambda: HOME)
    app.get("/static/made", endpoint="made")(lambda: MADE)
    app.post("/static/hello.txt", endpoint="posted")(lambda: POSTED)

    def view() -> Any:
        return Response.from_app(FileApp(path), request.environ)

    app.add_url_rule("/view", view_func=view)
    return app.wsgi_app


def pyramid_app(path: Path) -> WSGIApplication:
    pytest.importorskip("pyramid")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pyramid 2 imports pkg_resources
        from pyramid.config import Configurator
        from pyramid.response import Response

    with Configurator() as config:
        for name, pattern, method, text in (
            ("home", "/", "GET", HOME),
            ("made", "/static/made", "GET", MADE),
            ("posted", "/static/hello.txt", "POST", POSTED),
        ):
            config.add_route(name, pattern, request_method=method)
            config.add_view(lambda request, text=text: Response(text), route_name=name)
        config.add_route("view", "/view")
        config.add_view(lambda request: request.get_response(FileApp(path)), route_name="view")
        return config.make_wsgi_app()  # type: ignore[no-any-return]


def webpy_app(path: Path) -> WSGIApplication:
    web = pytest.importorskip("web")

    class Home:
        def GET(self) -> str:  # noqa: N802 - web.py looks for it
            return HOME

    class Made:
        def GET(self) -> str:  # noqa: N802
            return MADE

    class Posts:
        def POST(self) -> str:  # noqa: N802
            return POSTED

    class View:
        def GET(self) -> Any:  # noqa: N802
            answer = Request(web.ctx.env).get_response(FileApp(path))
            web.ctx.status, web.ctx.headers = answer.status, answer.headerlist
            return iter(answer.app_iter)

    mapping = ("/", Home, "/static/made", Made, "/static/hello.txt", Posts, "/view", View)
    return web.application(mapping, autoreload=False).wsgifunc()  # type: ignore[no-any-return]


def webob_app(path: Path) -> WSGIApplication:
    @wsgify
    def app(request: Request) -> Any:
        match request.method, request.path_info:
            case "GET", "/":
                return HOME
            case "GET", "/static/made":
                return MADE
            case "POST", "/static/hello.txt":
                return POSTED
            case _, "/view":
                return request.get_response(FileApp(path))
        return HTTPNotFound()

    return app


APPS: dict[str, Callable[[Path], WSGIApplication]] = {
    "bottle": bottle_app,
    "cherrypy": cherrypy_app,
    "falcon": falcon_app,
    "flask": flask_app,
    "pyramid": pyramid_app,
    "webpy": webpy_app,
    "webob": webob_app,
}
