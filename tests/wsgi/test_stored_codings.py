"""Stored content codings in responses (RFC 9110 8.4, 12.5.3, 12.5.5)."""

from __future__ import annotations

import errno
import gzip
import itertools
import os
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.client import Response, call, call_raw, make_environ, start
from tests.conftest import OLD, age, encoded, gzip_of_size
from wsgistatic import FileApp, StaticFiles
from wsgistatic.files.linux import LINUX
from wsgistatic.files.versions import signature
from wsgistatic.representations import loader
from wsgistatic.representations.sidecars import Sidecar, choose_sidecar

PLAIN = b"let answer = 42;\n" * 1000
GZIP = gzip.compress(PLAIN, mtime=0)
BR, ZSTD = encoded("br", PLAIN), encoded("zstd", PLAIN)
HELLO = b"hello world\n"


@pytest.fixture
def coded(site: Path) -> Path:
    for name, content in (
        ("app.js", PLAIN),
        ("app.js.gz", GZIP),
        ("app.js.br", BR),
        ("app.js.zst", ZSTD),
        ("gone.js.gz", GZIP),
        ("sub/index.html.gz", GZIP),
    ):
        (site / name).write_bytes(content)
        age(site / name)
    time.sleep(0.03)
    return site


def ask(app: StaticFiles, accepted: str | None, path: str = "/app.js", **extra: Any) -> Response:
    if accepted is not None:
        extra["HTTP_ACCEPT_ENCODING"] = accepted
    once = call(app, path, **extra)
    again = call(app, path, **extra)  # from the cache
    assert again.status == once.status
    if "boundary" not in again.headers.get("Content-Type", ""):
        assert again.body == once.body
        if "-" not in once.headers.get("ETag", "-"):  # that of a new file, until the clock ticks
            once.headers["ETag"] = again.headers["ETag"]
        assert again.headers == once.headers
    return again


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),  # the smallest
        ("gzip, br;q=0.9", "gzip"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("gzip;q=0", None),
        ("*", "br"),
        ("br;q=0,*", "zstd"),
        ("gzip;q=0.5, identity", None),
        ("identity;q=0", None),  # better than 406, although everything is refused
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("deflate", None),
        ("gzip;q=2, zstd", "zstd"),
    ],
)
def test_accept_encoding_selects_the_coding(
    coded: Path, accepted: str | None, coding: str | None
) -> None:
    result = ask(StaticFiles(None, coded), accepted)
    content = {None: PLAIN, "gzip": GZIP, "br": BR, "zstd": ZSTD}[coding]
    assert result.status == 200
    assert result.body == content
    assert result.headers.get("Content-Encoding") == coding
    assert result.headers["Content-Length"] == str(len(content))
    assert result.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert result.headers["Vary"] == "Accept-Encoding"
    head = call(StaticFiles(None, coded), "/app.js", "HEAD", HTTP_ACCEPT_ENCODING=accepted or "")
    if accepted is not None:
        assert head.headers == result.headers


def codings_of_equal_size() -> dict[str, bytes]:
    """Return codings of PLAIN, by suffix, that have the same size."""
    br: dict[int, bytes] = {}
    zstd: dict[int, bytes] = {}
    for parts in range(5, 40):  # the more parts, the larger the coding
        size = -(-len(PLAIN) // parts)
        blocks = [PLAIN[start : start + size] for start in range(0, len(PLAIN), size)]
        stream = import_module("brotli").Compressor()
        coded = b"".join(stream.process(block) + stream.flush() for block in blocks)
        coded += stream.finish()
        br[len(coded)] = coded
        zstandard = import_module("zstandard")
        stream = zstandard.ZstdCompressor().compressobj(size=len(PLAIN))
        end = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        coded = b"".join(stream.compress(block) + stream.flush(end) for block in blocks)
        coded += stream.flush()
        zstd[len(coded)] = coded
    size = min(br.keys() & zstd.keys())
    return {".br": br[size], ".zst": zstd[size], ".gz": gzip_of_size(GZIP, size)}


def test_the_order_of_the_option_decides_between_equal_sizes(coded: Path) -> None:
    for suffix, content in codings_of_equal_size().items():
        (coded / f"app.js{suffix}").write_bytes(content)
        age(coded / f"app.js{suffix}")
    time.sleep(0.03)
    for encodings in (("zstd", "br", "gzip"), ("br", "gzip"), ("gzip", "zstd")):
        app = StaticFiles(None, coded, encodings=encodings)
        result = ask(app, "gzip, br, zstd")
        assert result.headers["Content-Encoding"] == encodings[0]


def test_each_coding_has_its_own_strong_etag(coded: Path) -> None:
    app = StaticFiles(None, coded)
    for etag in ("stat", "content"):
        app = StaticFiles(None, coded, etag=etag)
        tags = [ask(app, accepted).headers["ETag"] for accepted in ("", "gzip", "br", "zstd")]
        assert len(set(tags)) == 4
        assert all(tag.startswith('"') for tag in tags)
        for accepted, tag in zip(("", "gzip", "br", "zstd"), tags, strict=True):
            same = ask(app, accepted, HTTP_IF_NONE_MATCH=tag)
            assert same.status == 304
            assert same.headers["Vary"] == "Accept-Encoding"
            assert "Content-Encoding" not in same.headers
            assert ask(app, "br", HTTP_IF_MATCH=tag).status == (200 if accepted == "br" else 412)
    # The tag contains the coding, so it differs even if size and time are the same.
    (coded / "app.js").write_bytes(bytes(200))
    (coded / "app.js.gz").write_bytes(gzip_of_size(gzip.compress(bytes(200)), 200))
    age(coded / "app.js")
    age(coded / "app.js.gz")
    time.sleep(0.03)
    app = StaticFiles(None, coded)
    assert ask(app, "gzip").headers["Content-Encoding"] == "gzip"
    assert ask(app, "gzip").headers["ETag"] != ask(app, "").headers["ETag"]


def test_ranges_apply_to_the_bytes_of_the_selected_coding(coded: Path) -> None:
    app = StaticFiles(None, coded)
    part = ask(app, "gzip", HTTP_RANGE="bytes=2-9")
    assert (part.status, part.body) == (206, GZIP[2:10])
    assert part.headers["Content-Range"] == f"bytes 2-9/{len(GZIP)}"
    assert part.headers["Content-Encoding"] == "gzip"
    assert part.headers["Vary"] == "Accept-Encoding"
    tag = part.headers["ETag"]
    assert ask(app, "gzip", HTTP_RANGE="bytes=2-9", HTTP_IF_RANGE=tag).status == 206
    assert ask(app, "br", HTTP_RANGE="bytes=2-9", HTTP_IF_RANGE=tag).status == 200
    unsatisfied = ask(app, "gzip", HTTP_RANGE=f"bytes={len(GZIP)}-")
    assert unsatisfied.status == 416
    assert unsatisfied.headers["Content-Range"] == f"bytes */{len(GZIP)}"
    assert unsatisfied.headers["Vary"] == "Accept-Encoding"
    several = ask(app, "gzip", HTTP_RANGE="bytes=0-1,9-12")
    assert several.status == 206
    assert f"bytes 9-12/{len(GZIP)}\r\n\r\n".encode() + GZIP[9:13] in several.body


def test_a_large_sidecar_is_streamed(coded: Path) -> None:
    text = os.urandom(400_000).hex().encode()
    large = gzip.compress(text)
    (coded / "app.js").write_bytes(text)
    (coded / "app.js.gz").write_bytes(large)
    age(coded / "app.js")
    age(coded / "app.js.gz")
    time.sleep(0.03)
    app = StaticFiles(None, coded)
    assert ask(app, "gzip").body == large
    assert ask(app, "").body == text
    assert ask(app, "gzip", HTTP_RANGE="bytes=399000-").body == large[399000:]


def test_sidecars_of_an_index_are_used(coded: Path) -> None:
    content = encoded("gzip", b"<p>index</p>")
    (coded / "sub/index.html.gz").write_bytes(content)
    age(coded / "sub/index.html.gz")
    time.sleep(0.03)
    result = ask(StaticFiles(None, coded), "gzip;q=1, identity;q=0.5", "/sub/")
    assert (result.body, result.headers["Content-Encoding"]) == (content, "gzip")
    assert result.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_sidecar_requested_by_its_own_name_is_an_ordinary_file(coded: Path) -> None:
    result = ask(StaticFiles(None, coded), "gzip", "/app.js.gz")
    assert result.body == GZIP
    assert result.headers["Content-Type"] == "application/gzip"
    assert "Content-Encoding" not in result.headers
    assert "Vary" not in result.headers


def test_a_sidecar_without_its_file_is_not_used(coded: Path) -> None:
    assert ask(StaticFiles(None, coded), "gzip", "/gone.js").status == 404


def test_files_without_sidecars_have_no_vary(coded: Path) -> None:
    result = ask(StaticFiles(None, coded), "gzip", "/hello.txt")
    assert "Vary" not in result.headers
    assert result.body == b"hello world\n"


def test_no_sidecar_is_used_without_encodings(coded: Path) -> None:
    result = ask(StaticFiles(None, coded, encodings=()), "gzip")
    assert result.body == PLAIN
    assert "Vary" not in result.headers


def test_only_the_configured_encodings_are_used(coded: Path) -> None:
    app = StaticFiles(None, coded, encodings=["gzip"])
    assert ask(app, "br, zstd").body == PLAIN
    assert ask(app, "br, gzip;q=0.1").body == GZIP


@pytest.mark.parametrize(
    ("original", "sidecar", "used"),
    [
        (OLD * 10**9, OLD * 10**9, True),
        (OLD * 10**9, (OLD + 5) * 10**9, True),
        (OLD * 10**9, (OLD - 1) * 10**9, False),
        (OLD * 10**9 + 200, OLD * 10**9 + 100, False),  # Windows counts in 100 ns
        # From a tool that copies whole seconds only. Wine sets the time of creation, too.
        pytest.param(OLD * 10**9 + 500, OLD * 10**9, True, marks=pytest.mark.wine),
    ],
)
def test_a_sidecar_older_than_its_file_is_not_used(
    coded: Path, original: int, sidecar: int, used: bool
) -> None:
    os.utime(coded / "app.js", ns=(original, original))
    os.utime(coded / "app.js.gz", ns=(sidecar, sidecar))
    time.sleep(0.03)
    app = StaticFiles(None, coded, encodings=("gzip",))
    assert ask(app, "gzip").body == (GZIP if used else PLAIN)


def test_a_file_rewritten_within_the_second_of_its_sidecar(coded: Path) -> None:
    # Its mtime in whole seconds proves nothing, but its ctime shows that it was made before.
    now = time.time_ns()
    (coded / "app.js").write_bytes(b"new")
    os.utime(coded / "app.js.gz", ns=(now // 10**9 * 10**9,) * 2)
    os.utime(coded / "app.js", ns=(now // 10**9 * 10**9 + 999_999_999,) * 2)
    time.sleep(0.03)
    if (coded / "app.js.gz").stat().st_ctime_ns < (coded / "app.js").stat().st_mtime_ns:
        assert ask(StaticFiles(None, coded, encodings=("gzip",)), "gzip").body == b"new"


@pytest.mark.live
def test_changes_are_seen_at_the_next_request(coded: Path) -> None:
    app = StaticFiles(None, coded, encodings=("gzip",))
    assert ask(app, "gzip").body == GZIP
    better, new = gzip.compress(PLAIN, 1, mtime=1), b"new" * 100
    (coded / "app.js.gz").write_bytes(better)
    age(coded / "app.js.gz")
    time.sleep(0.03)
    assert ask(app, "gzip").body == better
    (coded / "app.js").write_bytes(new)  # now newer than the sidecar
    assert ask(app, "gzip").body == new
    assert ask(app, "").body == new
    (coded / "app.js.gz").write_bytes(gzip.compress(new))
    time.sleep(1.05)
    assert ask(app, "gzip").body == (coded / "app.js.gz").read_bytes()
    (coded / "app.js.gz").unlink()
    assert call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip")).body == new
    time.sleep(1.05)  # then no response has Vary any more
    assert ask(app, "gzip").body == new
    (coded / "app.js").unlink()
    (coded / "app.js.gz").write_bytes(b"left over")
    assert ask(app, "gzip").status == 404


@pytest.mark.live
def test_a_new_sidecar_is_used_within_a_second(coded: Path) -> None:
    app = StaticFiles(None, coded)
    for _ in range(2):
        assert "Vary" not in ask(app, "gzip", "/hello.txt").headers
    (coded / "hello.txt").write_bytes(HELLO * 9)
    zipped, smaller = encoded("gzip", HELLO * 9), encoded("br", HELLO * 9)
    (coded / "hello.txt.gz").write_bytes(zipped)
    time.sleep(1.05)
    assert call(app, "/hello.txt", "HEAD", HTTP_ACCEPT_ENCODING="gzip").headers["Vary"]
    assert ask(app, "gzip", "/hello.txt").body == zipped
    assert ask(app, "", "/hello.txt").headers["Vary"] == "Accept-Encoding"
    time.sleep(1.05)  # the next check finds no change
    assert ask(app, "gzip", "/hello.txt").body == zipped
    (coded / "hello.txt.br").write_bytes(smaller)
    time.sleep(1.05)
    assert ask(app, "br, gzip", "/hello.txt").body == smaller


@pytest.mark.symlinks
@pytest.mark.parametrize("symlinks", ["inside", "deny"])
def test_a_sidecar_that_is_not_a_regular_file_inside_is_not_used(
    coded: Path, symlinks: Any
) -> None:
    secret = coded.parent / "secret.txt"
    age(secret)
    (coded / "app.js.gz").unlink()
    (coded / "app.js.gz").symlink_to(secret)
    (coded / "app.js.br").unlink()
    (coded / "app.js.br").mkdir()
    (coded / "app.js.zst").unlink()
    os.mkfifo(coded / "app.js.zst")
    result = ask(StaticFiles(None, coded, symlinks=symlinks), "gzip, br, zstd")
    assert result.body == PLAIN
    assert "Vary" not in result.headers


def test_the_file_itself_is_sent_if_its_sidecar_vanishes_or_gets_old_before_it_is_opened(
    coded: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    changes: list[tuple[Callable[[], object], list[bool]]] = [
        (lambda: os.utime(coded / "app.js.gz", (OLD - 9, OLD - 9)), [False, True]),
        ((coded / "app.js.gz").unlink, [False]),  # then there is nothing to choose from
    ]
    for change, expected in changes:
        (coded / "app.js.gz").write_bytes(GZIP)
        age(coded / "app.js.gz")
        chosen: list[Sidecar | None] = []

        def choose(
            *arguments: Any,
            chosen: list[Sidecar | None] = chosen,
            change: Callable[[], object] = change,
        ) -> Sidecar | None:
            chosen.append(choose_sidecar(*arguments))
            if len(chosen) == 1:
                change()
            return chosen[-1]

        monkeypatch.setattr(loader, "choose_sidecar", choose)
        app = StaticFiles(None, coded, encodings=("gzip",))
        result = call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip"))
        assert result.body == PLAIN
        assert [one is None for one in chosen] == expected


@pytest.mark.parametrize("known", [False, True])
def test_a_sidecar_replaced_before_it_is_opened_is_described_as_it_is(
    coded: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    app = StaticFiles(None, coded, encodings=("gzip",))
    other = gzip.compress(PLAIN, 1, mtime=1)
    if known:
        ask(app, "gzip")

    def choose(*arguments: Any) -> Sidecar | None:
        chosen = choose_sidecar(*arguments)
        (coded / "app.js.gz").write_bytes(other)
        return chosen

    monkeypatch.setattr(loader, "choose_sidecar", choose)
    result = call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip, br;q=0.5"))
    assert result.body == other
    assert result.headers["Content-Length"] == str(len(other))


def test_the_file_itself_is_sent_if_its_sidecar_cannot_be_opened(
    coded: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: None
) -> None:
    app = StaticFiles(None, coded, encodings=("gzip",))

    def fail() -> Any:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def choose(*arguments: Any) -> Sidecar | None:
        chosen = choose_sidecar(*arguments)
        if chosen is not None:
            monkeypatch.setattr(chosen.file, "open", fail)
        return chosen

    monkeypatch.setattr(loader, "choose_sidecar", choose)
    result = call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip"))
    assert (result.status, result.body) == (200, PLAIN)
    assert result.headers["Vary"] == "Accept-Encoding"


def test_file_app_uses_sidecars_only_if_encodings_names_them(coded: Path) -> None:
    app = FileApp(coded / "app.js", encodings=("gzip",))
    result = call(app, "/", HTTP_ACCEPT_ENCODING="gzip")
    assert result.body == GZIP
    assert call(FileApp(coded / "app.js"), "/", HTTP_ACCEPT_ENCODING="gzip").body == PLAIN


@pytest.mark.system_calls
@pytest.mark.memory_cache
def test_a_cached_coding_costs_one_stat_of_the_file_and_one_of_the_sidecar(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    real = os.stat
    for options, expected in (({"stat_ttl": 0.0}, 2), ({"stat_ttl": 9.0}, 0)):
        app = StaticFiles(None, coded, **options)  # type: ignore[arg-type]
        for _ in range(2):
            for accepted in ("gzip", "br", ""):
                call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING=accepted))
        tag = ask(app, "gzip").headers["ETag"]

        def counting(*arguments: Any, **options: Any) -> os.stat_result:
            calls.append(arguments)
            return real(*arguments, **options)

        monkeypatch.setattr(os, "stat", counting)
        monkeypatch.setattr(LINUX, "_openat2", None)
        monkeypatch.setattr(os, "open", None)
        for extra in ({}, {"HTTP_IF_NONE_MATCH": tag}, {"REQUEST_METHOD": "HEAD"}):
            calls.clear()
            environ = make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip", **extra)
            assert call_raw(app, environ).status in (200, 304)
            assert len(calls) == expected
        calls.clear()
        call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING=""))
        assert len(calls) == bool(expected)
        monkeypatch.undo()


@pytest.mark.memory_cache
@pytest.mark.live
def test_a_file_is_cached_again_after_a_sidecar_was_deleted(coded: Path) -> None:
    app = StaticFiles(None, coded)
    ask(app, "")
    (coded / "app.js.br").unlink()
    app._cache.files["/app.js"].check.until = 0.0  # as if a second had passed
    ask(app, "")
    assert app._cache.recheck(app._cache.files["/app.js"])


@pytest.mark.memory_cache
@pytest.mark.live
def test_a_new_version_is_cached_whatever_coding_it_is_first_requested_in(coded: Path) -> None:
    app = StaticFiles(None, coded)
    ask(app, "")
    (coded / "app.js").write_bytes(PLAIN.upper())
    (coded / "app.js.gz").write_bytes(gzip.compress(PLAIN.upper()))
    age(coded / "app.js")
    time.sleep(0.03)
    call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING="gzip"))
    cached = app._cache.files["/app.js"]
    assert cached.signature == signature((coded / "app.js").stat())
    variant = cached.variant_for("gzip")
    assert variant is not None
    assert app._cache.is_fresh(variant)
    assert cached.variants == {"gzip": variant}


@pytest.mark.memory_cache
def test_the_number_of_remembered_accept_encodings_is_bounded(coded: Path) -> None:
    app = StaticFiles(None, coded)
    for number in range(200):
        ask(app, f"gzip, x-{number}")
        ask(app, "gzip" + " " * (101 + number))
    remembered = app._cache.files["/app.js"].by_accept_encoding
    assert 0 < len(remembered) <= 16
    assert sum(map(len, filter(None, remembered))) <= 1600
    assert app._cache.files.keys() == {"/app.js"}
    assert app._cache.files["/app.js"].variants.keys() == {"gzip"}


@pytest.mark.memory_cache
def test_new_values_of_accept_encoding_open_no_file(
    coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = StaticFiles(None, coded, compress=True)
    common = "gzip, deflate, br, zstd"
    for accepted in (common, "gzip", "", None):
        ask(app, accepted)
    monkeypatch.setattr(LINUX, "_openat2", None)
    monkeypatch.setattr(os, "open", None)
    for number in range(200):
        for accepted, content in (
            (f"gzip, deflate, br, x-{number}, zstd", BR),
            (f"x-{number}, gzip;q=0.{number:03}", GZIP if number else PLAIN),
            (f"gzip{' ' * number},x;q=0.5", GZIP),
            (f"x-{number}", PLAIN),
        ):
            result = call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING=accepted))
            assert (result.status, result.body) == (200, content), accepted
        assert call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING=common)).body == BR
        assert app._files["/app.js"].by_accept_encoding[common] == "br"


@pytest.mark.memory_cache
def test_number_of_remembered_meanings_is_bounded(coded: Path) -> None:
    app = StaticFiles(None, coded)
    weights = [f"0.{digit}" for digit in range(1, 6)]
    for br, gzip_, zstd, identity in itertools.product(weights, repeat=4):
        accepted = f"br;q={br}, gzip;q={gzip_}, zstd;q={zstd}, identity;q={identity}"
        call_raw(app, make_environ("/app.js", HTTP_ACCEPT_ENCODING=accepted))
    assert 0 < len(app._files["/app.js"].by_ranks) <= 64


@pytest.mark.memory_cache
def test_cached_codings_stay_within_the_budget(coded: Path) -> None:
    app = StaticFiles(None, coded, cache_size=25_000)
    for _ in range(3):
        for accepted, content in (("gzip", GZIP), ("", PLAIN), ("br", BR), ("zstd", ZSTD)):
            assert ask(app, accepted).body == content
        assert ask(app, "gzip", "/digits.bin").status == 200
    assert 0 < app._cache._size <= 25_000


def test_values_in_environ_that_are_not_latin_1_text(coded: Path) -> None:
    app = StaticFiles(None, coded)
    ask(app, "gzip")
    for path in (("", ""), ["/app.js"], None, "/app.js\0gzip"):
        environ = make_environ("/", HTTP_ACCEPT_ENCODING="gzip", PATH_INFO=path)
        assert start(app, environ).status == 404
    values: tuple[Any, ...] = ([], None, b"gzip", "gzip\udce9")
    for accepted in values:
        environ = make_environ("/app.js", HTTP_ACCEPT_ENCODING=accepted)
        assert start(app, environ).status in (200, 404)
