"""A Vite build as ``"root"`` of a Django project, at ``/`` beside an API and the admin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import AsyncClient, Client
from werkzeug.test import Client as WSGIClient

from tests.django.conftest import Configure
from tests.django.test_middleware import MIDDLEWARE
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
from wsgistatic.django import wrap
from wsgistatic.wsgi.options import DEFAULT_CACHE_CONTROL

# Called with the method, the path, the header fields and the body; returns the status, the header
# fields and the body of the response.
Ask = Callable[..., tuple[int, dict[str, str], bytes]]


def ask_middleware(
    method: str, path: str, headers: Any = None, data: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    response: Any = Client().generic(method, path, data, "application/json", headers=headers)
    return response.status_code, dict(response.items()), response.getvalue()


def ask_middleware_async(
    method: str, path: str, headers: Any = None, data: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    async def request() -> tuple[int, dict[str, str], bytes]:
        client = AsyncClient()
        response: Any = await client.generic(
            method, path, data, "application/json", headers=headers
        )
        if response.streaming:
            body = b"".join([block async for block in response])
        else:
            body = response.content
        return response.status_code, dict(response.items()), body

    return asyncio.run(request())


def ask_wrap(
    method: str, path: str, headers: Any = None, data: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    client = WSGIClient(wrap(get_wsgi_application()))
    with client.open(path, method=method, headers=headers, data=data) as response:
        return response.status_code, dict(response.headers), response.get_data()


@pytest.fixture(params=[ask_middleware, ask_middleware_async, ask_wrap])
def ask(request: pytest.FixtureRequest, configure: Configure) -> Ask:
    found: Ask = request.param
    own = [] if found is ask_wrap else [MIDDLEWARE]
    configure(MIDDLEWARE=["django.middleware.security.SecurityMiddleware", *own, *OTHERS])
    return found


OTHERS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages"]}}]  # fmt: skip


@pytest.fixture(params=[False, True], ids=["live", "debug"], autouse=True)
def debug(request: pytest.FixtureRequest, configure: Configure, tmp_path: Path) -> bool:
    """Whether DEBUG is on."""
    found: bool = request.param
    dist = write_build(tmp_path)
    root = {"directory": dist, "fallback": "index.html", "immutable": r"^/assets/"}
    configure(
        DEBUG=found, ROOT_URLCONF="tests.django.projects.api", STATIC_ROOT=tmp_path / "static",
        STATIC_URL="static/", TEMPLATES=TEMPLATES, WSGISTATIC={"root": root},
    )  # fmt: skip
    return found


def test_files_of_the_build(ask: Ask, debug: bool) -> None:
    for name, media_type in MEDIA_TYPES.items():
        status, headers, body = ask("GET", "/" + name)
        assert (status, body) == (200, BUILD[name].encode("latin-1"))
        assert headers["Content-Type"] == media_type
        live = "max-age=31536000, immutable" if "assets" in name else DEFAULT_CACHE_CONTROL
        assert headers["Cache-Control"] == ("no-cache" if debug else live)
    status, _, body = ask("GET", "/assets/index-D64VDMd1.css", {"Range": "bytes=0-4"})
    assert (status, body) == (206, b"#root")


@pytest.mark.parametrize("fields", [PAGE_LOAD, PLAIN_PAGE_LOAD], ids=["https", "http"])
def test_deep_links(ask: Ask, debug: bool, fields: dict[str, str]) -> None:
    for path in ("/", "/todo/5", "/todo/5/", "/settings/profile", "/%C3%BCber"):
        status, headers, body = ask("GET", path, fields)
        assert (status, body) == (200, PAGE.encode())
        assert headers["Cache-Control"] == ("no-cache" if debug else DEFAULT_CACHE_CONTROL)
        status, _, body = ask("HEAD", path, fields)
        assert (status, body) == (200, b"")


def test_responses_of_the_project(ask: Ask) -> None:
    for fields in (PAGE_LOAD, PLAIN_PAGE_LOAD, FETCH):
        assert ask("GET", "/api/todos", fields)[::2] == (200, b'{"todos": []}')
        status, headers, _ = ask("GET", "/admin/", fields)
        assert (status, headers["Location"]) == (302, "/admin/login/?next=/admin/")
        assert ask("GET", "/admin", fields)[1]["Location"] == "/admin/"
        assert b'name="csrfmiddlewaretoken"' in ask("GET", "/admin/login/", fields)[2]


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_misses_of_the_api_stay_json(ask: Ask, accept: str) -> None:
    for fields in ({"Accept": accept}, {**FETCH, "Accept": accept}):
        status, headers, body = ask("GET", "/api/todos/99", fields)
        assert (status, body) == (404, b'{"error": "not found"}')
        assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", [DEAD_CHUNK, "/assets/index-Zz99aaBB.css", "/.vite/manifest.json"])
def test_dead_names_stay_missing(ask: Ask, path: str) -> None:
    for fields in (MODULE, PLAIN_PAGE_LOAD, {"Accept": "*/*"}):
        status, headers, body = ask("GET", path, fields)
        assert status == 404
        assert PAGE.encode() not in body
        assert "immutable" not in headers.get("Cache-Control", "")


def test_posts(ask: Ask) -> None:
    assert ask("POST", "/api/todos", FETCH, b"{}")[::2] == (201, b'{"posted": "{}"}')
    for path in ("/", "/index.html", "/todo/5", "/assets/index-D64VDMd1.css"):
        status, _, body = ask("POST", path, PAGE_LOAD)
        assert status in (403, 404), path
        assert PAGE.encode() not in body


def test_build_among_the_static_files(ask: Ask, configure: Configure, tmp_path: Path) -> None:
    # Vite's option "base" is "/static/" then, and a template names the entry point. Scripts name
    # other files of the build themselves, which Django's storage leaves alone.
    configure(
        DEBUG=False, STATICFILES_DIRS=[tmp_path / "dist"],
        STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
        WSGISTATIC={"immutable": "hashed"},
        STORAGES={
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": {
                "BACKEND": "wsgistatic.django.storage.CompressedManifestStaticFilesStorage",
            },
        },
    )  # fmt: skip
    call_command("collectstatic", interactive=False, verbosity=0)
    entry = staticfiles_storage.url("assets/index-GpEN3EET.js")
    assert entry != "/static/assets/index-GpEN3EET.js"
    for url in (entry, "/static/assets/index-GpEN3EET.js", "/static/assets/about-B5Qt9EMX.js"):
        status, headers, _ = ask("GET", url, MODULE)
        assert (status, headers["Cache-Control"]) == (200, "max-age=31536000, immutable")
    assert ask("GET", "/static/sw.js")[1]["Cache-Control"] == DEFAULT_CACHE_CONTROL
    assert ask("GET", "/static" + DEAD_CHUNK, MODULE)[0] == 404
    assert ask("GET", "/static/.vite/manifest.json")[0] == 404
