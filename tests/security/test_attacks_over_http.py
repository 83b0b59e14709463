"""Attacks over a raw socket, against both servers of the command line."""

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
from tests.security.advisories import REPLAYED, replays
from tests.security.attack_site import CANARY, PAGE, make_attack_site
from tests.security.attacks import ATTACKS, Attack
from tests.security.test_resource_limits import SLOW_VALUES
from tests.security.test_symlink_races import OUTSIDE, SMALL, attempts, make_site, swapping
from tests.security.test_windows_names import WINDOWS_PATHS
from tests.server_process import ServerProcess, run_server
from tests.waiting import eventually

SERVERS = [(server, prefix) for server in ("cheroot", "wsgiref") for prefix in ("", "/site")]
TIME_LIMIT = 10.0  # seconds; generous, because the machine may be busy

for attack in ATTACKS:
    for advisory in attack.ids:
        REPLAYED[advisory].append("test_attack")
for test, table in (
    ("test_windows_names_over_http", WINDOWS_PATHS),
    ("test_long_fields_are_answered_quickly", SLOW_VALUES),
):
    for ids in table:
        for advisory in ids:
            REPLAYED[advisory].append(test)


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("private-place")
    make_attack_site(top)
    return top


@pytest.fixture(scope="module")
def servers(top: Path) -> Iterator[dict[tuple[str, str], ServerProcess]]:
    # Requests for other hosts would be refused, whatever else they try.
    options = ("--listing", "--immutable", r"\.js$", "--allow-host", "*")
    with ExitStack() as stack:
        processes = {}
        for name, prefix in SERVERS:
            words = ("--server", name, "--prefix", prefix or "/", *options)
            processes[name, prefix] = stack.enter_context(run_server(top / "site", *words))
        yield processes


def exchange(port: int, request: bytes) -> bytes:
    """Send raw bytes; return everything that the server sends before it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIME_LIMIT) as connection:
        connection.sendall(request)
        response = b""
        try:
            while block := connection.recv(65536):
                response += block
        except ConnectionResetError:
            pass  # the server closed without reading the whole request
        return response


def request_of(attack: Attack, target: str) -> bytes:
    fields = {"Host": "localhost", "Connection": "close", **attack.fields}
    if attack.body:
        fields["Content-Length"] = str(len(attack.body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{attack.method} {target} HTTP/1.1\r\n{head}\r\n{attack.body}".encode("latin-1")


@pytest.mark.parametrize("variant", SERVERS, ids=str)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.ids[0])
def test_attack(
    top: Path,
    servers: dict[tuple[str, str], ServerProcess],
    variant: tuple[str, str],
    attack: Attack,
) -> None:
    for template in attack.targets:
        target = template.replace("{p}", variant[1])
        start_time = time.monotonic()
        response = exchange(servers[variant].port, request_of(attack, target))
        assert time.monotonic() - start_time < TIME_LIMIT
        head, _, body = response.partition(b"\r\n\r\n")
        assert int(head.split()[1]) in attack.statuses, (target, head)
        assert CANARY not in response
        assert str(top).encode() not in response
        assert b"private-place" not in response
        assert b"evil.example" not in head
        assert b"x-injected" not in re.findall(rb"\r\n([^:]*):", head.lower())
        assert b"session=echoed" not in response
        assert not re.search(rb"<(script|img)|href=.?javascript:", body, re.I)
        assert len(body) < 20_000
        location = re.search(rb"\r\nLocation: (.*)\r?", head)
        if location is not None:
            assert re.match(rb"[^/\\:]+/", location[1]), target
    assert (top / "site" / "x.js").read_bytes() == PAGE
    assert not (top / "site" / "new.jsp").exists()


@replays("CVE-2026-34786")
@pytest.mark.parametrize("variant", SERVERS, ids=str)
def test_rules_apply_to_the_decoded_path(
    servers: dict[tuple[str, str], ServerProcess], variant: tuple[str, str]
) -> None:
    responses = [
        exchange(servers[variant].port, f"GET {variant[1]}/{name} HTTP/1.0\r\n\r\n".encode())
        for name in ("x.js", "x%2ejs", "%78.j%73")
    ]
    assert all(b"max-age=31536000, immutable" in response for response in responses)


@replays("CVE-2026-34785")
def test_prefix_matches_whole_segments(
    servers: dict[tuple[str, str], ServerProcess], top: Path
) -> None:
    (top / "site" / "-notes.txt").write_bytes(CANARY)
    for server in ("cheroot", "wsgiref"):
        for target in ("/site-notes.txt", "/site%2dnotes.txt", "/sit", "/sitehello.txt"):
            response = exchange(
                servers[server, "/site"].port, f"GET {target} HTTP/1.0\r\n\r\n".encode()
            )
            assert response.split()[1] == b"404"


@replays("request smuggling")
@pytest.mark.parametrize("variant", SERVERS, ids=str)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_request_body_is_not_read_as_a_request(
    servers: dict[tuple[str, str], ServerProcess], variant: tuple[str, str], method: str
) -> None:
    hidden = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    request = (
        f"{method} {variant[1]}/hello.txt HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Length: {len(hidden)}\r\n\r\n"
    ).encode() + hidden
    last = (
        f"GET {variant[1]}/x.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    response = exchange(servers[variant].port, request + last)
    statuses = re.findall(rb"HTTP/1\.[01] ([0-9]+)", response)
    first = b"405" if method == "POST" else b"200"
    # The server either drained the body or closed the connection.
    assert statuses in ([first], [first, b"200"]), response


@pytest.mark.parametrize("variant", SERVERS, ids=str)
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
def test_endless_requests_are_refused(
    servers: dict[tuple[str, str], ServerProcess],
    variant: tuple[str, str],
    before: bytes,
    piece: bytes,
) -> None:
    """A server that kept reading would hold everything in memory."""
    with socket.create_connection(
        ("127.0.0.1", servers[variant].port), timeout=TIME_LIMIT
    ) as connection:
        try:
            connection.sendall(before + piece * 1000)
            response = connection.recv(1000)
        except (ConnectionResetError, BrokenPipeError):
            return  # refused before everything was read
        # wsgiref answers and closes without reading the body.
        assert re.match(rb"HTTP/1\.[01] (4\d\d|200|404|$)", response)


@pytest.mark.parametrize("variant", SERVERS, ids=str)
def test_windows_names_over_http(
    servers: dict[tuple[str, str], ServerProcess], variant: tuple[str, str]
) -> None:
    for path in (path for paths in WINDOWS_PATHS.values() for path in paths):
        target = variant[1] + quote(path.encode("latin-1"), safe="/:$~")
        response = exchange(servers[variant].port, f"GET {target} HTTP/1.0\r\n\r\n".encode())
        assert response.split()[1] in (b"400", b"404"), path
        assert CANARY not in response


@pytest.mark.parametrize("server", ["cheroot", "wsgiref"])
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for table in SLOW_VALUES.values() for name in table
                        for value in table[name]], ids=lambda text: ascii(text[:24])
)  # fmt: skip
def test_long_fields_are_answered_quickly(
    servers: dict[tuple[str, str], ServerProcess], server: str, name: str, value: str
) -> None:
    value = value[:20_000] + value[-9:]  # within the limits of both servers, with the malformed end
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
    start_time = time.monotonic()
    head, _, body = exchange(servers[server, ""].port, request_of(attack, target)).partition(
        b"\r\n\r\n"
    )
    assert time.monotonic() - start_time < TIME_LIMIT
    assert int(head.split()[1]) in (200, 206, 301, 400, 404, 412, 414, 416)
    assert len(body) < 20_000


@pytest.mark.symlinks
@replays("CWE-367: links")
@pytest.mark.parametrize("server_name", ["cheroot", "wsgiref"])
def test_swapping_a_link_over_http(tmp_path: Path, tries: int, server_name: str) -> None:
    site = make_site(tmp_path, SMALL)
    (site / "flip.txt").symlink_to("page.txt")
    statuses: Counter[str] = Counter()
    with (
        run_server(site, "--server", server_name) as server,
        swapping(site, "link", "flip.txt", "page.txt", "../outside/page.txt"),
    ):
        connection = Connection(server.port)
        for _ in attempts(tries // 2, statuses, "200", "404"):
            response = connection.request("/flip.txt")
            assert OUTSIDE[:1] not in response.body
            statuses[str(response.status)] += 1
            if server_name == "wsgiref":  # which closes after each request
                connection.close()
                connection = Connection(server.port)
        connection.close()
    assert statuses.keys() <= {"200", "404", "403", "503"}


@pytest.mark.descriptors
@replays("Bottle PR 1485", "wsgidav PR 156")
@pytest.mark.parametrize("server_name", ["cheroot", "wsgiref"])
def test_files_are_closed_when_clients_disconnect(tmp_path: Path, server_name: str) -> None:
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(50_000_000)
    age(tmp_path / "big.bin")
    with run_server(tmp_path, "--server", server_name) as server:
        for _ in range(5):
            with Connection(server.port) as connection:
                connection.send("/big.bin")
                assert connection.read_head().status == 200
                # Otherwise there would be nothing to leave open.
                assert any(name.endswith("big.bin") for name in server.open_files())
        assert eventually(lambda: not any(name.endswith("big.bin") for name in server.open_files()))


@replays("CWE-367: changes")
@pytest.mark.parametrize("size", [30_000_000, 40_000_000, 50_000_000])
def test_framing_of_a_file_that_changes_over_http(tmp_path: Path, size: int) -> None:
    """Never more than Content-Length bytes are sent; after fewer, the connection is closed."""
    path = tmp_path / "changing.bin"
    with path.open("wb") as file:
        file.truncate(40_000_000)  # more than all buffers hold
    age(path)
    with run_server(tmp_path) as server, Connection(server.port) as connection:
        connection.send("/changing.bin")
        assert connection.read_head().headers["Content-Length"] == "40000000"
        os.truncate(path, size)
        os.utime(path)  # tmpfs keeps the mtime if the size stays the same
        body = connection.file.read(40_000_000)
        assert body == bytes(len(body))
        if size > 40_000_000:  # the file grew, so all announced bytes are there
            assert len(body) == 40_000_000
            after = connection.request("/changing.bin", "HEAD")
            assert (after.status, after.headers["Content-Length"]) == (200, str(size))
        else:
            assert len(body) < 40_000_000
            assert connection.file.read() == b""
