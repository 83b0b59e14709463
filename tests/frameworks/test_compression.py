"""Compression middleware of frameworks leaves parts and responses without a body unchanged."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from tests.client import call
from tests.conftest import age, settle
from wsgistatic import serve_file

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CONTENT = b"0123456789" * 1000
GZIP = "gzip;q=1.0, *;q=0.5"


def django_with_gzip(path: Path) -> WSGIApplication:
    pytest.importorskip("django")
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import StreamingHttpResponse
    from django.test.utils import override_settings
    from django.urls import path as route

    from tests.django.configuration import configure_django

    def view(request: Any) -> Any:
        status, headers, body = serve_file(request.environ, path)
        response = StreamingHttpResponse(body, status=int(status[:3]))
        del response["Content-Type"]
        for name, value in headers:
            response[name] = value
        return response

    configure_django()
    urls: Any = ModuleType("urls")
    urls.urlpatterns = [route("", view)]
    with override_settings(MIDDLEWARE=["django.middleware.gzip.GZipMiddleware"]):
        handler: WSGIApplication = WSGIHandler()

    def app(environ: Any, start_response: Any) -> Any:
        with override_settings(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"]):
            return handler(environ, start_response)

    return app


def flask_with_compress(path: Path) -> WSGIApplication:
    flask = pytest.importorskip("flask")
    compress = pytest.importorskip("flask_compress")
    app = flask.Flask(__name__)
    app.config["COMPRESS_ALGORITHM"] = app.config["COMPRESS_ALGORITHM_STREAMING"] = ["gzip"]
    compress.Compress(app)

    @app.route("/")  # type: ignore[untyped-decorator]
    def view() -> Any:
        status, headers, body = serve_file(flask.request.environ, path)
        return flask.Response(body, status, headers)

    return app  # type: ignore[no-any-return]


@pytest.fixture(params=[django_with_gzip, flask_with_compress])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> WSGIApplication:
    path = tmp_path / "report.txt"
    path.write_bytes(CONTENT)
    age(path)
    settle()  # the body of a settled file is a list, which Flask-Compress sends with other fields
    make: Callable[[Path], WSGIApplication] = request.param
    return make(path)


def test_whole_file_is_compressed(app: WSGIApplication) -> None:
    response = call(app, "/", HTTP_ACCEPT_ENCODING=GZIP)
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(response.body) == CONTENT
    assert "Accept-Encoding" in response.headers["Vary"]
    plain = call(app, "/", HTTP_ACCEPT_ENCODING="identity")
    assert plain.body == CONTENT
    # The two must not be joined, so a strong tag belongs to one of them only.
    assert response.headers["ETag"] != plain.headers["ETag"]


@pytest.mark.parametrize("ranges", ["bytes=1000-1999", "bytes=0-999,5000-5999"])
def test_a_part_is_sent_unchanged(app: WSGIApplication, ranges: str) -> None:
    plain = call(app, "/", HTTP_RANGE=ranges, HTTP_ACCEPT_ENCODING="identity")
    response = call(app, "/", HTTP_RANGE=ranges, HTTP_ACCEPT_ENCODING=GZIP)
    assert (response.status, response.headers["ETag"]) == (206, plain.headers["ETag"])
    assert "Content-Encoding" not in response.headers
    assert response.headers["Content-Length"] == str(len(response.body))
    if "," not in ranges:
        assert response.body == CONTENT[1000:2000]
        assert response.headers["Content-Range"] == "bytes 1000-1999/10000"
    else:
        assert CONTENT[:1000] in response.body


def test_head_describes_what_ranges_count_in(app: WSGIApplication) -> None:
    # Several servers would send the "compressed" empty body, and the next response after it.
    response = call(app, "/", "HEAD", HTTP_ACCEPT_ENCODING=GZIP)
    assert (response.status, response.body) == (200, b"")
    assert response.headers["Content-Length"] == "10000"
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"HTTP_IF_NONE_MATCH": "*"}, 304),
        ({"HTTP_IF_MATCH": '"other"'}, 412),
        ({"HTTP_RANGE": "bytes=10000-"}, 416),
    ],
)
def test_a_response_without_a_body_stays_without(
    app: WSGIApplication, condition: dict[str, str], status: int
) -> None:
    response = call(app, "/", HTTP_ACCEPT_ENCODING=GZIP, **condition)
    assert (response.status, response.body) == (status, b"")
    assert "Content-Encoding" not in response.headers
