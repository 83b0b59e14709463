"""``StaticFilesMiddleware`` in a Django project that runs on ASGI servers."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urljoin

import django
import pytest

from benchmarks.harness.processes import free_port
from tests.conftest import age
from tests.connection import Connection
from tests.servers.conftest import skip_if_missing
from tests.servers.matrix.procfs import file_positions
from tests.servers.processes import run_command
from tests.waiting import eventually

pytestmark = pytest.mark.servers

APP = "tests.servers.asgi_app:application"
COMMANDS = {
    "uvicorn": ("--host=127.0.0.1", "--port={port}"),
    "hypercorn": ("--bind=127.0.0.1:{port}",),
    "daphne": ("-b", "127.0.0.1", "-p", "{port}"),
}
BIG = bytes(range(256)) * 4000
HUGE = 200_000_000  # bytes, more than all buffers hold
CODED = gzip.compress(b"body {}", mtime=0)


@pytest.fixture(params=COMMANDS)
def server(request: pytest.FixtureRequest) -> str:
    """A module to run with ``python -m``."""
    name: str = request.param
    skip_if_missing("" if find_spec(name) else name)
    return name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    files = {"app.css": b"body {}", "app.css.gz": CODED, "big.bin": BIG, "docs/index.html": b"docs",
             "é.txt": b"e acute"}  # fmt: skip
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        age(path)
    with (root / "huge.bin").open("wb") as file:
        file.truncate(HUGE)
    age(root / "huge.bin")
    return root


@contextmanager
def run(
    server: str, root: Path, monkeypatch: pytest.MonkeyPatch, **variables: str
) -> Iterator[tuple[int, Path]]:
    """Run a server; yield its port, and the file with its output."""
    port, folder = free_port(()), root.parent / "server"
    folder.mkdir()
    for name, value in {"STATIC_ROOT": str(root), **variables}.items():
        monkeypatch.setenv(f"TEST_{name}", value)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("PYTHONWARNINGS", "always")
    words = [word.format(port=port) for word in COMMANDS[server]]
    command = [sys.executable, "-m", server, *words, APP]
    with run_command(command, folder, port) as log:
        yield port, log


def test_responses(server: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run(server, root, monkeypatch) as (port, log), Connection(port) as connection:
        ask = connection.request
        for _ in range(2):  # uncached, then cached
            small, big = ask("/static/app.css"), ask("/static/big.bin")
            assert (small.status, small.body) == (200, b"body {}")
            assert (big.status, big.body) == (200, BIG)
            assert small.headers["Referrer-Policy"] == "same-origin"  # of SecurityMiddleware
            coded = ask("/static/app.css", Accept_Encoding="gzip")
            assert (coded.body, coded.headers["Content-Encoding"]) == (CODED, "gzip")
            head = ask("/static/big.bin", "HEAD")
            assert (head.status, head.length) == (200, len(BIG))
            part = ask("/static/big.bin", Range="bytes=5-700000")
            assert (part.status, part.body) == (206, BIG[5:700001])
            parts = ask("/static/big.bin", Range="bytes=0-300000,500000-900000")
            assert parts.status == 206
            assert b"\r\n\r\n" + BIG[500000:900001] + b"\r\n--" in parts.body
            tag = big.headers["ETag"]
            assert ask("/static/big.bin", If_None_Match=tag).status == 304
            assert ask("/static/big.bin", If_Match='"other"').status == 412
            assert ask("/static/big.bin", Range="bytes=9999999-").status == 416
            redirect = ask("/static/docs?q=%C3%A9")
            location = urljoin("/static/docs", redirect.headers["Location"])
            assert (redirect.status, location) == (301, "/static/docs/?q=%C3%A9")
            assert ask("/static/docs/").body == b"docs"
            assert ask("/static/%C3%A9.txt").body == b"e acute"
        connection.send("/", Connection="close")
        assert connection.read_head().status == 200
        for complaint in ("StreamingHttpResponse", "ResourceWarning"):
            assert complaint not in log.read_text()


def test_misses(server: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run(server, root, monkeypatch) as (port, _):
        for target in ("/static/nope.css", "/static/%2e%2e/secret", "/static/%FF", "/static-x"):
            with Connection(port) as connection:
                connection.send(target, Connection="close")
                assert connection.read_head().status == 404, target


def test_hosts_that_are_not_allowed(
    server: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run(server, root, monkeypatch) as (port, _):
        for target in ("/static/app.css", "/static/huge.bin"):
            with Connection(port) as connection:
                head = f"GET {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
                connection.socket.sendall(head.encode())
                assert connection.read_head().status == 400
        assert eventually(lambda: not file_positions(str(root / "huge.bin")))


@pytest.mark.skipif(django.VERSION < (5,), reason="Django 4.2 ignores the setting under ASGI")
@pytest.mark.parametrize("path", ["/app/static/docs", "/static/docs"])
def test_script_name(server: str, root: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    with (
        run(server, root, monkeypatch, SCRIPT_NAME="/app") as (port, _),
        Connection(port) as connection,
    ):
        redirect = connection.request(path)
        location = urljoin("/app/static/docs", redirect.headers["Location"])
        assert (redirect.status, location) == (301, "/app/static/docs/")
        assert connection.request("/app/static/docs/").body == b"docs"


def test_clients_that_disconnect(server: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run(server, root, monkeypatch) as (port, _), ExitStack() as stack:
        path = str(root / "huge.bin")

        def count() -> int:
            return len(file_positions(path))

        clients = [stack.enter_context(Connection(port, receive_buffer=4096)) for _ in range(8)]
        for client in clients:
            client.send("/static/huge.bin")
            assert client.read_head().length == HUGE
        assert eventually(lambda: count() == 8)
        for client in clients:
            client.close()
        assert eventually(lambda: count() == 0)
        with Connection(port) as connection:
            assert connection.request("/static/app.css").body == b"body {}"
