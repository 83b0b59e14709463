"""A Flask project with an app factory, a blueprint with files of its own, and ``url_for``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks.harness.processes import free_port
from tests.conftest import age
from tests.connection import Connection
from tests.servers.processes import run_command

pytest.importorskip("flask")

FILES = {
    # Both ways of docs/start/flask.rst, in an app factory.
    "bookshop/__init__.py": """
from pathlib import Path

from flask import Flask, render_template
from wsgistatic import StaticFiles


def create_app(build_only=False):
    app = Flask(__name__, static_folder=None if build_only else "static")
    if build_only:
        app.add_url_rule("/static/<path:filename>", "static", build_only=True)

    from bookshop import basket
    app.register_blueprint(basket.blueprint)

    @app.get("/")
    def home():
        return render_template("home.html")

    static = Path(app.root_path, "static")
    app.wsgi_app = StaticFiles(app.wsgi_app, static, prefix="/static/")
    static = basket.blueprint.static_folder
    app.wsgi_app = StaticFiles(app.wsgi_app, static, prefix="/basket/static/")
    return app
""",
    "bookshop/basket/__init__.py": """
from flask import Blueprint, render_template

blueprint = Blueprint(
    "basket", __name__, url_prefix="/basket", template_folder="templates", static_folder="static"
)


@blueprint.get("/")
def basket():
    return render_template("basket/basket.html")
""",
    "bookshop/templates/base.html": """
<!doctype html>
<link rel="stylesheet" href="{{ url_for('static', filename='css/shop.css') }}">
<script src="{{ url_for('static', filename='shop.js', v=3) }}"></script>
{% block content %}{% endblock %}
""",
    "bookshop/templates/home.html": """
{% extends 'base.html' %}
{% block content %}shop{% endblock %}
""",
    "bookshop/basket/templates/basket/basket.html": """
{% extends 'base.html' %}
{% block content %}
<img src="{{ url_for('basket.static', filename='basket.svg') }}" alt="">
<img src="{{ url_for('.static', filename='prix été.svg') }}" alt="">
{% endblock %}
""",
    "bookshop/static/css/shop.css": "body { color: black }\n",
    "bookshop/static/shop.js": "shop();\n",
    "bookshop/basket/static/basket.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
    "bookshop/basket/static/prix été.svg": "<svg xmlns='http://www.w3.org/2000/svg'></svg>\n",
}
# The files that the page of the basket loads, by URL path.
LOADED = {
    "/static/css/shop.css": ("bookshop/static/css/shop.css", "text/css; charset=utf-8"),
    "/static/shop.js?v=3": ("bookshop/static/shop.js", "text/javascript; charset=utf-8"),
    "/basket/static/basket.svg": ("bookshop/basket/static/basket.svg", "image/svg+xml"),
    "/basket/static/prix%20%C3%A9t%C3%A9.svg": (
        "bookshop/basket/static/prix été.svg", "image/svg+xml",
    ),
}  # fmt: skip


class References(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
        age(path)
    return tmp_path


@pytest.fixture
def bookshop(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(project))
    import bookshop  # type: ignore[import-not-found]

    yield bookshop
    for name in [name for name in sys.modules if name.startswith("bookshop")]:
        del sys.modules[name]


@pytest.mark.parametrize("build_only", [False, True])
@pytest.mark.parametrize("mount", ["", "/mount"])
def test_files_of_the_templates(bookshop: Any, build_only: bool, mount: str) -> None:
    client = bookshop.create_app(build_only).test_client()
    variables = {"SCRIPT_NAME": mount}
    page = client.get("/basket/", environ_overrides=variables).text
    references = References(page).found
    assert references == [mount + url for url in LOADED]
    for url, (name, media_type) in LOADED.items():
        content = FILES[name].encode()
        whole = client.get(url, environ_overrides=variables)
        assert (whole.status_code, whole.data) == (200, content)
        assert whole.headers["Content-Type"] == media_type
        assert whole.headers["X-Content-Type-Options"] == "nosniff"  # Flask does not send it
        part = client.get(url, headers={"Range": "bytes=0-3"}, environ_overrides=variables)
        assert (part.status_code, part.data) == (206, content[:4])
        tag = {"If-None-Match": whole.headers["ETag"]}
        assert client.get(url, headers=tag, environ_overrides=variables).status_code == 304
        head = client.head(url, environ_overrides=variables)
        assert (head.status_code, head.content_length) == (200, len(content))


@pytest.mark.parametrize("build_only", [False, True])
def test_misses_get_the_page_of_the_app(bookshop: Any, build_only: bool) -> None:
    app = bookshop.create_app(build_only)
    app.register_error_handler(404, lambda error: ("no such page", 404))
    client = app.test_client()
    for url in ("/static/nope.css", "/static/../__init__.py", "/basket/static/nope", "/nope"):
        missing = client.get(url)
        assert (missing.status_code, missing.text) == (404, "no such page")
    assert client.post("/static/shop.js").status_code == (404 if build_only else 405)


@pytest.mark.parametrize("options", [[], ["--debug", "--no-reload"]])
def test_flask_run(project: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    port = free_port(())
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    command = [sys.executable, "-m", "flask", "--app", "bookshop", "run", *options]
    with run_command([*command, f"--port={port}"], project, port):
        for url, (name, media_type) in LOADED.items():
            with Connection(port) as connection:
                connection.send(url, Range="bytes=0-3", Connection="close")
                response = connection.read_head()
                assert (response.status, response.length) == (206, 4)
                assert response.headers["Content-Type"] == media_type
                assert connection.file.read() == FILES[name].encode()[:4]
