"""Headless Chromium: a single-page app at /, wrapped around an app with an API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recording import Recorder
from tests.conftest import age
from tests.servers.processes import serve_in_thread
from wsgistatic import StaticFiles

pytestmark = pytest.mark.clients

PAGE = "<!doctype html><link rel=icon href=data:,><title>page</title><script src=/main.js></script>"
WORKER = """
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', event => event.respondWith(fetch(event.request)));
"""
ROUTES = ("/changelog", "/license", "/browse//home", "/user/john.doe", "/@me", "/a%2Fb", "/x/..;/y")
REGISTER = (
    "navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)"
)
STATUS = "url => fetch(url).then(response => response.status)"


def api(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Respond to /api/users, with a heuristically cacheable 404 otherwise."""
    is_known = environ["PATH_INFO"] == "/api/users"
    fields = [("Content-Type", "application/json"), ("Cache-Control", "max-age=600")]
    start_response("200 OK" if is_known else "404 Not Found", fields)
    yield b"[]"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Recorder]:
    for name, content in (("index.html", PAGE), ("main.js", "1"), ("worker.js", WORKER)):
        (tmp_path / name).write_text(content)
        age(tmp_path / name)
    recorder = Recorder(StaticFiles(api, tmp_path, fallback="index.html"))
    with serve_in_thread(recorder) as port:
        recorder.url = f"http://127.0.0.1:{port}"
        yield recorder


@pytest.mark.parametrize("has_worker", [False, True])
def test_every_route_is_the_page(server: Recorder, page: Any, has_worker: bool) -> None:
    page.goto(server.url + "/main-route")
    if has_worker:
        page.evaluate(REGISTER)
    for route in ROUTES:
        response = page.goto(server.url + route)
        assert (response.status, page.title()) == (200, "page"), route
    assert page.goto(server.url + "/api/users").status == 200
    assert page.inner_text("body") == "[]"


def test_a_cache_keeps_the_page_and_the_404_apart(server: Recorder, page: Any) -> None:
    page.goto(server.url + "/start")
    for route in ("/user/7", "/user/8.js"):
        assert page.evaluate(STATUS, route) == 404
        assert page.goto(server.url + route).status == 200
        assert page.evaluate(STATUS, route) == 404


def test_what_a_page_embeds(server: Recorder, page: Any) -> None:
    page.goto(server.url + "/start")
    page.evaluate(
        """() => new Promise(resolve => {
            const frame = document.createElement('iframe');
            frame.onload = resolve;
            frame.src = '/in/frame';
            document.body.append(frame);
        })"""
    )
    assert page.frames[1].title() == "page"
    failed = """kind => new Promise(resolve => {
        const element = document.createElement(kind);
        element.onerror = () => resolve(true);
        element.onload = () => resolve(false);
        element[kind === 'object' ? 'data' : 'src'] = '/missing/' + kind;
        document.body.append(element);
    })"""
    for kind in ("script", "img", "object"):
        assert page.evaluate(failed, kind)
        assert [one.status for one in server.exchanges_for(f"/missing/{kind}")] == [404]
