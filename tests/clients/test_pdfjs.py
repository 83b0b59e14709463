"""pdf.js in headless Chromium reads a page of a large PDF with range requests."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recording import run_recorded_server
from tests.conftest import age

pytestmark = pytest.mark.clients

PAGES = 12
CHUNK = 65536  # bytes; pdf.js requests ranges that start at multiples of it
# Each page has an image that cannot be compressed.
BOOK = """
for (let number = 1; number <= %d; number++) {
    const section = document.createElement('section');
    section.innerText = `This is page ${number}`;
    section.style.breakAfter = 'page';
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 400;
    const context = canvas.getContext('2d'), image = context.createImageData(400, 400);
    for (let at = 0; at < image.data.length; at++)
        image.data[at] = at %% 4 == 3 ? 255 : Math.random() * 256;
    context.putImageData(image, 0, 0);
    section.append(canvas);
    document.body.append(section);
}
"""
READ_PAGE = """
async (number) => {
    const pdfjs = await import('./pdf.min.mjs');
    pdfjs.GlobalWorkerOptions.workerSrc = './pdf.worker.min.mjs';
    window.book = await pdfjs.getDocument(
        {url: 'book.pdf', disableAutoFetch: true, disableStream: true}).promise;
    const page = await window.book.getPage(number);
    const text = await page.getTextContent();
    return [window.book.numPages, text.items.map(item => item.str).join('')];
}
"""
READ_ALL = """
async () => {
    const digest = await crypto.subtle.digest('SHA-256', await window.book.getData());
    return [...new Uint8Array(digest)].map(byte => byte.toString(16).padStart(2, '0')).join('');
}
"""


@pytest.fixture
def book(tmp_path: Path, pdfjs: Path, browser: Any) -> Path:
    """Create a PDF with Chromium, and a web page to read it."""
    folder = tmp_path / "site"
    folder.mkdir()
    for name in ("pdf.min.mjs", "pdf.worker.min.mjs"):
        shutil.copy(pdfjs / "legacy" / "build" / name, folder)
    (folder / "index.html").write_text("<!doctype html><title>reader</title>")
    press = browser.new_page()
    press.evaluate(BOOK % PAGES)
    press.pdf(path=folder / "book.pdf")
    press.context.close()
    age(folder / "book.pdf")
    return folder / "book.pdf"


def test_page_of_a_pdf(book: Path, page: Any) -> None:
    size = book.stat().st_size
    assert size > 2_000_000
    with run_recorded_server(book.parent) as server:
        page.goto(server.url)
        pages, text = page.evaluate(READ_PAGE, PAGES - 2)
        assert (pages, text) == (PAGES, f"This is page {PAGES - 2}")
        # pdf.js uses ranges because the first response has Accept-Ranges and Content-Length.
        first, *parts = server.exchanges_for("/book.pdf")
        assert (first.status, first.range, first.length) == (200, "", size)
        assert {part.status for part in parts} == {206}
        assert all(int(part.range.split("-")[0]) % CHUNK == 0 for part in parts)
        assert sum(part.length for part in parts) < size / 3

        assert page.evaluate(READ_ALL) == hashlib.sha256(book.read_bytes()).hexdigest()
        rest = server.exchanges_for("/book.pdf")[1 + len(parts) :]
        assert {part.status for part in rest} == {206}
