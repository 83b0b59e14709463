"""Two machines behind a caching server act as one, although their files' times differ.

The caching servers use the documented configurations.
"""

from __future__ import annotations

import gzip
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import age
from tests.connection import Connection
from tests.servers.caches import (
    NGINX,
    Edge,
    Fleet,
    Versions,
    fetch,
    is_complete,
    read,
    run_edge,
    run_fleet,
)
from tests.servers.processes import serve_in_thread
from tests.waiting import eventually
from wsgistatic import StaticFiles

pytestmark = pytest.mark.servers

_MIB = 1024 * 1024  # the size of a slice
OLD = random.Random(1).randbytes(3 * _MIB + _MIB // 2)
NEW = random.Random(2).randbytes(len(OLD))
SHORT_LIVED = ("--cache-control", "max-age=1")
LONG_LIVED = ("--cache-control", "max-age=3600")
_TIMEOUT = 40.0  # seconds; Varnish serves expired responses for ten seconds
_LONG_EXPIRED = 12.0  # seconds after which it no longer does


def wait_for(condition: Callable[[], bool]) -> None:
    assert eventually(condition, _TIMEOUT)


def wait_for_version(fleet: Fleet, versions: Versions, etag: str) -> None:
    """Wait until the edge sends the whole file with an ETag; check all other responses."""

    def is_sent() -> bool:
        response = fetch(fleet.port, "/big.bin")
        versions.check(response)
        return is_complete(response) and response.headers.get("ETag") == etag

    wait_for(is_sent)


def random_ranges(count: int) -> Iterator[tuple[int, int]]:
    """Yield ranges, many of which start or end at the border of a slice."""
    rng = random.Random(3)
    for _ in range(count):
        start = rng.randrange(len(OLD))
        if rng.random() < 0.5:
            start = min(len(OLD) - 2, rng.randrange(4) * _MIB + rng.randrange(3) % 3)
        yield start, min(len(OLD), start + 1 + rng.randrange(2 * _MIB))


def test_file_is_assembled_from_both_machines(edge: Edge, tmp_path: Path) -> None:
    with run_fleet(edge, tmp_path, *LONG_LIVED) as fleet:
        fleet.deploy("big.bin", OLD)
        first = fetch(fleet.port, "/big.bin", Cookie="session=1")
        assert (first.status, first.body) == (200, OLD)
        fetches = 4 if edge.slices else 1
        wait_for(lambda: fleet.responses_for("/big.bin").total() == fetches)
        if edge.slices:
            assert all(machine.responses_for("/big.bin") for machine in fleet.machines)
        for start, stop in random_ranges(40):
            response = fetch(
                fleet.port, "/big.bin", Range=f"bytes={start}-{stop - 1}", Cookie="s=2"
            )
            assert (response.status, response.body) == (206, OLD[start:stop])
            assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(OLD)}"
        assert fetch(fleet.port, "/big.bin", Range="bytes=-5").body == OLD[-5:]
        # All responses came from the cache.
        assert fleet.responses_for("/big.bin").total() == fetches


def test_ranges_are_assembled_from_both_machines(edge: Edge, tmp_path: Path) -> None:
    with run_fleet(edge, tmp_path, *LONG_LIVED) as fleet:
        fleet.deploy("big.bin", OLD)
        for start, stop in random_ranges(20):
            response = fetch(fleet.port, "/big.bin", Range=f"bytes={start}-{stop - 1}")
            assert (response.status, response.body) == (206, OLD[start:stop])
        if edge.slices:
            assert all(machine.responses_for("/big.bin") for machine in fleet.machines)


def test_several_ranges_and_unsatisfiable_ranges(edge: Edge, tmp_path: Path) -> None:
    with run_fleet(edge, tmp_path, *LONG_LIVED) as fleet:
        fleet.deploy("big.bin", OLD)
        for _ in range(2):
            parts = fetch(fleet.port, "/big.bin", Range="bytes=0-1,3000000-3000002")
            if edge.slices:
                assert (parts.status, parts.body) == (200, OLD)
            else:
                assert parts.status == 206
                assert b"\r\n\r\n" + OLD[3000000:3000003] + b"\r\n--" in parts.body
            beyond = fetch(fleet.port, "/big.bin", Range="bytes=99999999-")
            assert beyond.status == 416
        fleet.deploy("late.bin", b"short")
        assert fetch(fleet.port, "/late.bin", Range="bytes=2000000-").status == 416
        assert fetch(fleet.port, "/late.bin", Range="bytes=1-2").body == b"ho"


def test_not_modified(edge: Edge, tmp_path: Path) -> None:
    with run_fleet(edge, tmp_path, *SHORT_LIVED) as fleet:
        fleet.deploy("big.bin", OLD)
        tag = fetch(fleet.port, "/big.bin").headers["ETag"]
        response = fetch(fleet.port, "/big.bin", If_None_Match=tag)
        assert (response.status, response.headers["ETag"]) == (304, tag)
        assert fetch(fleet.port, "/big.bin", If_None_Match='"other"').status == 200

        def are_revalidated() -> bool:
            # Even by a machine that did not send those bytes.
            assert fetch(fleet.port, "/big.bin").body == OLD
            return all(
                any(response.startswith("304") for response in machine.responses_for("/big.bin"))
                for machine in fleet.machines
            )

        wait_for(are_revalidated)
        responses = fleet.responses_for("/big.bin")
        fetches = sum(number for response, number in responses.items() if response[:3] != "304")
        assert fetches == (4 if edge.slices else 1)


def test_expired_content_is_revalidated(edge: Edge, tmp_path: Path) -> None:
    with run_fleet(edge, tmp_path, *SHORT_LIVED) as fleet:
        fleet.deploy("big.bin", OLD)
        assert fetch(fleet.port, "/big.bin").body == OLD
        fetches = 4 if edge.slices else 1
        wait_for(lambda: fleet.responses_for("/big.bin").total() == fetches)
        time.sleep(_LONG_EXPIRED)
        assert fetch(fleet.port, "/big.bin").body == OLD
        wait_for(lambda: fleet.responses_for("/big.bin").total() == 2 * fetches)
        responses = fleet.responses_for("/big.bin")
        assert (
            sum(number for response, number in responses.items() if response[:3] == "304")
            == fetches
        )


def test_deployment_during_a_download(edge: Edge, tmp_path: Path) -> None:
    old = random.Random(4).randbytes(24 * _MIB)  # more than all buffers hold
    new = random.Random(5).randbytes(len(old))
    versions = Versions()
    with run_fleet(edge, tmp_path, *SHORT_LIVED) as fleet, Connection(fleet.port) as connection:
        fleet.deploy("big.bin", old)
        versions.learn(fleet, old)
        before = fleet.responses_for("/big.bin").total()
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.send("/big.bin")
        download = connection.read_head()
        download.body = connection.file.read(65536)
        time.sleep(1)
        if edge.slices:
            assert fleet.responses_for("/big.bin").total() - before < 24
        fleet.deploy("big.bin", new)
        latest = versions.learn(fleet, new)
        download.body += read(connection, len(old) - len(download.body))
        versions.check(download)
        # nginx refuses slices of the new version; Varnish has fetched the file as a whole.
        assert is_complete(download) is not edge.slices
        wait_for_version(fleet, versions, latest)


def test_deployment_to_one_machine_after_the_other(edge: Edge, tmp_path: Path) -> None:
    versions = Versions()
    with run_fleet(edge, tmp_path, *SHORT_LIVED) as fleet:
        fleet.deploy("big.bin", OLD)
        versions.learn(fleet, OLD)
        seen = set()
        fleet.deploy("big.bin", NEW)
        latest = versions.learn(fleet, NEW)
        fleet.machines[0].deploy("big.bin", OLD, 1_600_000_000)  # not yet deployed there

        def are_both_seen() -> bool:
            for start, stop in random_ranges(5):
                response = fetch(fleet.port, "/big.bin", Range=f"bytes={start}-{stop - 1}")
                versions.check(response)
                seen.add(response.headers.get("ETag"))
            versions.check(fetch(fleet.port, "/big.bin"))
            return len(seen - {None}) == 2

        wait_for(are_both_seen)
        fleet.deploy("big.bin", NEW)
        wait_for_version(fleet, versions, latest)


def test_empty_file(edge: Edge, tmp_path: Path) -> None:
    """nginx requests the first slice of it, whatever the client has requested."""
    # Varnish requests the whole file, and answers ranges of it by itself, with 416.
    ranges: list[dict[str, str]] = [{"Range": "bytes=0-99"}, {"Range": "bytes=-5"}]
    with run_fleet(edge, tmp_path, *LONG_LIVED) as fleet:
        fleet.deploy("empty.txt", b"")
        for fields in [{}, *(ranges if edge.slices else [])]:
            response = fetch(fleet.port, "/empty.txt", **fields)
            assert (response.status, response.body) == (200, b"")


def test_resumed_download_has_a_single_version(edge: Edge, tmp_path: Path) -> None:
    versions = Versions()
    with run_fleet(edge, tmp_path, *SHORT_LIVED) as fleet:
        fleet.deploy("big.bin", OLD)
        tag = versions.learn(fleet, OLD)
        first = fetch(fleet.port, "/big.bin", Range="bytes=0-1999999")
        assert (first.status, first.headers["ETag"]) == (206, tag)
        resumed = fetch(fleet.port, "/big.bin", Range="bytes=2000000-", If_Range=tag)
        assert (resumed.status, first.body + resumed.body) == (206, OLD)
        fleet.deploy("big.bin", NEW)
        versions.learn(fleet, NEW)

        def starts_again() -> bool:
            response = fetch(fleet.port, "/big.bin", Range="bytes=2000000-", If_Range=tag)
            versions.check(response)
            assert response.status == 200 or response.headers["ETag"] == tag
            return response.status == 200 and is_complete(response)

        wait_for(starts_again)


def test_ranges_with_a_weak_etag_are_not_cached(edge: Edge, tmp_path: Path) -> None:
    # The ETag is weak for two seconds after a modification time in whole seconds, otherwise 20 ms.
    versions = Versions()
    with run_fleet(edge, tmp_path, *LONG_LIVED) as fleet:
        fleet.deploy("big.bin", OLD)
        versions.learn(fleet, OLD)
        time.sleep(1 - time.time() % 1)
        now = int(time.time())
        for machine in fleet.machines:
            os.utime(machine.directory / "big.bin", (now, now))
        fresh = fetch(fleet.port, "/big.bin", Range="bytes=0-9")
        assert (fresh.body, fresh.headers["ETag"][:2]) == (OLD[:10], "W/")
        if edge is NGINX:  # which requests slices; Varnish requests the whole file
            assert fresh.headers["Cache-Control"] == "no-cache"
        time.sleep(max(0.0, now + 2.1 - time.time()))
        # A cached slice with a weak ETag would never match the other slices.
        settled = fetch(fleet.port, "/big.bin")
        assert is_complete(settled)
        assert settled.body == OLD
        if edge is NGINX:
            versions.check(settled)


def _stored_br(content: bytes) -> bytes:
    """Return a stream of uncompressed meta-blocks (RFC 7932 9), which needs no library."""
    stream = bytearray()
    for start in range(0, len(content), 2**16):
        block = content[start : start + 2**16]
        # MLEN - 1 and ISUNCOMPRESSED, with a 0 for WBITS before those of the first meta-block.
        header = (len(block) - 1) << 3 | 1 << 19
        stream += (header << (start == 0)).to_bytes(3, "little") + block
    return bytes(stream) + b"\x03"


def _stored_zstd(content: bytes) -> bytes:
    """Return a frame of raw blocks (RFC 8878 3.1.1), which needs no library."""
    stream = bytearray(b"\x28\xb5\x2f\xfd\x00\x38")  # a window of 128 KiB
    for start in range(0, len(content), 2**17):
        block = content[start : start + 2**17]
        is_last = start + 2**17 >= len(content)
        stream += (len(block) << 3 | is_last).to_bytes(3, "little") + block
    return bytes(stream)


def test_codings_are_cached_separately(edge: Edge, tmp_path: Path) -> None:
    text = OLD.hex().encode()[: 3 * _MIB + 7]
    contents = {
        "": text,
        "gzip": gzip.compress(text, 1, mtime=0),  # valid, because Varnish decodes it
        "br": _stored_br(text),
        "zstd": _stored_zstd(text),
    }
    with run_fleet(edge, tmp_path, *LONG_LIVED) as fleet:
        for coding, suffix in (("", ""), ("gzip", ".gz"), ("br", ".br"), ("zstd", ".zst")):
            fleet.deploy(f"app.js{suffix}", contents[coding])
        tags: dict[str, str] = {}
        for coding in ("gzip", "", "br", "zstd", "", "br", "gzip", "zstd"):
            fields = {"Accept_Encoding": coding} if coding else {}
            response = fetch(fleet.port, "/app.js", **fields)
            assert response.headers.get("Content-Encoding", "") == coding
            assert response.body == contents[coding]
            assert response.headers["Vary"] == "Accept-Encoding"
            assert tags.setdefault(coding, response.headers["ETag"]) == response.headers["ETag"]
            part = fetch(fleet.port, "/app.js", Range="bytes=1048570-1048579", **fields)
            assert (part.status, part.body) == (206, contents[coding][1048570:1048580])
            assert part.headers["ETag"] == tags[coding]
            again = fetch(fleet.port, "/app.js", If_None_Match=tags[coding], **fields)
            assert again.status == 304
        assert len(set(tags.values())) == 4


def test_misses_are_not_cached(edge: Edge, tmp_path: Path) -> None:
    with run_fleet(edge, tmp_path, *LONG_LIVED) as fleet:
        for target in ("/late.txt", "/late.txt?v=2"):
            for _ in range(2):
                assert fetch(fleet.port, target).status == 404
        fleet.deploy("late.txt", b"here")
        for target in ("/late.txt", "/late.txt?v=2"):
            assert fetch(fleet.port, target).body == b"here"


def misses(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Length", "2"), ("Cache-Control", "max-age=3600")])
    return [b"no"]


@pytest.mark.parametrize("no_store_misses", [True, False])
def test_misses_of_the_app(
    edge: Edge, public_directory: Path, tmp_path: Path, no_store_misses: bool
) -> None:
    app = StaticFiles(misses, public_directory, no_store_misses=no_store_misses)
    with (
        serve_in_thread(app) as origin,
        run_edge(edge, [origin, origin], tmp_path / "edge") as port,
    ):
        for _ in range(2):
            assert fetch(port, "/late.txt").status == 404
        (public_directory / "late.txt").write_bytes(b"here")
        age(public_directory / "late.txt")
        # The edge obeys the app's Cache-Control unless the option overrides it.
        assert fetch(port, "/late.txt").status == (200 if no_store_misses else 404)


def test_head(edge: Edge, tmp_path: Path) -> None:
    with run_fleet(edge, tmp_path, *LONG_LIVED) as fleet, Connection(fleet.port) as connection:
        fleet.deploy("big.bin", OLD)
        for _ in range(2):
            response = connection.request("/big.bin", "HEAD")
            assert (response.status, response.headers["Content-Length"]) == (200, str(len(OLD)))
        assert connection.request("/big.bin").body == OLD
