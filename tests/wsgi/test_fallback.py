"""The option ``fallback``: which requests load a page, and a wrapped app that is called first."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

from tests.client import call, call_raw, make_environ, start
from tests.conftest import age
from wsgistatic import AnswerEvent, StaticFiles
from wsgistatic.wsgi.misses import VARY

PAGE = b"<p>the page</p>"
ACCEPT = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}
LOAD = {**ACCEPT, "HTTP_SEC_FETCH_DEST": "document", "HTTP_SEC_FETCH_MODE": "navigate"}
NO_PAGE = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    for name in ("index.html", "about.html", "main.js"):
        (folder / name).write_bytes(PAGE if name == "index.html" else name.encode())
        age(folder / name)
    time.sleep(0.03)  # until the clock has ticked, nothing is cached
    return folder


def spa(root: Path, app: Any = None, **options: Any) -> StaticFiles:
    return StaticFiles(app, root, **{"fallback": "index.html", **options})


# ---- which requests load a page ----------------------------------------------------------------

# PATH_INFO of application routes; the bytes of a path as Latin-1.
ROUTES = [
    *("/changelog", "/license", "/README", "/@me", "/user/john.doe", "/app.js", "/logo.svg"),
    *("/browse//home", "//", "/a/../b", "/a/./b", "/user;id=1/..;/x", "/.git/config", "/a\\b"),
    *("/caf\xc3\xa9", "/\xff", "/nul\0", "/" + "x" * 5000, "/main.js/more"),
]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("clean_urls", [False, True])
def test_a_browser_gets_the_page_at_any_path(root: Path, path: str, clean_urls: bool) -> None:
    for app in (None, missing):
        site = spa(root, app, clean_urls=clean_urls)
        for method, body in (("GET", PAGE), ("HEAD", b"")):
            result = call_raw(site, make_environ(path, method, **LOAD))
            assert (result.status, result.body) == (200, body)
            assert result.headers["Vary"] == VARY


@pytest.mark.parametrize(
    ("destination", "mode", "is_page"),
    [
        ("document", "navigate", True),
        ("document", None, True),
        ("iframe", "navigate", True),
        ("frame", "navigate", True),
        ("empty", "navigate", True),  # a service worker that forwards a page load
        (None, "navigate", True),
        ("object", "navigate", False),
        ("embed", "navigate", False),
        ("empty", "no-cors", False),  # <link rel=prefetch>, whose Accept names text/html
        ("empty", "cors", False),
        ("script", "no-cors", False),
        ("image", "no-cors", False),
        ("serviceworker", "same-origin", False),
        (None, "cors", False),
        ("empty", None, False),
    ],
)
def test_fetch_metadata_decides(
    root: Path, destination: str | None, mode: str | None, is_page: bool
) -> None:
    fields = {"HTTP_SEC_FETCH_DEST": destination, "HTTP_SEC_FETCH_MODE": mode}
    sent = {**ACCEPT, **{name: value for name, value in fields.items() if value is not None}}
    assert call(spa(root), "/user/7", **sent).status == (200 if is_page else 404)


@pytest.mark.parametrize("fields", [{}, {"HTTP_ACCEPT": "*/*"}, {"HTTP_ACCEPT": ""}])
@pytest.mark.parametrize(
    ("path", "is_page"),
    [("/user/7", True), ("/changelog", True), ("/user/", True), ("/v1.2", False),
     ("/app.js", False), ("/a//b", False), ("/.env", False)],
)  # fmt: skip
def test_a_client_that_accepts_anything_gets_the_page_only_without_an_app(
    root: Path, path: str, is_page: bool, fields: dict[str, str]
) -> None:
    assert call(spa(root), path, **fields).status == (200 if is_page else 404)
    assert call(spa(root, missing), path, **fields).status == 404


def test_a_mode_without_a_destination(root: Path) -> None:
    sent = {"HTTP_ACCEPT": "*/*", "HTTP_SEC_FETCH_MODE": "navigate"}
    for path, status in (("/v1.2", 200), ("/a.js", 404), ("/a//b", 404)):
        assert call(spa(root), path, **sent).status == status


def test_accept_of_browsers_that_send_no_fetch_metadata(root: Path) -> None:
    for path, status in (("/changelog", 200), ("/v1.2", 200), ("/a.js", 404), ("/a//b", 404)):
        assert call(spa(root), path, **ACCEPT).status == status
        assert call(spa(root, missing), path, **ACCEPT).status == status


def test_a_date_of_another_resource_does_not_validate_the_page(root: Path) -> None:
    """The page is older than the file that was at the same URL."""
    later = {"HTTP_IF_MODIFIED_SINCE": "Sat, 21 Nov 2026 00:00:00 GMT"}
    for app in (spa(root), spa(root, missing)):
        etag = call(app, "/user/7", **LOAD).headers["ETag"]
        assert call(app, "/user/7", **LOAD, **later).body == PAGE
        assert call(app, "/user/7", **LOAD, **later, HTTP_IF_NONE_MATCH=etag).status == 304


# ---- a wrapped app -----------------------------------------------------------------------------


def missing(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1")])
    return [b"nothing here"]


class Body:
    """A body that counts its calls."""

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = iter(blocks)
        self.closed = self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = next(self._blocks)
        self.read += 1
        return block

    def close(self) -> None:
        self.closed += 1


def responding(status: str, body: Any, *fields: tuple[str, str]) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [("Content-Type", "text/plain"), *fields])
        return body

    return app


def test_a_page_and_an_api_at_the_same_prefix(root: Path) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        known = environ["PATH_INFO"] in ("/admin/", "/api/users")
        start_response("200 OK" if known else "404 Not Found", [("Content-Type", "text/plain")])
        return [b"the app's"]

    site = spa(root, app)
    for path in ("/admin/", "/api/users"):
        assert call(site, path, **LOAD).body == b"the app's"
    assert call(site, "/user/7", **LOAD).body == PAGE
    assert call(site, "/main.js", **LOAD).body == b"main.js"
    assert call(site, "/api/users/99", **NO_PAGE).status == 404


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden", "410 Gone", "405 No", "500 Oops"])
def test_only_404_is_replaced(root: Path, status: str) -> None:
    body = Body(b"mine")
    result = start(spa(root, responding(status, body)), make_environ("/user/7", **LOAD))
    assert (result.status, result.iterable) == (int(status[:3]), body)
    assert "Vary" not in result.headers
    assert (body.read, body.closed) == (0, 0)


def test_a_404_that_is_not_replaced_is_passed_on_unread(root: Path) -> None:
    """With Vary, or a cache would reuse it for page loads (RFC 9111 4.1)."""
    body = Body(b"one", b"two")
    app = spa(root, responding("404 Not Found", body, ("Vary", "Cookie"), ("X-App", "1")))
    result = start(app, make_environ("/user/7", **NO_PAGE))
    assert result.iterable is body
    assert (body.read, body.closed) == (0, 0)
    assert result.headers == {
        "Content-Type": "text/plain", "X-App": "1", "Vary": f"Cookie, {VARY}",
    }  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "PUT"])
def test_other_methods_reach_the_app_untouched(root: Path, method: str) -> None:
    body = Body(b"mine")
    app = spa(root, responding("404 Not Found", body))
    result = start(app, make_environ("/user/7", method, **LOAD))
    assert result.iterable is body
    assert "Vary" not in result.headers


def test_a_discarded_body_is_closed_once(root: Path) -> None:
    body = Body(b"one", b"two")
    result = call_raw(spa(root, responding("404 Gone", body)), make_environ("/user/7", **LOAD))
    assert (result.status, result.body, body.closed) == (200, PAGE, 1)
    assert "Set-Cookie" not in result.headers


def test_a_generator_sets_its_status_late(root: Path) -> None:
    steps: list[str] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        is_known = environ["PATH_INFO"] == "/known"
        start_response("200 OK" if is_known else "404 No", [("Content-Type", "text/plain")])
        try:
            for block in (b"", b"one", b"two"):
                steps.append(f"yield {block!r}")
                yield block
        finally:
            steps.append("closed")

    site = spa(root, app)
    result = start(site, make_environ("/known", **LOAD))
    assert (result.status, steps) == (200, ["yield b''"])
    assert list(result.iterable) == [b"", b"one", b"two"]
    result.iterable.close()  # type: ignore[attr-defined]
    steps.clear()
    assert call_raw(site, make_environ("/other", **LOAD)).body == PAGE
    assert steps == ["yield b''", "closed"]
    steps.clear()
    kept = call_raw(site, make_environ("/other", **NO_PAGE))
    assert (kept.status, kept.body, kept.headers["Vary"]) == (404, b"onetwo", VARY)
    assert call(site, "/known", **LOAD).body == b"onetwo"


def test_what_an_app_writes_before_its_404_page_is_discarded(root: Path) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [("Content-Type", "text/plain")])(b"written")
        return []

    assert call(spa(root, app), "/user/7", **LOAD).body == PAGE


def failing_late(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    try:
        raise RuntimeError("while the 404 page was made")
    except RuntimeError:
        start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
    yield b"error"


def started_and_missing(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        raise RuntimeError
    except RuntimeError:
        start_response("404 Not Found", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"missing"]


@pytest.mark.parametrize(
    ("app", "status", "body"),
    [(failing_late, 500, b"error"), (started_and_missing, 404, b"missing")],
)
def test_an_error_handler_replaces_the_status(
    root: Path, app: Any, status: int, body: bytes
) -> None:
    seen: list[tuple[Any, ...]] = []

    def start_response(*arguments: Any) -> Callable[[bytes], object]:
        seen.append(arguments)
        return lambda data: None

    blocks = spa(root, app)(make_environ("/user/7", **LOAD), start_response)
    assert b"".join(blocks) == body
    assert int(seen[-1][0][:3]) == status
    assert seen[-1][2][0] is RuntimeError


class FailingBody(Body):
    def __next__(self) -> bytes:
        raise RuntimeError("first block")


class StubbornBody(Body):
    def close(self) -> None:
        super().close()
        raise RuntimeError("close")


@pytest.mark.parametrize("body", [FailingBody(), StubbornBody(b"one")])
def test_an_exception_of_the_app_propagates_and_closes_everything(
    root: Path, body: Body, open_descriptors: None
) -> None:
    (root / "index.html").write_bytes(PAGE * 100_000)  # too large for the cache: a file is open
    age(root / "index.html")
    app = spa(root, responding("404 Not Found", body))
    with pytest.raises(RuntimeError):
        call_raw(app, make_environ("/user/7", **LOAD))
    assert body.closed == 1


def test_an_exception_before_the_status(root: Path) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        call_raw(spa(root, app), make_environ("/user/7", **LOAD))


@pytest.mark.live
def test_without_the_page_the_404_of_the_app_is_sent(root: Path) -> None:
    app = spa(root, missing)
    assert call(app, "/user/7", **LOAD).body == PAGE
    (root / "index.html").unlink()
    result = call(app, "/user/7", **LOAD)
    assert (result.status, result.body) == (404, b"nothing here")
    assert result.headers["Set-Cookie"] == "a=1"


def test_the_environ_of_the_app(root: Path) -> None:
    """The app gets the server's environ, and may change it without an effect on the page."""
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(environ)
        environ["PATH_INFO"], environ["REQUEST_METHOD"] = "/main.js", "POST"
        environ.pop("HTTP_SEC_FETCH_DEST")
        return missing(environ, start_response)

    environ = make_environ("/user/7", "HEAD", **LOAD)
    result = call_raw(spa(root, app), environ)
    assert (result.status, result.headers["Content-Length"]) == (200, str(len(PAGE)))
    assert seen == [environ]
    assert seen[0] is environ


def test_misses_without_storage(root: Path) -> None:
    app = spa(root, missing, no_store_misses=True)
    kept = call(app, "/user/7", **NO_PAGE)
    assert (kept.headers["Cache-Control"], kept.headers["Vary"]) == ("no-store", VARY)
    assert call(app, "/user/7", **LOAD).headers["Cache-Control"] != "no-store"


def test_events(root: Path) -> None:
    events: list[AnswerEvent] = []
    app = spa(root, missing, on_answer=events.append)
    call_raw(app, make_environ("/user/7", **LOAD))
    assert [(event.status, event.refused) for event in events] == [
        (None, "does not exist"),
        (200, None),
    ]
    assert events[1].path == str(root / "index.html")
    events.clear()
    call_raw(app, make_environ("/user/7", **NO_PAGE))
    assert [event.status for event in events] == [None]


@pytest.mark.parametrize("app", [missing, failing_late])
def test_the_validator_accepts_both_sides(root: Path, app: Any) -> None:
    for fields in (LOAD, NO_PAGE):
        assert call(spa(root, validator(app)), "/user/7", **fields).body
