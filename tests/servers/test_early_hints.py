"""``StaticFiles.preload`` as an early hint (RFC 8297), by the servers that offer it."""

from __future__ import annotations

import importlib.metadata
import socket
import sys
from pathlib import Path

import pytest

from benchmarks.harness.processes import free_port
from tests.connection import TIMEOUT
from tests.documents import DOCUMENTATION, code_blocks
from tests.servers.processes import run_command

pytestmark = pytest.mark.servers

HOME = Path(__file__).parents[2]
SCRIPT, STYLE = "/static/assets/main-DvdbUMjN.js", "/static/assets/main-D64VDMd1.css"
LINK = f"<{SCRIPT}>; rel=modulepreload, <{STYLE}>; rel=preload; as=style"
MANIFEST = (
    '{"src/main.js": {"file": "assets/main-DvdbUMjN.js", "css": ["assets/main-D64VDMd1.css"]}}'
)


def exchange(port: int, version: str) -> list[bytes]:
    """Send a request, and return the head of each response and the body."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client:
        client.sendall(f"GET / HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: client.recv(65536), b""))
    return received.split(b"\r\n\r\n", 2)


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_sends_the_links_before_the_page(worker: str, tmp_path: Path) -> None:
    try:
        importlib.metadata.distribution("gunicorn")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed: gunicorn")
    (example,) = (
        block.text for block in code_blocks(DOCUMENTATION) if block.options.get("name") == "preload"
    )
    (tmp_path / "wsgi.py").write_text(example)
    (tmp_path / "dist/.vite").mkdir(parents=True)
    (tmp_path / "dist/.vite/manifest.json").write_text(MANIFEST)
    port = free_port(())
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "-k", worker]
    command += ["-b", f"127.0.0.1:{port}", "wsgi:application"]
    with run_command(["env", f"PYTHONPATH={HOME}", *command], tmp_path, port):
        hints, head, body = exchange(port, "1.1")
        assert hints.decode() == f"HTTP/1.1 103 Early Hints\r\nLink: {LINK}"
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert f"Link: {LINK}".encode() in head.split(b"\r\n")
        assert SCRIPT.encode() in body
        # RFC 8297 2: a client of HTTP/1.0 does not know informational responses.
        assert exchange(port, "1.0")[0].startswith(b"HTTP/1.0 200 OK\r\n")
