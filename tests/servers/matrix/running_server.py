"""Run a server of the matrix, and inspect it from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from benchmarks.harness.processes import free_port, kill_sessions, session
from tests.servers.matrix import procfs
from tests.servers.matrix.app import INNER_BODY, OPTIONS, RECORD, SITE
from tests.servers.matrix.connection import MatrixConnection
from tests.servers.matrix.servers import ServerSpec
from tests.waiting import eventually

_HOME = Path(__file__).parents[3]
_TIMEOUT = 40.0  # seconds


@dataclass
class RunningServer:
    """A server that accepts requests.

    Attributes:
        spec: how it was started.
        port: its port on the loopback interface.
        site: the directory that it serves.
        session_leader: the ID of the first process; all other processes are in its session.
        body_types_log: the file in which the app records the types of response bodies.
        log: the file with the output of the server.
    """

    spec: ServerSpec
    port: int
    site: Path
    session_leader: int
    body_types_log: Path
    log: Path

    def connect(self, receive_buffer: int | None = None) -> MatrixConnection:
        try:
            return MatrixConnection(self.port, receive_buffer=receive_buffer)
        except ConnectionRefusedError:
            raise AssertionError(f"the server has exited: {self.tail()}") from None

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-3000:]

    def pids(self) -> list[int]:
        return session(self.session_leader)

    def peak_memory(self) -> int:
        """Return the peak memory use of its processes, in bytes."""
        return procfs.sum_fields(self.pids(), "status", "VmHWM") * 1024

    def bytes_read(self) -> int:
        """Return how many bytes its processes have read by system calls, including sendfile."""
        if self.spec.user:
            total: int = self._run_procfs("bytes_read", *map(str, self.pids()))
            return total
        return procfs.bytes_read(self.pids())

    def open_files(self, name: str) -> int:
        """Return how many descriptors its processes have open on a file of the site."""
        return len(self.file_positions(name))

    def file_positions(self, name: str) -> list[int]:
        """Return the positions of all open descriptors on a file of the site."""
        path = str(self.site / name)
        if self.spec.user:
            found: list[int] = self._run_procfs("positions", path)
            return found
        return procfs.file_positions(path)

    def _run_procfs(self, *words: str) -> Any:
        command = [*self.spec.user, sys.executable, "-S", procfs.__file__, *words]
        return json.loads(subprocess.check_output(command))

    def body_type(self, query: str) -> str:
        """Return the type of the body in the response to the request with this query."""
        # A server may respond to HEAD as soon as start_response is called.
        assert eventually(lambda: query in self._types())
        return self._types()[query]

    def _types(self) -> dict[str, str]:
        return dict(line.split(" ", 1) for line in self.body_types_log.read_text().splitlines())


@contextmanager
def run_server(
    spec: ServerSpec, folder: Path, site: Path, prefix: tuple[str, ...] = ()
) -> Iterator[RunningServer]:
    """Run a server until the block ends; wait until its app responds.

    Args:
        spec: how to start the server.
        folder: the directory for its files.
        site: the directory to serve.
        prefix: words before the server's command line, such as a command that traces it.
    """
    port = free_port(())
    body_types_log, log = folder / "record", folder / "log"
    environment = {
        SITE: str(site),
        RECORD: str(body_types_log),
        OPTIONS: json.dumps(spec.options),
        "PYTHONPATH": str(_HOME),
    }
    variables = {
        "port": str(port),
        "folder": str(folder),
        "python": sys.executable,
        "scripts": sysconfig.get_path("scripts"),
        "environment": sys.prefix,
        "home": str(_HOME),
    }
    for name, text in spec.files.items():
        (folder / name).write_text(Template(text).safe_substitute(variables, **environment))
    command = [Template(word).safe_substitute(variables) for word in spec.command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefix, *command],
            cwd=folder,
            env={**os.environ, **environment, **spec.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = RunningServer(spec, port, site, process.pid, body_types_log, log)
    try:
        eventually(lambda: process.poll() is not None or _is_ready(port), _TIMEOUT)
        assert _is_ready(port), server.tail()
        yield server
    finally:
        kill_sessions([process.pid])
        process.wait()


def _is_ready(port: int) -> bool:
    with suppress(OSError, AssertionError), MatrixConnection(port, timeout=2) as connection:
        return connection.request("/app", Connection="close").body == INNER_BODY
    return False
