"""Clients follow a redirect through nginx, which removes a prefix that the app does not know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.request import urlopen

import pytest

from benchmarks.harness.processes import free_port
from tests.clients.programs import run
from tests.clients.recording import Recorder
from tests.conftest import age
from tests.servers.nginx import nginx_command
from tests.servers.processes import find_program, run_command, serve_in_thread
from wsgistatic import StaticFiles

pytestmark = pytest.mark.clients

# Paths below the prefix, and where the client ends.
REDIRECTS = {
    "/sub": "/sub/",
    "/sub?a=b&c=%20": "/sub/?a=b&c=%20",
    "/sub/deep": "/sub/deep/",
    "/sub/index.html": "/sub/",
    "/sub/page.html?q": "/sub/page?q",
    "/a:b": "/a:b/",
    "/javascript:x": "/javascript:x/",
    "/50%25%20%C3%A9%3F": "/50%25%20%C3%A9%3F/",
    "/index.html": "/",
}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The URL of the folder behind nginx."""
    if find_program("nginx") is None:
        pytest.skip("nginx is not installed")
    root, folder = tmp_path / "root", tmp_path / "nginx"
    folder.mkdir()
    for target in REDIRECTS.values():
        path = unquote(target.partition("?")[0])
        name = path + ("index.html" if path.endswith("/") else ".html")
        (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / name[1:]).write_text(f"page {path}")
        age(root / name[1:])
    app = Recorder(StaticFiles(None, root, clean_urls=True))
    with serve_in_thread(app) as app_port:
        port = free_port([app_port])
        location = f"location /tools/files/ {{ proxy_pass http://127.0.0.1:{app_port}/; }}"
        command = nginx_command(folder, f"server {{ listen 127.0.0.1:{port}; {location} }}")
        with run_command(command, folder, port):
            yield f"http://127.0.0.1:{port}/tools/files"


def curl(url: str, folder: Path) -> tuple[str, str]:
    output = run("curl", "--silent", "--location", "--write-out", "\n%{url_effective}", url)
    page, _, effective = output.rpartition("\n")
    return page, effective


def wget(url: str, folder: Path) -> tuple[str, str]:
    return run("wget", "--quiet", "--output-document=-", url), ""


def aria2(url: str, folder: Path) -> tuple[str, str]:
    run("aria2c", "--no-conf", "--quiet", "--dir", folder, "--out", "page", url)
    return (folder / "page").read_text(), ""


def urllib(url: str, folder: Path) -> tuple[str, str]:
    with urlopen(url) as response:
        return response.read().decode(), response.url


def aiohttp(url: str, folder: Path) -> tuple[str, str]:
    aiohttp = pytest.importorskip("aiohttp")

    async def fetch() -> tuple[str, str]:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.text(), str(response.url)

    return asyncio.run(fetch())


@pytest.mark.parametrize("client", [curl, wget, aria2, urllib, aiohttp])
def test_a_client_follows_a_redirect(
    url: str, tmp_path: Path, client: Callable[[str, Path], tuple[str, str]]
) -> None:
    for number, (path, target) in enumerate(REDIRECTS.items()):
        page, effective = client(url + path, tmp_path / str(number))
        assert page == f"page {unquote(target.partition('?')[0])}", path
        if client is curl:
            assert effective == url + target


def test_chromium_follows_a_redirect(url: str, page: Any) -> None:
    for path, target in REDIRECTS.items():
        page.goto(url + path)
        assert page.url == url + target
        assert page.inner_text("body") == f"page {unquote(target.partition('?')[0])}"
