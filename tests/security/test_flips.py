"""Names that lead in and out while requests run (CWE-367): never a byte from outside.

Another process swaps them as fast as it can. What is outside has the size and the time of what
is inside, so that nothing but the walk beneath the root keeps it out.
"""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.calling import Result, call_bare, environ_of
from tests.conftest import age
from tests.security.ids import replays
from wsgistatic import StaticFiles

# Each set of options says itself what its cache is: once is enough.
pytestmark = [pytest.mark.live, pytest.mark.catalog]

INSIDE = b"i" * 300_000  # more than is kept in memory
OUTSIDE = b"X" * 300_000
SMALL = 3_000
SIZES = (SMALL, len(INSIDE))
OPTIONS: tuple[dict[str, Any], ...] = ({}, {"cache_size": 0}, {"symlinks": "deny"})
# While a name comes and goes: access is asked by name, twice; what moves all the time is busy.
PASSING = ("403", "503")
PATIENCE = 30.0  # seconds, until a swap is seen on a busy machine
SETS = len(OPTIONS) * len(SIZES)

# {name} is a link, made anew and renamed over the old one; or a file or directory that trades
# places with a link. Both ways there is always or nearly always something of that name.
SWAPPERS = {
    "link": """
while True:
    for goal in (outside, inside):
        os.symlink(goal, "next")
        os.rename("next", name)
""",
    "rename": """
os.symlink(outside, "spare")
while True:
    os.rename(name, "kept")
    os.rename("spare", name)
    os.rename(name, "spare")
    os.rename("kept", name)
""",
    "trade": """
while True:
    os.rename(name, "kept")
    os.rename(outside, name)
    os.rename(name, outside)
    os.rename("kept", name)
""",
}
REQUESTS: tuple[dict[str, str], ...] = (
    {},
    {"HTTP_RANGE": "bytes=5-50"},
    {"HTTP_RANGE": "bytes=0-1,100-200,2900-"},
    {"REQUEST_METHOD": "HEAD"},
    {"HTTP_IF_MODIFIED_SINCE": "Mon, 01 Jan 2024 00:00:00 GMT"},
)


@contextmanager
def swapping(site: Path, way: str, name: str, inside: str, outside: str) -> Iterator[None]:
    code = f"import os\nname, inside, outside = {name!r}, {inside!r}, {outside!r}\n" + SWAPPERS[way]
    process = subprocess.Popen([sys.executable, "-c", code], cwd=site, stderr=subprocess.PIPE)
    try:
        time.sleep(0.2)
        assert process.poll() is None, process.communicate()
        yield
        assert process.poll() is None, process.communicate()
    finally:
        process.kill()
        process.communicate()


def make_site(tmp_path: Path, size: int) -> Path:
    """Make pairs: a file and a directory inside, and their like outside."""
    site, outside = tmp_path / "site", tmp_path / "outside"
    for place, content in ((site, INSIDE[:size]), (outside, OUTSIDE[:size])):
        (place / "folder").mkdir(parents=True)
        for name in ("folder/page.txt", "page.txt"):
            (place / name).write_bytes(content)
            (place / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
            age(place / name)
            age(place / f"{name}.gz")
    return site


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt what waits for ever."""

    def give_up(*args: object) -> None:
        pytest.fail("it waits for ever")  # no OSError: those are answered

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def rounds(least: int, statuses: Counter[str], *wanted: str) -> Iterator[int]:
    """Count tries: as many as asked for, and on until each of these was seen, or in vain."""
    deadline = time.monotonic() + PATIENCE
    for number in count():
        seen = all(statuses[status] for status in wanted)
        if number >= least and (seen or time.monotonic() > deadline):
            assert seen, statuses
            return
        yield number


def check(result: Result, size: int, statuses: Counter[str]) -> None:
    coding = result.headers.get("Content-Encoding", "")
    body = gzip.decompress(result.body) if coding and result.body else result.body
    assert b"X" not in body
    if result.status in (200, 206):
        range_size = result.headers.get("Content-Range", f"/{size}").partition("/")[2]
        assert coding or range_size == str(size)
    statuses[f"{result.status}{coding}"] += 1


@replays("CWE-367: links", "CVE-2013-0262", "GHSA-239w-m3h6-ch8v")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("way", "name", "inside", "outside", "path"),
    [
        ("link", "flip.txt", "page.txt", "../outside/page.txt", "/flip.txt"),
        ("link", "flip", "folder", "../outside/folder", "/flip/page.txt"),
        ("rename", "page.txt", "", "../outside/page.txt", "/page.txt"),
        ("rename", "folder", "", "../outside/folder", "/folder/page.txt"),
    ],
    ids=["file-link", "directory-link", "file", "directory"],
)
def test_a_name_that_is_swapped(
    tmp_path: Path,
    tries: int,
    options: dict[str, Any],
    size: int,
    way: str,
    name: str,
    inside: str,
    outside: str,
    path: str,
) -> None:
    site, app = make_site(tmp_path, size), None
    if way == "link":
        (site / name).symlink_to(inside)
    app = StaticFiles(None, site, encodings=(), **options)
    statuses: Counter[str] = Counter()
    never = way == "link" and "symlinks" in options
    wanted = ("404",) if never else ("404", "200", "206", "304")
    with swapping(site, way, name, inside, outside):
        for number in rounds(tries // SETS, statuses, *wanted):
            environ = environ_of(path)
            environ.update(REQUESTS[number % len(REQUESTS)])
            check(call_bare(app, environ), size, statuses)
    assert statuses.keys() <= {*wanted, *PASSING}


@replays("CWE-367: links")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("way", ["link", "rename"])
def test_a_sidecar_that_is_swapped(
    tmp_path: Path, tries: int, options: dict[str, Any], way: str
) -> None:
    site = make_site(tmp_path, SMALL)
    outside = "../outside/page.txt.gz"
    if way == "link":
        (site / "page.txt.gz").rename(site / "kept.gz")
        (site / "page.txt.gz").symlink_to("kept.gz")
    statuses: Counter[str] = Counter()
    never = way == "link" and "symlinks" in options
    wanted = ("200",) if never else ("200", "200gzip")  # 200: the file's own bytes
    with swapping(site, way, "page.txt.gz", "kept.gz", outside):
        for number in rounds(tries // len(OPTIONS), statuses, *wanted):
            if number % 20 == 0:  # what an app has kept it trusts for a second
                app = StaticFiles(None, site, **options)
            environ = environ_of("/page.txt", HTTP_ACCEPT_ENCODING="gzip")
            environ.update(REQUESTS[number % 5 // 4 * 3])  # every fifth is a HEAD
            check(call_bare(app, environ), SMALL, statuses)
    assert statuses.keys() <= {*wanted, *PASSING}


@replays("Bun PR 36156", "CWE-67", "CWE-367: links")
def test_a_file_that_is_swapped_with_a_pipe(tmp_path: Path, tries: int) -> None:
    """Opened, it neither waits for a writer nor passes for an empty file."""
    site = make_site(tmp_path, SMALL)
    os.mkfifo(tmp_path / "outside" / "pipe")
    app = StaticFiles(None, site, encodings=(), cache_size=0)
    statuses: Counter[str] = Counter()
    with swapping(site, "trade", "page.txt", "", "../outside/pipe"), time_limit(2 * PATIENCE):
        for _ in rounds(tries, statuses, "200", "404"):
            result = call_bare(app, environ_of("/page.txt"))
            assert result.body == INSIDE[:SMALL] or result.status != 200
            statuses[str(result.status)] += 1
    assert statuses.keys() <= {"200", "404", *PASSING}


@replays("Bun PR 36156")
def test_a_file_that_becomes_a_pipe_between_look_and_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(tmp_path, SMALL)
    app = StaticFiles(None, site, encodings=(), cache_size=0)
    look = os.stat
    swapped: list[os.stat_result] = []

    def look_and_swap(name: Any, **named: Any) -> os.stat_result:
        status = look(name, **named)
        if name == "page.txt" and not swapped:  # by its directory's descriptor: the last look
            swapped.append(status)
            (site / "page.txt").unlink()
            os.mkfifo(site / "page.txt")
        return status

    monkeypatch.setattr(os, "stat", look_and_swap)
    with time_limit(PATIENCE):
        assert call_bare(app, environ_of("/page.txt")).status == 404
    assert swapped
