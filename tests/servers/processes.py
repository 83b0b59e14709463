"""Start a server of another process, or cheroot in this one; end it for sure."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cheroot.wsgi import Server

from benchmarks.servers.processes import kill_sessions

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_READY = 40.0  # seconds; a busy machine is no failure


def find_program(name: str) -> str | None:
    """Find a server's program, also where an ordinary user's PATH does not lead."""
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(name, path=os.pathsep.join((path, "/usr/sbin")))


@contextmanager
def listening(command: Sequence[str], folder: Path, port: int) -> Iterator[Path]:
    """Run a command until the block ends; give the file with its output.

    Arguments:
        command: must stay in the foreground.
        folder: its current directory.
        port: on loopback; waited for.
    """
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _READY
        while not _listens(port):
            said = log.read_text(errors="replace")
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.02)
        yield log
    finally:
        kill_sessions([process.pid])
        process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


@contextmanager
def running(app: WSGIApplication) -> Iterator[int]:
    """Serve an app by cheroot in this process; give the port."""
    server = Server(("127.0.0.1", 0), app, numthreads=4)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        address: Any = server.bind_addr
        yield address[1]
    finally:
        server.stop()
        thread.join()
