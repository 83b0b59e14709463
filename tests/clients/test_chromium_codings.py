"""Headless Chromium: files in content codings arrive whole."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recording import run_recorded_server
from tests.conftest import encoded, settle

pytestmark = pytest.mark.clients

TEXT = random.Random(1).randbytes(100_000).hex().encode()
MEMBERS = gzip.compress(TEXT[:50_000]) + gzip.compress(TEXT[50_000:])
FETCH = "async (url) => await (await fetch(url)).text()"
IMAGE = """
(url) => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve(image.naturalWidth);
    image.onerror = () => resolve("error");
    image.src = url;
})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "index.html").write_bytes(b"<!doctype html><link rel=icon href=data:,>")
    (folder / "members.txt").write_bytes(TEXT)
    (folder / "members.txt.gz").write_bytes(MEMBERS)
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='90' height='9'/>"
    (folder / "icon.svgz").write_bytes(encoded("gzip", svg))
    settle()
    return folder


def test_text_beside_a_gzip_file_of_several_members_arrives_whole(page: Any, folder: Path) -> None:
    with run_recorded_server(folder) as server:
        page.goto(server.url)
        assert page.evaluate(FETCH, f"{server.url}members.txt") == TEXT.decode()


def test_compressed_image_is_shown(page: Any, folder: Path) -> None:
    with run_recorded_server(folder) as server:
        page.goto(server.url)
        assert page.evaluate(IMAGE, f"{server.url}icon.svgz") == 90
