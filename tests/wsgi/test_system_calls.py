"""How many file-system calls each kind of request costs, on every machine."""

from __future__ import annotations

import gzip
import os
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.client import call_raw, make_environ, start
from tests.conftest import age, settle
from wsgistatic import StaticFiles
from wsgistatic.files.folders import _EXACT_FILE_SYSTEMS
from wsgistatic.files.linux import LINUX
from wsgistatic.representations.sidecars import _FOLDERS

pytestmark = pytest.mark.memory_cache

ETAG = '"17979cfe362a0000-c"'
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


CALLS = ("stat", "lstat", "open", "fstat", "access", "readlink", "listdir", "scandir", "pread")


class CallCounter:
    """Counts the calls of the functions in ``os`` that use the file system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: Counter[str] = Counter()
        for name in filter(partial(hasattr, os), CALLS):
            monkeypatch.setattr(os, name, self._counting(name, getattr(os, name)))
        if LINUX._openat2:
            openat2 = self._counting("openat2", LINUX._openat2)
            monkeypatch.setattr(LINUX, "_openat2", openat2)

    def _counting(self, name: str, real: Any) -> Any:
        def counting(*arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            return real(*arguments, **options)

        return counting

    def of(self, app: StaticFiles, path: str, method: str = "GET", **extra: Any) -> dict[str, int]:
        self.calls.clear()
        result = call_raw(app, make_environ(path, method, **extra))
        self.status = result.status
        return dict(self.calls)


@pytest.fixture
def warm_site(site: Path) -> Path:
    (site / "large.bin").write_bytes(b"x" * 300_000)
    time.sleep(0.03)
    return site


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch, way: str) -> Iterator[CallCounter]:
    counter = CallCounter(monkeypatch)
    yield counter
    monkeypatch.undo()


def warmed(site: Path, **options: Any) -> StaticFiles:
    app = StaticFiles(None, site, prefix="/static/", **options)
    for path in ("hello.txt", "large.bin", "sub/"):
        call_raw(app, make_environ(f"/static/{path}"))
    return app


PLAIN: list[tuple[str, str, dict[str, str], int]] = [
    ("/static/hello.txt", "GET", {}, 200),
    ("/static/hello.txt", "HEAD", {}, 200),
    ("/static/large.bin", "HEAD", {}, 200),
    ("/static/sub/", "GET", {}, 200),
    ("/static/hello.txt", "GET", {"HTTP_IF_NONE_MATCH": ETAG}, 304),
    ("/static/hello.txt", "GET", {"HTTP_IF_MODIFIED_SINCE": DATE}, 304),
    ("/static/hello.txt", "GET", {"HTTP_IF_NONE_MATCH": f"W/{ETAG}"}, 304),
    ("/static/hello.txt", "GET", {"HTTP_IF_NONE_MATCH": '"other"'}, 200),
    ("/static/hello.txt", "GET", {"HTTP_IF_MATCH": '"other"'}, 412),
    ("/static/hello.txt", "GET", {"HTTP_RANGE": "bytes=99-"}, 416),
]


@pytest.mark.parametrize(("path", "method", "extra", "status"), PLAIN)
def test_a_cache_hit_costs_one_stat(
    warm_site: Path,
    counter: CallCounter,
    path: str,
    method: str,
    extra: dict[str, str],
    status: int,
) -> None:
    app = warmed(warm_site, stat_ttl=0.0)
    assert counter.of(app, path, method, **extra) == {"stat": 1}
    assert counter.status == status
    trusting = warmed(warm_site, stat_ttl=3600.0)
    assert counter.of(trusting, path, method, **extra) == {}
    assert counter.status == status


@pytest.mark.system_calls
@pytest.mark.parametrize(
    ("value", "reads"), [("bytes=5-9", 1), ("bytes=0-0,5-9,299990-", 3), ("bytes=0-9,5-20", 1)]
)
def test_ranges_of_a_cached_file_cost_one_read_each(
    warm_site: Path, counter: CallCounter, value: str, reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgistatic.files.versions.read_at", os.pread)
    app = warmed(warm_site)
    assert counter.of(app, "/static/large.bin", HTTP_RANGE=value) == {
        "open": 1,
        "pread": reads,
        "fstat": 1,
    }
    assert counter.status == 206


@pytest.mark.system_calls
@pytest.mark.parametrize("etag", ["stat", "content"])
def test_a_new_file_is_opened_once(
    warm_site: Path, counter: CallCounter, etag: Any, way: str
) -> None:
    app = StaticFiles(None, warm_site, etag=etag, encodings=())
    calls = counter.of(app, "/hello.txt")
    assert (calls.get("openat2"), calls.get("open")) == OPENED_IN_ROOT[way]
    assert counter.status == 200


# One call opens a file; the walk opens the root, the folder and the file.
OPENED_IN_ROOT = {"openat2": (1, None), "walk": (None, 2)}
# The first stat finds out whether there is a file. The walk then looks at the name in its folder.
OPENED = {"openat2": {"stat": 1, "openat2": 1}, "walk": {"stat": 2, "open": 3}}
# One fstat describes the file, and one shows that it was not rewritten while it was read. The
# kernel sees two more calls, an fstat by FileIO and the close, and the walk closes two folders.
READ = Counter({"fstat": 2, "pread": 1})
# Once a second, for all cached files of a folder: has it no new names, and does no link lead to it?
FOLDER_CHECK = {"openat2": {"stat": 1, "openat2": 1}, "walk": {"stat": 1, "open": 2}}


def sidecars_of(site: Path, state: str) -> Counter[str]:
    """Prepare a folder, and return the calls that then find out which sidecars a file in it has."""
    if state == "has sidecars":
        (site / "sub" / "page.html.gz").write_bytes(gzip.compress(b"<p>page</p>"))
    if state != "learned":
        return Counter(stat=3)
    learn(site / "sub")
    return Counter(stat=1)


def learn(folder: Path) -> None:
    while not _FOLDERS.is_bare(str(folder)):
        pass


@pytest.mark.system_calls
@pytest.mark.parametrize("state", ["not learned", "learned", "has sidecars"])
@pytest.mark.parametrize("cache_size", [0, 10_000_000])
def test_first_request_for_a_file_in_a_folder(
    warm_site: Path,
    counter: CallCounter,
    state: str,
    cache_size: int,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the kernel these are 8 calls with openat2 if the folder is known to have no sidecars."""
    if state == "learned" and not in_exact_file_system(warm_site):
        pytest.skip("needs a file system of Linux whose time stamps are known to be exact")
    monkeypatch.setattr("wsgistatic.files.versions.read_at", os.pread)
    app = StaticFiles(None, warm_site, cache_size=cache_size)
    expected = Counter(OPENED[way]) + READ + sidecars_of(warm_site, state)
    if (state, way, cache_size > 0) == ("learned", "openat2", True):
        expected += Counter(FOLDER_CHECK[way])
    for request in range(3 if cache_size == 0 else 1):
        calls = counter.of(app, "/sub/page.html")
        assert counter.status == 200
        if state == "has sidecars":
            # The sidecar is looked up beneath the root.
            opened = {"openat2": 1} if way == "openat2" else {"open": 2}
            calls = dict(Counter(calls) - Counter({"stat": 1, "access": 1, **opened}))
        assert calls == expected, request


@pytest.mark.system_calls
def test_files_of_a_folder_are_checked_together(
    warm_site: Path, counter: CallCounter, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not in_exact_file_system(warm_site):
        pytest.skip("needs a file system of Linux whose time stamps are known to be exact")
    paths = [f"/sub/{number}.txt" for number in range(9)]
    for path in paths:
        (warm_site / path[1:]).write_text("text")
        age(warm_site / path[1:])
    time.sleep(0.03)
    learn(warm_site / "sub")
    app = StaticFiles(None, warm_site, stat_ttl=0.0)
    now = time.monotonic()
    freeze(monkeypatch, now)
    for path in paths:
        counter.of(app, path)
    for seconds in (1.1, 2.2, 3.3):
        freeze(monkeypatch, now + seconds)
        calls = sum((Counter(counter.of(app, path)) for path in paths * 2), Counter[str]())
        assert counter.status == 200
        if seconds == 1.1 and way == "walk":
            assert calls.pop("lstat") == len(paths)  # a file behind a link has a check of its own
            calls["stat"] -= len(paths)  # they did not share the check yet
        assert calls == Counter(stat=2 * len(paths)) + Counter(FOLDER_CHECK[way])


def freeze(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    """Let the monotonic clock stand still."""
    for module in (
        "files.directory",
        "representations.cache",
        "representations.cached_file",
        "wsgi.middleware",
        "wsgi.responder",
    ):
        monkeypatch.setattr(f"wsgistatic.{module}.monotonic", lambda: now)


@pytest.mark.system_calls
@pytest.mark.parametrize("cache_size", [0, 10_000_000])
@pytest.mark.parametrize(
    "path", ["/nope.txt", "/sub/nope.txt", "/nope/nope/nope.txt", "/hello.txt/x"]
)
def test_miss_costs_one_stat_with_or_without_a_cache(
    warm_site: Path, counter: CallCounter, path: str, cache_size: int
) -> None:
    app = StaticFiles(None, warm_site, cache_size=cache_size)
    for _ in range(2):
        assert counter.of(app, path) == {"stat": 1}
        assert counter.status == 404


def in_exact_file_system(path: Path) -> bool:
    return LINUX.file_system_type(str(path)) in _EXACT_FILE_SYSTEMS


@pytest.mark.system_calls
def test_a_miss_costs_one_stat(warm_site: Path, counter: CallCounter) -> None:
    app = warmed(warm_site)
    assert counter.of(app, "/static/nope.txt") == {"stat": 1}
    for path in ("/elsewhere", "/static-notes.txt", "/static/../x", "/static/.hidden", "*"):
        assert counter.of(app, path) == {}, path


@pytest.mark.system_calls
def test_without_a_cache_each_request_opens_the_file(
    warm_site: Path, counter: CallCounter, way: str
) -> None:
    app = warmed(warm_site, cache_size=0)
    assert len(app._cache.files) == 0
    for _ in range(2):
        calls = counter.of(app, "/static/hello.txt")
        assert (calls.get("openat2"), calls.get("open")) == OPENED_IN_ROOT[way]


LARGE = "/static/large.bin"  # 300,000 bytes
IN_BLOCKS = [4096, 300_000 - 4096]


@pytest.mark.system_calls
def test_a_large_file_is_kept_from_the_second_request_on(
    warm_site: Path, counter: CallCounter
) -> None:
    app = StaticFiles(None, warm_site, prefix="/static/", stat_ttl=0.0)
    first, second, third = (call_raw(app, make_environ(LARGE)) for _ in range(3))
    assert [len(block) for block in first.blocks] == [262_144, 300_000 - 262_144]
    assert [len(block) for block in second.blocks] == [300_000]
    assert [len(block) for block in third.blocks] == IN_BLOCKS
    assert first.headers == second.headers == third.headers
    assert b"".join(second.blocks) == b"".join(third.blocks) == b"x" * 300_000
    assert app._cache._size > 300_000
    assert counter.of(app, LARGE) == {"stat": 1}
    assert counter.of(app, LARGE, "HEAD") == {"stat": 1}
    ranged = counter.of(app, LARGE, HTTP_RANGE="bytes=5-9")
    assert (counter.status, ranged["open"]) == (206, 1)


@pytest.mark.live
def test_a_large_file_in_memory_is_checked_at_each_request(warm_site: Path) -> None:
    app = StaticFiles(None, warm_site, prefix="/static/")
    for content in (b"y", b"z"):
        for _ in range(3):
            call_raw(app, make_environ(LARGE))
        (warm_site / "large.bin").write_bytes(content * 300_000)
        assert b"".join(call_raw(app, make_environ(LARGE)).blocks) == content * 300_000


@pytest.mark.parametrize(
    ("size", "options"),
    [(1_100_000, {}), (300_000, {"cache_file_size": 299_999}), (300_000, {"cache_size": 300_000})],
)
def test_a_file_above_the_limits_is_not_kept(
    tmp_path: Path, size: int, options: dict[str, Any]
) -> None:
    (tmp_path / "a.bin").write_bytes(b"x" * size)
    time.sleep(0.03)
    app = StaticFiles(None, tmp_path, **options)
    for _ in range(3):
        blocks = call_raw(app, make_environ("/a.bin")).blocks
        assert len(blocks[0]) == 262_144
    assert app._cache._size < 10_000


def test_a_large_file_stays_in_memory_when_another_value_of_accept_encoding_comes(
    warm_site: Path, counter: CallCounter
) -> None:
    content = os.urandom(150_000).hex().encode()
    coded = gzip.compress(content)
    (warm_site / "large.bin").write_bytes(content)
    (warm_site / "large.bin.gz").write_bytes(coded)
    settle()
    app = StaticFiles(None, warm_site, prefix="/static/", stat_ttl=0.0)
    for value in ("identity", "identity", "gzip", "gzip"):
        call_raw(app, make_environ(LARGE, HTTP_ACCEPT_ENCODING=value))
    assert 300_000 + len(coded) < app._cache._size < 315_000 + len(coded)
    blocks = call_raw(app, make_environ(LARGE, HTTP_ACCEPT_ENCODING="gzip")).blocks
    assert [len(block) for block in blocks] == [4096, len(coded) - 4096]
    # A HEAD request with a new value describes the file again, and must not drop its bytes.
    counter.of(app, LARGE, "HEAD", HTTP_ACCEPT_ENCODING="deflate")
    assert counter.of(app, LARGE, HTTP_ACCEPT_ENCODING="deflate") == {"stat": 1}


class WaitressWrapper:
    """Stands for the wrapper of waitress."""

    __module__ = "waitress.buffers"

    def __init__(self, file: Any, block_size: int) -> None:
        self.file = file

    def __iter__(self) -> Iterator[bytes]:
        while block := self.file.read(4 * 1024 * 1024):  # the size of the socket's buffer
            yield block

    def close(self) -> None:
        self.file.close()


@pytest.mark.parametrize(
    ("option", "sizes"), [(None, [300_000]), (True, [300_000]), (False, IN_BLOCKS)]
)
def test_on_waitress_a_large_file_is_sent_from_the_disk(
    warm_site: Path, option: bool | None, sizes: list[int]
) -> None:
    app = StaticFiles(None, warm_site, prefix="/static/", file_wrapper=option)
    for _ in range(3):
        extra: dict[str, Any] = {"wsgi.file_wrapper": WaitressWrapper}
        blocks = call_raw(app, make_environ(LARGE, **extra)).blocks
    assert [len(block) for block in blocks] == sizes


def test_waitress_reads_at_most_one_mebibyte_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "a.bin").open("wb") as file:
        file.truncate(2_500_000)
    time.sleep(0.03)
    app = StaticFiles(None, tmp_path)
    extra: dict[str, Any] = {"wsgi.file_wrapper": WaitressWrapper}
    blocks = call_raw(app, make_environ("/a.bin", **extra)).blocks
    assert [len(block) for block in blocks] == [2**20, 2**20, 2_500_000 - 2 * 2**20]


def test_a_range_is_read_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(10_000_000)
    app = StaticFiles(None, tmp_path, block_size=65536)
    result = call_raw(app, make_environ("/big.bin", HTTP_RANGE="bytes=1000-263143"))
    assert [len(block) for block in result.blocks] == [65536] * 4


def test_responses_in_progress_hold_one_block_each(tmp_path: Path) -> None:
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(256 * 1024**2)
    app = StaticFiles(None, tmp_path)
    tracemalloc.start()
    body: Any = start(app, make_environ("/big.bin")).iterable
    assert sum(map(len, body)) == 256 * 1024**2
    drained = tracemalloc.get_traced_memory()[1]
    halves = []
    tracemalloc.reset_peak()
    for _ in range(500):
        body = start(app, make_environ("/big.bin")).iterable
        next(body)
        halves.append(body)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    for body in halves:
        body.close()
    assert drained < 1_000_000
    assert held < 4_000_000
