"""Run a server in a subprocess, or cheroot in a thread of this process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cheroot.wsgi import Server

from benchmarks.harness.processes import kill_sessions

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_TIMEOUT = 40.0  # seconds; generous, because the machine may be busy


def find_program(name: str) -> str | None:
    """Find a program in PATH or in /usr/sbin, which is not in the PATH of ordinary users."""
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(name, path=os.pathsep.join((path, "/usr/sbin")))


@contextmanager
def run_command(
    command: Sequence[str], folder: Path, port: int, environ: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Run a server until the block ends; return the file with its output.

    Args:
        command: the command line; the server must stay in the foreground.
        folder: the current directory of the server.
        port: the port on the loopback interface that the server listens on.
        environ: its environment variables; None for those of this process.
    """
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _TIMEOUT
        while not _accepts_connections(port):
            text = log.read_text(errors="replace")
            assert process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.02)
        yield log
    finally:
        if sys.platform == "win32":
            process.kill()
        else:
            kill_sessions([process.pid])
        process.wait()


def _accepts_connections(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


@contextmanager
def serve_in_thread(app: WSGIApplication, threads: int = 4) -> Iterator[int]:
    """Serve an app with cheroot in this process until the block ends; return the port."""
    server = Server(("127.0.0.1", 0), app, numthreads=threads)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        address: Any = server.bind_addr
        yield address[1]
    finally:
        server.stop()
        thread.join()
