"""The old holes over a raw socket, against both servers of the command line."""

from __future__ import annotations

import os
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import age
from tests.connection import Connection
from tests.security.attacks import ATTACKS, Attack
from tests.security.ids import REPLAYED, replays
from tests.security.places import CANARY, PAGE, make_places
from tests.security.test_flips import OUTSIDE, SMALL, make_site, rounds, swapping
from tests.security.test_resources import SLOW
from tests.security.test_windows import HOLES
from tests.server_process import ServerProcess, run_server

WAYS = [(server, prefix) for server in ("cheroot", "wsgiref") for prefix in ("", "/site")]
IN_TIME = 10.0  # seconds, on a busy machine

for attack in ATTACKS:
    for one in attack.ids:
        REPLAYED[one].append("test_attack")
for test, table in (
    ("test_a_name_of_windows_leads_nowhere", HOLES),
    ("test_a_long_field_is_answered_in_time", SLOW),
):
    for ids in table:
        for one in ids:
            REPLAYED[one].append(test)


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("private-place")
    make_places(top)
    return top


@pytest.fixture(scope="module")
def servers(top: Path) -> Iterator[dict[tuple[str, str], ServerProcess]]:
    options = ("--listing", "--immutable", r"\.js$")
    with ExitStack() as stack:
        running = {}
        for server, prefix in WAYS:
            one = run_server(top / "site", "--server", server, "--prefix", prefix or "/", *options)
            running[server, prefix] = stack.enter_context(one)
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
    top: Path, servers: dict[tuple[str, str], ServerProcess], way: tuple[str, str], attack: Attack
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
    servers: dict[tuple[str, str], ServerProcess], way: tuple[str, str]
) -> None:
    answers = [
        exchange(servers[way].port, f"GET {way[1]}/{name} HTTP/1.0\r\n\r\n".encode())
        for name in ("x.js", "x%2ejs", "%78.j%73")
    ]
    assert all(b"max-age=31536000, immutable" in answer for answer in answers)


@replays("CVE-2026-34785")
def test_a_prefix_is_whole_segments(
    servers: dict[tuple[str, str], ServerProcess], top: Path
) -> None:
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
    servers: dict[tuple[str, str], ServerProcess], way: tuple[str, str], method: str
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
    servers: dict[tuple[str, str], ServerProcess], way: tuple[str, str], before: bytes, piece: bytes
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


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_name_of_windows_leads_nowhere(
    servers: dict[tuple[str, str], ServerProcess], way: tuple[str, str]
) -> None:
    for path in (path for paths in HOLES.values() for path in paths):
        target = way[1] + quote(path.encode("latin-1"), safe="/:$~")
        answer = exchange(servers[way].port, f"GET {target} HTTP/1.0\r\n\r\n".encode())
        assert answer.split()[1] in (b"400", b"404"), path
        assert CANARY not in answer


@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for table in SLOW.values() for name in table
                        for value in table[name]], ids=lambda text: ascii(text[:24])
)  # fmt: skip
def test_a_long_field_is_answered_in_time(
    servers: dict[tuple[str, str], ServerProcess], server: str, name: str, value: str
) -> None:
    value = value[:20_000] + value[-9:]  # what both servers take, with the end that does not fit
    target, fields = "/digits.bin", {"Host": "localhost", "Connection": "close"}
    if name == "PATH_INFO":
        target = quote(value.encode("latin-1"))[:60_000]
    elif name == "QUERY_STRING":
        target += f"?{value}"
    else:
        fields[name.removeprefix("HTTP_").replace("_", "-").title()] = value
    if name == "HTTP_IF_RANGE":
        fields["Range"] = "bytes=0-0"
    attack = Attack((), (), fields=fields)
    began = time.monotonic()
    head, _, body = exchange(servers[server, ""].port, request_of(attack, target)).partition(
        b"\r\n\r\n"
    )
    assert time.monotonic() - began < IN_TIME
    assert int(head.split()[1]) in (200, 206, 301, 400, 404, 412, 414, 416)
    assert len(body) < 20_000


@replays("CWE-367: links")
@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
def test_a_link_that_flips(tmp_path: Path, tries: int, server: str) -> None:
    site = make_site(tmp_path, SMALL)
    (site / "flip.txt").symlink_to("page.txt")
    statuses: Counter[str] = Counter()
    with (
        run_server(site, "--server", server) as running,
        swapping(site, "link", "flip.txt", "page.txt", "../outside/page.txt"),
    ):
        connection = Connection(running.port)
        for _ in rounds(tries // 2, statuses, "200", "404"):
            answer = connection.request("/flip.txt")
            assert OUTSIDE[:1] not in answer.body
            statuses[str(answer.status)] += 1
            if server == "wsgiref":  # one request for each connection
                connection.close()
                connection = Connection(running.port)
        connection.close()
    assert statuses.keys() <= {"200", "404", "403", "503"}


@replays("Bottle PR 1485", "wsgidav PR 156")
@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
def test_no_file_stays_open_for_a_client_that_went(tmp_path: Path, server: str) -> None:
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(50_000_000)
    age(tmp_path / "big.bin")
    with run_server(tmp_path, "--server", server) as running:
        for _ in range(5):
            with Connection(running.port) as connection:
                connection.send("/big.bin")
                assert connection.read_head().status == 200
                held = [name for name in running.open_files() if name.endswith("big.bin")]
                assert held  # or there is nothing to leave open
        deadline = time.monotonic() + IN_TIME
        while any(name.endswith("big.bin") for name in running.open_files()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@replays("CWE-367: changes")
@pytest.mark.parametrize("size", [30_000_000, 40_000_000, 50_000_000])
def test_a_file_that_changes_is_no_second_answer(tmp_path: Path, size: int) -> None:
    """Never more than Content-Length; where it is less, the connection ends."""
    path = tmp_path / "changing.bin"
    with path.open("wb") as file:
        file.truncate(40_000_000)  # more than all buffers on the way
    age(path)
    with run_server(tmp_path) as running, Connection(running.port) as connection:
        connection.send("/changing.bin")
        assert connection.read_head().headers["Content-Length"] == "40000000"
        os.truncate(path, size)
        body = connection.file.read(40_000_000)
        assert body == bytes(len(body))
        if size > 40_000_000:  # it has grown, and what was promised is there
            assert len(body) == 40_000_000
            after = connection.request("/changing.bin", "HEAD")
            assert (after.status, after.headers["Content-Length"]) == (200, str(size))
        else:
            assert len(body) < 40_000_000
            assert connection.file.read() == b""
