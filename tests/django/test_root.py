"""``"root"`` in WSGISTATIC: files at the root of the site, such as robots.txt or an app's pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path as route

from tests.client import call
from tests.django.conftest import Configure, write
from tests.django.test_middleware import BOTH, MIDDLEWARE, Ask
from tests.django.test_wrap import inner_app
from wsgistatic.django.wsgi import wrap
from wsgistatic.wsgi.options import DEFAULT_CACHE_CONTROL


def users(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the users")


urlpatterns = [route("api/users", users)]


@pytest.fixture
def public(roots: Path, configure: Configure) -> Path:
    write(roots / "public/robots.txt", "User-agent: *")
    write(roots / "public/.env", "SECRET")
    write(roots / "public/static/app.css", "hidden")
    write(roots / "public/static/more.css", "more")
    configure(MIDDLEWARE=[MIDDLEWARE], ROOT_URLCONF=__name__)
    return roots / "public"


@pytest.mark.parametrize("debug", [False, True])
def test_wrap(public: Path, configure: Configure, debug: bool) -> None:
    configure(WSGISTATIC={"root": public, "finders": False}, DEBUG=debug)
    app = wrap(inner_app)
    robots = call(app, "/robots.txt")
    assert (robots.status, robots.body) == (200, b"User-agent: *")
    assert robots.headers["Cache-Control"] == ("no-cache" if debug else DEFAULT_CACHE_CONTROL)
    assert call(app, "/static/app.css").body == b"body {}"
    assert call(app, "/static/more.css").body == b"more"
    for path in ("/", "/.env", "/../settings.py", "/api/users"):
        assert call(app, path).body == b"the app"


@BOTH
def test_middleware(public: Path, configure: Configure, ask: Ask) -> None:
    configure(WSGISTATIC={"root": {"directory": str(public), "cache_control": "max-age=9"}})
    robots = ask("/robots.txt")
    assert (robots.body, robots.headers["Cache-Control"]) == (b"User-agent: *", "max-age=9")
    assert ask("/static/app.css").body == b"body {}"
    assert ask("/api/users").body == b"the users"
    assert ask("/.env").status == "404 Not Found"


@BOTH
def test_page_of_a_single_page_app(public: Path, configure: Configure, ask: Ask) -> None:
    write(public / "index.html", "<p>app</p>")
    configure(WSGISTATIC={"root": {"directory": public, "fallback": "index.html"}})
    page_load = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert ask("/", **page_load).body == b"<p>app</p>"
    assert ask("/todo/5", **page_load).body == b"<p>app</p>"
    assert ask("/todo/5", **page_load).status == "200 OK"
    assert ask("/api/users", **page_load).body == b"the users"
    assert ask("/api/nope").status == "404 Not Found"
    assert ask("/todo/app.js").status == "404 Not Found"


def test_links_of_the_test_client(public: Path, configure: Configure) -> None:
    write(public / "docs/index.html", "docs")
    configure(WSGISTATIC={"root": public})
    assert Client().get("/docs", follow=True).getvalue() == b"docs"
