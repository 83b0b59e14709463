"""Compare our responses to random requests with those of nginx and of Go's file server.

Known differences are in a table, with the section of the RFC and a condition. Every difference that
occurs must be known, and every known difference must occur.
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
from tests.oracle import File, Headers, date_forms, expected_status_and_ranges
from tests.server_process import run_server
from tests.servers.differences import FILES, KNOWN, Request, Response
from tests.servers.reference_servers import go, nginx

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
ACCEPT_GZIP = {"Accept-Encoding": "gzip"}
GZIP_VALUES = ("gzip", "*", "identity;q=0, gzip", "GZIP", "x-gzip", "gzip, identity;q=0.5")


# ---- requests and responses --------------------------------------------------------------------


def make_request(rng: random.Random) -> Request:
    path = rng.choice(["/small.txt", "/small.txt", "/large.txt", "/empty.txt"])
    headers: Headers = {}
    if rng.random() < 0.6:
        specs = [_spec(rng) for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 6]))]
        unit = rng.choice(["bytes="] * 15 + ["Bytes=", "bytes =", "items=", "bytes:"])
        headers["Range"] = (unit + rng.choice([",", ", ", " ,"]).join(specs)).strip()
    for name, values, share in (
        ("If-Modified-Since", DATES, 0.2), ("If-Unmodified-Since", DATES, 0.15),
        ("If-None-Match", TAGS, 0.2), ("If-Match", TAGS, 0.15),
        ("If-Range", (*DATES, "TAG", "W/TAG", '"other"'), 0.25), ("Accept-Encoding", CODINGS, 0.3),
    ):  # fmt: skip
        if rng.random() < share:
            headers[name] = rng.choice(values)
    return Request(path, rng.choice(["GET"] * 4 + ["HEAD"]), headers)


def _spec(rng: random.Random) -> str:
    numbers = [0, 1, 5, 50, 98, 99, 100, 101, 49_999, 50_000, rng.randrange(60_000), 10**18]
    first, last = rng.choices(numbers, k=2)
    if rng.random() < 0.8:
        first, last = sorted((first, last))
    malformed = rng.choice(["", "x", "-", "5", "1-2-3", "0 -1", "0- 1", "+1-2"])
    return rng.choices([f"{first}-{last}", f"{first}-", f"-{last}", malformed], [5, 2, 2, 1])[0]


class Client:
    """A client that keeps its connection to a server open as long as possible."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: Connection | None = None
        self.tags: dict[str, str] = {}
        self.tags = {path: self.request(Request(path, "GET", {})).etag for path in FILES}

    def with_etags(self, request: Request) -> Request:
        """Insert this server's ETag into a request."""
        tag = self.tags.get(request.path, "")
        headers = {name: value.replace("TAG", tag) for name, value in request.headers.items()}
        return Request(request.path, request.method, headers)

    def request(self, request: Request) -> Response:
        request = self.with_etags(request)
        try:
            return self._send_request(request)
        except (OSError, NoResponseError):  # the server has closed the connection
            self.close()
            return self._send_request(request)

    def _send_request(self, request: Request) -> Response:
        self._connection = self._connection or Connection(self._port)
        response = self._connection.request(request.path, request.method, **request.headers)
        if response.headers.get("Connection", "").lower() == "close":
            self.close()
        status, fields = response.status, response.headers
        if status == 416:
            return Response(status, unsatisfied=fields.get("Content-Range"))
        if status not in (200, 206):
            return Response(status)
        return Response(
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
        content_range = re.search(rb"(?i)content-range: (bytes [^\r]*)", head)
        assert content_range is not None
        parts.append((content_range[1].decode(), content.removesuffix(b"\r\n")))
    return tuple(parts)


# ---- the comparison ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found_differences(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Counter[str]]]:
    """Compare the responses; count the differences by server and name.

    The name of an unknown difference describes the request and the responses.
    """
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
        sidecar = File(SIDECAR, OLD, ours.request(Request("/small.txt", "GET", ACCEPT_GZIP)).etag)
        found: dict[str, Counter[str]] = {name: Counter() for name in others}
        for seed in range(REQUESTS):
            original = make_request(random.Random(seed))
            for name, client in others.items():
                request = original if name == "nginx" else _without_tags(original)
                our_response, their_response = ours.request(request), client.request(request)
                if _comparable(our_response) != _comparable(their_response):
                    found[name][_explain(name, request, our_response, their_response)] += 1
                    own = File(FILES[request.path], OLD, ours.tags[request.path])
                    file = sidecar if _selects_gzip(request) else own
                    assert _is_right(ours.with_etags(request), our_response, file), (
                        request,
                        our_response,
                    )
        yield found


def _selects_gzip(request: Request) -> bool:
    return (
        request.path == "/small.txt" and request.headers.get("Accept-Encoding", "") in GZIP_VALUES
    )


def _is_right(request: Request, ours: Response, file: File) -> bool:
    """Return whether the oracle confirms our response, whatever the other server does."""
    status, pairs = expected_status_and_ranges(file, request.method, request.headers)
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
    """Remove entity tags and codings, which Go's server does not have."""
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in ("If-None-Match", "If-Match", "Accept-Encoding") and '"' not in value
        and "TAG" not in value
    }  # fmt: skip
    return Request(request.path, request.method, headers)


def _comparable(response: Response) -> tuple[object, ...]:
    return (
        response.status,
        response.coding,
        response.parts,
        response.last_modified,
        response.unsatisfied,
    )


def _explain(server: str, request: Request, ours: Response, theirs: Response) -> str:
    for known in KNOWN[server]:
        if known.applies(request, ours, theirs):
            return known.name
    places = [[content_range for content_range, _ in response.parts] for response in (ours, theirs)]
    return (
        f"{request}: we {ours.status} {ours.coding} {places[0]} {ours.unsatisfied}, "
        f"they {theirs.status} {theirs.coding} {places[1]} {theirs.unsatisfied}"
    )


@pytest.mark.parametrize("server", KNOWN)
def test_all_differences_are_known(found_differences: dict[str, Counter[str]], server: str) -> None:
    names = {known.name for known in KNOWN[server]}
    unknown = sorted(set(found_differences[server]) - names)
    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize("server", KNOWN)
def test_all_known_differences_occur(
    found_differences: dict[str, Counter[str]], server: str
) -> None:
    assert {known.name for known in KNOWN[server]} - set(found_differences[server]) == set()


@pytest.mark.parametrize("server", KNOWN)
def test_most_responses_are_the_same(
    found_differences: dict[str, Counter[str]], server: str
) -> None:
    assert sum(found_differences[server].values()) < REQUESTS // 2
