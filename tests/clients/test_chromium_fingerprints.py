"""Headless Chromium: URLs with fingerprints, Subresource Integrity, and preloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients.recording import Recorder
from tests.conftest import settle
from tests.servers.processes import serve_in_thread
from wsgistatic import StaticFiles

pytestmark = pytest.mark.clients

MANIFEST = """{
    "main.js": {"file": "assets/main-CHdo91hT.js", "imports": ["_a.js"],
                "css": ["assets/main-CHdo91hT.css"]},
    "_a.js": {"file": "assets/a-CHdo91hT.js"}
}"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, content in (
        ("app.js", "document.title = 'first'"),
        (".vite/manifest.json", MANIFEST),
        ("assets/main-CHdo91hT.js", "import './a-CHdo91hT.js'; document.title += ' main'"),
        ("assets/a-CHdo91hT.js", "document.title = 'a'"),
        ("assets/main-CHdo91hT.css", "p { color: red }"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    settle()
    return tmp_path


class Pages:
    """An app whose page names files of the folder; ``integrity`` replaces the right one."""

    def __init__(self, files: Path) -> None:
        self.static = StaticFiles(self._page, files, prefix="/static/")
        self.body, self.fields = "", [("Content-Type", "text/html"), ("Cache-Control", "no-store")]

    def _page(self, environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", self.fields)
        return [b"<!doctype html><link rel=icon href=data:,>" + self.body.encode()]


def script(static: StaticFiles, integrity: str) -> str:
    url = static.url("app.js")
    return f'<script src="{url}" integrity="{integrity}" crossorigin="anonymous"></script>'


def visit(page: Any, server: Recorder, url: str) -> list[tuple[str, int]]:
    """Load the page; return the paths and statuses of the requests for files."""
    before = len(server.exchanges)
    page.goto("about:blank")
    page.goto(url, wait_until="networkidle")
    return [(one.path, one.status) for one in server.exchanges[before:] if one.path != "/"]


def test_a_file_is_requested_once_for_each_version(files: Path, browser: Any) -> None:
    pages = Pages(files)
    server, page = Recorder(pages.static), browser.new_page()
    with serve_in_thread(server) as port:
        url = f"http://127.0.0.1:{port}/"
        for title in ("first", "second"):
            (files / "app.js").write_text(f"document.title = '{title}'")
            settle()
            pages.body = script(pages.static, pages.static.integrity("app.js"))
            assert visit(page, server, url) == [(pages.static.url("app.js"), 200)]
            assert page.title() == title
            assert visit(page, server, url) == []
            assert page.title() == title
        # The browser refuses bytes that are not those which the page promises.
        pages.body = script(pages.static, pages.static.integrity("assets/a-CHdo91hT.js"))
        visit(page, server, url)
        assert page.title() == ""
    page.close()


def test_what_is_preloaded_is_requested_once(files: Path, browser: Any) -> None:
    pages = Pages(files)
    pages.fields.append(("Link", pages.static.preload("main.js")))
    pages.body = (
        '<link rel=stylesheet href="/static/assets/main-CHdo91hT.css">'
        '<script type=module src="/static/assets/main-CHdo91hT.js"></script><p>text'
    )
    server, page = Recorder(pages.static), browser.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    with serve_in_thread(server) as port:
        requests = visit(page, server, f"http://127.0.0.1:{port}/")
        assert page.title() == "a main"
    names = ("a-CHdo91hT.js", "main-CHdo91hT.css", "main-CHdo91hT.js")
    assert sorted(requests) == [(f"/static/assets/{name}", 200) for name in names]
    assert messages == []  # Chromium warns of a preload that it cannot use
    page.close()
