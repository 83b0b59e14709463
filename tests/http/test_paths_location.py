"""File names to URLs: Location and URL paths (RFC 3986 3.3, 4.2)."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.test_paths import PATH
from tests.properties import examples
from wsgistatic.http.paths import SplitPath, quote_path, relative_location, url_path

BASE = "http://site.example/x/y"


@pytest.mark.parametrize(
    ("name", "query", "location"),
    [
        ("dir", "", "dir/"),
        ("dir", "v=1&x=%20+/?:@", "dir/?v=1&x=%20+/?:@"),
        ("", "", "./"),
        ("", "q", "./?q"),
        ("gr\xc3\xb6\xc3\x9fe", "", "gr%C3%B6%C3%9Fe/"),
        ("a @!$&'()*+,;=-._~", "", "a%20@!$&'()*+,;=-._~/"),
        ("100%", "", "100%25/"),
        ("%2e%2e", "", "%252e%252e/"),
        ("a?b#c", "d#e f", "a%3Fb%23c/?d%23e%20f"),
        ('"><script>', "", "%22%3E%3Cscript%3E/"),  # CVE-2024-43799
        # RFC 3986 4.2: a colon in the first segment would end a scheme
        ("evil.example:80", "", "./evil.example:80/"),
        ("javascript:alert(1)", "", "./javascript:alert(1)/"),
        ("a", ":", "a/?:"),
        # never another host: CVE-2015-1164, CVE-2021-28861, CVE-2019-10255, GHSA-fh3h-vg37-cc95
        ("\\evil.example", "", "%5Cevil.example/"),
        ("\\\\evil.example", "", "%5C%5Cevil.example/"),
        ("\t", "", "%09/"),
        # never another field: CVE-2016-9964
        ("a\r\nX: 1", "\r\nX: 1", "./a%0D%0AX:%201/?%0D%0AX:%201"),
        ("\0", "\0\x7f\xff", "%00/?%00%7F%FF"),
        # from servers that violate PEP 3333
        ("\u20ac", "\u20ac", "%E2%82%AC/?%E2%82%AC"),
        ("\udc80", "", "%ED%B2%80/"),
    ],
)
def test_the_location_of_a_directory(name: str, query: str, location: str) -> None:
    assert relative_location(name, query, "/") == location
    assert urljoin(BASE, location).startswith("http://site.example/x/")


@given(PATH, PATH, st.sampled_from(["", "/"]))
@settings(deadline=None, max_examples=examples(400))
def test_any_location(path: str, query: str, end: str) -> None:
    name = path.rpartition("/")[2]
    location = relative_location(name, query, end)
    assert set(location) <= set(map(chr, range(0x21, 0x7F)))
    quoted, _, kept = location.partition("?")
    assert "/" not in quoted.removeprefix("./").removesuffix("/")
    assert "#" not in location
    assert urlsplit(location)[:2] == ("", "")
    assert urlsplit(urljoin(BASE, location)).netloc == "site.example"
    if all(character <= "\xff" for character in name):
        expected = name.encode("latin-1") + end.encode() if name else b""
        assert unquote_to_bytes(quoted) in (expected, b"./" + expected)
    if all(character <= "\xff" for character in query):
        # unchanged, except for "#" and characters outside visible ASCII
        same = [c if "!" <= c <= "~" and c != "#" else f"%{ord(c):02X}" for c in query]
        assert kept == "".join(same)


def test_huge_locations_take_linear_time() -> None:
    """CVE-2016-10703: at these sizes slow stripping would not return."""
    for piece in (" ", ":", "\\", "\udc80"):
        assert relative_location(piece * 300_000, piece * 300_000, "/")


@pytest.mark.parametrize(
    ("prefix", "names", "is_directory", "url"),
    [
        ("", (), False, ""),
        ("", (), True, "/"),
        ("/static", (), True, "/static/"),
        ("/static", ("a b", "c#d?.txt"), False, "/static/a%20b/c%23d%3F.txt"),
        ("/a", ("b",), True, "/a/b/"),
        ("/gr\xc3\xb6\xc3\x9fe", ("\u20ac",), False, "/gr%C3%B6%C3%9Fe/%E2%82%AC"),
        ("", ("100%", "\\"), False, "/100%25/%5C"),
    ],
)
def test_url_path(prefix: str, names: tuple[str, ...], is_directory: bool, url: str) -> None:
    assert url_path(prefix, SplitPath(names, is_directory)) == url


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("", ""),
        ("//a/../b", "//a/../b"),
        ('/a b%"<\\>^`{|}', "/a%20b%25%22%3C%5C%3E%5E%60%7B%7C%7D"),
        ("/\xe9\x00\r\n\x7f?#", "/%E9%00%0D%0A%7F%3F%23"),
        ("/\u20ac\udc80", "/%E2%82%AC%ED%B2%80"),
    ],
)
def test_quote_path(path: str, quoted: str) -> None:
    """3.3: pchar and slashes are kept, everything else is percent-encoded."""
    assert quote_path(path) == quoted
