"""Two machines with the same files, behind a caching server.

An ``Edge`` describes a caching server. A ``Fleet`` is an edge and two ``wsgistatic`` processes with
a directory each, whose files never have the same modification time. The access logs of the
processes show the requests of the edge.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.processes import free_port
from tests.conftest import OLD
from tests.connection import Connection, Response
from tests.servers.documented import command_options, configuration
from tests.servers.nginx import nginx_command
from tests.servers.processes import find_program, run_command
from tests.waiting import eventually

_DAY = 86_400  # seconds


@dataclass(frozen=True)
class Edge:
    """A caching server.

    Attributes:
        name: the name in test IDs.
        program: the program, without which tests are skipped.
        command: writes the configuration and returns the command line, from the folder, the port
            of the edge and the ports of the origins.
        slices: whether the server fetches large files in slices.
    """

    name: str
    program: str
    command: Callable[[Path, int, Sequence[int]], list[str]]
    slices: bool

    def __str__(self) -> str:
        return self.name

    def missing(self) -> str:
        """Return the program if it is not installed, or ""."""
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
    # The default jail needs special users; the default working directory needs root.
    options.update({"-j": "none", "-n": f"{folder}/varnish"})
    program = find_program("varnishd") or "varnishd"
    return [program, "-F", *(word for option in options.items() for word in option)]


NGINX = Edge("nginx", "nginx", _nginx, True)
VARNISH = Edge("Varnish", "varnishd", _varnish, False)
EDGES = (NGINX, VARNISH)


@dataclass(frozen=True)
class Machine:
    """An origin server.

    Attributes:
        port: its port on the loopback interface.
        directory: the directory that it serves.
        log: its access log.
    """

    port: int
    directory: Path
    log: Path

    def deploy(self, name: str, content: bytes, time: int) -> None:
        """Replace a file by one with that modification time, in seconds."""
        path = self.directory / name
        new = path.with_name(f"{path.name}.new")
        new.write_bytes(content)
        os.utime(new, (time, time))
        new.replace(path)

    def responses_for(self, path: str) -> Counter[str]:
        """Count the responses for a path by status and range."""
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
        port: the port of the edge.
        machines: the machines.
    """

    port: int
    machines: Sequence[Machine]

    def deploy(self, name: str, content: bytes) -> None:
        """Replace a file on both machines, with old and different modification times."""
        for number, machine in enumerate(self.machines, 1):
            machine.deploy(name, content, OLD + number * _DAY)

    def responses_for(self, path: str) -> Counter[str]:
        """Count the responses of both machines for a path by status and range."""
        return sum((machine.responses_for(path) for machine in self.machines), Counter())


def fetch(port: int, target: str, **fields: str) -> Response:
    """Send a request on a new connection; the body of the response may be incomplete."""
    with Connection(port) as connection:
        connection.send(target, **fields)
        response = connection.read_head()
        if response.status != 304:
            response.body = read(connection, int(response.headers["Content-Length"]))
        return response


def read(connection: Connection, size: int) -> bytes:
    """Read that many bytes, or fewer if the connection ends before."""
    body = bytearray()
    with suppress(ConnectionResetError):
        while len(body) < size and (block := connection.file.read1(size - len(body))):
            body += block
    return bytes(body)


def is_complete(response: Response) -> bool:
    """Return whether the whole body was received."""
    return len(response.body) == int(response.headers["Content-Length"])


class Versions:
    """The contents of ``/big.bin`` by ETag."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def learn(self, run_fleet: Fleet, content: bytes) -> str:
        """Fetch the file from all machines; return its ETag, which must be the same on all.

        A large file that was hashed within a clock tick of its deployment has no ETag for a while:
        it has to be hashed again, and a machine hashes a bounded number of bytes per second.
        """
        tags: set[str] = set()
        for machine in run_fleet.machines:

            def has_tag(port: int = machine.port) -> bool:
                response = fetch(port, "/big.bin")
                assert response.body == content
                tag = response.headers.get("ETag")
                tags.update(filter(None, [tag]))
                return tag is not None

            assert eventually(has_tag)
        (tag,) = tags
        self._contents[tag] = content
        return tag

    def check(self, response: Response) -> None:
        """Check that every byte of a response belongs to the version of its ETag.

        Without an ETag, all bytes must belong to one version.
        """
        assert response.status in (200, 206)
        first = 0
        if response.status == 206:
            unit, _, positions = response.headers["Content-Range"].partition(" ")
            assert unit == "bytes"
            first = int(positions.partition("-")[0])
        tag, part = response.headers.get("ETag"), slice(first, first + len(response.body))
        if tag is None:
            assert response.body in [content[part] for content in self._contents.values()]
        else:
            assert response.body == self._contents[tag][part]


@contextmanager
def run_edge(edge: Edge, ports: Sequence[int], folder: Path) -> Iterator[int]:
    """Run an edge in front of two origins until the block ends; return its port.

    Args:
        edge: the edge, whose program must be installed.
        ports: the ports of the origins.
        folder: the directory for the files of the edge.
    """
    folder.mkdir()
    port = free_port(ports)
    with run_command(edge.command(folder, port, ports), folder, port):
        yield port


@contextmanager
def run_fleet(edge: Edge, folder: Path, *options: str) -> Iterator[Fleet]:
    """Run an edge in front of two machines until the block ends.

    Args:
        edge: the edge, whose program must be installed.
        folder: the directory for all files.
        options: command line options of the machines, besides ``--etag content``.
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
            log = stack.enter_context(run_command(command, own, port))
            machines.append(Machine(port, directory, log))
            ports.append(port)
        yield Fleet(stack.enter_context(run_edge(edge, ports, folder / "edge")), machines)
