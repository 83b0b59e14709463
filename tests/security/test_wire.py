"""The old holes over a raw socket, against both servers of the command line."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.security.attacks import ATTACKS, Attack
from tests.security.ids import REPLAYED, replays
from tests.security.places import CANARY, PAGE, make_places
from tests.serving import Served, served

WAYS = [(server, prefix) for server in ("cheroot", "wsgiref") for prefix in ("", "/site")]
IN_TIME = 10.0  # seconds, on a busy machine

for attack in ATTACKS:
    for one in attack.ids:
        REPLAYED[one].append("test_attack")


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("private-place")
    make_places(top)
    return top


@pytest.fixture(scope="module")
def servers(top: Path) -> Iterator[dict[tuple[str, str], Served]]:
    options = ("--listing", "--immutable", r"\.js$")
    with ExitStack() as stack:
        running = {}
        for server, prefix in WAYS:
            one = served(top / "site", "--server", server, "--prefix", prefix or "/", *options)
            running[server, prefix] = stack.enter_context(one)
            running[server, prefix].drain()
        yield running


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes as they are, and give all that comes back before the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=IN_TIME) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while block := connection.recv(65536):
                answer += block
        except ConnectionResetError:
            pass  # closed with a part of the request unread
        return answer


def request_of(attack: Attack, target: str) -> bytes:
    fields = {"Host": "localhost", "Connection": "close", **attack.fields}
    if attack.body:
        fields["Content-Length"] = str(len(attack.body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{attack.method} {target} HTTP/1.1\r\n{head}\r\n{attack.body}".encode("latin-1")


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.ids[0])
def test_attack(
    top: Path, servers: dict[tuple[str, str], Served], way: tuple[str, str], attack: Attack
) -> None:
    for template in attack.targets:
        target = template.replace("{p}", way[1])
        began = time.monotonic()
        answer = exchange(servers[way].port, request_of(attack, target))
        assert time.monotonic() - began < IN_TIME
        head, _, body = answer.partition(b"\r\n\r\n")
        assert int(head.split()[1]) in attack.statuses, (target, head)
        assert CANARY not in answer
        assert str(top).encode() not in answer
        assert b"private-place" not in answer
        assert b"evil.example" not in head
        assert b"x-injected" not in re.findall(rb"\r\n([^:]*):", head.lower())
        assert b"session=echoed" not in answer
        assert not re.search(rb"<(script|img)|href=.?javascript:", body, re.I)
        assert len(body) < 20_000
        location = re.search(rb"\r\nLocation: (.*)\r?", head)
        if location is not None:
            assert re.match(rb"/[^/\\]", location[1]), target
    assert (top / "site" / "x.js").read_bytes() == PAGE
    assert not (top / "site" / "new.jsp").exists()


@replays("CVE-2026-34786")
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_rules_see_the_path_that_is_looked_up(
    servers: dict[tuple[str, str], Served], way: tuple[str, str]
) -> None:
    answers = [
        exchange(servers[way].port, f"GET {way[1]}/{name} HTTP/1.0\r\n\r\n".encode())
        for name in ("x.js", "x%2ejs", "%78.j%73")
    ]
    assert all(b"max-age=31536000, immutable" in answer for answer in answers)


@replays("CVE-2026-34785")
def test_a_prefix_is_whole_segments(servers: dict[tuple[str, str], Served], top: Path) -> None:
    (top / "site" / "-notes.txt").write_bytes(CANARY)
    for server in ("cheroot", "wsgiref"):
        for target in ("/site-notes.txt", "/site%2dnotes.txt", "/sit", "/sitehello.txt"):
            answer = exchange(
                servers[server, "/site"].port, f"GET {target} HTTP/1.0\r\n\r\n".encode()
            )
            assert answer.split()[1] == b"404"


@replays("request smuggling")
@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_body_is_no_second_request(
    servers: dict[tuple[str, str], Served], way: tuple[str, str], method: str
) -> None:
    hidden = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    request = (
        f"{method} {way[1]}/hello.txt HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Length: {len(hidden)}\r\n\r\n"
    ).encode() + hidden
    last = f"GET {way[1]}/x.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    answer = exchange(servers[way].port, request + last)
    statuses = re.findall(rb"HTTP/1\.[01] ([0-9]+)", answer)
    first = b"405" if method == "POST" else b"200"
    # The body was drained, or the connection closed.
    assert statuses in ([first], [first, b"200"]), answer


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize(
    ("before", "piece"),
    [
        (b"GET /", b"a" * 300),
        (b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\nX: ", b"a" * 300),
        (b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\n", b"X: " + b"a" * 295 + b"\r\n"),
        (b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n",
         b"a" * 300),
    ],
    ids=["target", "field", "fields", "body"],
)  # fmt: skip
def test_a_request_without_end_is_refused(
    servers: dict[tuple[str, str], Served], way: tuple[str, str], before: bytes, piece: bytes
) -> None:
    """A server that reads on holds all of it in memory."""
    with socket.create_connection(("127.0.0.1", servers[way].port), timeout=IN_TIME) as connection:
        try:
            connection.sendall(before + piece * 1000)
            answer = connection.recv(1000)
        except (ConnectionResetError, BrokenPipeError):
            return  # refused, with a part unread
        # wsgiref answers before it would read a body, and closes.
        assert re.match(rb"HTTP/1\.[01] (4\d\d|200|404|$)", answer)
