"""Every row of the guide for apps without a framework, for Werkzeug and for CherryPy."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cherrypy
import pytest
from cherrypy.lib.static import staticdir
from servestatic import ServeStatic
from werkzeug.middleware.shared_data import SharedDataMiddleware
from whitenoise import WhiteNoise

from tests.client import Environ, call_raw, make_environ
from tests.django.migration.page import Row, arguments, code, equivalents, examples
from tests.django.migration.sites import CSS, Answer, Request, add_headers, differences, write_file
from wsgistatic import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PLAIN = equivalents("Arguments of WhiteNoise and ServeStatic")
WERKZEUG = equivalents("Arguments of SharedDataMiddleware")
CHERRYPY = equivalents("Arguments of staticdir")

REQUESTS = [
    *(Request("GET", f"/static/{name}") for name in (
        "app.css", "app.c4cd21f091bc.css", "data.notes", "name.unknown", "photo.png", "docs",
        "docs/", "docs/index.html", "link.txt", ".env", "new.txt", "none.css",
    )),
    Request("GET", "/static/app.css", (("Range", "bytes=5-9"),)),
    Request("HEAD", "/static/app.css"),
    Request("GET", "/page"),
]  # fmt: skip
RANGE = ("/static/app.css", "status")

# Fields that differ in every response, or in their spelling, and that no row is about.
NOT_COMPARED = (
    "Accept-Ranges",
    "Access-Control-Expose-Headers",
    "Date",
    "ETag",
    "Server",
    "Vary",
    "X-Content-Type-Options",
)


def inner_app(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"the app"]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in (
        ("app.css", CSS), ("app.c4cd21f091bc.css", CSS), ("data.notes", "notes"),
        ("name.unknown", "unknown"), ("photo.png", "png"), ("docs/index.html", "<p>docs</p>"),
        (".env", "SECRET=1"),
    ):  # fmt: skip
        write_file(tmp_path / "static" / name, content)
    write_file(tmp_path / "secret.txt", "secret")
    (tmp_path / "static/link.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answers(make_app: Callable[[], WSGIApplication], site: Path) -> list[Answer]:
    (site / "static/new.txt").unlink(missing_ok=True)
    app = make_app()
    write_file(site / "static/new.txt", "new")
    found = []
    for request in REQUESTS:
        environ = make_environ(request.path, request.method, dict(request.headers))
        environ["SERVER_PROTOCOL"] = "HTTP/1.1"  # CherryPy sends no ranges to others
        result = call_raw(app, environ)
        headers = {
            name.title(): value.replace('"', "").replace(", public", "")
            for name, value in result.headers.items()
            if name.title() not in map(str.title, NOT_COMPARED)
        }
        body = b"" if request.method == "HEAD" else result.body
        if result.status in (301, 302, 303, 404):
            headers, body = {}, b""
        found.append(Answer(result.status, headers, body))
    return found


def ours(**options: Any) -> StaticFiles:
    return StaticFiles(inner_app, **{"directory": "static", "prefix": "/static", **options})


def replaced(row: Row, site: Path) -> dict[str, Any]:
    """Return the arguments that the row names for StaticFiles."""
    cell = row.ours if row.ours.startswith("``") else ""
    return arguments(cell, add_headers=add_headers, BASE_DIR=site)


def given(row: Row, site: Path) -> dict[str, Any]:
    return arguments(row.theirs, add_headers=add_headers, BASE_DIR=str(site))


def parameters(function: Callable[..., Any]) -> set[str]:
    return {*inspect.signature(function).parameters} - {"application", "app"}


NEW = {("/static/new.txt", "status")}
# What the comparisons of the rows say. All other responses are equal.
DIFFERENT = {
    "index_file": {("/static/docs", "status"), ("/static/docs/index.html", "status")},
}


def test_every_argument_of_whitenoise_and_servestatic_has_a_row() -> None:
    rows = {row.name for row in PLAIN} | {"root", "prefix"}  # in the text
    assert rows == parameters(WhiteNoise) | parameters(ServeStatic)


@pytest.mark.symlinks
@pytest.mark.parametrize("peer", [WhiteNoise, ServeStatic])
@pytest.mark.parametrize("row", PLAIN, ids=str)
def test_whitenoise_and_servestatic(row: Row, peer: Any, site: Path) -> None:
    if row.name not in parameters(peer):
        assert row.name == "allow_unsafe_symlinks"
        return
    arguments = given(row, site)
    default = answers(lambda: peer(inner_app, "static", "/static"), site)
    theirs = answers(lambda: peer(inner_app, "static", "/static", **arguments), site)
    assert differences(REQUESTS, default, theirs), "the argument has no effect"

    parity: dict[str, Any] = {}
    exec(examples("python")[1], {}, parity)
    options = parity["WSGISTATIC"]
    if peer is ServeStatic:
        del options["symlinks"]
        options["immutable"] = "hashed"
    options |= replaced(row, site)
    for answer in theirs:
        age = answer.headers.get("Cache-Control", "").replace("315360000", "31536000")
        answer.headers |= {"Cache-Control": age} if age else {}
    found = differences(REQUESTS, theirs, answers(lambda: ours(**options), site))
    if row.name != "autorefresh":
        assert found >= NEW
    expected = set(DIFFERENT.get(row.name, ()))
    assert found - NEW == expected
    is_different = bool(expected) or row.name == "add_headers_function"  # for other names
    assert row.verdict == ("Different" if is_different else "Same")


def test_add_files(site: Path) -> None:
    write_file(site / "theme/app.css", "theme")
    theirs = WhiteNoise(inner_app)
    theirs.add_files("static", "/static")
    theirs.add_files("theme", "/static")
    names: dict[str, Any] = {"application": inner_app}
    (example,) = [one for one in examples("python") if "theme" in one]
    exec(example, names)
    for app in (theirs, names["application"]):
        assert call_raw(app, make_environ("/static/app.css")).body == b"theme"
        assert call_raw(app, make_environ("/static/photo.png")).body == b"png"


def defaults(cache_control: int | None) -> dict[str, Any]:
    """Return the options by which the guide keeps the defaults of a peer."""
    for example in examples("python"):
        names: dict[str, Any] = {}
        if example.startswith("defaults"):
            exec(example, names)
            if names["defaults"]["cache_control"] == cache_control:
                return dict(names["defaults"])
    raise AssertionError


# Beside ranges, which it ignores, and Expires.
WERKZEUG_DIFFERENT = {
    "disallow": {("/static/data.notes", "status")},
    "fallback_mimetype": {(f"/static/{name}", "Content-Type") for name in (".env", "data.notes")},
}


def test_every_argument_of_shareddatamiddleware_has_a_row() -> None:
    assert {row.name for row in WERKZEUG} == parameters(SharedDataMiddleware)


@pytest.mark.parametrize("row", WERKZEUG, ids=str)
def test_shareddatamiddleware(row: Row, site: Path) -> None:
    exports = {"/static": "static"}
    default = answers(lambda: SharedDataMiddleware(inner_app, exports), site)
    arguments = {"exports": exports, **given(row, site)}
    theirs = answers(lambda: SharedDataMiddleware(inner_app, **arguments), site)
    if row.name != "exports":
        assert differences(REQUESTS, default, theirs), "the argument has no effect"
    options = {**defaults(43200), **replaced(row, site)}
    found = differences(REQUESTS, theirs, answers(lambda: ours(**options), site))
    always = {one for one in found if one[1] == "Expires"} | {RANGE}
    assert bool(always - {RANGE}) is (row.name != "cache")
    assert found - always == WERKZEUG_DIFFERENT.get(row.name, set())
    assert RANGE in found
    assert (row.verdict == "Different") is (row.name in WERKZEUG_DIFFERENT)


UNKNOWN = {(f"/static/{name}", "Content-Type") for name in (".env", "data.notes", "name.unknown")}
CHERRYPY_DIFFERENT = {
    "content_types": UNKNOWN - {("/static/data.notes", "Content-Type")},
    "index": UNKNOWN | {("/static/docs", "status")},
    "match": {
        (f"/static/{name}", "status")
        for name in (
            ".env", "data.notes", "docs/index.html", "link.txt", "name.unknown", "new.txt",
            "photo.png",
        )
    },
}  # fmt: skip


def staticdir_app(**tool: Any) -> Any:
    section = tool.pop("section", "/static")
    settings = {f"tools.staticdir.{name}": value for name, value in tool.items()}
    return cherrypy.Application(
        None, config={section: {"tools.staticdir.on": True, **settings}, "/": {"log.screen": False}}
    )


def test_every_argument_of_staticdir_has_a_row() -> None:
    names = {name for row in CHERRYPY for name in re.findall(r"(\w+)=", " ".join(code(row.theirs)))}
    assert names == parameters(staticdir)


@pytest.mark.symlinks
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # CherryPy's, after HEAD
@pytest.mark.parametrize("row", CHERRYPY, ids=str)
def test_staticdir(row: Row, site: Path) -> None:
    base = {"dir": os.fspath(site / "static")}
    default = answers(lambda: staticdir_app(**base), site)
    arguments = {**base, **given(row, site)}
    theirs = answers(lambda: staticdir_app(**arguments), site)
    has_effect = bool(differences(REQUESTS, default, theirs))
    assert has_effect is (row.name in ("match", "content_types", "index"))
    options = {**defaults(None), **replaced(row, site)}
    found = differences(REQUESTS, theirs, answers(lambda: ours(**options), site))
    expected = CHERRYPY_DIFFERENT.get(row.name, UNKNOWN)
    assert found == expected
    assert (row.verdict == "Different") is (row.name in ("match", "index", "debug"))
