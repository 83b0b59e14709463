"""Start servers, wait until they answer, prove their answers, and end them all."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import benchmarks
from benchmarks.machine import usable_cores
from benchmarks.scenarios import Unable
from benchmarks.servers import load, nginx
from benchmarks.servers.contenders import APP_VARIABLE, ROOT_VARIABLE
from benchmarks.servers.kinds import Server
from benchmarks.servers.processes import (
    Cores,
    cpu_seconds,
    free_port,
    kill_sessions,
    pin,
    session,
)
from benchmarks.tree import Tree

_HOME = str(Path(benchmarks.__file__).parent.parent)
_READY_SECONDS = 30


@dataclass(slots=True)
class Running:
    """A server with its app."""

    process: subprocess.Popen[bytes]
    port: int
    prefix: str
    log: Path
    pids: list[int] = field(default_factory=list)

    def cpu(self) -> float:
        """Give the processor time that all of its processes have had, in seconds."""
        try:
            return cpu_seconds(self.pids)
        except OSError:
            raise SystemExit(f"a server has died while it was measured:\n{self.tail()}") from None

    def tail(self) -> str:
        """Give the end of what it has said."""
        return self.log.read_text(errors="replace").strip()[-2000:]


class Fleet:
    """All servers of a run: none of them outlives the ``with``."""

    def __init__(self, cores: Cores) -> None:
        self._cores = cores
        self._affinity = usable_cores()
        self._started: list[subprocess.Popen[bytes]] = []
        self._ports: set[int] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="wsgistatic-bench-servers-")

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # not even a second Ctrl-C
        kill_sessions(process.pid for process in self._started)
        for process in self._started:
            process.wait()
        self._folder.cleanup()
        if self._affinity:
            os.sched_setaffinity(0, self._affinity)
        signal.signal(signal.SIGINT, before)

    def start_app(self, server: Server, app: str, prefix: str, tree: Tree) -> Running:
        """Start a WSGI server with an app."""
        environment = {APP_VARIABLE: app, ROOT_VARIABLE: tree.root}
        return self._start(lambda port, _: server.command(port), environment, prefix)

    def start_nginx(self, open_file_cache: bool, tree: Tree) -> Running:
        """Start nginx for the same directory."""

        def command(port: int, folder: Path) -> list[str]:
            return nginx.command(port, folder, tree.root, open_file_cache)

        return self._start(command, {}, nginx.PREFIX)

    def _start(
        self, command: Callable[[int, Path], list[str]], environment: Mapping[str, str], prefix: str
    ) -> Running:
        """Start a server; it need not be ready on return, see ``settle``."""
        folder = Path(tempfile.mkdtemp(dir=self._folder.name))
        log = folder / "log"
        port = free_port(self._ports)
        self._ports.add(port)
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port, folder),
                cwd=folder,
                env={**os.environ, **environment, "PYTHONPATH": _python_path()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return Running(process, port, prefix, log)

    @property
    def folder(self) -> Path:
        """A folder for what the load needs."""
        return Path(self._folder.name)

    def settle(self, running: Running, name: str, tree: Tree) -> None:
        """Wait until it answers, prove that it sends a file right, keep it to its core.

        Raises:
            Unable: it does not start, or its answers are wrong.
        """
        _wait(running)
        load.prove(running.port, running.prefix, name, tree)
        running.pids = session(running.process.pid)
        pin(running.pids, self._cores.server)

    def pin_load(self) -> None:
        """Keep the load, which is this process and its child wrk, to its core."""
        pin([os.getpid()], self._cores.load)


def _python_path() -> str:
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([_HOME, *(os.path.abspath(path) for path in inherited if path)])


def _wait(running: Running) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        if running.process.poll() is not None:
            raise Unable(f"does not start: {running.tail()[-300:] or running.process.returncode}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", running.port), 1):
            return
        time.sleep(0.05)
    raise Unable(f"is not ready after {_READY_SECONDS} s: {running.tail()[-300:]}")
