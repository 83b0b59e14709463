"""Load of many clients at once that know what every byte must be.

Strategy: a version of a file is a block of 32 random bytes over and over, and no two versions
share a block. So the first bytes of a body name its version, and a single byte of another one
shows, in a part of a body too: nothing has to be read to its end to be checked.
"""

from __future__ import annotations

import asyncio
import random
import resource
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = 32  # bytes
_SHORTEST = 2 * _BLOCK  # bytes of a body that hold a whole block, wherever it begins
SIZES = {"small.bin": 2_000, "medium.bin": 100_000, "large.bin": 3_000_000}  # bytes, about


class Site:
    """Files that are replaced all the time, by rename.

    Arguments:
        directory: theirs.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sizes: dict[tuple[str, bytes], int] = {}
        self.replacements = 0
        for name in SIZES:
            self.replace(name)

    def replace(self, name: str) -> None:
        """Put a new version in the place of a file."""
        block = random.randbytes(_BLOCK)
        size = SIZES[name] + random.randrange(1000)
        self._sizes[name, block] = size
        new = self._directory / f"{name}.new"
        new.write_bytes((block * (size // _BLOCK + 1))[:size])
        new.replace(self._directory / name)
        self.replacements += 1

    def check(self, name: str, first: int, body: bytes, size: int) -> bytes | None:
        """See that bytes are those of one version that there was.

        Arguments:
            name: of the file.
            first: where the bytes begin in it.
            body: the bytes, or some of the first of them.
            size: of the whole file, as the answer said.

        Returns:
            the version's block; None if the bytes are too few to tell.
        """
        if len(body) < _SHORTEST:
            return None
        start = -first % _BLOCK
        block = body[start : start + _BLOCK]
        assert self._sizes.get((name, block)) == size, f"{name}: no such version"
        shift = first % _BLOCK
        expected = (block * (len(body) // _BLOCK + 2))[shift : shift + len(body)]
        assert body == expected, f"{name}: a mixture"
        return block


@dataclass
class Load:
    """Clients of one server: a third quick, a third slow, a third that give up.

    Attributes:
        port: the server's.
        site: what it serves.
        seconds: for which the quick took from request to last byte, answer by answer.
        slow_bodies: read by the slow to the end.
        given_up: by the others.
    """

    port: int
    site: Site
    seconds: list[float] = field(default_factory=list)
    slow_bodies: int = 0
    given_up: int = 0

    async def run(self, connections: int, duration: float) -> None:
        """Keep so many connections busy for so many seconds; raise the first wrong answer."""
        kinds = (self._quick, self._slow, self._giving_up)
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

    async def _quick(self, delay: float) -> None:
        await asyncio.sleep(delay)
        async with Client(self.port) as client:
            while True:
                name = random.choice(("small.bin", "small.bin", "medium.bin", "large.bin"))
                start = random.randrange(SIZES[name] - 100)
                stop = start + random.randrange(100, 200_000)
                is_part = name == "large.bin" or random.random() < 0.2
                began = time.perf_counter()
                try:
                    await client.ask(name, f"bytes={start}-{stop}" if is_part else "")
                    body = await client.read(client.left)
                finally:  # the end of a round must not hide those who still wait
                    self.seconds.append(time.perf_counter() - began)
                assert client.left == 0, "cut short"
                self.site.check(name, client.first, body, client.size)
                await asyncio.sleep(random.uniform(0.0, 2.0))

    async def _slow(self, delay: float) -> None:
        await asyncio.sleep(delay)
        async with Client(self.port, receive_buffer=32768) as client:
            while True:
                await client.ask("large.bin")
                blocks = set()
                while client.left:
                    position = client.size - client.left
                    some = await client.read(random.randrange(1000, 400_000))
                    assert some, "cut short"
                    blocks.add(self.site.check("large.bin", position, some, client.size))
                    await asyncio.sleep(random.uniform(0.05, 0.5))
                assert len(blocks - {None}) == 1, "a mixture"
                self.slow_bodies += 1

    async def _giving_up(self, delay: float) -> None:
        await asyncio.sleep(delay)
        while True:
            async with Client(self.port) as client:
                name = random.choice(list(SIZES))
                await client.ask(name)
                if random.random() < 0.8:
                    wanted = random.randrange(1, max(2, client.left // 4))
                    body = await client.read(wanted)
                    self.site.check(name, 0, body, client.size)
            self.given_up += 1
            await asyncio.sleep(random.uniform(0.0, 1.0))


class Client:
    """A keep-alive connection that ends without a farewell.

    Arguments:
        port: on loopback.
        receive_buffer: bytes that the system may take for us ahead; None: as it likes.

    Attributes:
        first: where the body begins in the file.
        size: of the file, bytes.
        left: bytes of the body that are not read yet.
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
        await asyncio.sleep(0)  # in which the transport closes its socket

    async def ask(self, name: str, requested: str = "") -> None:
        """Ask for a file, or a range of it; read the head of the answer."""
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
        """Read so many bytes of the body, or what there is."""
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
    """Give the value that so many percent of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


@contextmanager
def descriptors(wanted: int) -> Iterator[int]:
    """Allow so many descriptors to this process and its children, or as many as it may."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before, allowed), most))
    try:
        yield allowed
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
