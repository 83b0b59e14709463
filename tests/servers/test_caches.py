"""Behind a caching server two machines look like one, whatever the mtimes of their files.

The caching servers run with the README's configurations.
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
    Versions,
    ask,
    edge_before,
    fleet,
    is_whole,
    read,
)
from tests.servers.starting import running
from wsgistatic import StaticFiles

pytestmark = pytest.mark.servers

_MIB = 1024 * 1024  # of a slice
OLD = random.Random(1).randbytes(3 * _MIB + _MIB // 2)
NEW = random.Random(2).randbytes(len(OLD))
SHORT_LIVED = ("--cache-control", "public, max-age=1")
LONG_LIVED = ("--cache-control", "public, max-age=3600")
_PATIENCE = 40.0  # seconds; Varnish serves what has expired for ten more
_LONG = 12.0  # seconds, after which it does not any more


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def random_ranges(count: int) -> Iterator[tuple[int, int]]:
    """Give ranges, often across slices or along their borders."""
    chosen = random.Random(3)
    for _ in range(count):
        start = chosen.randrange(len(OLD))
        if chosen.random() < 0.5:
            start = min(len(OLD) - 2, chosen.randrange(4) * _MIB + chosen.randrange(3) % 3)
        yield start, min(len(OLD), start + 1 + chosen.randrange(2 * _MIB))


def test_both_machines_make_one_file(edge: Edge, tmp_path: Path) -> None:
    with fleet(edge, tmp_path, *LONG_LIVED) as both:
        both.deploy("big.bin", OLD)
        first = ask(both.port, "/big.bin", Cookie="session=1")
        assert (first.status, first.body) == (200, OLD)
        fetches = 4 if edge.slices else 1
        eventually(lambda: both.answered("/big.bin").total() == fetches)
        if edge.slices:
            assert all(machine.answered("/big.bin") for machine in both.machines)
        for start, stop in random_ranges(40):
            answer = ask(both.port, "/big.bin", Range=f"bytes={start}-{stop - 1}", Cookie="s=2")
            assert (answer.status, answer.body) == (206, OLD[start:stop])
            assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(OLD)}"
        assert ask(both.port, "/big.bin", Range="bytes=-5").body == OLD[-5:]
        # All from the cache.
        assert both.answered("/big.bin").total() == fetches


def test_ranges_alone_bring_both_machines_together(edge: Edge, tmp_path: Path) -> None:
    with fleet(edge, tmp_path, *LONG_LIVED) as both:
        both.deploy("big.bin", OLD)
        for start, stop in random_ranges(20):
            answer = ask(both.port, "/big.bin", Range=f"bytes={start}-{stop - 1}")
            assert (answer.status, answer.body) == (206, OLD[start:stop])
        if edge.slices:
            assert all(machine.answered("/big.bin") for machine in both.machines)


def test_several_ranges_and_none_that_is_there(edge: Edge, tmp_path: Path) -> None:
    with fleet(edge, tmp_path, *LONG_LIVED) as both:
        both.deploy("big.bin", OLD)
        for _ in range(2):
            parts = ask(both.port, "/big.bin", Range="bytes=0-1,3000000-3000002")
            if edge.slices:
                assert (parts.status, parts.body) == (200, OLD)
            else:
                assert parts.status == 206
                assert b"\r\n\r\n" + OLD[3000000:3000003] + b"\r\n--" in parts.body
            beyond = ask(both.port, "/big.bin", Range="bytes=99999999-")
            assert beyond.status == 416
        both.deploy("late.bin", b"short")
        assert ask(both.port, "/late.bin", Range="bytes=2000000-").status == 416
        assert ask(both.port, "/late.bin", Range="bytes=1-2").body == b"ho"


def test_not_modified(edge: Edge, tmp_path: Path) -> None:
    with fleet(edge, tmp_path, *SHORT_LIVED) as both:
        both.deploy("big.bin", OLD)
        tag = ask(both.port, "/big.bin").headers["ETag"]
        answer = ask(both.port, "/big.bin", If_None_Match=tag)
        assert (answer.status, answer.headers["ETag"]) == (304, tag)
        assert ask(both.port, "/big.bin", If_None_Match='"other"').status == 200

        def are_revalidated() -> bool:
            # By the machine, too, that did not send those bytes.
            assert ask(both.port, "/big.bin").body == OLD
            return all(
                any(answer.startswith("304") for answer in machine.answered("/big.bin"))
                for machine in both.machines
            )

        eventually(are_revalidated)
        answers = both.answered("/big.bin")
        fetches = sum(number for answer, number in answers.items() if answer[:3] != "304")
        assert fetches == (4 if edge.slices else 1)


def test_what_has_long_expired_is_not_fetched_again(edge: Edge, tmp_path: Path) -> None:
    with fleet(edge, tmp_path, *SHORT_LIVED) as both:
        both.deploy("big.bin", OLD)
        assert ask(both.port, "/big.bin").body == OLD
        fetches = 4 if edge.slices else 1
        eventually(lambda: both.answered("/big.bin").total() == fetches)
        time.sleep(_LONG)
        assert ask(both.port, "/big.bin").body == OLD
        eventually(lambda: both.answered("/big.bin").total() == 2 * fetches)
        answers = both.answered("/big.bin")
        assert sum(number for answer, number in answers.items() if answer[:3] == "304") == fetches


def test_a_deploy_in_mid_download_is_never_mixed_in(edge: Edge, tmp_path: Path) -> None:
    old = random.Random(4).randbytes(24 * _MIB)  # more than all buffers on the way
    new = random.Random(5).randbytes(len(old))
    versions = Versions()
    with fleet(edge, tmp_path, *SHORT_LIVED) as both, Connection(both.port) as connection:
        both.deploy("big.bin", old)
        versions.learn(both, old)
        before = both.answered("/big.bin").total()
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.send("/big.bin")
        download = connection.read_head()
        download.body = connection.file.read(65536)
        time.sleep(1)
        if edge.slices:
            assert both.answered("/big.bin").total() - before < 24
        both.deploy("big.bin", new)
        latest = versions.learn(both, new)
        download.body += read(connection, len(old) - len(download.body))
        versions.check(download)
        # Slices of the new version are refused; what Varnish has fetched is of one piece.
        assert is_whole(download) is not edge.slices

        def is_new() -> bool:
            answer = ask(both.port, "/big.bin")
            versions.check(answer)
            return is_whole(answer) and answer.headers["ETag"] == latest

        eventually(is_new)


def test_machine_after_machine_is_never_mixed(edge: Edge, tmp_path: Path) -> None:
    versions = Versions()
    with fleet(edge, tmp_path, *SHORT_LIVED) as both:
        both.deploy("big.bin", OLD)
        versions.learn(both, OLD)
        seen = set()
        both.deploy("big.bin", NEW)
        latest = versions.learn(both, NEW)
        both.machines[0].deploy("big.bin", OLD, 1_600_000_000)  # the new release is on its way

        def are_both_seen() -> bool:
            for start, stop in random_ranges(5):
                answer = ask(both.port, "/big.bin", Range=f"bytes={start}-{stop - 1}")
                versions.check(answer)
                seen.add(answer.headers["ETag"])
            versions.check(ask(both.port, "/big.bin"))
            return len(seen) == 2

        eventually(are_both_seen)
        both.deploy("big.bin", NEW)

        def is_new() -> bool:
            answer = ask(both.port, "/big.bin")
            versions.check(answer)
            return is_whole(answer) and answer.headers["ETag"] == latest

        eventually(is_new)


def test_a_resumed_download_is_of_one_version(edge: Edge, tmp_path: Path) -> None:
    versions = Versions()
    with fleet(edge, tmp_path, *SHORT_LIVED) as both:
        both.deploy("big.bin", OLD)
        tag = versions.learn(both, OLD)
        first = ask(both.port, "/big.bin", Range="bytes=0-1999999")
        assert (first.status, first.headers["ETag"]) == (206, tag)
        resumed = ask(both.port, "/big.bin", Range="bytes=2000000-", If_Range=tag)
        assert (resumed.status, first.body + resumed.body) == (206, OLD)
        both.deploy("big.bin", NEW)
        versions.learn(both, NEW)

        def starts_again() -> bool:
            answer = ask(both.port, "/big.bin", Range="bytes=2000000-", If_Range=tag)
            versions.check(answer)
            assert answer.status == 200 or answer.headers["ETag"] == tag
            return answer.status == 200 and is_whole(answer)

        eventually(starts_again)


def test_parts_of_what_may_change_unseen_are_not_kept(edge: Edge, tmp_path: Path) -> None:
    # For two seconds after a modification that is known by the second; else for 20 ms.
    versions = Versions()
    with fleet(edge, tmp_path, *LONG_LIVED) as both:
        both.deploy("big.bin", OLD)
        versions.learn(both, OLD)
        time.sleep(1 - time.time() % 1)
        now = int(time.time())
        for machine in both.machines:
            os.utime(machine.directory / "big.bin", (now, now))
        fresh = ask(both.port, "/big.bin", Range="bytes=0-9")
        assert (fresh.body, fresh.headers["ETag"][:2]) == (OLD[:10], "W/")
        if edge is NGINX:  # which asks for parts; Varnish asks for the whole file
            assert fresh.headers["Cache-Control"] == "no-cache"
        time.sleep(max(0.0, now + 2.1 - time.time()))
        # A slice that was kept with its weak tag would not go with the others, ever.
        settled = ask(both.port, "/big.bin")
        assert is_whole(settled)
        assert settled.body == OLD
        if edge is NGINX:
            versions.check(settled)


def test_codings_are_kept_apart(edge: Edge, tmp_path: Path) -> None:
    text = OLD.hex().encode()[: 3 * _MIB + 7]
    contents = {
        "": text,
        "gzip": gzip.compress(text, 1, mtime=0),  # Varnish looks into it
        "br": NEW[: 2 * _MIB],
        "zstd": NEW[1 : _MIB + 9],
    }
    with fleet(edge, tmp_path, *LONG_LIVED) as both:
        for coding, suffix in (("", ""), ("gzip", ".gz"), ("br", ".br"), ("zstd", ".zst")):
            both.deploy(f"app.js{suffix}", contents[coding])
        tags: dict[str, str] = {}
        for coding in ("gzip", "", "br", "zstd", "", "br", "gzip", "zstd"):
            fields = {"Accept_Encoding": coding} if coding else {}
            answer = ask(both.port, "/app.js", **fields)
            assert answer.headers.get("Content-Encoding", "") == coding
            assert answer.body == contents[coding]
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert tags.setdefault(coding, answer.headers["ETag"]) == answer.headers["ETag"]
            part = ask(both.port, "/app.js", Range="bytes=1048570-1048579", **fields)
            assert (part.status, part.body) == (206, contents[coding][1048570:1048580])
            assert part.headers["ETag"] == tags[coding]
            again = ask(both.port, "/app.js", If_None_Match=tags[coding], **fields)
            assert again.status == 304
        assert len(set(tags.values())) == 4


def test_a_miss_is_never_kept(edge: Edge, tmp_path: Path) -> None:
    with fleet(edge, tmp_path, *LONG_LIVED) as both:
        for target in ("/late.txt", "/late.txt?v=2"):
            for _ in range(2):
                assert ask(both.port, target).status == 404
        both.deploy("late.txt", b"here")
        for target in ("/late.txt", "/late.txt?v=2"):
            assert ask(both.port, target).body == b"here"


def misses(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Length", "2"), ("Cache-Control", "max-age=3600")])
    return [b"no"]


@pytest.mark.parametrize("no_store_misses", [True, False])
def test_a_miss_of_the_app(
    edge: Edge, public_directory: Path, tmp_path: Path, no_store_misses: bool
) -> None:
    app = StaticFiles(misses, public_directory, no_store_misses=no_store_misses)
    with running(app) as origin, edge_before(edge, [origin, origin], tmp_path / "edge") as port:
        for _ in range(2):
            assert ask(port, "/late.txt").status == 404
        (public_directory / "late.txt").write_bytes(b"here")
        age(public_directory / "late.txt")
        # The app's wish is the edge's command: hence the option.
        assert ask(port, "/late.txt").status == (200 if no_store_misses else 404)


def test_head(edge: Edge, tmp_path: Path) -> None:
    with fleet(edge, tmp_path, *LONG_LIVED) as both, Connection(both.port) as connection:
        both.deploy("big.bin", OLD)
        for _ in range(2):
            answer = connection.request("/big.bin", "HEAD")
            assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(OLD)))
        assert connection.request("/big.bin").body == OLD
