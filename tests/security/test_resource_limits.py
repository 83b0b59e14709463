"""Denial-of-service attacks: the cost of a request is bounded by its size."""

from __future__ import annotations

import gzip
import os
import random
import threading
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.client import call_raw, make_environ, start
from tests.conftest import age
from tests.oracle import boundary_of, call_strictly, parse_multipart
from tests.security.advisories import REPLAYED, replays
from tests.security.attack_site import CANARY, PAGE, make_attack_site
from wsgistatic import FileApp, StaticFiles

# Seconds of processor time for a request with one field of 64 KB. The slowest takes 0.03 s; an
# algorithm that is quadratic in the field's length would take minutes.
TIME_LIMIT = 2.0
LENGTH = 65_536
CACHE = 10_000_000  # bytes; compression in memory needs a cache


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_attack_site(tmp_path)


def seconds(function: Callable[[], object]) -> float:
    """Return the processor time of a call, which does not depend on how busy the machine is."""
    start = time.process_time()
    function()
    return time.process_time() - start


def fill(piece: str, before: str = "", after: str = "") -> str:
    """Repeat a piece up to ``LENGTH`` characters."""
    return before + piece * (LENGTH // len(piece)) + after


SLOW_VALUES: dict[tuple[str, ...], dict[str, list[str]]] = {
    ("CVE-2022-44570", "CVE-2025-62727", "CVE-2013-3724"): {
        "HTTP_RANGE": [
            fill("9", "bytes=", "-"), fill("1", "bytes=0-"), fill("0-0,", "bytes="),
            fill(" ", "bytes=", "x"), fill("\t", "bytes=0-", ",x"), fill(",", "bytes="),
            fill("-1,", "bytes="), fill("0-,5-5,", "bytes="), fill("bytes="), fill("-", "bytes=1"),
        ],
    },
    ("CVE-2024-39316", "CVE-2024-26146", "CVE-2024-25126", "HAProxy 2.4-dev"): {
        "HTTP_ACCEPT_ENCODING": [
            fill(","), fill("gzip;q=0.5,"), fill("0", "gzip;q=0."), fill(" ", "gzip", ";q=1"),
            fill("a,"), fill(";", "gzip"), fill("gzip;q=1 ;"), fill("\t"), fill("*;q=0,"),
        ],
        "HTTP_ACCEPT": [
            fill("text/html;a=b,"), fill(";", "text/html"), fill("/"), fill("text/html;q=0.1,"),
            fill('"', "text/html;a="), fill(" ", "a/b", "x"),
        ],
    },
    ("CVE-2016-10539", "CVE-2022-32149"): {
        "HTTP_ACCEPT_LANGUAGE": [fill("-"), fill("a-"), fill("x;")],
    },
    ("CVE-2017-16119",): {
        "HTTP_IF_NONE_MATCH": [
            fill('"a",'), fill('W/"'), fill('"'), fill(" ", '"a"', "x"), fill(","), fill('"" '),
            fill(" ,", '"a"', '"'),
        ],
        "HTTP_IF_MATCH": [fill('"a",'), fill('W/"'), fill('"'), fill(" ", "*", "*")],
        "HTTP_IF_RANGE": [fill('"'), fill("W/"), fill("a", '"', '"')],
    },
    ("CVE-2021-41817", "Tornado PR 3412"): {
        "HTTP_IF_MODIFIED_SINCE": [
            fill("0"), fill(" "), fill("Sun, 06 Nov 1994 08:49:37 GMT"), fill("1", "", " GMT"),
            fill(" ", "Sun", "06 Nov"),
        ],
        "HTTP_IF_UNMODIFIED_SINCE": [fill("0"), fill("9", "Sun, 06 Nov ", " 08:49:37 GMT")],
        "HTTP_IF_RANGE": [fill("0"), fill("Sun, ")],
    },
    ("CVE-2025-67726",): {
        "HTTP_WANT_REPR_DIGEST": [
            fill(";a", "sha-256=1"), fill(";a=1", "sha-256=1", "\x00"), fill("sha-256=1,"),
            fill(" ", "sha-256=1;", "!"), fill("a", "", "=1!"), fill("1", "sha-256="),
        ],
        "CONTENT_TYPE": [fill(";"), fill('a="')],
    },
    ("CVE-2017-16138", "CVE-2016-10703"): {
        "PATH_INFO": [fill(".a", "/a"), fill(" ", "/x", "/"), fill("/a"), fill("."), fill("/"),
                      fill("/self"), fill("/self", "", "/hello.txt"), fill("\u00c3\u00a9", "/")],
        "QUERY_STRING": [fill("&"), fill("%")],
        "HTTP_HOST": [fill("."), fill(":")],
    },
    ("Starlette issue 2583",): {
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": [fill("range,"), fill(","), fill(" ")],
        "HTTP_X_ANYTHING": [fill("a")],
    },
}  # fmt: skip
CASES = [
    (ids, name, value)
    for ids, fields in SLOW_VALUES.items()
    for name, values in fields.items()
    for value in values
]
for ids in SLOW_VALUES:
    for advisory in ids:
        REPLAYED[advisory].append("test_long_fields_are_parsed_quickly")


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for _, name, value in CASES],
    ids=[f"{name}-{value[:9]!a}" for _, name, value in CASES],
)
def test_long_fields_are_parsed_quickly(root: Path, name: str, value: str) -> None:
    (root / "self").symlink_to(".")
    path = root / "sub" / "digits.txt"
    path.write_bytes(b"0123456789" * 500)
    (root / "sub" / "digits.txt.gz").write_bytes(gzip.compress(path.read_bytes()))
    age(path)
    app = StaticFiles(
        None, root, compress=True, cache_size=CACHE, listing=True, clean_urls=True, etag="content",
        allow_origin="*", immutable="hashed", fallback="hello.txt",
    )  # fmt: skip
    file_app = FileApp(path, immutable="hashed")
    for url_path, method in (("/sub/digits.txt", "GET"), ("/bare/", "GET"), ("/bare/", "OPTIONS")):
        for served_app in (app, file_app):
            environ = make_environ(url_path, method)
            environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"] = "GET"
            if name == "HTTP_IF_RANGE":
                environ["HTTP_RANGE"] = "bytes=0-0"
            environ[name] = value
            for _ in range(2):  # uncached and cached
                assert seconds(partial(call_raw, served_app, environ)) < TIME_LIMIT


@pytest.mark.symlinks
def test_path_through_a_circular_link(root: Path) -> None:
    """Resolving 64 KB of ``/self/self/self`` used to take seconds, and ended with a 200."""
    (root / "self").symlink_to(".")
    for options in ({}, {"symlinks": "follow"}, {"listing": True}, {"clean_urls": True}):
        app = StaticFiles(None, root, **options)
        assert call_raw(app, make_environ("/self/hello.txt")).status == 200
        for path in ("/self" * 20_000 + "/hello.txt", "/self" * 20_000 + "/", "/self" * 20_000):
            assert call_raw(app, make_environ(path)).status == 404
            assert seconds(partial(call_raw, app, make_environ(path))) < 0.1


@replays("CVE-2011-3192", "CVE-2024-26141", "CVE-2026-34826", "CVE-2017-7529", "CVE-2015-1635")
@pytest.mark.parametrize("cache", [{}, {"cache_size": 0}, {"cache_file_size": 0}], ids=str)
def test_ranges_never_send_more_than_the_file(root: Path, cache: dict[str, Any]) -> None:
    data = (root / "digits.bin").read_bytes()
    app = StaticFiles(None, root, **cache)
    rng = random.Random(1)
    edges = [0, 1, 5, 499, 999, 1000, 1001, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, 10**5000]
    texts = [str(edge) if edge < 10**100 else "1" + "0" * 5000 for edge in edges]
    for _ in range(1000):
        specs = [
            rng.choice([f"{a}-{b}", f"{a}-", f"-{b}", f"{a}-{b}"])
            for a, b in (rng.choices(texts, k=2) for _ in range(rng.choice([1, 2, 3, 50, 250])))
        ]
        environ = make_environ("/digits.bin", HTTP_RANGE="bytes=" + ",".join(specs))
        response = call_strictly(app, environ)
        assert response.status in (200, 206, 416)
        assert len(response.body) <= len(data) + 4096
        if response.status == 200:
            assert response.body == data
        elif response.status == 206 and "content-range" in response.fields:
            first, last = (
                response.fields["content-range"].removeprefix("bytes ").split("/")[0].split("-")
            )
            assert response.body == data[int(first) : int(last) + 1] != b""
        elif response.status == 206:
            parts = parse_multipart(response.body, boundary_of(response))
            assert sum(len(content) for _, content in parts) <= len(data)
            for fields, content in parts:
                first, last = (
                    fields["content-range"].removeprefix("bytes ").split("/")[0].split("-")
                )
                assert content == data[int(first) : int(last) + 1] != b""


@pytest.mark.special_files
@replays("Bun PR 36156", "logrotate PR 607", "CWE-67")
@pytest.mark.parametrize("symlinks", ["inside", "follow", "deny"])
def test_special_files_are_neither_opened_nor_read(root: Path, symlinks: Any) -> None:
    os.mkfifo(root / "x.js.gz")
    (root / "hello.txt.gz").symlink_to("/dev/zero")
    (root / "to-pipe").symlink_to("pipe")
    app = StaticFiles(None, root, symlinks=symlinks, listing=True, compress=True, cache_size=CACHE)
    done = threading.Event()

    def send_requests() -> None:
        for path in ("/pipe", "/zero", "/to-pipe", "/pipe/x", "/x.js.gz", "/hello.txt.gz"):
            for method in ("GET", "HEAD"):
                assert call_raw(app, make_environ(path, method)).status == 404, path
        for path in ("/x.js", "/hello.txt"):
            for _ in range(2):
                result = call_raw(app, make_environ(path, HTTP_ACCEPT_ENCODING="gzip"))
                assert (result.status, result.body) == (200, PAGE)
        assert b"pipe" not in call_raw(app, make_environ("/")).body
        done.set()

    thread = threading.Thread(target=send_requests, daemon=True)
    thread.start()
    thread.join(10)
    assert done.is_set()


@replays("Bottle PR 1485", "wsgidav PR 156")
@pytest.mark.parametrize("options", [{}, {"cache_size": 0}, {"etag": "content"}], ids=str)
def test_no_file_descriptor_leaks(
    root: Path, open_descriptors: None, options: dict[str, Any]
) -> None:
    with (root / "big.bin").open("wb") as file:
        file.truncate(10_000_000)
    (root / "big.txt").write_bytes(b"text " * 100_000)
    age(root / "big.bin")
    age(root / "big.txt")

    def fail(*args: object) -> Any:
        raise RuntimeError("the client disconnected")

    app = StaticFiles(None, root, listing=True, **options)
    for path in ("/big.bin", "/big.txt", "/hello.txt", "/bare/", "/sub"):
        for extra in ({}, {"HTTP_RANGE": "bytes=0-1,5-900000"}, {"HTTP_RANGE": "bytes=1-"}):
            for _ in range(2):
                with pytest.raises(RuntimeError):
                    app(make_environ(path, **extra), fail)
                result = start(app, make_environ(path, **extra))
                next(iter(result.iterable), None)  # only the first block is read
                getattr(result.iterable, "close", lambda: None)()


@replays("CWE-367: changes")
@pytest.mark.parametrize("options", [{}, {"cache_size": 0}], ids=str)
def test_framing_of_a_file_that_changes(root: Path, options: dict[str, Any]) -> None:
    """The body is Content-Length bytes of one version, or an error closes the connection."""
    path = root / "changing.bin"
    versions = [bytes([n]) * size for n, size in ((1, 700_000), (2, 600_000), (3, 700_000))]
    app = StaticFiles(None, root, block_size=100_000, **options)
    broken = file_app = 0
    for turn in range(120):
        before, after = versions[turn % 3], versions[(turn + 1) % 3]
        path.write_bytes(before)
        os.utime(path, ns=(0, 1_700_000_000_000_000_000 + 1000 * turn))
        result = start(app, make_environ("/changing.bin"))
        got = []
        try:
            for number, block in enumerate(result.iterable):
                got.append(block)
                if number == turn % 8:
                    path.write_bytes(after)
                    os.utime(path, ns=(0, 1_700_000_000_000_000_500 + 1000 * turn))
        except OSError:
            broken += 1
            assert len(b"".join(got)) < int(result.headers["Content-Length"])
        else:
            file_app += 1
            assert b"".join(got) == before
            assert len(before) == int(result.headers["Content-Length"])
        finally:
            getattr(result.iterable, "close", lambda: None)()
    assert broken > 60
    assert file_app > 5


def test_many_values_of_accept_encoding(root: Path, monkeypatch: Any) -> None:
    """A file is compressed once per coding, however many Accept-Encoding values select it."""
    from wsgistatic.http.codings import Coding

    compressions: list[str] = []
    encode = Coding.encode

    def count(self: Coding, *args: Any) -> Any:
        compressions.append(self.name)
        return encode(self, *args)

    monkeypatch.setattr(Coding, "encode", count)
    path = root / "page.txt"
    path.write_bytes(b"all work and no play " * 5000)
    age(path)
    time.sleep(0.05)  # until the file is old enough to be cached
    app = StaticFiles(None, root, compress=True, cache_size=CACHE)
    rng = random.Random(2)
    tracemalloc.start()
    try:
        for _ in range(1000):
            weights = [f"{name};q=0.{rng.randrange(1, 999):03}" for name in ("gzip", "br", "zstd")]
            field = ", ".join([*weights, *(f"x{rng.randrange(10**9)}" for _ in range(30))])
            result = call_raw(app, make_environ("/page.txt", HTTP_ACCEPT_ENCODING=field))
            assert result.headers["Content-Encoding"] in ("gzip", "br", "zstd")
        assert sorted(compressions) == ["br", "gzip", "zstd"]
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_memory_for_many_files_stays_within_cache_size(root: Path) -> None:
    for number in range(60):
        path = root / f"{number}.txt"
        path.write_bytes(b"all work and no play " * 500 + str(number).encode())
        age(path)
    time.sleep(0.05)
    budget = 120_000
    app = StaticFiles(None, root, compress=True, cache_size=budget)
    rng = random.Random(3)
    call_raw(app, make_environ("/0.txt", HTTP_ACCEPT_ENCODING="gzip, br, zstd"))
    tracemalloc.start()
    try:
        for _ in range(300):
            field = rng.choice(["gzip", "br", "zstd", "", f"gzip, x{rng.random()}"])
            path_info = f"/{rng.randrange(60)}.txt"
            assert call_raw(app, make_environ(path_info, HTTP_ACCEPT_ENCODING=field)).status == 200
            assert call_raw(app, make_environ(f"/no{rng.random()}")).status == 404
        assert tracemalloc.get_traced_memory()[0] < 3 * budget
    finally:
        tracemalloc.stop()


@pytest.mark.symlinks
def test_canaries_are_reachable_through_the_links(root: Path) -> None:
    """Otherwise the tests that no response contains a canary would prove nothing."""
    assert (root / "outdir" / "secret").read_bytes() == CANARY
    assert (root / "link").read_bytes() == CANARY
