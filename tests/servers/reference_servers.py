"""nginx and Go's file server, to compare responses with."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.processes import free_port, kill_sessions
from tests.servers.nginx import nginx_command
from tests.servers.processes import run_command

NGINX = """
types {{ text/plain txt; }}
server {{
    listen 127.0.0.1:{port};
    root {root};
    gzip_static on;
    if_modified_since before;
}}
"""


@contextmanager
def nginx(root: Path, work: Path) -> Iterator[int]:
    """Serve a directory with nginx, including gzip sidecars; return the port."""
    port = free_port(())
    command = nginx_command(work, NGINX.format(root=root, port=port))
    with run_command(command, work, port):
        yield port


@contextmanager
def go(root: Path, work: Path) -> Iterator[int]:
    """Build and run Go's file server; return the port."""
    source = Path(__file__).parent / "fileserver.go"
    program = work / "fileserver"
    environment = {"PATH": "/usr/bin:/bin:/usr/local/go/bin", "GOCACHE": str(work / "cache"),
                   "HOME": str(work), "GO111MODULE": "off"}  # fmt: skip
    subprocess.run(["go", "build", "-o", program, source], env=environment, check=True)
    server = subprocess.Popen(
        [program, root], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        kill_sessions([server.pid])
        server.communicate()
