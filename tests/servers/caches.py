"""Two machines with the same files, and a caching server in front of them.

Strategy: an ``Edge`` is what differs between the caching servers; ``Fleet`` is two processes of
ours over two directories, whose files never have the same mtime. What the edge asked of them can
be read from their access lines.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers.processes import free_port
from tests.conftest import OLD
from tests.connection import Connection, Response
from tests.servers.nginx import nginx_command
from tests.servers.readme import command_options, configuration
from tests.servers.starting import find_program, listening

_DAY = 86_400  # seconds


@dataclass(frozen=True)
class Edge:
    """One kind of caching server.

    Attributes:
        name: for the test's.
        command: from folder, its port and the origins', with its configuration written.
        program: without which the test is skipped.
        slices: it fetches a large file in parts.
    """

    name: str
    program: str
    command: Callable[[Path, int, Sequence[int]], list[str]]
    slices: bool

    def __str__(self) -> str:
        return self.name

    def lacks(self) -> str:
        """Name what is not installed; "" where all is."""
        return "" if find_program(self.program) else self.program


def _nginx(folder: Path, port: int, origins: Sequence[int]) -> list[str]:
    replaced = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/var/cache/nginx/static": f"{folder}/cache",
        "10.0.0.1:8000": f"127.0.0.1:{origins[0]}",
        "10.0.0.2:8000": f"127.0.0.1:{origins[1]}",
    }
    return nginx_command(folder, configuration("/etc/nginx/conf.d/edge.conf", replaced))


def _varnish(folder: Path, port: int, origins: Sequence[int]) -> list[str]:
    replaced = {
        f'.host = "10.0.0.{number}"; .port = "8000";': f'.host = "127.0.0.1"; .port = "{origin}";'
        for number, origin in enumerate(origins, 1)
    }
    file = "/etc/varnish/default.vcl"
    written = folder / "default.vcl"
    written.write_text(configuration(file, replaced))
    options = command_options("varnishd")
    assert (options["-a"], options["-f"]) == (":80", file)
    options.update({"-a": f"127.0.0.1:{port}", "-f": str(written)})
    # Without the jail that wants users of its own, with the directory of an unprivileged run.
    options.update({"-j": "none", "-n": f"{folder}/varnish"})
    program = find_program("varnishd") or "varnishd"
    return [program, "-F", *(word for option in options.items() for word in option)]


NGINX = Edge("nginx", "nginx", _nginx, True)
VARNISH = Edge("Varnish", "varnishd", _varnish, False)
EDGES = (NGINX, VARNISH)


@dataclass(frozen=True)
class Machine:
    """One origin.

    Attributes:
        port: on loopback.
        directory: what it serves.
        log: its access lines.
    """

    port: int
    directory: Path
    log: Path

    def deploy(self, name: str, content: bytes, time: int) -> None:
        """Put a file there, by rename, as if last modified at that time."""
        path = self.directory / name
        new = path.with_name(f"{path.name}.new")
        new.write_bytes(content)
        os.utime(new, (time, time))
        new.replace(path)

    def answered(self, path: str) -> Counter[str]:
        """Count the answers for a path, by status and, if there was one, Range."""
        text = self.log.read_text()
        lines = [line.split() for line in text[: text.rfind("\n")].splitlines()]
        return Counter(
            " ".join([line[2], *line[4:]])
            for line in lines
            if line[0] in ("GET", "HEAD") and line[1] == path
        )


@dataclass(frozen=True)
class Fleet:
    """Two machines behind an edge.

    Attributes:
        port: the edge's.
        machines: the two.
    """

    port: int
    machines: Sequence[Machine]

    def deploy(self, name: str, content: bytes) -> None:
        """Put a file on both machines, with times that are long past and differ."""
        for number, machine in enumerate(self.machines, 1):
            machine.deploy(name, content, OLD + number * _DAY)

    def answered(self, path: str) -> Counter[str]:
        """Count what both machines answered for a path, by status and Range."""
        return sum((machine.answered(path) for machine in self.machines), Counter())


def ask(port: int, target: str, **fields: str) -> Response:
    """Ask on a connection of its own; a body may come short."""
    with Connection(port) as connection:
        connection.send(target, **fields)
        response = connection.read_head()
        if response.status != 304:
            response.body = read(connection, int(response.headers["Content-Length"]))
        return response


def read(connection: Connection, size: int) -> bytes:
    """Read a body, or what comes of it before the connection ends."""
    body = bytearray()
    with suppress(ConnectionResetError):
        while len(body) < size and (block := connection.file.read1(size - len(body))):
            body += block
    return bytes(body)


def is_whole(response: Response) -> bool:
    """Tell whether the body has come to its end."""
    return len(response.body) == int(response.headers["Content-Length"])


class Versions:
    """Knows what each ETag of ``/big.bin`` stands for."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def learn(self, fleet: Fleet, content: bytes) -> str:
        """Give the tag under which all machines serve a content there."""
        tags = set()
        for machine in fleet.machines:
            answer = ask(machine.port, "/big.bin")
            assert answer.body == content
            tags.add(answer.headers["ETag"])
        (tag,) = tags
        self._contents[tag] = content
        return tag

    def check(self, response: Response) -> None:
        """See that each byte is of the version that the ETag names."""
        assert response.status in (200, 206)
        first = 0
        if response.status == 206:
            unit, _, positions = response.headers["Content-Range"].partition(" ")
            assert unit == "bytes"
            first = int(positions.partition("-")[0])
        content = self._contents[response.headers["ETag"]]
        assert response.body == content[first : first + len(response.body)]


@contextmanager
def edge_before(edge: Edge, ports: Sequence[int], folder: Path) -> Iterator[int]:
    """Run an edge before two origins; give its port.

    Arguments:
        edge: skip the test first where it ``lacks()`` something.
        ports: the origins', on loopback.
        folder: for the edge's own files.
    """
    folder.mkdir()
    port = free_port(ports)
    with listening(edge.command(folder, port, ports), folder, port):
        yield port


@contextmanager
def fleet(edge: Edge, folder: Path, *options: str) -> Iterator[Fleet]:
    """Run an edge before two machines.

    Arguments:
        edge: skip the test first where it ``lacks()`` something.
        folder: for all files.
        options: of the machines' command line, beside ``--etag content``.
    """
    machines: list[Machine] = []
    ports: list[int] = []
    with ExitStack() as stack:
        for name in ("one", "two"):
            directory, own = folder / name, folder / f"{name}-server"
            directory.mkdir()
            own.mkdir()
            port = free_port(ports)
            command = [sys.executable, "-u", "-m", "wsgistatic", str(directory)]
            command += ["--port", str(port), "--etag", "content", *options]
            log = stack.enter_context(listening(command, own, port))
            machines.append(Machine(port, directory, log))
            ports.append(port)
        yield Fleet(stack.enter_context(edge_before(edge, ports, folder / "edge")), machines)
