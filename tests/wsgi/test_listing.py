"""``listing=True``: a directory without an index as an HTML page or as JSON."""

from __future__ import annotations

import errno
import json
import os
import tracemalloc
from html.parser import HTMLParser
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes, urljoin, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.client import Response, call, call_raw, make_environ, start
from tests.platforms import ON_WINDOWS, make_fifo
from wsgistatic import StaticFiles
from wsgistatic.wsgi import listing


def files(root: Path, **options: Any) -> StaticFiles:
    return StaticFiles(None, root, **{"listing": True, **options})


class Links(HTMLParser):
    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.hrefs += [value or "" for name, value in attributes if tag == "a" and name == "href"]


def follow(app: StaticFiles, base: str, href: str, **extra: Any) -> Response:
    """Request the URL that a link on a page leads to."""
    url = urlsplit(urljoin(f"http://localhost{base}", href))
    assert url.netloc == "localhost"
    script = extra.get("SCRIPT_NAME", "")
    path = unquote_to_bytes(url.path).decode("latin-1")
    assert path.startswith(script)
    return call_raw(app, make_environ("", PATH_INFO=path[len(script) :], **extra))


def test_a_page_and_its_header_fields(site: Path, open_descriptors: None) -> None:
    result = call(files(site), "/")
    assert result.status == 200
    assert result.headers["Content-Type"] == "text/html; charset=utf-8"
    assert result.headers["Content-Length"] == str(len(result.body))
    assert result.headers["Cache-Control"] == "no-cache"
    assert result.headers["Vary"] == "Accept"
    assert result.headers["X-Content-Type-Options"] == "nosniff"
    policy = result.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "ETag" not in result.headers
    assert "Last-Modified" not in result.headers
    assert Links(result.body).hrefs == [
        "bare/", "sub/", "digits.bin", "empty.bin", "hello.txt"
    ]  # fmt: skip
    assert str(site).encode() not in result.body


def test_the_option_headers_takes_precedence(site: Path) -> None:
    mine = {"content-security-policy": "default-src *", "Vary": "Cookie", "X-A": "b"}
    headers = call(files(site, headers=mine), "/").headers
    assert headers["content-security-policy"] == "default-src *"
    assert "Content-Security-Policy" not in headers
    assert headers["Vary"] == "Cookie, Accept"
    assert headers["X-A"] == "b"
    assert headers["Cache-Control"] == "no-cache"
    headers = call(files(site, headers={"Content-Security-Policy": "default-src *"}), "/").headers
    assert headers["Content-Security-Policy"] == "default-src *"


def test_an_index_takes_precedence(site: Path) -> None:
    assert call(files(site), "/sub/").body == b"<p>index</p>"
    result = call(files(site, index=None), "/sub/")
    assert Links(result.body).hrefs == ["../", "index.html", "page.html"]


def test_directories_are_not_listed_by_default(site: Path) -> None:
    assert call(files(site, listing=False), "/").status == 404
    assert call(files(site, listing=False), "/bare").status == 404


def test_a_directory_redirects_to_its_url_with_a_slash(site: Path) -> None:
    result = call(files(site, prefix="/static/"), "/static/bare?a=b", SCRIPT_NAME="/app")
    assert result.status == 301
    assert result.headers["Location"] == "bare/?a=b"
    assert result.headers["Cache-Control"] == "no-cache"
    assert result.headers["X-Content-Type-Options"] == "nosniff"
    assert call(files(site, prefix="/static/"), "/static").headers["Location"] == "static/"
    assert call(files(site), "/sub").headers["Location"] == "sub/"


@pytest.mark.parametrize(
    "path",
    ["/nope/", pytest.param("/hello.txt/", marks=pytest.mark.trailing_slashes), "/.git/", "/a//b/",
     "/pipe/", "/out/", "/out", "/pipe"],
)  # fmt: skip
def test_misses_stay_misses(site: Path, path: str) -> None:
    (site / ".git").mkdir()
    if not ON_WINDOWS:
        make_fifo(site / "pipe")
        (site / "out").symlink_to("..")
    assert call(files(site), path).status == 404


def test_misses_and_other_methods_reach_the_wrapped_app(site: Path) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("299 Mine", [("Content-Length", "0")])
        return []

    both = StaticFiles(app, site, listing=True)
    assert call_raw(both, make_environ("/nope/")).status == 299
    assert call_raw(both, make_environ("/", "POST")).status == 299
    assert call_raw(both, make_environ("/")).status == 200


def test_head_has_the_fields_of_get(site: Path, open_descriptors: None) -> None:
    page, head = call(files(site), "/"), call(files(site), "/", "HEAD")
    assert (head.status, head.headers, head.body) == (200, page.headers, b"")
    assert call(files(site), "/bare", "HEAD").status == 301


def test_other_methods_get_405_for_a_directory(site: Path) -> None:
    assert call(files(site), "/", "POST").status == 405
    assert call(files(site), "/bare", "DELETE").status == 405
    assert call(files(site), "/nope/", "POST").status == 404


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/json;charset=utf-8", "application/json"),
        ("application/json;q=0.5, text/html;q=0.4", "application/json"),
        ("application/json;q=0.4, text/html;q=0.5", "text/html"),
        ("application/json, text/html", "text/html"),
        ("application/json;q=0.5, */*", "text/html"),
        ("text/html;q=0, */*;q=0.5", "application/json"),
        ("application/json;q=0", "text/html"),
        ("image/png", "text/html"),
        ("garbage", "text/html"),
        (5, "text/html"),
    ],
)
def test_accept_decides_between_html_and_json(site: Path, accept: Any, media_type: str) -> None:
    result = call_raw(files(site), make_environ("/", HTTP_ACCEPT=accept))
    assert result.headers["Content-Type"].partition(";")[0] == media_type
    assert result.headers["Vary"] == "Accept"
    assert result.headers["Content-Length"] == str(len(result.body))


def test_the_entries_as_json(site: Path) -> None:
    result = call(files(site), "/bare/", HTTP_ACCEPT="application/json")
    assert json.loads(result.body) == [
        {"name": "file.txt", "type": "file", "size": 4, "modified": "2023-11-14T22:13:20Z",
         "url": "file.txt"}
    ]  # fmt: skip


@pytest.mark.parametrize("script_name", ["", "/app", "/ü".encode().decode("latin-1")])
@pytest.mark.parametrize("prefix", ["/", "/static/", "/a/b"])
def test_every_link_can_be_followed_at_every_mount_point(
    site: Path, prefix: str, script_name: str
) -> None:
    (site / "bare" / "x y").mkdir()
    (site / "bare" / "x y" / "end.txt").write_text("end")
    app = files(site, prefix=prefix)
    base = f"{quote(script_name.encode('latin-1'))}{prefix.rstrip('/')}/bare/x%20y/"
    page = follow(app, base, "", SCRIPT_NAME=script_name)
    hrefs = Links(page.body).hrefs
    assert hrefs == ["../../", "../", "end.txt"]
    top, above, end = (follow(app, base, h, SCRIPT_NAME=script_name) for h in hrefs)
    assert "hello.txt" in Links(top.body).hrefs
    assert "x%20y/" in Links(above.body).hrefs
    assert end.body == b"end"
    root = (script_name.encode("latin-1").decode() + prefix).rstrip("/") or "/"
    assert f">Index of {root.rstrip('/')}/bare/x y/</title>" in page.body.decode()


BYTES = st.binary(min_size=1, max_size=30).map(lambda raw: raw.translate(None, b"/\0"))
PIECES = st.lists(
    st.sampled_from(
        ["<", "&", '"', "'", "\n", "\r", "\x1b", "%41", "?", "#", "\\", ";", ":", "javascript:",
         "//", "..", " ", "\u202e", "ü", "\u2028", "e\u0301", "&lt;", "]]>", "a", "1"]
    ),
    min_size=1, max_size=6,
).map(lambda pieces: "".join(pieces).replace("/", "").encode())  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("names")


@pytest.mark.byte_names
@given(raw=BYTES | PIECES, is_directory=st.booleans())
@example(raw=b"javascript:alert(1)", is_directory=False)
@example(raw=b"http:", is_directory=True)
@example(raw=b"\xff\xfe", is_directory=False)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_link_of_every_name_can_be_followed(
    folder: Path, raw: bytes, is_directory: bool
) -> None:
    if not raw or raw[:1] == b".":
        return
    name = os.fsdecode(raw)
    path = folder / name
    if is_directory:
        path.mkdir()
        (path / "inside").write_bytes(raw)
    else:
        path.write_bytes(raw)
    try:
        app = files(folder)
        page = call(app, "/")
        (href,) = Links(page.body).hrefs
        entries = json.loads(call(app, "/", HTTP_ACCEPT="application/json").body)
        assert [entry["url"] for entry in entries] == [href]
        target = follow(app, "/", href)
        if is_directory:
            target = follow(app, urljoin("/", href), Links(target.body).hrefs[-1])
        assert (target.status, target.body) == (200, raw)
    finally:
        if is_directory:
            (path / "inside").unlink()
            path.rmdir()
        else:
            path.unlink()


@pytest.mark.permissions
@pytest.mark.parametrize("dotfiles", [False, True])
@pytest.mark.parametrize("symlinks", ["inside", "follow", "deny"])
def test_exactly_the_names_that_are_served_are_listed(
    public_directory: Path, ordinary_user: None, symlinks: Any, dotfiles: bool
) -> None:
    user = os.geteuid()
    os.seteuid(os.getuid())
    root = public_directory / "root"
    root.mkdir()
    (public_directory / "secret.txt").write_text("canary")
    for name in ("a.txt", "a.txt.gz", ".env", "private.txt"):
        (root / name).write_text(name)
    (root / "private.txt").chmod(0)
    for name in ("open", "closed", ".git", ".well-known", "with-index", "bad-index"):
        (root / name).mkdir(mode=0o755)
    for name in ("with-index", "bad-index"):
        (root / name / "index.html").touch()
    (root / "bad-index" / "index.html").chmod(0)
    (root / "closed").chmod(0)
    os.mkfifo(root / "pipe")
    for name, target in (("in", "a.txt"), ("out", "../secret.txt"), ("up", ".."), ("loop", "loop"),
                         ("dir", "open"), ("gone", "x"), ("shut", "private.txt"),
                         ("null", "/dev/null"), ("hidden", ".env")):  # fmt: skip
        (root / name).symlink_to(target)
    os.seteuid(user)
    app = files(root, symlinks=symlinks, dotfiles=dotfiles)
    shown = {unquote(href).rstrip("/") for href in Links(call(app, "/").body).hrefs}
    served = {
        name
        for name in os.listdir(root)
        if {call(app, f"/{name}").status, call(app, f"/{name}/").status} & {200}
    }
    assert shown == {name.strip("/") for name in served}
    assert "a.txt" in shown
    assert ("in" in shown) is (symlinks != "deny")


def test_an_unreadable_directory_is_403_and_is_not_listed(
    public_directory: Path, ordinary_user: None, caplog: pytest.LogCaptureFixture
) -> None:
    user = os.geteuid()
    os.seteuid(os.getuid())
    (public_directory / "closed").mkdir(mode=0)
    os.seteuid(user)
    app = files(public_directory)
    for path in ("/closed/", "/closed"):
        for method in ("GET", "HEAD"):
            result = call(app, path, method)
            assert result.status == 403
            assert str(public_directory).encode() not in result.body
    assert str(public_directory / "closed") in caplog.text
    assert Links(call(app, "/").body).hrefs == []


@pytest.mark.long_paths
def test_a_directory_a_hundred_levels_deep(tmp_path: Path) -> None:
    depth = 100
    path = tmp_path.joinpath(*["d"] * depth)
    path.mkdir(parents=True)
    (path / "end.txt").write_text("end")
    app = files(tmp_path)
    page = call(app, "/" + "d/" * depth)
    hrefs = Links(page.body).hrefs
    assert len(hrefs) == depth + 1
    assert hrefs[0] == "../" * depth
    assert follow(app, "/" + "d/" * depth, hrefs[-1]).body == b"end"


def test_a_new_file_is_listed_at_once(site: Path) -> None:
    app = files(site)
    call(app, "/bare/")
    (site / "bare" / "new.txt").touch()
    assert "new.txt" in Links(call(app, "/bare/").body).hrefs


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with 6,000 files."""
    root = tmp_path_factory.mktemp("crowd")
    first = root / "0.txt"
    first.write_text("x")
    for number in range(1, 6_000):
        (root / f"{number}.txt").touch()
    return root


def test_a_long_listing_is_streamed_in_little_memory(crowd: Path, open_descriptors: None) -> None:
    app = files(crowd)
    call(app, "/nope")
    tracemalloc.start()
    began = process_time()
    result = start(app, make_environ("/"))
    blocks = iter(result.iterable)
    head = next(blocks)
    first_block = process_time() - began
    links = largest = 0
    tail = b""
    for block in blocks:
        links += block.count(b"<a href=")
        largest = max(largest, len(block))
        tail = block
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert head.startswith(b"<!DOCTYPE html>")
    assert first_block < 1  # second of processor time; 7 ms as a rule
    assert links == 6_000
    assert largest < 100_000
    # The page has 1.2 MB. A name takes about 100 bytes, and on Windows 200, with its status.
    assert peak < (2_400_000 if ON_WINDOWS else 1_200_000)
    assert b"6000 files, 1 byte<" in tail
    assert "Content-Length" not in result.headers


def test_a_long_listing_as_json_is_sorted(crowd: Path) -> None:
    result = call_raw(files(crowd), make_environ("/", HTTP_ACCEPT="application/json"))
    assert len(result.blocks) > 6
    listed = json.loads(result.body)
    assert [entry["name"] for entry in listed] == [f"{number}.txt" for number in range(6_000)]


@pytest.fixture
def stream_short_listings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stream listings of three entries and more, in small blocks."""
    monkeypatch.setattr(listing, "_MOST_AT_ONCE", 3)
    monkeypatch.setattr(listing, "_BLOCK_SIZE", 1)


def test_head_of_a_long_listing_has_a_content_length(
    site: Path, stream_short_listings: None, open_descriptors: None
) -> None:
    # Some servers send a body of their own for a HEAD without Content-Length.
    page, head = call(files(site), "/"), call(files(site), "/", "HEAD")
    assert "Content-Length" not in page.headers
    assert head.headers == {"Content-Length": str(len(page.body)), **page.headers}
    assert head.body == b""
    assert call(files(site), "/", "POST").status == 405


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_an_aborted_listing_closes_its_directory(
    site: Path, stream_short_listings: None, open_descriptors: None, blocks: int
) -> None:
    result = start(files(site), make_environ("/"))
    body = iter(result.iterable)
    for _ in range(blocks):
        assert next(body)
    result.iterable.close()  # type: ignore[attr-defined]
    result.iterable.close()  # type: ignore[attr-defined]
    assert list(body) == []


def is_open(directory: Path) -> bool:
    descriptors = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return str(directory) in map(os.path.realpath, descriptors)


@pytest.mark.descriptors
def test_a_listing_that_is_never_closed_leaves_no_descriptor(
    site: Path, stream_short_listings: None, open_descriptors: None
) -> None:
    result = start(files(site), make_environ("/"))
    assert next(iter(result.iterable))
    del result
    finished = start(files(site), make_environ("/"))
    assert list(finished.iterable)
    assert not is_open(site)


@pytest.mark.descriptors
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_short_listing_closes_its_directory_at_once(
    site: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    scans = []
    make_scan = listing.Scan

    def keep(*arguments: Any) -> listing.Scan:
        scans.append(make_scan(*arguments))
        return scans[-1]

    monkeypatch.setattr(listing, "Scan", keep)
    assert call(files(site), "/", method).status == 200
    assert scans
    assert not is_open(site)


def test_a_listing_is_closed_if_start_response_raises(
    site: Path, stream_short_listings: None, open_descriptors: None
) -> None:
    def refuse(*arguments: Any) -> Any:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        files(site)(make_environ("/"), refuse)


def fail(*arguments: Any) -> Any:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.system_calls
def test_a_shortage_of_descriptors_is_503(
    site: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    open_descriptors: None,
) -> None:  # fmt: skip
    monkeypatch.setattr(listing.Scan, "_file_entry", fail)
    result = call(files(site), "/")
    assert result.status == 503
    assert str(site) in caplog.text


@pytest.mark.descriptors
def test_a_shortage_of_descriptors_in_the_middle_breaks_the_response(
    site: Path, stream_short_listings: None, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, open_descriptors: None,
) -> None:  # fmt: skip
    monkeypatch.setattr(listing.Scan, "_file_entry", fail)
    result = start(files(site), make_environ("/"))
    body = iter(result.iterable)
    next(body)
    with pytest.raises(OSError, match="Too many open files"):
        list(body)
    assert not is_open(site)
    assert f"{str(site)!r}: Too many open files" in caplog.text.replace(f"{site}/", str(site))
