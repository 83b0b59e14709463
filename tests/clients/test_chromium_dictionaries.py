"""Headless Chromium: the second release of a bundle arrives as a delta (RFC 9842)."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recording import Recorder, run_recorded_server
from tests.conftest import settle
from tests.deltas import NEW_BUNDLE, OLD_BUNDLE, write
from wsgistatic.__main__ import main

pytestmark = pytest.mark.clients

OLD_NAME, NEW_NAME = "app-3f2a44d1.js", "app-9c1d55e7.js"
PAGE = {"index.html": b"<!doctype html><link rel=icon href=data:,>"}
FETCH = """
async ([url, options]) => {
    const content = await (await fetch(url, options)).arrayBuffer();
    const digest = await crypto.subtle.digest("SHA-256", content);
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
"""


def fetch(page: Any, server: Recorder, name: str, **options: Any) -> str:
    """Return the SHA-256 of what a script gets, in hexadecimal digits."""
    # A secure context is needed, and localhost is one without TLS.
    url = server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{url}index.html")
    digest: str = page.evaluate(FETCH, [url + name, options])
    return digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write(tmp_path / "site", {**PAGE, OLD_NAME: OLD_BUNDLE, "main.js": OLD_BUNDLE})
    settle()
    return folder


def release(folder: Path) -> None:
    """Deploy the second release beside the first, whose file main.js it replaces."""
    old = write(folder.parent / "old", {OLD_NAME: OLD_BUNDLE, "main.js": OLD_BUNDLE})
    write(folder, {NEW_NAME: NEW_BUNDLE, "main.js": NEW_BUNDLE})
    assert main(["compress", str(folder), "--quiet", "--dictionaries-from", str(old)]) == 0
    settle()


@pytest.mark.parametrize("names", [(OLD_NAME, NEW_NAME), ("main.js", "main.js")])
def test_second_release_takes_less_than_a_twentieth(
    page: Any, folder: Path, names: tuple[str, str]
) -> None:
    before, after = names
    with run_recorded_server(folder, dictionaries=True, cache_control="max-age=3600") as server:
        assert fetch(page, server, before) == sha256(OLD_BUNDLE).hexdigest()
        release(folder)
        assert fetch(page, server, after, cache="no-cache") == sha256(NEW_BUNDLE).hexdigest()
        delta = server.exchanges_for(f"/{after}")[-1]
        assert delta.headers["Content-Encoding"] == "dcz"
        assert delta.length < 0.05 * len(NEW_BUNDLE)
        # It has the file now, and asks with the tag of the delta.
        assert fetch(page, server, after, cache="no-cache") == sha256(NEW_BUNDLE).hexdigest()
        again = server.exchanges_for(f"/{after}")[-1]
        assert again.fields["if-none-match"] == delta.headers["ETag"]
        assert "available-dictionary" in again.fields
        assert again.status == 304


def test_range_gets_the_bytes_of_the_file(page: Any, folder: Path) -> None:
    with run_recorded_server(folder, dictionaries=True, cache_control="max-age=3600") as server:
        fetch(page, server, OLD_NAME)
        release(folder)
        digest = fetch(page, server, NEW_NAME, headers={"Range": "bytes=10-99"})
        assert digest == sha256(NEW_BUNDLE[10:100]).hexdigest()
        (part,) = server.exchanges_for(f"/{NEW_NAME}")
        assert "available-dictionary" in part.fields
        assert (part.status, "Content-Encoding" in part.headers) == (206, False)


def test_unknown_dictionary_gets_an_ordinary_coding(page: Any, folder: Path) -> None:
    with run_recorded_server(folder, dictionaries=True, cache_control="max-age=3600") as server:
        write(folder, {OLD_NAME: OLD_BUNDLE + b"// a test build\n"})
        fetch(page, server, OLD_NAME)
        release(folder)
        assert fetch(page, server, NEW_NAME) == sha256(NEW_BUNDLE).hexdigest()
        (response,) = server.exchanges_for(f"/{NEW_NAME}")
        assert "available-dictionary" in response.fields
        assert response.headers["Content-Encoding"] in ("gzip", "br", "zstd")
