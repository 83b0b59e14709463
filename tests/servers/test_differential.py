"""Random requests to us, to nginx and to Go's file server: the same answer, or a reason by the RFC.

Every kind of difference that is known stands in a table, with the section that decides it and a
test of the request and the two answers; and each of them has to be met, or it has to go.
"""

from __future__ import annotations

import gzip
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.connection import Connection, NoResponseError
from tests.oracle import File, Headers, date_forms, decide
from tests.server_process import run_server
from tests.servers.differences import FILES, KNOWN, Reply, Request
from tests.servers.others import go, nginx

pytestmark = pytest.mark.servers

OLD = 1_700_000_000
REQUESTS = 4000
SIDECAR = gzip.compress(FILES["/small.txt"], mtime=0)
DATES = (*date_forms(OLD), date_forms(OLD + 1)[0], date_forms(OLD - 1)[0],
         date_forms(OLD + 10**8)[0], "0", "Tue, 14 Nov 2023 22:13:20",
         "Tue, 14 Nov 2023 22:13:20 UTC", "garbage")  # fmt: skip
TAGS = ("TAG", "W/TAG", '"other"', '"a", TAG', "*", 'TAG, W/"x"')
CODINGS = ("gzip", "gzip;q=0", "br", "*", "gzip;q=0.5, identity", "identity;q=0, gzip", "GZIP",
           "x-gzip", "gzip, identity;q=0.5", "*;q=0")  # fmt: skip
PACKED = {"Accept-Encoding": "gzip"}
WANT_PACKED = ("gzip", "*", "identity;q=0, gzip", "GZIP", "x-gzip", "gzip, identity;q=0.5")


# ---- requests and replies ----------------------------------------------------------------------


def make_request(chance: random.Random) -> Request:
    path = chance.choice(["/small.txt", "/small.txt", "/large.txt", "/empty.txt"])
    headers: Headers = {}
    if chance.random() < 0.6:
        specs = [_spec(chance) for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 6]))]
        unit = chance.choice(["bytes="] * 15 + ["Bytes=", "bytes =", "items=", "bytes:"])
        headers["Range"] = (unit + chance.choice([",", ", ", " ,"]).join(specs)).strip()
    for name, values, share in (
        ("If-Modified-Since", DATES, 0.2), ("If-Unmodified-Since", DATES, 0.15),
        ("If-None-Match", TAGS, 0.2), ("If-Match", TAGS, 0.15),
        ("If-Range", (*DATES, "TAG", "W/TAG", '"other"'), 0.25), ("Accept-Encoding", CODINGS, 0.3),
    ):  # fmt: skip
        if chance.random() < share:
            headers[name] = chance.choice(values)
    return Request(path, chance.choice(["GET"] * 4 + ["HEAD"]), headers)


def _spec(chance: random.Random) -> str:
    numbers = [0, 1, 5, 50, 98, 99, 100, 101, 49_999, 50_000, chance.randrange(60_000), 10**18]
    first, last = chance.choices(numbers, k=2)
    if chance.random() < 0.8:
        first, last = sorted((first, last))
    malformed = chance.choice(["", "x", "-", "5", "1-2-3", "0 -1", "0- 1", "+1-2"])
    return chance.choices([f"{first}-{last}", f"{first}-", f"-{last}", malformed], [5, 2, 2, 1])[0]


class Client:
    """Asks one server, over as few connections as it lets us."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: Connection | None = None
        self.tags: dict[str, str] = {}
        self.tags = {path: self.request(Request(path, "GET", {})).etag for path in FILES}

    def spell(self, request: Request) -> Request:
        """Put this server's entity tag into a request."""
        tag = self.tags.get(request.path, "")
        headers = {name: value.replace("TAG", tag) for name, value in request.headers.items()}
        return Request(request.path, request.method, headers)

    def request(self, request: Request) -> Reply:
        request = self.spell(request)
        try:
            return self._send_request(request)
        except (OSError, NoResponseError):  # it had closed the connection
            self.close()
            return self._send_request(request)

    def _send_request(self, request: Request) -> Reply:
        self._connection = self._connection or Connection(self._port)
        response = self._connection.request(request.path, request.method, **request.headers)
        if response.headers.get("Connection", "").lower() == "close":
            self.close()
        status, fields = response.status, response.headers
        if status == 416:
            return Reply(status, unsatisfied=fields.get("Content-Range"))
        if status not in (200, 206):
            return Reply(status)
        return Reply(
            status,
            fields.get("Content-Encoding"),
            _parts(fields, response.body),
            fields.get("Last-Modified"),
            etag=fields.get("ETag") or "",
        )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _parts(fields: dict[str, str], body: bytes) -> tuple[tuple[str, bytes], ...]:
    _, found, boundary = fields.get("Content-Type", "").partition("boundary=")
    if not found:
        return ((fields.get("Content-Range", ""), body),)
    parts = []
    for piece in body.split(b"--" + boundary.encode())[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        place = re.search(rb"(?i)content-range: (bytes [^\r]*)", head)
        assert place is not None
        parts.append((place[1].decode(), content.removesuffix(b"\r\n")))
    return tuple(parts)


# ---- the comparison ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Counter[str]]]:
    """Compare; count the differences met, by server. Those unknown have a name that says all."""
    top = tmp_path_factory.mktemp("differential")
    root = top / "site"
    root.mkdir()
    for path, content in FILES.items():
        _put(root / path[1:], content)
    _put(root / "small.txt.gz", SIDECAR)
    with ExitStack() as stack:
        server = stack.enter_context(run_server(root, "--server", "cheroot"))
        ours = Client(server.port)
        others = {
            "nginx": Client(stack.enter_context(nginx(root, top))),
            "go": Client(stack.enter_context(go(root, top))),
        }
        for client in (ours, *others.values()):
            stack.callback(client.close)
        sidecar = File(SIDECAR, OLD, ours.request(Request("/small.txt", "GET", PACKED)).etag)
        found: dict[str, Counter[str]] = {name: Counter() for name in others}
        for seed in range(REQUESTS):
            asked = make_request(random.Random(seed))
            for name, client in others.items():
                request = asked if name == "nginx" else _without_tags(asked)
                our_reply, their_reply = ours.request(request), client.request(request)
                if _comparable(our_reply) != _comparable(their_reply):
                    found[name][_explain(name, request, our_reply, their_reply)] += 1
                    own = File(FILES[request.path], OLD, ours.tags[request.path])
                    file = sidecar if _is_packed(request) else own
                    assert _is_right(ours.spell(request), our_reply, file), (request, our_reply)
        yield found


def _is_packed(request: Request) -> bool:
    return (
        request.path == "/small.txt" and request.headers.get("Accept-Encoding", "") in WANT_PACKED
    )


def _is_right(request: Request, ours: Reply, file: File) -> bool:
    """Hold our side of a difference to the oracle: what they do otherwise excuses no fault."""
    status, pairs = decide(file, request.method, request.headers)
    if ours.status != status:
        return False
    if status == 200:
        return ours.parts == (("", b"" if request.method == "HEAD" else file.data),)
    return status != 206 or [content for _, content in ours.parts] == [
        file.data[start:stop] for start, stop in pairs
    ]


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, (OLD, OLD))


def _without_tags(request: Request) -> Request:
    """Leave out what Go's server has none of: entity tags and codings."""
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in ("If-None-Match", "If-Match", "Accept-Encoding") and '"' not in value
        and "TAG" not in value
    }  # fmt: skip
    return Request(request.path, request.method, headers)


def _comparable(reply: Reply) -> tuple[object, ...]:
    return reply.status, reply.coding, reply.parts, reply.last_modified, reply.unsatisfied


def _explain(server: str, request: Request, ours: Reply, theirs: Reply) -> str:
    for known in KNOWN[server]:
        if known.applies(request, ours, theirs):
            return known.name
    places = [[place for place, _ in reply.parts] for reply in (ours, theirs)]
    return (
        f"{request}: we {ours.status} {ours.coding} {places[0]} {ours.unsatisfied}, "
        f"they {theirs.status} {theirs.coding} {places[1]} {theirs.unsatisfied}"
    )


@pytest.mark.parametrize("server", KNOWN)
def test_the_same_answer_or_a_known_difference(met: dict[str, Counter[str]], server: str) -> None:
    names = {known.name for known in KNOWN[server]}
    unknown = sorted(set(met[server]) - names)
    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize("server", KNOWN)
def test_every_known_difference_is_met(met: dict[str, Counter[str]], server: str) -> None:
    assert {known.name for known in KNOWN[server]} - set(met[server]) == set()


@pytest.mark.parametrize("server", KNOWN)
def test_most_answers_are_the_same(met: dict[str, Counter[str]], server: str) -> None:
    assert sum(met[server].values()) < REQUESTS // 2
