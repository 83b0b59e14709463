"""``serve_file`` in a view of each framework, used as in the documentation."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from tests.client import call, make_environ, start
from tests.source_kinds import Blob
from wsgistatic import Validators, serve_file
from wsgistatic.wsgi.file_app import Served

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CONTENT = bytes(range(256)) * 40
View = Callable[[Any], Served]


def plain_app(view: View) -> WSGIApplication:
    def app(environ: Any, start_response: Any) -> Any:
        status, headers, body = view(environ)
        start_response(status, headers)
        return body

    return app


def flask_app(view: View) -> WSGIApplication:
    pytest.importorskip("flask")
    from flask import Flask, Response, request

    app = Flask("small", static_folder=None)

    def export() -> Any:
        status, headers, body = view(request.environ)
        return Response(body, status, headers)

    app.add_url_rule("/", view_func=export)
    return app.wsgi_app


def bottle_app(view: View) -> WSGIApplication:
    bottle = pytest.importorskip("bottle")
    app = bottle.Bottle()

    @app.get("/")  # type: ignore[untyped-decorator]
    def export() -> Any:
        status, headers, body = view(bottle.request.environ)
        return bottle.HTTPResponse(body, status, headers)

    return app  # type: ignore[no-any-return]


def falcon_app(view: View) -> WSGIApplication:
    falcon = pytest.importorskip("falcon")

    class Export:
        def on_get(self, req: Any, resp: Any) -> None:
            resp.status, headers, resp.stream = view(req.env)
            resp.set_headers(headers)

        on_head = on_get

    app = falcon.App()
    app.add_route("/", Export())
    return app  # type: ignore[no-any-return]


def django_app(view: View) -> WSGIApplication:
    pytest.importorskip("django")
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import StreamingHttpResponse
    from django.test.utils import override_settings
    from django.urls import path

    from tests.django.configuration import configure_django

    def export(request: Any) -> Any:
        status, headers, body = view(request.environ)
        response = StreamingHttpResponse(body, status=int(status[:3]))
        del response["Content-Type"]  # a 304 has none
        for name, value in headers:
            response[name] = value
        return response

    configure_django()
    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path("", export)]
    handler: WSGIApplication = WSGIHandler()

    def app(environ: Any, start_response: Any) -> Any:
        with override_settings(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"]):
            return handler(environ, start_response)

    return app


def webob_app(view: View) -> WSGIApplication:
    from webob import Response
    from webob.dec import wsgify

    @wsgify
    def app(request: Any) -> Any:
        status, headers, body = view(request.environ)
        return Response(status=status, headerlist=headers, app_iter=body)

    wrapped: WSGIApplication = app
    return wrapped


def cherrypy_app(view: View) -> WSGIApplication:
    cherrypy = pytest.importorskip("cherrypy")
    cherrypy.config.update({"environment": "embedded"})

    class Root:
        @cherrypy.expose  # type: ignore[untyped-decorator]
        @cherrypy.config(**{"response.stream": True, "tools.encode.on": False})  # type: ignore[untyped-decorator]
        def index(self) -> Any:
            response = cherrypy.response
            response.status, headers, body = view(cherrypy.request.wsgi_environ)
            response.headers.clear()
            response.headers.update(headers)
            return body

    return cherrypy.Application(Root(), None)  # type: ignore[no-any-return]


APPS = [cherrypy_app, plain_app, flask_app, bottle_app, falcon_app, django_app, webob_app]
each_app = pytest.mark.parametrize("make", APPS)


@each_app
def test_every_kind_of_response(make: Callable[[View], WSGIApplication]) -> None:
    blobs: list[Blob] = []

    def view(environ: Any) -> Served:
        blobs.append(Blob(CONTENT))
        version = Validators('"v1"')
        return serve_file(environ, blobs[-1], validators=version, download_name="a.bin")

    app = make(view)
    whole = call(app, "/")
    assert (whole.status, whole.body) == (200, CONTENT)
    sent = {name.lower(): value for name, value in whole.headers.items()}
    assert sent["content-length"] == str(len(CONTENT))
    assert sent["content-disposition"] == 'attachment; filename="a.bin"'
    assert sent["content-type"] == "application/octet-stream"
    part = call(app, "/", HTTP_RANGE="bytes=5-9", HTTP_IF_RANGE='"v1"')
    assert (part.status, part.body) == (206, CONTENT[5:10])
    several = call(app, "/", HTTP_RANGE="bytes=0-0,9-9")
    assert (several.status, several.body.count(b"Content-Range")) == (206, 2)
    assert call(app, "/", HTTP_RANGE="bytes=99999-").status == 416
    same = call(app, "/", HTTP_IF_NONE_MATCH='"v1"')
    assert (same.status, same.body) == (304, b"")
    assert call(app, "/", HTTP_IF_MATCH='"v0"').status == 412
    head = call(app, "/", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert all(blob.closed for blob in blobs)


@each_app
def test_client_disconnects(make: Callable[[View], WSGIApplication]) -> None:
    blob = Blob(CONTENT)
    app = make(lambda environ: serve_file(environ, blob, block_size=1000))
    body: Any = start(app, make_environ("/")).iterable
    assert next(iter(body)) == CONTENT[:1000]
    body.close()
    assert blob.closed
