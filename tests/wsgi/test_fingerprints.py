"""Requests for names with a fingerprint."""

from __future__ import annotations

import gzip
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ
from tests.conftest import age, settle
from tests.platforms import ON_WINDOWS, make_fifo
from tests.wsgi.test_system_calls import CallCounter
from wsgistatic import AnswerEvent, FileApp, StaticFiles
from wsgistatic.files import digests
from wsgistatic.files.changes import Reader
from wsgistatic.files.digests import Algorithm
from wsgistatic.representations import loader
from wsgistatic.representations.representation import EtagMode

IMMUTABLE = "max-age=31536000, immutable"
OTHER = "0123456789ab"
TEXT = b"body { color: #123456 }\n" * 200


@pytest.fixture
def styled(site: Path) -> Path:
    """A site with a style sheet that has a sidecar."""
    (site / "app.css").write_bytes(TEXT)
    (site / "app.css.gz").write_bytes(gzip.compress(TEXT))
    for name in ("app.css", "app.css.gz"):
        age(site / name)
    settle()
    return site


def without_caching(response: Any) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in response.headers.items() if name != "Cache-Control"}
    if "ETag" in headers:  # that of an immutable response contains the fingerprint
        headers["ETag"] = headers["ETag"].replace(f"-{hashlib.sha384(TEXT).hexdigest()[:12]}", "")
    if "boundary=" in headers.get("Content-Type", ""):
        headers["Content-Type"] = "multipart"
        return response.status, headers, b""
    return response.status, headers, response.body


REQUESTS: list[dict[str, str]] = [
    {},
    {"HTTP_ACCEPT_ENCODING": "gzip"},
    {"HTTP_RANGE": "bytes=5-9"},
    {"HTTP_RANGE": "bytes=0-0,5-9"},
    {"HTTP_RANGE": "bytes=99999-"},
    {"HTTP_RANGE": "bytes=5-9", "HTTP_IF_RANGE": '"other"'},
    {"HTTP_IF_NONE_MATCH": "ETAG"},
    {"HTTP_IF_NONE_MATCH": '"other"'},
    {"HTTP_IF_MODIFIED_SINCE": "Tue, 14 Nov 2023 22:13:20 GMT"},
    {"HTTP_IF_MATCH": '"other"'},
    {"HTTP_WANT_REPR_DIGEST": "sha-256=1"},
]
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "in memory": {"compress": True, "encodings": ("br",), "cache_size": 1_000_000},
    "content": {"etag": "content"},
    "offload": {"offload": ("X-Accel-Redirect", "/internal/")},
    "origin": {"allow_origin": ["https://a.example"]},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("fields", REQUESTS)
def test_the_response_is_that_to_the_plain_name(
    styled: Path, kind: str, method: str, fields: dict[str, str]
) -> None:
    app = StaticFiles(None, styled, prefix="/static/", **KINDS[kind])
    tags = [
        call(app, url, method).headers["ETag"] for url in ("/static/app.css", app.url("app.css"))
    ]
    fields = {name: value.replace("ETAG", ", ".join(tags)) for name, value in fields.items()}
    expected = call(app, "/static/app.css", method, **fields)
    for url, value in ((app.url("app.css"), IMMUTABLE), (f"/static/app.{OTHER}.css", "no-cache")):
        for _ in range(2):  # from the loader, and from the cache
            got = call(app, url, method, **fields)
            assert without_caching(got) == without_caching(expected)
            caching = value if got.status in (200, 206, 304) else None
            assert got.headers.get("Cache-Control") == caching


@pytest.mark.live
def test_a_former_fingerprint_leads_to_the_current_file(styled: Path) -> None:
    app = StaticFiles(None, styled)
    old = app.url("app.css")
    assert call(app, old).headers["Cache-Control"] == IMMUTABLE
    (styled / "app.css").write_bytes(b"new")
    settle()
    new = app.url("app.css")
    for _ in range(2):
        for url, value in ((old, "no-cache"), (new, IMMUTABLE)):
            response = call(app, url)
            assert (response.status, response.body) == (200, b"new")
            assert response.headers["Cache-Control"] == value
    (styled / "app.css").write_bytes(TEXT)  # a rollback
    settle()
    assert call(app, old).headers["Cache-Control"] == IMMUTABLE
    assert call(app, new).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("etag", ["stat", "content", None])
def test_an_immutable_response_never_confirms_the_other_version(
    tmp_path: Path, etag: EtagMode
) -> None:
    # Reproducible builds give all files of all releases the same time.
    machines = []
    for release, text in (("old", b"a { color: red }"), ("new", b"a { color: tan }")):
        (tmp_path / release).mkdir()
        (tmp_path / release / "app.css").write_bytes(text)
        age(tmp_path / release / "app.css")
        machines.append(StaticFiles(None, tmp_path / release, etag=etag, encodings=()))
    settle()
    old, new = machines
    url = new.url("app.css")
    former = call(old, url)
    assert (former.body, former.headers["Cache-Control"]) == (b"a { color: red }", "no-cache")
    fields = {
        "HTTP_" + field.upper().replace("-", "_"): former.headers[name]
        for field, name in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
        if name in former.headers
    }
    for _ in range(2):  # from the loader, and from the cache
        response = call(new, url, **fields)
        assert (response.status, response.body) == (200, b"a { color: tan }")
        assert response.headers["Cache-Control"] == IMMUTABLE
        etag_now = response.headers.get("ETag")
        if etag_now is not None:
            assert call(new, url, HTTP_IF_NONE_MATCH=etag_now).status == 304


@pytest.mark.live
def test_a_file_that_changes_after_the_comparison_is_not_immutable(
    styled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = StaticFiles(None, styled)
    url = app.url("app.css")
    real = loader.Loader.load

    def replace_and_load(self: Any, target: Any, *arguments: Any, **options: Any) -> Any:
        if target.fingerprint:
            (styled / "next.css").write_bytes(b"next")
            age(styled / "next.css")
            os.replace(styled / "next.css", styled / "app.css")
            settle()
        return real(self, target, *arguments, **options)

    monkeypatch.setattr(loader.Loader, "load", replace_and_load)
    response = call_raw(app, make_environ(url))
    assert (response.body, response.headers["Cache-Control"]) == (b"next", "no-cache")


@pytest.mark.live
def test_a_version_that_may_still_change_is_not_immutable(
    styled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = styled / "recent.css"
    app = StaticFiles(None, styled)
    path.write_bytes(TEXT)
    with monkeypatch.context() as within_the_tick:
        now = path.stat().st_mtime_ns + 1_000_000
        within_the_tick.setattr(time, "time_ns", lambda: now)
        response = call_raw(app, make_environ(app.url("recent.css")))
    assert response.headers["ETag"].startswith("W/")
    assert response.headers["Cache-Control"] == "no-cache"
    settle()
    assert call(app, app.url("recent.css")).headers["Cache-Control"] == IMMUTABLE


@pytest.mark.live
def test_a_real_file_of_that_name_wins(styled: Path) -> None:
    app = StaticFiles(None, styled)
    urls = [app.url("app.css"), f"/app.{OTHER}.css"]
    for url in urls:
        call(app, url)
        (styled / url[1:]).write_bytes(b"real")
        settle()
        response = call(app, url)
        assert response.body == b"real"
        assert response.headers["Cache-Control"] == "max-age=60"
        (styled / url[1:]).unlink()
        assert call(app, url).body == TEXT


def test_a_real_file_in_another_directory_wins(styled: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("base", "middle")]
    for folder in folders:
        folder.mkdir()
    (folders[0] / f"app.{OTHER}.css").write_bytes(b"real")
    app: Any = StaticFiles(FileApp(b"app"), folders[0], prefix="/static/")
    for folder in (folders[1], styled):
        app = StaticFiles(app, folder, prefix="/static/")
    assert call(app, f"/static/app.{OTHER}.css").body == b"real"
    assert call(app, f"/static/app.{OTHER[::-1]}.css").body == TEXT


@pytest.mark.parametrize("options", [{}, {"clean_urls": True}, {"listing": True}])
@pytest.mark.parametrize(
    "name",
    [
        "nope.{}.css",
        "nope.{}",
        "sub.{}",
        "sub/nope.{}.html",
        ".hidden.{}",
        ".{}.hidden",
        "secret.{}.txt",
        "../secret.{}.txt",
        "hello.txt.{}",
        "up.{}.txt",
        "pipe.{}",
        "hello.{}.txt/",
        "hello.{}.txt/x",
        "app.{}.css.gz",
    ],
)
def test_what_is_not_served_is_a_miss(styled: Path, name: str, options: Any) -> None:
    if not ON_WINDOWS:
        (styled / "up.txt").symlink_to("../secret.txt")
        make_fifo(styled / "pipe")
    app = StaticFiles(FileApp(b"the app"), styled, **options)
    assert call_raw(app, make_environ("/" + name.format(OTHER))).body == b"the app"
    alone = StaticFiles(None, styled, **options)
    for method in ("GET", "HEAD", "POST"):
        assert call_raw(alone, make_environ("/" + name.format(OTHER), method)).status == 404


@pytest.mark.symlinks
def test_symlinks_follow_the_same_policy(styled: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.css").write_bytes(TEXT)
    (styled / "link.css").symlink_to("app.css")
    (styled / "out").symlink_to(tmp_path / "outside")
    statuses = {
        policy: [
            call(StaticFiles(None, styled, symlinks=policy), f"/{name}.{OTHER}.css").status
            for name in ("link", "out/a")
        ]
        for policy in ("inside", "follow", "deny")
    }
    assert statuses == {"inside": [200, 404], "follow": [200, 200], "deny": [404, 404]}


@pytest.mark.free_names
def test_an_alias_of_the_plain_name_is_a_miss(
    styled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (styled / "app~1.css").write_bytes(b"alias")
    app = StaticFiles(None, styled)
    url = f"/app~1.{OTHER}.css"
    assert call(app, url).body == b"alias"
    monkeypatch.setattr(type(app.site._tree), "_lists", lambda *_: False)
    assert call(app, url).status == 404


@pytest.mark.usefixtures("ordinary_user")
def test_a_file_that_cannot_be_read_is_403(public_directory: Path) -> None:
    (public_directory / "a.js").touch()
    (public_directory / "a.js").chmod(0)
    assert call(StaticFiles(None, public_directory), f"/a.{OTHER}.js").status == 403


def test_other_methods(styled: Path) -> None:
    app = StaticFiles(None, styled)
    response = call(app, f"/app.{OTHER}.css", "POST")
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("options", "matching", "other"),
    [
        ({"cache_control": "public, max-age=9"}, IMMUTABLE, "no-cache"),
        ({"cache_control": None}, IMMUTABLE, "no-cache"),
        ({"cache_control": lambda path, url: 5}, IMMUTABLE, "no-cache"),
        ({"cache_control": "private"}, f"private, {IMMUTABLE}", "private, no-cache"),
        ({"cache_control": "no-store"}, "no-store", "no-store"),
        ({"cache_control": "no-store, no-cache"}, *["no-store, no-cache"] * 2),
        ({"immutable": "hashed"}, IMMUTABLE, "no-cache"),
        ({"immutable": "app"}, IMMUTABLE, "no-cache"),
        ({"headers": {"Cache-Control": "max-age=7"}}, "max-age=7", "no-cache"),
    ],
)
def test_the_options_for_caching(styled: Path, options: Any, matching: str, other: str) -> None:
    if options.get("immutable") == "app":
        options = {"immutable": r"/app\."}
    app = StaticFiles(None, styled, **options)
    assert call(app, app.url("app.css")).headers["Cache-Control"] == matching
    assert call(app, f"/app.{OTHER}.css").headers["Cache-Control"] == other


def test_the_caches_of_a_cdn_do_not_keep_the_other_version(styled: Path) -> None:
    app = StaticFiles(None, styled, headers={"CDN-Cache-Control": "max-age=99"})
    assert call(app, app.url("app.css")).headers["CDN-Cache-Control"] == "max-age=99"
    assert call(app, f"/app.{OTHER}.css").headers["CDN-Cache-Control"] == "no-store"


def test_functions_of_options_get_the_plain_url(styled: Path) -> None:
    seen = set()

    def cache_control(path: str, url: str) -> int:
        seen.add((path, url))
        return 5

    app = StaticFiles(None, styled, prefix="/static/", cache_control=cache_control)
    call(app, app.url("app.css"))
    assert seen == {(str(styled / "app.css"), "/static/app.css")}


def test_clean_urls_stay_as_they_are(styled: Path) -> None:
    app = StaticFiles(None, styled, clean_urls=True)
    assert call(app, "/sub/page").headers["Cache-Control"] == "max-age=60"
    assert call(app, "/sub/page.html").headers["Location"] == "page"
    response = call(app, app.url("sub/page.html"))
    assert (response.status, response.body) == (200, b"<p>page</p>")
    assert call(app, f"/sub/page.{OTHER}").status == 404
    (styled / f"real.{OTHER}.html").write_bytes(b"page")
    (styled / "real").write_bytes(b"plain")
    assert call(app, f"/real.{OTHER}").body == b"page"


def test_a_directory_page_shows_plain_names(styled: Path) -> None:
    app = StaticFiles(None, styled, listing=True)
    call(app, app.url("bare/file.txt"))
    page = call(app, "/bare/").body.decode()
    assert "file.txt" in page
    assert "immutable" not in page
    assert hashlib.sha384(b"bare").hexdigest()[:12] not in page


def test_a_single_page_app_and_a_404_page(styled: Path) -> None:
    app = StaticFiles(None, styled, fallback="sub/index.html", not_found="hello.txt")
    page_load = {"HTTP_ACCEPT": "text/html", "HTTP_SEC_FETCH_DEST": "document",
                 "HTTP_SEC_FETCH_MODE": "navigate"}  # fmt: skip
    assert call(app, f"/app.{OTHER}.css", **page_load).body == TEXT
    assert call(app, f"/nope.{OTHER}.css").status == 404


def test_events_name_the_file(styled: Path) -> None:
    events: list[AnswerEvent] = []
    app = StaticFiles(None, styled, on_answer=events.append)
    call_raw(app, make_environ(f"/app.{OTHER}.css"))
    assert (events[0].status, events[0].path) == (200, str(styled / "app.css"))


@pytest.mark.system_calls
@pytest.mark.memory_cache
def test_system_calls(styled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = StaticFiles(None, styled, stat_ttl=0.0)
    urls = [app.url("app.css"), f"/app.{OTHER}.css"]
    for url in [*urls, "/app.css"]:
        call(app, url)
    counter = CallCounter(monkeypatch)
    assert counter.of(app, "/app.css") == {"stat": 1}
    assert counter.of(app, urls[0]) == {"stat": 2}  # a real file of that name would win
    assert counter.of(app, urls[1]) == {"stat": 3}  # and the fingerprint may be current by now
    assert counter.of(app, "/nope.css") == {"stat": 1}
    assert counter.of(app, "/app.0123456789a.css") == {"stat": 1}


@pytest.mark.memory_cache
def test_guesses_cannot_fill_the_cache(styled: Path) -> None:
    app = StaticFiles(None, styled)
    for number in range(50):
        assert call_raw(app, make_environ(f"/app.{number:012x}.css")).status == 200
    assert len(app._cache.files) == 1


def test_no_descriptor_is_left_open(styled: Path, open_descriptors: None) -> None:
    app = StaticFiles(None, styled, cache_size=0)
    for url in (app.url("app.css"), f"/app.{OTHER}.css", f"/nope.{OTHER}.css"):
        for method in ("GET", "HEAD", "POST"):
            call(app, url, method)


@pytest.mark.live
def test_a_file_that_is_rewritten_while_it_is_hashed(
    styled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = digests.hash_content

    def hash_and_append(file: Reader, size: int, algorithm: Algorithm) -> bytes:
        digest = real(file, size, algorithm)
        with (styled / "app.css").open("ab") as appended:
            appended.write(b"/**/")
        return digest

    app = StaticFiles(None, styled)
    monkeypatch.setattr(digests, "hash_content", hash_and_append)
    assert app.url("app.css") == "/app.css"
    monkeypatch.undo()
    settle()
    assert call(app, app.url("app.css")).headers["Cache-Control"] == IMMUTABLE
