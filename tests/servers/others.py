"""nginx and Go's file server over one directory, to compare with."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NGINX = """
daemon off;
worker_processes 1;
pid {work}/pid;
error_log {work}/error;
user root;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {work}; proxy_temp_path {work}; fastcgi_temp_path {work};
    uwsgi_temp_path {work}; scgi_temp_path {work};
    types {{ text/plain txt; }}
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        etag on;
        gzip_static on;
        if_modified_since before;
    }}
}}
"""


@contextmanager
def nginx(root: Path, work: Path) -> Iterator[int]:
    """Serve a directory, with the gzip files beside others."""
    port = _free_port()
    text = NGINX.format(root=root, work=work, port=port)
    (work / "conf").write_text(text)
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [program, "-p", str(work), "-c", str(work / "conf"), "-e", str(work / "error")]
    with _running(subprocess.Popen(command)) as process:
        _wait_for(port, process)
        yield port


@contextmanager
def go(root: Path, work: Path) -> Iterator[int]:
    """Build and run Go's file server."""
    source = Path(__file__).parent / "fileserver.go"
    program = work / "fileserver"
    environment = {"PATH": "/usr/bin:/bin:/usr/local/go/bin", "GOCACHE": str(work / "cache"),
                   "HOME": str(work), "GO111MODULE": "off"}  # fmt: skip
    subprocess.run(["go", "build", "-o", program, source], env=environment, check=True)
    server = subprocess.Popen([program, root], stdout=subprocess.PIPE, text=True)
    with _running(server):
        assert server.stdout is not None
        yield int(server.stdout.readline())


@contextmanager
def _running(
    process: subprocess.Popen[str] | subprocess.Popen[bytes],
) -> Iterator[subprocess.Popen[str] | subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")
