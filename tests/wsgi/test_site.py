"""The options ``fallback``, ``not_found`` and ``clean_urls``."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import call, call_raw, make_environ
from tests.conftest import age, as_ordinary_user
from tests.platforms import ON_WINDOWS
from wsgistatic import StaticFiles
from wsgistatic.wsgi.misses import VARY

BROWSER = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    root = tmp_path / "pages"
    (root / "blog").mkdir(parents=True)
    (root / "both").mkdir()
    (root / "bare").mkdir()
    for name in ("index.html", "404.html", "about.html", "blog/first.html", "both.html",
                 "both/index.html", "v1.2.html", "twice", "twice.html",
                 "blog.html", "bare/index.html",
                 "app.js", *(() if ON_WINDOWS else ("a:b.html",))):  # fmt: skip
        (root / name).write_text(f"<p>{name}</p>")
        age(root / name)
    time.sleep(0.03)  # until the clock has ticked, nothing is cached
    return root


def wrapped(environ: Any, start_response: Any) -> list[bytes]:
    start_response("299 Mine", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]


# ---- fallback ----------------------------------------------------------------------------------


def spa(root: Path, app: Any = None, **options: Any) -> StaticFiles:
    return StaticFiles(app, root, **{"fallback": "index.html", **options})


@pytest.mark.parametrize("path", ["/user/7", "/user/john.doe", "/release/v1.2", "/user/", "/blog"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_load_that_misses_gets_the_fallback(pages: Path, path: str, method: str) -> None:
    app = spa(pages)
    for _ in range(2):  # from the file, then from the cache
        result = call(app, path, method, **BROWSER)
        assert result.status == 200
        assert result.body == (b"" if method == "HEAD" else b"<p>index.html</p>")
        assert result.headers["Vary"] == VARY
        assert result.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "ETag" in result.headers


@pytest.mark.parametrize(
    ("path", "method", "extra"),
    [
        ("/app.123.js", "GET", BROWSER),
        ("/img/logo.svg", "GET", BROWSER),
        ("/old.html", "GET", BROWSER),
        ("/logo.x1", "GET", {}),
        ("/logo.x1", "GET", {"HTTP_ACCEPT": "*/*"}),
        ("/user/7", "GET", {"HTTP_ACCEPT": "text/*"}),
        ("/user/7", "GET", {"HTTP_ACCEPT": "application/json"}),
        ("/user/7", "GET", {"HTTP_ACCEPT": "text/html;q=0"}),
        ("/user/7", "GET", {**BROWSER, "HTTP_SEC_FETCH_MODE": "cors"}),
        ("/user/7", "POST", BROWSER),
        ("/.git/config", "GET", BROWSER),
        ("/a//b", "GET", BROWSER),
        ("/../x", "GET", BROWSER),
    ],
)
def test_other_requests_do_not_get_the_fallback(
    pages: Path, path: str, method: str, extra: dict[str, str]
) -> None:
    assert call(spa(pages), path, method, **extra).status == 404
    assert call(spa(pages, wrapped), path, method, **extra).status == 299


def test_sec_fetch_mode_shows_a_page_load(pages: Path) -> None:
    mode = {"HTTP_ACCEPT": "*/*", "HTTP_SEC_FETCH_MODE": "navigate"}
    assert call(spa(pages), "/user/7", **mode).status == 200


def test_files_and_directories_take_precedence_over_the_fallback(pages: Path) -> None:
    app = spa(pages)
    assert call(app, "/blog/first.html", **BROWSER).body == b"<p>blog/first.html</p>"
    assert call(app, "/bare", **BROWSER).status == 301
    listed = call(spa(pages, listing=True), "/blog/", **BROWSER)
    assert b"first.html" in listed.body


def test_the_fallback_has_its_own_validators_and_cache_control(pages: Path) -> None:
    app = spa(pages, cache_control=lambda path, url: f'x="{url}"')
    result = call(app, "/user/7", **BROWSER)
    assert result.headers["Cache-Control"] == 'x="/index.html"'
    again = call(app, "/user/8", **BROWSER, HTTP_IF_NONE_MATCH=result.headers["ETag"])
    assert again.status == 304
    assert again.headers["Vary"] == VARY


@pytest.mark.live
def test_changes_of_the_fallback_are_seen_at_the_next_request(pages: Path) -> None:
    app = spa(pages, fallback="blog/first.html")
    assert call(app, "/user/7", **BROWSER).body == b"<p>blog/first.html</p>"
    (pages / "blog" / "first.html").write_text("<p>changed</p>")
    assert call(app, "/user/7", **BROWSER).body == b"<p>changed</p>"
    (pages / "user").mkdir()
    (pages / "user" / "7").write_text("seven")
    assert call(app, "/user/7", **BROWSER).body == b"seven"
    (pages / "blog" / "first.html").unlink()
    assert call(app, "/user/8", **BROWSER).status == 404
    (pages / "blog" / "first.html").mkdir()
    assert call(app, "/user/8", **BROWSER).status == 404


def test_a_configured_vary_is_kept(pages: Path) -> None:
    app = spa(pages, headers={"Vary": "Cookie"})
    result = call(app, "/user/7", **BROWSER)
    assert result.headers["Vary"] == f"Cookie, {VARY}"
    assert call(app, "/app.js").headers["Vary"] == "Cookie"


@pytest.mark.parametrize("cache_size", [0, 1_000_000])
def test_stored_codings_of_fallback_and_pages_are_used(pages: Path, cache_size: int) -> None:
    for name in ("index.html", "about.html"):
        (pages / name).write_bytes(f"<p>{name}</p>".encode() * 9)
        (pages / f"{name}.gz").write_bytes(gzip.compress((pages / name).read_bytes()))
        age(pages / name)
        age(pages / f"{name}.gz")
    app = StaticFiles(None, pages, fallback="index.html", clean_urls=True, cache_size=cache_size)
    for path in ("/user/7", "/about"):
        plain = call(app, path, **BROWSER)
        for _ in range(2):
            coded = call(app, path, **BROWSER, HTTP_ACCEPT_ENCODING="gzip")
            assert (gzip.decompress(coded.body), coded.headers["Content-Encoding"]) == (
                plain.body,
                "gzip",
            )
            assert call(app, path, **BROWSER).body == plain.body != coded.body
        assert "Accept-Encoding" in plain.headers["Vary"]


@pytest.mark.memory_cache
@pytest.mark.live
def test_the_fallback_is_marked_as_used_and_dropped_from_the_cache_once_it_is_deleted(
    pages: Path,
) -> None:
    app = spa(pages)
    call(app, "/user/7", **BROWSER)
    (cached,) = app._cache.files.values()
    cached.used = False
    call(app, "/user/7", **BROWSER)
    assert cached.used
    (pages / "index.html").unlink()
    call(app, "/user/7", **BROWSER)
    assert not app._cache.files


# ---- not_found ---------------------------------------------------------------------------------


def test_the_404_page_ignores_ranges_and_preconditions(pages: Path) -> None:
    app = StaticFiles(None, pages, prefix="/s", not_found="404.html", allow_origin="*")
    fields = {"HTTP_RANGE": "bytes=0-1", "HTTP_IF_NONE_MATCH": "*", "HTTP_IF_MATCH": '"x"',
              "HTTP_IF_MODIFIED_SINCE": "Sat, 21 Nov 2026 00:00:00 GMT",
              "HTTP_IF_UNMODIFIED_SINCE": "Sun, 06 Nov 1994 08:49:37 GMT"}  # fmt: skip
    unmodified = {"HTTP_IF_UNMODIFIED_SINCE": fields["HTTP_IF_UNMODIFIED_SINCE"]}
    assert call(app, "/s/nope", **unmodified).body == b"<p>404.html</p>"
    for path in ("/s/nope", "/s/a/b/", "/elsewhere", "/s/.git/config"):
        for method in ("GET", "HEAD", "POST"):
            result = call(app, path, method, **fields)
            assert result.status == 404
            assert result.body == (b"" if method == "HEAD" else b"<p>404.html</p>")
            assert result.headers == {
                "Content-Type": "text/html; charset=utf-8",
                "Content-Length": "15",
                "X-Content-Type-Options": "nosniff",
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Expose-Headers": result.headers["Access-Control-Expose-Headers"],
                "Cache-Control": "no-store",
            }
    assert call(app, "/s/404.html", HTTP_RANGE="bytes=0-1").status == 206


def test_the_404_page_is_not_offloaded(pages: Path) -> None:
    offload = ("X-Accel-Redirect", "/internal/")
    app = spa(pages, not_found="404.html", offload=offload)
    assert call(app, "/user/7", **BROWSER).headers["X-Accel-Redirect"] == "/internal/index.html"
    result = call(app, "/nope.js")
    assert (result.status, result.body) == (404, b"<p>404.html</p>")
    assert "X-Accel-Redirect" not in result.headers


@pytest.mark.live
def test_a_missing_404_page(pages: Path) -> None:
    app = StaticFiles(None, pages, not_found="404.html")
    assert call(app, "/nope").body == b"<p>404.html</p>"
    (pages / "404.html").unlink()
    result = call(app, "/nope")
    assert result.status == 404
    assert result.body.startswith(b"404 Not Found")
    (pages / "404.html").mkdir()
    assert call(app, "/nope").status == 404


@pytest.mark.permissions
def test_an_unreadable_404_page(public_directory: Path) -> None:
    page = public_directory / "404.html"
    page.write_text("<p>mine</p>")
    page.chmod(0)
    with as_ordinary_user():
        result = call(StaticFiles(None, public_directory, not_found="404.html"), "/nope")
    assert (result.status, result.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert result.body.startswith(b"404 ")


def test_fallback_and_404_page_together(pages: Path) -> None:
    app = spa(pages, not_found="404.html")
    assert call(app, "/user/7", **BROWSER).body == b"<p>index.html</p>"
    assert call(app, "/logo.svg", **BROWSER).body == b"<p>404.html</p>"


# ---- clean URLs --------------------------------------------------------------------------------


def clean(root: Path, app: Any = None, **options: Any) -> StaticFiles:
    return StaticFiles(app, root, **{"clean_urls": True, **options})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/about", "about.html"),
        ("/blog/first", "blog/first.html"),
        ("/v1.2", "v1.2.html"),
        ("/twice", "twice"),
        ("/twice.html", "twice.html"),
        ("/both/", "both/index.html"),
        ("/both", "both.html"),
        ("/blog", "blog.html"),
        ("/", "index.html"),
        ("/app.js", "app.js"),
    ],
)
def test_a_page_has_a_url_without_its_extension(pages: Path, path: str, name: str) -> None:
    app = clean(pages)
    for _ in range(2):  # from the file, then from the cache
        result = call(app, path)
        assert (result.status, result.body) == (200, f"<p>{name}</p>".encode())
    assert call(app, path, "HEAD").status == 200
    assert call(app, path, HTTP_RANGE="bytes=0-2").body == b"<p>"
    assert call(app, path, HTTP_IF_NONE_MATCH=result.headers["ETag"]).status == 304


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/about.html", "about"),
        ("/about.html?a=b", "about?a=b"),
        ("/blog/first.html", "first"),
        ("/v1.2.html", "v1.2"),
        ("/index.html", "./"),
        ("/both/index.html?q", "./?q"),
        ("/both.html", "both"),
        ("/blog.html", "blog"),
        ("/bare", "bare/"),
        pytest.param("/a:b.html", "./a:b", marks=pytest.mark.free_names),
    ],
)
def test_other_urls_of_a_page_redirect_to_its_clean_url(
    pages: Path, path: str, location: str
) -> None:
    app = clean(pages, cache_control="max-age=1")
    for method in ("GET", "HEAD"):
        for _ in range(2):
            result = call(app, path, method, SCRIPT_NAME="/app")
            assert result.status == 301
            assert result.headers["Location"] == location
            assert result.headers["Cache-Control"] == "max-age=1"


def test_a_redirect_to_a_clean_url_can_be_immutable(pages: Path) -> None:
    app = StaticFiles(None, pages, clean_urls=True, immutable=r"/about\.html$")
    result = call(app, "/about.html")
    assert (result.status, result.headers["Location"]) == (301, "about")
    assert result.headers["Cache-Control"] == "max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path",
    ["/about/", "/nope", "/nope.html", "/.html", "/..html", "/blog/", "/a//b",
     pytest.param("/about.html/", marks=pytest.mark.trailing_slashes),
     "/index", "/both/index", "/.well-known"],
)  # fmt: skip
def test_clean_urls_that_are_misses(pages: Path, path: str) -> None:
    (pages / ".well-known.html").write_text("a dotfile")
    assert call(clean(pages), path).status == 404
    assert call(clean(pages, wrapped), path).status == 299


def test_a_missing_page_with_a_name_that_is_not_ascii(pages: Path) -> None:
    # The quick stat, which finds most misses, is made for ASCII names only.
    assert call(clean(pages), "/ünï.html".encode().decode("latin-1")).status == 404


def test_names_without_a_clean_url_are_served_as_they_are(pages: Path) -> None:
    for name in ("a.html.html", "...html", ".html"):
        (pages / name).write_text(name)
    app = clean(pages, dotfiles=True)
    for name in ("a.html.html", "...html", ".html"):
        assert call(app, f"/{name}").body == name.encode()


def test_the_clean_url_of_an_index(pages: Path) -> None:
    app = clean(pages, index=None)
    assert call(app, "/index.html").headers["Location"] == "index"
    assert call(app, "/index").body == b"<p>index.html</p>"
    (pages / "ünï.html").write_text("start")
    quoted = "/ünï.html".encode().decode("latin-1")
    assert call(clean(pages, index="ünï.html"), quoted).headers["Location"] == "./"


@pytest.mark.live
def test_changes_of_pages_are_seen_at_the_next_request(pages: Path) -> None:
    app = clean(pages)
    assert call(app, "/about").body == b"<p>about.html</p>"
    (pages / "about").write_text("the file itself")
    assert call(app, "/about").body == b"the file itself"
    for _ in range(2):  # the second response is from the cache
        assert call(app, "/about.html").status == 200
    (pages / "about").unlink()
    assert call(app, "/about.html").status == 301
    (pages / "about.html").write_text("<p>changed</p>")
    assert call(app, "/about").body == b"<p>changed</p>"
    (pages / "about.html").unlink()
    assert call(app, "/about").status == 404


@pytest.mark.parametrize("options", [{}, {"listing": True}, {"index": None, "listing": True}])
def test_a_page_and_a_folder_of_the_same_name(pages: Path, options: dict[str, Any]) -> None:
    """As with ``try_files $uri $uri.html $uri/`` in nginx, and on GitHub Pages."""
    app = clean(pages, **options)
    for _ in range(2):
        for name in ("blog", "both"):
            assert call(app, f"/{name}").body == f"<p>{name}.html</p>".encode()
            assert call(app, f"/{name}", "POST").status == 405
            assert call(app, f"/{name}.html").headers["Location"] == name
    index = call(app, "/both/")
    assert (index.body == b"<p>both/index.html</p>") == ("index" not in options)
    assert call(app, "/blog/").status == (200 if options else 404)
    assert call(app, "/blog/first").body == b"<p>blog/first.html</p>"


@pytest.mark.live
def test_a_folder_whose_page_comes_and_goes(pages: Path) -> None:
    app = clean(pages, listing=True)
    assert call(app, "/both").status == 200
    (pages / "both.html").unlink()
    assert call(app, "/both").headers["Location"] == "both/"
    (pages / "blog.html").unlink()
    assert call(app, "/blog").headers["Location"] == "blog/"
    (pages / "blog.html").write_text("again")
    assert call(app, "/blog").body == b"again"


def test_other_methods_for_a_clean_url(pages: Path) -> None:
    result = call(clean(pages), "/about", "POST")
    assert (result.status, result.headers["Allow"]) == (405, "GET, HEAD")
    assert call(clean(pages), "/nope", "POST").status == 404
    assert call(clean(pages, wrapped), "/about", "POST").status == 299


@pytest.mark.parametrize("options", [{}, {"listing": True}, {"fallback": "index.html"}])
def test_a_directory_is_not_the_page_of_a_clean_url(pages: Path, options: dict[str, Any]) -> None:
    (pages / "folder.html").mkdir()
    (pages / "folder.html" / "index.html").write_text("index")
    for method in ("GET", "HEAD", "POST"):
        result = call(clean(pages, **options), "/folder", method, HTTP_ACCEPT="image/png")
        assert result.status == 404


def test_a_clean_url_answers_a_preflight(pages: Path) -> None:
    fields = {"HTTP_ORIGIN": "https://a.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET"}
    result = call(clean(pages, allow_origin="*"), "/about", "OPTIONS", **fields)
    assert (result.status, result.headers["Access-Control-Allow-Methods"]) == (200, "GET, HEAD")


def test_the_fallback_for_an_empty_path(pages: Path) -> None:
    app = clean(pages, fallback="index.html")
    assert call_raw(app, make_environ("", **BROWSER)).body == b"<p>index.html</p>"
    assert call_raw(app, make_environ("", HTTP_ACCEPT="text/css")).status == 404


def test_a_page_takes_precedence_over_the_fallback(pages: Path) -> None:
    app = clean(pages, fallback="index.html")
    assert call(app, "/about", **BROWSER).body == b"<p>about.html</p>"
    assert call(app, "/contact", **BROWSER).body == b"<p>index.html</p>"


def test_a_file_with_two_urls_has_the_cache_control_of_each(pages: Path) -> None:
    app = clean(pages, fallback="about.html", cache_control=lambda path, url: f"max-age={len(url)}")
    for _ in range(2):
        for path, age_ in (("/about", 6), ("/user/7", 11)):
            headers = call(app, path, **BROWSER).headers
            assert headers["Cache-Control"] == f"max-age={age_}"


def test_the_extension_is_added_only_once(pages: Path) -> None:
    (pages / "only.html.html").write_text("<p>twice</p>")
    assert call(clean(pages), "/only.html").status == 404


@pytest.mark.permissions
def test_an_unreadable_page_is_403_under_both_names(public_directory: Path) -> None:
    (public_directory / "about.html").write_text("<p>mine</p>")
    (public_directory / "about.html").chmod(0)
    with as_ordinary_user():
        for path in ("/about", "/about.html"):
            assert call(clean(public_directory), path).status == 403


def test_the_prefix_without_its_slash_redirects_to_the_index(pages: Path) -> None:
    app = clean(pages, prefix="/s/")
    assert call(app, "/s").headers["Location"] == "s/"


@pytest.mark.memory_cache
def test_the_cache_keys_of_pages_are_not_valid_as_path_info(pages: Path) -> None:
    app = clean(pages, fallback="index.html", prefix="/s")
    call(app, "/s/about")
    call(app, "/s/user", **BROWSER)
    keys = set(app._cache.files)
    assert len(keys) == 2
    for key in keys:
        assert isinstance(key, str)
        with pytest.raises(UnicodeEncodeError):
            key.encode("latin-1")  # PEP 3333
        with pytest.raises(UnicodeEncodeError):
            key.encode("utf-8", "surrogateescape")  # as in servers that violate it
