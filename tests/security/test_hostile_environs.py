"""Attacks by environs that no sane server would pass, and by malicious file names."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from tests.client import Response, call_raw, make_environ
from tests.conftest import age
from tests.platforms import ON_WINDOWS
from tests.security.advisories import REPLAYED, replays
from tests.security.attack_site import CANARY, PAGE, make_attack_site
from tests.security.attacks import ATTACKS, Attack
from wsgistatic import FileApp, StaticFiles


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site for the tests that only read; to make it takes 8 ms."""
    return make_attack_site(tmp_path_factory.mktemp("attacks"))


@pytest.fixture
def own_root(tmp_path: Path) -> Path:
    """A site that a test may change."""
    return make_attack_site(tmp_path)


def assert_harmless(result: Response, root: Path) -> None:
    text = repr(sorted(result.headers.items())).encode("utf-8", "surrogatepass") + result.body
    assert CANARY not in text
    assert str(root.parent).encode() not in text
    for name, value in result.headers.items():
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert re.fullmatch(r"[\t -~\x80-\xff]*", value), (name, value)
    location = result.headers.get("Location", "x/")
    assert re.match(r"[^/\\:?]+(/|\?|\Z)", location), location


for attack in ATTACKS:
    for advisory in attack.ids:
        REPLAYED[advisory].append("test_attack_without_a_server")


@pytest.mark.parametrize("decoded", [0, 1, 2], ids=["undecoded", "decoded", "decoded twice"])
@pytest.mark.parametrize("mount", ["", "/site", "//evil.example"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.ids[0])
def test_attack_without_a_server(root: Path, attack: Attack, mount: str, decoded: int) -> None:
    """Servers decode the target once. The app must also be safe if one never does, or twice."""
    passwords = Path("/etc/passwd").read_bytes()
    for template in attack.targets:
        target, _, query = template.partition("?")
        for prefix in ("", "/site"):
            path = target.replace("{p}", prefix)
            for _ in range(decoded):
                path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
            environ = make_environ(
                "/",
                attack.method,
                attack.fields,
                PATH_INFO=path,
                SCRIPT_NAME=mount,
                QUERY_STRING=query,
            )
            app = StaticFiles(None, root, prefix=prefix, listing=True)
            for _ in range(2):  # uncached and cached
                result = call_raw(app, dict(environ))
                assert_harmless(result, root)
                assert len(result.body) < 20_000
                assert passwords not in result.body
                assert not re.search(rb"<(script|img)|href=.?javascript:", result.body, re.I)
                if decoded == 1 and not mount:
                    unknown = ON_WINDOWS and '"' in path  # no folder can have this name
                    assert result.status in ({404} if unknown else attack.statuses), path


SCRIPT = pytest.param('/"><script>', marks=pytest.mark.free_names)


@replays("CVE-2024-42353", "CVE-2020-28724", "CVE-2015-1164", "GHSA-fh3h-vg37-cc95")
@pytest.mark.parametrize(
    "script_name",
    ["//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\r\n/evil",
     "https://evil.example", "///", "/\x00/evil.example", "/%2f/evil.example", "/\u0100/evil"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/sub", "/d\u00c3\u00bcr", SCRIPT, ""])
@pytest.mark.parametrize("query", ["", "//evil.example", "a\r\nX-Injected: 1", "\u0100", "#x"])
def test_redirects_stay_on_the_host(root: Path, script_name: str, path: str, query: str) -> None:
    (root / "index.html").write_bytes(PAGE)
    for clean_urls, path_info in ((False, path), (True, "/sub/index.html")):
        app = StaticFiles(None, root, clean_urls=clean_urls)
        result = call_raw(app, make_environ(path_info, SCRIPT_NAME=script_name, QUERY_STRING=query))
        # If the URL ends in slashes already, a redirect to it would never end.
        assert result.status == (404 if script_name + path_info == "///" else 301)
        assert_harmless(result, root)


PATHS = (
    None, 0, b"/hello.txt", ["/hello.txt"], ("/hello.txt", "gzip"), "hello.txt", "..", "../secret",
    "\x00", "/\x00", "/hello.txt\x00", "\u0100", "/\u20ac/../../secret", "/\udc80", "/\ud800",
    "/\udcc3\udcbc", "/..\udcc0\udcaf", "/hello.txt\n", "/.\x00./secret", "/ ", "/~root", "~",
    "/\ud800/secret", "C:\\", "/proc/self/environ", "\\\\host\\share", "/\uff0e\uff0e/secret",
    "/\u2024\u2024/secret", "/%2e%2e/secret", "//", "/./", "/../site/hello.txt", "/sub/", "/" * 99,
)  # fmt: skip


@replays("CVE-2017-1000052", "CVE-2021-28164", "CVE-2000-0884")
@pytest.mark.parametrize("path", PATHS, ids=ascii)
@pytest.mark.parametrize(
    "options",
    [{}, {"prefix": "/p"}, {"listing": True}, {"clean_urls": True}, {"fallback": "hello.txt"},
     {"not_found": "hello.txt"}, {"dotfiles": False, "symlinks": "deny"}, {"cache_size": 0}],
    ids=str,
)  # fmt: skip
def test_any_path_info(root: Path, path: object, options: dict[str, Any]) -> None:
    app = StaticFiles(None, root, **options)
    for method in ("GET", "HEAD", "POST", "get", "", None, 0):
        if isinstance(path, str) and "prefix" in options:
            path = options["prefix"] + path
        environ = make_environ("/")
        environ.update({"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_ACCEPT": "text/html"})
        result = call_raw(app, environ)
        assert_harmless(result, root)
        if path is None:
            del environ["PATH_INFO"]
            assert_harmless(call_raw(app, environ), root)


TRAVERSALS = (
    "/../secret", "/sub/../../secret", "/sub/../hello.txt", "/./hello.txt", "/.", "/..", "/../",
    "/../site/hello.txt", "/outdir/secret", "/outdir/../secret", "/link",
    "/sub/../../site-secret/secret", "/..//secret", "/sub/./index.html", "/sub/../",
    "/.git/../../secret",
)  # fmt: skip


@replays("CVE-2009-2659", "CVE-2024-23334", "CVE-2021-43798", "CVE-2014-6394", "CVE-2025-69226")
@pytest.mark.parametrize("path", TRAVERSALS)
@pytest.mark.parametrize("symlinks", ["inside", "deny"])
@pytest.mark.parametrize("cache_size", [0, 10**6])
def test_traversal_with_dotfiles(root: Path, path: str, symlinks: Any, cache_size: int) -> None:
    """Without ``dotfiles`` the rule for hidden names would reject dot segments first."""
    options: dict[str, Any] = {"listing": True, "symlinks": symlinks, "cache_size": cache_size}
    app = StaticFiles(None, root, dotfiles=True, **options)
    assert call_raw(app, make_environ("/.env")).body == CANARY
    for method in ("GET", "HEAD", "POST"):
        assert call_raw(app, make_environ(path, method)).status == 404
    more_options: tuple[dict[str, Any], ...] = ({"clean_urls": True}, {"fallback": "hello.txt"})
    for more in more_options:
        app = StaticFiles(None, root, dotfiles=True, **options, **more)
        result = call_raw(app, make_environ(path, HTTP_ACCEPT="text/html"))
        assert CANARY not in result.body


@replays("CVE-2026-34785")
def test_prefix_does_not_match_part_of_a_name(own_root: Path) -> None:
    (own_root / "-notes.txt").write_bytes(CANARY)
    for options in ({}, {"cache_size": 0}, {"listing": True, "clean_urls": True}):
        app = StaticFiles(None, own_root, prefix="/site", **options)
        assert call_raw(app, make_environ("/site/-notes.txt")).body == CANARY
        for path in (
            "/site-notes.txt",
            "/site%2d-notes.txt",
            "/sit",
            "/sitehello.txt",
            "site/x.js",
        ):
            for _ in range(2):
                assert call_raw(app, make_environ(path)).status == 404


@replays("CVE-2026-34786")
def test_alternative_spellings_do_not_bypass_a_rule(root: Path) -> None:
    """Paths that a server failed to decode are misses, so they cannot evade ``immutable``."""
    app = StaticFiles(None, root, immutable=r"\.js$")
    for _ in range(2):
        response = call_raw(app, make_environ("/x.js"))
        assert response.headers["Cache-Control"].endswith("immutable")
        for path in ("/x%2ejs", "/%78.js", "/x.js ", "/x.js%00", "/x.js/", "//x.js", "/./x.js"):
            assert call_raw(app, make_environ(path)).status == 404


VALUES: tuple[object, ...] = (
    None,
    0,
    b"bytes=0-1",
    [],
    {},
    "",
    "\x00",
    "\r\n",
    "\u0100",
    "\ud800",
    '"' * 99,
    "*",
    ",",
)
NAMES = (
    "HTTP_RANGE", "HTTP_IF_RANGE", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE", "HTTP_ACCEPT_ENCODING", "HTTP_ACCEPT", "HTTP_WANT_REPR_DIGEST",
    "QUERY_STRING", "SCRIPT_NAME", "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "HTTP_SEC_FETCH_MODE",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "wsgi.file_wrapper", "SERVER_SOFTWARE",
)  # fmt: skip


@replays("CVE-2013-3724", "CVE-2019-5418")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_any_value_of_an_environ_variable(root: Path, name: str, value: object) -> None:
    options: dict[str, Any] = {
        "compress": True,
        "cache_size": 10**7,
        "listing": True,
        "allow_origin": "*",
    }
    for app in (StaticFiles(None, root, **options), FileApp(root / "hello.txt")):
        for path in ("/hello.txt", "/sub", "/bare/", "/nope"):
            for method in ("GET", "HEAD", "OPTIONS"):
                for _ in range(2):  # uncached and cached
                    environ = make_environ(path, method, HTTP_RANGE="bytes=0-1")
                    environ[name] = value
                    assert_harmless(call_raw(app, environ), root)


@replays("CVE-2016-9964", "CVE-2012-2374")
@pytest.mark.parametrize(
    "name",
    [
        *(
            pytest.param(name, marks=pytest.mark.free_names)
            for name in ("a\r\nX-Injected: 1", "a\nb", "\t", '"; x="')
        ),
        *("\x7f", "\u20ac", "a%0d%0ab"),
        pytest.param("\udcff", marks=pytest.mark.byte_names),
    ],
)
def test_file_names_cannot_inject_header_fields(own_root: Path, name: str) -> None:
    from wsgistatic.representations.headers import untrusted_uploads

    path = own_root / name
    path.mkdir()
    (path / "index.html").write_bytes(PAGE)
    for file in (path / name, own_root / f"{name}.html"):
        file.write_bytes(PAGE)
        age(file)
    raw = os.fsencode(name).decode("latin-1")
    for options in (
        {"headers": untrusted_uploads(attachment=True)},
        {"offload": ("X-Accel-Redirect", "/internal/")},
        {"offload": ("X-Sendfile", "/srv")},
        {"offload": ("X-LIGHTTPD-send-file", "/srv")},
        {"clean_urls": True},
        {"listing": True, "index": None},
    ):
        app = StaticFiles(None, own_root, **options)
        for path_info in (f"/{raw}", f"/{raw}/", f"/{raw}/{raw}", f"/{raw}.html", f"/{raw}?{raw}"):
            for _ in range(2):
                result = call_raw(app, make_environ("/", PATH_INFO=path_info, QUERY_STRING=raw))
                assert result.status in (200, 301, 404)
                assert not {name.lower() for name in result.headers} & {"x-injected", "x"}
                assert_harmless(result, own_root)


@pytest.mark.free_names
def test_control_characters_in_offload_headers(own_root: Path) -> None:
    (own_root / "a\r\nX-Injected: 1").write_bytes(PAGE)
    for header, value in (("X-Accel-Redirect", "/i/a%0D%0AX-Injected:%201"), ("X-Sendfile", None)):
        app = StaticFiles(None, own_root, offload=(header, "/i"))
        result = call_raw(app, make_environ("/a\r\nX-Injected: 1"))
        assert result.headers.get(header) == value
        assert result.body == (b"" if value else PAGE)


@pytest.mark.free_names
def test_headers_function_that_copies_a_malicious_name(own_root: Path) -> None:
    def copy(headers: Any, path: str, url: str) -> None:
        headers["X-Name"] = os.path.basename(path)

    (own_root / "a\r\nX-Injected: 1").write_bytes(PAGE)
    app = StaticFiles(None, own_root, headers=copy)
    assert call_raw(app, make_environ("/hello.txt")).headers["X-Name"] == "hello.txt"
    refused = call_raw(app, make_environ("/a\r\nX-Injected: 1"))
    assert refused.status == 500
    assert_harmless(refused, own_root)
