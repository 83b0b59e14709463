"""Start one server of the matrix, watch it from outside, end it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from benchmarks.servers.processes import free_port, kill_sessions, session
from tests.servers.matrix import look
from tests.servers.matrix.app import OPTIONS, RECORD, SITE, THE_APP
from tests.servers.matrix.rows import Server
from tests.servers.matrix.wire import Wire

_HOME = Path(__file__).parents[3]
_READY = 40.0  # seconds


@dataclass
class Running:
    """A server that answers.

    Attributes:
        row: what it is.
        port: on loopback.
        site: the directory that it serves.
        leader: the process that was started; all others are in its session.
    """

    row: Server
    port: int
    site: Path
    leader: int
    record: Path
    log: Path

    def connect(self, unread: int | None = None) -> Wire:
        try:
            return Wire(self.port, unread=unread)
        except ConnectionRefusedError:
            raise AssertionError(f"it has died: {self.tail()}") from None

    def tail(self) -> str:
        """Give the end of what it has said."""
        return self.log.read_text(errors="replace")[-3000:]

    def pids(self) -> list[int]:
        return session(self.leader)

    def peak_memory(self) -> int:
        """Give the most memory that its processes have had, in bytes."""
        return look.sum_fields(self.pids(), "status", "VmHWM") * 1024

    def bytes_read(self) -> int:
        """Give how much its processes have read by system calls, sendfile included."""
        if self.row.user:
            total: int = self._look("bytes_read", *map(str, self.pids()))
            return total
        return look.bytes_read(self.pids())

    def open_files(self, name: str) -> int:
        """Count the descriptors that processes have on a file of the site."""
        return len(self.positions(name))

    def positions(self, name: str) -> list[int]:
        """Give where in a file of the site the descriptors of all processes stand."""
        path = str(self.site / name)
        if self.row.user:
            found: list[int] = self._look("positions", path)
            return found
        return look.positions(path)

    def _look(self, *words: str) -> Any:
        command = [*self.row.user, sys.executable, "-S", look.__file__, *words]
        return json.loads(subprocess.check_output(command))

    def body_type(self, query: str) -> str:
        """Give the type of the body that answered the request with this query."""
        # A server may answer a HEAD as soon as start_response is called.
        assert eventually(lambda: query in self._types())
        return self._types()[query]

    def _types(self) -> dict[str, str]:
        return dict(line.split(" ", 1) for line in self.record.read_text().splitlines())


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


@contextmanager
def running(
    row: Server, folder: Path, site: Path, prefix: tuple[str, ...] = ()
) -> Iterator[Running]:
    """Start a server and wait until its app answers.

    Arguments:
        row: what it is.
        folder: for its files.
        site: the directory to serve.
        prefix: a command that runs the server's command.
    """
    port = free_port(())
    record, log = folder / "record", folder / "log"
    environment = {
        SITE: str(site),
        RECORD: str(record),
        OPTIONS: json.dumps(row.options),
        "PYTHONPATH": str(_HOME),
    }
    places = {
        "port": str(port),
        "folder": str(folder),
        "python": sys.executable,
        "scripts": sysconfig.get_path("scripts"),
        "environment": sys.prefix,
        "home": str(_HOME),
    }
    for name, text in row.files.items():
        (folder / name).write_text(Template(text).safe_substitute(places, **environment))
    command = [Template(word).safe_substitute(places) for word in row.command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefix, *command],
            cwd=folder,
            env={**os.environ, **environment, **row.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    it = Running(row, port, site, process.pid, record, log)
    try:
        eventually(lambda: process.poll() is not None or _answers(port), _READY)
        assert _answers(port), it.tail()
        yield it
    finally:
        kill_sessions([process.pid])
        process.wait()


def _answers(port: int) -> bool:
    with suppress(OSError, AssertionError), Wire(port, timeout=2) as wire:
        return wire.ask("/app", Connection="close").body == THE_APP
    return False
