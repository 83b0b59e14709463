"""Media types by file name (RFC 9110 8.3.1, RFC 9239, IANA registry) and their marks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import examples
from wsgistatic.http.media_types import (
    _BY_EXTENSION,
    _BY_NAME,
    _MARKS,
    _TABLE,
    UNKNOWN,
    MediaTypes,
    is_compressible,
    why_not_compressed,
)

ANY_TEXT = st.text(st.characters() | st.characters(categories=("Cs", "Cc")))
# every tchar (5.6.2)
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
        # a compressed file has the type of its format
        ("a.gz", "application/gzip"),
        ("a.tar.gz", "application/gzip"),
        ("a-1.2.3.tar.gz", "application/gzip"),
        ("a.tgz", "application/gzip"),
        ("a.css.gz", "application/gzip"),
        ("a.html.br", "application/x-brotli"),
        # case does not matter; the last known extension decides
        ("A.HTML", "text/html; charset=utf-8"),
        ("A.Tar.GZ", "application/gzip"),
        ("jquery.min.js", "text/javascript; charset=utf-8"),
        ("a.html.unknown", "application/octet-stream"),
        ("a.b.c.d.css", "text/css; charset=utf-8"),
        (".html", "text/html; charset=utf-8"),
        ("..css", "text/css; charset=utf-8"),
        # by full name
        ("LICENSE", "text/plain; charset=utf-8"),
        ("README", "text/plain; charset=utf-8"),
        ("apple-app-site-association", "application/json"),
        ("LICENSE.html", "text/html; charset=utf-8"),
        # the segments of HLS, and TypeScript's declarations
        ("a.ts", "video/mp2t"),
        ("a.d.ts", "text/plain; charset=utf-8"),
        ("a.m4b", "audio/mp4"),
        # by directory
        (".well-known/openid-configuration", "application/json"),
        ("/srv/site/.well-known/webauthn", "application/json"),
        ("C:\\site\\.well-known\\webauthn", "application/json"),
        ("/.well-known/host-meta", "application/xrd+xml"),
        ("/.well-known/host-meta.json", "application/json"),
        ("/.well-known/api-catalog", "application/linkset+json"),
        ("/srv/.well-known/matrix/client", "application/json"),
        ("/matrix/client", UNKNOWN),
        ("/.well-known/license", "text/plain; charset=utf-8"),
        *((name, UNKNOWN) for name in ("webauthn", "/a/webauthn", "/.well-known/a/webauthn")),
        ("/a.css/b", UNKNOWN),
        ("/a/b.css", "text/css; charset=utf-8"),
        # unknown
        *((name, UNKNOWN) for name in ("", ".", "..", "...", "a", "a.", "html", "a.xyzzy")),
        *((name, UNKNOWN) for name in ("a.html.", "a.html ", "a.html\n", "a.ht\u017fml")),
        *((name, UNKNOWN) for name in ("\udc80", "a.\udc80", "\0")),
        ("\udc80.css", "text/css; charset=utf-8"),
        ("\u0130.CSS", "text/css; charset=utf-8"),  # its lower case is two characters
    ],
)
def test_content_type(name: str, expected: str) -> None:
    assert MediaTypes().content_type(name) == expected


# ---- the table ---------------------------------------------------------------------------------


def is_media_type(value: str) -> bool:
    kind, slash, subtype = value.partition("/")
    return bool(kind and slash and subtype) and set(kind + subtype) <= TCHAR


@pytest.mark.parametrize(("extension", "media_type"), sorted(_BY_EXTENSION.items()))
def test_extensions_in_the_table(extension: str, media_type: str) -> None:
    assert extension[0] == "."
    assert extension == extension.lower() == extension.strip()
    assert len(extension) > 1
    assert is_media_type(media_type)
    assert media_type == media_type.lower()
    content_type = MediaTypes().content_type(f"name{extension.upper()}")
    assert content_type == media_type + "; charset=utf-8" * media_type.startswith("text/")
    assert MediaTypes(charset=None).content_type(f"name{extension}") == media_type


def test_no_extension_is_listed_twice() -> None:
    words = [word for words in _TABLE.values() for word in words.split()]
    assert sorted(word for word in words if word[0] == ".") == sorted(_BY_EXTENSION)


def test_names_in_the_table() -> None:
    for name, media_type in _BY_NAME.items():
        assert name == name.lower()
        assert is_media_type(media_type)


# ---- comparison with mime-db ---------------------------------------------------------------------

PROGRAM = "source text, which browsers should show, and which has no registered type"
DIFFERENCES = {
    **dict.fromkeys((".sh", ".bat", ".pl", ".c", ".h", ".cc", ".cpp", ".java", ".lua"), PROGRAM),
    **dict.fromkeys((".scss", ".sass", ".less", ".jsx", ".tex", ".srt"), PROGRAM),
    ".rs": PROGRAM,  # there a type of RLS, which nobody serves
    ".sql": PROGRAM,  # registered, but browsers would download it
    ".pot": "a template of gettext, next to .po; PowerPoint's is .potx today",
    ".dot": "Graphviz; Word's is .dotx today",
    ".cjs": "RFC 9239: application/node is not a type of JavaScript, and browsers refuse it",
    ".flac": "RFC 9639",
    ".vcf": "RFC 6350; text/x-vcard is obsolete",
    ".yaml": "RFC 9512",
    ".yml": "RFC 9512",
    ".webapp": "plain JSON",
    ".ipynb": "plain JSON, which browsers show",
    ".dtd": "browsers show application/xml",
    ".xul": "browsers show application/xml",
    ".exe": "registered by IANA",
    ".dll": "registered by IANA",
    ".deb": "registered by IANA",
    ".udeb": "registered by IANA",
    ".msi": "more precise than application/octet-stream",
    ".rpm": "the name that freedesktop.org and servers use",
    ".cbz": "a zip file",
    ".jfif": "registered by IANA; image/pjpeg is Internet Explorer's",
    ".aif": "the name that browsers know",
    ".aiff": "the name that browsers know",
    ".m4v": "an MP4 file; browsers know video/mp4",
    ".m3u": "the name that browsers know",
}


def read_mime_db() -> dict[str, set[str]]:
    """Return the media types of each extension."""
    types: dict[str, set[str]] = {}
    lines = Path(__file__).with_name("mime-db.txt").read_text("ascii").splitlines()
    for line in lines:
        if not line.startswith("#"):
            media_type, _, *extensions = line.split()
            for extension in extensions:
                types.setdefault(f".{extension}", set()).add(media_type)
    return types


def test_types_are_those_of_mime_db_or_differ_for_a_reason() -> None:
    mime_db = read_mime_db()
    assert len(mime_db) > 1000
    differing = {
        extension
        for extension, media_type in _BY_EXTENSION.items()
        if media_type not in mime_db.get(extension, {media_type})
    }
    assert differing == DIFFERENCES.keys()


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
        # by extension or double extension; the longest decides
        ("a.foo", "application/x-foo"),
        ("a.tar.foo", "application/x-tar-foo"),
        ("A.TAR.FOO", "application/x-tar-foo"),
        ("a.b.FOO", "application/x-foo"),
        ("a.gz", "application/x-gz"),
        ("a.min.js", "application/x-min"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("min.js", "text/javascript; charset=utf-8"),
        # by full name
        ("CNAME", "text/x-cname; charset=utf-8"),
        ("cname", "text/x-cname; charset=utf-8"),
        ("Robots.TXT", "text/x-robots; charset=utf-8"),
        ("my-robots.txt", "text/plain; charset=utf-8"),
        ("a.cname", UNKNOWN),
        ("CNAME.css", "text/css; charset=utf-8"),
        (".foo", "application/x-foo"),
        # an explicit charset is kept, and so are other parameters
        ("a.html", "text/html; charset=iso-8859-1"),
        ("a.htm", "text/html;Charset=koi8-r"),
        ("a.tpl", "text/html; level=1; charset=utf-8"),
        ("a.quoted", 'text/plain; a="b; c"; d=e; charset=utf-8'),
    ],
)
def test_overrides(name: str, expected: str) -> None:
    assert MediaTypes(OVERRIDES).content_type(name) == expected
    assert MediaTypes(MappingProxyType(OVERRIDES)).content_type(name) == expected


CODED = {
    ".js.gz": ("text/javascript", "gzip"),
    ".gz": "application/x-gz",
    ".Wasm.BR": ["application/wasm", "br"],
    "tiles": ("application/x-tiles", "zstd"),
    ".none": ("text/x", None),
}


@pytest.mark.parametrize(
    ("name", "content_type", "coding"),
    [
        ("a.js.gz", "text/javascript; charset=utf-8", "gzip"),
        ("a.b.JS.GZ", "text/javascript; charset=utf-8", "gzip"),
        ("a.css.gz", "application/x-gz", None),
        ("a.wasm.br", "application/wasm", "br"),
        ("a.wasm", "application/wasm", None),
        ("Tiles", "application/x-tiles", "zstd"),
        ("a.tiles", UNKNOWN, None),
        ("a.none", "text/x; charset=utf-8", None),
        ("a.svgz", "image/svg+xml", "gzip"),
        ("a.svg", "image/svg+xml", None),
    ],
)
def test_content_codings(name: str, content_type: str, coding: str | None) -> None:
    types = MediaTypes(CODED)  # type: ignore[arg-type]
    assert (types.content_type(name), types.coding(name)) == (content_type, coding)
    assert types.knows(name) is (content_type != UNKNOWN)


def test_coding_that_is_built_in_can_be_turned_off() -> None:
    types = MediaTypes({".svgz": "application/gzip"})
    assert (types.content_type("a.svgz"), types.coding("a.svgz")) == ("application/gzip", None)
    assert why_not_compressed("a.svgz") == "already compressed"


@pytest.mark.parametrize(
    "value",
    [("text/x",), ("text/x", "gzip", "br"), ("gzip", "text/x"), (None, "gzip"), 5, None, {}],
)
def test_invalid_pair(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^media_types has the value .* for '\.foo'"):
        MediaTypes({".foo": value})


@pytest.mark.parametrize("coding", ["", "x-gzip", "deflate", "GZIP", 5, []])
def test_invalid_coding(coding: Any) -> None:
    expected = r"^media_types has the content coding .* for '\.foo', which is not one of 'gzip'"
    with pytest.raises(ValueError, match=expected):
        MediaTypes({".foo": ("text/x", coding)})


def test_overrides_are_copied() -> None:
    overrides = {".foo": "text/x-foo"}
    types = MediaTypes(overrides, charset="us-ascii")
    overrides[".foo"] = "text/x-other"
    assert types.content_type("a.foo") == "text/x-foo; charset=us-ascii"
    assert MediaTypes().content_type("a.foo") == UNKNOWN  # instances share nothing


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
def test_invalid_charset(charset: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^charset ") as caught:
        MediaTypes(charset=charset)
    assert repr(charset) in str(caught.value)


@pytest.mark.parametrize("overrides", [[(".foo", "text/x")], ".foo", 5, {".foo"}])
def test_overrides_of_wrong_type(overrides: Any) -> None:
    with pytest.raises(TypeError, match=r"^media_types must ") as caught:
        MediaTypes(overrides)
    assert repr(overrides) in str(caught.value)


@pytest.mark.parametrize("key", ["", "a/b", "/", "text/plain", 5, None, b".foo"])
def test_invalid_key(key: Any) -> None:
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
def test_invalid_value(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^media_types ") as caught:
        MediaTypes({".foo": value})
    assert repr(value) in str(caught.value)
    assert "'.foo'" in str(caught.value)


# ---- any name ----------------------------------------------------------------------------------


@given(ANY_TEXT)
@settings(deadline=None)
def test_any_name_has_a_type(text: str) -> None:
    for name in (text, f"{text}.css", f".{text}", f"a.{text}.gz", text.upper()):
        value = MediaTypes(OVERRIDES).content_type(name)
        media_type, semicolon, _ = value.partition(";")
        assert is_media_type(media_type)
        assert bool(semicolon) is media_type.startswith("text/")


EXTENSIONS = st.sampled_from([*_BY_EXTENSION, *(key for key in OVERRIDES if key[0] == "."), ".x"])


@given(st.text("ab-", max_size=3), st.lists(EXTENSIONS, max_size=4), st.booleans())
@settings(deadline=None, max_examples=examples(200))
def test_longest_known_extension_decides(
    stem: str, extensions: list[str], overridden: bool
) -> None:
    """Compare with a search through the whole table."""
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
def test_huge_names_take_linear_time(name: str) -> None:
    """CVE-2017-16138, CVE-2016-10703. (File systems allow some 255 bytes.)"""
    assert MediaTypes(OVERRIDES).content_type(name) == UNKNOWN
    assert MediaTypes(OVERRIDES).content_type(name + ".css") == "text/css; charset=utf-8"


def test_global_mimetypes_table_is_not_modified() -> None:
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


def test_knows() -> None:
    types = MediaTypes({".mine": "text/x-mine", "CNAME": "text/plain"})
    assert all(types.knows(name) for name in ("a.js", "a.MINE", "cname", "a.tar.gz"))
    assert not any(types.knows(name) for name in ("", "about", "john.doe", "v1.2", ".js x"))


# ---- marks: text, compressed, ranges -----------------------------------------------------------

# The only images, audio and video that are worth compressing.
COMPRESSIBLE_MEDIA = {
    *("image/svg+xml", "image/bmp", "image/x-icon", "audio/mpegurl", "audio/midi"),
}


def test_each_type_has_at_most_one_known_mark() -> None:
    words = [(kind, word) for kind, words in _TABLE.items() for word in words.split()]
    marks = [(kind, word) for kind, word in words if word[0] != "."]
    assert dict(marks) == _MARKS
    assert len(marks) == len(_MARKS)
    assert set(_MARKS.values()) == {"compressed", "ranges"}


def test_images_audio_and_video_are_marked_as_compressed() -> None:
    media = {kind for kind in _TABLE if kind.startswith(("image/", "audio/", "video/"))}
    assert media >= COMPRESSIBLE_MEDIA
    for kind in media:
        assert (_MARKS.get(kind) == "compressed") is (kind not in COMPRESSIBLE_MEDIA), kind


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/anything", True),
        ("Text/HTML; charset=utf-8", True),
        ("application/vnd.example+json", True),
        ("application/vnd.example+xml ; a=b", True),
        ("application/javascript", True),
        *((kind, True) for kind in ("application/yaml", "application/jsonl", "model/obj")),
        *((kind, True) for kind in ("application/vnd.apple.mpegurl", "APPLICATION/TOML")),
        *((kind, False) for kind in ("image/png", "application/pdf", "application/x-hdf5")),
        *((kind, True) for kind in ("application/wasm", "font/ttf", "image/bmp", "image/x-icon")),
        *((kind, True) for kind in ("application/rtf", "application/vnd.mapbox-vector-tile")),
        *((kind, False) for kind in ("font/woff2", "video/mp2t", "application/zip")),
        *((kind, False) for kind in (UNKNOWN, "", "text", "application/x-unknown")),
    ],
)
def test_is_compressible(content_type: str, expected: bool) -> None:
    assert is_compressible(content_type) is expected


def test_both_ways_of_compressing_apply_to_the_same_types() -> None:
    types = MediaTypes()
    for extension in _BY_EXTENSION.keys() - {".bin"}:
        name = f"a{extension}"
        expected = why_not_compressed(name) is None
        assert is_compressible(types.content_type(name)) is expected, name


@pytest.mark.parametrize(
    "name",
    [
        "a.html", "a.CSS", "a.js", "a.mjs", "a.json", "a.map", "a.webmanifest", "a.xml", "a.txt",
        "a.svg", "a.bmp", "a.ico", "a.wasm", "a.ttf", "a.otf", "a.eot", "a.glb", "a.gltf", "a.csv",
        "a.m3u8", "a.m3u", "a.mpd", "a.mid", "a.geojson", "a.tar", "a.unknown", "LICENSE", "README",
        "gz", "br", ".well-known",
    ],
)  # fmt: skip
def test_files_that_are_compressed(name: str) -> None:
    assert why_not_compressed(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, "already compressed") for name in (
            "a.png", "a.JPG", "a.gif", "a.webp", "a.avif", "a.mp4", "a.webm", "a.mp3", "a.ogg",
            "a.woff", "a.woff2", "a.zip", "a.jar", "a.whl", "a.7z", "a.pdf", "a.docx", "a.epub",
            "a.css.gz", "a.css.br", "a.css.zst", "a.tar.gz", "a.tgz", "a.svgz", "a.bz2", "a.xz",
        )),
        *((name, "read in ranges") for name in (
            "a.parquet", "a.pmtiles", "a.sqlite", "a.iso", "a.h5",
        )),
    ],
)  # fmt: skip
def test_files_that_are_not_compressed(name: str, reason: str) -> None:
    assert why_not_compressed(name) == reason
