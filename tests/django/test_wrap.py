"""``wrap`` serves files as the settings say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import get_script_prefix, set_script_prefix

from tests.client import call, call_raw, make_environ
from tests.django.conftest import Configure, write
from wsgistatic.django.wsgi import wrap, wrap_without_offload


def inner_app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "7")])
    return [b"the app"] if environ["REQUEST_METHOD"] != "HEAD" else [b""]


def test_static_files_and_other_paths(roots: Path) -> None:
    app = wrap(inner_app)
    result = call(app, "/static/app.css")
    assert (result.status, result.body) == (200, b"body {}")
    assert result.headers["Cache-Control"] == "max-age=60"
    assert call(app, "/static/app.css", HTTP_RANGE="bytes=0-3").body == b"body"
    assert call(app, "/static/docs/").body == b"<p>docs</p>"
    assert call(app, "/static/docs").headers["Location"] == "docs/"
    for path in ("/", "/static/nope.css", "/static/../settings.py", "/media/photo.jpg"):
        assert call(app, path).body == b"the app"
    assert call(app, "/static/app.css", "POST").body == b"the app"


def test_options_of_static_files(roots: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"index": None, "allow_origin": "*", "cache_control": "no-store"})
    app = wrap(inner_app)
    assert call(app, "/static/docs/").body == b"the app"
    headers = call(app, "/static/app.css").headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("media", [True, {}, {"nosniff": True}])
def test_media(roots: Path, configure: Configure, media: Any) -> None:
    configure(WSGISTATIC={"media": media})
    assert call(wrap(inner_app), "/media/photo.jpg").body == b"photo"
    assert call(wrap(inner_app), "/static/app.css").body == b"body {}"


def test_options_of_media(roots: Path, configure: Configure) -> None:
    configure(WSGISTATIC={"stat_ttl": 5.0, "media": {"cache_control": "private", "prefix": "/up"}})
    app = wrap(inner_app)
    assert call(app, "/up/photo.jpg").headers["Cache-Control"] == "private"
    assert call(app, "/media/photo.jpg").body == b"the app"


@pytest.mark.parametrize(
    ("static_url", "media_url"),
    [("/static/", "/static/media/"), ("/media/static/", "/media/"), ("/", "/media/")],
)
def test_one_prefix_inside_the_other(
    roots: Path, configure: Configure, static_url: str, media_url: str
) -> None:
    write(roots / "root/media/page.html", "not uploaded")
    write(roots / "media/static/app.css", "uploaded")
    configure(STATIC_URL=static_url, MEDIA_URL=media_url, WSGISTATIC={"media": True})
    app = wrap(inner_app)
    assert call(app, media_url + "page.html").body == b"<script>alert(1)</script>"
    assert call(app, static_url + "app.css").body == b"body {}"


def test_extra_slashes_in_a_prefix_are_ignored(roots: Path, configure: Configure) -> None:
    write(roots / "root/m/page.html", "not uploaded")
    configure(STATIC_URL="/static//////", MEDIA_URL="/static/m/", WSGISTATIC={"media": True})
    assert call(wrap(inner_app), "/static/m/page.html").body == b"<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("static/", "/static/app.css"),  # relative to the script name
        ("/app/static/", "/static/app.css"),
        ("/app-static/", "/app-static/app.css"),
        ("/st%C3%A4t/", "/st\xc3\xa4t/app.css"),
    ],
)
def test_prefixes(roots: Path, configure: Configure, url: str, path: str) -> None:
    configure(STATIC_URL=url, FORCE_SCRIPT_NAME="/app")
    assert call(wrap(inner_app), path, SCRIPT_NAME="/app").body == b"body {}"


@pytest.fixture
def script_name() -> Iterator[None]:
    before = get_script_prefix()
    yield
    set_script_prefix(before)


MANIFEST = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"


def test_relative_urls_are_resolved_by_the_first_request(
    roots: Path, configure: Configure, script_name: None
) -> None:
    configure(
        STATIC_URL="static/", MEDIA_URL="media/", WSGISTATIC={"media": True},
        STORAGES={**settings.STORAGES, "staticfiles": {"BACKEND": MANIFEST}},
    )  # fmt: skip
    app = wrap(inner_app)
    assert call(app, "/static/app.css").status == 200
    set_script_prefix("/app/")  # as Django's handler does
    assert settings.STATIC_URL == "/app/static/"
    assert settings.MEDIA_URL == "/app/media/"


OFFLOAD = {"offload": ("X-Accel-Redirect", "/internal/")}


def test_debug_disables_caching_and_offload(roots: Path, configure: Configure) -> None:
    configure(
        DEBUG=True,
        WSGISTATIC={
            **OFFLOAD, "finders": False, "cache_control": "public", "immutable": "app.css",
            "media": {**OFFLOAD, "immutable": "photo.jpg"},
        },
    )  # fmt: skip
    app = wrap(inner_app)
    for path, body in (("/static/app.css", b"body {}"), ("/media/photo.jpg", b"photo")):
        result = call(app, path)
        assert (result.headers["Cache-Control"], result.body) == ("no-cache", body)


def test_offload_without_debug(roots: Path, configure: Configure) -> None:
    configure(WSGISTATIC={**OFFLOAD, "media": OFFLOAD})
    app, own = wrap(inner_app), wrap_without_offload(inner_app)
    for path, name in (("/static/app.css", "app.css"), ("/media/photo.jpg", "photo.jpg")):
        assert call(app, path).headers["X-Accel-Redirect"] == f"/internal/{name}"
        assert "X-Accel-Redirect" not in call(own, path).headers


@pytest.mark.parametrize("url", ["https://cdn.example/media/", "//cdn.example/media/"])
def test_media_url_of_another_host_is_not_served(
    roots: Path, configure: Configure, url: str
) -> None:
    configure(MEDIA_URL=url)
    assert call(wrap_without_offload(inner_app), "/media/photo.jpg").body == b"the app"


def test_asgi_apps_are_rejected(roots: Path) -> None:
    application: Any = get_asgi_application()
    with pytest.raises(TypeError, match=r"application must be a WSGI app \(under ASGI, use Static"):
        wrap(application)


def test_many_threads(roots: Path) -> None:
    app = wrap(inner_app)
    bodies: list[bytes] = []

    def call_many_times() -> None:
        for _ in range(50):
            bodies.append(call_raw(app, make_environ("/static/app.css")).body)

    threads = [threading.Thread(target=call_many_times) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(bodies) == {b"body {}"}
    assert len(bodies) == 200
