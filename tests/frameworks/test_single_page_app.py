"""A Vite build at ``/`` in front of a Flask app with an API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.client import Response, call_raw, make_environ
from tests.vite_build import (
    BUILD,
    DEAD_CHUNK,
    FETCH,
    MEDIA_TYPES,
    MODULE,
    PAGE,
    PAGE_LOAD,
    PLAIN_PAGE_LOAD,
    write_build,
)
from wsgistatic import StaticFiles
from wsgistatic.wsgi.options import DEFAULT_CACHE_CONTROL

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

JSON_404 = {"error": "not found"}


def make_api() -> WSGIApplication:
    flask = pytest.importorskip("flask")
    app = flask.Flask(__name__, static_folder=None)

    @app.get("/api/todos")  # type: ignore[untyped-decorator]
    def todos() -> Any:
        return [{"id": 1, "title": "write tests"}]

    @app.post("/api/todos")  # type: ignore[untyped-decorator]
    def add() -> Any:
        return flask.request.get_json(), 201

    @app.get("/admin/")  # type: ignore[untyped-decorator]
    def admin() -> str:
        return "the admin"

    @app.errorhandler(404)  # type: ignore[untyped-decorator]
    def missing(error: object) -> Any:
        return JSON_404, 404

    return app  # type: ignore[no-any-return]


@pytest.fixture
def app(tmp_path: Path) -> WSGIApplication:
    dist = write_build(tmp_path)
    return StaticFiles(make_api(), dist, fallback="index.html", immutable=r"^/assets/")


def ask(app: WSGIApplication, path: str, headers: Any = None, method: str = "GET") -> Response:
    return call_raw(app, make_environ(path, method, headers))


def test_files_of_the_build(app: WSGIApplication) -> None:
    for name, media_type in MEDIA_TYPES.items():
        response = ask(app, "/" + name)
        assert (response.status, response.body) == (200, BUILD[name].encode("latin-1"))
        assert response.headers["Content-Type"] == media_type
        is_asset = name.startswith("assets/")
        expected = "max-age=31536000, immutable" if is_asset else DEFAULT_CACHE_CONTROL
        assert response.headers["Cache-Control"] == expected


@pytest.mark.parametrize("fields", [PAGE_LOAD, PLAIN_PAGE_LOAD])
@pytest.mark.parametrize("path", ["/", "/todo/5", "/todo/5/", "/settings/profile", "/über"])
def test_deep_links(app: WSGIApplication, path: str, fields: dict[str, str]) -> None:
    path = path.encode().decode("latin-1")
    for method, body in (("GET", PAGE.encode()), ("HEAD", b"")):
        page = ask(app, path, fields, method)
        assert (page.status, page.body) == (200, body)
        assert page.headers["Cache-Control"] == DEFAULT_CACHE_CONTROL
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    again = {**fields, "If-None-Match": page.headers["ETag"]}
    assert ask(app, path, again).status == 304


def test_responses_of_the_app(app: WSGIApplication) -> None:
    assert ask(app, "/api/todos", FETCH).body == b'[{"id":1,"title":"write tests"}]\n'
    for fields in (PAGE_LOAD, PLAIN_PAGE_LOAD):
        assert ask(app, "/admin/", fields).body == b"the admin"
        assert ask(app, "/admin", fields).status == 308


@pytest.mark.parametrize("fields", [FETCH, {"Accept": "application/json"}, {"Accept": "*/*"}, {}])
def test_misses_of_the_api_stay_json(app: WSGIApplication, fields: dict[str, str]) -> None:
    missing = ask(app, "/api/todos/99", fields)
    assert (missing.status, missing.body) == (404, b'{"error":"not found"}\n')
    assert missing.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("fields", [MODULE, PLAIN_PAGE_LOAD, {"Accept": "*/*"}])
@pytest.mark.parametrize("path", [DEAD_CHUNK, "/assets/index-Zz99aaBB.css", "/.vite/manifest.json"])
def test_dead_names_stay_missing(app: WSGIApplication, path: str, fields: dict[str, str]) -> None:
    missing = ask(app, path, fields)
    assert (missing.status, missing.body) == (404, b'{"error":"not found"}\n')
    assert "immutable" not in missing.headers.get("Cache-Control", "")


def test_posts(app: WSGIApplication) -> None:
    pytest.importorskip("flask")
    from werkzeug.test import Client

    client = Client(app)
    posted = client.post("/api/todos", json={"title": "more"}, headers=FETCH)
    assert (posted.status_code, posted.json) == (201, {"title": "more"})
    for path, status in (("/todo/5", 404), ("/", 404), ("/index.html", 404), ("/admin/", 405)):
        assert client.post(path, headers=PAGE_LOAD).status_code == status
