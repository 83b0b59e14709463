"""Headless Chromium: the next release of Bootstrap arrives as a delta (RFC 9842)."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.clients.recording import Recorder, run_recorded_server
from tests.conftest import settle
from tests.deltas import write
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


def bundle(package: str) -> bytes:
    """Return the script of an npm package."""
    folder = Path(__file__).parent / "node_modules" / package
    if not folder.exists():
        pytest.skip(f"{package} is not installed in tests/clients")
    return (folder / "dist/js/bootstrap.bundle.min.js").read_bytes()


@pytest.fixture
def old() -> bytes:
    return bundle("bootstrap-old")


@pytest.fixture
def new() -> bytes:
    return bundle("bootstrap")


@pytest.fixture
def folder(tmp_path: Path, old: bytes) -> Path:
    folder = write(tmp_path / "site", {**PAGE, OLD_NAME: old, "main.js": old})
    settle()
    return folder


def release(folder: Path, new: bytes) -> None:
    """Deploy the second release beside the first, whose file main.js it replaces."""
    files = {name: (folder / name).read_bytes() for name in (OLD_NAME, "main.js")}
    old = write(folder.parent / "old", files)
    write(folder, {NEW_NAME: new, "main.js": new})
    assert main(["compress", str(folder), "--quiet", "--dictionaries-from", str(old)]) == 0
    settle()


@pytest.mark.parametrize("names", [(OLD_NAME, NEW_NAME), ("main.js", "main.js")])
def test_second_release_takes_less_than_a_twentieth(
    page: Any, folder: Path, old: bytes, new: bytes, names: tuple[str, str]
) -> None:
    before, after = names
    with run_recorded_server(folder, dictionaries=True, cache_control="max-age=3600") as server:
        assert fetch(page, server, before) == sha256(old).hexdigest()
        release(folder, new)
        assert fetch(page, server, after, cache="no-cache") == sha256(new).hexdigest()
        delta = server.exchanges_for(f"/{after}")[-1]
        assert delta.headers["Content-Encoding"] == "dcz"
        assert delta.length < 0.05 * len(new)
        # It has the file now, and asks with the tag of the delta.
        assert fetch(page, server, after, cache="no-cache") == sha256(new).hexdigest()
        again = server.exchanges_for(f"/{after}")[-1]
        assert again.fields["if-none-match"] == delta.headers["ETag"]
        assert "available-dictionary" in again.fields
        assert again.status == 304


def test_range_gets_the_bytes_of_the_file(page: Any, folder: Path, new: bytes) -> None:
    with run_recorded_server(folder, dictionaries=True, cache_control="max-age=3600") as server:
        fetch(page, server, OLD_NAME)
        release(folder, new)
        digest = fetch(page, server, NEW_NAME, headers={"Range": "bytes=10-99"})
        assert digest == sha256(new[10:100]).hexdigest()
        (part,) = server.exchanges_for(f"/{NEW_NAME}")
        assert "available-dictionary" in part.fields
        assert (part.status, "Content-Encoding" in part.headers) == (206, False)


def test_unknown_dictionary_gets_an_ordinary_coding(
    page: Any, folder: Path, old: bytes, new: bytes
) -> None:
    with run_recorded_server(folder, dictionaries=True, cache_control="max-age=3600") as server:
        fetch(page, server, OLD_NAME)
        write(folder, {OLD_NAME: old + b"// another build\n"})
        release(folder, new)
        assert fetch(page, server, NEW_NAME) == sha256(new).hexdigest()
        (response,) = server.exchanges_for(f"/{NEW_NAME}")
        assert "available-dictionary" in response.fields
        assert response.headers["Content-Encoding"] in ("gzip", "br", "zstd")


def test_rollback_gets_the_older_bytes(page: Any, folder: Path, new: bytes) -> None:
    with run_recorded_server(folder, dictionaries=True, cache_control="max-age=3600") as server:
        fetch(page, server, "main.js")
        release(folder, new)
        third = new.replace(b"Bootstrap", b"Rolled-up")
        write(folder, {"main.js": third})  # of the same size and time as the second
        assert fetch(page, server, "main.js", cache="no-cache") == sha256(third).hexdigest()
        response = server.exchanges_for("/main.js")[-1]
        assert "available-dictionary" in response.fields
        assert "Content-Encoding" not in response.headers
