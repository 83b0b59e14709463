"""Prefixes, and PATH_INFO to file names (PEP 3333). For URLs see test_paths_location.py."""

from __future__ import annotations

import ntpath
import os
import posixpath
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import examples
from wsgistatic.http.paths import (
    SplitPath,
    is_served_name,
    parse_prefix,
    path_name,
    quote_name,
    split_path,
    url_path,
)

ANY_TEXT = st.text(st.characters() | st.characters(categories=("Cs", "Cc")))
# Troublesome characters: separators, dots, tildes, names of devices, control characters.
PIECES = [
    *"//\\..:~ %?#\0\t\r\n\xe9a1",
    "..",
    "//",
    "%2e",
    "CON",
    "\u20ac",
    "\udc80",
    "evil.example",
]
PATH = ANY_TEXT | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def latin(text: str) -> str:
    """Return text in the form of PEP 3333: its UTF-8 bytes as Latin-1."""
    return text.encode("utf-8").decode("latin-1")


# ---- prefixes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        *((prefix, "") for prefix in ("", "/", "//", "///")),
        *((prefix, "/static") for prefix in ("static", "/static", "static/", "/static/")),
        *((prefix, "/a/b") for prefix in ("a/b", "/a/b", "a/b/", "/a/b/", "//a/b//")),
        ("/a b/", "/a b"),
        ("/static..", "/static.."),
        ("/.hidden/", "/.hidden"),
        ("/gr\u00f6\u00dfe/", latin("/gr\u00f6\u00dfe")),
        ("\u65e5\u672c", latin("/\u65e5\u672c")),
        ("/\U0001f40d/", "/\xf0\x9f\x90\x8d"),
    ],
)
def test_parse_prefix(prefix: str, expected: str) -> None:
    assert parse_prefix(prefix) == expected


@pytest.mark.parametrize(
    "prefix",
    [
        # with a host, a query or a fragment; percent-encoded
        *("http://example.com/static/", "https://cdn.example", "/static/http://x/", "static://"),
        *("/static?", "/static/?v=1", "?", "#", "/static#top", "/st%61tic/", "%", "/100%/", "/%2e"),
        # empty and dot segments
        *("/a//b/", "a//b", ".", "..", "/./", "/../", "/a/../b", "/a/./b", "../static", "a/.."),
        # control characters, lone surrogates
        *("/a\nb", "/a\r\nb", "\0", "/a\tb", "\x1f", "/a\x7f", "/\ud800/", "a/\udc80"),
    ],
)
def test_invalid_prefix(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"^prefix ") as caught:
        parse_prefix(prefix)
    assert repr(prefix) in str(caught.value)


@pytest.mark.parametrize("prefix", [None, b"/static/", 5, ["/static/"], PurePosixPath("/static")])
def test_prefix_of_wrong_type(prefix: Any) -> None:
    with pytest.raises(TypeError, match=r"^prefix must be a str") as caught:
        parse_prefix(prefix)
    assert repr(prefix) in str(caught.value)


@given(PATH)
@settings(deadline=None)
def test_any_prefix(text: str) -> None:
    """A prefix is either rejected or a sequence of whole segments."""
    try:
        prefix = parse_prefix(text)
    except ValueError:
        return
    assert prefix == "" or prefix[0] == "/" != prefix[-1]
    assert not {"", ".", ".."} & set(prefix.split("/")[1:])
    assert prefix.encode("latin-1").decode("utf-8") == ("/" + text.strip("/")).rstrip("/")
    assert parse_prefix(f"//{text}") == prefix


# ---- from PATH_INFO to names -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "names", "is_directory"),
    [
        ("", [], False),
        ("/", [], True),
        ("/a", ["a"], False),
        ("/a/", ["a"], True),
        ("/a/b.txt", ["a", "b.txt"], False),
        ("/a/b/", ["a", "b"], True),
        ("/a..b", ["a..b"], False),
        ("/a.", ["a."], False),
        ("/ a /b ", [" a ", "b "], False),
        ("/.well-known/security.txt", [".well-known", "security.txt"], False),  # RFC 8615
        ("/.well-known/", [".well-known"], True),
        (latin("/gr\u00f6\u00dfe.txt"), ["gr\u00f6\u00dfe.txt"], False),
        # decoded only once: a remaining percent sign belongs to the name
        ("/%2e%2e/secret", ["%2e%2e", "secret"], False),  # CVE-2021-42013
        ("/100%", ["100%"], False),
        ("/a?b#c", ["a?b#c"], False),
        ("/a\\b", ["a\\b"], False),
        ("/C:", ["C:"], False),
        ("/NUL", ["NUL"], False),
        ("/a\nb", ["a\nb"], False),
        ("/" + "a" * 4095, ["a" * 4095], False),
        ("/a" * 2048, ["a"] * 2048, False),
    ],
)
def test_split_path(path: str, names: list[str], is_directory: bool) -> None:
    assert split_path(path, windows=False) == SplitPath(tuple(names), is_directory)


@pytest.mark.parametrize(
    "path",
    [
        # empty and dot segments: one file, one URL
        *("//", "///", "//a", "/a//b", "/a//", "/a///", "/" * 60_000),
        *("/.", "/..", "/./", "/../", "/a/.", "/a/..", "/a/./b", "/a/../b"),
        # NUL: CVE-2017-1000052, GHSA-j8g2-6fc7-q8f8
        *("/\0", "/a\0", "/a\0.html", "/a/\0/b", "/..\0/"),
        # longer than any path of a file system
        *("/" + "a" * 4096, "/a" * 2048 + "/", "/a" * 30_000),
        # not text by PEP 3333
        *("/\u20ac", "/a/\u0100.txt", "/\udc80", "/\ud800", "/\U0001f40d"),
    ],
)
def test_paths_that_are_never_served(path: str) -> None:
    for dotfiles in (False, True):
        assert split_path(path, dotfiles=dotfiles) is None
        assert split_path(path, dotfiles=dotfiles, windows=True) is None


@pytest.mark.parametrize(
    "path",
    ["/.env", "/.git/config", "/a/.b/c", "/.a/", "/..a", "/.well-known2", "/.WELL-KNOWN/a"],
)
def test_dotfiles(path: str) -> None:
    for windows in (False, True):
        assert split_path(path, windows=windows) is None
        names = tuple(path.strip("/").split("/"))
        expected = SplitPath(names, path.endswith("/"))
        assert split_path(path, dotfiles=True, windows=windows) == expected


# Request targets from published advisories.
MISSES = r"""
/../secret ../secret /static/../../../etc/passwd /static/..%2fserver.py /..%2f..%2fetc/passwd
/static/%2e%2e/secret /%2e%2e/secret /dir/.%2e/.%2e/secret /assets/file:%2f%2f/..%252fsecret
/..%255csecret /..%c0%afsecret /../../../nope/../../../../secret /..%2f..%2fsecret /..%5csecret
/public/plugins/x/../../../secret //etc/passwd /x#/../secret /../site-secret/secret /../site.txt
/..%2fsite-secret/secret /../site-secret/ /x/../../site-secret/secret /../site/hello.txt /..%00/
/hello.txt%00.html /file%20%00.php //host/share //evil.example/%2e%2e //evil.example
//evil.example/..%2f../dir /\evil.example/%2e%2e%2f /%09/../evil.example //evil.example//..
//evil.example%2f.. /%2eenv /.git/config * secret http://evil.example/a
"""
MISSES_ON_WINDOWS = r"""
/admin%5Csecret.txt /C:%5cx /%5c%5chost%5cx /C:/windows/win.ini /c:/windows/web.txt /dir/NUL /COM1
/x.php::$DATA /%5c..%5csecret /\evil.example /%09/evil.example /a%0d%0aX:%201
"""
# Decoded only once, these are plain names.
NAMES = "/%%32%65%%32%65/secret /%255c..%255csecret /%u002e/WEB-INF /%2557EB-INF /a%2fb"


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("target", f"{MISSES} {MISSES_ON_WINDOWS} {NAMES}".split())
def test_published_attacks(target: str, windows: bool) -> None:
    path_info = unquote_to_bytes(target).decode("latin-1")
    split = split_path(path_info, windows=windows) if path_info[:1] == "/" else None
    misses = f"{MISSES} {MISSES_ON_WINDOWS}" if windows else MISSES
    assert (split is None) is (target in misses.split())


@pytest.mark.byte_names
def test_overlong_encoding_of_a_dot_is_not_decoded() -> None:
    path = unquote_to_bytes("/%c0%ae%c0%ae/secret").decode("latin-1")
    names = ("\udcc0\udcae\udcc0\udcae", "secret")
    assert split_path(path, windows=False) == SplitPath(names, False)
    assert split_path(path, windows=True) is None


@pytest.mark.parametrize(
    ("dotfiles", "served"),
    [
        ([], []),
        ([".zarray"], [".zarray"]),
        ((".z*",), [".zarray", ".zgroup", ".z"]),
        ([".zarr[ab]y", ".e??"], [".zarray", ".env"]),
        (["..data"], ["..data"]),
    ],
)
def test_some_dotfiles(dotfiles: Sequence[str], served: list[str]) -> None:
    for name in (".zarray", ".zgroup", ".z", ".env", ".git", "..data", ".Zarray", ".env\n"):
        expected = SplitPath(("a", name), False) if name in served else None
        assert split_path(f"/a/{name}", dotfiles=dotfiles) == expected, name
        assert split_path(f"/.git/{name}", dotfiles=dotfiles) is None
    for path in ("/.", "/..", "/a/../b"):
        assert split_path(path, dotfiles=["..*"]) is None
    assert split_path("/.well-known/a", dotfiles=dotfiles) is not None


@pytest.mark.parametrize("dotfiles", [False, True])
@given(PATH)
@settings(deadline=None, max_examples=examples(300))
def test_any_path(dotfiles: bool, text: str) -> None:
    path = "/" + text
    split = split_path(path, dotfiles=dotfiles)
    if split is None:
        return
    names, is_directory = split
    joined = posixpath.join("/site", *names)
    assert posixpath.normpath(joined) == joined
    assert all("/" not in name and "\0" not in name for name in names)
    assert dotfiles or not any(name[0] == "." and name != ".well-known" for name in names)
    # One file has one URL: the names contain the whole path.
    back = os.fsencode("/".join(["", *names])) + b"/" * is_directory
    assert back == path.encode("latin-1")
    assert unquote_to_bytes(url_path("", split)) == back
    assert unquote_to_bytes(url_path("/a/\xc3\xa9", split)) == b"/a/\xc3\xa9" + back


# ---- names with a special meaning on Windows ---------------------------------------------------

DEVICES = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
DEVICES += [port + n for port in ("COM", "LPT") for n in "0123456789\xb9\xb2\xb3"]


@pytest.mark.parametrize(
    "name",
    [
        *(name for device in DEVICES for name in (device, f"{device.lower()}.txt")),
        *("Nul.tar.gz", "NUL ", "NUL .txt", "nul  .a.b", "CON:", "aux.", "AUX.h"),  # CVE-2026-21860
        # Windows removes trailing dots and spaces
        *("a.", "a..", "a ", "a. .", "a.txt ", "a.txt.", ".well-known.", ".well-known "),
        # separators, drives, streams, wildcards, control characters
        *("a\\b", "\\", "..\\a", "C:", "C:a", "a:b", "a::$DATA", ".well-known:a", "a*", "a?"),
        *('"a"', "<a", "a>", "a|b", "a\x01b", "a\nb", "\x1fa", "a\tb"),
        # generated 8.3 aliases of other files, such as a~bcdefg.txt
        *("GIT~1", "git~1", "PROGRA~1", "FILE~1.TXT", "a~9.b", "GI7EBA~1", "~1", "~1.a"),
        *(
            "ABCDE~10",
            "abcd~123.txt",
            "A~BCDE~1",
            "a~~1",
            "~~1.txt",
        ),
    ],
)
def test_names_refused_on_windows(name: str) -> None:
    for path in (f"/{name}", f"/{name}/", f"/a/{name}", f"/{name}/a"):
        assert split_path(latin(path), dotfiles=True, windows=True) is None
        assert split_path(latin(path), dotfiles=True, windows=False) is not None


ALLOWED = """console.txt nul1 COM COM10 LPTX auxiliary.js null com1x xcon a.con a.nul.txt a.b.c 100%
#1 a;b a'b [id].js a~ ~a ~1a a~b longer-name~1 a~1.html a.b~1.txt a~x.txt"""


@pytest.mark.parametrize(
    "name", [*ALLOWED.split(), "a b.txt", " a", "a\u00a0", "gr\u00f6\u00dfe.txt"]
)
def test_names_allowed_on_windows(name: str) -> None:
    assert split_path(latin(f"/{name}/a"), windows=True) == SplitPath((name, "a"), False)


@given(PATH)
@settings(deadline=None, max_examples=examples(300))
def test_any_path_on_windows(text: str) -> None:
    split = split_path("/" + text, dotfiles=True, windows=True)
    if split is None:
        return
    joined = ntpath.join("C:\\site", *split.segments)
    assert ntpath.normpath(joined) == joined
    assert joined == "\\".join(["C:", "site", *split.segments])
    for name in split.segments:
        assert not set(name) & set('\\/:*?"<>|') and min(name) >= " "  # noqa: PT018
        assert name == name.rstrip(". ")
        assert name.upper().partition(".")[0].rstrip(" ") not in DEVICES


# ---- names -------------------------------------------------------------------------------------


@given(ANY_TEXT, st.booleans(), st.booleans())
def test_is_served_name_agrees_with_split_path(text: str, dotfiles: bool, windows: bool) -> None:
    name = "".join(text.encode("utf-8", "replace").decode().split("/")).replace("\0", "")
    path = split_path(f"/{latin(name)}", dotfiles=dotfiles, windows=windows)
    served = is_served_name(name, dotfiles=dotfiles, windows=windows)
    assert served is (path is not None and not path.is_directory)


@pytest.mark.byte_names
@given(st.binary())
def test_quote_name_keeps_the_bytes(raw: bytes) -> None:
    quoted = quote_name(os.fsdecode(raw))
    assert unquote_to_bytes(quoted) == raw
    assert not quoted.startswith(("-", ".", "_", "~"))
    assert not set(quoted) & set("/;?#\\ :&'\"<>")


def test_path_name() -> None:
    assert path_name(latin("/\xfc/") + "\xff") == "/\xfc/\udcff"
    assert path_name("/\u20ac") == "/\u20ac"
