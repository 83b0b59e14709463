"""File names to URLs: Location and URL paths (RFC 3986 3.3, 4.2)."""

from __future__ import annotations

from functools import partial
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import pytest
from hypothesis import given, settings

from tests.http.test_paths import PATH
from tests.properties import examples
from wsgistatic.http.paths import SplitPath, file_location, quote_path, url_path

directory_location = partial(file_location, end="/")


@pytest.mark.parametrize(
    ("script_name", "path_info", "query", "location"),
    [
        ("", "/dir", "", "/dir/"),
        ("", "/dir/", "", "/dir/"),
        ("/app", "/static/dir", "v=1&x=%20+/?:@", "/app/static/dir/?v=1&x=%20+/?:@"),
        ("/app", "", "", "/app/"),
        *(("", path, "", "/") for path in ("", "/", "//", "///")),
        ("", "/a b/gr\xc3\xb6\xc3\x9fe", "", "/a%20b/gr%C3%B6%C3%9Fe/"),
        ("", "/a:@!$&'()*+,;=-._~", "", "/a:@!$&'()*+,;=-._~/"),
        ("", "/100%/%2e%2e", "", "/100%25/%252e%252e/"),
        ("", "/a?b#c", "d#e f", "/a%3Fb%23c/?d%23e%20f"),
        ("", '/"><script>', "", "/%22%3E%3Cscript%3E/"),  # CVE-2024-43799
        # never another host: CVE-2015-1164, CVE-2021-28861, CVE-2019-10255, GHSA-fh3h-vg37-cc95
        ("", "//evil.example", "", "/evil.example/"),
        ("", "///evil.example//..", "", "/evil.example//../"),
        ("//evil.example", "/dir", "", "/evil.example/dir/"),
        ("", "/\\evil.example", "", "/%5Cevil.example/"),
        ("", "\\\\evil.example", "", "/%5C%5Cevil.example/"),
        ("", "/\t/evil.example", "", "/%09/evil.example/"),
        ("http://evil.example", "/dir", "", "/http://evil.example/dir/"),
        # never another field: CVE-2016-9964
        ("", "/a\r\nX: 1", "\r\nX: 1", "/a%0D%0AX:%201/?%0D%0AX:%201"),
        ("", "/\0", "\0\x7f\xff", "/%00/?%00%7F%FF"),
        # from servers that violate PEP 3333
        ("", "/\u20ac", "\u20ac", "/%E2%82%AC/?%E2%82%AC"),
        ("", "/\udc80", "", "/%ED%B2%80/"),
    ],
)
def test_directory_location(script_name: str, path_info: str, query: str, location: str) -> None:
    assert directory_location(script_name, path_info, query) == location


@given(PATH, PATH, PATH)
@settings(deadline=None, max_examples=examples(400))
def test_any_location(script_name: str, path_info: str, query: str) -> None:
    location = directory_location(script_name, path_info, query)
    assert set(location) <= set(map(chr, range(0x21, 0x7F)))
    assert location[0] == "/"
    assert location[1:2] not in {"/", "\\"}
    path, _, kept = location.partition("?")
    assert path[-1] == "/"
    assert "#" not in location
    assert urlsplit(location)[:2] == ("", "")
    assert urlsplit(urljoin("http://site.example/x/y", location)).netloc == "site.example"
    for text, quoted in ((script_name + path_info, unquote_to_bytes(path)), (query, kept)):
        if not all(character <= "\xff" for character in text):
            continue
        if isinstance(quoted, bytes):
            assert quoted.strip(b"/") == text.encode("latin-1").strip(b"/")
        else:  # the query is unchanged, except for "#" and characters outside visible ASCII
            same = [c if "!" <= c <= "~" and c != "#" else f"%{ord(c):02X}" for c in text]
            assert quoted == "".join(same)


def test_huge_locations_take_linear_time() -> None:
    """CVE-2016-10703: at these sizes slow stripping would not return."""
    for piece in ("/", " ", "//a", "\\", "\udc80"):
        location = directory_location("", piece * 300_000, piece * 300_000)
        assert location[0] == "/" != location[1]


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


@given(PATH, PATH, PATH)
def test_file_location_is_the_directorys_without_its_slash(
    script: str, path_info: str, query: str
) -> None:
    path, mark, rest = directory_location(script, path_info, query).partition("?")
    assert file_location(script, path_info, query) == (path.rstrip("/") or "/") + mark + rest
