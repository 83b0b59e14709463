"""Content-Type by file name (RFC 9110 8.3.1, RFC 9239, IANA's registry)."""

from __future__ import annotations

import subprocess
import sys
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgistatic.http.media_types import _BY_EXTENSION, _BY_NAME, _BY_TYPE, UNKNOWN, MediaTypes

ANY_TEXT = st.text(st.characters() | st.characters(categories=("Cs", "Cc")))
# tchar (5.6.2), by listing them
TCHAR = set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.htm", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.js.map", "application/json"),
        ("a.jsonl", "application/jsonl"),
        ("a.yaml", "application/yaml"),
        ("a.yml", "application/yaml"),
        ("a.toml", "application/toml"),
        ("a.xml", "application/xml"),
        ("a.geojson", "application/geo+json"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.wasm", "application/wasm"),
        ("a.pdf", "application/pdf"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.pmtiles", "application/vnd.pmtiles"),
        ("a.woff2", "font/woff2"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.svg", "image/svg+xml"),
        ("a.avif", "image/avif"),
        ("a.webp", "image/webp"),
        ("a.jxl", "image/jxl"),
        ("a.mp4", "video/mp4"),
        ("a.glb", "model/gltf-binary"),
        ("a.zip", "application/zip"),
        ("a-1.0-py3-none-any.whl", "application/zip"),
        # a compressed file is what it is
        ("a.gz", "application/gzip"),
        ("a.tar.gz", "application/gzip"),
        ("a-1.2.3.tar.gz", "application/gzip"),
        ("a.tgz", "application/gzip"),
        ("a.css.gz", "application/gzip"),
        ("a.html.br", "application/x-brotli"),
        # case does not matter, the last extension that is known decides
        ("A.HTML", "text/html; charset=utf-8"),
        ("A.Tar.GZ", "application/gzip"),
        ("jquery.min.js", "text/javascript; charset=utf-8"),
        ("a.html.unknown", "application/octet-stream"),
        ("a.b.c.d.css", "text/css; charset=utf-8"),
        (".html", "text/html; charset=utf-8"),
        ("..css", "text/css; charset=utf-8"),
        # by whole name
        ("LICENSE", "text/plain; charset=utf-8"),
        ("README", "text/plain; charset=utf-8"),
        ("apple-app-site-association", "application/json"),
        ("LICENSE.html", "text/html; charset=utf-8"),
        # unknown
        *((name, UNKNOWN) for name in ("", ".", "..", "...", "a", "a.", "html", "a.xyzzy")),
        *((name, UNKNOWN) for name in ("a.html.", "a.html ", "a.html\n", "a.ht\u017fml")),
        *((name, UNKNOWN) for name in ("\udc80", "a.\udc80", "\0")),
        ("\udc80.css", "text/css; charset=utf-8"),
        ("\u0130.CSS", "text/css; charset=utf-8"),  # its lower case is two characters
    ],
)
def test_types(name: str, expected: str) -> None:
    assert MediaTypes().content_type(name) == expected


# ---- the table ---------------------------------------------------------------------------------


def is_media_type(value: str) -> bool:
    kind, slash, subtype = value.partition("/")
    return bool(kind and slash and subtype) and set(kind + subtype) <= TCHAR


@pytest.mark.parametrize(("extension", "media_type"), sorted(_BY_EXTENSION.items()))
def test_table(extension: str, media_type: str) -> None:
    assert extension[0] == "."
    assert extension == extension.lower() == extension.strip()
    assert len(extension) > 1
    assert is_media_type(media_type)
    assert media_type == media_type.lower()
    answer = MediaTypes().content_type(f"name{extension.upper()}")
    assert answer == media_type + "; charset=utf-8" * media_type.startswith("text/")
    assert MediaTypes(charset=None).content_type(f"name{extension}") == media_type


def test_no_extension_stands_twice() -> None:
    listed = [extension for extensions in _BY_TYPE.values() for extension in extensions.split()]
    assert sorted(listed) == sorted(_BY_EXTENSION)


def test_names() -> None:
    for name, media_type in _BY_NAME.items():
        assert name == name.lower()
        assert is_media_type(media_type)


# ---- overrides and charset ---------------------------------------------------------------------

OVERRIDES = {
    ".foo": "application/x-foo",
    ".TAR.Foo": "application/x-tar-foo",
    ".gz": "application/x-gz",
    ".min.js": "application/x-min",
    "CNAME": "text/x-cname",
    "robots.txt": "text/x-robots",
    ".html": "text/html; charset=iso-8859-1",
    ".htm": "text/html;Charset=koi8-r",
    ".tpl": "text/html; level=1",
    ".quoted": 'text/plain; a="b; c"; d=e',
    ".well": "application/x-well",
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # by extension, by double extension: the longest decides
        ("a.foo", "application/x-foo"),
        ("a.tar.foo", "application/x-tar-foo"),
        ("A.TAR.FOO", "application/x-tar-foo"),
        ("a.b.FOO", "application/x-foo"),
        ("a.gz", "application/x-gz"),
        ("a.min.js", "application/x-min"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("min.js", "text/javascript; charset=utf-8"),
        # by whole name
        ("CNAME", "text/x-cname; charset=utf-8"),
        ("cname", "text/x-cname; charset=utf-8"),
        ("Robots.TXT", "text/x-robots; charset=utf-8"),
        ("my-robots.txt", "text/plain; charset=utf-8"),
        ("a.cname", UNKNOWN),
        ("CNAME.css", "text/css; charset=utf-8"),
        (".foo", "application/x-foo"),
        # a charset of its own stays, other parameters too
        ("a.html", "text/html; charset=iso-8859-1"),
        ("a.htm", "text/html;Charset=koi8-r"),
        ("a.tpl", "text/html; level=1; charset=utf-8"),
        ("a.quoted", 'text/plain; a="b; c"; d=e; charset=utf-8'),
    ],
)
def test_overrides(name: str, expected: str) -> None:
    assert MediaTypes(OVERRIDES).content_type(name) == expected
    assert MediaTypes(MappingProxyType(OVERRIDES)).content_type(name) == expected


def test_overrides_are_copied() -> None:
    overrides = {".foo": "text/x-foo"}
    types = MediaTypes(overrides, charset="us-ascii")
    overrides[".foo"] = "text/x-other"
    assert types.content_type("a.foo") == "text/x-foo; charset=us-ascii"
    assert MediaTypes().content_type("a.foo") == UNKNOWN  # nothing is shared


@pytest.mark.parametrize(
    ("charset", "expected"),
    [
        ("utf-8", "text/css; charset=utf-8"),
        ("ISO-8859-1", "text/css; charset=ISO-8859-1"),
        (None, "text/css"),
    ],
)
def test_charset(charset: str | None, expected: str) -> None:
    types = MediaTypes({".own": "text/x; charset=utf-16"}, charset)
    assert types.content_type("a.css") == expected
    assert types.content_type("a.own") == "text/x; charset=utf-16"
    for name in ("a.json", "a.svg", "a.png", "a"):
        assert "charset" not in types.content_type(name)


@pytest.mark.parametrize(
    "charset",
    ["", " ", "utf 8", "utf-8;", "utf-8\r\nX: 1", '"utf-8"', "utf-8\n", "\u00fc", 8, b"x"],
)
def test_wrong_charset(charset: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^charset ") as caught:
        MediaTypes(charset=charset)
    assert repr(charset) in str(caught.value)


@pytest.mark.parametrize("overrides", [[(".foo", "text/x")], ".foo", 5, {".foo"}])
def test_overrides_of_another_type(overrides: Any) -> None:
    with pytest.raises(TypeError, match=r"^media_types must ") as caught:
        MediaTypes(overrides)
    assert repr(overrides) in str(caught.value)


@pytest.mark.parametrize("key", ["", "a/b", "/", "text/plain", 5, None, b".foo"])
def test_wrong_key(key: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^media_types ") as caught:
        MediaTypes({".good": "text/x-good", key: "text/x"})
    assert repr(key) in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "text",
            "text/",
            "/plain",
            "text/plain/x",
            "text plain",
            " text/plain",
            "text/plain ",
        ),
        *("text/plain\n", "text/plain\r\nX: 1", "text/pl\u00e4n", "text/\u20ac", "text/plain, a/b"),
        *(
            "text/plain; charset",
            "text/plain; charset=",
            "text/plain; =utf-8",
            "text/plain charset=a",
        ),
        *("text/plain; a = b", 'text/plain; a="b', 'text/plain; a="\n"', 'text/plain; a="\u20ac"'),
        *(None, 5, b"text/plain", ("text", "plain")),
    ],
)
def test_wrong_value(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^media_types ") as caught:
        MediaTypes({".foo": value})
    assert repr(value) in str(caught.value)
    assert "'.foo'" in str(caught.value)


# ---- any name ----------------------------------------------------------------------------------


@given(ANY_TEXT)
@settings(deadline=None)
def test_no_name_raises(text: str) -> None:
    for name in (text, f"{text}.css", f".{text}", f"a.{text}.gz", text.upper()):
        value = MediaTypes(OVERRIDES).content_type(name)
        media_type, semicolon, _ = value.partition(";")
        assert is_media_type(media_type)
        assert bool(semicolon) is media_type.startswith("text/")


EXTENSIONS = st.sampled_from([*_BY_EXTENSION, *(key for key in OVERRIDES if key[0] == "."), ".x"])


@given(st.text("ab-", max_size=3), st.lists(EXTENSIONS, max_size=4), st.booleans())
@settings(deadline=None, max_examples=200)
def test_longest_known_extension(stem: str, extensions: list[str], overridden: bool) -> None:
    """Against a search over all of the table."""
    name = stem + "".join(extensions)
    overrides = {key.lower(): value for key, value in OVERRIDES.items()} if overridden else {}
    expected = UNKNOWN
    for table in (overrides, _BY_EXTENSION):
        known = [key for key in table if key[0] == "." and name.lower().endswith(key)]
        if known:
            expected = table[max(known, key=len)]
            break
    assert MediaTypes(overrides, charset=None).content_type(name) == expected


@pytest.mark.parametrize(
    "name", ["a." * 8000, "." * 16_000, ".a" * 8000, "a" * 1_000_000, "x" + " " * 1_000_000]
)
def test_huge_names(name: str) -> None:
    """CVE-2017-16138, CVE-2016-10703 (the file system ends at some 255 bytes)."""
    assert MediaTypes(OVERRIDES).content_type(name) == UNKNOWN
    assert MediaTypes(OVERRIDES).content_type(name + ".css") == "text/css; charset=utf-8"


def test_the_global_table_is_left_alone() -> None:
    """Importing and using the module changes nothing for the rest of the process."""
    code = """if True:
        import mimetypes
        mimetypes.init()
        def state():
            return [sorted(table.items()) for table in (
                mimetypes.types_map, mimetypes.common_types,
                mimetypes.encodings_map, mimetypes.suffix_map,
            )]
        before = state()
        from wsgistatic.http.media_types import MediaTypes
        assert MediaTypes({".foo": "text/x-foo"}).content_type("a.foo").startswith("text/x-foo")
        assert state() == before
        assert mimetypes.guess_type("a.foo") == (None, None)
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_are_known() -> None:
    types = MediaTypes({".mine": "text/x-mine", "CNAME": "text/plain"})
    assert all(types.knows(name) for name in ("a.js", "a.MINE", "cname", "a.tar.gz"))
    assert not any(types.knows(name) for name in ("", "about", "john.doe", "v1.2", ".js x"))
