"""Headless Chromium: ES modules, WebAssembly, fonts from another origin, second visits."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recording import Recorder, recorded
from tests.conftest import age

pytestmark = pytest.mark.clients

# (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
ADD = bytes.fromhex(
    "0061736d01000000 01070160027f7f017f 03020100 0707010361646400000a09010700200020016a0b"
)
FILES = {
    "index.html": b"<!doctype html><title>page</title><link rel=icon href=data:,>"
    b"<link rel=stylesheet href=style.css><script type=module src=main.mjs></script><p>",
    "style.css": b"p { color: rgb(1, 2, 3) }",
    "main.mjs": b"import {text} from './lib/text.js'; document.querySelector('p').innerText = text",
    "lib/text.js": b"export const text = 'gr\xc3\xbc\xc3\x9fe'",
    "add.wasm": ADD,
}
LOAD_FONT = """
async (url) => {
    const font = new FontFace('far', `url(${url})`);
    try { await font.load() } catch (error) { return error.name }
    return font.status;
}
"""


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        age(path)
    return folder


def visit(page: Any, server: Recorder) -> list[tuple[str, int]]:
    """Come to the page from elsewhere; what was asked for it, in the order of names."""
    page.goto("about:blank")
    before = len(server.exchanges)
    page.goto(server.url)
    page.wait_for_function("document.querySelector('p').innerText")
    return sorted((exchange.path, exchange.status) for exchange in server.exchanges[before:])


def answers(status: int) -> list[tuple[str, int]]:
    return [(path, status) for path in ("/", "/lib/text.js", "/main.mjs", "/style.css")]


def test_modules_and_a_style(pages: Path, page: Any) -> None:
    with recorded(pages) as server:
        assert visit(page, server) == answers(200)
        assert page.inner_text("p") == "grüße"
        assert page.evaluate("getComputedStyle(document.querySelector('p')).color") == (
            "rgb(1, 2, 3)"
        )
        # Under nosniff nothing else is taken for a module or a style.
        (module,), (style,) = server.of("/main.mjs"), server.of("/style.css")
    assert module.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"
    assert module.headers["X-Content-Type-Options"] == "nosniff"


def test_wasm_is_compiled_while_it_comes(pages: Path, page: Any) -> None:
    with recorded(pages) as server:
        visit(page, server)
        added = page.evaluate(
            "async () => (await WebAssembly.instantiateStreaming(fetch('add.wasm')))"
            ".instance.exports.add(40, 2)"
        )
        assert added == 42
        (answer,) = server.of("/add.wasm")
    assert (answer.method, answer.status, answer.length) == ("GET", 200, len(ADD))
    assert answer.headers["Content-Type"] == "application/wasm"


@pytest.mark.parametrize(("allow_origin", "outcome"), [("*", "loaded"), (None, "NetworkError")])
def test_a_font_of_another_origin(
    pages: Path, tmp_path: Path, pdfjs: Path, page: Any, allow_origin: str | None, outcome: str
) -> None:
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    shutil.copy(pdfjs / "standard_fonts" / "LiberationSans-Regular.ttf", fonts / "sans.ttf")
    with recorded(pages) as server, recorded(fonts, allow_origin=allow_origin) as other:
        page.goto(server.url)
        assert page.evaluate(LOAD_FONT, other.url + "sans.ttf") == outcome
        (answer,) = other.of("/sans.ttf")
        assert answer.fields["origin"] == server.url.rstrip("/")
    assert answer.headers.get("Access-Control-Allow-Origin") == allow_origin
    assert answer.headers["Content-Type"] == "font/ttf"


def test_a_second_visit_is_answered_by_304(pages: Path, page: Any) -> None:
    with recorded(pages, cache_control="no-cache") as server:
        assert visit(page, server) == answers(200)
        assert visit(page, server) == answers(304)
        tags = {exchange.headers["ETag"] for exchange in server.exchanges}
        asked = {exchange.fields.get("if-none-match") for exchange in server.exchanges[4:]}
        assert asked == tags
        (pages / "lib/text.js").write_text("export const text = 'changed'")
        changed = dict(answers(304)) | {"/lib/text.js": 200}
        assert dict(visit(page, server)) == changed
        assert page.inner_text("p") == "changed"


def test_a_second_visit_in_time_asks_nothing(pages: Path, page: Any) -> None:
    with recorded(pages, cache_control="public, max-age=600") as server:
        assert visit(page, server) == answers(200)
        assert visit(page, server) == []
        assert page.inner_text("p") == "grüße"
