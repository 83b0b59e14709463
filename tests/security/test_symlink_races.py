"""Symlink races (CWE-367): names are swapped during requests to lead outside the root.

Another process swaps the names as fast as it can. The files outside have the same sizes and times
as those inside, so only the safe walk beneath the root keeps their content out of responses.
"""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call_raw, make_environ
from tests.conftest import PLAIN_PYTHON, age
from tests.security.advisories import replays
from wsgistatic import StaticFiles

# The tests set their own cache options, so one run of this module is enough.
pytestmark = [
    pytest.mark.symlinks,
    pytest.mark.live,
    pytest.mark.memory_cache,
    pytest.mark.usefixtures("way"),
]

INSIDE = b"i" * 300_000  # more than the cache keeps in memory
OUTSIDE = b"X" * 300_000
SMALL = 3_000
SIZES = (SMALL, len(INSIDE))
OPTIONS: tuple[dict[str, Any], ...] = ({}, {"cache_size": 0}, {"symlinks": "deny"})
# Allowed while a name is swapped: 403 if it vanishes during the permission check, 503 if it keeps
# changing.
TRANSIENT = ("403", "503")
PATIENCE = 30.0  # seconds to wait for all expected statuses on a busy machine
OPTION_SETS = len(OPTIONS) * len(SIZES)

# "link" renames a new link over the name; "rename" and "trade" exchange the name with a link or
# with a file outside. The name exists all or nearly all of the time.
SWAPPERS = {
    "link": """
while True:
    for target in (outside, inside):
        os.symlink(target, "next")
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
def swapping(site: Path, method: str, name: str, inside: str, outside: str) -> Iterator[None]:
    code = (
        f"import os\nname, inside, outside = {name!r}, {inside!r}, {outside!r}\n"
        f"print('ready', flush=True)\n{SWAPPERS[method]}"
    )
    process = subprocess.Popen(
        [*PLAIN_PYTHON, "-c", code], cwd=site, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", process.communicate()
        yield
        assert process.poll() is None, process.communicate()
    finally:
        process.kill()
        process.communicate()


def make_site(tmp_path: Path, size: int) -> Path:
    """Create a file and a directory inside the root, and counterparts outside."""
    site, outside = tmp_path / "site", tmp_path / "outside"
    for directory, content in ((site, INSIDE[:size]), (outside, OUTSIDE[:size])):
        (directory / "folder").mkdir(parents=True)
        for name in ("folder/page.txt", "page.txt"):
            (directory / name).write_bytes(content)
            (directory / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
            age(directory / name)
            age(directory / f"{name}.gz")
    return site


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Fail the test if the block takes longer."""

    def fail(*args: object) -> None:
        pytest.fail("the request blocks")  # not an OSError, which the app would catch

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def attempts(minimum: int, statuses: Counter[str], *required: str) -> Iterator[int]:
    """Count attempts up to a minimum, and until all required statuses have been seen."""
    deadline = time.monotonic() + PATIENCE
    for number in count():
        all_seen = all(statuses[status] for status in required)
        if number >= minimum and (all_seen or time.monotonic() > deadline):
            assert all_seen, statuses
            return
        yield number


def check(result: Response, size: int, statuses: Counter[str]) -> None:
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
    ("method", "name", "inside", "outside", "path"),
    [
        ("link", "flip.txt", "page.txt", "../outside/page.txt", "/flip.txt"),
        ("link", "flip", "folder", "../outside/folder", "/flip/page.txt"),
        ("rename", "page.txt", "", "../outside/page.txt", "/page.txt"),
        ("rename", "folder", "", "../outside/folder", "/folder/page.txt"),
    ],
    ids=["file-link", "directory-link", "file", "directory"],
)
def test_swapping_a_file_or_directory(
    tmp_path: Path,
    tries: int,
    options: dict[str, Any],
    size: int,
    method: str,
    name: str,
    inside: str,
    outside: str,
    path: str,
) -> None:
    site, app = make_site(tmp_path, size), None
    if method == "link":
        (site / name).symlink_to(inside)
    app = StaticFiles(None, site, encodings=(), **options)
    statuses: Counter[str] = Counter()
    always_misses = method == "link" and "symlinks" in options
    required = ("404",) if always_misses else ("404", "200", "206", "304")
    with swapping(site, method, name, inside, outside):
        for number in attempts(tries // OPTION_SETS, statuses, *required):
            environ = make_environ(path)
            environ.update(REQUESTS[number % len(REQUESTS)])
            check(call_raw(app, environ), size, statuses)
    assert statuses.keys() <= {*required, *TRANSIENT}


@replays("CWE-367: links")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("method", ["link", "rename"])
def test_swapping_a_sidecar(
    tmp_path: Path, tries: int, options: dict[str, Any], method: str
) -> None:
    site = make_site(tmp_path, SMALL)
    outside = "../outside/page.txt.gz"
    if method == "link":
        (site / "page.txt.gz").rename(site / "kept.gz")
        (site / "page.txt.gz").symlink_to("kept.gz")
    statuses: Counter[str] = Counter()
    always_misses = method == "link" and "symlinks" in options
    required = ("200",) if always_misses else ("200", "200gzip")  # 200: the file's own bytes
    with swapping(site, method, "page.txt.gz", "kept.gz", outside):
        for number in attempts(tries // len(OPTIONS), statuses, *required):
            if number % 20 == 0:  # because an app trusts its cached sidecars for a second
                app = StaticFiles(None, site, **options)
            environ = make_environ("/page.txt", HTTP_ACCEPT_ENCODING="gzip")
            environ.update(REQUESTS[number % 5 // 4 * 3])  # every fifth is a HEAD
            check(call_raw(app, environ), SMALL, statuses)
    assert statuses.keys() <= {*required, *TRANSIENT}


@replays("Bun PR 36156", "CWE-67", "CWE-367: links")
def test_swapping_a_file_with_a_fifo(tmp_path: Path, tries: int) -> None:
    """Opening the FIFO must not block, and it must not be served as an empty file."""
    site = make_site(tmp_path, SMALL)
    os.mkfifo(tmp_path / "outside" / "pipe")
    app = StaticFiles(None, site, encodings=(), cache_size=0)
    statuses: Counter[str] = Counter()
    with swapping(site, "trade", "page.txt", "", "../outside/pipe"), time_limit(2 * PATIENCE):
        for _ in attempts(tries, statuses, "200", "404"):
            result = call_raw(app, make_environ("/page.txt"))
            assert result.body == INSIDE[:SMALL] or result.status != 200
            statuses[str(result.status)] += 1
    assert statuses.keys() <= {"200", "404", *TRANSIENT}


@replays("Bun PR 36156")
def test_fifo_that_replaces_a_file_between_stat_and_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    site = make_site(tmp_path, SMALL)
    app = StaticFiles(None, site, encodings=(), cache_size=0)
    real_stat = os.stat
    # The last check is a stat of the whole path, or one of the name in its directory.
    last = str(site / "page.txt") if way == "openat2" else "page.txt"
    swapped: list[os.stat_result] = []

    def stat_and_swap(name: Any, **kwargs: Any) -> os.stat_result:
        status = real_stat(name, **kwargs)
        if name == last and not swapped:
            swapped.append(status)
            (site / "page.txt").unlink()
            os.mkfifo(site / "page.txt")
        return status

    monkeypatch.setattr(os, "stat", stat_and_swap)
    with time_limit(PATIENCE):
        assert call_raw(app, make_environ("/page.txt")).status == 404
    assert swapped
