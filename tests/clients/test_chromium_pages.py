"""Headless Chromium: ES modules, WebAssembly, fonts from another origin, second visits."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recording import Recorder, run_recorded_server
from tests.conftest import age
from wsgistatic.compress import Compressor
from wsgistatic.http.codings import CODINGS

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
    """Load the page; return the paths and statuses of its requests, sorted by path."""
    page.goto("about:blank")
    before = len(server.exchanges)
    page.goto(server.url)
    page.wait_for_function("document.querySelector('p').innerText")
    return sorted((exchange.path, exchange.status) for exchange in server.exchanges[before:])


def expected_requests(status: int) -> list[tuple[str, int]]:
    return [(path, status) for path in ("/", "/lib/text.js", "/main.mjs", "/style.css")]


def test_modules_and_style_sheet(pages: Path, page: Any) -> None:
    with run_recorded_server(pages) as server:
        assert visit(page, server) == expected_requests(200)
        assert page.inner_text("p") == "grüße"
        assert page.evaluate("getComputedStyle(document.querySelector('p')).color") == (
            "rgb(1, 2, 3)"
        )
        # With nosniff, Chromium rejects modules and style sheets of any other type.
        (module,), (style,) = server.exchanges_for("/main.mjs"), server.exchanges_for("/style.css")
    assert module.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"
    assert module.headers["X-Content-Type-Options"] == "nosniff"


def test_wasm_is_compiled_while_streaming(pages: Path, page: Any) -> None:
    with run_recorded_server(pages) as server:
        visit(page, server)
        added = page.evaluate(
            "async () => (await WebAssembly.instantiateStreaming(fetch('add.wasm')))"
            ".instance.exports.add(40, 2)"
        )
        assert added == 42
        (response,) = server.exchanges_for("/add.wasm")
    assert (response.method, response.status, response.length) == ("GET", 200, len(ADD))
    assert response.headers["Content-Type"] == "application/wasm"


@pytest.mark.parametrize(("allow_origin", "outcome"), [("*", "loaded"), (None, "NetworkError")])
def test_font_of_another_origin(
    pages: Path, tmp_path: Path, pdfjs: Path, page: Any, allow_origin: str | None, outcome: str
) -> None:
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    shutil.copy(pdfjs / "standard_fonts" / "LiberationSans-Regular.ttf", fonts / "sans.ttf")
    with (
        run_recorded_server(pages) as server,
        run_recorded_server(fonts, allow_origin=allow_origin) as other,
    ):
        page.goto(server.url)
        assert page.evaluate(LOAD_FONT, other.url + "sans.ttf") == outcome
        (response,) = other.exchanges_for("/sans.ttf")
        assert response.fields["origin"] == server.url.rstrip("/")
    assert response.headers.get("Access-Control-Allow-Origin") == allow_origin
    assert response.headers["Content-Type"] == "font/ttf"


def test_second_visit_revalidates(pages: Path, page: Any) -> None:
    with run_recorded_server(pages, cache_control="no-cache") as server:
        assert visit(page, server) == expected_requests(200)
        assert visit(page, server) == expected_requests(304)
        tags = {exchange.headers["ETag"] for exchange in server.exchanges}
        requested_tags = {exchange.fields.get("if-none-match") for exchange in server.exchanges[4:]}
        assert requested_tags == tags
        (pages / "lib/text.js").write_text("export const text = 'changed'")
        changed = dict(expected_requests(304)) | {"/lib/text.js": 200}
        assert dict(visit(page, server)) == changed
        assert page.inner_text("p") == "changed"


@pytest.mark.parametrize("coding", CODINGS)
def test_sidecars_are_decoded(pages: Path, page: Any, coding: str) -> None:
    text = "".join(f"line {number} of some text\n" for number in range(50_000))
    (pages / "text.txt").write_text(text)
    (made,) = Compressor([coding], levels={coding: 5}).compress_file(pages / "text.txt").sidecars
    with run_recorded_server(pages, encodings=(coding,)) as server:
        page.goto(server.url)
        assert page.evaluate("async () => (await fetch('text.txt')).text()") == text
        (response,) = server.exchanges_for("/text.txt")
    assert response.headers["Content-Encoding"] == coding
    assert response.length == made.size


def test_second_visit_within_max_age_sends_no_requests(pages: Path, page: Any) -> None:
    with run_recorded_server(pages, cache_control="max-age=600") as server:
        assert visit(page, server) == expected_requests(200)
        assert visit(page, server) == []
        assert page.inner_text("p") == "grüße"
