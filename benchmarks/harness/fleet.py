"""WSGI servers and nginx: start them, prove that they answer correctly, put load on them.

Linux only: it needs /proc, ``wrk``, and two cores to keep the load off the server's core.
"""

from __future__ import annotations

import os
import pickle
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from importlib import metadata
from pathlib import Path
from string import Template
from typing import NamedTuple

from tqdm import tqdm

from benchmarks.harness import processes
from benchmarks.harness.peers import Peer
from benchmarks.harness.timing import Key, Samples
from benchmarks.harness.wsgi import MIB, SIZES, Unable, content_of, need

THREADS = 8  # of each server that has threads, and the connections of wrk
NO_APP = Peer("", "", "", str, prefix="/")  # nginx serves the files itself
_BUFFER = bytearray(MIB)
_HERE = Path(__file__).parent
_APP = "benchmarks.harness.served:application"
_OPEN_FILE_CACHE = "open_file_cache max=10000 inactive=60s; open_file_cache_valid 30s;"
# By key: name and command. One process each, with as many threads as there are connections, since
# some servers keep a thread for each of them.
_SERVERS = {
    "nginx": ("nginx", "{nginx} -p {folder} -e stderr -c nginx.conf"),
    "nginx-cache": ("nginx, open_file_cache", "{nginx} -p {folder} -e stderr -c nginx.conf"),
    "bjoern": ("bjoern", "{python} -m benchmarks.harness.served {port}"),
    "granian": ("Granian", "{python} -m granian --interface wsgi --no-log --port {port} {app}"),
    "gunicorn": (
        "gunicorn gthread",
        "{python} -m gunicorn --worker-class gthread --threads {threads} --keep-alive 30 "
        "--timeout 0 --log-level warning --no-control-socket --bind {address} {app}",
    ),
    "cheroot": ("cheroot", "{python} -m cheroot --bind {address} --threads {threads} {app}"),
    "waitress": ("waitress", "{python} -m waitress --listen {address} --threads {threads} {app}"),
    "uwsgi": (
        "uWSGI http11",
        "{uwsgi} --http11-socket {address} --threads {threads} --need-app --disable-logging "
        "--logto2 /dev/null --home {prefix} --wsgi {app}",
    ),
}


class Server(NamedTuple):
    """A server that is installed."""

    key: str
    name: str
    version: str


def installed_servers() -> dict[str, Server]:
    """Return nginx and the installed WSGI servers by key, in the order of the tables."""
    found = {key: Server(key, name, version_of(key)) for key, (name, _) in _SERVERS.items()}
    return {key: server for key, server in found.items() if server.version}


def version_of(name: str) -> str:
    """Return the version of a distribution, nginx or wrk, or "" if it is not installed."""
    if name not in ("nginx", "nginx-cache", "wrk"):
        return metadata.version(name) if [*metadata.distributions(name=name)] else ""
    command = [_find(name) or "true", "-v"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "".join(re.findall(r"\d\S*\.\S+", done.stdout + done.stderr)[:1])


def _find(program: str) -> str | None:
    folders = [os.path.dirname(sys.executable), os.environ["PATH"], "/usr/sbin"]
    return shutil.which(program.removesuffix("-cache"), path=os.pathsep.join(folders))


@dataclass(slots=True)
class Running:
    """A server process with its app."""

    process: subprocess.Popen[bytes]
    port: int
    prefix: str
    log: Path
    pids: list[int] = field(default_factory=list)


def measure(
    samples: Samples,
    file: str,
    pairs: list[tuple[Server, Peer]],
    load: Callable[[Running], tuple[int, float]],
    root: str,
    starts: int,
    rounds: int,
) -> None:
    """Start servers that send a file, and put load on them in turn.

    The load returns a number of requests or bytes, and the seconds that they took. The samples get
    the rate, and the processor seconds of each request or byte. A pair that fails once is left out.
    All servers are started several times, because some are lucky or not with their threads.
    """
    server_core, load_core, _ = processes.choose_cores()
    for number in range(1, starts + 1):
        entrants: dict[Key, tuple[Server, Peer]] = {
            (file, server.key, peer.key): (server, peer)
            for server, peer in pairs
            if (file, server.key, peer.key) not in samples.failed
        }
        with _running(entrants, root) as servers:
            for key in tqdm(servers, "starting", leave=False, disable=None):
                try:
                    _settle(servers[key], file, server_core)
                except Unable as reason:
                    samples.fail(*key, reason=reason)
            processes.pin([os.getpid()], load_core)  # with wrk, which this process starts
            order = [key for _ in range(rounds) for key in random.sample([*servers], len(servers))]
            title = f"{file}, start {number} of {starts}"
            for key in tqdm(order, title, leave=False, disable=None):
                if key in samples.failed:
                    continue
                try:
                    before = processes.cpu_seconds(servers[key].pids)
                    count, seconds = load(servers[key])
                    cpu = processes.cpu_seconds(servers[key].pids) - before
                except (Unable, OSError) as reason:  # OSError: a process has ended
                    samples.fail(*key, reason=reason)
                else:
                    samples.add(*key, rate=count / seconds, cpu=cpu / count, busy=cpu / seconds)


@contextmanager
def _running(pairs: dict[Key, tuple[Server, Peer]], root: str) -> Iterator[dict[Key, Running]]:
    """Start servers; none of them outlives the ``with`` block."""
    affinity = processes.usable_cores()
    servers: dict[Key, Running] = {}
    with tempfile.TemporaryDirectory(prefix="wsgistatic-bench-servers-") as folder:
        try:
            for key, (server, peer) in pairs.items():
                port = processes.free_port([one.port for one in servers.values()])
                servers[key] = _start(server, peer, root, port, Path(tempfile.mkdtemp(dir=folder)))
            yield servers
        finally:
            # A second Ctrl-C must not stop this.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            processes.kill_sessions(one.process.pid for one in servers.values())
            for one in servers.values():
                one.process.wait()
            os.sched_setaffinity(0, affinity)
            signal.signal(signal.SIGINT, before)


def _start(server: Server, peer: Peer, root: str, port: int, folder: Path) -> Running:
    """Start a server in a folder of its own; it need not be ready on return."""
    config = Template((_HERE / "nginx.conf").read_text()).substitute(
        user="user root;" if os.geteuid() == 0 else "",
        folder=folder,
        cache=_OPEN_FILE_CACHE if server.key == "nginx-cache" else "",
        port=port,
        root=root,
    )
    (folder / "nginx.conf").write_text(config)
    words = {"python": sys.executable, "nginx": _find("nginx"), "uwsgi": _find("uwsgi")}
    words |= {"prefix": sys.prefix, "folder": str(folder), "port": str(port)}
    words |= {"address": f"127.0.0.1:{port}", "threads": str(THREADS), "app": _APP}
    inherited = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = [str(_HERE.parent.parent), *map(os.path.abspath, inherited)]
    variables = {"WSGISTATIC_BENCH_APP": pickle.dumps((peer, root)).hex()}
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            [word.format(**words) for word in _SERVERS[server.key][1].split()],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Running(process, port, peer.prefix, folder / "log")


def wrk(running: Running, file: str, seconds: int) -> tuple[int, float]:
    """Request a file with wrk, and return the requests and seconds; Unable if some are wrong."""
    url = f"http://127.0.0.1:{running.port}{running.prefix}{file}"
    command = ["wrk", "-t1", f"-c{THREADS}", f"-d{seconds}s", "-s", str(_HERE / "wrk.lua"), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    _, found, told = done.stdout.rpartition("benchmark: ")
    need(found and not done.returncode, f"wrk fails: {done.stdout[-300:]} {done.stderr[-300:]}")
    count, microseconds, broken, statuses = map(int, told.split())
    need(not broken and not statuses, f"{broken} broken, {statuses} wrong responses under load")
    need(count, "does not answer under load")
    return count, microseconds / 1e6


def download(running: Running, file: str, times: int) -> tuple[int, float]:
    """Download a file repeatedly on one connection, and return the bytes and the seconds."""
    with _connection(running) as get:
        start = time.perf_counter()
        for _ in range(times):
            response, got = get(file), 0
            while read := response.readinto(_BUFFER):
                got += read
            need(got == SIZES[file], f"{got} bytes of {SIZES[file]}")
        return SIZES[file] * times, time.perf_counter() - start


def _settle(running: Running, name: str, core: int | None) -> None:
    """Wait for a server, prove that it sends a file correctly until warm, and pin it to a core."""
    end = time.monotonic() + 30
    while True:
        code = running.process.poll()
        output = running.log.read_text(errors="replace").strip()[-300:]
        need(code is None, f"does not start: {output or code}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", running.port), 1):
            break
        need(time.monotonic() < end, f"is not ready: {output}")
        time.sleep(0.05)
    content = content_of(name)
    with _connection(running) as get:
        end, asked = time.monotonic() + 0.15, 0
        while asked < 2 or time.monotonic() < end:
            response = get(name)
            need(response.status == 200, f"status {response.status}")
            need(response.length == len(content), f"Content-Length {response.length}")
            need(response.read() == content, "wrong bytes in the body")
            need(not response.will_close, "no keep-alive")
            asked += 1
    running.pids = processes.session(running.process.pid)
    processes.pin(running.pids, core)


@contextmanager
def _connection(running: Running) -> Iterator[Callable[[str], HTTPResponse]]:
    """Yield a function that requests files on one connection."""
    connection = HTTPConnection("127.0.0.1", running.port, timeout=20)

    def get(file: str) -> HTTPResponse:
        connection.request("GET", running.prefix + file, headers={"Accept-Encoding": "identity"})
        return connection.getresponse()

    try:
        yield get
    except (OSError, HTTPException) as error:
        raise Unable(f"ends the connection: {error!r}") from None
    finally:
        connection.close()
