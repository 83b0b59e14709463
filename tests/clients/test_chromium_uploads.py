"""Headless Chromium: passive uploads are shown and played, and others cannot act for the site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.programs import run
from tests.conftest import age
from tests.servers.processes import serve_in_thread
from wsgistatic import StaticFiles, untrusted_uploads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

pytestmark = pytest.mark.clients

EMPTY_MODULE = bytes.fromhex("0061736d01000000")  # of WebAssembly
ACTIVE = "document.title = 'attacked'; globalThis.attacked = true"
UPLOADS = {
    "evil.js": ACTIVE,
    "evil.mjs": f"{ACTIVE}; export const value = 1",
    "worker.js": "postMessage('attacked')",
    "evil.css": "p { color: rgb(255, 0, 0) }",
    "evil.html": f"<!doctype html><title>harmless</title><script>{ACTIVE}</script>shown",
    "evil.svg": f"<svg xmlns='http://www.w3.org/2000/svg'><script>{ACTIVE}</script></svg>",
    "evil.xhtml": "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>harmless</title>"
    f"<script>{ACTIVE}</script></head><body/></html>",
    "evil.xml": "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>globalThis.attacked = true"
    "</x:script>",
    "notes.txt": f"<script>{ACTIVE}</script>",
}
PAGE = b"""<!doctype html><title>site</title><link rel=icon href=data:,>
<link rel=stylesheet href=/uploads/evil.css><p>text</p>
<script src=/uploads/evil.js></script><script type=module src=/uploads/evil.mjs></script>
<script type=module src=/uploads/evil.wasm></script>
"""
POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src data:"
PLAYS = """
() => {
    const media = document.querySelector('video');
    media.muted = true;
    if (media.paused) media.play();
    return media.currentTime > 0.1;
}
"""


def the_site(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Security-Policy", POLICY)])
    return [PAGE]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    source = ("-loglevel", "error", "-f", "lavfi", "-i")
    for name, filter in (
        ("film.webm", "color=gray:s=64x48:r=5:d=2"),
        ("film.mp4", "color=gray:s=64x48:r=5:d=2"),
        ("sound.mp3", "sine=duration=2"),
        ("sound.wav", "sine=duration=2"),
        ("photo.png", "color=gray:s=64x48:d=1"),
    ):
        frames = ("-frames:v", "1") if name == "photo.png" else ()
        run("ffmpeg", *source, filter, *frames, tmp_path / name)
    for name, content in UPLOADS.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "evil.wasm").write_bytes(EMPTY_MODULE)
    for path in tmp_path.iterdir():
        age(path)
    app = StaticFiles(
        the_site, tmp_path, prefix="/uploads/", headers=untrusted_uploads(), encodings=()
    )
    with serve_in_thread(app) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.mark.parametrize(
    ("name", "width"), [("film.webm", 64), ("film.mp4", 64), ("sound.mp3", 0), ("sound.wav", 0)]
)
def test_media_opened_by_url_play(url: str, page: Any, name: str, width: int) -> None:
    page.goto(f"{url}uploads/{name}")
    page.wait_for_function(PLAYS, timeout=10_000)
    assert page.evaluate("document.querySelector('video').videoWidth") == width


def test_image_opened_by_url_is_shown(url: str, page: Any) -> None:
    page.goto(f"{url}uploads/photo.png")
    assert page.evaluate("document.querySelector('img').naturalWidth") == 64
    page.goto(f"{url}uploads/evil.svg")
    assert page.evaluate("document.documentElement.localName") == "svg"


@pytest.mark.parametrize(
    "name", ["evil.html", "evil.svg", "evil.xhtml", "evil.xml", "evil.js", "notes.txt"]
)
def test_documents_run_no_scripts(url: str, page: Any, name: str) -> None:
    page.goto(f"{url}uploads/{name}")
    assert page.evaluate("globalThis.attacked") is None
    assert page.title() != "attacked"


def test_pages_of_the_site_load_no_uploaded_code(url: str, page: Any) -> None:
    page.goto(url)
    assert page.evaluate("globalThis.attacked") is None
    assert page.title() == "site"
    assert page.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(0, 0, 0)"
    for script, outcome in (
        ("import('/uploads/evil.mjs').then(() => 'attacked', error => error.name)", "TypeError"),
        (
            "navigator.serviceWorker.register('/uploads/worker.js')"
            ".then(() => 'attacked', error => error.name)",
            "SecurityError",
        ),
        (
            "WebAssembly.compileStreaming(fetch('/uploads/evil.wasm'))"
            ".then(() => 'attacked', error => error.name)",
            "TypeError",
        ),
        (
            "new Promise(done => { const worker = new Worker('/uploads/worker.js');"
            "worker.onmessage = event => done(event.data); worker.onerror = () => done('error') })",
            "error",
        ),
    ):
        assert page.evaluate(script) == outcome
