"""The old holes as environs that no server would pass, and file names that no one would choose."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from tests.calling import Result, call_bare, environ_of
from tests.conftest import age
from tests.security.attacks import ATTACKS, Attack
from tests.security.ids import REPLAYED, replays
from tests.security.places import CANARY, PAGE, make_places
from wsgistatic import FileApp, StaticFiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_places(tmp_path)


def assert_harmless(result: Result, root: Path) -> None:
    text = repr(sorted(result.headers.items())).encode("utf-8", "surrogatepass") + result.body
    assert CANARY not in text
    assert str(root.parent).encode() not in text
    for name, value in result.headers.items():
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert re.fullmatch(r"[\t -~\x80-\xff]*", value), (name, value)
    location = result.headers.get("Location", "/.")
    assert re.match(r"/(?![/\\])", location), location


for attack in ATTACKS:
    for one in attack.ids:
        REPLAYED[one].append("test_attack_without_a_server")


@pytest.mark.parametrize("decoded", [0, 1, 2], ids=["undecoded", "decoded", "decoded twice"])
@pytest.mark.parametrize("mount", ["", "/site", "//evil.example"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.ids[0])
def test_attack_without_a_server(root: Path, attack: Attack, mount: str, decoded: int) -> None:
    """Decoded once is what servers do; never and twice is what none should."""
    passwords = Path("/etc/passwd").read_bytes()
    for template in attack.targets:
        target, _, query = template.partition("?")
        for prefix in ("", "/site"):
            path = target.replace("{p}", prefix)
            for _ in range(decoded):
                path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
            environ = environ_of("/", attack.method, SCRIPT_NAME=mount, QUERY_STRING=query)
            environ["PATH_INFO"] = path
            for name, value in attack.fields.items():
                environ["HTTP_" + name.upper().replace("-", "_")] = value
            app = StaticFiles(None, root, prefix=prefix, listing=True)
            for _ in range(2):  # cold, and from memory
                result = call_bare(app, dict(environ))
                assert_harmless(result, root)
                assert len(result.body) < 20_000
                assert passwords not in result.body
                assert not re.search(rb"<(script|img)|href=.?javascript:", result.body, re.I)
                if decoded == 1 and not mount:
                    assert result.status in attack.statuses, path


@replays("CVE-2024-42353", "CVE-2020-28724", "CVE-2015-1164", "GHSA-fh3h-vg37-cc95")
@pytest.mark.parametrize(
    "script_name",
    ["//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\r\n/evil",
     "https://evil.example", "///", "/\x00/evil.example", "/%2f/evil.example", "/\u0100/evil"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/sub", "/d\u00c3\u00bcr", '/"><script>', ""])
@pytest.mark.parametrize("query", ["", "//evil.example", "a\r\nX-Injected: 1", "\u0100", "#x"])
def test_no_redirect_leaves_the_host(root: Path, script_name: str, path: str, query: str) -> None:
    (root / "index.html").write_bytes(PAGE)
    for clean_urls, asked in ((False, path), (True, "/sub/index.html")):
        app = StaticFiles(None, root, clean_urls=clean_urls)
        result = call_bare(app, environ_of(asked, SCRIPT_NAME=script_name, QUERY_STRING=query))
        assert result.status == 301
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
        environ = environ_of("/")
        environ.update({"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_ACCEPT": "text/html"})
        result = call_bare(app, environ)
        assert_harmless(result, root)
        if path is None:
            del environ["PATH_INFO"]
            assert_harmless(call_bare(app, environ), root)


CLIMBS = (
    "/../secret", "/sub/../../secret", "/sub/../hello.txt", "/./hello.txt", "/.", "/..", "/../",
    "/../site/hello.txt", "/outdir/secret", "/outdir/../secret", "/link",
    "/sub/../../site-secret/secret", "/..//secret", "/sub/./index.html", "/sub/../",
    "/.git/../../secret",
)  # fmt: skip


@replays("CVE-2009-2659", "CVE-2024-23334", "CVE-2021-43798", "CVE-2014-6394", "CVE-2025-69226")
@pytest.mark.parametrize("path", CLIMBS)
@pytest.mark.parametrize("symlinks", ["inside", "deny"])
@pytest.mark.parametrize("cache_size", [0, 10**6])
def test_dotfiles_are_no_way_out(root: Path, path: str, symlinks: Any, cache_size: int) -> None:
    """The rule for hidden names hides the one for dot segments: here it is off."""
    options: dict[str, Any] = {"listing": True, "symlinks": symlinks, "cache_size": cache_size}
    app = StaticFiles(None, root, dotfiles=True, **options)
    assert call_bare(app, environ_of("/.env")).body == CANARY
    for method in ("GET", "HEAD", "POST"):
        assert call_bare(app, environ_of(path, method)).status == 404
    for climb in ("clean_urls", "fallback"):
        more: dict[str, Any] = {climb: True if climb == "clean_urls" else "hello.txt"}
        app = StaticFiles(None, root, dotfiles=True, **options, **more)
        result = call_bare(app, environ_of(path, HTTP_ACCEPT="text/html"))
        assert CANARY not in result.body


@replays("CVE-2026-34785")
def test_a_prefix_is_no_part_of_a_name(root: Path) -> None:
    (root / "-notes.txt").write_bytes(CANARY)
    for options in ({}, {"cache_size": 0}, {"listing": True, "clean_urls": True}):
        app = StaticFiles(None, root, prefix="/site", **options)
        assert call_bare(app, environ_of("/site/-notes.txt")).body == CANARY
        for path in (
            "/site-notes.txt",
            "/site%2d-notes.txt",
            "/sit",
            "/sitehello.txt",
            "site/x.js",
        ):
            for _ in range(2):
                assert call_bare(app, environ_of(path)).status == 404


@replays("CVE-2026-34786")
def test_a_rule_cannot_be_passed_by_another_spelling(root: Path) -> None:
    """A server that decodes too little gets nothing, so that no rule is passed by."""
    app = StaticFiles(None, root, immutable=r"\.js$")
    for _ in range(2):
        found = call_bare(app, environ_of("/x.js"))
        assert found.headers["Cache-Control"].endswith("immutable")
        for path in ("/x%2ejs", "/%78.js", "/x.js ", "/x.js%00", "/x.js/", "//x.js", "/./x.js"):
            assert call_bare(app, environ_of(path)).status == 404


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
def test_any_value_of_a_variable(root: Path, name: str, value: object) -> None:
    options: dict[str, Any] = {
        "compress": True,
        "cache_size": 10**7,
        "listing": True,
        "allow_origin": "*",
    }
    for app in (StaticFiles(None, root, **options), FileApp(root / "hello.txt")):
        for path in ("/hello.txt", "/sub", "/bare/", "/nope"):
            for method in ("GET", "HEAD", "OPTIONS"):
                for _ in range(2):  # cold, and from memory
                    environ = environ_of(path, method, HTTP_RANGE="bytes=0-1")
                    environ[name] = value
                    assert_harmless(call_bare(app, environ), root)


@replays("CVE-2016-9964", "CVE-2012-2374")
@pytest.mark.parametrize(
    "name", ["a\r\nX-Injected: 1", "a\nb", "\t", "\x7f", '"; x="', "\u20ac", "\udcff", "a%0d%0ab"]
)
def test_a_file_name_is_no_header_field(root: Path, name: str) -> None:
    from wsgistatic.representations.headers import untrusted_uploads

    path = root / name
    path.mkdir()
    (path / "index.html").write_bytes(PAGE)
    for file in (path / name, root / f"{name}.html"):
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
        app = StaticFiles(None, root, **options)
        for asked in (f"/{raw}", f"/{raw}/", f"/{raw}/{raw}", f"/{raw}.html", f"/{raw}?{raw}"):
            for _ in range(2):
                result = call_bare(app, environ_of("/", PATH_INFO=asked, QUERY_STRING=raw))
                assert result.status in (200, 301, 404)
                assert not {name.lower() for name in result.headers} & {"x-injected", "x"}
                assert_harmless(result, root)


def test_a_name_with_controls_goes_to_no_header_of_a_front_server(root: Path) -> None:
    (root / "a\r\nX-Injected: 1").write_bytes(PAGE)
    for header, value in (("X-Accel-Redirect", "/i/a%0D%0AX-Injected:%201"), ("X-Sendfile", None)):
        app = StaticFiles(None, root, offload=(header, "/i"))
        result = call_bare(app, environ_of("/a\r\nX-Injected: 1"))
        assert result.headers.get(header) == value
        assert result.body == (b"" if value else PAGE)


def test_a_headers_function_that_copies_a_name_is_stopped(root: Path) -> None:
    def copy(headers: Any, path: str, url: str) -> None:
        headers["X-Name"] = os.path.basename(path)

    (root / "a\r\nX-Injected: 1").write_bytes(PAGE)
    app = StaticFiles(None, root, headers=copy)
    assert call_bare(app, environ_of("/hello.txt")).headers["X-Name"] == "hello.txt"
    refused = call_bare(app, environ_of("/a\r\nX-Injected: 1"))
    assert refused.status == 500
    assert_harmless(refused, root)
