"""The cache: valid as long as a stat shows the same version, and within its budget."""

from __future__ import annotations

import gc
import os
import threading
import time
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ, start
from tests.conftest import OLD, age, as_ordinary_user, encoded, settle
from tests.source_kinds import zip_of
from wsgistatic import StaticFiles
from wsgistatic.files import digests, directory
from wsgistatic.files.changes import Reader
from wsgistatic.files.digests import Algorithm
from wsgistatic.files.directory import single_file
from wsgistatic.files.versions import open_version
from wsgistatic.http.conditional import Validators, matches_weakly
from wsgistatic.http.fields import Headers
from wsgistatic.representations.cache import Cache, page_key
from wsgistatic.representations.cached_file import SMALL_BODY, CachedFile, Location, Variant
from wsgistatic.representations.representation import Representation
from wsgistatic.representations.sidecars import Sidecars

SECOND = 1_000_000_000
NO_SIDECARS = Sidecars(())
pytestmark = [pytest.mark.live, pytest.mark.memory_cache]


def cache_of(budget: int, stat_ttl: float = 0.0) -> Cache:
    return Cache(budget, max_body_size=4_000, stat_ttl=stat_ttl, sidecars=NO_SIDECARS)


def variant_of(
    path: Path,
    content: bytes | None = None,
    *,
    settled: bool = True,
    coding: str | None = None,
    varies: bool = False,
    last_modified: int = OLD,
    policy: Headers | None = None,
) -> Variant:
    status = path.stat()
    described = Representation(
        str(path),
        status.st_size,
        "a/b",
        Validators('"x"', last_modified, True),
        policy or [],
        settled=settled,
        coding=coding,
        varies=varies,
    )
    return Variant(described, status, single_file(str(path)), content)


def only(app: StaticFiles, path: str) -> Variant:
    """Return the cached variant of a file that has no codings."""
    variant = app._files[path].only
    assert variant is not None
    return variant


def warm(app: StaticFiles, path: str) -> None:
    settle()
    for _ in range(2):
        call_raw(app, make_environ(path))
    assert path in app._files


def advance(monkeypatch: pytest.MonkeyPatch, seconds: float) -> float:
    """Let the monotonic clock stand still at a later time, and return that."""
    later = time.monotonic() + seconds
    for module in (
        "representations.cache",
        "representations.cached_file",
        "wsgi.middleware",
        "wsgi.responder",
    ):
        monkeypatch.setattr(f"wsgistatic.{module}.monotonic", lambda: later)
    return later


def test_budget_is_kept_and_unused_files_are_evicted_first(site: Path) -> None:
    cache = cache_of(10_000)
    path = site / "hello.txt"
    for number in range(4):
        cache.add(f"/{number}", variant_of(path, b"x" * 1000), None, ())
    assert list(cache.files) == ["/0", "/1", "/2", "/3"]
    cache.files["/0"].used = True
    cache.add("/4", variant_of(path, b"x" * 1000), None, ())
    assert list(cache.files) == ["/2", "/3", "/4", "/0"]
    assert not cache.files["/0"].used
    for _ in range(1000):
        cache.add("/same", variant_of(path, b"x" * 1000), None, ())
    assert len(cache.files) == 4
    for key, cached in list(cache.files.items()):
        assert cached.only is not None
        cache.drop_if_stale(key, cached.only)
    assert len(cache.files) == 4
    variants = [(key, cached.only) for key, cached in cache.files.items()]
    path.write_bytes(b"changed")
    for key, variant in variants * 2:
        assert variant is not None
        cache.drop_if_stale(key, variant)
    assert not cache.files
    assert cache._size == 0


def test_file_that_does_not_fit_evicts_nothing(site: Path) -> None:
    cache = cache_of(10_000)
    cache.add("/small", variant_of(site / "hello.txt"), None, ())
    cache.add("/big", variant_of(site / "hello.txt", b"x" * 10_000), None, ())
    assert list(cache.files) == ["/small"]


def test_file_that_no_longer_fits_with_another_variant_is_removed(site: Path) -> None:
    cache = cache_of(12_000)
    path = site / "hello.txt"
    cache.add("/other", variant_of(path), None, ())
    cache.add("/coded", variant_of(path, varies=True), "", ())
    assert list(cache.files) == ["/other", "/coded"]
    cache.add("/coded", variant_of(path, b"x" * 9_000, coding="br", varies=True), "br", ())
    assert list(cache.files) == ["/other"]
    cache.drop_if_stale("/other", variant_of(path))
    assert cache._size == cache._weigh("/other", cache.files["/other"])


def test_values_of_accept_encoding_count_in_the_budget(site: Path) -> None:
    cache = cache_of(6_000)
    for key in ("/1", "/2"):
        cache.add(key, variant_of(site / "hello.txt", coding="br", varies=True), "br", ())
    assert list(cache.files) == ["/2"]


def test_values_count_even_if_the_file_no_longer_varies(site: Path) -> None:
    cache = cache_of(100_000)
    path = site / "hello.txt"
    cache.add("/a", variant_of(path, coding="br", varies=True), "br", ())
    before = cache._size
    cache.add("/a", variant_of(path, coding="br"), "br", ())
    assert cache.files["/a"].by_accept_encoding
    assert cache._size == before


def test_long_header_fields_count_in_the_budget(site: Path) -> None:
    cache = cache_of(12_000)
    for key in ("/1", "/2"):
        cache.add(key, variant_of(site / "hello.txt", policy=[("Link", "x" * 6_000)]), None, ())
    assert list(cache.files) == ["/2"]


def test_weight_is_about_the_memory(tmp_path: Path) -> None:
    content = b"x" * 1000
    for number in range(40):
        for suffix, data in (
            ("", content), (".gz", encoded("gzip", content)), (".br", encoded("br", content))
        ):  # fmt: skip
            path = tmp_path / f"module-{number:03}.3f2a9c1b.js{suffix}"
            path.write_bytes(data)
            age(path)
    settle()
    app = StaticFiles(
        None, tmp_path, headers=lambda headers, path, url: headers.add_header("Link", url)
    )
    values = [None, "gzip", "br", *(f"br, gzip;q=0.{number}" for number in range(1, 10))]
    tracemalloc.start()
    for number in range(40):
        for value in values:
            environ = make_environ(f"/module-{number:03}.3f2a9c1b.js", "HEAD")
            if value is not None:
                environ["HTTP_ACCEPT_ENCODING"] = value
            call_raw(app, environ)
    gc.collect()
    with_files = tracemalloc.get_traced_memory()[0]
    weight = app._cache._size
    assert len(app._files) == 40
    app._files.clear()
    gc.collect()
    memory = with_files - tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 0.95 * memory < weight < 2 * memory


def test_a_cached_file_takes_little_more_memory_than_its_content(tmp_path: Path) -> None:
    """Strings and numbers that files have in common are kept once."""
    count, size = 1000, 1024
    for number in range(count):
        path = tmp_path / f"module-{number:04}.js"
        path.write_bytes(b"x" * size)
        os.utime(path, (OLD, OLD))
    settle()
    app = StaticFiles(None, tmp_path, cache_size=10_000_000)
    for number in range(count):
        call_raw(app, make_environ(f"/module-{number:04}.js", "HEAD"))
    app._files.clear()
    tracemalloc.start()
    for number in range(count):
        call_raw(app, make_environ(f"/module-{number:04}.js"))
    gc.collect()
    with_files = tracemalloc.get_traced_memory()[0]
    assert len(app._files) == count
    weight = sum(app._cache._weigh(key, cached) for key, cached in app._files.items())
    app._files.clear()
    gc.collect()
    memory = with_files - tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert memory / count - size < 1_350  # 1,220 in Python 3.11, with a key and a path of 100 bytes
    assert memory < 1.05 * weight


def test_default_cache_holds_many_files(site: Path) -> None:
    cache, variant = StaticFiles(None, site)._cache, variant_of(site / "hello.txt", b"x" * 1024)
    for number in range(20_000):
        cache.add(f"/assets/scripts/module-{number}.js", variant, None, (), is_direct=True)
    assert len(cache.files) == 20_000


def test_one_thread_at_a_time_changes_the_cache(site: Path) -> None:
    cache = cache_of(3_500)
    locked = []

    class Guarded(OrderedDict[str, CachedFile]):
        def __setitem__(self, key: str, cached: CachedFile) -> None:
            locked.append(cache._lock.locked())
            super().__setitem__(key, cached)

        def pop(self, *arguments: Any) -> Any:
            locked.append(cache._lock.locked())
            return super().pop(*arguments)

        def popitem(self, last: bool = True) -> Any:
            locked.append(cache._lock.locked())
            return super().popitem(last)

    cache.files = Guarded()
    variant = variant_of(site / "hello.txt")
    for key in ("/1", "/2", "/3"):
        cache.add(key, variant, None, ())
    (site / "hello.txt").unlink()
    cache.drop_if_stale("/3", variant)
    assert list(cache.files) == ["/2"]
    assert locked
    assert all(locked)


def test_sidecars_are_checked_again_as_seldom_as_files(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("cache", "cached_file"):
        monkeypatch.setattr(f"wsgistatic.representations.{module}.monotonic", lambda: 1000.0)
    for stat_ttl, until in ((0.0, 1001.0), (0.5, 1001.0), (9.0, 1009.0)):
        cache = cache_of(10_000, stat_ttl)
        cache.add("/hello.txt", variant_of(site / "hello.txt"), None, ())
        cached = cache.files["/hello.txt"]
        assert cached.check.until == 1001.0
        assert cache.recheck(cached)
        assert cached.check.until == until


def test_sidecars_that_changed(site: Path) -> None:
    sidecars = Sidecars(("gzip",))
    cache = Cache(10_000, 4_000, 0.0, sidecars)
    path = site / "hello.txt"
    cache.add("/hello.txt", variant_of(path), None, sidecars.stats(str(path)))
    cached = cache.files["/hello.txt"]
    assert cache.recheck(cached)
    (site / "hello.txt.gz").write_bytes(b"coded")
    assert not cache.recheck(cached)
    cache.add("/hello.txt", variant_of(path, varies=True), None, sidecars.stats(str(path)))
    assert cache.files["/hello.txt"] is not cached
    assert cache.recheck(cache.files["/hello.txt"])


def test_clock_that_was_set_back(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = cache_of(10_000)
    path = site / "hello.txt"
    now = OLD + 100
    monkeypatch.setattr(time, "time", lambda: now)
    cache.add("/hello.txt", variant_of(path, last_modified=OLD + 50), None, ())
    cached = cache.files["/hello.txt"]
    assert cache.recheck(cached)
    now -= 60
    cached.check.until = 0.0
    assert not cache.recheck(cached)
    cache.add("/hello.txt", variant_of(path, last_modified=OLD + 40), None, ())
    assert cache.files["/hello.txt"] is not cached
    assert cache.recheck(cache.files["/hello.txt"])


def test_date_of_a_member_of_an_archive_is_never_in_the_future(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # RFC 9110 8.8.2.1
    path = zip_of(tmp_path / "a.zip", {"x.txt": b"content"}, zipfile.ZIP_STORED)
    with zipfile.ZipFile(path) as archive:
        app = StaticFiles(None, zipfile.Path(archive))
        warm(app, "/x.txt")
        now = int(path.stat().st_mtime) - 100
        monkeypatch.setattr(time, "time", lambda: now)
        monkeypatch.setattr(time, "time_ns", lambda: now * SECOND)
        advance(monkeypatch, 1.1)
        for extra in ({}, {"HTTP_RANGE": "bytes=0-1"}):
            headers = call_raw(app, make_environ("/x.txt", **extra)).headers
            assert "ETag" in headers
            assert "Last-Modified" not in headers


def test_files_that_are_never_cached(site: Path) -> None:
    cache = cache_of(10_000)
    path = site / "hello.txt"
    cache.add("/recent", variant_of(path, settled=False), None, ())
    cache.add("/big", variant_of(path, b"x" * 10_000), None, ())
    assert not cache.files
    off = cache_of(0)
    off.add("/off", variant_of(path), None, ())
    assert not off.files
    kept = [cache.keeps_body(size, again=False) for size in (0, 1, 4_000, 4_001)]
    assert kept == [False, True, True, False]
    assert not cache_of(100).keeps_body(1, again=True)
    assert not off.keeps_body(1, again=True)


def test_a_large_body_is_kept_from_the_second_request_on() -> None:
    cache = Cache(10_000_000, max_body_size=1_000_000, stat_ttl=0.0, sidecars=NO_SIDECARS)
    sizes = (SMALL_BODY, SMALL_BODY + 1, 1_000_000, 1_000_001)
    assert [cache.keeps_body(size, again=False) for size in sizes] == [True, False, False, False]
    assert [cache.keeps_body(size, again=True) for size in sizes] == [True, True, True, False]


def test_variants_of_one_version_are_kept_together(site: Path) -> None:
    cache = cache_of(100_000)
    path = site / "hello.txt"
    own = variant_of(path, varies=True)
    coded = variant_of(path, b"coded", coding="br", varies=True)
    cache.add("/a", own, None, ())
    cache.add("/a", coded, "br, gzip", ())
    cached = cache.files["/a"]
    assert cached.only is None
    assert cached.variant_for(None) is own
    assert cached.variant_for("br, gzip") is coded
    assert cached.variant_for("br") is None
    cache.add("/a", variant_of(path, coding="br", varies=True), "br", ())
    again = cached.variant_for("br")
    assert again is not None
    assert again is cached.variant_for("br, gzip")
    assert again is not coded
    assert again.content == b"coded"  # taken over from the variant for the same version
    assert len(cached.variants) == 2


def test_variants_of_another_version_are_dropped(site: Path) -> None:
    cache = cache_of(100_000)
    path = site / "hello.txt"
    cache.add("/a", variant_of(path, b"own", varies=True), None, ())
    cache.add("/a", variant_of(path, b"coded", coding="br", varies=True), "br", ())
    path.write_bytes(b"changed")
    changed = variant_of(path, varies=True)
    cache.add("/a", changed, None, ())
    assert cache.files["/a"].variant_for(None) is changed
    assert changed.content is None
    assert cache.files["/a"].variant_for("br") is None


@pytest.mark.symlinks
def test_variants_of_another_path_are_dropped(site: Path) -> None:
    # A link to the file has the same signature, and other sidecars.
    cache = cache_of(100_000)
    (site / "link.txt").symlink_to("hello.txt")
    cache.add("/a", variant_of(site / "hello.txt", varies=True), None, ())
    other = variant_of(site / "link.txt", varies=True)
    cache.add("/a", other, "br", ())
    assert cache.files["/a"].path == str(site / "link.txt")
    assert cache.files["/a"].variant_for("br") is other
    assert cache.files["/a"].variant_for(None) is None


def test_file_that_another_thread_has_replaced_is_not_dropped(site: Path) -> None:
    cache = cache_of(100_000)
    path = site / "hello.txt"
    stale = variant_of(path)
    cache.add("/a", stale, None, ())
    path.write_bytes(b"changed")
    cache.add("/a", variant_of(path), None, ())
    cached = cache.files["/a"]
    cache.drop_if_stale("/a", stale)
    assert cache.files["/a"] is cached


def test_file_that_varies_from_now_on_has_no_only_variant(site: Path) -> None:
    cache = cache_of(100_000)
    path = site / "hello.txt"
    cache.add("/a", variant_of(path), None, ())
    cache.add("/a", variant_of(path, coding="br", varies=True), "br", ())
    cached = cache.files["/a"]
    assert cached.only is None
    variant = cached.variant_for("br")
    assert variant is not None
    assert variant.representation.coding == "br"
    assert cached.variant_for("") is None
    own = variant_of(path)
    cache.add("/a", own, None, ())
    assert cached.variant_for("br") is own


def test_number_and_length_of_remembered_values_are_bounded(site: Path) -> None:
    cache = cache_of(100_000)
    path = site / "hello.txt"
    for number in range(100):
        cache.add("/a", variant_of(path, varies=True), f"x{number}", ())
        assert cache.files["/a"].variant_for(f"x{number}") is not None
        assert len(cache.files["/a"].by_accept_encoding) <= 16
    cache.add("/a", variant_of(path, varies=True), "x" * 100, ())
    assert cache.files["/a"].variant_for("x" * 100) is not None
    cache.add("/a", variant_of(path, varies=True), "x" * 101, ())
    assert "x" * 101 not in cache.files["/a"].by_accept_encoding
    # It means the same as the others.
    assert cache.files["/a"].variant_for("x" * 101) is cache.files["/a"].variant_for("x" * 100)


def test_key_of_a_page_differs_from_every_path_info() -> None:
    key = page_key("/some/url", ("404.html",))
    assert key != page_key("/some/url", ("other.html",))
    assert key != page_key("/other", ("404.html",))
    with pytest.raises(UnicodeEncodeError):
        key.encode("latin-1")
    with pytest.raises(UnicodeEncodeError):
        key.encode("utf-8", "surrogateescape")


def test_stat_is_trusted_for_stat_ttl(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    for module in ("cache", "cached_file"):
        monkeypatch.setattr(f"wsgistatic.representations.{module}.monotonic", lambda: now)
    cache = Cache(100_000, 1_000, stat_ttl=2.0, sidecars=NO_SIDECARS)
    variant = variant_of(site / "hello.txt")
    cache.add("/hello.txt", variant, None, ())
    (site / "hello.txt").unlink()
    now += 1.9
    assert cache.is_fresh(variant)
    now += 0.2
    assert not cache.is_fresh(variant)
    (site / "hello.txt").write_text("another")
    assert not cache.is_fresh(variant)
    again = variant_of(site / "hello.txt")
    assert cache.is_fresh(again)
    assert again.trusted_until == now + 2.0


def test_stat_ttl_counts_from_the_stat(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[float] = []
    real = digests.hash_content

    def hash_slowly(file: Reader, size: int, algorithm: Algorithm) -> bytes:
        hashed.append(time.monotonic())
        return real(file, size, algorithm)

    monkeypatch.setattr(digests, "hash_content", hash_slowly)
    monkeypatch.setattr(directory, "DIGESTS", digests.ContentDigests())
    settle()
    app = StaticFiles(None, site, etag="content", stat_ttl=9.0)
    call_raw(app, make_environ("/hello.txt"))
    assert only(app, "/hello.txt").trusted_until < hashed[0] + 9.0
    assert app._files["/hello.txt"].check.until < hashed[0] + 1.0


@pytest.mark.change_times
def test_stored_coding_is_stale_if_its_original_changed(site: Path) -> None:
    path, coded = site / "hello.txt", site / "hello.txt.br"
    coded.write_bytes(b"coded")
    variant = variant_of(coded, coding="br", varies=True)
    variant.original = Location(str(path), path.stat(), single_file(str(path)))
    cache = cache_of(100_000)
    assert cache.is_fresh(variant)
    age(path)
    assert not cache.is_fresh(variant)
    assert not variant.still_leads_here()


def rewrite(path: Path) -> None:
    path.write_bytes(b"HELLO WORLD\n")


def rewrite_with_the_same_mtime(path: Path) -> None:
    path.write_bytes(b"HELLO WORLD\n")
    os.utime(path, (OLD, OLD))


def replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(b"HELLO WORLD\n")
    os.utime(path.with_suffix(".new"), (OLD, OLD))
    path.with_suffix(".new").replace(path)


def truncate(path: Path) -> None:
    os.truncate(path, 5)


def remove(path: Path) -> None:
    path.unlink()


def become_a_link_that_leads_outside(path: Path) -> None:
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
        pytest.param(
            rewrite_with_the_same_mtime, 200, b"HELLO WORLD\n", marks=pytest.mark.change_times
        ),
        (replace, 200, b"HELLO WORLD\n"),
        (truncate, 200, b"hello"),
        (remove, 404, None),
        (become_a_link_that_leads_outside, 404, None),
        (become_a_directory, 404, None),
    ],
)
@pytest.mark.parametrize(
    "extra", [{}, {"HTTP_RANGE": "bytes=0-"}, {"HTTP_RANGE": "bytes=0-1,3-4"},
              {"HTTP_IF_MODIFIED_SINCE": "Tue, 14 Nov 2023 22:13:19 GMT"}],
)  # fmt: skip
def test_change_shows_at_the_next_request(
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
    assert result.status == cold.status
    tag, cold_tag = (one.headers.get("ETag", "") for one in (result, cold))
    if tag.startswith("W/"):  # until the clock has ticked, no tag matches another one
        assert not matches_weakly(tag, cold_tag)
    else:
        assert tag == cold_tag
    if body is not None and method == "GET" and "-1," not in extra.get("HTTP_RANGE", ""):
        assert result.body == body


def test_file_that_becomes_unreadable(public_directory: Path, ordinary_user: None) -> None:
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


@pytest.mark.permissions
def test_directory_that_becomes_unsearchable(public_directory: Path) -> None:
    (public_directory / "sub").mkdir()
    (public_directory / "sub" / "file.txt").write_text("file")
    app = StaticFiles(None, public_directory)
    warm(app, "/sub/file.txt")
    (public_directory / "sub").chmod(0)
    try:
        with as_ordinary_user():
            assert call_raw(app, make_environ("/sub/file.txt")).status == 403
    finally:
        (public_directory / "sub").chmod(0o755)  # so that it can be removed


def test_directory_that_is_replaced(site: Path) -> None:
    app = StaticFiles(None, site)
    warm(app, "/sub/page.html")
    (site / "other").mkdir()
    (site / "other" / "page.html").write_text("<p>PAGE</p>")
    (site / "sub").rename(site / "old")
    (site / "other").rename(site / "sub")
    assert call(app, "/sub/page.html").body == b"<p>PAGE</p>"


def test_416_response_does_not_spoil_the_cache(site: Path) -> None:
    app = StaticFiles(None, site)
    settle()
    assert call(app, "/hello.txt", HTTP_RANGE="bytes=99-").status == 416
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert call(app, "/hello.txt", "HEAD").headers["Content-Length"] == "12"
    assert call(app, "/hello.txt", HTTP_RANGE="bytes=99-").status == 416


def test_misses_are_not_cached(site: Path) -> None:
    app = StaticFiles(None, site)
    for number in range(1000):
        call_raw(app, make_environ(f"/no/{number}"))
        call_raw(app, make_environ(f"/{number}"))
        call_raw(app, make_environ("/bare/"))
    assert len(app._files) == 0


def test_cached_headers_and_bodies_are_copied(site: Path) -> None:
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
def test_headers_and_bodies_are_copied_off_the_short_path_too(
    site: Path, extra: dict[str, str]
) -> None:
    def vandal(status: str, headers: list[Any], *exc_info: Any) -> Any:
        headers.clear()
        return lambda data: None

    app = StaticFiles(None, site)
    settle()
    for _ in range(2):  # when it is described, and from the cache
        body: Any = app(make_environ("/hello.txt", **extra), vandal)
        if isinstance(body, list):
            body.clear()
        call(app, "/hello.txt")
    assert call(app, "/hello.txt").body == b"hello world\n"
    assert call(app, "/hello.txt").headers["Content-Length"] == "12"
    assert call(app, "/hello.txt", HTTP_IF_NONE_MATCH="*").headers["ETag"]


def test_large_cached_files_are_streamed(site: Path, open_descriptors: None) -> None:
    (site / "big.bin").write_bytes(b"0123456789" * 100_000)
    app = StaticFiles(None, site, block_size=1000)
    warm(app, "/big.bin")
    assert only(app, "/big.bin").content is None
    assert call(app, "/big.bin").body == b"0123456789" * 100_000
    assert len(call(app, "/big.bin", HTTP_RANGE="bytes=5-5004").body) == 5000
    result = start(app, make_environ("/big.bin"))
    (site / "big.bin").unlink()
    assert b"".join(result.iterable) == b"0123456789" * 100_000
    assert call(app, "/big.bin").status == 404


def test_cached_file_that_is_rewritten_when_it_is_opened(
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


@pytest.mark.unlocked_files
def test_threads_never_see_a_mixture(site: Path) -> None:
    """16 threads read a file that is replaced in a loop by others of the same size."""
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
            new.replace(path)
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


def test_rewrite_within_a_tick_of_the_clock_is_noticed(site: Path) -> None:
    """After each write of the same size, the next response has the new bytes."""
    app = StaticFiles(None, site)
    path = site / "tick.txt"
    for number in range(500):
        content = b"%09d" % number
        path.write_bytes(content)
        assert call_raw(app, make_environ("/tick.txt")).body == content
        if number % 50 == 0:
            settle()
            assert call_raw(app, make_environ("/tick.txt")).body == content


@pytest.mark.symlinks
@pytest.mark.parametrize("symlinks", ["inside", "deny", "follow"])
def test_directory_moved_out_of_the_root_with_a_link_in_its_place(
    site: Path, symlinks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The signature of the file does not change. The walk beneath the root, once a second, sees it.
    app = StaticFiles(None, site, symlinks=symlinks)
    warm(app, "/sub/page.html")
    (site / "sub").rename(site.parent / "private")
    (site / "sub").symlink_to("../private")
    advance(monkeypatch, 1.1)
    expected = 200 if symlinks == "follow" else 404
    for extra in ({}, {"HTTP_RANGE": "bytes=0-1"}, {"HTTP_IF_NONE_MATCH": "*"}):
        assert call(app, "/sub/page.html", **extra).status in (expected, expected + 6, 304)
        assert (call(app, "/sub/page.html", **extra).status == 404) is (expected == 404)
    (site / "sub").unlink()
    assert call(app, "/sub/page.html").status == 404


@pytest.mark.symlinks
@pytest.mark.parametrize("symlinks", ["inside", "follow"])
def test_link_in_the_root_to_a_directory_that_is_moved_out(
    site: Path, symlinks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "link.html").symlink_to("sub/page.html")
    app = StaticFiles(None, site, symlinks=symlinks)
    warm(app, "/link.html")
    (site / "sub").rename(site.parent / "private")
    (site / "sub").symlink_to("../private")
    advance(monkeypatch, 1.1)
    for extra in ({"HTTP_IF_NONE_MATCH": "*"}, {"HTTP_RANGE": "bytes=0-1"}, {}):
        is_found = call_raw(app, make_environ("/link.html", **extra)).status != 404
        assert is_found is (symlinks == "follow")


def test_walk_beneath_the_root_is_repeated_after_a_second(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = StaticFiles(None, site)
    warm(app, "/sub/page.html")
    variant = only(app, "/sub/page.html")
    later = advance(monkeypatch, 1.1)
    assert call(app, "/sub/page.html").status == 200
    assert call(app, "/sub/page.html", HTTP_RANGE="bytes=0-1").body == b"<p"
    assert only(app, "/sub/page.html") is variant
    assert variant.path_checked_until == later + 1.0


def test_range_of_a_file_whose_directory_was_moved_out_of_the_root(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = StaticFiles(None, site)
    warm(app, "/sub/page.html")
    (site / "sub").rename(site.parent / "private")
    (site / "sub").symlink_to("../private")
    advance(monkeypatch, 1.1)
    assert call(app, "/sub/page.html", HTTP_RANGE="bytes=0-1").status == 404


def test_get_after_head_or_range_caches_the_body(site: Path) -> None:
    app = StaticFiles(None, site)
    settle()
    for extra in ({"HTTP_RANGE": "bytes=0-1"}, {}):
        call(app, "/hello.txt", **extra)
    call_raw(app, make_environ("/digits.bin", "HEAD"))
    assert only(app, "/digits.bin").content is None
    assert call(app, "/digits.bin").status == 200
    assert only(app, "/digits.bin").content == b"0123456789" * 100
    assert only(app, "/hello.txt").content == b"hello world\n"


def test_file_gets_its_date_while_it_is_cached(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = site / "new.txt"
    path.write_text("new file")
    app = StaticFiles(None, site)
    warm(app, "/new.txt")
    assert "Last-Modified" not in call(app, "/new.txt").headers
    later = path.stat().st_mtime_ns + 3 * SECOND
    monkeypatch.setattr(time, "time_ns", lambda: later)
    monkeypatch.setattr(time, "time", lambda: later / SECOND)
    advance(monkeypatch, 3.0)
    date = call(app, "/new.txt").headers["Last-Modified"]
    ranged = {"HTTP_RANGE": "bytes=0-0", "HTTP_IF_RANGE": date}
    assert call(app, "/new.txt", **ranged).status == 206
    assert call(app, "/new.txt", HTTP_IF_MODIFIED_SINCE=date).status == 304


@pytest.mark.symlinks
def test_file_behind_a_link_is_cached(site: Path) -> None:
    (site / "link.txt").symlink_to("hello.txt")
    app = StaticFiles(None, site)
    warm(app, "/link.txt")
    variant = only(app, "/link.txt")
    assert call(app, "/link.txt", HTTP_RANGE="bytes=0-4").body == b"hello"
    assert only(app, "/link.txt") is variant


def test_file_is_closed_if_the_file_wrapper_fails(site: Path, open_descriptors: None) -> None:
    (site / "big.bin").write_bytes(b"x" * 300_000)
    app = StaticFiles(None, site, cache_file_size=100_000)
    warm(app, "/big.bin")

    def wrapper(file: Any, block_size: int) -> Any:
        raise RuntimeError("no")

    wrapper.__module__ = "waitress.buffers"
    with pytest.raises(RuntimeError) as caught:
        start(app, make_environ("/big.bin", **{"wsgi.file_wrapper": wrapper}))  # type: ignore[arg-type]
    frames = [entry.frame.f_locals for entry in caught.traceback]
    files = [frame["file"] for frame in frames if isinstance(frame.get("file"), FileIO)]
    assert files  # the traceback keeps them alive
    assert all(file.closed for file in files)


@pytest.mark.parametrize("extra", [{}, {"HTTP_RANGE": "bytes=0-9"}])
def test_error_while_a_cached_file_is_opened(
    site: Path, extra: dict[str, Any], monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    (site / "big.bin").write_bytes(b"x" * 300_000)
    app = StaticFiles(None, site, cache_file_size=100_000)
    warm(app, "/big.bin")

    def fail(descriptor: int) -> os.stat_result:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("wsgistatic.files.versions.os.fstat", fail)
        status = start(app, make_environ("/big.bin", **extra)).status
    assert status == 500
    assert call(app, "/big.bin").status == 200


@pytest.mark.parametrize("extra", [{}, {"REQUEST_METHOD": "HEAD"}, {"HTTP_IF_NONE_MATCH": "*"}])
def test_every_kind_of_request_counts_as_use(site: Path, extra: dict[str, str]) -> None:
    app = StaticFiles(None, site)
    warm(app, "/hello.txt")
    app._files["/hello.txt"].used = False
    call_raw(app, make_environ("/hello.txt", **extra))
    assert app._files["/hello.txt"].used


def test_request_for_a_cached_coding_counts_as_use(site: Path) -> None:
    (site / "hello.txt.gz").write_bytes(b"coded")
    settle()
    app = StaticFiles(None, site)
    for _ in range(2):
        call_raw(app, make_environ("/hello.txt", HTTP_ACCEPT_ENCODING="gzip"))
        app._files["/hello.txt"].used = False
    call_raw(app, make_environ("/hello.txt", HTTP_ACCEPT_ENCODING="gzip"))
    assert app._files["/hello.txt"].used


def test_request_for_a_coding_that_is_not_cached_counts_as_use(site: Path) -> None:
    (site / "hello.txt.gz").write_bytes(b"coded")
    settle()
    app = StaticFiles(None, site, compress=True, encodings=("gzip",))
    call_raw(app, make_environ("/hello.txt"))
    cached = app._files["/hello.txt"]
    cached.used = False
    # Without its Range this value could lead to another variant, so that it is not remembered.
    extra = {"HTTP_ACCEPT_ENCODING": "not seen before", "HTTP_RANGE": "bytes=0-1"}
    assert call_raw(app, make_environ("/hello.txt", **extra)).status == 206
    assert app._files["/hello.txt"] is cached
    assert cached.variant_for("not seen before") is None
    assert cached.used


def test_removed_file_is_dropped(site: Path) -> None:
    app = StaticFiles(None, site)
    warm(app, "/hello.txt")
    (site / "hello.txt").unlink()
    assert call_raw(app, make_environ("/hello.txt")).status == 404
    assert not app._files


def test_range_request_counts_as_use(site: Path) -> None:
    app = StaticFiles(None, site)
    warm(app, "/hello.txt")
    cached = app._files["/hello.txt"]
    cached.used = False
    call_raw(app, make_environ("/hello.txt", HTTP_RANGE="bytes=0-1"))
    assert cached.used
