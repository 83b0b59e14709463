"""The catalog: good as long as a stat shows the same version, within its budget."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ, start
from tests.conftest import OLD, as_ordinary_user, settle
from wsgistatic import StaticFiles
from wsgistatic.files.changes import FileChangedError, read_content
from wsgistatic.files.directory import Directory
from wsgistatic.files.versions import open_version
from wsgistatic.http.conditional import Validators
from wsgistatic.representations.cache import Catalog, Entry
from wsgistatic.representations.representation import describe

SECOND = 1_000_000_000
pytestmark = [pytest.mark.live, pytest.mark.memory_cache]


def entry_of(path: Path, content: bytes | None = None, settled: bool = True) -> Entry:
    status = path.stat()
    described = describe(
        str(path), status.st_size, "a/b", Validators('"x"', OLD, True), [], settled=settled
    )
    return Entry(described, status, content=content)


def warm(app: StaticFiles, path: str) -> None:
    settle()
    for _ in range(2):
        call_raw(app, make_environ(path))
    assert path in app._entries


def test_the_budget_is_kept_and_the_unused_go_first(site: Path) -> None:
    catalog = Catalog(budget=17_500, largest_content=4_000, stat_ttl=0.0)
    path = site / "hello.txt"
    for number in range(4):
        catalog.keep(f"/{number}", entry_of(path, b"x" * 1000))
    assert list(catalog.entries) == ["/0", "/1", "/2", "/3"]
    catalog.entries["/0"].used = True
    catalog.keep("/4", entry_of(path, b"x" * 1000))
    assert list(catalog.entries) == ["/2", "/3", "/4", "/0"]
    assert not catalog.entries["/0"].used
    for _ in range(1000):
        catalog.keep("/same", entry_of(path, b"x" * 1000))
    assert len(catalog.entries) == 4
    for key, entry in list(catalog.entries.items()):
        catalog.review(str(key), entry)
    assert len(catalog.entries) == 4
    entries = list(catalog.entries.items())
    path.write_bytes(b"changed")
    for key, entry in entries * 2:
        catalog.review(str(key), entry)
    assert catalog._size == 0


def test_a_file_whose_coding_is_asked_for_is_in_use(site: Path) -> None:
    catalog = Catalog(100_000, 4_000, stat_ttl=0.0)
    original = entry_of(site / "hello.txt")
    catalog.keep_choice(("/hello.txt", "br"), original, "br")
    assert not original.used
    assert catalog.find("/hello.txt", "br") is None
    assert original.used


def test_what_does_not_fit_throws_nothing_out(site: Path) -> None:
    catalog = Catalog(10_000, 4_000, 0.0)
    catalog.keep("/small", entry_of(site / "hello.txt"))
    catalog.keep("/big", entry_of(site / "hello.txt", b"x" * 10_000))
    assert list(catalog.entries) == ["/small"]


def test_choices_count_in_the_budget(site: Path) -> None:
    catalog = Catalog(10_000, 4_000, 0.0)
    for key in ("/1", "/2"):
        catalog.keep_choice(key, entry_of(site / "hello.txt"), "br")
    assert list(catalog.entries) == ["/2"]


def test_one_thread_at_a_time_adds_and_forgets(site: Path) -> None:
    catalog = Catalog(8_000, 4_000, 0.0)
    alone = []

    class Guarded(OrderedDict[Any, Entry]):
        def __setitem__(self, key: Any, entry: Entry) -> None:
            alone.append(catalog._lock.locked())
            super().__setitem__(key, entry)

        def pop(self, *arguments: Any) -> Any:
            alone.append(catalog._lock.locked())
            return super().pop(*arguments)

        def popitem(self, last: bool = True) -> Any:
            alone.append(catalog._lock.locked())
            return super().popitem(last)

    catalog.entries = Guarded()
    entry = entry_of(site / "hello.txt")
    for key in ("/1", "/2", "/3"):
        catalog.keep(key, entry)
    (site / "hello.txt").unlink()
    catalog.review("/3", entry)
    assert list(catalog.entries) == ["/2"]
    assert all(alone)


def test_sidecars_are_looked_for_again_as_seldom_as_files(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgistatic.representations.cache.monotonic", lambda: 1000.0)
    for stat_ttl, until in ((0.0, 1001.0), (0.5, 1001.0), (9.0, 1009.0)):
        entry = entry_of(site / "hello.txt")
        assert Catalog(10_000, 4_000, stat_ttl).is_as_seen(entry)
        assert entry.seen_until == until


def test_what_is_never_kept(site: Path) -> None:
    catalog = Catalog(budget=10_000, largest_content=4_000, stat_ttl=0.0)
    path = site / "hello.txt"
    catalog.keep("/fresh", entry_of(path, settled=False))
    catalog.keep("/big", entry_of(path, b"x" * 10_000))
    Catalog(0, 4_000, 0.0).keep("/off", entry_of(path))
    assert not catalog.entries
    assert [catalog.wants_content(size) for size in (0, 1, 4_000, 4_001)] == [
        *(False, True, True, False)
    ]
    assert not Catalog(100, 4_000, 0.0).wants_content(1)


def test_a_stat_is_trusted_for_its_time(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("wsgistatic.representations.cache.monotonic", lambda: now)
    catalog = Catalog(100_000, 1_000, stat_ttl=2.0)
    entry = entry_of(site / "hello.txt")
    catalog.keep("/hello.txt", entry)
    (site / "hello.txt").unlink()
    now += 1.9
    assert catalog.is_current(entry)
    now += 0.2
    assert not catalog.is_current(entry)
    (site / "hello.txt").write_text("another")
    assert not catalog.is_current(entry)
    again = entry_of(site / "hello.txt")
    assert catalog.is_current(again)
    assert again.trusted_until == now + 2.0


def test_content_that_changes_while_it_is_read(site: Path) -> None:
    for change in (b"longer than before", b"short", b"HELLO WORLD\n"):
        path = site / "hello.txt"
        path.write_bytes(b"hello world\n")
        os.utime(path, (OLD, OLD))
        with Directory(str(site)).open(("hello.txt",)) as opened:
            path.write_bytes(change)
            with pytest.raises(FileChangedError):
                read_content(opened)


def test_content_that_ends_early_though_nothing_shows_it(site: Path) -> None:
    with Directory(str(site)).open(("hello.txt",)) as opened:
        opened.file.seek(3)
        with pytest.raises(FileChangedError):
            read_content(opened)


def rewrite(path: Path) -> None:
    path.write_bytes(b"HELLO WORLD\n")


def rewrite_with_old_times(path: Path) -> None:
    path.write_bytes(b"HELLO WORLD\n")
    os.utime(path, (OLD, OLD))


def replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(b"HELLO WORLD\n")
    os.utime(path.with_suffix(".new"), (OLD, OLD))
    path.with_suffix(".new").rename(path)


def truncate(path: Path) -> None:
    os.truncate(path, 5)


def remove(path: Path) -> None:
    path.unlink()


def link_outside(path: Path) -> None:
    path.unlink()
    path.symlink_to("../secret.txt")


def become_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("change", "status", "body"),
    [
        (rewrite, 200, b"HELLO WORLD\n"),
        (rewrite_with_old_times, 200, b"HELLO WORLD\n"),
        (replace, 200, b"HELLO WORLD\n"),
        (truncate, 200, b"hello"),
        (remove, 404, None),
        (link_outside, 404, None),
        (become_a_directory, 404, None),
    ],
)
@pytest.mark.parametrize(
    "extra", [{}, {"HTTP_RANGE": "bytes=0-"}, {"HTTP_RANGE": "bytes=0-1,3-4"},
              {"HTTP_IF_MODIFIED_SINCE": "Tue, 14 Nov 2023 22:13:19 GMT"}],
)  # fmt: skip
def test_the_next_request_is_right(
    site: Path,
    change: Callable[[Path], None],
    status: int,
    body: bytes | None,
    method: str,
    extra: dict[str, str],
) -> None:
    app = StaticFiles(None, site)
    warm(app, "/hello.txt")
    change(site / "hello.txt")
    result = call(app, "/hello.txt", method, **extra)
    cold = call(StaticFiles(None, site, cache_size=0), "/hello.txt", method, **extra)
    assert result.status in (status, 206)
    tag, cold_tag = (answer.headers.get("ETag", "").removeprefix("W/") for answer in (result, cold))
    assert (result.status, tag) == (cold.status, cold_tag)  # weak until the clock has ticked
    if body is not None and method == "GET" and "-1," not in extra.get("HTTP_RANGE", ""):
        assert result.body == body


def test_permission_taken_away(public_directory: Path, ordinary_user: None) -> None:
    path = public_directory / "a.txt"
    user = os.geteuid()
    os.seteuid(os.getuid())
    path.write_text("a")
    path.chmod(0o644)
    os.seteuid(user)
    app = StaticFiles(None, public_directory)
    warm(app, "/a.txt")
    os.seteuid(os.getuid())
    path.chmod(0)
    os.seteuid(user)
    assert call(app, "/a.txt").status == 403
    assert call(app, "/a.txt", HTTP_RANGE="bytes=0-0").status == 403


def test_a_directory_that_is_closed_to_us(public_directory: Path) -> None:
    (public_directory / "sub").mkdir()
    (public_directory / "sub" / "file.txt").write_text("file")
    app = StaticFiles(None, public_directory)
    warm(app, "/sub/file.txt")
    (public_directory / "sub").chmod(0)
    with as_ordinary_user():
        assert call_raw(app, make_environ("/sub/file.txt")).status == 403


def test_directory_swapped(site: Path) -> None:
    app = StaticFiles(None, site)
    warm(app, "/sub/page.html")
    (site / "other").mkdir()
    (site / "other" / "page.html").write_text("<p>PAGE</p>")
    (site / "sub").rename(site / "old")
    (site / "other").rename(site / "sub")
    assert call(app, "/sub/page.html").body == b"<p>PAGE</p>"


def test_a_416_leaves_nothing_wrong_behind(site: Path) -> None:
    app = StaticFiles(None, site)
    settle()
    assert call(app, "/hello.txt", HTTP_RANGE="bytes=99-").status == 416
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert call(app, "/hello.txt", "HEAD").headers["Content-Length"] == "12"
    assert call(app, "/hello.txt", HTTP_RANGE="bytes=99-").status == 416


def test_misses_keep_nothing(site: Path) -> None:
    app = StaticFiles(None, site)
    for number in range(1000):
        call_raw(app, make_environ(f"/no/{number}"))
        call_raw(app, make_environ(f"/{number}"))
        call_raw(app, make_environ("/bare/"))
    assert len(app._entries) == 0


def test_headers_and_bodies_are_copies(site: Path) -> None:
    app = StaticFiles(None, site)
    warm(app, "/hello.txt")

    def vandal(status: str, headers: list[Any], *exc_info: Any) -> Any:
        headers.clear()
        return lambda data: None

    body: Any = app(make_environ("/hello.txt"), vandal)
    body.clear()
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert call(app, "/hello.txt").headers["Content-Length"] == "12"


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"HTTP_IF_NONE_MATCH": '"no"'},
        {"HTTP_IF_NONE_MATCH": f'"no", "{OLD * SECOND:x}-c"'},
        {"REQUEST_METHOD": "HEAD", "HTTP_WANT_REPR_DIGEST": "sha-256=1"},
    ],
)
def test_answers_in_full_are_copies_too(site: Path, extra: dict[str, str]) -> None:
    def vandal(status: str, headers: list[Any], *exc_info: Any) -> Any:
        headers.clear()
        return lambda data: None

    app = StaticFiles(None, site)
    settle()
    for _ in range(2):  # as it is described, and from the catalog
        body: Any = app(make_environ("/hello.txt", **extra), vandal)
        if isinstance(body, list):
            body.clear()
        call(app, "/hello.txt")
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert call(app, "/hello.txt").headers["Content-Length"] == "12"
    assert call(app, "/hello.txt", HTTP_IF_NONE_MATCH="*").headers["ETag"]


def test_large_files_are_streamed_from_what_is_known(site: Path, open_descriptors: None) -> None:
    (site / "big.bin").write_bytes(b"0123456789" * 100_000)
    app = StaticFiles(None, site, block_size=1000)
    warm(app, "/big.bin")
    assert app._entries["/big.bin"].body is None
    assert call(app, "/big.bin").body == b"0123456789" * 100_000
    assert len(call(app, "/big.bin", HTTP_RANGE="bytes=5-5004").body) == 5000
    result = start(app, make_environ("/big.bin"))
    (site / "big.bin").unlink()
    assert b"".join(result.iterable) == b"0123456789" * 100_000
    assert call(app, "/big.bin").status == 404


def test_a_known_file_that_is_rewritten_as_it_is_opened(
    site: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    path = site / "big.bin"
    path.write_bytes(b"a" * 5000)
    app = StaticFiles(None, site, block_size=1000, cache_file_size=0)
    warm(app, "/big.bin")

    def open_then_rewrite(*arguments: Any) -> Any:
        file = open_version(*arguments)
        path.write_bytes(b"b" * 5000)
        return file

    monkeypatch.setattr("wsgistatic.wsgi.responder.open_version", open_then_rewrite)
    assert call_raw(app, make_environ("/big.bin")).body == b"b" * 5000


def test_threads_never_see_a_mixture(site: Path) -> None:
    """16 threads read while a file is replaced and rewritten with the same size, in a loop."""
    app = StaticFiles(None, site)
    path, wrong, done = site / "race.txt", [], threading.Event()
    path.write_bytes(b"0" * 3000)

    def change() -> None:
        number = 0
        while not done.is_set():
            number += 1
            content = b"%d" % (number % 10) * 3000
            new = site / "race.new"
            new.write_bytes(content)
            new.rename(path)
            if number % 50 == 0:
                settle()

    def read() -> None:
        for turn in range(300):
            extra = {"HTTP_RANGE": "bytes=0-"} if turn % 3 else {}
            body = call_raw(app, make_environ("/race.txt", **extra)).body
            if len(body) != 3000 or len(set(body)) != 1:
                wrong.append(body)

    changer = threading.Thread(target=change)
    readers = [threading.Thread(target=read) for _ in range(16)]
    changer.start()
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    done.set()
    changer.join()
    assert wrong == []


def test_a_rewrite_within_the_tick_is_noticed(site: Path) -> None:
    """Write, ask, write with the same size, ask: never the old bytes."""
    app = StaticFiles(None, site)
    path = site / "tick.txt"
    for number in range(500):
        content = b"%09d" % number
        path.write_bytes(content)
        assert call_raw(app, make_environ("/tick.txt")).body == content
        if number % 50 == 0:
            settle()
            assert call_raw(app, make_environ("/tick.txt")).body == content


@pytest.mark.parametrize("symlinks", ["inside", "deny", "follow"])
def test_a_directory_moved_out_with_a_link_in_its_place(
    site: Path, symlinks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The file's own signature does not change; a walk, once a second, sees it.
    app = StaticFiles(None, site, symlinks=symlinks)
    warm(app, "/sub/page.html")
    (site / "sub").rename(site.parent / "private")
    (site / "sub").symlink_to("../private")
    later = time.monotonic() + 1.1
    for module in ("representations.cache", "wsgi.middleware"):
        monkeypatch.setattr(f"wsgistatic.{module}.monotonic", lambda: later)
    expected = 200 if symlinks == "follow" else 404
    for extra in ({}, {"HTTP_RANGE": "bytes=0-1"}, {"HTTP_IF_NONE_MATCH": "*"}):
        assert call(app, "/sub/page.html", **extra).status in (expected, expected + 6, 304)
        assert (call(app, "/sub/page.html", **extra).status == 404) is (expected == 404)
    (site / "sub").unlink()
    assert call(app, "/sub/page.html").status == 404


def test_the_walk_is_repeated_where_all_is_well(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = StaticFiles(None, site)
    warm(app, "/sub/page.html")
    entry = app._entries["/sub/page.html"]
    later = time.monotonic() + 1.1
    for module in ("representations.cache", "wsgi.middleware"):
        monkeypatch.setattr(f"wsgistatic.{module}.monotonic", lambda: later)
    assert call(app, "/sub/page.html").status == 200
    assert call(app, "/sub/page.html", HTTP_RANGE="bytes=0-1").body == b"<p"
    assert app._entries["/sub/page.html"] is entry
    assert entry.walked_until == later + 1.0


def test_a_range_of_a_directory_moved_out(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = StaticFiles(None, site)
    warm(app, "/sub/page.html")
    (site / "sub").rename(site.parent / "private")
    (site / "sub").symlink_to("../private")
    later = time.monotonic() + 1.1
    for module in ("representations.cache", "wsgi.middleware"):
        monkeypatch.setattr(f"wsgistatic.{module}.monotonic", lambda: later)
    assert call(app, "/sub/page.html", HTTP_RANGE="bytes=0-1").status == 404


def test_a_whole_answer_after_a_head_keeps_the_content(site: Path) -> None:
    app = StaticFiles(None, site)
    settle()
    for extra in ({"HTTP_RANGE": "bytes=0-1"}, {}):
        call(app, "/hello.txt", **extra)
    call_raw(app, make_environ("/digits.bin", "HEAD"))
    assert app._entries["/digits.bin"].body is None
    assert call(app, "/digits.bin").status == 200
    assert app._entries["/digits.bin"].body == [b"0123456789" * 100]
    assert app._entries["/hello.txt"].body == [b"hello world\n"]


def test_a_date_becomes_strong_while_its_entry_is_kept(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site / "new.txt"
    path.write_text("new file")
    app = StaticFiles(None, site)
    warm(app, "/new.txt")
    date = call(app, "/new.txt").headers["Last-Modified"]
    ranged = {"HTTP_RANGE": "bytes=0-0", "HTTP_IF_RANGE": date}
    later = path.stat().st_mtime_ns + 3 * SECOND
    monkeypatch.setattr("wsgistatic.representations.representation.time.time_ns", lambda: later)
    assert call(app, "/new.txt", **ranged).status == 206


def test_a_link_as_the_last_name_is_as_good_as_a_file(site: Path) -> None:
    (site / "link.txt").symlink_to("hello.txt")
    app = StaticFiles(None, site)
    warm(app, "/link.txt")
    entry = app._entries["/link.txt"]
    assert call(app, "/link.txt", HTTP_RANGE="bytes=0-4").body == b"hello"
    assert app._entries["/link.txt"] is entry


def test_a_wrapper_that_fails_leaves_nothing_open(site: Path, open_descriptors: None) -> None:
    (site / "big.bin").write_bytes(b"x" * 300_000)
    app = StaticFiles(None, site)
    warm(app, "/big.bin")

    def wrapper(file: Any, block_size: int) -> Any:
        raise RuntimeError("no")

    wrapper.__module__ = "waitress.buffers"
    with pytest.raises(RuntimeError) as caught:
        start(app, make_environ("/big.bin", **{"wsgi.file_wrapper": wrapper}))  # type: ignore[arg-type]
    frames = [entry.frame.f_locals for entry in caught.traceback]
    files = [frame["file"] for frame in frames if isinstance(frame.get("file"), FileIO)]
    assert files  # they live as long as the error is looked at
    assert all(file.closed for file in files)


@pytest.mark.parametrize("extra", [{}, {"HTTP_RANGE": "bytes=0-9"}])
def test_a_fault_while_a_known_file_is_opened(
    site: Path, extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    (site / "big.bin").write_bytes(b"x" * 300_000)
    app = StaticFiles(None, site)
    warm(app, "/big.bin")

    def fail(descriptor: int) -> os.stat_result:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("wsgistatic.files.versions.os.fstat", fail)
        status = start(app, make_environ("/big.bin", **extra)).status
    assert status == 500
    assert call(app, "/big.bin").status == 200


@pytest.mark.parametrize("extra", [{}, {"REQUEST_METHOD": "HEAD"}, {"HTTP_IF_NONE_MATCH": "*"}])
def test_an_entry_that_is_asked_for_is_in_use(site: Path, extra: dict[str, str]) -> None:
    app = StaticFiles(None, site)
    warm(app, "/hello.txt")
    app._entries["/hello.txt"].used = False
    call_raw(app, make_environ("/hello.txt", **extra))
    assert app._entries["/hello.txt"].used


def test_a_file_with_codings_is_in_use_when_one_of_them_is(site: Path) -> None:
    (site / "hello.txt.gz").write_bytes(b"coded")
    settle()
    app = StaticFiles(None, site)
    for _ in range(2):
        call_raw(app, make_environ("/hello.txt", HTTP_ACCEPT_ENCODING="gzip"))
        app._entries["/hello.txt"].used = False
    call_raw(app, make_environ("/hello.txt", HTTP_ACCEPT_ENCODING="gzip"))
    assert app._entries["/hello.txt"].used


def test_a_file_that_has_gone_is_forgotten(site: Path) -> None:
    app = StaticFiles(None, site)
    warm(app, "/hello.txt")
    (site / "hello.txt").unlink()
    assert call_raw(app, make_environ("/hello.txt")).status == 404
    assert not app._entries


def test_an_entry_that_ranges_use_is_in_use(site: Path) -> None:
    app = StaticFiles(None, site)
    warm(app, "/hello.txt")
    entry = app._entries["/hello.txt"]
    entry.used = False
    call_raw(app, make_environ("/hello.txt", HTTP_RANGE="bytes=0-1"))
    assert entry.used
