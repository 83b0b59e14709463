"""Load from many concurrent clients that check every byte.

A version of a file repeats a block of 32 random bytes, and no two versions have the same block. So
the first bytes of a body identify its version, and any byte of another version is noticed. This
also works for a part of a body, so a client can check what it has read before it disconnects.
"""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

if sys.platform != "win32":
    import resource

_BLOCK = 32  # bytes
_MIN_CHECKED = 2 * _BLOCK  # bytes; enough to contain a whole block
SIZES = {"small.bin": 2_000, "medium.bin": 100_000, "large.bin": 3_000_000}  # approximate, in bytes


class Site:
    """Files that are replaced all the time.

    Args:
        directory: the directory of the files.

    Attributes:
        replacements: how many files were replaced.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sizes: dict[tuple[str, bytes], int] = {}
        self.replacements = 0
        for name in SIZES:
            self.replace(name)

    def replace(self, name: str) -> None:
        """Replace a file by a new version."""
        block = random.randbytes(_BLOCK)
        size = SIZES[name] + random.randrange(1000)
        self._sizes[name, block] = size
        new = self._directory / f"{name}.new"
        new.write_bytes((block * (size // _BLOCK + 1))[:size])
        new.replace(self._directory / name)
        self.replacements += 1

    def check(self, name: str, first: int, body: bytes, size: int) -> bytes | None:
        """Check that bytes belong to one version of a file.

        Args:
            name: the name of the file.
            first: the offset of the bytes in the file.
            body: the bytes, or the first of them.
            size: the size of the whole file according to the response.

        Returns:
            the block of the version, or None if there are too few bytes to identify it.
        """
        if len(body) < _MIN_CHECKED:
            return None
        start = -first % _BLOCK
        block = body[start : start + _BLOCK]
        assert self._sizes.get((name, block)) == size, f"{name}: no such version"
        shift = first % _BLOCK
        expected = (block * (len(body) // _BLOCK + 2))[shift : shift + len(body)]
        assert body == expected, f"{name}: mixed versions"
        return block


@dataclass
class Load:
    """Clients of a server: a third fast, a third slow, and a third that disconnect early.

    Attributes:
        port: the port of the server.
        site: the files that it serves.
        seconds: the time from request to last byte, for each response to a fast client.
        slow_bodies: the number of bodies that slow clients read completely.
        aborted: the number of early disconnects.
    """

    port: int
    site: Site
    seconds: list[float] = field(default_factory=list)
    slow_bodies: int = 0
    aborted: int = 0

    async def run(self, connections: int, duration: float) -> None:
        """Put load on the server, and raise the error of the first wrong response.

        Args:
            connections: the number of concurrent connections.
            duration: the time in seconds.
        """
        kinds = (self._run_fast, self._run_slow, self._run_aborting)
        clients = [
            asyncio.create_task(kinds[number % len(kinds)](number / connections))
            for number in range(connections)
        ]
        replacing = asyncio.create_task(self._replace())
        try:
            done, _ = await asyncio.wait(
                [*clients, replacing], timeout=duration, return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()
        finally:
            for task in (*clients, replacing):
                task.cancel()
            await asyncio.gather(*clients, replacing, return_exceptions=True)

    async def _replace(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0.02, 0.1))
            await asyncio.to_thread(self.site.replace, random.choice(list(SIZES)))

    async def _run_fast(self, delay: float) -> None:
        await asyncio.sleep(delay)
        async with Client(self.port) as client:
            while True:
                name = random.choice(("small.bin", "small.bin", "medium.bin", "large.bin"))
                start = random.randrange(SIZES[name] - 100)
                stop = start + random.randrange(100, 200_000)
                is_part = name == "large.bin" or random.random() < 0.2
                began = time.perf_counter()
                try:
                    await client.request(name, f"bytes={start}-{stop}" if is_part else "")
                    body = await client.read(client.left)
                finally:  # also count requests that are unfinished at the end of a round
                    self.seconds.append(time.perf_counter() - began)
                assert client.left == 0, "cut short"
                self.site.check(name, client.first, body, client.size)
                await asyncio.sleep(random.uniform(0.0, 2.0))

    async def _run_slow(self, delay: float) -> None:
        await asyncio.sleep(delay)
        async with Client(self.port, receive_buffer=32768) as client:
            while True:
                await client.request("large.bin")
                blocks = set()
                while client.left:
                    position = client.size - client.left
                    some = await client.read(random.randrange(1000, 400_000))
                    assert some, "cut short"
                    blocks.add(self.site.check("large.bin", position, some, client.size))
                    await asyncio.sleep(random.uniform(0.05, 0.5))
                assert len(blocks - {None}) == 1, "mixed versions"
                self.slow_bodies += 1

    async def _run_aborting(self, delay: float) -> None:
        await asyncio.sleep(delay)
        while True:
            async with Client(self.port) as client:
                name = random.choice(list(SIZES))
                await client.request(name)
                if random.random() < 0.8:
                    wanted = random.randrange(1, max(2, client.left // 4))
                    body = await client.read(wanted)
                    self.site.check(name, 0, body, client.size)
            self.aborted += 1
            await asyncio.sleep(random.uniform(0.0, 1.0))


class Client:
    """A keep-alive connection that is reset at the end.

    Args:
        port: the port of the server.
        receive_buffer: size in bytes of the kernel's receive buffer; None for the default.

    Attributes:
        first: the offset of the body in the file.
        size: the size of the file in bytes.
        left: the number of unread bytes of the body.
    """

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self._port = port
        self._receive_buffer = receive_buffer
        self.first = self.size = self.left = 0

    async def __aenter__(self) -> Client:
        connection = socket.socket()
        connection.setblocking(False)
        if self._receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self._port))
            self._reader, self._writer = await asyncio.open_connection(sock=connection)
        except BaseException:
            connection.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._writer.transport.abort()
        await asyncio.sleep(0)  # let the transport close its socket

    async def request(self, name: str, requested: str = "") -> None:
        """Request a file, or ranges of it, and read the head of the response."""
        lines = [f"GET /{name} HTTP/1.1", "Host: localhost", "", ""]
        if requested:
            lines.insert(2, f"Range: {requested}")
        self._writer.write("\r\n".join(lines).encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, *received = head.decode("latin-1").split("\r\n")
        assert status.split()[1] == ("206" if requested else "200"), status
        fields = dict(line.lower().split(": ", 1) for line in received if line)
        self.left = self.size = int(fields["content-length"])
        self.first = 0
        if requested:
            positions, _, size = fields["content-range"].removeprefix("bytes ").partition("/")
            self.first, self.size = int(positions.partition("-")[0]), int(size)

    async def read(self, size: int) -> bytes:
        """Read that many bytes of the body, or fewer if it ends before."""
        body = bytearray()
        size = min(size, self.left)
        while len(body) < size:
            some = await self._reader.read(size - len(body))
            if not some:
                break
            body += some
        self.left -= len(body)
        return bytes(body)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile of some values."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


@contextmanager
def descriptors(wanted: int) -> Iterator[int]:
    """Raise the limit of open files for this process and its children; return the new limit."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before, allowed), most))
    try:
        yield allowed
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
