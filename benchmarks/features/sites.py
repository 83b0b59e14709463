"""Probes: caching and other fields, directories, whole sites, packaging."""

from __future__ import annotations

import asyncio
import os
import sys
import zipfile
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.apart import apart
from benchmarks.features.bench import (
    NAME,
    TEXT,
    Bench,
    Feature,
    Partly,
    is_inner,
    is_missed,
    need,
    status_of,
)
from benchmarks.peers import PREFIX
from benchmarks.scenarios import Unable, request_environ

_PAGE = b"<title>page</title>"
_BROWSER = {"HTTP_ACCEPT": "text/html,*/*;q=0.8", "HTTP_SEC_FETCH_MODE": "navigate"}


def _wraps(bench: Bench) -> None:
    bench.start()
    need(is_inner(bench.ask("none.css")), "answers 404 itself")


def _immutable(bench: Bench) -> None:
    hashed = "css/app.3f2a91b07c4d.css"
    bench.write(hashed)
    bench.start("immutable")
    of_hashed = bench.serve(hashed).headers.get("cache-control", "")
    need("immutable" in of_hashed, "not sent")
    need("immutable" not in bench.serve().headers.get("cache-control", ""), "for every name")


def _cors(bench: Bench) -> None:
    reply = bench.start("cors")
    need(reply.headers.get("access-control-allow-origin") == "*", "not sent")
    part = bench.ask(HTTP_RANGE="bytes=0-9")
    if part.headers.get("access-control-allow-origin") != "*":
        raise Partly("not to a Range")


def _headers(bench: Bench) -> None:
    need(bench.start("headers").headers.get("x-own") == "yes", "has no option for it")


def _index(bench: Bench) -> None:
    bench.write("sub/index.html", _PAGE)
    bench.start("index")
    bench.serve("sub/", _PAGE)
    redirect = bench.ask("sub")
    location = redirect.headers.get("location", "")
    if status_of(redirect) not in (301, 302, 307, 308) or not location.endswith("sub/"):
        raise Partly("/sub is not redirected to /sub/")


def _listing(bench: Bench) -> None:
    bench.start("listing")
    reply = bench.ask("css/")
    need(status_of(reply) == 200, "has none")
    need(b"app.css" in reply.body, "without the names")


def _fallback(bench: Bench) -> None:
    bench.write("index.html", _PAGE)
    bench.start("spa")
    bench.serve("user/7", _PAGE, **_BROWSER)
    need(is_missed(bench.ask("old.1a2b3c4d.js", **_BROWSER)), "for a missing script, too")


def _clean(bench: Bench) -> None:
    bench.write("about.html", _PAGE)
    bench.start("clean")
    bench.serve("about", _PAGE)


def _not_found(bench: Bench) -> None:
    bench.write("404.html", _PAGE)
    bench.start("not_found")
    reply = bench.ask("none.css")
    need(reply.body == _PAGE, "has no option for it")
    need(status_of(reply) == 404, f"status {status_of(reply)}")


def _several(bench: Bench) -> None:
    theme = bench.root.parent / "theme"
    (theme / "css").mkdir(parents=True)
    (theme / NAME).write_bytes(b"theme")
    bench.write(NAME)
    bench.write("css/only.css")
    bench.build("", theme)
    need(bench.ask(NAME).body == b"theme", "the second one's file")
    bench.serve("css/only.css")


def _offload(bench: Bench) -> None:
    bench.write(NAME)
    bench.build("offload")
    reply = bench.ask()
    named = reply.headers.get("x-accel-redirect", "")
    need(named.endswith(NAME) and not reply.size, "has no option for it")


def _zipped(bench: Bench) -> None:
    """Serve a folder of a package that is in a zip file, as a zipped app has it."""
    archive = Path(bench.root.parent, "app.zip")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped_assets/__init__.py", "")
        file.writestr("zipped_assets/static/css/app.css", TEXT)
    sys.path.insert(0, str(archive))
    try:
        bench.root = Path(str(archive), "zipped_assets", "static")
        try:
            bench.build("package")
        except Exception as error:
            raise Unable(f"{type(error).__name__} at start") from error
        bench.serve()
    finally:
        sys.path.remove(str(archive))
        sys.modules.pop("zipped_assets", None)
        sys.path_importer_cache.pop(str(archive), None)


def _typed(bench: Bench) -> None:
    where = import_module(bench.contender.package).__file__ or ""
    need(os.path.exists(os.path.join(os.path.dirname(where), "py.typed")), "no py.typed")


def _django(bench: Bench) -> None:
    need(bench.contender.django, "wraps the app in wsgi.py")
    bench.write(NAME)
    status = apart(_status_in_django, bench.contender.django, str(bench.root))
    need(status == 200, f"status {status}")


def _status_in_django(middleware: str, root: str) -> int:
    settings = import_module("django.conf").settings
    settings.configure(
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=[middleware],
        ROOT_URLCONF=(),
        SECRET_KEY="features",
        STATIC_ROOT=root,
        STATIC_URL=PREFIX,
    )
    app = import_module("django.core.wsgi").get_wsgi_application()
    statuses: list[str] = []
    app(request_environ(PREFIX + NAME, "GET"), lambda status, *_: statuses.append(status)).close()
    return int(statuses[0][:3])


_ASGI = {"wsgistatic": "StaticFilesASGI", "servestatic": "ServeStaticASGI"}


def _asgi(bench: Bench) -> None:
    bench.write(NAME)
    name = _ASGI.get(bench.contender.key, "ASGI")
    make = getattr(import_module(bench.contender.package), name, None)
    if make is None:
        raise Unable("WSGI only")
    app = make(None, str(bench.root), bench.contender.prefix)
    sent = asyncio.run(_ask_asgi(app, bench.contender.prefix + NAME))
    need(sent[0]["status"] == 200, f"status {sent[0]['status']}")
    need(b"".join(one.get("body", b"") for one in sent) == TEXT, "other bytes than the file's")


async def _ask_asgi(app: Callable[..., Awaitable[None]], path: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"}
    target = {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""}
    await app({**scope, **target, "scheme": "http", "headers": []}, receive, send)
    return sent


FEATURES = (
    Feature("wraps", "a miss goes to the wrapped app", _wraps),
    Feature("immutable", "immutable, by a rule on names", _immutable),
    Feature("cors", "Access-Control-Allow-Origin", _cors),
    Feature("headers", "custom header fields", _headers),
    Feature("index", "index.html for a directory, with redirect", _index),
    Feature("listing", "directory listings", _listing),
    Feature("spa", "single-page apps: fallback for navigations", _fallback),
    Feature("clean", "clean URLs (/about is about.html)", _clean),
    Feature("404", "custom 404 page", _not_found),
    Feature("several", "several directories at one prefix", _several),
    Feature("offload", "X-Accel-Redirect", _offload),
    Feature("zipped", "a package in a zip file", _zipped),
    Feature("django", "a middleware for Django's settings", _django),
    Feature("asgi", "ASGI", _asgi),
    Feature("typed", "type hints (py.typed)", _typed),
)
